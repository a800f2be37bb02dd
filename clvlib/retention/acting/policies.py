"""What would each policy have earned, beside doing nothing and treating everyone, and when does the decision flip?"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from clvlib.metrics.intervals import bootstrap_interval
from clvlib.retention._checks import checked_numbers, checked_probability, group_codes, true_or_false
from clvlib.retention.acting.actions import Action, break_even_effect, break_even_probability, realised_profit

__all__ = ["effect_sensitivity", "flip_effects", "policy_table"]


def policy_table(
    outcome: ArrayLike,
    policies: Mapping[str, ArrayLike],
    action: Action,
    *,
    value_per_return: float,
    probability: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    level: float = 0.95,
    n_resamples: int = 1000,
    random_state: int | np.random.Generator,
) -> pd.DataFrame:
    """What would each policy have earned on these customers, against treating nobody and treating everybody?

    outcome: shape (n,), whether each came back without any action. policies: name -> shape (n,), whom it treats;
    ``nobody`` and ``everybody`` are put before them where they are not among them. action: what is done and its
    *assumed* effect; its own ``low`` and ``high`` are not used. probability: shape (n,), predicted, of coming back
    without any action: then what each policy was *expected* to earn stands beside what it earned, the test of an audit
    that believes the probabilities. groups: shape (n,), the customer of each row: rows of one customer are drawn
    together (each row for itself by default).

    Returns one row a policy, index ``policy``, money in currency per row of ``outcome`` (a customer at a snapshot):
    ``treated`` (rows), ``share_treated``; ``profit`` with ``low`` and ``high``, which is also the gain over nobody,
    who costs and earns nothing; ``over_everybody`` with ``over_everybody_low`` and ``over_everybody_high``, paired: the
    difference on the same rows; and ``expected``, where probabilities are handed in. Intervals are percentiles of a
    bootstrap, the same draws for every policy; they say how much depends on which customers came, not on the assumed
    effect (:func:`effect_sensitivity` does).

    ValueError: arrays of different length, missing values, fewer than two customers.

    >>> coupon = Action("coupon", assumed_effect=0.10, cost_per_contact=0.10, discount_per_return=1.0)
    >>> table = policy_table([0, 0, 0, 1, 1], {"first three": [1, 1, 1, 0, 0]}, coupon, value_per_return=6.0,
    ...                      random_state=0)
    >>> table[["share_treated", "profit", "over_everybody"]].rename_axis(None).round(2)
                 share_treated  profit  over_everybody
    nobody                 0.0    0.00            0.20
    everybody              1.0   -0.20            0.00
    first three            0.6    0.24             0.44
    """
    came = np.asarray(outcome, dtype=float)
    if came.ndim != 1 or not len(came):
        raise ValueError(f"outcome must be one non-empty array, got shape {came.shape}")
    treatments = {"nobody": np.zeros(len(came), bool), "everybody": np.ones(len(came), bool)}
    if not isinstance(policies, Mapping):
        raise ValueError(f"policies are whom each treats, by name, as in {{'low': p < 0.1}}, not {policies!r:.80}")
    treatments |= {name: true_or_false(f"policy {name!r}", treated, len(came)) for name, treated in policies.items()}
    code = group_codes(groups, len(came), ordered=True)
    if isinstance(random_state, np.random.Generator):
        random_state = int(random_state.integers(2**32))  # one seed for all: every policy meets the same draws
    options = {"groups": code, "level": level, "n_resamples": n_resamples, "random_state": random_state}
    profit = {
        name: realised_profit(came, treated, action, value_per_return=value_per_return)
        for name, treated in treatments.items()
    }
    told = None if probability is None else checked_probability(probability)
    if told is not None and told.shape != came.shape:
        raise ValueError(f"probability {told.shape} and outcome {came.shape} must be equally long")
    rows = []
    for name, each in profit.items():
        over = each - profit["everybody"]
        low, high = _interval(each, options)
        over_low, over_high = _interval(over, options)
        rows.append(
            {
                "policy": name,
                "treated": int(treatments[name].sum()),
                "share_treated": treatments[name].mean(),
                "profit": each.mean(),
                "low": low,
                "high": high,
                "over_everybody": over.mean(),
                "over_everybody_low": over_low,
                "over_everybody_high": over_high,
            }
        )
    table = pd.DataFrame(rows).set_index("policy")
    if told is not None:
        gain = action.profit(told, value_per_return=value_per_return)
        table["expected"] = [np.where(treated, gain, 0.0).mean() for treated in treatments.values()]
    return table


def effect_sensitivity(
    probability: ArrayLike,
    action: Action,
    *,
    value_per_return: float,
    effects: Sequence[float],
    outcome: ArrayLike | None = None,
) -> pd.DataFrame:
    """How does the decision change when the assumed effect is wrong? One row an effect.

    Columns: ``assumed_effect``, ``break_even_probability``, ``share_treated`` (customers below it), and expected profit
    in currency per customer (treated or not): ``rule`` (the action's own low and high), ``everyone``, ``break_even``
    (those below the break-even probability). Doing nothing earns 0. outcome: shape (n,), who came back without any
    action: then the three are what was realised, for whom the probabilities select, and no longer take them for true.

    ValueError: no effect, or one outside 0 to 1; an outcome that does not match.

    >>> coupon = Action("coupon", high=0.5, cost_per_contact=0.10, discount_per_return=1.0)
    >>> table = effect_sensitivity([0.1, 0.4], coupon, value_per_return=6.0, effects=[0.02, 0.1])
    >>> table[["assumed_effect", "share_treated", "everyone", "break_even"]].round(3)
       assumed_effect  share_treated  everyone  break_even
    0            0.02            0.0    -0.275       0.000
    1            0.10            0.5     0.025       0.125
    """
    p = checked_probability(probability)
    came = _came_back(outcome, p)
    rows = []
    for effect in checked_numbers("effects", effects):
        tried = replace(action, assumed_effect=effect)
        edge = break_even_probability(tried, value_per_return=value_per_return)
        each = tried.profit(came, value_per_return=value_per_return)
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


def flip_effects(
    probability: ArrayLike,
    action: Action,
    *,
    value_per_return: float,
    outcome: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    level: float = 0.95,
    n_resamples: int = 1000,
    random_state: int | np.random.Generator,
) -> pd.DataFrame:
    """From which effect on is the decision another one? The assumption that has to be true, turned round.

    Treating a set of customers pays in expectation above the effect at which the formula of
    :class:`clvlib.retention.Action`, summed over them, is zero: with P the mean probability of coming back anyway,
    ``(d P + c) / ((v - d) (1 - P))``. One row a decision, in this order of ``decision``:

    ``anyone``  the lowest probability: below this effect nobody should be treated, whatever the rule;
    ``rule``    those for whom the action fires (its own ``low`` and ``high``): below it the rule loses money;
    ``everybody``  below it treating everyone loses money;
    ``last``    the highest probability: above it everyone should be treated and there is nothing to choose.

    probability: shape (n,), of coming back without action. The action's ``assumed_effect`` is not used. outcome: shape
    (n,), who did come back without it: then P of ``rule`` and ``everybody`` is the share that came back, and not what
    the probabilities say, which may be wrong just where the decision falls. groups: rows of one
    customer are drawn together.

    Returns ``decision``, ``effect`` (a share, NaN where no effect up to 1 is enough: then the decision stands at any
    effect), ``low``, ``high`` (percentiles of a bootstrap for the two means; an end above 1 says that perhaps no effect
    is enough; NaN for the two extreme probabilities, which are no means), ``customers``.

    ValueError: as :func:`audit_rule`.

    >>> coupon = Action("coupon", high=0.5, cost_per_contact=0.10, discount_per_return=1.0)
    >>> flip_effects([0.1, 0.3, 0.6], coupon, value_per_return=6.0, random_state=0)[["decision", "effect"]].round(3)
        decision  effect
    0     anyone   0.044
    1       rule   0.075
    2  everybody   0.130
    3       last   0.350
    """
    p = checked_probability(probability)
    code = group_codes(groups, len(p))
    came = _came_back(outcome, p)

    def effect(mean: float) -> float:
        return break_even_effect(mean, action, value_per_return=value_per_return)

    fires = action.fires(p)
    rows = []
    for decision, chosen in {
        "anyone": p == p.min(), "rule": fires, "everybody": np.ones(len(p), bool), "last": p == p.max(),
    }.items():  # fmt: skip
        here = (came if decision in ("rule", "everybody") else p)[chosen]
        row = {"decision": decision, "effect": np.nan, "low": np.nan, "high": np.nan, "customers": len(here)}
        if len(here):
            row["effect"] = effect(float(here.mean()))
        if decision in ("rule", "everybody") and len(np.unique(code[chosen])) > 1:
            # the effect rises with the mean, so the ends of the mean's interval are the ends of the effect's
            ends = bootstrap_interval(
                here, groups=code[chosen], level=level, n_resamples=n_resamples, random_state=random_state
            )
            row["low"], row["high"] = map(effect, ends)
        rows.append(row)
    table = pd.DataFrame(rows)
    table["effect"] = table["effect"].where(table["effect"] <= 1)
    return table


def _came_back(outcome: ArrayLike | None, p: np.ndarray) -> np.ndarray:
    """Who came back, 0 and 1; where nobody knows, how probable it is."""
    if outcome is None:
        return p
    came = np.asarray(outcome, dtype=float)
    if came.shape != p.shape:
        raise ValueError(f"probability {p.shape} and outcome {came.shape} must be equally long")
    if wrong := int((~((came >= 0) & (came <= 1))).sum()):
        raise ValueError(f"{wrong} of {came.size} outcomes are NaN or outside 0 to 1; give came_back")
    return came


def _interval(each: np.ndarray, options: dict) -> tuple[float, float]:
    """Of a policy that earns the same from everybody, the interval is that amount, whoever comes."""
    return (float(each[0]),) * 2 if np.ptp(each) == 0 else bootstrap_interval(each, **options)
