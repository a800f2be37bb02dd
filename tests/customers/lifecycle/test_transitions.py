"""Transitions between dates: counted by hand, rows that sum to 1, what cannot be, and what a state is worth."""

import numpy as np
import pandas as pd
import pytest

from clvlib.customers import (
    NOT_YET,
    STATES,
    forecast_scores,
    lifecycle_stages,
    stage_history,
    transition_counts,
    transition_matrix,
    transition_table,
    value_by_state,
)
from clvlib.datasets import load_cdnow, make_shop
from clvlib.metrics.intervals import wilson_interval


@pytest.fixture(scope="module")
def history():
    lines = make_shop(n_customers=200, n_days=400, random_state=3).lines
    return stage_history(lines, ["2023-04-01", "2023-07-01", "2023-10-01", "2024-01-01"], inactive_days=60)


def _table(**states):
    return pd.DataFrame({"customer_id": list(states), "state": list(states.values())})


def test_counts_by_hand():
    before = _table(a="new", b="active", c="dormant", d="dormant")
    after = _table(d="reactivated", c="dormant", b="active", a="dormant", e="new", f="active")
    counts = transition_counts(before, after)
    assert counts.to_numpy().sum() == 6
    cells = {("new", "dormant"), ("active", "active"), ("dormant", "dormant"), ("dormant", "reactivated"),
             (NOT_YET, "new"), (NOT_YET, "active")}  # fmt: skip
    assert all(counts.loc[cell] == 1 for cell in cells)
    assert transition_matrix(before, after).loc["dormant"].tolist() == [0, 0, 0, 0.5, 0.5]


def test_rows_sum_to_one_and_a_state_that_nobody_was_in_is_empty(history):
    before, after = (rows for _, rows in list(history.groupby("snapshot_date"))[1:3])
    matrix = transition_matrix(before, after)
    there = matrix.index.isin([*before["state"].unique(), NOT_YET])
    np.testing.assert_allclose(matrix[there].sum(axis=1), 1.0)
    assert matrix.loc["prospect"].isna().all()


def test_the_state_of_everybody_follows_from_counts(history):
    before, after = (rows for _, rows in list(history.groupby("snapshot_date"))[1:3])
    counts = transition_counts(before, after)
    assert counts.sum().to_dict() == after["state"].value_counts().reindex(STATES, fill_value=0).to_dict()
    old = counts.drop(index=NOT_YET).sum(axis=1).to_dict()
    assert old == before["state"].value_counts().reindex(STATES, fill_value=0).to_dict()


def test_table_is_the_matrices_of_neighbouring_dates_with_wilson_intervals(history):
    table = transition_table(history)
    parts = [rows for _, rows in history.groupby("snapshot_date")]
    assert table[["from_date", "to_date"]].drop_duplicates().shape[0] == 3
    last = table[table["to_date"] == "2024-01-01"].set_index(["before", "after"])
    matrix = transition_matrix(parts[2], parts[3])
    for (old, new), row in last.iterrows():
        if row["of"]:
            assert row["share"] == pytest.approx(matrix.loc[old, new])
            assert (row["low"], row["high"]) == wilson_interval(row["customers"], row["of"])
        else:
            assert np.isnan(row["share"])
            assert np.isnan(row["low"])
    impossible = {("active", "new"), ("dormant", "new"), ("reactivated", "prospect")}
    assert not impossible & set(last.index)


def test_no_customer_of_cdnow_takes_a_step_that_cannot_be():
    lines = load_cdnow().lines
    dates = pd.date_range("1997-02-01", "1998-07-01", freq="MS")
    table = transition_table(stage_history(lines, dates, inactive_days=30))
    for _, rows in table.groupby("to_date"):
        totals = rows.groupby("before")["share"].sum(min_count=1).dropna()
        np.testing.assert_allclose(totals, 1.0)


def test_stages_have_transitions_too(history):
    parts = [rows for _, rows in history.groupby("snapshot_date")]
    counts = transition_counts(parts[0], parts[1], of="stage")
    assert counts.loc["retention", "activation"] == 0
    assert counts.loc["activation", "retention"] > 0
    assert set(transition_table(history, of="stage")["before"]) >= {"activation", "retention"}


def test_a_chain_that_holds_is_forecast_better_than_everybody_stays():
    rng = np.random.default_rng(0)
    chain = {"active": [0.7, 0.3], "dormant": [0.8, 0.2]}  # the dormant all but leave their state
    now = rng.choice(["active", "dormant"], size=4000)
    tables = []
    for _ in range(3):
        tables.append(pd.DataFrame({"customer_id": np.arange(4000), "state": now}))
        awake = rng.random(4000) < np.where(now == "active", chain["active"][0], chain["dormant"][0])
        now = np.where(awake, "active", "dormant")
    matrix = transition_matrix(tables[0], tables[1])
    scores = forecast_scores(matrix, tables[1], tables[2], random_state=0, n_resamples=200).set_index("forecast")
    assert scores.loc["transition matrix", "high"] < 0
    assert scores.loc["transition matrix", "misplaced"] < scores.loc["everybody stays", "misplaced"]
    moved = (tables[1]["state"] != tables[2]["state"]).mean()
    assert scores.loc["everybody stays", "brier"] == pytest.approx(2 * moved)
    assert scores.loc["everybody stays", ["difference", "low", "high"]].tolist() == [0, 0, 0]


