"""One column of a log, as it came, into text, numbers or times; what does not parse is marked, never guessed.

Every function works on a whole column at once (Arrow kernels; Python touches a value only where a column mixes
types) and decides about each value by that value alone, so that the result does not depend on how a file was
cut into chunks.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["as_arrow", "as_text", "identifiers", "numbers", "text", "times"]

#: What programs write for "nothing" in a column of identifiers; compared in lower case.
_NOTHING = pa.array(["", "nan", "none", "null", "nil", "na", "n/a", "#n/a", "<na>", "nat"], pa.large_string())
_NUMBER = r"^(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$|^-(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$|^[+-]?(?i:inf|infinity|nan)$"
_OFFSET = r"[T ]\d[\d:.,]*\s*([zZ]|[+-]\d\d(:?\d\d)?)$"
_LARGEST_EXACT = 2.0**53  # above it a float no longer tells neighbouring whole numbers apart


def as_arrow(column: pd.Series, *, decimal: str = ".") -> pa.Array | pa.ChunkedArray:
    """The column as Arrow holds it; a column of mixed Python objects becomes text, value by value, its numbers
    written with ``decimal`` so that :func:`numbers` reads them like the text beside them. So does what is no
    single value (lists, records) or none that Arrow can write (bytes, durations, periods).
    """
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype(column.cat.categories.dtype)
    try:
        array = pa.array(column, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError):
        array = None
    # Arrow would give every aware time of an object column the first one's zone
    if array is None or (column.dtype == object and pa.types.is_temporal(array.type)) or _is_no_value(array.type):
        array = pa.array([_written(value, decimal) for value in column], pa.large_string())
    if pa.types.is_dictionary(array.type):
        array = pc.cast(array, array.type.value_type)
    return pc.cast(array, pa.large_string()) if _is_text(array.type) else array


def as_text(column: pd.Series) -> pa.Array:
    """The column as text, whatever it holds, for showing it as it was read."""
    return _to_text(as_arrow(column))


def text(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Text without blanks at its ends; empty becomes missing. Nothing else is changed, whatever it says."""
    values = pc.utf8_trim_whitespace(_to_text(column))
    return pc.if_else(pc.equal(pc.binary_length(values), 0), pa.scalar(None, pa.large_string()), values)


def identifiers(column: pa.Array | pa.ChunkedArray) -> tuple[pa.Array, np.ndarray]:
    """Identifiers as text, and a mask of those that have lost digits on their way here.

    Leading zeros survive. A whole number that a spreadsheet or pandas made a float loses its ``.0``. What
    programs write for "nothing" (blank, nan, NULL, N/A) becomes missing. Digits are lost in a float above
    2**53 and in a spreadsheet's ``1.23457E+11``: two customers may have become one.

    >>> identifiers(pa.array(["00042", "12345.0", "NaN", "1.23457E+11"]))[0].to_pylist()
    ['00042', '12345', None, '1.23457E+11']
    """
    if pa.types.is_floating(column.type):
        values = _numpy(column)
        whole = np.isfinite(values) & (values == np.floor(values)) & (np.abs(values) < 2.0**62)
        integers = pa.array(np.where(whole, values, 0).astype(np.int64), mask=~whole)
        result = pc.coalesce(pc.cast(integers, pa.large_string()), _to_text(column))
        result = pc.if_else(pa.array(np.isnan(values)), pa.scalar(None, pa.large_string()), result)
        return _one_chunk(result), np.abs(values) > _LARGEST_EXACT
    values = pc.utf8_trim_whitespace(_to_text(column))
    if pc.any(pc.ends_with(values, ".0")).as_py():
        values = pc.replace_substring_regex(values, r"^(\d+)\.0$", r"\1")
    values = pc.if_else(pc.is_in(pc.utf8_lower(values), _NOTHING), pa.scalar(None, pa.large_string()), values)
    lost = pc.match_substring_regex(values, r"^\d\.\d+[eE]\+\d+$")
    return _one_chunk(values), _mask(lost)


