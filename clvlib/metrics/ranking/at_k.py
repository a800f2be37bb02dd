"""Metrics of the first k places of a list: arrays in, one value a customer out.

They read ``hits``: shape (customers, at least k), true where the item at rank ``column + 1`` is relevant; a place
that a short list leaves empty is false. ``n_relevant``, shape (customers,), counts what the customer really bought,
whether listed or not; one number says the same of all. A metric refuses (ValueError) hits with a NaN, a k that is no
whole number from 1 on, and customers with fewer relevant items than hits.
"""

import numpy as np
import pandas as pd
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
    first = _first(hits, k)
    return _divide(first.sum(axis=1), _relevant(n_relevant, first))


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
    first, discount = _first(hits, k), _discount(k)
    best = np.concatenate([[0.0], np.cumsum(discount)])[np.minimum(_relevant(n_relevant, first), k)]
    return _divide(first @ discount, best)


def graded_ndcg_at_k(grades: ArrayLike, relevant_grades: ArrayLike, *, k: int, exponential: bool = False) -> np.ndarray:
    """:func:`ndcg_at_k` where some items are more relevant than others (a rating, an amount).

    Sum over ranks of gain / log2(rank + 1), divided by the same sum over the k best of *all* relevant items in their
    best order. The gain is the grade itself (Järvelin & Kekäläinen 2002), or 2^grade - 1 if ``exponential`` (Burges et
    al. 2005). NaN for a customer without a grade above 0.

    grades: shape (customers, at least k), the grade of the item at rank ``column + 1``, 0 where it is not relevant.
    relevant_grades: shape (customers, m), the grades of all the customer's relevant items, listed or not, in any
        order, filled up with 0.

    ValueError: a grade that is negative or not finite; a list with better grades than the relevant ones it is held
    against.

    >>> graded_ndcg_at_k([[3, 2, 3, 0, 1, 2]], [[3, 2, 3, 0, 1, 2, 3, 2]], k=6).round(3)
    array([0.785])
    """
    listed, relevant = np.atleast_2d(np.asarray(grades, float)), np.atleast_2d(np.asarray(relevant_grades, float))
    for name, values in (("grades", listed), ("relevant_grades", relevant)):
        bad = int((~np.isfinite(values) | (values < 0)).sum())
        if bad:
            raise ValueError(f"{bad} of {values.size} {name} are negative or not finite; 0 stands for not relevant.")
    if len(listed) != len(relevant):
        raise ValueError(f"grades are those of {len(listed)} customers, relevant_grades those of {len(relevant)}.")
    best = -np.sort(-relevant, axis=1)
    found = -np.sort(-_places(listed, k, 0.0), axis=1)
    bad = int((found > _places(best, k, 0.0)).any(axis=1).sum())
    if bad:
        raise ValueError(f"{bad} of {len(listed)} lists hold better grades than relevant_grades has for the customer.")
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
    return _divide((first * precision).sum(axis=1), np.minimum(_relevant(n_relevant, first), k))


def reciprocal_rank_at_k(hits: ArrayLike, *, k: int) -> np.ndarray:
    """1 / rank of the first hit, 0 without one among the first k; its mean over customers is MRR@k.

    >>> reciprocal_rank_at_k([[False, True], [False, False]], k=2)
    array([0.5, 0. ])
    """
    first = _first(hits, k)
    return np.where(first.any(axis=1), 1 / (first.argmax(axis=1) + 1), 0.0)


def _first(hits: ArrayLike, k: int) -> np.ndarray:
    """The first k places as booleans, padded with misses."""
    hits = np.asarray(hits)
    if hits.dtype != bool and (bad := int(pd.isna(hits).sum())):
        raise ValueError(f"{bad} of {hits.size} hits are missing; a place that is empty is a miss, False.")
    return _places(hits.astype(bool), k, False)


def _relevant(n_relevant: ArrayLike, first: np.ndarray) -> np.ndarray:
    """The numbers of relevant items as integers, one a customer."""
    number = np.asarray(n_relevant, dtype=float)
    if number.ndim and number.shape != (len(first),):
        raise ValueError(f"n_relevant has the shape {number.shape}, hits are those of {len(first)} customers.")
    number = np.broadcast_to(number, (len(first),))
    bad = int((~np.isfinite(number) | (number < 0) | (number % 1 != 0)).sum())
    if bad:
        raise ValueError(f"{bad} of {number.size} n_relevant are no whole number from 0 on.")
    if few := int((number < first.sum(axis=1)).sum()):
        raise ValueError(f"{few} of {number.size} customers have fewer relevant items (n_relevant) than hits.")
    return number.astype(np.int64)


def _places(values: np.ndarray, k: int, empty: float | bool) -> np.ndarray:
    """The first k columns, filled up with ``empty``."""
    _check(k)
    if values.ndim != 2:
        raise ValueError(f"hits have one row a customer and one column a rank; these have {values.ndim} dimension(s).")
    return np.pad(values[:, :k], ((0, 0), (0, max(0, k - values.shape[1]))), constant_values=empty)


def _check(k: int) -> None:
    if not isinstance(k, int | np.integer) or isinstance(k, bool) or k < 1:
        raise ValueError(f"k must be at least 1, a whole number, not {k!r}.")


def _discount(k: int) -> np.ndarray:
    _check(k)
    return 1 / np.log2(np.arange(2, k + 2))


def _divide(numerator: np.ndarray, denominator: ArrayLike) -> np.ndarray:
    """numerator / denominator, NaN where the denominator is 0."""
    denominator = np.asarray(denominator, dtype=float)
    return np.divide(numerator, denominator, out=np.full(len(denominator), np.nan), where=denominator > 0)
