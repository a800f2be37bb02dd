"""A level that is set anew: by hand at every date, never from a later outcome, and only where there is evidence."""

import numpy as np
import pandas as pd
import pytest

from clvlib.retention import ReturnModel, follow_level


@pytest.fixture(scope="module")
def weeks():
    """30 weeks of 150 rows; the share that comes back rises from a tenth to a third half-way."""
    rng = np.random.default_rng(1)
    date = pd.date_range("2024-01-01", periods=30, freq="7D").repeat(150)
    table = pd.DataFrame({"snapshot_date": date, "orders": rng.poisson(3, len(date)) + 1.0})
    odds = np.where(date < "2024-04-15", 0.1, 0.5) * table["orders"] / 4
    return table.assign(came_back=rng.random(len(date)) < odds / (1 + odds))


@pytest.fixture(scope="module")
def model(weeks):
    return ReturnModel(features=["orders"]).fit(weeks[weeks["snapshot_date"] < "2024-03-01"])


def test_each_date_is_calibrated_by_hand_on_the_last_four_weeks_whose_outcomes_had_ended(weeks, model):
    later = weeks[weeks["snapshot_date"] >= "2024-06-01"]
    told = follow_level(model, later, weeks, outcome_days=7, window_days=28)
    by_hand = ReturnModel(features=["orders"]).fit(weeks[weeks["snapshot_date"] < "2024-03-01"])
    for date, rows in later.groupby("snapshot_date").indices.items():
        known = weeks[weeks["snapshot_date"].isin([date - pd.Timedelta(weeks=w) for w in (1, 2, 3, 4)])]
        expected = by_hand.calibrate(known).predict_probability(later.iloc[rows])
        assert told[rows] == pytest.approx(expected)
    assert abs(told.mean() - later["came_back"].mean()) < 0.03 < later["came_back"].mean() - 0.15


def test_no_outcome_that_had_not_ended_by_the_date_has_a_say(weeks, model):
    date = pd.Timestamp("2024-06-03")
    rows = weeks[weeks["snapshot_date"] == date]
    unknown = weeks["snapshot_date"] > date - pd.Timedelta(days=14)  # outcomes of 14 days were still going on
    told = follow_level(model, rows, weeks, outcome_days=14)
    other = weeks.assign(came_back=weeks["came_back"] ^ unknown)
    assert (follow_level(model, rows, other, outcome_days=14) == told).all()
    assert (follow_level(model, rows, weeks[~unknown], outcome_days=14) == told).all()


def test_a_window_with_too_few_of_a_kind_is_doubled_and_without_evidence_the_model_stays(weeks, model):
    date = pd.Timestamp("2024-06-03")
    rows = weeks[weeks["snapshot_date"] == date]
    nobody_lately = weeks.assign(came_back=weeks["came_back"] & (weeks["snapshot_date"] < date - pd.Timedelta(days=30)))
    doubled = follow_level(model, rows, nobody_lately, outcome_days=7, window_days=14)  # 14 and 28 find nobody
    assert (doubled == follow_level(model, rows, nobody_lately, outcome_days=7, window_days=56)).all()
    nobody = weeks.assign(came_back=False)
    assert follow_level(model, rows, nobody, outcome_days=7) == pytest.approx(model.predict_probability(rows))


def test_the_model_is_left_as_it_was_and_its_own_calibration_plays_no_part(weeks, model):
    rows = weeks[weeks["snapshot_date"] >= "2024-07-01"]
    told = follow_level(model, rows, weeks, outcome_days=7)
    again = ReturnModel(features=["orders"]).fit(weeks[weeks["snapshot_date"] < "2024-03-01"])
    again.calibrate(weeks[weeks["snapshot_date"] < "2024-02-01"])
    kept = (again.shift_, again.slope_)
    assert follow_level(again, rows, weeks, outcome_days=7) == pytest.approx(told)
    assert (again.shift_, again.slope_) == kept
    assert (model.shift_, model.slope_) == (0.0, 1.0)


def test_bad_input_is_named(weeks, model):
    with pytest.raises(ValueError, match="came_back"):
        follow_level(model, weeks, weeks.drop(columns="came_back"), outcome_days=7)
    with pytest.raises(ValueError, match="window_days"):
        follow_level(model, weeks, weeks, outcome_days=7, window_days=0)
    with pytest.raises(ValueError, match="fit first"):
        follow_level(ReturnModel(), weeks, weeks, outcome_days=7)
