"""A look at long columns, a piece at a time: what is looked at twice is then still in the cache."""

from collections.abc import Iterator

import numpy as np

__all__ = ["pieces", "read_only", "span"]

_PIECE = 1 << 16


def pieces(column: np.ndarray, *, overlap: int = 0) -> Iterator[np.ndarray]:
    """The column in pieces, each with ``overlap`` entries of the next one.

    >>> [len(piece) for piece in pieces(np.zeros(70_000), overlap=1)]
    [65537, 4464]
    """
    for start in range(0, len(column), _PIECE):
        yield column[start : start + _PIECE + overlap]


def span(column: np.ndarray) -> tuple[int, int]:
    """The smallest and the largest of at least one integer.

    >>> span(np.array([3, 1, 2]))
    (1, 3)
    """
    edges = [(piece.min(), piece.max()) for piece in pieces(column)]
    return int(min(low for low, _ in edges)), int(max(high for _, high in edges))


def read_only(column: np.ndarray) -> np.ndarray:
    """The same column as a kernel takes it, which is compiled again for an array that may be written."""
    column = column.view()
    column.flags.writeable = False
    return column
