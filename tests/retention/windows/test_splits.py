"""Parting customers: the same side in every table, whole customers, and what it shows of a model that recognises."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kstest
from sklearn.metrics import roc_auc_score
from sklearn.tree import DecisionTreeClassifier

from clvlib.retention.windows.snapshots import snapshot_dates, snapshot_table
from clvlib.retention.windows.splits import customer_draw, split_snapshots

OPTIONS = {"cut": "2024-07-01", "outcome_days": 7, "calibration_days": 60}


@pytest.fixture(scope="module")
def table():
    dates = pd.date_range("2024-01-01", "2024-12-23", freq="7D")
    index = pd.MultiIndex.from_product([dates, [f"c{i}" for i in range(400)]], names=["snapshot_date", "customer_id"])
    return index.to_frame(index=False)


def test_without_a_share_customers_are_on_both_sides(table):
    pieces = split_snapshots(table, **OPTIONS)
    assert all(set(piece["customer_id"]) == set(table["customer_id"]) for piece in pieces)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.8])
def test_disjoint_customers_are_tested_that_nobody_learnt_from(table, share):
    whole, apart = split_snapshots(table, **OPTIONS), split_snapshots(table, **OPTIONS, disjoint_share=share)
    tested = set(apart.test["customer_id"])
    assert not tested & (set(apart.train["customer_id"]) | set(apart.calibrate["customer_id"]))
    assert len(tested) == pytest.approx(share * 400, abs=3 * np.sqrt(400 * share * (1 - share)))
    for name in ("train", "calibrate", "test"):
        expected = getattr(whole, name)
        inside = expected["customer_id"].isin(tested)
        pd.testing.assert_frame_equal(getattr(apart, name), expected[inside if name == "test" else ~inside])


def test_a_customer_stays_on_her_side_in_another_table_and_order(table):
    drawn = pd.Series(customer_draw(table["customer_id"]), index=table["customer_id"])
    few = table.sample(50, random_state=0)
    assert (customer_draw(few["customer_id"]) == drawn[~drawn.index.duplicated()][few["customer_id"]]).all()
    assert (customer_draw([1, 2]) == customer_draw(["1", "2"])).all()
    assert (customer_draw([1.0, 2.5]) == customer_draw(["1", "2.5"])).all(), "a gap elsewhere makes numbers floats"
    assert (customer_draw(["c1"], random_state=1) != customer_draw(["c1"])).all()


@pytest.mark.parametrize("random_state", [0, 7])
def test_draws_are_uniform_and_of_two_seeds_unrelated(random_state):
    drawn = customer_draw(np.arange(20_000), random_state=random_state)
    assert kstest(drawn, "uniform").pvalue > 0.001
    other = customer_draw(np.arange(20_000), random_state=random_state + 1)
    assert abs(np.corrcoef(drawn, other)[0, 1]) < 0.03
    assert abs(np.corrcoef(drawn[1:], drawn[:-1])[0, 1]) < 0.03


def test_a_model_that_recognises_customers_is_found_out_by_disjoint_ones(table):
    rng = np.random.default_rng(0)
    luck, mark = rng.random(400), rng.permutation(400)  # who comes back often, and a number that says only who it is
    who = table["customer_id"].str[1:].astype(int)
    table = table.assign(mark=mark[who], came_back=rng.random(len(table)) < luck[who])
    whole, apart = split_snapshots(table, **OPTIONS), split_snapshots(table, **OPTIONS, disjoint_share=0.5)
    scores = []
    for train in (whole.train, apart.train):
        model = DecisionTreeClassifier(random_state=0).fit(train[["mark"]], train["came_back"])
        scores.append(roc_auc_score(apart.test["came_back"], model.predict_proba(apart.test[["mark"]])[:, 1]))
    assert scores[0] > 0.75
    assert 0.4 < scores[1] < 0.6


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"disjoint_share": 0.0}, r"share of customers kept for the test, in \(0, 1\): 0"),
        ({"disjoint_share": 1.0}, "disjoint_share"),
        ({"disjoint_share": "half"}, "disjoint_share"),
        ({"outcome_days": "7"}, "outcome_days must be a whole number"),
        ({"calibration_days": 0}, "calibration_days must be at least 1"),
        ({"disjoint_share": 0.5, "random_state": None}, "random_state must be a whole number"),
        ({"cut": "someday"}, "cut='someday' is no date"),
        ({"cut": None}, "is no date"),
        ({"cut": pd.Timestamp("2024-07-01", tz="UTC")}, "time zone UTC"),
    ],
)
def test_a_wrong_split_is_refused_with_a_reason(table, change, message):
    with pytest.raises(ValueError, match=message):
        split_snapshots(table, **(OPTIONS | change))


def test_tables_that_cannot_be_parted_are_refused(table):
    one = table[table["customer_id"] == "c3"]
    with pytest.raises(ValueError, match=r"left to (train|test), \d+ before customers were parted: the table has 52"):
        split_snapshots(one, **OPTIONS, disjoint_share=0.5)
    with pytest.raises(ValueError, match="no customer_id, but snapshot_date"):
        split_snapshots(table[["snapshot_date"]], **OPTIONS, disjoint_share=0.5)
    with pytest.raises(ValueError, match="no snapshots"):
        split_snapshots(table.iloc[:0], **OPTIONS)
    with pytest.raises(ValueError, match="not list"):
        split_snapshots([1], **OPTIONS)
    with pytest.raises(ValueError, match="snapshot_date holds str, not times, in 20800 rows"):
        split_snapshots(table.assign(snapshot_date="2024"), **OPTIONS)
    with pytest.raises(ValueError, match="snapshot_date is missing in 2 of 20800 rows"):
        split_snapshots(table.assign(snapshot_date=table["snapshot_date"].mask(table.index < 2)), **OPTIONS)
    with pytest.raises(ValueError, match="does not say how long its outcome windows are"):
        split_snapshots(table, cut="2024-07-01")
    with pytest.raises(ValueError, match="missing in 1 of 2 rows"):
        customer_draw(["a", None])


def test_no_split_is_nearer_than_the_outcomes_of_the_table(table):
    days = pd.date_range("2024-01-01", periods=200)
    lines = pd.DataFrame({"customer_id": "a", "amount": 1.0, "timestamp": days})
    dates = snapshot_dates(lines, step_days=5, outcome_days=30)
    snapshots = snapshot_table(lines, snapshot_dates=dates, outcome_days=30)
    options = {"cut": dates[-1], "calibration_days": 36}
    for known in (snapshots, snapshots[snapshots["orders"] > 0].assign(more=1.0), pd.concat([snapshots, snapshots])):
        with pytest.raises(ValueError, match="outcome_days=7, but the table's outcomes were watched for 30 days"):
            split_snapshots(known, outcome_days=7, **options)
        pieces = split_snapshots(known, **options)
        assert pieces.calibrate["snapshot_date"].max() + pd.Timedelta(days=30) <= dates[-1]
    assert len(split_snapshots(snapshots, outcome_days=31, **options).train)
