"""Resamples of whole customers as weights: how often each row was drawn."""

from collections.abc import Iterator
from numbers import Integral, Real
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

__all__ = ["check_level", "codes_of", "group_codes", "group_counts", "row_weights"]

#: Weights held at a time: 32 MB of them, whatever the table's length.
_CHUNK = 4_000_000


def check_level(level: Any) -> None:
    """ValueError where the level of an interval is no share between 0 and 1."""
    if not isinstance(level, Real) or not 0 < level < 1:
        raise ValueError(f"level is a share between 0 and 1, got {level!r}")


def group_codes(groups: ArrayLike | None, n: int, *, ordered: bool = False) -> np.ndarray:
    """Codes from 0 of which rows belong together, shape (n,); every row for itself without groups.

    ordered: codes in the order of the groups' names, so that the order of the rows decides nothing; numbers come before
    texts. ValueError for another number of entries than rows, or a missing one.
    """
    if groups is None:
        return np.arange(n)
    named = np.asarray(groups)
    if named.shape != (n,):
        raise ValueError(f"groups has {named.size} entries for {n} rows; they must match one to one")
    code = pd.factorize(named, sort=ordered)[0]
    if (code < 0).any():
        raise ValueError(f"groups: {int((code < 0).sum())} of {n} rows are missing; whose they are must be known")
    return code


def codes_of(groups: ArrayLike | None, n_rows: int) -> np.ndarray:
    """Which group each row belongs to, numbered from 0, shape (n_rows,); without groups every row is its own.

    ValueError: another number of entries than of rows, a missing one, fewer than two groups.
    """
    codes = group_codes(groups, n_rows, ordered=True)
    if n_rows == 0 or codes.max() == 0:
        raise ValueError(f"an interval needs at least 2 groups (customers), there is {min(n_rows, 1)}; use more")
    return codes


def group_counts(
    n_groups: int, n_resamples: int, random_state: int | np.random.Generator, *, width: int | None = None
) -> Iterator[np.ndarray]:
    """How often each group is drawn, in pieces of shape (some, n_groups); ``width`` is what a draw will grow to."""
    if isinstance(n_resamples, bool) or not isinstance(n_resamples, Integral) or n_resamples < 1:
        raise ValueError(f"n_resamples must be a whole number of at least 1, got {n_resamples!r}")
    rng = np.random.default_rng(random_state)
    step = max(1, _CHUNK // max(n_groups, width or 0))
    for start in range(0, n_resamples, step):
        picked = rng.integers(n_groups, size=(min(step, n_resamples - start), n_groups))
        shifted = picked + n_groups * np.arange(len(picked))[:, None]
        counts = np.bincount(shifted.ravel(), minlength=picked.size)
        yield counts.reshape(picked.shape).astype(float)


def row_weights(
    groups: ArrayLike | None, n_rows: int, n_resamples: int, random_state: int | np.random.Generator
) -> Iterator[np.ndarray]:
    """How often each row is drawn when groups are drawn anew with all of their rows: pieces of shape (some, n_rows)."""
    codes = codes_of(groups, n_rows)
    for counts in group_counts(int(codes.max()) + 1, n_resamples, random_state, width=n_rows):
        yield counts[:, codes]
