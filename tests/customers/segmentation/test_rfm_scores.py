"""RFM scores: quantiles as pandas cuts them, ties whole, limits that later customers are scored by."""

import numpy as np
import pandas as pd
import pytest

from clvlib.customers import RFMScores, rfm_scores
from clvlib.datasets import load_cdnow
from clvlib.rfm import rfm_summary

COLUMNS = ("days_since_last_purchase", "frequency", "total_spend")
SCORES = ("recency_score", "frequency_score", "monetary_score")


@pytest.fixture
def untied():
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "customer_id": np.arange(500).astype(str),
            "days_since_last_purchase": rng.permutation(500) + 1.0,
            "frequency": rng.permutation(500) + 0.0,
            "total_spend": rng.permutation(500) * 1.5 - 20,
        }
    )


@pytest.fixture
def mostly_once():
    """Five thousand customers, of whom nine in ten have bought once."""
    rng = np.random.default_rng(1)
    n = 5000
    return pd.DataFrame(
        {
            "days_since_last_purchase": rng.integers(1, 40, n),
            "frequency": np.where(np.arange(n) < 4500, 0, rng.integers(1, 9, n)),
            "total_spend": np.where(rng.random(n) < 0.5, 9.99, rng.gamma(2, 20, n).round(2)),
        }
    )


@pytest.mark.parametrize("n_bins", [2, 3, 5, 9])
def test_without_ties_the_scores_are_those_of_pandas_qcut(untied, n_bins):
    scores = rfm_scores(untied, n_bins=n_bins)
    for score, name in zip(SCORES, COLUMNS, strict=True):
        fifth = pd.qcut(untied[name], n_bins, labels=False) + 1
        expected = n_bins + 1 - fifth if score == "recency_score" else fifth
        assert scores[score].tolist() == expected.tolist()


def test_customers_are_cut_into_equal_fifths_as_in_hughes_1994(untied):
    scores = rfm_scores(untied)
    for score in SCORES:
        assert scores[score].value_counts().to_dict() == dict.fromkeys(range(1, 6), 100)
    best = untied["days_since_last_purchase"].idxmin()
    assert scores.loc[best, "recency_score"] == 5, "few days since the last purchase are good"
    assert scores["rfm"].str.fullmatch("[1-5]{3}").all()
    assert scores["rfm"].dtype == "str"


@pytest.mark.parametrize(("score", "name"), list(zip(SCORES, COLUMNS, strict=True)))
def test_equal_customers_share_a_score_and_a_better_one_never_has_a_lower(mostly_once, score, name):
    scores = rfm_scores(mostly_once)
    by_value = scores[score].groupby(mostly_once[name]).agg(["min", "max"])
    assert (by_value["min"] == by_value["max"]).all()
    steps = np.diff(by_value["min"])
    assert (steps <= 0).all() if score == "recency_score" else (steps >= 0).all()


def test_thousands_of_one_time_buyers_have_the_lowest_frequency_and_the_limits_show_the_empty_scores(mostly_once):
    model = RFMScores().fit(mostly_once)
    scores = model.transform(mostly_once)
    assert (scores.loc[mostly_once["frequency"] == 0, "frequency_score"] == 1).all()
    assert (scores.loc[mostly_once["frequency"] > 0, "frequency_score"] == 5).all()
    frequency = model.limits_.query("score_of == 'frequency_score'").set_index("score")["customers"]
    assert frequency.to_dict() == {1: 4500, 2: 0, 3: 0, 4: 0, 5: 500}


def test_the_limits_tell_every_score_and_count_everybody(mostly_once):
    model = RFMScores().fit(mostly_once)
    scores = model.transform(mostly_once)
    for (score, name), rows in model.limits_.groupby(["score_of", "column"]):
        assert rows["customers"].sum() == len(mostly_once)
        for row in rows.itertuples():
            inside = mostly_once[name].gt(row.above) & mostly_once[name].le(row.to)
            if row.above < row.to:
                assert (scores.loc[inside, score] == row.score).all()
                assert inside.sum() == row.customers


