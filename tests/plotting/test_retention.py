"""Figures of chapter 4.1 say what their tables say."""

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from clvlib.metrics.lift import precision_recall_table, roc_table
from clvlib.plotting import plot_level_over_time, plot_ranking_curves, plot_reliability, plot_survival


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def bins(**columns):
    table = {"mean_probability": [0.1, 0.3], "outcome_rate": [0.12, 0.25], "low": [0.05, 0.2], "high": [0.2, 0.4]}
    return pd.DataFrame(table | columns)


def test_reliability_has_a_dot_a_bin_and_one_scale_for_all_panels():
    first = plot_reliability({"model": bins(), "rule": bins(mean_probability=[0.2, 0.8])})
    one, two = first.figure.axes
    assert [ax.get_title() for ax in (one, two)] == ["model", "rule"]
    assert one.lines[1].get_xydata().tolist() == [[10, 12], [30, 25]]
    assert one.get_xlim() == two.get_xlim() == pytest.approx((0, 84))
    assert [path[:, 1].tolist() for path in one.collections[0].get_segments()] == [[5, 20], [20, 40]]


def test_ranking_curves_share_names_and_colours_and_show_a_list_at_random():
    came, p = [0, 1, 0, 1, 1], [0.1, 0.4, 0.35, 0.8, 0.2]
    left = plot_ranking_curves({"a": roc_table(came, p)}, {"a": precision_recall_table(came, p)}, base_rate=0.6)
    roc, pr = left.figure.axes
    assert roc.lines[1].get_xydata()[-1].tolist() == [100, 100]
    assert pr.lines[0].get_ydata()[0] == 60
    assert roc.lines[1].get_color() == pr.lines[1].get_color()
    with pytest.raises(ValueError, match="the same forecasts"):
        plot_ranking_curves({"a": roc_table(came, p)}, {}, base_rate=0.6)


def test_level_over_time_draws_predicted_and_realised_shares():
    ax = plot_level_over_time(
        bins(low=[-0.05, 0.0], high=[0.02, 0.1]).set_index(pd.to_datetime(["2024-01-01", "2024-01-08"]))
    )
    drawn = {line.get_label(): line.get_ydata().tolist() for line in ax.lines}
    assert drawn["predicted"] == pytest.approx([10, 30])
    assert drawn["came back, 95% interval"] == pytest.approx([12, 25])
    heights = ax.collections[0].get_paths()[0].vertices[:, 1]
    assert (heights.min(), heights.max()) == pytest.approx((8, 30))


def test_survival_starts_at_everybody_and_has_a_dot_a_horizon():
    curve = pd.DataFrame({"days": [3, 9], "survival": [0.8, 0.0], "low": [0.7, np.nan], "high": [0.9, np.nan]})
    ax = plot_survival({"all": curve}, {"all": pd.Series([0.7, 0.5], index=[7, 14])})
    observed, predicted = ax.lines
    assert observed.get_xydata().tolist() == [[0, 100], [3, 80], [9, 0]]
    assert predicted.get_xydata().tolist() == [[7, 70], [14, 50]]
    with pytest.raises(ValueError, match="the same groups"):
        plot_survival({"all": curve}, {"some": pd.Series([0.7], index=[7])})


def test_a_table_without_its_columns_is_refused_by_name():
    with pytest.raises(ValueError, match="model has no column low"):
        plot_reliability({"model": bins().drop(columns="low")})
