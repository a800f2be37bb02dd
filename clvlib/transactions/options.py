"""What a reader may say about a log, checked before a line of it is read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from zoneinfo import available_timezones

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from clvlib.transactions.errors import LogError, nearest, some

__all__ = ["Options"]

_POLICIES = {
    "returns": ("net", "apart", "reject"),
    "duplicates": ("keep", "reject"),
    "zero_amounts": ("keep", "reject"),
}


@dataclass(frozen=True, kw_only=True)
class Options:
    """The options of :func:`clvlib.transactions.read_transactions`, in the form the work needs.

    ``source`` is the name used in messages; ``formats`` is never empty; ``as_of``, given as text, a Timestamp or
    None, becomes the last moment that is not the future, naive and in ``timezone``. Raises LogError for a value
    that means nothing.
    """

    source: str
    currency: str | None
    formats: tuple[str, ...]
    timezone: str
    returns: str
    duplicates: str
    zero_amounts: str
    cancellations: str | None
    rates: Mapping[str, float] | None
    as_of: pd.Timestamp
    decimal: str
    thousands: str
    max_rejected_share: float

    def __post_init__(self):
        for option, known in _POLICIES.items():
            if getattr(self, option) not in known:
                self._refuse(f"{option}={getattr(self, option)!r} is not known", f"say one of {some(known)}")
        if not self.formats:
            self._refuse("date_format is empty", "say 'ISO8601', or how dates are written, such as '%d/%m/%Y'")
        for one in self.formats:
            if not _is_format(one):
                self._refuse(f"date_format={one!r} says nothing", "say 'ISO8601', or such as '%d/%m/%Y %H:%M'")
        if self.timezone != "UTC" and self.timezone not in available_timezones():
            near = nearest(self.timezone, available_timezones()) or "Europe/London"
            self._refuse(f"there is no time zone {self.timezone!r}", f"say timezone={near!r}")
        if self.currency is not None and not re.fullmatch("[A-Z]{3}", self.currency):
            self._refuse(f"currency={self.currency!r} is no ISO 4217 code", "say currency='EUR' or the like")
        if len(self.decimal) != 1 or self.decimal == self.thousands or len(self.thousands) > 1:
            told = f"decimal={self.decimal!r} and thousands={self.thousands!r} do not go together"
            self._refuse(told, "say decimal=',' and thousands='.' or the like")
        if not 0 <= self.max_rejected_share <= 1:
            self._refuse(f"max_rejected_share={self.max_rejected_share!r} is no share", "say a number from 0 to 1")
        self._check_rates()
        try:
            object.__setattr__(self, "as_of", _latest(self.as_of, self.timezone))
        except ValueError:
            self._refuse(f"as_of={self.as_of!r} is no date", "say as_of='2011-12-09' or '2011-12-09 12:50'")
        try:
            # by the engine that will use it, which knows no lookahead
            pc.match_substring_regex(pa.array([""]), self.cancellations or "")
        except pa.ArrowInvalid as error:
            self._refuse(
                f"cancellations={self.cancellations!r} is no regular expression ({error})", "say '^C' or the like"
            )

    def _check_rates(self) -> None:
        if self.rates is None:
            return
        if self.currency is None:
            self._refuse("rates are given, but not the currency they lead to", "say currency=…")
        for code, rate in self.rates.items():
            if isinstance(rate, bool) or not isinstance(rate, int | float) or not np.isfinite(rate) or rate <= 0:
                self._refuse(f"rates has {rate!r} for {code!r}", f"give the value of one {code} in {self.currency}")

    def _refuse(self, problem: str, remedy: str) -> None:
        raise LogError(self.source, problem, remedy=remedy)


def _is_format(one: str) -> bool:
    """Whether a date can be read by it: "ISO8601" or strptime's codes, and not pandas' "mixed", which guesses."""
    try:
        pd.to_datetime(["?"], format=one, errors="coerce")
    except ValueError:
        return False
    return one == "ISO8601" or "%" in one


def _latest(as_of: str | pd.Timestamp | None, timezone: str) -> pd.Timestamp:
    """The last moment that is not the future: now, the moment given, or the end of the day given."""
    if as_of is None:
        return pd.Timestamp.now(tz=timezone).tz_localize(None)
    moment = pd.Timestamp(as_of)
    if pd.isna(moment):
        raise ValueError(as_of)
    if moment.tzinfo is not None:
        return moment.tz_convert(timezone).tz_localize(None)
    return moment + pd.Timedelta(days=1, microseconds=-1) if moment == moment.normalize() else moment
