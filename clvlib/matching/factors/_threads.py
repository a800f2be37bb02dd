"""Who may use how many processors. OpenBLAS's threads wait for each other in a loop: where cores are shared, or
products are small, that takes longer than the work; threads of our own, each with whole rows to solve, do not."""

from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["one_blas_thread"]


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Matrix products inside use the thread they are called from, and no other."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1, user_api="blas"):
        yield
