"""Figures say what their tables say."""

import matplotlib

matplotlib.use("Agg")

import matplotlib.dates as mdates
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from clvlib.plotting import (
    plot_coverage,
    plot_deciles,
    plot_differences,
    plot_frequency_recency,
    plot_group_differences,
    plot_tracking,
    plot_tradeoff,
)


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def test_each_method_but_the_baseline_has_a_dot_and_an_interval_in_the_colour_of_its_verdict():
    table = pd.DataFrame(
        {
            "difference": [0.0, 0.2, -0.1],
            "low": [0.0, 0.1, -0.3],
            "high": [0.0, 0.3, 0.1],
            "verdict": ["baseline", "better", "no difference shown"],
        },
        index=["bestsellers", "model", "other"],
    )
    ax = plot_differences({"one": table, "two": table}, label="difference")
    lines, dots = ax.collections
    assert [label.get_text() for label in ax.get_yticklabels()] == ["other", "model"]
    assert [segment[:, 0].tolist() for segment in lines.get_segments()] == [[-0.3, 0.1], [0.1, 0.3]]
    assert dots.get_offsets()[:, 0].tolist() == pytest.approx([-0.1, 0.2])
    assert [matplotlib.colors.to_hex(colour) for colour in lines.get_colors()] == [
        matplotlib.colors.to_hex("tab:gray"),
        matplotlib.colors.to_hex("tab:green"),
    ]
    assert [axes.get_title() for axes in ax.figure.axes] == ["one", "two"]


def _weeks():
    ends = pd.to_datetime(["1997-01-08", "1997-01-15", "1997-01-22"])
    return pd.DataFrame({"actual": [4.0, 1.0, 2.0], "BG/NBD": [3.0, 2.0, 1.5]}, index=ends)


def test_tracking_sums_on_the_left_and_shows_each_week_on_the_right_with_the_cut_in_both():
    cut = pd.Timestamp("1997-01-15")
    left, right = plot_tracking(_weeks(), cut=cut).figure.axes
    drawn = [{line.get_label(): [*line.get_ydata()] for line in ax.get_lines()} for ax in (left, right)]
    assert drawn[0]["actual"] == [4.0, 5.0, 7.0]
    assert drawn[0]["BG/NBD"] == [3.0, 5.0, 6.5]
    assert drawn[1]["actual"] == [4.0, 1.0, 2.0]
    assert drawn[1]["BG/NBD"] == [3.0, 2.0, 1.5]
    for ax in (left, right):
        boundary = ax.get_lines()[-1].get_xdata()
        assert mdates.date2num(boundary).tolist() == [mdates.date2num(cut)] * 2
        assert ax.get_ylim()[0] == 0
    assert right.get_ylabel() == "repeat purchases a week"


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (_weeks().drop(columns="actual"), "needs a column 'actual'"),
        (_weeks()[["actual"]], "one a model"),
        (_weeks().iloc[::-1], "not in order"),
    ],
)
def test_tracking_refuses_what_it_cannot_draw(table, said):
    with pytest.raises(ValueError, match=said):
        plot_tracking(table, cut=pd.Timestamp("1997-01-15"))


def _pairs():
    pairs = pd.DataFrame({"frequency": [0, 1, 1, 2, 2], "recency": [0.0, 1.0, 2.0, 1.0, 2.0]})
    return pairs.assign(probability_alive=[1.0, 0.2, 0.4, 0.1, 0.8], expected_purchases=[0.5, 0.1, 0.2, 0.05, 0.9])


def test_heat_map_has_frequency_to_the_right_recency_upwards_and_leaves_impossible_pairs_blank():
    labels = {"probability_alive": "alive", "expected_purchases": "purchases"}
    alive, purchases = plot_frequency_recency(_pairs(), labels=labels).figure.axes[:2]
    assert [ax.get_title() for ax in (alive, purchases)] == ["alive", "purchases"]
    cells = alive.collections[0].get_array().reshape(3, 3)
    assert np.ma.getmaskarray(cells).tolist() == [[False, True, True], [True, False, False], [True, False, False]]
    assert cells[1, 1:].tolist() == [0.2, 0.1]
    assert cells[2, 1:].tolist() == [0.4, 0.8]
    low, high = alive.get_ylim()
    assert low < high, "the first row, recency 0, is at the bottom"
    assert [label.get_text() for label in alive.get_xticklabels()] == ["0", "1", "2"]
    assert purchases.collections[0].get_array().reshape(3, 3)[2, 2] == 0.9


def test_heat_map_names_the_column_that_is_missing_and_counts_pairs_given_twice():
    with pytest.raises(ValueError, match="no column probability_alive"):
        plot_frequency_recency(_pairs().drop(columns="probability_alive"), labels={"probability_alive": "alive"})
    with pytest.raises(ValueError, match="1 rows repeat a pair"):
        plot_frequency_recency(pd.concat([_pairs(), _pairs().iloc[:1]]), labels={"probability_alive": "alive"})


