"""What is done for customers, and what it earns: one action, its formula, and what it would have earned.

An action meets customers who would have come back anyway and customers who would not. With p the probability of
coming back without it, e the *assumed* share of the others it brings back, v the value of one return to the shop,
d what the action takes off every return (a coupon is redeemed by those who would have come anyway, too) and c the
cost of contact::

    profit per contact = e (1 - p) (v - d) - d p - c

which falls with p: act below ``p* = (e (v - d) - c) / (e (v - d) + d)``. The effect e is an assumption until an
experiment with a control group has measured it; a low probability is a risk, not a readiness to be persuaded.
All money in currency.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from clvlib.retention._checks import number, true_or_false

__all__ = ["Action", "break_even_effect", "break_even_probability", "realised_profit"]


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
        for share in ("low", "high", "assumed_effect"):
            number(f"{self.name}: {share}", getattr(self, share), low=0, high=1)
        for amount in ("cost_per_contact", "discount_per_return"):
            number(f"{self.name}: {amount}", getattr(self, amount), low=0)
        if self.low > self.high:
            raise ValueError(f"{self.name}: need low <= high, got {self.low} and {self.high}")

    def fires(self, probability: np.ndarray) -> np.ndarray:
        """For which customers, shape (n,), as booleans."""
        return (probability >= self.low) & ((probability < self.high) | (self.high == 1))

    def profit(self, probability: np.ndarray, *, value_per_return: float) -> np.ndarray:
        """Expected profit of contacting each customer, in currency, shape (n,); see the module for the formula.

        ValueError, here and below: a ``value_per_return`` that is no finite number.
        """
        value_per_return = number("value_per_return", value_per_return)
        extra = self.assumed_effect * (1 - probability)
        return (
            extra * (value_per_return - self.discount_per_return)
            - self.discount_per_return * probability
            - self.cost_per_contact
        )


def break_even_probability(action: Action, *, value_per_return: float) -> float:
    """Below which probability of coming back does contacting a customer pay? 0 if it never does, 1 if always.

    >>> coupon = Action("coupon", assumed_effect=0.10, cost_per_contact=0.10, discount_per_return=1.0)
    >>> break_even_probability(coupon, value_per_return=6.0)
    0.26666666666666666
    """
    gain = action.assumed_effect * (number("value_per_return", value_per_return) - action.discount_per_return)
    at_zero, slope = gain - action.cost_per_contact, gain + action.discount_per_return
    if at_zero <= 0:
        return 0.0
    return float(min(at_zero / slope, 1.0))


def break_even_effect(mean_probability: float, action: Action, *, value_per_return: float) -> float:
    """From which effect on does treating a set of customers pay? ``(d P + c) / ((v - d) (1 - P))``, see the module.

    mean_probability: P, of coming back anyway, over the set. The action's ``assumed_effect`` is not used. Above 1, or
    infinite where a return brings nothing or all come back anyway, no effect is enough.

    >>> coupon = Action("coupon", cost_per_contact=0.10, discount_per_return=1.0)
    >>> round(break_even_effect(0.2, coupon, value_per_return=6.0), 3)
    0.075
    """
    mean_probability = number("mean_probability", mean_probability, low=0, high=1)
    lost = action.discount_per_return * mean_probability + action.cost_per_contact
    won = (1 - mean_probability) * (number("value_per_return", value_per_return) - action.discount_per_return)
    return float(lost / won) if won > 0 else float("inf")


def realised_profit(outcome: ArrayLike, treated: ArrayLike, action: Action, *, value_per_return: float) -> np.ndarray:
    """What would acting on ``treated`` have earned, given who came back without it? Currency per customer, shape (n,).

    outcome: shape (n,), whether each came back untreated. Only the effect is assumed here, no predicted probability: an
    untreated returner costs the discount, one who stayed away is brought back with ``assumed_effect``. Not treated: 0.
    ValueError: an outcome outside 0 to 1, ``treated`` missing or neither true nor false.

    >>> coupon = Action("coupon", assumed_effect=0.10, cost_per_contact=0.10, discount_per_return=1.0)
    >>> realised_profit([0, 1, 1], [True, True, False], coupon, value_per_return=6.0).round(2).tolist()
    [0.4, -1.1, 0.0]
    """
    came = np.asarray(outcome, dtype=float)
    acted = true_or_false("treated", treated, came.size)
    wrong = ~((came >= 0) & (came <= 1))
    if wrong.any():
        raise ValueError(f"{int(wrong.sum())} of {came.size} outcomes are NaN or outside 0 to 1; give came_back")
    return np.where(acted, action.profit(came, value_per_return=value_per_return), 0.0)
