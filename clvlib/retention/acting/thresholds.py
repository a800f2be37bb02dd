"""Where should a rule's threshold lie, how sure is that, and what is it worth on customers it was not chosen on?"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from clvlib.metrics.intervals import bootstrap_interval
from clvlib.retention._checks import check_level, checked_probability, group_codes
from clvlib.retention.acting.actions import Action, realised_profit
from clvlib.split.door import whole

__all__ = ["BestThreshold", "best_threshold"]

#: Of the honest estimate: a threshold is chosen on nine customers of ten, and how they fell into ten parts is averaged.
_PARTS, _ROUNDS = 10, 5


@dataclass(frozen=True)
class BestThreshold:
    """The threshold below which acting earned most, and what it earned per customer, in currency; with intervals.

    ``threshold``, ``low``, ``high``: a probability. ``profit_per_customer``, ``profit_low``, ``profit_high``: on the
    rows it was chosen on, too good as any choice judged on its own data. ``honest_profit``, ``honest_low``,
    ``honest_high``: chosen on nine tenths of the customers and judged on the last tenth, in turns.
    """

    threshold: float
    low: float
    high: float
    profit_per_customer: float
    profit_low: float
    profit_high: float
    honest_profit: float = float("nan")
    honest_low: float = float("nan")
    honest_high: float = float("nan")


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
    it is judged on (it is never below 0, since doing nothing is among the choices).

    The *honest* profit is cross-validated: the customers are parted at random into ten, the threshold is chosen on nine
    parts and judged on the tenth, in turns, and each row's profit is its mean over five such partings; the interval
    draws customers anew, the choices held. It may be negative. It still speaks of the same time: what a threshold earns
    *later* is :func:`clvlib.retention.policy_table` on later rows. With one customer only it is NaN.

    ValueError: as :func:`audit_rule`; arrays of different length; an outcome outside 0 to 1.

    >>> rng = np.random.default_rng(0)
    >>> p = rng.uniform(0, 1, 2000)
    >>> coupon = Action("coupon", assumed_effect=0.10, cost_per_contact=0.10, discount_per_return=1.0)
    >>> found = best_threshold(p, rng.random(2000) < p, coupon, value_per_return=6.0, random_state=0)
    >>> print(f"{found.threshold:.2f} [{found.low:.2f}, {found.high:.2f}]")
    0.30 [0.25, 0.32]
    >>> found.honest_profit < found.profit_per_customer
    True
    """
    p = checked_probability(probability)
    gain = realised_profit(outcome, np.ones(np.shape(outcome), bool), action, value_per_return=value_per_return)
    if p.shape != gain.shape:
        raise ValueError(f"probability {p.shape} and outcome {gain.shape} must be equally long")
    check_level(level)
    n_resamples = whole("n_resamples", n_resamples)
    group = group_codes(groups, len(p))
    order = np.argsort(p, kind="stable")
    p, gain, group = p[order], gain[order], group[order]
    ends = np.append(np.flatnonzero(np.diff(p)), len(p) - 1)  # a threshold cannot part equal probabilities
    candidates = np.concatenate([[0.0], (p[ends[:-1]] + p[ends[1:]]) / 2, [1.0]])
    rng = np.random.default_rng(random_state)
    n_groups = int(group.max()) + 1

    def best(weight: np.ndarray) -> tuple[int, float]:
        profit = np.concatenate([[0.0], np.cumsum(weight * gain)[ends]])
        top = int(np.argmax(profit))
        return top, profit[top] / weight.sum()

    top, profit = best(np.ones(len(p)))
    draws = np.empty((n_resamples, 2))
    for draw in draws:
        weight = np.bincount(rng.integers(n_groups, size=n_groups), minlength=n_groups)
        at, draw[1] = best(weight[group].astype(float))
        draw[0] = candidates[at]
    (low, profit_low), (high, profit_high) = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2], axis=0)

    honest = (float("nan"),) * 3
    if n_groups > 1:
        earned = np.zeros(len(p))
        for _ in range(_ROUNDS):
            part = (rng.permutation(n_groups) % _PARTS)[group]
            for judged in (part == number for number in range(min(_PARTS, n_groups))):
                top_there, _ = best((~judged).astype(float))
                edge = _edge(p, np.flatnonzero(~judged), ends[top_there - 1] if top_there else -1)
                earned += np.where(judged & (p < edge), gain, 0.0) / _ROUNDS
        interval = bootstrap_interval(earned, level=level, n_resamples=n_resamples, random_state=rng, groups=group)
        honest = (float(earned.mean()), *interval)
    return BestThreshold(
        float(candidates[top]), float(low), float(high), float(profit), float(profit_low), float(profit_high), *honest
    )


def _edge(p: np.ndarray, chosen_on: np.ndarray, last: int) -> float:
    """The threshold half-way between the last row acted on and the next of those it was chosen on."""
    following = chosen_on[np.searchsorted(chosen_on, last, side="right") :]
    if last < 0:
        return 0.0
    return (p[last] + p[following[0]]) / 2 if len(following) else np.inf
