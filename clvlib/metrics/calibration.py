"""Of those who were told 10 %, did a tenth come? How far off the probabilities are, and how much of it is noise.

``outcome`` holds 0 and 1 (or booleans), ``probability`` the predicted chance of a 1, both of shape (n,), as in
:mod:`clvlib.metrics.probability`; anything else is a ValueError. ``groups`` names the customer of each row: rows of one
customer are drawn together, since they are one piece of evidence.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.optimize import brentq
from scipy.special import expit, logit
from scipy.stats import norm

from clvlib.metrics._clustered import clustered_covariance
from clvlib.metrics._resampling import check_level, codes_of, group_counts
from clvlib.metrics.probability import _bin_codes, _checked

__all__ = ["CalibrationError", "CalibrationLine", "calibration_by_group", "calibration_error", "calibration_line"]

#: Nearer to 0 or 1 than this, a probability's log-odds are cut off: one sure thing must not decide about a line.
_EDGE = 1e-6


class CalibrationError(NamedTuple):
    """How far off the probabilities are on average, as a share (0.01 is one percentage point).

    error: as measured; never below 0, and above it even for a perfect forecast.
    low, high: interval of the true error; ``low`` above 0 says that noise alone does not explain what was measured.
    noise: what a perfectly calibrated forecast would be expected to show on as many rows of as many customers.
    noise_high: what it would not exceed with the probability ``level``.
    n, n_bins: rows, and bins that were left of those asked for.
    """

    error: float
    low: float
    high: float
    noise: float
    noise_high: float
    n: int
    n_bins: int


class CalibrationLine(NamedTuple):
    """Level and spread of the probabilities, each with an interval; (0, 1) is calibrated.

    intercept: by how much the log-odds are too low (above 0) or too high (below 0) for everybody, spread left as it is.
    slope: below 1 the probabilities lie too far apart (the model was too sure), above 1 too close together.
    """

    intercept: float
    intercept_low: float
    intercept_high: float
    slope: float
    slope_low: float
    slope_high: float


def calibration_error(
    outcome: ArrayLike,
    probability: ArrayLike,
    *,
    n_bins: int = 10,
    groups: ArrayLike | None = None,
    level: float = 0.95,
    n_resamples: int = 1000,
    random_state: int | np.random.Generator = 0,
) -> CalibrationError:
    """By how much is the average probability off, bin by bin? And by how much would a perfect forecast seem to be?

    The expected calibration error, ``sum over bins of n_b / n * abs(mean probability - share that came)``, in bins of
    equally many rows, ties together (Naeini, Cooper & Hauskrecht 2015, with the equal counts of Nguyen & O'Connor
    2015). It is a sum of absolute values, so that noise never cancels in it: read it beside ``noise``, the same sum
    over resamples of customers of how far each bin's difference strays from its own mean.

    The interval is ``error`` plus and minus ``noise_high``, cut off at 0. By the triangle inequality the measured
    error cannot be farther from the true one than the noise's own error, so it holds the truth at least as often as
    ``level`` says. The usual percentile bootstrap does not: it adds the noise a second time and lies too high.

    ValueError: see the module; also fewer than two customers, a level outside (0, 1).

    >>> rng = np.random.default_rng(0)
    >>> p = rng.uniform(0.05, 0.30, 4000)
    >>> came = rng.random(4000) < p
    >>> fair, bold = calibration_error(came, p), calibration_error(came, np.minimum(p + 0.1, 1))
    >>> fair.low, fair.error < fair.noise_high, bold.low > 0
    (0.0, True, True)
    """
    y, p = _checked(outcome, probability)
    check_level(level)
    codes = _bin_codes(p, n_bins)
    customer = codes_of(groups, len(y))
    n_customers, found = int(customer.max()) + 1, int(codes.max()) + 1
    cell = customer * found + codes
    off = np.bincount(cell, weights=p - y, minlength=n_customers * found).reshape(n_customers, found)
    size = np.bincount(customer, minlength=n_customers)
    mean = off.sum(axis=0) / len(y)
    error = float(np.abs(mean).sum())
    noise = np.concatenate(
        [
            np.abs(counts @ off / (counts @ size)[:, None] - mean).sum(axis=1)
            for counts in group_counts(n_customers, n_resamples, random_state)
        ]
    )
    reach = float(np.quantile(noise, level))
    low, high = max(error - reach, 0.0), min(error + reach, 1.0)
    return CalibrationError(error, low, high, float(noise.mean()), reach, len(y), found)


def calibration_line(
    outcome: ArrayLike, probability: ArrayLike, *, groups: ArrayLike | None = None, level: float = 0.95
) -> CalibrationLine:
    """Is the level right, and is the spread? ``logit P(came) = a + b logit(probability)`` (Cox 1958, Biometrika 45).

    ``slope`` is b of that line; ``intercept`` is a with b held at 1, "calibration in the large", which is 0 where the
    mean probability is the share that came. Wald intervals, with a covariance that lets the rows of one customer depend
    on each other (Liang & Zeger 1986).

    The slope and its interval are NaN where they are not defined: one probability for everybody, or outcomes that the
    probabilities separate perfectly. ValueError: see the module; also one class only.

    >>> came = [0, 0, 0, 1] * 50 + [0, 1, 1, 1] * 50
    >>> line = calibration_line(came, [0.4] * 200 + [0.6] * 200)
    >>> print(f"{abs(line.intercept):.2f}, {line.slope:.2f}, from {line.slope_low:.2f}")
    0.00, 2.71, from 2.15
    """
    y, p = _checked(outcome, probability)
    check_level(level)
    if y.min() == y.max():
        raise ValueError(f"all {len(y)} outcomes are {int(y[0])}: a line needs both; use a longer outcome window")
    customer = codes_of(groups, len(y))
    z, wide = logit(np.clip(p, _EDGE, 1 - _EDGE)), norm.ppf((1 + level) / 2)
    # between these ends everybody is told less, or more, than anybody's outcome can be
    span = np.abs(z).max() + abs(logit(y.mean())) + 1
    intercept = brentq(lambda a: expit(a + z).mean() - y.mean(), -span, span, xtol=1e-12)
    reach = wide * np.sqrt(clustered_covariance(np.ones((len(y), 1)), y, expit(intercept + z), customer)[0, 0])
    slope, error = _slope(z, y, customer)
    ends = (slope - wide * error, slope + wide * error)
    return CalibrationLine(float(intercept), float(intercept - reach), float(intercept + reach), slope, *ends)


def calibration_by_group(
    outcome: ArrayLike,
    probability: ArrayLike,
    by: ArrayLike,
    *,
    groups: ArrayLike | None = None,
    level: float = 0.95,
    n_resamples: int = 1000,
    random_state: int | np.random.Generator = 0,
) -> pd.DataFrame:
    """For whom, or when, are the probabilities off? One row a value of ``by``: a segment, a snapshot date.

    Indexed by the values of ``by`` in their order: ``n`` rows, ``customers``, ``mean_probability``, ``outcome_rate``,
    ``difference`` (predicted minus realised) with ``low`` and ``high`` (customers drawn anew), and ``verdict``:
    ``too high``, ``too low`` or ``within noise``; ``too few`` and no interval below two customers. Each interval stands
    for itself: of twenty groups of a perfect forecast, one lies outside on average.

    ValueError: see the module; ``by`` of another length or with missing values.

    >>> table = calibration_by_group([0, 1, 0, 1, 0, 0], [0.5] * 4 + [0.9] * 2, ["a"] * 4 + ["b"] * 2)
    >>> table[["n", "mean_probability", "outcome_rate", "verdict"]]
       n  mean_probability  outcome_rate       verdict
    a  4               0.5           0.5  within noise
    b  2               0.9           0.0      too high
    """
    y, p = _checked(outcome, probability)
    check_level(level)
    of = pd.Series(by).reset_index(drop=True)
    if len(of) != len(y) or of.isna().any():
        raise ValueError(f"by has {len(of)} entries, {int(of.isna().sum())} missing, for {len(y)} rows; give one each")
    customer = codes_of(groups, len(y))
    rng = np.random.default_rng(random_state)
    rows = {}
    for value, positions in of.groupby(of, sort=True, observed=True).indices.items():
        off = p[positions] - y[positions]
        own = np.unique(customer[positions], return_inverse=True)[1]
        n_own = int(own.max()) + 1
        low = high = np.nan
        if n_own > 1:
            total, size = np.bincount(own, weights=off), np.bincount(own)
            draws = [counts @ total / (counts @ size) for counts in group_counts(n_own, n_resamples, rng)]
            low, high = np.quantile(np.concatenate(draws), [(1 - level) / 2, (1 + level) / 2])
        verdict = "too few" if n_own < 2 else "too high" if low > 0 else "too low" if high < 0 else "within noise"
        rows[value] = [len(off), n_own, p[positions].mean(), y[positions].mean(), off.mean(), low, high, verdict]
    names = ["n", "customers", "mean_probability", "outcome_rate", "difference", "low", "high", "verdict"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=names)


def _slope(z: np.ndarray, y: np.ndarray, customer: np.ndarray) -> tuple[float, float]:
    """Slope of the line and its standard error; NaN where the likelihood has no maximum."""
    came, stayed = z[y == 1], z[y == 0]
    if np.ptp(z) == 0 or came.min() >= stayed.max() or came.max() <= stayed.min():
        return np.nan, np.nan
    design = np.column_stack([np.ones(len(z)), z])
    beta = np.array([0.0, 1.0])
    likelihood = _log_likelihood(design @ beta, y)
    for _ in range(100):
        mu = expit(design @ beta)
        step = np.linalg.solve(design.T @ (design * (mu * (1 - mu))[:, None]), design.T @ (y - mu))
        # halved until it climbs: Newton's full step can overshoot where many probabilities are near 0 or 1
        while (after := _log_likelihood(design @ (beta + step), y)) < likelihood and np.abs(step).max() > 1e-12:
            step = step / 2
        beta, likelihood = beta + step, after
        if np.abs(step).max() < 1e-10:
            break
    return float(beta[1]), float(np.sqrt(clustered_covariance(design, y, expit(design @ beta), customer)[1, 1]))


def _log_likelihood(log_odds: np.ndarray, y: np.ndarray) -> float:
    return float(np.sum(y * log_odds - np.logaddexp(0, log_odds)))