def test_a_constant_column_gives_everybody_one_score():
    same = pd.DataFrame({"days_since_last_purchase": [7.0] * 4, "frequency": [0] * 4, "total_spend": [5.0] * 4})
    assert rfm_scores(same)["rfm"].tolist() == ["511"] * 4
    assert rfm_scores(same.head(1))["rfm"].tolist() == ["511"]


def test_later_customers_are_scored_by_the_same_limits(untied):
    model = RFMScores().fit(untied)
    half = untied[untied["total_spend"] > 300]
    pd.testing.assert_frame_equal(model.transform(half), model.transform(untied).loc[half.index])
    assert set(model.transform(half)["monetary_score"]) < {1, 2, 3, 4, 5}, "cut anew they would fill all five"


def test_a_summary_of_rfm_summary_is_read_in_days_whatever_its_unit():
    log = load_cdnow().ledger.lines
    days, weeks = (rfm_summary(log, calibration_end="1997-09-30", time_unit=unit) for unit in ("D", "W"))
    last = log[log["timestamp"] < "1997-10-01"].groupby("customer_id")["timestamp"].max()
    ago = (pd.Timestamp("1997-10-01") - last.dt.normalize()).dt.days.reindex(days["customer_id"]).to_numpy()
    stated = rfm_scores(days.assign(days_since_last_purchase=ago))
    pd.testing.assert_frame_equal(rfm_scores(days), stated)
    pd.testing.assert_frame_equal(rfm_scores(weeks), stated)


def test_the_index_of_the_summary_stays(untied):
    shuffled = untied.set_index(np.arange(500)[::-1] % 7)
    scores = rfm_scores(shuffled)
    assert scores.index.equals(shuffled.index)
    assert scores["customer_id"].tolist() == untied["customer_id"].tolist()
    assert "customer_id" not in rfm_scores(untied.drop(columns="customer_id"))


def test_a_bootstrap_of_the_customers_can_be_scored(untied):
    drawn = untied.sample(500, replace=True, random_state=0)
    assert drawn["customer_id"].duplicated().any()
    assert len(rfm_scores(drawn)) == 500


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda table: table.head(0), "0 rows"),
        (lambda table: table.drop(columns=["frequency", "total_spend"]), "no frequency, monetary_value"),
        (lambda table: table.drop(columns="days_since_last_purchase"), "500 rows has no recency, T, time_unit_days"),
        (lambda table: table.assign(total_spend=table["total_spend"].mask(table.index < 3)), "total_spend .* 3 of 500"),
        (lambda table: table.assign(frequency=np.inf), "frequency is missing or infinite in 500 of 500 rows"),
        (lambda table: table.assign(frequency=-1.0), "frequency is below zero in 500 of 500"),
        (lambda table: table.assign(total_spend="much"), "total_spend holds str, not numbers, in 500 rows, .*'much'"),
        (lambda table: table.assign(customer_id="a"), "customer_id repeats with other numbers in 499 of 500"),
        (lambda table: table.assign(customer_id=None), "customer_id is missing in 500 of 500"),
        (lambda table: pd.concat([table, table[["frequency"]]], axis=1), "more than one column frequency"),
    ],
)
def test_what_cannot_be_scored_is_refused_with_column_count_and_remedy(untied, change, message):
    with pytest.raises(ValueError, match=message):
        rfm_scores(change(untied))


@pytest.mark.parametrize("n_bins", [1, 10, 2.5, True, "5"])
def test_a_score_has_one_digit(untied, n_bins):
    with pytest.raises(ValueError, match="n_bins must be a whole number from 2 to 9"):
        rfm_scores(untied, n_bins=n_bins)


def test_no_table_no_fit_and_another_money_are_said(untied):
    with pytest.raises(ValueError, match="must be a DataFrame, not list"):
        rfm_scores([1, 2, 3])
    with pytest.raises(ValueError, match="call fit"):
        RFMScores().transform(untied)
    with pytest.raises(ValueError, match="score both on the same column of money"):
        RFMScores().fit(untied).transform(untied.rename(columns={"total_spend": "monetary_value"}))
