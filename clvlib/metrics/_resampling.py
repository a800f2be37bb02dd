"""Resamples of whole customers as weights: how often each row was drawn."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["codes_of", "group_counts", "row_weights"]

#: Weights held at a time: 32 MB of them, whatever the table's length.
_CHUNK = 4_000_000


def codes_of(groups: ArrayLike | None, n_rows: int) -> np.ndarray:
    """Which group each row belongs to, numbered from 0, shape (n_rows,); without groups every row is its own.

    ValueError: another number of entries than of rows, fewer than two groups.
    """
    codes = np.arange(n_rows) if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1].ravel()
    if len(codes) != n_rows:
        raise ValueError(f"groups has {len(codes)} entries for {n_rows} rows; they must match one to one")
    if n_rows == 0 or codes.max() == 0:
        raise ValueError(f"an interval needs at least 2 groups (customers), there is {min(n_rows, 1)}; use more")
    return codes


def group_counts(
    n_groups: int, n_resamples: int, random_state: int | np.random.Generator, *, width: int | None = None
) -> Iterator[np.ndarray]:
    """How often each group is drawn, in pieces of shape (some, n_groups); ``width`` is what a draw will grow to."""
    if n_resamples < 1:
        raise ValueError(f"n_resamples must be at least 1, got {n_resamples}")
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
