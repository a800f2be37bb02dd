"""Probabilities of coming back, drawn: are they right, do they tell customers apart, and how long do customers stay?"""

from collections.abc import Mapping

import matplotlib.dates as mdates
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from clvlib.plotting.axes import new_axes

__all__ = ["plot_level_over_time", "plot_ranking_curves", "plot_reliability", "plot_survival"]


def plot_reliability(tables: Mapping[str, pd.DataFrame]) -> Axes:
    """Of those who were told x %, how many came? A panel a forecast, a dot a bin, the diagonal where they agree.

    ``tables`` maps a panel's title to a table with ``mean_probability``, ``outcome_rate``, ``low`` and ``high``, as
    :func:`clvlib.metrics.probability.reliability_table` gives it. All panels share one scale. Returns the first panel.

    ValueError: a column missing.
    """
    for title, table in tables.items():
        _need(table, ("mean_probability", "outcome_rate", "low", "high"), title)
    axes = np.atleast_1d(new_axes(width=3.3 * len(tables) + 0.7, height=3.7, ncols=len(tables)))
    top = 105 * max(max(table["high"].max(), table["mean_probability"].max()) for table in tables.values())
    for ax, (title, table) in zip(axes, tables.items(), strict=True):
        told, came = 100 * table["mean_probability"], 100 * table["outcome_rate"]
        ax.plot([0, top], [0, top], color="black", lw=1, ls="--")
        ax.vlines(told, 100 * table["low"], 100 * table["high"], color="tab:blue", lw=1.5)
        ax.plot(told, came, "o", color="tab:blue", ms=5)
        # rules act on the lowest probabilities, which a linear scale squeezes into a corner
        scale, ticks = (_root, np.square), [tick for tick in (1, 5, 10, 20, 30, 50, 75, 100) if tick <= top]
        ax.set_xscale("function", functions=scale)
        ax.set_yscale("function", functions=scale)
        ax.set(title=title, xlabel="predicted, % (square-root scale)", xlim=(0, top), ylim=(0, top))
        ax.set(xticks=ticks, yticks=ticks, xticklabels=ticks, yticklabels=ticks)
    axes[0].set_ylabel("came back, %")
    return axes[0]


def plot_ranking_curves(
    roc: Mapping[str, pd.DataFrame], precision_recall: Mapping[str, pd.DataFrame], *, base_rate: float
) -> Axes:
    """Who is told apart from whom? Left the ROC curves, right precision against recall, a line a forecast.

    ``roc`` and ``precision_recall`` map a forecast's name to its table of :func:`clvlib.metrics.lift.roc_table` and
    :func:`clvlib.metrics.lift.precision_recall_table`. Dashed is a list at random: the diagonal, and ``base_rate``.
    Returns the left panel.

    ValueError: a column missing, other names in the two.
    """
    if [*roc] != [*precision_recall]:
        raise ValueError(f"roc has {[*roc]}, precision_recall {[*precision_recall]}; give both the same forecasts")
    left, right = new_axes(width=9.0, height=4.0, ncols=2)
    left.plot([0, 100], [0, 100], color="black", lw=1, ls="--")
    right.axhline(100 * base_rate, color="black", lw=1, ls="--")
    for number, name in enumerate(roc):
        style = {"color": f"C{number}", "ls": ("-", "--", ":", "-.")[number % 4], "lw": 1.6, "label": name}
        _need(roc[name], ("false_positive_rate", "true_positive_rate"), name)
        _need(precision_recall[name], ("recall", "precision"), name)
        left.plot(100 * roc[name]["false_positive_rate"], 100 * roc[name]["true_positive_rate"], **style)
        # the first few of a list are too few for a share; what is drawn begins at one in a hundred of those who came
        drawn = precision_recall[name].query("recall >= 0.01")
        right.step(100 * drawn["recall"], 100 * drawn["precision"], where="post", **style)
    left.set(xlabel="called of those who stay away, %", ylabel="called of those who come back, %", title="ROC")
    right.set(xlabel="found of those who come back, %", ylabel="came back of those called, %", ylim=(0, None))
    right.set_title("precision and recall")
    left.legend(loc="lower right")
    return left


def plot_level_over_time(table: pd.DataFrame) -> Axes:
    """Is the level right at every date? Predicted beside realised share, and the difference's interval around it.

    ``table`` is indexed by date, as :func:`clvlib.metrics.calibration.calibration_by_group` gives it: the band is what
    the realised share could have been, ``mean_probability`` less ``low`` and ``high`` of the difference.

    ValueError: a column missing.
    """
    _need(table, ("mean_probability", "outcome_rate", "low", "high"), "the table")
    ax = new_axes()
    told = 100 * table["mean_probability"]
    ax.fill_between(table.index, told - 100 * table["high"], told - 100 * table["low"], color="0.88", lw=0)
    ax.plot(table.index, 100 * table["outcome_rate"], "o-", color="0.35", ms=4, lw=1, label="came back, 95% interval")
    ax.plot(table.index, told, color="tab:blue", lw=1.8, label="predicted")
    ax.xaxis.set_major_locator(mdates.AutoDateLocator(minticks=3, maxticks=8))
    ax.xaxis.set_major_formatter(mdates.ConciseDateFormatter(ax.xaxis.get_major_locator()))
    ax.set(xlabel="snapshot date", ylabel="%", ylim=(0, None))
    ax.legend()
    return ax


def plot_survival(observed: Mapping[str, pd.DataFrame], predicted: Mapping[str, pd.Series]) -> Axes:
    """Which share is still active after so many days? Steps as observed, with a band; dots as predicted.

    ``observed`` maps a group to its Kaplan-Meier curve (``days``, ``survival``, ``low``, ``high``, as
    :func:`clvlib.retention.survival_curve` gives it), ``predicted`` the same groups to the mean predicted share,
    indexed by days.

    ValueError: a column missing, another group in one of the two.
    """
    if [*observed] != [*predicted]:
        raise ValueError(f"observed has {[*observed]}, predicted {[*predicted]}; give both the same groups")
    ax = new_axes()
    for number, (name, curve) in enumerate(observed.items()):
        _need(curve, ("days", "survival", "low", "high"), name)
        colour, days = f"C{number}", np.r_[0, curve["days"]]
        band = [np.r_[100, 100 * curve[end].fillna(curve["survival"])] for end in ("low", "high")]
        ax.fill_between(days, *band, step="post", color=colour, alpha=0.15, lw=0)
        ax.step(
            days, np.r_[100, 100 * curve["survival"]], where="post", color=colour, lw=1.4, label=f"{name}, observed"
        )
        told = predicted[name]
        ax.plot(told.index, 100 * told, "D", color=colour, ms=5, mec="white", label=f"{name}, predicted")
    longest = max(told.index.max() for told in predicted.values())
    ax.set(xlabel="days after the snapshot", ylabel="still active, %", xlim=(0, 1.04 * longest), ylim=(0, 102))
    ax.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=2)
    return ax


def _root(share: np.ndarray) -> np.ndarray:
    return np.sqrt(np.maximum(share, 0))


def _need(table: pd.DataFrame, columns: tuple[str, ...], name: str) -> None:
    if missing := [column for column in columns if column not in table.columns]:
        raise ValueError(f"{name} has no column {', '.join(missing)}; it has {[*table.columns]}")
