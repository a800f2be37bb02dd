"""What models and rules are asked with, checked before anything is counted."""

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.exceptions import NotFittedError

__all__ = ["check_fitted", "checked_probability", "group_codes"]


def check_fitted(model: object, attribute: str) -> None:
    """NotFittedError, which is a ValueError, where ``fit`` has not set the attribute yet."""
    if not hasattr(model, attribute):
        raise NotFittedError(f"this {type(model).__name__} has learnt nothing yet; call fit first")


def checked_probability(probability: ArrayLike) -> np.ndarray:
    """Shape (n,), n at least 1, each between 0 and 1; or a ValueError that says how many are not."""
    p = np.asarray(probability, dtype=float)
    if p.ndim != 1 or not len(p):
        raise ValueError(f"probability must be one non-empty array, got shape {p.shape}")
    wrong = ~((p >= 0) & (p <= 1))
    if wrong.any():
        raise ValueError(f"{int(wrong.sum())} of {len(p)} probabilities are NaN or outside 0 to 1")
    return p


def group_codes(groups: ArrayLike | None, n: int, *, ordered: bool = False) -> np.ndarray:
    """Codes from 0 of which rows belong together; every row for itself without groups.

    ordered: codes in the order of the groups' names, so that the order of the rows decides nothing; numbers come before
    texts. ValueError for another number of entries than rows, or a missing one.
    """
    if groups is None:
        return np.arange(n)
    code, names = pd.factorize(np.asarray(groups))
    if code.shape != (n,):
        raise ValueError(f"groups has {code.size} entries for {n} rows; they must match one to one")
    if (code < 0).any():
        raise ValueError(f"groups: {int((code < 0).sum())} of {n} rows are missing; whose they are must be known")
    if ordered:
        rank = sorted(range(len(names)), key=lambda i: (isinstance(names[i], str), names[i]))
        code = np.argsort(rank)[code]
    return code