def numbers(
    column: pa.Array | pa.ChunkedArray, *, decimal: str = ".", thousands: str = ""
) -> tuple[np.ndarray, np.ndarray]:
    """Numbers as float64 (NaN: missing or unreadable), and a mask of text that is no number.

    Infinite and NaN *as written* come through as they are: whether they may stay is a rule, not a question of
    reading. With ``decimal=","`` a point is an error unless ``thousands="."`` says what it means.

    >>> numbers(pa.array(["12,50", "1.234,56", "7"]), decimal=",", thousands=".")[0].tolist()
    [12.5, 1234.56, 7.0]
    >>> numbers(pa.array(["12.5", "", "twelve"]))[1].tolist()
    [False, False, True]
    """
    if not _is_text(column.type) and not pa.types.is_null(column.type):
        values = _numpy(column)
        return values, np.zeros(len(values), bool)
    values = text(column)
    values = pc.if_else(
        pc.is_in(pc.utf8_lower(values), pc.filter(_NOTHING, pc.not_equal(_NOTHING, "nan"))),
        pa.scalar(None, pa.large_string()),
        values,
    )
    if thousands:
        grouped = rf"^[+-]?\d{{1,3}}(?:{re.escape(thousands)}\d{{3}})+(?:{re.escape(decimal)}\d*)?$"
        ungrouped = pc.replace_substring(values, thousands, "")
        values = pc.if_else(pc.match_substring_regex(values, grouped), ungrouped, values)
    if decimal != ".":
        values = pc.replace_substring(pc.replace_substring(values, ".", "?"), decimal, ".")
    try:
        parsed, unreadable = pc.cast(values, pa.float64()), np.zeros(len(values), bool)
    except pa.ArrowInvalid:
        values = pc.replace_substring_regex(values, r"^\+", "")
        readable = pc.match_substring_regex(values, _NUMBER)
        parsed = pc.cast(pc.if_else(readable, values, pa.scalar(None, pa.large_string())), pa.float64())
        unreadable = _mask(pc.invert(readable))
    return _numpy(parsed), unreadable


def times(
    column: pd.Series, *, formats: Sequence[str] = ("ISO8601",), timezone: str = "UTC"
) -> tuple[np.ndarray, np.ndarray, int]:
    """Times as naive datetime64[us] in ``timezone`` (NaT: missing or unreadable), a mask of unreadable ones, and
    how many came with an offset from UTC.

    A time with an offset is converted to ``timezone``; one without is taken as already being in it, also where
    one column holds both. Formats are tried in their order; the first that reads a value wins.

    >>> log = pd.Series(["2011-12-09 23:30", "2011-12-09T23:30+00:00", "9.12."])
    >>> got, bad, _ = times(log, timezone="Asia/Shanghai")
    >>> got.astype("datetime64[m]").astype(str).tolist(), bad.tolist()
    (['2011-12-09T23:30', '2011-12-10T07:30', 'NaT'], [False, False, True])
    """
    if column.dtype == object:
        cells = np.fromiter((isinstance(value, dt.date) for value in column), bool, len(column))
        if cells.any() and not cells.all():  # a spreadsheet: real dates among dates typed as text
            parts = [
                times(column[cells].map(dt.date.isoformat), timezone=timezone),
                times(column[~cells].astype("str"), formats=formats, timezone=timezone),
            ]
            got, bad = np.empty(len(column), "datetime64[us]"), np.empty(len(column), bool)
            for where, part in zip((cells, ~cells), parts, strict=True):
                got[where], bad[where] = part[0], part[1]
            return got, bad, parts[0][2] + parts[1][2]
        formats = ("ISO8601",) if cells.any() else formats
    return _times(as_arrow(column), formats, timezone)


