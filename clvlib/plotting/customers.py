"""Where customers are in their lives: cohort triangles, silences and the way between states."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from clvlib.plotting.axes import new_axes

__all__ = ["plot_inactivity", "plot_transitions", "plot_triangle"]

#: Up to so many columns the cells have room for their numbers.
_WRITTEN = 13
#: More rows than that get a label only now and then.
_LABELLED = 18


def plot_triangle(table: pd.DataFrame, *, label: str, percent: bool = False, skip_first: bool = False) -> Axes:
    """What did each cohort do at each age, and which ages has it not lived yet?

    ``table`` has one row a cohort and one column an age, such as ``retention``, ``revenue`` or ``cumulative`` of
    :func:`clvlib.customers.cohort_triangles`. A cell that is NaN is hatched grey, so that it cannot be taken for a
    small value. ``label`` names the value and its unit; ``percent`` multiplies shares by 100. ``skip_first`` leaves
    age 0 out, which is 1 for everybody in a table of retention and would use up the colours.

    ValueError: no cell that has a value.
    """
    shown = table.iloc[:, 1:] if skip_first else table
    shown = shown.loc[shown.notna().any(axis=1)]
    if shown.empty or not shown.notna().any(axis=None):
        raise ValueError(f"the table has no cell with a value in {len(table)} cohorts; shorten the period of an age")
    values = shown.to_numpy(dtype=float) * (100 if percent else 1)
    height = min(7.0, 1.6 + 0.26 * len(shown))
    ax = new_axes(width=min(10.0, 3.0 + 0.5 * shown.shape[1]), height=height)
    # a cohort of two customers with 100 % would leave one shade to all others
    image = _heat(ax, values, highest=float(np.nanquantile(values, 0.98)))
    ax.figure.colorbar(image, ax=ax, label=label, fraction=0.05)
    if shown.shape[1] <= _WRITTEN:
        _write(ax, image, values)
    columns = [str(age) for age in shown.columns]
    _ticks(ax, columns, [str(cohort).partition("/")[0] for cohort in shown.index])
    ax.set(xlabel="age in periods since the first purchase", ylabel="cohort")
    return ax


def plot_transitions(matrix: pd.DataFrame, *, label: str = "of the state before, %") -> Axes:
    """Of the customers in each state before, what share is in each state after?

    ``matrix`` has one row a state before and one column a state after, shares that add up to 1 in a row, such as
    :func:`clvlib.customers.transition_matrix` gives; a row of NaN (nobody was there) is hatched.
    """
    values = 100 * matrix.to_numpy(dtype=float)
    ax = new_axes(width=2.6 + 0.95 * matrix.shape[1], height=1.5 + 0.45 * len(matrix))
    image = _heat(ax, values, highest=100.0)
    ax.figure.colorbar(image, ax=ax, label=label, fraction=0.05)
    _write(ax, image, values)
    _ticks(ax, [str(name) for name in matrix.columns], [str(name) for name in matrix.index])
    ax.set(xlabel="after", ylabel="before")
    return ax


def plot_inactivity(curve: pd.DataFrame, *, chosen_days: float | None = None, horizon_days: int | None = None) -> Axes:
    """The longer the silence that counts as lost, the fewer false alarms, and the later they come.

    ``curve`` is that of :func:`clvlib.customers.inactivity_curve`: ``threshold_days``, ``false_alarm_rate`` with its
    interval ``low`` to ``high``, and ``silent_share``. ``chosen_days`` is marked.
    """
    ax = new_axes()
    days = curve["threshold_days"]
    within = "" if horizon_days is None else f" within {horizon_days} days"
    ax.fill_between(days, 100 * curve["low"], 100 * curve["high"], color="tab:blue", alpha=0.2, lw=0)
    ax.plot(days, 100 * curve["false_alarm_rate"], "o-", ms=4, label=f"came back{within} after all, 95 % interval")
    ax.plot(days, 100 * curve["silent_share"], "s--", ms=4, color="0.4", label="customers silent that long today")
    if chosen_days is not None:
        ax.axvline(chosen_days, color="black", ls=":", lw=1)
        ax.annotate(f" {chosen_days:g} days", (chosen_days, 0.02), xycoords=("data", "axes fraction"))
    ax.set(xlabel="days of silence", ylabel="%", ylim=(0, None))
    ax.legend()
    return ax


def _heat(ax: Axes, values: np.ndarray, *, highest: float | None = None):
    """Cells in colours from light to dark; what is missing shows the hatched ground."""
    ax.grid(visible=False)
    ax.set_facecolor("0.93")
    for row, column in np.argwhere(np.isnan(values)):
        ax.fill_between(
            [column - 0.5, column + 0.5], row - 0.5, row + 0.5, facecolor="none", edgecolor="0.75", hatch="///", lw=0
        )
    lowest = min(0.0, float(np.nanmin(values)))
    return ax.imshow(np.ma.masked_invalid(values), cmap="Blues", aspect="auto", vmin=lowest, vmax=highest)


def _write(ax: Axes, image, values: np.ndarray) -> None:
    size = np.nanmax(np.abs(values))
    digits = 0 if size >= 100 else 1
    for row, column in np.argwhere(~np.isnan(values)):
        dark = image.norm(values[row, column]) > 0.6
        ax.text(
            column, row, f"{values[row, column]:.{digits}f}", ha="center", va="center", fontsize=7.5,
            color="white" if dark else "0.15",
        )  # fmt: skip


def _ticks(ax: Axes, columns: list[str], rows: list[str]) -> None:
    for axis, names in ((ax.xaxis, columns), (ax.yaxis, rows)):
        places = np.arange(0, len(names), max(1, -(-len(names) // _LABELLED)))
        axis.set_ticks(places, [names[place] for place in places])
