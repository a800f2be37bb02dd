"""Kaplan and Meier's curve by published digits, and the days at which it is read."""

import numpy as np
import pandas as pd
import pytest

from clvlib.retention import logrank_p_value, survival_curve, survival_table

# Freireich et al. (1963), Blood 21, p. 699: weeks in remission with 6-mercaptopurine and with placebo.
TREATED = pd.DataFrame(
    {
        "duration_days": [6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35],
        "ended": np.array([1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0], dtype=bool),
    }
)
PLACEBO = pd.DataFrame(
    {"duration_days": [1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23], "ended": True}
)


def test_curve_matches_kaplan_meier_of_freireich_1963():
    curve = survival_curve(TREATED)
    assert curve["days"].tolist() == [6, 7, 10, 13, 16, 22, 23]
    assert curve["at_risk"].tolist() == [21, 17, 15, 12, 11, 7, 6]
    assert curve["ended"].tolist() == [3, 1, 1, 1, 1, 1, 1]
    assert curve["survival"].round(3).tolist() == [0.857, 0.807, 0.753, 0.690, 0.627, 0.538, 0.448]


def test_interval_matches_log_log_of_r_survfit():
    first = survival_curve(TREATED).iloc[0]
    assert (round(first["low"], 3), round(first["high"], 3)) == (0.620, 0.952)


def test_log_rank_matches_freireich_chi_square_16_79():
    from scipy.stats import chi2

    assert logrank_p_value(PLACEBO, TREATED) == pytest.approx(chi2.sf(16.79, 1), rel=0.01)


def test_without_censoring_the_curve_is_the_share_lasting_longer():
    curve = survival_curve(PLACEBO)
    longer = [(PLACEBO["duration_days"] > day).mean() for day in curve["days"]]
    assert np.allclose(curve["survival"], longer)
    assert curve["survival"].iloc[-1] == 0
    assert np.isnan(curve["low"].iloc[-1])


def test_beyond_t_days_counts_whoever_lasts_t_days_or_more():
    table = survival_table(PLACEBO, horizons_days=[1, 5, 8, 23])
    assert np.allclose(table["survival"], [(PLACEBO["duration_days"] >= t).mean() for t in (1, 5, 8, 23)])
    assert table["low"].iloc[0] == table["high"].iloc[0] == 1


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (TREATED.iloc[:0], "no row"),
        (None, "expected a table made with lifetime_table"),
        (TREATED.drop(columns="ended"), "no ended"),
        (TREATED.assign(duration_days=-1), "21 of 21"),
        (TREATED.assign(duration_days="long"), "21 of 21"),
        (TREATED.assign(ended=None), "21 of 21"),
        (TREATED.assign(ended="no"), "21 of 21"),
        (TREATED.assign(ended=7), "21 of 21"),
        (TREATED.assign(ended=False), "none of 21 lifetimes ended"),
    ],
)
def test_bad_tables_are_refused_with_the_column(table, said):
    with pytest.raises(ValueError, match=said):
        survival_curve(table)


@pytest.mark.parametrize(
    ("horizon", "said"), [(0, "at least 1"), (7.5, "whole number"), (37, "no lifetime was watched longer")]
)
def test_horizon_nobody_was_watched_for_is_refused(horizon, said):
    with pytest.raises(ValueError, match=said):
        survival_table(TREATED, horizons_days=[horizon])


@pytest.mark.parametrize("horizons", [7, None, []])
def test_horizons_are_a_list(horizons):
    with pytest.raises(ValueError, match="horizons_days are a list"):
        survival_table(TREATED, horizons_days=horizons)


def test_a_level_is_a_share():
    with pytest.raises(ValueError, match="level is a share"):
        survival_curve(TREATED, level="a")


def test_groups_without_an_end_cannot_be_compared():
    with pytest.raises(ValueError, match="none of 21"):
        logrank_p_value(TREATED.assign(ended=False), PLACEBO.assign(ended=False))
