"""Figures say what their tables say."""

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import pandas as pd
import pytest

from clvlib.plotting import plot_differences


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
    plt.close(ax.figure)
