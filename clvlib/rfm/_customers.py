"""Who bought: ids of any kind become small integers in the order of the ids, and integers become ids again."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from clvlib.rfm._scan import span
from clvlib.rfm._texts import short_texts

__all__ = ["Customers", "coded"]

# Loading numba and its kernels takes half a second, as long as Arrow takes for some millions of texts.
COMPILED_FROM = 1_000_000


class Customers(NamedTuple):
    """One code a line, int64, from ``low`` to ``low + n - 1``; not every one of them need occur.

    ``ids`` takes codes, counted from 0 and rising, back to the ids, as a column for a table.
    """

    codes: np.ndarray
    low: int
    n: int
    ids: Callable[[np.ndarray], Any]


def coded(ids: pd.Series | pa.Array) -> Customers | np.ndarray:
    """Code the customers of a log with at least one line; where ids are missing, the mask that says where."""
    if isinstance(ids, pd.Series):
        if isinstance(ids.dtype, np.dtype) and ids.dtype.kind in "iu":
            return _integers(ids.to_numpy())
        if isinstance(ids.dtype, np.dtype) and pd.api.types.infer_dtype(ids) != "string":
            return _anything(ids)
        ids = pa.array(ids, from_pandas=True)
    if isinstance(ids, pa.ChunkedArray):
        ids = ids.combine_chunks()
    if ids.null_count:
        return np.asarray(ids.is_null())
    if pa.types.is_integer(ids.type):
        return _integers(ids.to_numpy(zero_copy_only=False))
    if pa.types.is_dictionary(ids.type):
        words = ids.dictionary
        # a dictionary of Arrow's may hold a word twice, or a missing one
        return coded(ids.dictionary_decode()) if len(words.drop_null().unique()) < len(words) else _dictionary(ids)
    if _is_text(ids.type):
        ids = ids.cast(pa.large_string())
        if len(ids) >= COMPILED_FROM and (short := short_texts(ids)) is not None:
            codes, n, texts = short
            return Customers(codes, 0, n, lambda rows: _column(texts(rows)))
        return _dictionary(ids.dictionary_encode())
    return _anything(ids.to_pandas())


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)


def _integers(ids: np.ndarray) -> Customers | np.ndarray:
    if ids.dtype == np.uint64:
        return _anything(pd.Series(ids))
    codes, low, n, values = _dense(np.ascontiguousarray(ids, np.int64))
    return Customers(codes, low, n, lambda rows: values(rows).astype(ids.dtype))


def _dense(values: np.ndarray) -> tuple[np.ndarray, int, int, Callable[[np.ndarray], np.ndarray]]:
    """Integers are their own codes where they lie close; else their ranks are."""
    low, high = span(values)
    width, n = high - low + 1, len(values)
    if width <= max(n // 2, 1 << 12):
        return values, low, width, lambda codes: codes + low
    if width <= 4 * n:
        there = np.zeros(width, bool)
        there[values - low] = True
        rank = np.cumsum(there) - 1
        known = np.flatnonzero(there) + low
        return rank[values - low], 0, len(known), lambda codes: known[codes]
    place, known = pd.factorize(values)
    order = np.argsort(known)
    return _rank(order)[place], 0, len(known), lambda codes: known[order[codes]]


def _dictionary(ids: pa.DictionaryArray) -> Customers:
    """Words by rank; one that never occurs costs nothing. No word is there twice."""
    order = np.asarray(pc.sort_indices(ids.dictionary))
    codes = _rank(order)[np.asarray(ids.indices)]
    return Customers(codes, 0, len(order), lambda rows: _column(ids.dictionary.take(pa.array(order[rows]))))


def _rank(order: np.ndarray) -> np.ndarray:
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    return rank


def _anything(ids: pd.Series) -> Customers | np.ndarray:
    codes, known = pd.factorize(ids, sort=True)
    if (codes < 0).any():
        return codes < 0
    return Customers(codes.astype(np.int64), 0, len(known), lambda rows: known[rows])


def _column(words: pa.Array) -> pd.Series:
    """Text as pandas holds it in the house, nothing copied; anything else as Arrow would have it."""
    return pd.Series(words, dtype="str", copy=False) if _is_text(words.type) else words.to_pandas()
