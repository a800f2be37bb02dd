"""How long a log must be for a chapter's check, and what to set where it is not."""

from __future__ import annotations

from typing import Any

from clvlib.reporting.parameters import Parameter

__all__ = ["checked_on", "pieces", "shorter"]

#: Days of snapshots that learning, and setting a level, must be left with: a weekly one or two are a trial, not a fit.
_LEAST = 14
#: What lies before the first snapshot or behind the last one, of chapters that take snapshots of customers.
_WINDOWS = ("observation_days", "outcome_days")


def checked_on(parameters: dict[str, Any]) -> tuple[str, int | None]:
    """How many of the log's last days a chapter keeps for its check, and how it calls them.

    >>> checked_on({"period_days": 91, "margin_rate": 0.3}), checked_on({})
    (('period_days', 91), ('', None))
    """
    here = [name for name in ("holdout_days", "period_days") if name in parameters]
    return (here[0], parameters[here[0]]) if here else ("", None)


def pieces(parameters: dict[str, Any]) -> tuple[list[str], int]:
    """The parameters whose days lie one behind the other in the log, and the days that they need together.

    Only where a level is set on days of its own (``calibration_days``): there, what is left to learn from is what lies
    before all of them.

    >>> pieces({"holdout_days": 180, "calibration_days": 90, "observation_days": 30, "outcome_days": 7})
    (['holdout_days', 'calibration_days', 'observation_days', 'outcome_days'], 321)
    >>> pieces({"holdout_days": 180})
    ([], 0)
    """
    if not {"holdout_days", "calibration_days"} <= parameters.keys():
        return [], 0
    names = ["holdout_days", "calibration_days", *(name for name in _WINDOWS if name in parameters)]
    return names, sum(parameters[name] for name in names) + _LEAST


def shorter(declared: dict[str, Parameter], parameters: dict[str, Any], *, days: int) -> dict[str, int]:
    """What to set so that a chapter can run on a log of ``days``; empty where it can as it is.

    A third is the check, a third may choose between models, and something must be left to learn from. What learns from
    snapshots shares the other two thirds, without its windows, evenly with what sets the level.

    Raises
    ------
    ValueError
        If the log is too short for anything that the chapter's own ranges allow.
    """
    name, wanted = checked_on(parameters)
    together, needed = pieces(parameters)
    settings = {}
    if wanted is not None and days < 3 * wanted:
        settings[name] = declared[name].checked(days // 3)
    if together and days < needed - parameters[name] + settings.get(name, parameters[name]):
        outcome = parameters.get("outcome_days", 0)  # of the level's snapshots too, which end before the check
        free = days - settings.get(name, parameters[name]) - parameters.get("observation_days", 0) - 2 * outcome
        settings["calibration_days"] = declared["calibration_days"].checked(free // 2 + outcome)
        if free // 2 < _LEAST:
            raise ValueError(f"leaves {free} days to learn from and to set a level on")
    return settings