def test_a_state_that_the_matrix_has_not_seen_stays():
    before, after = _table(a="new", b="active"), _table(a="new", b="active")
    matrix = transition_matrix(_table(a="new"), _table(a="new"))
    scores = forecast_scores(matrix, before, after, random_state=0, n_resamples=10).set_index("forecast")
    assert scores.loc["transition matrix", "brier"] == 0


def test_value_of_a_state_counts_what_came_in_the_horizon_and_no_more():
    lines = pd.DataFrame({
        "customer_id": ["a", "a", "a", "b", "b", "c"], "amount": [9.0, 20.0, 99.0, 9.0, -4.0, 1.0],
        "timestamp": pd.to_datetime(["2024-01-05", "2024-02-01", "2024-02-11", "2024-01-05", "2024-02-10",
                                     "2024-03-01"]),
    })  # fmt: skip
    stages = lifecycle_stages(lines, as_of="2024-02-01", inactive_days=20)
    table = value_by_state(lines, stages, as_of="2024-02-01", horizon_days=10, margin_rate=0.5, random_state=0)
    (row,) = table.to_dict("records")
    assert (row["state"], row["customers"], row["came_back"]) == ("dormant", 2, 0.5)  # a refund is no come-back
    assert row["margin_per_1000"] == pytest.approx(0.5 * (20 - 4) / 2 * 1000)
    assert row["low"] <= row["margin_per_1000"] <= row["high"]
    assert row["margin_per_return"] == pytest.approx(0.5 * 20)
    assert np.isnan(row["return_low"])  # one who came back says nothing of others
    nobody = value_by_state(lines, stages, as_of="2024-02-12", horizon_days=5, random_state=0)
    assert np.isnan(nobody["margin_per_return"].item())


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        (_table(a="active"), _table(a="new"), "1 customers go from active to new, which cannot be"),
        (_table(a="new"), _table(a="prospect"), "which cannot be"),
        (_table(a="new"), _table(b="new"), "1 of 1 customers of before are missing in after"),
        (_table(a="new"), _table(a="asleep"), "none of prospect, new"),
        (_table(a="new"), _table(a=None), "missing or none of"),
        (_table(a="new"), _table(a=None).astype({"state": "category"}), "missing or none of"),
        (_table(a="new").rename(columns={"state": "stage"}), _table(a="new"), "no state"),
        (pd.concat([_table(a="new")] * 2), _table(a="new"), "second row"),
    ],
)
def test_tables_that_do_not_fit_are_told_why(before, after, message):
    with pytest.raises(ValueError, match=message):
        transition_counts(before, after)


def test_other_bad_input_is_told_why(history):
    one = history[history["snapshot_date"] == history["snapshot_date"].min()]
    lines = pd.DataFrame({"customer_id": ["a"], "amount": [9.0], "timestamp": pd.to_datetime(["2024-01-05"])})
    options = {"as_of": "2024-01-06", "random_state": 0}
    with pytest.raises(ValueError, match="needs two"):
        transition_table(one)
    with pytest.raises(ValueError, match="no snapshot_date"):
        transition_table(one.drop(columns="snapshot_date"))
    with pytest.raises(ValueError, match="'state' or 'stage'"):
        transition_matrix(one, one, of="segment")
    with pytest.raises(ValueError, match="two or more"):
        forecast_scores(pd.DataFrame(), _table(a="new"), _table(a="new"), random_state=0)
    with pytest.raises(ValueError, match="the matrix of 0 rows has no prospect"):
        forecast_scores(pd.DataFrame(), one, one, random_state=0)
    with pytest.raises(ValueError, match="ends 1 days after the log"):
        value_by_state(lines, _table(a="new"), horizon_days=1, **options)
    with pytest.raises(ValueError, match="margin_rate"):
        value_by_state(lines, _table(a="new"), horizon_days=1, margin_rate=0, as_of="2024-01-05", random_state=0)


def test_value_by_state_knows_its_customers_and_their_states():
    lines = pd.DataFrame({"customer_id": ["1", "2", "2"], "amount": 9.0,
                          "timestamp": pd.to_datetime(["2024-01-05", "2024-01-07", "2024-03-01"])})  # fmt: skip
    stages = pd.DataFrame({"customer_id": ["1", "2"], "state": ["new", "new"], "stage": "activation"})
    options = {"as_of": "2024-02-01", "horizon_days": 20, "random_state": 0}
    assert value_by_state(lines, stages, **options)["customers"].tolist() == [2]
    for wrong, message in [
        (stages.assign(customer_id=[1, 2]), "integer there and string in the log"),
        (stages.assign(customer_id=["1", "x"]), "1 of 2 customers of stages have no purchase before as_of"),
        (stages.assign(customer_id="1"), "second row for a customer in 1 of 2"),
        (stages.assign(state=["new", None]), "state that is missing"),
        (stages.assign(state=["new", "gone"]), "none of prospect, new"),
        (None, "stages must be a DataFrame"),
    ]:
        with pytest.raises(ValueError, match=message):
            value_by_state(lines, wrong, **options)
    prospect = pd.concat([stages, pd.DataFrame({"customer_id": ["x"], "state": ["prospect"], "stage": "acquisition"})])
    assert value_by_state(lines, prospect, **options)["state"].tolist() == ["prospect", "new"]
    with pytest.raises(ValueError, match="margin_rate must be a number"):
        value_by_state(lines, stages, margin_rate="x", **options)
    for call in (lambda: transition_counts(None, stages), lambda: transition_table(None),
                 lambda: forecast_scores(None, stages, stages, random_state=0)):  # fmt: skip
        with pytest.raises(ValueError, match="must be a DataFrame"):
            call()
