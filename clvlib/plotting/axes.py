"""The house's one style of axes, and how a figure is shown."""

import base64
import io

import matplotlib.pyplot as plt
from IPython.display import display
from matplotlib.axes import Axes
from matplotlib.figure import Figure

__all__ = ["new_axes", "show"]


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
