"""Methods against their baseline: differences with their intervals, for all or by group, and what a choice costs."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from clvlib.plotting.axes import new_axes

__all__ = ["plot_differences", "plot_group_differences", "plot_tradeoff"]

#: Dots of several series at one place stand side by side within this share of the room between two places.
_SPREAD = 0.5


def plot_differences(tables: Mapping[str, pd.DataFrame], *, label: str) -> Axes:
    """Methods against their baseline, one panel a table: a dot with its interval, and a line at no difference.

    ``tables`` maps a panel's title to a table indexed by method with ``difference``, ``low``, ``high`` and ``verdict``,
    as :func:`clvlib.metrics.ranking.comparison_table` gives them; the baseline's own row is left out. ``label`` names
    the difference and its unit.
    """
    rows = max(len(table) for table in tables.values())
    axes = new_axes(width=4.2 * len(tables) + 1.0, height=1.4 + 0.32 * rows, ncols=len(tables))
    axes = [axes] if len(tables) == 1 else list(axes)
    colours = {"better": "tab:green", "worse": "tab:red"}
    for ax, (title, table) in zip(axes, tables.items(), strict=True):
        shown = table[table["verdict"] != "baseline"].iloc[::-1]
        colour = [colours.get(verdict, "tab:gray") for verdict in shown["verdict"]]
        ax.hlines(shown.index, shown["low"], shown["high"], color=colour, linewidth=2)
        ax.scatter(shown["difference"], shown.index, color=colour, zorder=3)
        ax.axvline(0, color="black", linewidth=1)
        ax.margins(y=0.15)
        ax.locator_params(axis="x", nbins=5)
        ax.set(title=title, xlabel=label)
    return axes[0]


def plot_group_differences(table: pd.DataFrame, *, label: str) -> Axes:
    """For whom is a method better than the baseline? A place a group, a dot with its interval a method.

    ``table`` is indexed by ``group`` and ``method``, with ``customers``, ``difference``, ``low``, ``high`` and
    ``verdict``, as :func:`clvlib.metrics.ranking.group_table` gives it; groups and methods stay in its order, the
    baseline is the line at 0. A full dot is a difference that is shown, an empty one is not. ``label`` names the
    difference and its unit.

    ValueError: no method beside the baseline.
    """
    shown = table[table["verdict"] != "baseline"]
    if shown.empty:
        raise ValueError("every row of the table is the baseline; give it a method to compare")
    customers = table["customers"].groupby(level="group", sort=False, observed=True).first()
    methods = shown.index.get_level_values("method").unique()
    offsets = np.linspace(-_SPREAD / 2, _SPREAD / 2, len(methods)) if len(methods) > 1 else [0.0]
    ax = new_axes(width=max(5.5, 1.9 * len(customers) + 1.6), height=3.6)
    ax.axhline(0, color="black", lw=1)
    for number, (offset, method) in enumerate(zip(offsets, methods, strict=True)):
        own = shown.xs(method, level="method")
        place = customers.index.get_indexer(own.index) + offset
        clear = own["verdict"].isin(["better", "worse"])
        colour = f"C{number}"
        ax.vlines(place, own["low"], own["high"], color=colour, lw=2)
        face = [colour if each else "white" for each in clear]
        ax.scatter(place, own["difference"], s=32, c=face, edgecolors=colour, zorder=3)
        ax.plot([], [], "o", color=colour, label=method)  # the legend shows the colour, whatever is shown of it
    ax.set_xticks(range(len(customers)), [f"{group}\n{count:,} customers" for group, count in customers.items()])
    ax.set(ylabel=label, xlim=(-0.6, len(customers) - 0.4))
    # above the axes: within them it would lie on some interval, wherever it was put
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=min(len(methods), 4))
    return ax


def plot_tradeoff(table: pd.DataFrame, *, xlabel: str, ylabel: str) -> Axes:
    """What does each step towards margin gain in money and cost in accuracy? One cross a weight, joined in order.

    ``table`` is indexed by ``weight``, as :func:`clvlib.matching.tradeoff_table` gives it: ``ndcg_difference`` to the
    right and ``margin_difference`` upwards, each with ``_low`` and ``_high``; the first weight is where the lines at 0
    meet. What lies right of and above them is better. The labels name both differences and their units.

    ValueError: a column missing.
    """
    ends = [f"{name}_{part}" for name in ("ndcg", "margin") for part in ("difference", "low", "high")]
    if missing := [name for name in ends if name not in table.columns]:
        raise ValueError(f"the table has no column {', '.join(missing)}; it has {[*table.columns]}")
    ax = new_axes(width=6.0, height=3.8)
    ax.axhline(0, color="black", lw=1)
    ax.axvline(0, color="black", lw=1)
    x, y = table["ndcg_difference"], table["margin_difference"]
    ax.plot(x, y, "o-", color="tab:blue", ms=5, lw=1)
    ax.hlines(y, table["ndcg_low"], table["ndcg_high"], color="tab:blue", lw=1, alpha=0.5)
    ax.vlines(x, table["margin_low"], table["margin_high"], color="tab:blue", lw=1, alpha=0.5)
    for weight, across, up in zip(table.index, x, y, strict=True):
        ax.annotate(f"{weight:g}", (across, up), xytext=(5, 5), textcoords="offset points")
    ax.set(xlabel=xlabel, ylabel=ylabel)
    return ax
