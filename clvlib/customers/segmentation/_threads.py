"""Fits on customer tables are many and small: sharing each out among threads takes longer than it saves."""

from contextlib import AbstractContextManager

__all__ = ["few_threads"]

#: From so many rows on, threads earn what they cost.
ROWS_FOR_THREADS = 50_000


def few_threads(n_rows: int) -> AbstractContextManager:
    """Within it scikit-learn and NumPy use one thread below 50,000 rows, and as many as they like from there on."""
    from threadpoolctl import threadpool_limits

    return threadpool_limits(limits=1 if n_rows < ROWS_FOR_THREADS else None)
