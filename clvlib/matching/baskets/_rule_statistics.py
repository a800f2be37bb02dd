"""Intervals and tests for association rules, for many rules at once.

A rule A -> B is a table of four counts: n baskets, ``antecedent`` of them hold A, ``consequent`` hold B, ``both`` hold
both. All arguments are arrays of one shape (or numbers); a basket is one observation.
"""

import numpy as np
from scipy.special import gammaln, ndtri

__all__ = ["adjusted_p_values", "conviction", "fisher_p_values", "leverage", "lift", "wilson"]


def wilson(successes, trials, level: float):
    """Ends of Wilson's score interval (Wilson 1927), as :func:`clvlib.metrics.intervals.wilson_interval`."""
    z = ndtri((1 + level) / 2)
    share = successes / trials
    centre = (share + z**2 / (2 * trials)) / (1 + z**2 / trials)
    half = z / (1 + z**2 / trials) * np.sqrt(share * (1 - share) / trials + z**2 / (4 * trials**2))
    return np.maximum(0.0, centre - half), np.minimum(1.0, centre + half)


def lift(both, antecedent, consequent, n, level: float):
    """both n / (antecedent consequent), and the ends of its interval on the scale of logarithms (delta method).

    With the four counts multinomial, var(log lift) = 1/both - 1/antecedent - 1/consequent + (2 lift - 1)/n.
    """
    value = both * n / (antecedent * consequent)
    variance = 1 / both - 1 / antecedent - 1 / consequent + (2 * value - 1) / n
    width = np.exp(ndtri((1 + level) / 2) * np.sqrt(np.maximum(0.0, variance)))
    return value, value / width, value * width


def leverage(both, antecedent, consequent, n, level: float):
    """Share of baskets with both, less what independence would give; interval by the delta method, within [-1, 1]."""
    a, b, ab = antecedent / n, consequent / n, both / n
    value = ab - a * b
    square = ab * (1 - a - b) ** 2 + (a - ab) * b**2 + (b - ab) * a**2
    half = ndtri((1 + level) / 2) * np.sqrt(np.maximum(0.0, square - (ab - 2 * a * b) ** 2) / n)
    return value, np.maximum(-1.0, value - half), np.minimum(1.0, value + half)


def conviction(both, antecedent, consequent, n, level: float):
    """(1 - share of B) / (1 - confidence), infinite for a rule that was never wrong.

    It is 1 / lift of "A without B", whence its interval. For a rule that was never wrong the delta method has nothing
    to say; its lower end then is the conviction at the lower end of the confidence's interval.
    """
    wrong, without = antecedent - both, n - consequent
    never = wrong == 0
    at_least = np.where(never, 1, wrong)
    inverse, low, high = lift(at_least, antecedent, np.maximum(without, 1), n, level)
    confidence_low, _ = wilson(both, antecedent, level)
    lowest = (without / n) / (1 - confidence_low)
    return (np.where(never, np.inf, 1 / inverse), np.where(never, lowest, 1 / high), np.where(never, np.inf, 1 / low))


def fisher_p_values(both, antecedent, consequent, n):
    """Fisher's exact test, one side: the probability of at least ``both`` were A and B independent.

    The hypergeometric tail, summed until a term changes nothing. Where the lift is not above 1 the answer is 1, which
    is at least the true value and decides nothing.
    """
    both, antecedent, consequent, n = (
        np.asarray(x, dtype=float) for x in np.broadcast_arrays(both, antecedent, consequent, n)
    )
    result = np.ones(both.shape)
    above = np.flatnonzero(both * n > antecedent * consequent)
    x, a, b, n = both[above], antecedent[above], consequent[above], n[above]
    log_first = _log_choose(a, x) + _log_choose(n - a, b - x) - _log_choose(n, b)
    total, term = np.ones(len(x)), np.ones(len(x))
    active = np.arange(len(x))
    while len(active):
        # behind the mean each term is smaller than the one before, and 0 behind the last that can be
        for _ in range(16):
            term *= (a - x) * (b - x) / ((x + 1) * (n - a - b + x + 1))
            x = x + 1
            total[active] += term
        going = term > 1e-16 * total[active]
        active, term, x, a, b, n = (part[going] for part in (active, term, x, a, b, n))
    result[above] = np.minimum(1.0, np.exp(log_first) * total)
    return result


def _log_choose(n, k):
    return gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)


def adjusted_p_values(p_values: np.ndarray, *, n_tried: int) -> np.ndarray:
    """Benjamini and Hochberg (1995) for ``n_tried`` hypotheses, of which those not given have a p-value of 1.

    The smallest false discovery rate at which each would be called a discovery.
    """
    order = np.argsort(p_values, kind="stable")
    scaled = p_values[order] * n_tried / np.arange(1, len(order) + 1)
    result = np.empty(len(order))
    result[order] = np.minimum(1.0, np.minimum.accumulate(scaled[::-1])[::-1])
    return result
