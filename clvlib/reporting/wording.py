"""How figures, times and titles are put for people."""

import math
import re
from datetime import datetime

__all__ = ["amount", "chapter_title", "day", "duration", "figure", "number", "part_title", "sentence", "stamp"]

_ABBREVIATIONS = {"clv": "CLV", "btyd": "BTYD"}


def number(value: object, *, digits: int | None = None) -> str:
    """A number with thousands apart and no more digits than mean something; anything else as it stands.

    >>> number(2357), number(1234.5), number(147.2577), number(0.034567), number(float("nan")), number("item 3")
    ('2,357', '1,234', '147.26', '0.0346', 'not available', 'item 3')
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "not available"
    if isinstance(value, int):
        return _minus(f"{value:,}")
    if not isinstance(value, float):
        return str(value)
    if math.isinf(value):
        return "without bound" if value > 0 else "without lower bound"
    return _minus(f"{value:,.{_digits(value) if digits is None else digits}f}")


def figure(value: object, unit: str, low: float | None = None, high: float | None = None) -> dict[str, str]:
    """A headline figure in three parts: ``value``, ``unit`` and ``interval`` (empty where there is none).

    A unit that begins with "share" is put in percent, one that begins with "%" stands beside its value.

    >>> figure(147.2577, "USD per customer")
    {'value': '147.26', 'unit': 'USD per customer', 'interval': ''}
    >>> figure(0.1234, "share of customers", 0.1, 0.15)
    {'value': '12.3 %', 'unit': 'of customers', 'interval': '10.0 to 15.0 %'}
    """
    share = re.match(r"share\b\s*", unit or "") if _is_number(value) else None
    percent = re.match(r"%\s*", unit or "") if _is_number(value) else None
    scale, sign = (100 if share else 1), (" %" if share or percent else "")
    digits = None
    if share:
        shown = abs(100 * value)
        digits = 1 if shown >= 1 or shown == 0 else _digits(shown)
    elif isinstance(value, float) and math.isfinite(value):
        # No digit that the chapter did not give, but cents in pairs.
        given = max(_decimals(x) for x in (value, low, high) if _is_number(x))
        money = re.match(r"[A-Z]{3}\b", unit or "") and (abs(value) >= 0.01 or value == 0)
        digits = (0 if abs(value) >= 1000 else 2) if money else min(_digits(value), given)
    if share or percent:
        unit = unit[(share or percent).end() :]

    def scaled(x: object) -> str:
        return number(float(x) * scale if share else x, digits=digits)

    interval = ""
    if _is_number(low) and _is_number(high):
        interval = f"{scaled(low)} to {scaled(high)}{sign}"
    elif _is_number(low):
        interval = f"at least {scaled(low)}{sign}"
    elif _is_number(high):
        interval = f"at most {scaled(high)}{sign}"
    return {"value": scaled(value) + (sign if _is_number(value) else ""), "unit": unit or "", "interval": interval}


def sentence(text: str) -> str:
    """A chapter's answer as a sentence: begun with a capital, ended with a stop, whatever stands between.

    >>> sentence(" sending it earns USD 75 [53, 95]"), sentence("5 % more?")
    ('Sending it earns USD 75 [53, 95].', '5 % more?')
    """
    text = text.strip()
    return f"{text[:1].upper()}{text[1:]}" + ("" if not text or text[-1] in ".!?" else ".")


def amount(value: object) -> str:
    """Money to the cent, as in a ledger.

    >>> amount(1234.5), amount(-0.1), amount(None)
    ('1,234.50', '−0.10', '–')
    """
    return _minus(f"{value:,.2f}") if _is_number(value) else "–"


def duration(seconds: float | None) -> str:
    """
    >>> duration(4.21), duration(75), duration(3700), duration(None)
    ('4.2 s', '1 min 15 s', '1 h 1 min', '–')
    """
    if not _is_number(seconds):
        return "–"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def stamp(iso: str | None) -> str:
    """A moment of the run, to the minute.

    >>> stamp("2026-11-21T09:05:11+00:00"), stamp(None)
    ('21 November 2026, 09:05 UTC', '')
    """
    try:
        moment = datetime.fromisoformat(iso)
    except (TypeError, ValueError):
        return str(iso or "")
    return f"{moment.day} {moment:%B %Y, %H:%M} {moment.tzname() or ''}".strip()


def day(iso: str | None) -> str:
    """
    >>> day("1997-01-01T00:00:00"), day(None)
    ('1 January 1997', '')
    """
    try:
        moment = datetime.fromisoformat(iso)
    except (TypeError, ValueError):
        return str(iso or "")
    return f"{moment.day} {moment:%B %Y}"


def part_title(part: str) -> str:
    """
    >>> part_title("3_value")
    'Value'
    """
    return part.partition("_")[2].replace("_", " ").capitalize() or part


def chapter_title(stem: str) -> str:
    """The best that can be said of a chapter that left no notebook.

    >>> chapter_title("31_discounted_clv")
    'Discounted CLV'
    """
    words = (stem.partition("_")[2] or stem).split("_")
    title = " ".join(_ABBREVIATIONS.get(word, word) for word in words)
    return title[:1].upper() + title[1:]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _digits(value: float) -> int:
    size = abs(value)
    if size >= 1000 or size == 0:
        return 0
    if size >= 1:
        return 2
    return min(2 - math.floor(math.log10(size)), 6)


def _decimals(value: float) -> int:
    """How many decimals a number is written with: 29.1 has one, 2357.0 has none."""
    written = f"{value:.10f}".rstrip("0")
    return len(written.partition(".")[2])


def _minus(text: str) -> str:
    return text.replace("-", "−")
