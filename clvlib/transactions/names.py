"""The shop's names into the house's: the one place where a column's name is somebody else's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from clvlib.columns import OPTIONAL, REQUIRED
from clvlib.transactions.errors import LogError, nearest, some

__all__ = ["named", "shown"]

_HOUSE = (*REQUIRED, *OPTIONAL)
#: What shops call the required columns; only to name a likely one in a message.
_CALLED = {
    "customer_id": (
        "customer",
        "client",
        "user",
        "member",
        "buyer",
        "household",
        "account",
        "kunde",
        "客户",
        "用户",
        "会员",
    ),
    "timestamp": ("date", "time", "day", "when", "datum", "日期", "时间"),
    "amount": ("total", "value", "sales", "revenue", "sum", "price", "paid", "betrag", "金额"),
}


def named(source, columns: Mapping[str, str | None] | None) -> dict[str, str]:
    """Which of the source's columns is which of ours, in the vocabulary's order: ``{"customer_id": "Client No"}``.

    ``columns`` maps the source's names to ours; None for a name leaves that column out. A column that already
    has one of our names needs no entry. Without ``amount``, ``quantity`` and ``unit_price`` stand in for it.
    Raises LogError for a name that is not there, not ours, used twice, or ambiguous.
    """
    columns = {str(theirs): ours for theirs, ours in (columns or {}).items()}  # a frame's names need not be text
    _refuse_wrong_separator(source, columns)
    for theirs, ours in columns.items():
        if theirs not in source.columns:
            # never a column that is spoken for: order numbers would become amounts
            near = nearest(theirs, [name for name in source.columns if name not in columns and name not in _HOUSE])
            raise LogError(
                source.name,
                f"`columns` names {theirs!r}, which is not in the file ({_found(source)})",
                remedy=f"write {near!r}" if near else "take a name from this list",
            )
        if ours is not None and ours not in _HOUSE:
            near = nearest(str(ours), _HOUSE)
            raise LogError(
                source.name,
                f"`columns` maps {theirs!r} to {ours!r}, which is no column of a log",
                remedy=f"write {near!r}" if near else f"use one of {some(_HOUSE)}",
            )
    result: dict[str, str] = {}
    for theirs in source.columns:
        ours = columns.get(theirs, theirs)
        if ours not in _HOUSE:
            continue
        if ours in result:
            raise LogError(
                source.name,
                f"two columns are to be {ours!r}: {result[ours]!r} and {theirs!r}",
                remedy=f"leave one out, as with columns={{{_less_sure(columns, result[ours], theirs)!r}: None}}",
            )
        if theirs in source.repeated:
            raise LogError(
                source.name,
                f"the header has the column {theirs!r} twice, and {ours!r} is read from it",
                remedy="give one of the two another name in the file",
            )
        result[ours] = theirs
    for ours in REQUIRED:
        if ours in result or (ours == "amount" and {"quantity", "unit_price"} <= set(result)):
            continue
        near = _likely(ours, [name for name in source.columns if name not in result.values()])
        instead = " (nor quantity and unit_price to compute it from)" if ours == "amount" else ""
        raise LogError(
            source.name,
            f"no column is {ours!r}{instead}; it is required ({_found(source)})",
            remedy=f"say which one it is, for example columns={{{near or 'its name in the file'!r}: {ours!r}}}",
        )
    return {ours: result[ours] for ours in _HOUSE if ours in result}


def shown(source, names: Mapping[str, str], keep: Sequence[str] | None) -> list[str] | None:
    """Which of the source's columns its rejected rows show: those that are read and ``keep``; None where all are.

    Raises LogError for a name in ``keep`` that is not there.
    """
    if keep is None:
        return None
    keep = [keep] if isinstance(keep, str) else [str(name) for name in keep]
    for theirs in keep:
        if theirs not in source.columns:
            near = nearest(theirs, source.columns)
            raise LogError(
                source.name,
                f"`keep_columns` names {theirs!r}, which is not in the file ({_found(source)})",
                remedy=f"write {near!r}" if near else "take a name from this list",
            )
    return [name for name in source.columns if name in keep or name in names.values()]


def _likely(ours: str, candidates: list[str]) -> str | None:
    """The column most likely meant: spelt alike, or called what shops call it."""
    called = (name for word in _CALLED[ours] for name in candidates if word in name.casefold())
    return nearest(ours, candidates) or next(called, None)


def _found(source) -> str:
    return f"columns found: {some(source.columns)}; {source.count():,} data lines"


def _less_sure(columns: Mapping, first: str, second: str) -> str:
    """Of two claimants the one nobody asked for by name."""
    return first if first not in columns else second


def _refuse_wrong_separator(source, columns: Mapping) -> None:
    other = getattr(source, "other_separator", lambda: None)()
    if other is None or (len(source.columns) > 1 and all(name in source.columns for name in columns)):
        return
    comma = ", and decimal=',' if its numbers are written 12,50" if other == ";" else ""
    raise LogError(
        source.name,
        f"separated by {source.separator!r} the header has {len(source.columns)} column"
        f"{'' if len(source.columns) == 1 else 's'}, separated by {other!r} it has more: {source.first_line[:80]!r} "
        f"({source.count():,} data lines)",
        remedy=f"say separator={other!r}{comma}",
    )
