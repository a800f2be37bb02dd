"""A log in flight: columns as numpy arrays (numbers, times) and Arrow arrays (text), all of one length."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["Columns", "as_series", "concatenated", "filtered", "fingerprint", "repeated", "taken"]

Columns = dict[str, "np.ndarray | pa.Array"]


def filtered(columns: Columns, keep: np.ndarray) -> Columns:
    """The rows where the mask ``keep`` holds."""
    mask = pa.array(keep)
    return {name: c[keep] if isinstance(c, np.ndarray) else c.filter(mask) for name, c in columns.items()}


def taken(column: np.ndarray | pa.Array, where: np.ndarray) -> np.ndarray | pa.Array:
    """The values at the positions ``where``, in their order."""
    return column[where] if isinstance(column, np.ndarray) else column.take(pa.array(where))


def concatenated(parts: list) -> np.ndarray | pa.Array:
    """The chunks of one column behind each other."""
    if len(parts) == 1:
        return parts[0]
    return np.concatenate(parts) if isinstance(parts[0], np.ndarray) else pa.concat_arrays(parts)


def as_series(column: np.ndarray | pa.Array) -> pd.Series:
    """The column as pandas holds it in the house: text as ``str``, numbers and times as they are, nothing copied."""
    return pd.Series(column, copy=False, dtype=None if isinstance(column, np.ndarray) else "str")


def fingerprint(columns: Columns) -> np.ndarray:
    """64 bits a row, the same for equal rows and rarely for others: what nominates duplicates.

    Of a text it takes the length and the first and last eight bytes, which is the whole of most identifiers and
    costs a tenth of looking every text up in a table.
    """
    total = np.zeros(len(next(iter(columns.values()))), np.uint64)
    for column in columns.values():
        if isinstance(column, pa.Array):
            for bits in _ends(column):
                total = _mixed(total, bits)
        else:  # adding zero makes −0.0 the 0.0 that it equals
            total = _mixed(total, (column + 0.0 if column.dtype == np.float64 else column).view(np.uint64))
    return total


def repeated(columns: Columns, fingerprints: np.ndarray) -> np.ndarray:
    """Positions of rows that equal an earlier row in every column.

    >>> line = {"amount": np.array([1.0, 2.0, 1.0]), "item_id": pa.array(["a", "a", "a"], pa.large_string())}
    >>> repeated(line, fingerprint(line)).tolist()
    [2]
    """
    ordered = np.sort(fingerprints)
    twice = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    del ordered
    if not len(twice):
        return np.array([], np.int64)
    place = np.minimum(np.searchsorted(twice, fingerprints), len(twice) - 1)
    nominated = np.flatnonzero(twice[place] == fingerprints)
    rows = pd.DataFrame({name: as_series(taken(column, nominated)) for name, column in columns.items()})
    return nominated[rows.duplicated().to_numpy()]


def _mixed(total: np.ndarray, bits: np.ndarray) -> np.ndarray:
    total = (total ^ bits) * np.uint64(0x9E3779B97F4A7C15)
    return total ^ (total >> np.uint64(29))


def _ends(column: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """The first eight bytes of each text, and its last eight with its length mixed in."""
    column = pc.fill_null(column, "")
    _, offsets, data = column.buffers()
    edges = np.frombuffer(offsets, np.int64)[column.offset : column.offset + len(column) + 1]
    used = np.frombuffer(data, np.uint8)[edges[0] : edges[-1]] if data is not None else np.array([], np.uint8)
    padded = np.concatenate([np.zeros(8, np.uint8), used, np.zeros(8, np.uint8)])
    windows = np.lib.stride_tricks.sliding_window_view(padded, 8)
    start, stop = edges[:-1] - edges[0] + 8, edges[1:] - edges[0] + 8
    length = stop - start
    cut = (8 * (8 - np.minimum(length, 8))).astype(np.uint64)
    empty = length == 0  # shifting by 64 is undefined
    first = np.where(empty, 0, windows[start].reshape(-1).view("<u8") << np.where(empty, 0, cut))
    last = np.where(empty, 0, windows[stop - 8].reshape(-1).view("<u8") >> np.where(empty, 0, cut))
    return first.astype(np.uint64), last.astype(np.uint64) ^ (length.astype(np.uint64) << np.uint64(56))
