"""The tracking table is the log counted and the model summed, nothing else."""

import numpy as np
import pandas as pd
import pytest

from clvlib.datasets import load
from clvlib.rfm import rfm_summary
from clvlib.value import BetaGeoModel, NBDModel, tracking_table

CUT = pd.Timestamp("1997-10-01")


@pytest.fixture(scope="module")
def lines():
    return load("cdnow").lines


@pytest.fixture(scope="module")
def summary(lines):
    return rfm_summary(lines, calibration_end=CUT, holdout_end="1998-06-30")


@pytest.fixture(scope="module")
def model(summary):
    return BetaGeoModel().fit(summary)


@pytest.fixture(scope="module")
def table(lines, model):
    return tracking_table(lines, {"BG/NBD": model}, cut=CUT)


def test_actual_purchases_are_those_of_the_summary_before_the_cut_and_after_it(lines, summary, model):
    daily = tracking_table(lines, {"BG/NBD": model}, cut=CUT, period_days=1)["actual"]
    assert daily[daily.index <= CUT].sum() == summary["frequency"].sum()
    assert daily[daily.index > CUT].sum() == summary["holdout_frequency"].sum()
    assert daily.index[-1] == pd.Timestamp("1998-07-01")


def test_the_expected_sum_at_the_cut_is_that_over_customers_at_their_age(table, summary, model):
    # 39 weeks from 1997-01-01 end with 1997-09-30, the last day of calibration
    expected = model.expected_purchases_new_customer(7 * summary["T"].to_numpy()).sum()
    assert table["BG/NBD"][: pd.Timestamp("1997-10-01")].sum() == pytest.approx(expected, rel=1e-9)
    assert table.index[38] == CUT


def test_weeks_sum_to_the_days_in_them(lines, table, model):
    daily = tracking_table(lines, {"BG/NBD": model}, cut=CUT, period_days=1)
    assert len(table) == 78
    assert np.allclose(daily.iloc[: 7 * 78].groupby(np.arange(546) // 7).sum(), table)


def test_bg_nbd_tracks_cdnow_closely_in_calibration_fader_hardie_lee_2005_figure_3(table):
    ratio = table["BG/NBD"].cumsum() / table["actual"].cumsum()
    assert abs(ratio[CUT] - 1) < 0.02
    assert ratio.iloc[-1] < 0.98, "and falls behind in the holdout"


def _small():
    days = pd.to_datetime(["2024-01-01", "2024-01-01", "2024-01-04", "2024-01-05", "2024-01-06", "2024-01-11"])
    return pd.DataFrame({"customer_id": [*"aaaaba"], "timestamp": days, "amount": [1.0, 2.0, -1.0, 0.0, 3.0, 4.0]})


def _nbd():
    model = NBDModel()
    model.params_, model.time_unit_days_ = {"r": 1.0, "alpha": 7.0}, 1.0
    return {"NBD": model}


def test_a_day_of_returns_is_no_purchase_a_free_day_is_one_and_a_later_customer_does_not_count():
    table = tracking_table(_small(), _nbd(), cut=pd.Timestamp("2024-01-06"), period_days=5)
    assert table["actual"].tolist() == [1.0, 0.0], "a's 5 January; the 11th lies in a period the log does not fill"
    assert table["NBD"].tolist() == pytest.approx([4 / 7, 5 / 7])
    assert table.index.strftime("%m-%d").tolist() == ["01-06", "01-11"]
    with_b = tracking_table(_small(), _nbd(), cut=pd.Timestamp("2024-01-07"), period_days=5)
    assert with_b["NBD"].tolist() == pytest.approx([4 / 7, 9 / 7]), "b came on the 6th, 4 days old on the 10th"


def test_order_of_lines_and_of_customers_is_nothing():
    shuffled = _small().sample(frac=1, random_state=1)
    options = {"cut": pd.Timestamp("2024-01-07"), "period_days": 2}
    pd.testing.assert_frame_equal(
        tracking_table(shuffled, _nbd(), **options), tracking_table(_small(), _nbd(), **options)
    )


def test_says_what_is_wrong_with_cut_and_period():
    with pytest.raises(ValueError, match="nobody bought before 2024-01-01"):
        tracking_table(_small(), _nbd(), cut=pd.Timestamp("2024-01-01"))
    for days in (0, 12):
        with pytest.raises(ValueError, match="between 1 and the log's 11 days"):
            tracking_table(_small(), _nbd(), cut=pd.Timestamp("2024-01-07"), period_days=days)
