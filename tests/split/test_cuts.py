"""Cuts in time: half-open periods, whole days, whole customers."""

import pandas as pd
import pytest

from clvlib.split import cut_date, sample_customers, temporal_split


@pytest.fixture
def lines():
    """Ten days, one line at each midnight and one a second before the next."""
    days = pd.date_range("2024-03-01", periods=10, freq="D")
    stamps = days.append(days + pd.Timedelta(days=1) - pd.Timedelta(seconds=1))
    return pd.DataFrame(
        {
            "customer_id": [f"c{day % 4}" for day in range(10)] * 2,
            "timestamp": stamps.astype("datetime64[us]"),
            "amount": 1.0,
        }
    )


def test_a_line_at_the_cut_is_holdout_and_the_second_before_is_calibration(lines):
    split = temporal_split(lines, calibration_end="2024-03-08")
    assert split.calibration["timestamp"].max() == pd.Timestamp("2024-03-07 23:59:59")
    assert split.holdout["timestamp"].min() == pd.Timestamp("2024-03-08 00:00:00")
    assert len(split.calibration) + len(split.holdout) == len(lines)
    assert split.holdout_end == pd.Timestamp("2024-03-11")


def test_holdout_end_is_exclusive(lines):
    split = temporal_split(lines, calibration_end="2024-03-08", holdout_end="2024-03-10")
    assert split.holdout["timestamp"].max() == pd.Timestamp("2024-03-09 23:59:59")
    assert len(split.holdout) == 4


def test_the_cut_leaves_whole_days(lines):
    cut = cut_date(lines, holdout_days=3)
    assert cut == pd.Timestamp("2024-03-08")
    assert temporal_split(lines, calibration_end=cut).holdout["timestamp"].dt.normalize().nunique() == 3


@pytest.mark.parametrize("calibration_end", ["2024-03-01", "2024-03-11", "2025-01-01"])
def test_an_empty_period_is_refused_with_what_the_log_covers(lines, calibration_end):
    with pytest.raises(ValueError, match=r"covers 2024-03-01 00:00:00 to 2024-03-10 23:59:59|before it starts"):
        temporal_split(lines, calibration_end=calibration_end)


def test_a_holdout_longer_than_the_log_is_refused(lines):
    with pytest.raises(ValueError, match="holdout_days=10 takes the whole log, which has 20 lines"):
        cut_date(lines, holdout_days=10)
    with pytest.raises(ValueError, match="must be positive"):
        cut_date(lines, holdout_days=0)


def test_an_empty_log_is_refused(lines):
    with pytest.raises(ValueError, match="no lines"):
        cut_date(lines.iloc[:0], holdout_days=3)


def test_the_sample_keeps_whole_customers_and_ignores_the_order_of_lines(lines):
    sample = sample_customers(lines, n_customers=2, random_state=7)
    chosen = set(sample["customer_id"])
    assert len(chosen) == 2
    assert len(sample) == lines["customer_id"].isin(chosen).sum()
    shuffled = lines.sample(frac=1.0, random_state=1)
    assert set(sample_customers(shuffled, n_customers=2, random_state=7)["customer_id"]) == chosen


def test_zero_or_too_many_customers_keep_everybody(lines):
    for n_customers in (0, 4, 99):
        assert len(sample_customers(lines, n_customers=n_customers, random_state=0)) == len(lines)
    with pytest.raises(ValueError, match="n_customers must be 0"):
        sample_customers(lines, n_customers=-1, random_state=0)
