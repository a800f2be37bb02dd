"""How far a figure could have been off, had the same shop met other customers."""

from collections.abc import Callable
from numbers import Integral

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri

from clvlib.metrics._resampling import check_level, codes_of

__all__ = ["bootstrap_interval", "wilson_interval"]

#: Indices drawn at a time for the mean: 16 MB of them, whatever the table's length.
_CHUNK = 2_000_000


def bootstrap_interval(
    values: ArrayLike,
    *,
    statistic: Callable[[np.ndarray], float] = np.mean,
    level: float = 0.95,
    n_resamples: int = 2000,
    random_state: int | np.random.Generator,
    groups: ArrayLike | None = None,
) -> tuple[float, float]:
    """Between which two values does a statistic lie, were the rows drawn anew from their own kind?

    The percentile interval of the non-parametric bootstrap (Efron & Tibshirani 1993, section 13.3): draw as many
    rows as there are, with replacement, ``n_resamples`` times; the ends are the (1 - level)/2 and (1 + level)/2
    quantiles of ``statistic``.

    values: shape (n,), or (n, m) when ``statistic`` reads several columns of a row that belong together.
    statistic: takes an array like ``values`` and returns one number, in the unit the interval then has.
    groups: shape (n,); rows with the same entry (the snapshots of one customer) are drawn together, since they
        are one piece of evidence and not several.

    ValueError: fewer than two rows or groups, a missing group, a NaN or infinity, a level outside (0, 1), a statistic
    that is not finite on a resample (say, a rate among positives where a resample has none).

    >>> low, high = bootstrap_interval([3.0, 5.0, 4.0, 8.0, 6.0], random_state=0)
    >>> print(f"{low:.1f} to {high:.1f}")
    3.8 to 6.6
    """
    rows = np.asarray(values, dtype=float)
    if rows.ndim == 0 or len(rows) < 2:
        raise ValueError(f"an interval needs at least 2 rows, there are {rows.size}; use more customers")
    if not np.isfinite(rows).all():
        bad = int((~np.isfinite(rows)).reshape(len(rows), -1).any(axis=1).sum())
        raise ValueError(f"{bad} of {len(rows)} rows are NaN or infinite; drop them and say so")
    check_level(level)
    if isinstance(n_resamples, bool) or not isinstance(n_resamples, Integral) or n_resamples < 1:
        raise ValueError(f"n_resamples must be at least 1, a whole number, got {n_resamples!r}")
    rng = np.random.default_rng(random_state)
    if groups is not None:
        draws = _grouped_draws(rows, groups, statistic, n_resamples, rng)
    elif statistic is np.mean and rows.ndim == 1:
        draws = _mean_draws(rows, n_resamples, rng)
    else:
        n = len(rows)
        draws = np.array([statistic(rows[rng.integers(n, size=n)]) for _ in range(n_resamples)], dtype=float)
    if not np.isfinite(draws).all():
        raise ValueError(
            f"the statistic is not finite in {int((~np.isfinite(draws)).sum())} of {n_resamples} resamples; "
            "use more rows or a statistic that is always defined"
        )
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _mean_draws(rows: np.ndarray, n_resamples: int, rng: np.random.Generator) -> np.ndarray:
    """Means of resamples, many resamples at a time."""
    n = len(rows)
    step = max(1, _CHUNK // n)
    return np.concatenate(
        [
            rows[rng.integers(n, size=(min(step, n_resamples - start), n))].mean(axis=1)
            for start in range(0, n_resamples, step)
        ]
    )


def _grouped_draws(
    rows: np.ndarray,
    groups: ArrayLike,
    statistic: Callable[[np.ndarray], float],
    n_resamples: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """The statistic on resamples of whole groups."""
    code = codes_of(groups, len(rows))
    n_groups = int(code.max()) + 1
    order = np.argsort(code, kind="stable")
    size = np.bincount(code)
    start = np.cumsum(size) - size
    if statistic is np.mean and rows.ndim == 1:
        total = np.bincount(code, weights=rows)
        step = max(1, _CHUNK // n_groups)
        picked = (
            rng.integers(n_groups, size=(min(step, n_resamples - done), n_groups))
            for done in range(0, n_resamples, step)
        )
        return np.concatenate([total[pick].sum(axis=1) / size[pick].sum(axis=1) for pick in picked])
    draws = np.empty(n_resamples)
    for i in range(n_resamples):
        pick = rng.integers(n_groups, size=n_groups)
        # positions start[g], start[g]+1, … of every picked group, without a Python loop over groups
        within = np.arange(size[pick].sum()) - np.repeat(np.cumsum(size[pick]) - size[pick], size[pick])
        draws[i] = statistic(rows[order[np.repeat(start[pick], size[pick]) + within]])
    return draws


def wilson_interval(successes: int, trials: int, *, level: float = 0.95) -> tuple[float, float]:
    """Between which shares does the true one lie, after ``successes`` in ``trials``?

    Wilson's score interval (Wilson 1927, JASA 22, p. 209), which stays inside [0, 1] and is right for 0 successes,
    where the textbook interval has no width.

    ValueError: no trials, or successes outside 0..trials.

    >>> low, high = wilson_interval(0, 10)
    >>> print(f"{low:.3f} to {high:.3f}")
    0.000 to 0.278
    """
    if trials < 1 or not 0 <= successes <= trials:
        raise ValueError(f"need 0 <= successes <= trials and at least one trial, got {successes} of {trials}")
    check_level(level)
    z = float(ndtri((1 + level) / 2))
    share = successes / trials
    centre = (share + z**2 / (2 * trials)) / (1 + z**2 / trials)
    half = z / (1 + z**2 / trials) * np.sqrt(share * (1 - share) / trials + z**2 / (4 * trials**2))
    # at the ends centre and half are equal, and rounding must not say otherwise
    low = float(centre - half) if successes > 0 else 0.0
    high = float(centre + half) if successes < trials else 1.0
    return max(0.0, low), min(1.0, high)
