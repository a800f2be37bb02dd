"""Which customers does a rule act on: how often each branch fires, what falls between and under them, what it earns?

:func:`audit_rule` looks at a set of customers, :func:`audit_over_range` at a stated formula with no customers at all,
over all that its features can be.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import expit, ndtri

from clvlib.metrics.intervals import wilson_interval
from clvlib.retention._checks import check_level, checked_probability, group_codes
from clvlib.retention.acting._formula import Formula
from clvlib.retention.acting.actions import Action, break_even_effect, break_even_probability
from clvlib.retention.acting.policies import effect_sensitivity
from clvlib.retention.acting.thresholds import best_threshold
from clvlib.split.door import whole

__all__ = ["RangeAudit", "RuleAudit", "audit_over_range", "audit_rule"]


@dataclass(frozen=True)
class RuleAudit:
    """What a rule does to a set of customers.

    branches: one row an action: ``action``, ``low``, ``high``, ``fires`` (customers), ``share`` (of all) with
        ``share_low`` and ``share_high``, ``mean_probability`` (NaN where it never fires), ``extra_returns`` and
        ``expected_profit`` (currency, total) with ``profit_low`` and ``profit_high``.
    gaps: one row an interval of probability where nothing is done: ``low``, ``high``, ``customers``, ``share``.
    overlaps: one row an interval where several actions fire: the same, and ``actions``.
    n_customers: of how many. Profits of overlapping actions are added up as if their effects were independent.
    sensitivity: ``action`` and the columns of :func:`effect_sensitivity`, a row for each action and effect tried.
    thresholds: one row an action: ``action``, ``low``, ``high``, ``break_even_probability`` (below it contacting a
        customer pays at the assumed effect), ``break_even_effect`` (above it the branch as it is pays; NaN where it
        never fires or no effect up to 1 is enough); where outcomes were handed in, the fields of
        :class:`BestThreshold`, ``threshold`` to ``honest_high`` with ``threshold_low`` and ``threshold_high``.
    """

    branches: pd.DataFrame
    gaps: pd.DataFrame
    overlaps: pd.DataFrame
    n_customers: int
    sensitivity: pd.DataFrame = field(default_factory=pd.DataFrame)
    thresholds: pd.DataFrame = field(default_factory=pd.DataFrame)


@dataclass(frozen=True)
class RangeAudit:
    """What a rule does over all that a formula's features can be; no customers, so no intervals and no money.

    lowest, highest: the least and the greatest probability within the ranges, exactly.
    lowest_at, highest_at: the feature values where they are reached, by name.
    branches: one row an action: ``action``, ``low``, ``high``, ``possible`` (whether any feature values within the
        ranges fire it, exactly), ``fires`` (points), ``share`` of the points that were tried.
    gaps, overlaps: as in :class:`RuleAudit`, with ``points`` for customers.
    n_points: how many points were tried.
    """

    lowest: float
    highest: float
    lowest_at: dict[str, float]
    highest_at: dict[str, float]
    branches: pd.DataFrame
    gaps: pd.DataFrame
    overlaps: pd.DataFrame
    n_points: int


def audit_rule(
    probability: ArrayLike,
    actions: Sequence[Action],
    *,
    value_per_return: float = 0.0,
    groups: ArrayLike | None = None,
    outcome: ArrayLike | None = None,
    effects: Sequence[float] | None = None,
    level: float = 0.95,
    random_state: int | np.random.Generator = 0,
) -> RuleAudit:
    """How often does each branch of a rule fire, what falls between or under two of them, and what is it worth?

    probability: shape (n,), of coming back without any action, 0 to 1. value_per_return: margin of one return
    before the action's own discount, in currency. groups: shape (n,), the customer of each row, where a customer has
    several (snapshots); every row is a customer of its own by default. outcome: shape (n,), who came back without any
    action, where that is known: then the threshold that earned most is sought, too (:func:`best_threshold`, whose
    bootstrap random_state seeds). effects: to try for the sensitivity; by default none, half, all and twice of what
    each action assumes.

    Intervals say what another set of customers of the same kind would have given. Shares: Wilson's, the number of rows
    divided by the design effect of the customers' rows (Kish 1965, Survey Sampling, section 8.2; where all or none
    fire, which tells nothing of it, by the rows a customer has). Expected profit: normal, customers as clusters. They
    take the probabilities and the assumed effects as they are.

    ValueError: no customer, a probability outside 0 to 1, no action, two actions of one name, groups that do not match.

    >>> rule = [Action("coupon", high=0.5), Action("care", low=0.8)]
    >>> audit = audit_rule([0.62, 0.7, 0.85, 0.9], rule)
    >>> audit.branches[["action", "fires", "share", "share_low", "share_high"]].round(2)
       action  fires  share  share_low  share_high
    0  coupon      0    0.0       0.00        0.49
    1    care      2    0.5       0.15        0.85
    >>> audit.gaps
       low  high  customers  share
    0  0.5   0.8          2    0.5
    """
    p = checked_probability(probability)
    check_level(level)
    code = group_codes(groups, len(p))
    rows = []
    for action in _named(actions):
        fires = action.fires(p)
        hit, count = p[fires], int(fires.sum())
        each = np.where(fires, action.profit(p, value_per_return=value_per_return), 0.0)
        share_low, share_high = _share_interval(fires, code, level)
        total, half = float(each.sum()), float(ndtri((1 + level) / 2)) * _error_of_total(each, code)
        rows.append(
            {
                "action": action.name,
                "low": action.low,
                "high": action.high,
                "fires": count,
                "share": count / len(p),
                "share_low": share_low,
                "share_high": share_high,
                "mean_probability": hit.mean() if count else np.nan,
                "extra_returns": float(action.assumed_effect * (1 - hit).sum()),
                "expected_profit": float(action.profit(hit, value_per_return=value_per_return).sum()),
                "profit_low": total - half,
                "profit_high": total + half,
            }
        )
    gaps, overlaps = _between(p, actions, "customers")
    tried = [_sensitivity(p, action, value_per_return, effects) for action in actions]
    search = {"value_per_return": value_per_return, "groups": groups, "level": level, "random_state": random_state}
    thresholds = [_thresholds(p, action, outcome, **search) for action in actions]
    return RuleAudit(
        pd.DataFrame(rows), gaps, overlaps, len(p), pd.concat(tried, ignore_index=True), pd.DataFrame(thresholds)
    )


def audit_over_range(
    intercept: float,
    coefficients: Sequence[float],
    ranges: Sequence[Any] | Mapping[str, Any],
    actions: Sequence[Action] = (),
    *,
    n_samples: int = 1_000_000,
    random_state: int | np.random.Generator = 0,
) -> RangeAudit:
    """Which probabilities can a stated logistic formula give at all, and which branches of a rule can ever fire?

    The formula is ``1 / (1 + exp(-(b0 + b1 x1 + b2 x2 + …)))``, as in
    :func:`clvlib.retention.logistic_probability`. It is monotone in every feature, so that its least and
    greatest values over a box of features lie in two corners (interval arithmetic: each term's ends, added): no search
    can miss them, and a branch that is not ``possible`` will never fire for anybody in the ranges.

    ranges: one for each coefficient, as a sequence or by name. ``(low, high)`` is a continuous feature, ``(low, high,
    step)`` a grid with both ends, as for counts. If all have a step, every point of the grid is counted (up to 10
    million of them); else ``n_samples`` points are drawn, uniformly over each range (or its grid). Shares are of
    *points*, not of customers: where customers lie only :func:`audit_rule` can tell.

    ValueError: not one range a coefficient, an end or a step that makes no range, a coefficient that is not a number,
    a grid too large to count.

    >>> rule = [Action("coupon", high=0.5), Action("care", low=0.8)]
    >>> audit = audit_over_range(0.5, [0.2, 0.1, 0.1], [(0, 30, 1), (0, 30, 1), (0, 600, 1)], rule)
    >>> audit.n_points, round(audit.lowest, 4)
    (577561, 0.6225)
    >>> audit.branches[["action", "possible", "fires", "share"]].round(4)
       action  possible   fires   share
    0  coupon     False       0  0.0000
    1    care      True  577466  0.9998
    """
    n_samples = whole("n_samples", n_samples)
    formula = Formula(intercept, coefficients, ranges)
    grid, (below, above) = formula.grid(), formula.continuous_ends()
    if below == above:
        log_odds = grid
    else:
        rng = np.random.default_rng(random_state)
        log_odds = rng.choice(grid, n_samples) + formula.continuous_sample(n_samples, rng)
    p, floor, ceiling = expit(log_odds), expit(grid + below), expit(grid + above)
    rows = []
    for action in () if isinstance(actions, tuple | list) and not actions else _named(actions):
        fires = int(action.fires(p).sum())
        # around every grid point the continuous features reach a whole interval of probabilities
        reached = (ceiling >= action.low) & ((floor < action.high) | (action.high == 1))
        possible = bool(reached.any()) and (action.low < action.high or action.high == 1)
        rows.append([action.name, action.low, action.high, possible, fires, fires / len(p)])
    gaps, overlaps = _between(p, actions, "points")
    lowest, highest = formula.corners()
    return RangeAudit(
        float(expit(grid.min() + below)),
        float(expit(grid.max() + above)),
        lowest,
        highest,
        pd.DataFrame(rows, columns=["action", "low", "high", "possible", "fires", "share"]),
        gaps,
        overlaps,
        len(p),
    )


def _named(actions: Sequence[Action]) -> Sequence[Action]:
    listed = isinstance(actions, Sequence) and not isinstance(actions, str)
    if not listed or not all(isinstance(action, Action) for action in actions):
        raise ValueError(f"a rule is a list of actions, as in [Action('coupon', high=0.5)], not {actions!r}")
    names = [action.name for action in actions]
    if not names or len(set(names)) < len(names):
        raise ValueError(f"a rule needs at least one action, each with a name of its own; got {names}")
    return actions


def _between(p: np.ndarray, actions: Sequence[Action], unit: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The intervals of probability with no action, and those with several, and how many lie there."""
    edges = sorted({0.0, 1.0, *(a.low for a in actions), *(a.high for a in actions)})
    gaps, overlaps = [], []
    for low, high in pairwise(edges):
        here = [action.name for action in actions if action.low <= low and high <= action.high]
        count = int(((p >= low) & ((p < high) | (high == 1))).sum())
        row = {"low": low, "high": high, unit: count, "share": count / len(p)}
        if not here:
            gaps.append(row)
        elif len(here) > 1:
            overlaps.append(row | {"actions": " + ".join(here)})
    columns = ["low", "high", unit, "share"]
    return pd.DataFrame(gaps, columns=columns), pd.DataFrame(overlaps, columns=[*columns, "actions"])


def _sensitivity(p: np.ndarray, action: Action, value: float, effects: Sequence[float] | None) -> pd.DataFrame:
    if effects is None:
        effects = sorted({min(1.0, times * action.assumed_effect) for times in (0.0, 0.5, 1.0, 2.0)})
    table = effect_sensitivity(p, action, value_per_return=value, effects=effects)
    table.insert(0, "action", action.name)
    return table


def _thresholds(p: np.ndarray, action: Action, outcome: ArrayLike | None, **search: Any) -> dict[str, Any]:
    hit, value = p[action.fires(p)], search["value_per_return"]
    flip = break_even_effect(float(hit.mean()), action, value_per_return=value) if len(hit) else np.nan
    row = {
        "action": action.name,
        "low": action.low,
        "high": action.high,
        "break_even_probability": break_even_probability(action, value_per_return=value),
        "break_even_effect": flip if flip <= 1 else np.nan,
    }
    if outcome is not None:
        found = asdict(best_threshold(p, outcome, action, **search))
        row |= {"threshold_" + name if name in ("low", "high") else name: found[name] for name in found}
    return row


def _share_interval(fires: np.ndarray, code: np.ndarray, level: float) -> tuple[float, float]:
    n, count = len(fires), int(fires.sum())
    share, n_groups = count / n, int(code.max()) + 1
    effect = n / n_groups
    if 0 < count < n and 1 < n_groups < n:
        effect = _error_of_total(fires - share, code) ** 2 / (n * share * (1 - share))
    # never more evidence than rows, never less than one customer's
    rows = n / min(max(effect, 1.0), n)
    return wilson_interval(share * rows, rows, level=level)


def _error_of_total(values: np.ndarray, code: np.ndarray) -> float:
    """Standard error of the sum over all rows, whole customers drawn anew; NaN of one customer."""
    total = np.bincount(code, weights=values)
    n = len(total)
    return float(np.sqrt(n * total.var(ddof=1))) if n > 1 else float("nan")
