"""What a race is asked with, checked before anything runs: the log, the models, the horizon, the origins."""

import datetime as dt
from collections.abc import Iterable, Mapping
from numbers import Integral
from typing import Any, NoReturn

import numpy as np
import pandas as pd

__all__ = ["checked_lines", "checked_models", "covers", "end_of", "moments", "whole"]

_NEEDED = ("customer_id", "timestamp", "amount")
_MEND = "clvlib.transactions.read_transactions sets such lines apart and says why"
_READ = "read the log with clvlib.transactions.read_transactions"
_WRAP = "wrap a model of purchases: clvlib.value.BuyTillYouDie(purchases=BetaGeoModel(), spend=GammaGammaModel())"
_MOMENT = (str, dt.date, np.datetime64)  # pd.Timestamp and dt.datetime are dates


def checked_lines(lines: Any, needed: tuple[str, ...] = _NEEDED) -> pd.DataFrame:
    """The log as a DataFrame whose ``needed`` columns are there, of the right kind, and nowhere missing."""
    lines = _frame(lines)
    missing = [name for name in needed if name not in lines]
    if missing:
        raise ValueError(
            f"the log has no column {' and no column '.join(missing)}, but {', '.join(map(str, lines.columns))}; "
            f"{_READ}, which translates a shop's names"
        )
    twice = [name for name in needed if isinstance(lines[name], pd.DataFrame)]
    if twice:
        raise ValueError(f"the log has more than one column {' and '.join(twice)}; drop or rename all but one")
    if lines.empty:
        raise ValueError("The log has no lines; check what was read and what was rejected.")
    for name in needed:
        _check_column(name, lines[name])
    return lines


def checked_models(models: Any) -> Mapping:
    """The contenders by name; whatever cannot run at all is refused before the others have run for an hour."""
    if not isinstance(models, Mapping):
        hint = "" if hasattr(models, "fit_predict") or isinstance(models, Iterable) else f". To race it, {_WRAP}"
        raise TypeError(
            f"models must be contenders by name, as in {{'mean': MeanBaseline()}}, not {type(models).__name__}{hint}"
        )
    if not models:
        raise ValueError("A race needs a model, and models is empty; give one as in {'mean': MeanBaseline()}.")
    classes = [f"{name!r} ({model.__name__})" for name, model in models.items() if isinstance(model, type)]
    if classes:
        raise TypeError(f"{', '.join(classes)}: a class, not a model; call it, as in {{'mean': MeanBaseline()}}")
    mute = [f"{k!r} ({type(v).__name__})" for k, v in models.items() if not callable(getattr(v, "fit_predict", None))]
    if mute:
        raise TypeError(f"{len(mute)} of {len(models)} models cannot fit_predict: {', '.join(mute)}; {_WRAP}")
    return models


def whole(name: str, value: Any) -> int:
    """A whole number of at least 1, and nothing that only looks like one."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise ValueError(f"{name} must be a whole number, as in {name}=91, not {value!r}.")
    if value < 1:
        raise ValueError(f"{name} must be at least 1, not {value}.")
    return int(value)


def moments(origins: Any, lines: pd.DataFrame) -> list[pd.Timestamp]:
    """The origins in order of time, in the time zone of the log; one on its own is a list of one."""
    if isinstance(origins, _MOMENT) or not isinstance(origins, Iterable):
        origins = [origins]
    zone = lines["timestamp"].dt.tz
    return sorted(_moment(origin, zone) for origin in origins)


def end_of(lines: pd.DataFrame) -> pd.Timestamp:
    """The midnight after the last line."""
    return lines["timestamp"].max().normalize() + pd.DateOffset(days=1)


def covers(lines: pd.DataFrame) -> str:
    """What the log covers, for a message."""
    return f"the log covers {lines['timestamp'].min()} to {lines['timestamp'].max()}"


def _frame(lines: Any) -> pd.DataFrame:
    if isinstance(lines, pd.DataFrame):
        return lines
    import narwhals as nw

    try:
        frame = nw.from_native(lines)
    except TypeError as error:
        kind = type(lines).__name__
        raise TypeError(f"lines must be a table (pandas, Arrow, Polars), not {kind}; {_READ}") from error
    return (frame.collect() if isinstance(frame, nw.LazyFrame) else frame).to_pandas()


def _check_column(name: str, column: pd.Series) -> None:
    types = pd.api.types
    times = types.is_datetime64_any_dtype(column) and not str(column.dtype).startswith(("date32", "date64"))
    if name == "timestamp" and not times:
        raise ValueError(
            f"timestamp holds {column.dtype}, not times, in {len(column)} lines, first {column.iloc[0]!r}; "
            f"{_READ}, or turn the column into times with pd.to_datetime"
        )
    if name == "amount" and (not types.is_numeric_dtype(column) or types.is_bool_dtype(column)):
        raise ValueError(
            f"amount holds {column.dtype}, not numbers, in {len(column)} lines, first {column.iloc[0]!r}; "
            f"{_READ}, or turn the column into numbers with pd.to_numeric"
        )
    if name == "amount":
        bad = ~np.isfinite(column.to_numpy(dtype=float, na_value=np.nan))
    else:
        bad = column.isna().to_numpy(dtype=bool)
    if bad.any():
        _refuse(name, bad)


def _refuse(name: str, bad: np.ndarray) -> NoReturn:
    where = np.flatnonzero(bad)
    what = "missing or infinite" if name == "amount" else "missing"
    raise ValueError(
        f"{name} is {what} in {len(where)} of {len(bad)} lines, first in the one at position {where[0]}; {_MEND}"
    )


def _moment(origin: Any, zone: dt.tzinfo | None) -> pd.Timestamp:
    try:
        moment = pd.Timestamp(origin) if isinstance(origin, _MOMENT) else pd.NaT
        if zone is not None and not pd.isna(moment) and moment.tz is None:
            moment = moment.tz_localize(zone)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"The origin {origin!r} is no date ({error}); write it as '1997-10-01'.") from error
    if pd.isna(moment):
        raise ValueError(f"The origin {origin!r} is no date; write it as '1997-10-01'.")
    if str(moment.tz) != str(zone):
        raise ValueError(
            f"The origin {origin} is a moment of the time zone {moment.tz}, and the log's days are those of "
            f"{zone or 'a zone it does not state'}; write it as '{moment.date()}'."
        )
    return moment
