"""Figures of customers' lives say what their tables say, and what was not lived is no small value."""

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from clvlib.plotting import plot_inactivity, plot_transitions, plot_triangle


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


@pytest.fixture
def retention():
    cells = [[1.0, 0.5, 0.25], [1.0, 0.4, np.nan], [np.nan] * 3]
    return pd.DataFrame(cells, index=["2024-01", "2024-02", "2024-03"], columns=pd.RangeIndex(3, name="age"))


def test_a_lived_cell_has_its_number_and_one_not_lived_a_hatch(retention):
    ax = plot_triangle(retention, label="bought, %", percent=True)
    assert [text.get_text() for text in ax.texts] == ["100", "50", "25", "100", "40"]
    (image,) = ax.get_images()
    assert image.get_array().mask.tolist() == [[False] * 3, [False, False, True]]
    assert [patch.get_hatch() for patch in ax.collections] == ["///"]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["2024-01", "2024-02"]


def test_age_0_can_be_left_out_and_a_table_without_values_is_refused(retention):
    ax = plot_triangle(retention, label="share", skip_first=True)
    assert [text.get_text() for text in ax.texts] == ["0.5", "0.2", "0.4"]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["1", "2"]
    with pytest.raises(ValueError, match="no cell with a value in 1 cohorts"):
        plot_triangle(retention.iloc[2:], label="share")


def test_transitions_are_written_in_percent_and_an_empty_state_is_hatched():
    matrix = pd.DataFrame([[0.25, 0.75], [np.nan, np.nan]], index=["new", "dormant"], columns=["active", "dormant"])
    ax = plot_transitions(matrix)
    assert [text.get_text() for text in ax.texts] == ["25.0", "75.0"]
    assert len(ax.collections) == 2


def test_inactivity_shows_rate_interval_and_the_chosen_day():
    curve = pd.DataFrame(
        {"threshold_days": [30, 60], "false_alarm_rate": [0.4, 0.2], "low": [0.3, 0.1], "high": [0.5, 0.3],
         "silent_share": [0.9, 0.7]}
    )  # fmt: skip
    ax = plot_inactivity(curve, chosen_days=60, horizon_days=90)
    rate, silent, chosen = ax.get_lines()
    assert rate.get_ydata().tolist() == [40, 20]
    assert silent.get_ydata().tolist() == [90, 70]
    assert set(chosen.get_xdata()) == {60}
    assert "within 90 days" in ax.get_legend().get_texts()[0].get_text()
