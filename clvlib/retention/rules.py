"""Which customers does a rule act on, what would that earn, and where should its threshold lie?

An action meets customers who would have come back anyway and customers who would not. With p the probability of
coming back without it, e the *assumed* share of the others it brings back, v the value of one return to the shop,
d what the action takes off every return (a coupon is redeemed by those who would have come anyway, too) and c the
cost of contact::

    profit per contact = e (1 - p) (v - d) - d p - c

which falls with p: act below ``p* = (e (v - d) - c) / (e (v - d) + d)``. The effect e is an assumption until an
experiment with a control group has measured it; a low probability is a risk, not a readiness to be persuaded.
All money in currency.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

__all__ = [
    "Action",
    "BestThreshold",
    "RuleAudit",
    "audit_rule",
    "best_threshold",
    "break_even_probability",
    "effect_sensitivity",
    "realised_profit",
]


@dataclass(frozen=True)
class Action:
    """One branch of a rule: what is done for customers whose probability of coming back lies in [low, high).

    A ``high`` of 1 includes 1; equal bounds below 1 never fire. assumed_effect: share of those who would stay away that
    come back because of it, 0 to 1. cost_per_contact: currency, for everyone who gets it. discount_per_return:
    currency, off every purchase of those who got it.

    >>> Action("coupon", high=0.5, assumed_effect=0.05, cost_per_contact=0.1).low
    0.0
    """

    name: str
    low: float = 0.0
    high: float = 1.0
    assumed_effect: float = 0.0
    cost_per_contact: float = 0.0
    discount_per_return: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.low <= self.high <= 1:
            raise ValueError(f"{self.name}: need 0 <= low <= high <= 1, got {self.low} and {self.high}")
        if not 0 <= self.assumed_effect <= 1:
            raise ValueError(f"{self.name}: assumed_effect is a share between 0 and 1, got {self.assumed_effect}")
        if not (0 <= self.cost_per_contact < np.inf and 0 <= self.discount_per_return < np.inf):
            raise ValueError(f"{self.name}: costs are amounts of zero or more")

    def fires(self, probability: np.ndarray) -> np.ndarray:
        """For which customers, shape (n,), as booleans."""
        return (probability >= self.low) & ((probability < self.high) | (self.high == 1))

    def profit(self, probability: np.ndarray, *, value_per_return: float) -> np.ndarray:
        """Expected profit of contacting each customer, in currency, shape (n,); see the module for the formula."""
        extra = self.assumed_effect * (1 - probability)
        return (
            extra * (value_per_return - self.discount_per_return)
            - self.discount_per_return * probability
            - self.cost_per_contact
        )


@dataclass(frozen=True)
class RuleAudit:
    """What a rule does to a set of customers.

    branches: one row an action: ``action``, ``low``, ``high``, ``fires`` (customers), ``share`` (of all),
        ``mean_probability`` (NaN where it never fires), ``extra_returns`` and ``expected_profit`` (currency, total).
    gaps: one row an interval of probability where nothing is done: ``low``, ``high``, ``customers``, ``share``.
    overlaps: one row an interval where several actions fire: the same, and ``actions``.
    n_customers: of how many. Profits of overlapping actions are added up as if their effects were independent.
    """

    branches: pd.DataFrame
    gaps: pd.DataFrame
    overlaps: pd.DataFrame
    n_customers: int


@dataclass(frozen=True)
class BestThreshold:
    """The threshold below which acting earned most, and what it earned per customer; both with an interval."""

    threshold: float
    low: float
    high: float
    profit_per_customer: float
    profit_low: float
    profit_high: float


def audit_rule(probability: ArrayLike, actions: Sequence[Action], *, value_per_return: float = 0.0) -> RuleAudit:
    """How often does each branch of a rule fire, what falls between or under two of them, and what is it worth?

    probability: shape (n,), of coming back without any action, 0 to 1. value_per_return: margin of one return
    before the action's own discount, in currency.

    ValueError: no customer, a probability outside 0 to 1, no action, two actions of one name.

    >>> rule = [Action("coupon", high=0.5), Action("care", low=0.8)]
    >>> audit = audit_rule([0.62, 0.7, 0.85, 0.9], rule)
    >>> audit.branches[["action", "fires", "share"]]
       action  fires  share
    0  coupon      0    0.0
    1    care      2    0.5
    >>> audit.gaps
       low  high  customers  share
    0  0.5   0.8          2    0.5
    """
    p = _probability(probability)
    names = [action.name for action in actions]
    if not names or len(set(names)) < len(names):
        raise ValueError(f"a rule needs at least one action, each with a name of its own; got {names}")
    rows = []
    for action in actions:
        hit = p[action.fires(p)]
        rows.append(
            {
                "action": action.name,
                "low": action.low,
                "high": action.high,
                "fires": len(hit),
                "share": len(hit) / len(p),
                "mean_probability": hit.mean() if len(hit) else np.nan,
                "extra_returns": float(action.assumed_effect * (1 - hit).sum()),
                "expected_profit": float(action.profit(hit, value_per_return=value_per_return).sum()),
            }
        )
    edges = sorted({0.0, 1.0, *(a.low for a in actions), *(a.high for a in actions)})
    gaps, overlaps = [], []
    for low, high in pairwise(edges):
        here = [action.name for action in actions if action.low <= low and high <= action.high]
        count = int(((p >= low) & ((p < high) | (high == 1))).sum())
        row = {"low": low, "high": high, "customers": count, "share": count / len(p)}
        if not here:
            gaps.append(row)
        elif len(here) > 1:
            overlaps.append(row | {"actions": " + ".join(here)})
    columns = ["low", "high", "customers", "share"]
    return RuleAudit(
        pd.DataFrame(rows),
        pd.DataFrame(gaps, columns=columns),
        pd.DataFrame(overlaps, columns=[*columns, "actions"]),
        len(p),
    )


def break_even_probability(action: Action, *, value_per_return: float) -> float:
    """Below which probability of coming back does contacting a customer pay? 0 if it never does, 1 if always.

    >>> coupon = Action("coupon", assumed_effect=0.10, cost_per_contact=0.10, discount_per_return=1.0)
    >>> break_even_probability(coupon, value_per_return=6.0)
    0.26666666666666666
    """
    gain = action.assumed_effect * (value_per_return - action.discount_per_return)
    at_zero, slope = gain - action.cost_per_contact, gain + action.discount_per_return
    if at_zero <= 0:
        return 0.0
    return float(min(at_zero / slope, 1.0))


def realised_profit(outcome: ArrayLike, treated: ArrayLike, action: Action, *, value_per_return: float) -> np.ndarray:
    """What would acting on ``treated`` have earned, given who came back without it? Currency per customer, shape (n,).

    outcome: shape (n,), whether each came back untreated. Only the effect is assumed here, no predicted probability: an
    untreated returner costs the discount, one who stayed away is brought back with ``assumed_effect``. Not treated: 0.

    >>> coupon = Action("coupon", assumed_effect=0.10, cost_per_contact=0.10, discount_per_return=1.0)
    >>> realised_profit([0, 1, 1], [True, True, False], coupon, value_per_return=6.0).round(2).tolist()
    [0.4, -1.1, 0.0]
    """
    came = np.asarray(outcome, dtype=float)
    acted = np.asarray(treated, dtype=bool)
    if came.shape != acted.shape:
        raise ValueError(f"outcome {came.shape} and treated {acted.shape} must be equally long")
    return np.where(acted, action.profit(came, value_per_return=value_per_return), 0.0)


def best_threshold(
    probability: ArrayLike,
    outcome: ArrayLike,
    action: Action,
    *,
    value_per_return: float,
    groups: ArrayLike | None = None,
    level: float = 0.95,
    n_resamples: int = 500,
    random_state: int | np.random.Generator,
) -> BestThreshold:
    """Acting on everyone below which predicted probability would have earned most, and how sure is that?

    probability, outcome: shape (n,), predicted and realised without action. groups: shape (n,), rows of one customer
    are resampled together (each row for itself by default). The action's own ``low`` and ``high`` are not used.

    The profit of every threshold is a running sum of :func:`realised_profit` along the sorted probabilities; "act on
    nobody" (threshold 0) and "act on everyone" are among them. Intervals are percentiles of a bootstrap in which the
    best threshold is sought anew; the profit's is that of the threshold found, and optimistic as any choice on the data
    it is judged on: judge a chosen threshold on later data with :func:`realised_profit`.

    ValueError: as :func:`audit_rule`; arrays of different length.
    """
    p = _probability(probability)
    gain = realised_profit(outcome, np.ones(np.shape(outcome), bool), action, value_per_return=value_per_return)
    if p.shape != gain.shape:
        raise ValueError(f"probability {p.shape} and outcome {gain.shape} must be equally long")
    group = np.arange(len(p)) if groups is None else pd.factorize(np.asarray(groups))[0]
    if group.shape != p.shape:
        raise ValueError(f"groups has {group.size} entries for {len(p)} rows; they must match one to one")
    order = np.argsort(p, kind="stable")
    p, gain, group = p[order], gain[order], group[order]
    ends = np.append(np.flatnonzero(np.diff(p)), len(p) - 1)  # a threshold cannot part equal probabilities
    candidates = np.concatenate([[0.0], (p[ends[:-1]] + p[ends[1:]]) / 2, [1.0]])
    rng = np.random.default_rng(random_state)
    n_groups = int(group.max()) + 1

    def best(weight: np.ndarray) -> tuple[float, float]:
        profit = np.concatenate([[0.0], np.cumsum(weight * gain)[ends]])
        top = int(np.argmax(profit))
        return candidates[top], profit[top] / weight.sum()

    threshold, profit = best(np.ones(len(p)))
    draws = np.array(
        [best(np.bincount(rng.integers(n_groups, size=n_groups), minlength=n_groups)[group].astype(float))
         for _ in range(n_resamples)]
    )  # fmt: skip
    (low, profit_low), (high, profit_high) = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return BestThreshold(
        float(threshold), float(low), float(high), float(profit), float(profit_low), float(profit_high)
    )


def effect_sensitivity(
    probability: ArrayLike, action: Action, *, value_per_return: float, effects: Sequence[float]
) -> pd.DataFrame:
    """How does the decision change when the assumed effect is wrong? One row an effect.

    Columns: ``assumed_effect``, ``break_even_probability``, ``share_treated`` (customers below it), and expected profit
    in currency per customer (treated or not): ``rule`` (the action's own low and high), ``everyone``, ``break_even``
    (those below the break-even probability). Doing nothing earns 0.

    >>> coupon = Action("coupon", high=0.5, cost_per_contact=0.10, discount_per_return=1.0)
    >>> table = effect_sensitivity([0.1, 0.4], coupon, value_per_return=6.0, effects=[0.02, 0.1])
    >>> table[["assumed_effect", "share_treated", "everyone", "break_even"]].round(3)
       assumed_effect  share_treated  everyone  break_even
    0            0.02            0.0    -0.275       0.000
    1            0.10            0.5     0.025       0.125
    """
    p = _probability(probability)
    rows = []
    for effect in effects:
        tried = replace(action, assumed_effect=effect)
        edge = break_even_probability(tried, value_per_return=value_per_return)
        each = tried.profit(p, value_per_return=value_per_return)
        below = (p < edge) | (edge == 1)
        rows.append(
            {
                "assumed_effect": effect,
                "break_even_probability": edge,
                "share_treated": below.mean(),
                "rule": np.where(tried.fires(p), each, 0.0).mean(),
                "everyone": each.mean(),
                "break_even": np.where(below, each, 0.0).mean(),
            }
        )
    return pd.DataFrame(rows)


def _probability(probability: ArrayLike) -> np.ndarray:
    p = np.asarray(probability, dtype=float)
    if p.ndim != 1 or not len(p):
        raise ValueError(f"probability must be one non-empty array, got shape {p.shape}")
    wrong = ~((p >= 0) & (p <= 1))
    if wrong.any():
        raise ValueError(f"{int(wrong.sum())} of {len(p)} probabilities are NaN or outside 0 to 1")
    return p
