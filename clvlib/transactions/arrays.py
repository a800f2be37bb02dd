"""A log in flight: columns as numpy arrays (numbers, times) and Arrow arrays (text), all of one length."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["Columns", "Pile", "as_series", "filtered", "fingerprint", "repeated", "taken"]

_SLICE = 1 << 18
_MERGED = 16

Columns = dict[str, "np.ndarray | pa.Array"]


def filtered(columns: Columns, keep: np.ndarray) -> Columns:
    """The rows where the mask ``keep`` holds."""
    mask = pa.array(keep)
    return {name: c[keep] if isinstance(c, np.ndarray) else c.filter(mask) for name, c in columns.items()}


def taken(column: np.ndarray | pa.Array, where: np.ndarray) -> np.ndarray | pa.Array:
    """The values at the positions ``where``, in their order."""
    return column[where] if isinstance(column, np.ndarray) else column.take(pa.array(where))


class Pile:
    """Columns that grow chunk by chunk and never lie in memory twice.

    Numbers and times go into one array that is made longer in place (a large block is remapped by the operating
    system, not copied); texts stay in their chunks until ``pop``.
    """

    def __init__(self):
        self._texts: dict[str, tuple[list[pa.Array], list[pa.Array]]] = {}
        self._numbers: dict[str, np.ndarray] = {}
        self._used = 0

    def add(self, columns: Columns) -> None:
        """Put one chunk on top; every chunk has the same columns."""
        size = len(next(iter(columns.values())))
        for name, column in columns.items():
            if isinstance(column, pa.Array):
                merged, fresh = self._texts.setdefault(name, ([], []))
                fresh.append(column)
                if len(fresh) == _MERGED:
                    # many small blocks that stay among many that go leave memory full of holes
                    merged.append(pa.concat_arrays(fresh))
                    fresh.clear()
                continue
            if name not in self._numbers:
                self._numbers[name] = np.empty(0, column.dtype)
            self._numbers[name].resize(self._used + size, refcheck=False)
            self._numbers[name][self._used :] = column
        self._used += size

    def pop(self) -> Columns:
        """All columns in one piece each; the pile is empty afterwards."""
        columns: Columns = dict(self._numbers)
        for name in list(self._texts):
            merged, fresh = self._texts.pop(name)
            columns[name] = pa.concat_arrays(merged + fresh)
            del merged, fresh
            pa.default_memory_pool().release_unused()  # the chunks are free now: let the system see it
        self._numbers, self._used = {}, 0
        return columns


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
    nominated = []
    for start in range(0, len(fingerprints) if len(twice) else 0, _SLICE):  # in slices: this is the peak of memory
        some = fingerprints[start : start + _SLICE]
        place = np.minimum(np.searchsorted(twice, some), len(twice) - 1)
        nominated.append(np.flatnonzero(twice[place] == some) + start)
    if not nominated:
        return np.array([], np.int64)
    rows = np.concatenate(nominated)
    rows = rows[np.argsort(fingerprints[rows], kind="stable")]  # equal fingerprints together, the earlier row first
    prints, found, start = fingerprints[rows], [], 0
    while start < len(rows):
        stop = int(np.searchsorted(prints, prints[min(start + _SLICE, len(rows)) - 1], side="right"))
        frame = pd.DataFrame({name: as_series(taken(column, rows[start:stop])) for name, column in columns.items()})
        found.append(rows[start:stop][frame.duplicated().to_numpy()])
        start = stop
    return np.sort(np.concatenate(found))


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
