"""Metrics of the first k places of a list: arrays in, one value a customer out.

They read ``hits``: shape (customers, at least k), true where the item at rank ``column + 1`` is relevant; a place
that a short list leaves empty is false. ``n_relevant``, shape (customers,), counts what the customer really bought,
whether listed or not.
"""

import numpy as np
from numpy.typing import ArrayLike

__all__ = [
    "average_precision_at_k",
    "graded_ndcg_at_k",
    "hit_rate_at_k",
    "ndcg_at_k",
    "precision_at_k",
    "recall_at_k",
    "reciprocal_rank_at_k",
]


def precision_at_k(hits: ArrayLike, *, k: int) -> np.ndarray:
    """Which share of the k places holds a relevant item? Hits / k; an empty place counts as a miss.

    >>> precision_at_k([[True, False, True, False]], k=4)
    array([0.5])
    """
    return _first(hits, k).sum(axis=1) / k


def recall_at_k(hits: ArrayLike, n_relevant: ArrayLike, *, k: int) -> np.ndarray:
    """Which share of the customer's relevant items is listed? Hits / n_relevant; NaN without relevant items.

    The denominator is *all* relevant items, so that with more than k of them 1 cannot be reached.

    >>> recall_at_k([[True, False, True, False]], [5], k=4)
    array([0.4])
    """
    return _divide(_first(hits, k).sum(axis=1), n_relevant)


def hit_rate_at_k(hits: ArrayLike, *, k: int) -> np.ndarray:
    """Is at least one of the k items relevant? 1 or 0.

    >>> hit_rate_at_k([[False, True], [False, False]], k=2)
    array([1., 0.])
    """
    return _first(hits, k).any(axis=1).astype(float)


def ndcg_at_k(hits: ArrayLike, n_relevant: ArrayLike, *, k: int) -> np.ndarray:
    """How much of the best possible discounted gain does the list reach? (Järvelin & Kekäläinen 2002.)

    Binary gain: sum of 1 / log2(rank + 1) over the hits, divided by the same sum for a list that starts with
    min(k, n_relevant) hits. NaN without relevant items.

    >>> ndcg_at_k([[True, False, True]], [2], k=3).round(4)
    array([0.9197])
    """
    discount = _discount(k)
    best = np.concatenate([[0.0], np.cumsum(discount)])[np.minimum(np.asarray(n_relevant, dtype=int), k)]
    return _divide(_first(hits, k) @ discount, best)


def graded_ndcg_at_k(grades: ArrayLike, relevant_grades: ArrayLike, *, k: int, exponential: bool = False) -> np.ndarray:
    """:func:`ndcg_at_k` where some items are more relevant than others (a rating, an amount).

    Sum over ranks of gain / log2(rank + 1), divided by the same sum over the k best of *all* relevant items in their
    best order. The gain is the grade itself (Järvelin & Kekäläinen 2002), or 2^grade - 1 if ``exponential`` (Burges et
    al. 2005). NaN for a customer without a grade above 0.

    grades: shape (customers, at least k), the grade of the item at rank ``column + 1``, 0 where it is not relevant.
    relevant_grades: shape (customers, m), the grades of all the customer's relevant items, listed or not, in any
        order, filled up with 0.

    ValueError: a grade that is negative or not finite.

    >>> graded_ndcg_at_k([[3, 2, 3, 0, 1, 2]], [[3, 2, 3, 0, 1, 2, 3, 2]], k=6).round(3)
    array([0.785])
    """
    listed, relevant = np.atleast_2d(np.asarray(grades, float)), np.atleast_2d(np.asarray(relevant_grades, float))
    for name, values in (("grades", listed), ("relevant_grades", relevant)):
        bad = int((~np.isfinite(values) | (values < 0)).sum())
        if bad:
            raise ValueError(f"{bad} of {values.size} {name} are negative or not finite; 0 stands for not relevant.")
    best = -np.sort(-relevant, axis=1)
    if exponential:
        listed, best = np.exp2(listed) - 1, np.exp2(best) - 1
    discount = _discount(k)
    return _divide(_places(listed, k, 0.0) @ discount, _places(best, k, 0.0) @ discount)


def average_precision_at_k(hits: ArrayLike, n_relevant: ArrayLike, *, k: int) -> np.ndarray:
    """Average precision; its mean over customers is MAP@k.

    Sum over the hits of the precision at their rank, divided by min(k, n_relevant), so that a perfect list of
    length k reaches 1. NaN without relevant items.

    >>> average_precision_at_k([[True, False, True]], [2], k=3).round(4)
    array([0.8333])
    """
    first = _first(hits, k)
    precision = np.cumsum(first, axis=1) / np.arange(1, k + 1)
    return _divide((first * precision).sum(axis=1), np.minimum(np.asarray(n_relevant), k))


def reciprocal_rank_at_k(hits: ArrayLike, *, k: int) -> np.ndarray:
    """1 / rank of the first hit, 0 without one among the first k; its mean over customers is MRR@k.

    >>> reciprocal_rank_at_k([[False, True], [False, False]], k=2)
    array([0.5, 0. ])
    """
    first = _first(hits, k)
    return np.where(first.any(axis=1), 1 / (first.argmax(axis=1) + 1), 0.0)


def _first(hits: ArrayLike, k: int) -> np.ndarray:
    """The first k places as booleans, padded with misses."""
    return _places(np.asarray(hits, dtype=bool), k, False)


def _places(values: np.ndarray, k: int, empty: float | bool) -> np.ndarray:
    """The first k columns, filled up with ``empty``."""
    if k < 1:
        raise ValueError(f"k must be at least 1, not {k}.")
    if values.ndim != 2:
        raise ValueError(f"hits have one row a customer and one column a rank; these have {values.ndim} dimension(s).")
    return np.pad(values[:, :k], ((0, 0), (0, max(0, k - values.shape[1]))), constant_values=empty)


def _discount(k: int) -> np.ndarray:
    if k < 1:
        raise ValueError(f"k must be at least 1, not {k}.")
    return 1 / np.log2(np.arange(2, k + 2))


def _divide(numerator: np.ndarray, denominator: ArrayLike) -> np.ndarray:
    """numerator / denominator, NaN where the denominator is 0."""
    denominator = np.asarray(denominator, dtype=float)
    return np.divide(numerator, denominator, out=np.full(len(denominator), np.nan), where=denominator > 0)