def _times(
    column: pa.Array | pa.ChunkedArray, formats: Sequence[str], timezone: str
) -> tuple[np.ndarray, np.ndarray, int]:
    if pa.types.is_timestamp(column.type) or pa.types.is_date(column.type):
        aware = getattr(column.type, "tz", None)
        series = pd.Series(column.to_pandas()) if aware else pd.Series(_cast_times(column))
        if aware:
            series = series.dt.tz_convert(timezone).dt.tz_localize(None)
        got = series.to_numpy().astype("datetime64[us]")
        return got, np.zeros(len(got), bool), int(series.notna().sum()) if aware else 0
    if pa.types.is_floating(column.type) or pa.types.is_integer(column.type):
        column = identifiers(column)[0]  # 19970101 and 19970101.0 are dates written as numbers
    values = text(column)
    if list(formats) == ["ISO8601"]:
        try:
            got = pc.cast(values, pa.timestamp("us")).to_numpy(zero_copy_only=False)
            return got, np.zeros(len(got), bool), 0
        except pa.ArrowInvalid:
            pass  # basic ISO dates, offsets or something unreadable: the slow and exact way
    return _read_times(values, formats, timezone)


def _read_times(values: pa.Array, formats: Sequence[str], timezone: str) -> tuple[np.ndarray, np.ndarray, int]:
    series = pd.Series(values, dtype="str")
    got = np.full(len(series), np.datetime64("NaT", "us"))
    open_, offsets = series.notna().to_numpy().copy(), 0
    has_offset = _mask(pc.match_substring_regex(values, _OFFSET))
    for one in formats:
        for aware in (False, True):
            where = np.flatnonzero(
                open_
                & (
                    (has_offset if aware else ~has_offset)
                    if one == "ISO8601"
                    else np.full(len(open_), aware == ("%z" in one.lower()))
                )
            )
            if not len(where):
                continue
            read = pd.to_datetime(series.iloc[where], format=one, errors="coerce", utc=aware)
            if aware:
                read = read.dt.tz_convert(timezone).dt.tz_localize(None)
                offsets += int(read.notna().sum())
            read = read.to_numpy().astype("datetime64[us]")
            found = ~np.isnat(read)
            got[where[found]] = read[found]
            open_[where[found]] = False
    return got, open_, offsets


def _cast_times(column: pa.Array | pa.ChunkedArray) -> np.ndarray:
    return pc.cast(column, pa.timestamp("us"), safe=False).to_numpy(zero_copy_only=False)


def _written(value: object, decimal: str) -> str | None:
    """A Python object of a mixed column as text; None, NaN, NaT and NA are nothing."""
    if value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and np.isnan(value)):
        return None
    if isinstance(value, float) and value.is_integer() and abs(value) < _LARGEST_EXACT:
        return str(int(value))
    if isinstance(value, float):
        return str(value).replace(".", decimal)
    if isinstance(value, bytes):
        return value.decode(errors="backslashreplace")
    if isinstance(value, np.ndarray):  # as pandas holds a list of Parquet's
        value = value.tolist()
    return value.isoformat() if isinstance(value, dt.date) else str(value)


def _is_no_value(kind: pa.DataType) -> bool:
    """Whether a type is none that Arrow casts to text value for value, and to a number where it looks like one."""
    binary = pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind)
    odd = pa.types.is_nested(kind) or pa.types.is_duration(kind) or pa.types.is_interval(kind)
    return binary or odd or isinstance(kind, pa.BaseExtensionType)


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)


def _to_text(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    return _one_chunk(pc.cast(column, pa.large_string()))


def _one_chunk(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _numpy(column: pa.Array | pa.ChunkedArray) -> np.ndarray:
    """Numbers as float64 with NaN for missing."""
    return _one_chunk(pc.cast(column, pa.float64(), safe=False)).to_numpy(zero_copy_only=False)


def _mask(values: pa.Array) -> np.ndarray:
    return pc.fill_null(values, False).to_numpy(zero_copy_only=False)