def test_deciles_draw_what_happened_as_bars_as_wide_as_the_group_and_what_was_predicted_as_dots_on_one_scale():
    table = pd.DataFrame(
        {"n": [6, 2], "predicted": [1.0, 5.0], "realised": [2.0, 4.0], "low": [1.5, 3.0], "high": [2.5, 5.0]}
    )
    tenfold = table.assign(predicted=[10.0, 50.0])
    first, second = plot_deciles({"model": table, "rule": tenfold}, label="USD").figure.axes
    assert [bar.get_height() for bar in first.patches] == [2.0, 4.0]
    assert [bar.get_x() + bar.get_width() / 2 for bar in first.patches] == pytest.approx([37.5, 87.5])
    assert first.patches[0].get_width() == pytest.approx(3 * first.patches[1].get_width())
    assert [*first.get_lines()[0].get_ydata()] == [1.0, 5.0]
    assert [line[:, 1].tolist() for line in first.collections[0].get_segments()] == [[1.5, 2.5], [3.0, 5.0]]
    assert first.get_ylim() == second.get_ylim()
    assert first.get_ylim()[1] >= 50


def test_coverage_has_a_dot_with_its_interval_for_each_group_that_is_there_and_the_promised_level():
    wide = pd.DataFrame({"coverage": [0.95, 0.9], "low": [0.9, 0.8], "high": [0.98, 0.97]}, index=["0", "1+"])
    ax = plot_coverage({"predictive": wide, "parameters only": wide.iloc[1:] * 0.1}, level=0.9)
    promised, predictive, parameters = ax.get_lines()
    assert set(promised.get_ydata()) == {90.0}
    assert predictive.get_ydata().tolist() == pytest.approx([95.0, 90.0])
    assert parameters.get_ydata().tolist() == pytest.approx([9.0])
    assert abs(parameters.get_xdata()[0] - 1) < 0.5, "the only group of the second kind is the second place"
    assert parameters.get_xdata()[0] != predictive.get_xdata()[1], "dots of one group do not hide each other"
    assert [line[:, 1].tolist() for line in ax.collections[0].get_segments()] == [
        pytest.approx([90, 98]),
        pytest.approx([80, 97]),
    ]
    with pytest.raises(ValueError, match="between 0 and 1"):
        plot_coverage({"predictive": wide}, level=90)


def _grouped():
    rows = [
        ("1 to 3 days", "bestsellers", 40, 0.0, 0.0, 0.0, "baseline"),
        ("1 to 3 days", "EASE", 40, 0.1, -0.1, 0.3, "no difference shown"),
        ("1 to 3 days", "buy again", 40, 0.2, 0.1, 0.3, "better"),
        ("4 to 9 days", "bestsellers", 1, 0.0, 0.0, 0.0, "baseline"),
        ("4 to 9 days", "EASE", 1, -0.4, np.nan, np.nan, "too few customers"),
        ("4 to 9 days", "buy again", 1, -0.2, -0.3, -0.1, "worse"),
    ]
    names = ["group", "method", "customers", "difference", "low", "high", "verdict"]
    return pd.DataFrame(rows, columns=names).set_index(["group", "method"])


def test_each_group_has_its_place_and_only_a_difference_that_is_shown_a_full_dot():
    ax = plot_group_differences(_grouped(), label="difference")
    assert [label.get_text() for label in ax.get_xticklabels()] == [
        "1 to 3 days\n40 customers",
        "4 to 9 days\n1 customers",
    ]
    dots = ax.collections[1::2]
    assert [dot.get_offsets()[:, 1].tolist() for dot in dots] == [[0.1, -0.4], [0.2, -0.2]]
    assert [np.round(dot.get_offsets()[:, 0]).tolist() for dot in dots] == [[0, 1], [0, 1]]
    white = matplotlib.colors.to_rgba("white")
    assert [[tuple(face) == white for face in dot.get_facecolors()] for dot in dots] == [[True, True], [False, False]]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["EASE", "buy again"]
    with pytest.raises(ValueError, match="every row of the table is the baseline"):
        plot_group_differences(_grouped().xs("bestsellers", level="method", drop_level=False), label="difference")


def test_the_trade_off_joins_the_weights_in_order_from_where_nothing_changes():
    table = pd.DataFrame(
        {
            "ndcg_difference": [0.0, -0.1, -0.3],
            "ndcg_low": [0.0, -0.2, -0.4],
            "ndcg_high": [0.0, 0.0, -0.2],
            "margin_difference": [0.0, 2.0, 3.0],
            "margin_low": [0.0, 1.0, 1.5],
            "margin_high": [0.0, 3.0, 4.5],
        },
        index=pd.Index([0.0, 0.5, 1.0], name="weight"),
    )
    ax = plot_tradeoff(table, xlabel="NDCG", ylabel="margin")
    assert ax.get_lines()[-1].get_xydata().tolist() == [[0.0, 0.0], [-0.1, 2.0], [-0.3, 3.0]]
    across, up = (lines.get_segments() for lines in ax.collections)
    assert [segment[:, 0].tolist() for segment in across] == [[0.0, 0.0], [-0.2, 0.0], [-0.4, -0.2]]
    assert [segment[:, 1].tolist() for segment in up] == [[0.0, 0.0], [1.0, 3.0], [1.5, 4.5]]
    assert [text.get_text() for text in ax.texts] == ["0", "0.5", "1"]
    with pytest.raises(ValueError, match="no column margin_low"):
        plot_tradeoff(table.drop(columns="margin_low"), xlabel="NDCG", ylabel="margin")
