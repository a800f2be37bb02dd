"""Tables in, Axes out. The only module that imports matplotlib; notebooks alone import it."""

import base64
import io
from collections.abc import Mapping

import matplotlib.pyplot as plt
import pandas as pd
from IPython.display import display
from matplotlib.axes import Axes
from matplotlib.figure import Figure

__all__ = ["new_axes", "plot_differences", "show"]


def new_axes(*, width: float = 7.0, height: float = 3.6, ncols: int = 1) -> Axes:
    """Axes (an array of them when ``ncols`` > 1) in the house's one style: no top and right spine, a light grid."""
    _, axes = plt.subplots(1, ncols, figsize=(width, height), layout="constrained", squeeze=False)
    for ax in axes[0]:
        ax.spines[["top", "right"]].set_visible(False)
        ax.grid(alpha=0.25)
        ax.set_axisbelow(True)
    return axes[0][0] if ncols == 1 else axes[0]


def show(figure: Figure | Axes, *, alt: str) -> None:
    """Display a figure as a PNG that repeats byte for byte, with ``alt`` as its text for those who cannot see it.

    Why not ``plt.show()``: the inline backend writes the matplotlib version into the file, so that every patch
    release would change every stored chapter, and it has no place for an alternative text.
    """
    fig = figure.figure if isinstance(figure, Axes) else figure
    buffer = io.BytesIO()
    fig.savefig(buffer, format="png", dpi=110, bbox_inches="tight", metadata={"Software": None})
    plt.close(fig)
    png = base64.b64encode(buffer.getvalue()).decode("ascii")
    display({"image/png": png, "text/plain": alt}, metadata={"image/png": {"alt": alt}}, raw=True)


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
