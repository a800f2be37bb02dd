"""How the supervised models fit: a chain by the estimator's name, one thread, and warnings kept as notes."""

import copy
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["chain_maker", "one_thread", "recorded"]


def chain_maker(
    estimator: Any,
    options: dict,
    *,
    classify: bool,
    missing: str,
    n_features: int | None = None,
    random_state: int,
) -> Callable:
    """A function that makes an unfitted chain of preparation and estimator."""
    from clvlib.value.learning import _pipelines
    from clvlib.value.learning.networks import KerasMLP

    def make():
        if estimator == "keras_mlp":
            last = KerasMLP(loss="log_loss" if classify else "squared_error", random_state=random_state)
        elif isinstance(estimator, str):
            kind = _pipelines.classifier if classify else _pipelines.regressor
            last = kind(estimator, options, random_state=random_state)
        else:
            last = copy.deepcopy(estimator)
        return _pipelines.Chain(last, missing=missing, n_features=n_features)

    return make


@contextmanager
def one_thread() -> Iterator[None]:
    """Teams of OpenMP threads spin where cores are shared; these tables are too small to pay for one."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1):
        yield


@contextmanager
def recorded(notes: list[str]) -> Iterator[None]:
    """A fit that stopped at its limit is a note to the reader, once, and no line on the screen for every fold."""
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        yield
    for warning in caught:
        if not issubclass(warning.category, ConvergenceWarning):
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
    stopped = sum(issubclass(warning.category, ConvergenceWarning) for warning in caught)
    if stopped:
        notes.append(f"{stopped} fits stopped at their limit of iterations before they converged")
