"""What models of value expected and what came: tracking, frequency and recency, deciles, coverage."""

from collections.abc import Mapping

import matplotlib.dates as mdates
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from clvlib.plotting.axes import new_axes

__all__ = ["plot_coverage", "plot_deciles", "plot_frequency_recency", "plot_tracking"]

#: Dots of several series at one place stand side by side within this share of the room between two places.
_SPREAD = 0.5


def plot_tracking(
    table: pd.DataFrame, *, cut: pd.Timestamp, label: str = "repeat purchases", period: str = "week"
) -> Axes:
    """Do the expected purchases run along with the real ones, up to the cut and beyond it?

    ``table`` has one row a period, indexed by the timestamp at which the period *ends*, with the column ``actual`` and
    one column a model: purchases *in* that period. Left their running sum, right the periods one by one; what lies
    right of the dashed line at ``cut`` no model has seen. Returns the left panel.

    ValueError: no column ``actual``, no column beside it, or periods that are not in order.
    """
    if "actual" not in table.columns or len(table.columns) < 2:
        raise ValueError(f"the table needs a column 'actual' and one a model, it has {[*table.columns]}")
    if not table.index.is_monotonic_increasing:
        raise ValueError("the periods are not in order; sort the table by its index first")
    left, right = new_axes(width=10.0, ncols=2)
    for ax, shown in ((left, table.cumsum()), (right, table)):
        ax.plot(shown.index, shown["actual"], color="black", lw=1.2, label="actual")
        for number, name in enumerate(shown.columns.drop("actual")):
            ax.plot(shown.index, shown[name], color=f"C{number}", ls=("-", "--", ":", "-.")[number % 4], label=name)
        ax.axvline(cut, color="grey", ls="--", lw=1)
        ax.set_ylim(0, None)
        ax.annotate(" holdout", (cut, 1), xycoords=("data", "axes fraction"), va="top", color="grey")
        ax.xaxis.set_major_locator(mdates.AutoDateLocator(minticks=3, maxticks=6))
        ax.xaxis.set_major_formatter(mdates.ConciseDateFormatter(ax.xaxis.get_major_locator()))
    left.set_ylabel(f"{label}, running sum")
    right.set_ylabel(f"{label} a {period}")
    left.legend(loc="lower right")
    return left


def plot_frequency_recency(table: pd.DataFrame, *, labels: Mapping[str, str], unit: str = "weeks") -> Axes:
    """What does a model say of a customer with this many repeat purchases, the last one at this age?

    ``table`` is long, one row a pair of ``frequency`` and ``recency`` (in ``unit``), all of one age ``T``, with the
    predictions. ``labels`` maps each column that is drawn, one panel a column, to its title. NaN stays blank: some
    pairs no customer can have (a last repeat purchase without any). Returns the first panel.

    ValueError: a column missing, or two rows of one pair.
    """
    # seaborn takes a second to import; only the chapter that draws a heat map pays for it
    from seaborn import heatmap

    if missing := [name for name in ("frequency", "recency", *labels) if name not in table.columns]:
        raise ValueError(f"the table has no column {', '.join(missing)}; it has {[*table.columns]}")
    if twice := int(table.duplicated(["frequency", "recency"]).sum()):
        raise ValueError(f"{twice} rows repeat a pair of frequency and recency; give one row a pair")
    axes = np.atleast_1d(new_axes(width=4.6 * len(labels) + 0.4, height=3.9, ncols=len(labels)))
    for ax, (name, title) in zip(axes, labels.items(), strict=True):
        grid = table.pivot(index="recency", columns="frequency", values=name).sort_index()
        grid.index, grid.columns = [f"{value:g}" for value in grid.index], [f"{value:g}" for value in grid.columns]
        ax.grid(visible=False)
        steps = [max(1, round(size / 8)) for size in grid.shape]
        heatmap(grid, ax=ax, cmap="viridis", xticklabels=steps[1], yticklabels=steps[0], vmin=0)
        ax.invert_yaxis()
        ax.tick_params(axis="both", rotation=0)
        ax.set(title=title, xlabel="frequency, repeat purchases", ylabel=f"recency, age at the last one, {unit}")
    return axes[0]


def plot_deciles(tables: Mapping[str, pd.DataFrame], *, label: str) -> Axes:
    """Sorted by their prediction and cut into tenths, did customers do what was predicted of them?

    ``tables`` maps a panel's title (a model) to a table with one row a group, the lowest prediction first, as
    :func:`clvlib.metrics.value.decile_table` gives it: ``n`` customers, the means ``predicted`` and ``realised``, and
    the interval ``low`` to ``high`` of the realised mean. Bars are what happened, as wide as their group has customers
    (equal predictions stay together, so that a group can hold more than a tenth), dots what was predicted. All panels
    share one scale; ``label`` names it and its unit. Returns the first panel.
    """
    axes = np.atleast_1d(new_axes(width=3.6 * len(tables) + 0.6, height=3.4, ncols=len(tables)))
    for ax, (title, table) in zip(axes, tables.items(), strict=True):
        width = 100 * table["n"] / table["n"].sum()
        middle = width.cumsum() - width / 2
        ax.bar(middle, table["realised"], width=0.9 * width, color="0.8", label="realised, 95% interval")
        ax.vlines(middle, table["low"], table["high"], color="0.45", lw=1.5)
        ax.plot(middle, table["predicted"], "o", color="tab:blue", ms=5, label="predicted")
        ax.set(title=title, xlabel="customers, lowest prediction first, %", xlim=(0, 100))
    lowest, highest = min(ax.get_ylim()[0] for ax in axes), max(ax.get_ylim()[1] for ax in axes)
    for ax in axes:
        ax.set_ylim(lowest, highest)
    axes[0].set_ylabel(label)
    axes[0].legend(loc="upper left")
    return axes[0]


def plot_coverage(tables: Mapping[str, pd.DataFrame], *, level: float, label: str = "customers") -> Axes:
    """How many outcomes lie in the intervals that were to hold ``level`` of them, group by group?

    ``tables`` maps the name of a kind of interval to a table indexed by group of ``label``, with ``coverage`` and the
    ends ``low`` and ``high`` of its own (binomial) interval, all shares; a group may be missing. The line is the
    level promised.

    ValueError: a level outside (0, 1).
    """
    if not 0 < level < 1:
        raise ValueError(f"level is a share between 0 and 1, got {level}")
    groups = pd.Index([group for table in tables.values() for group in table.index]).unique()
    offsets = np.linspace(-_SPREAD / 2, _SPREAD / 2, len(tables)) if len(tables) > 1 else [0.0]
    ax = new_axes()
    ax.axhline(100 * level, color="black", lw=1, ls="--", label=f"promised: {level:.0%}")
    for number, (offset, (name, table)) in enumerate(zip(offsets, tables.items(), strict=True)):
        place = groups.get_indexer(table.index) + offset
        ax.vlines(place, 100 * table["low"], 100 * table["high"], color=f"C{number}", lw=2)
        ax.plot(place, 100 * table["coverage"], "o", color=f"C{number}", ms=5, label=name)
    ax.set_xticks(range(len(groups)), [str(group) for group in groups])
    ax.set(xlabel=label, ylabel="outcomes inside the interval, %", ylim=(-2, 102))
    ax.legend()
    return ax
