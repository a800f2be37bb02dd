"""Cells hold every customer once; a grid holds every history that can be, and no other."""

import numpy as np
import pandas as pd
import pytest

from clvlib.datasets import load
from clvlib.rfm import rfm_summary
from clvlib.value import BetaGeoModel, history_cells, history_grid


@pytest.fixture(scope="module")
def summary():
    return rfm_summary(load("cdnow").lines, calibration_end="1997-09-30")


def test_cells_of_cdnow_hold_the_published_numbers_by_frequency_btyd_walkthrough(summary):
    cells = history_cells(summary, frequency_edges=range(7))
    assert cells["often"].cat.categories.tolist() == ["0", "1", "2", "3", "4", "5", "6", "7 and more"]
    assert cells["often"].value_counts(sort=False).tolist() == [1411, 439, 214, 100, 62, 38, 29, 64]
    assert cells["days_silent"].notna().all()
    assert cells.index.equals(summary.index)


def test_the_edge_belongs_to_the_group_that_ends_with_it_in_whole_days():
    days = np.array([0, 30, 31, 90, 91, 180, 181])
    summary = pd.DataFrame({"frequency": 1.0, "recency": 3.0, "T": 3.0 + days / 7, "time_unit_days": 7.0})
    assert history_cells(summary)["days_silent"].tolist() == [
        "up to 30", "up to 30", "31 to 90", "31 to 90", "91 to 180", "91 to 180", "over 180",
    ]  # fmt: skip


def test_cells_say_which_column_is_missing_and_that_edges_rise(summary):
    with pytest.raises(ValueError, match="no column recency"):
        history_cells(summary.drop(columns="recency"))
    with pytest.raises(ValueError, match="edges rise"):
        history_cells(summary, silence_edges=(90, 30))


def test_grid_has_each_possible_pair_once_and_a_model_takes_it(summary):
    grid = history_grid(summary)
    assert not grid.duplicated(["frequency", "recency"]).any()
    assert ((grid["frequency"] > 0) == (grid["recency"] > 0)).all()
    assert grid["T"].unique().tolist() == [38.0]
    assert grid["recency"].max() == 38.0
    assert grid["frequency"].max() == np.clip(summary["frequency"].quantile(0.99), 4, 20).round()
    alive = BetaGeoModel().fit(summary).probability_alive(grid)
    assert ((alive >= 0) & (alive <= 1)).all()


def test_a_grid_of_a_long_log_in_days_stays_small():
    summary = pd.DataFrame({"frequency": [300.0], "T": [3650.0], "time_unit_days": 1.0})
    grid = history_grid(summary)
    assert grid["recency"].nunique() <= 41
    assert grid["frequency"].max() == 20
    assert grid["recency"].max() == grid["T"].max() == 3650
