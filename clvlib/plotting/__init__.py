"""Tables in, Axes out. The only room that imports matplotlib; notebooks alone import it."""

from clvlib.plotting.axes import new_axes, show
from clvlib.plotting.comparison import plot_differences, plot_group_differences, plot_tradeoff
from clvlib.plotting.customers import plot_inactivity, plot_transitions, plot_triangle
from clvlib.plotting.retention import plot_level_over_time, plot_ranking_curves, plot_reliability, plot_survival
from clvlib.plotting.value import plot_coverage, plot_deciles, plot_frequency_recency, plot_tracking

__all__ = [
    "new_axes",
    "plot_coverage",
    "plot_deciles",
    "plot_differences",
    "plot_frequency_recency",
    "plot_group_differences",
    "plot_inactivity",
    "plot_level_over_time",
    "plot_ranking_curves",
    "plot_reliability",
    "plot_survival",
    "plot_tracking",
    "plot_tradeoff",
    "plot_transitions",
    "plot_triangle",
    "show",
]
