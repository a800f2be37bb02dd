"""Fitted models as JSON: what was learnt this month values the customers of the next one, without refitting.

A file says which class it is, in which format, and holds numbers and texts only. Nothing in it is ever executed: the
class is looked up in a fixed list, and everything else is checked before a model is made of it.
"""

from __future__ import annotations

import copy
import datetime
import importlib
import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from clvlib.value.purchases._fitted_model import FittedModel
    from clvlib.value.purchases.gamma_gamma import GammaGammaModel
    from clvlib.value.purchases.purchase_model import PurchaseModel

__all__ = ["ModelFileError", "ValueModel", "load_model", "save_model"]

_FORMAT = 1
#: Of fewer customers nothing is said of their population; of more than the other, intervals are looked up, not drawn.
_FEW, _MANY = 30, 20_000
_DRAWS = 1000
#: A model is a few numbers; what is larger is something else.
_MOST_BYTES = 1_000_000
#: Where the class of a saved model is found; no other is loaded.
_PURCHASES = {
    "BetaGeoModel": "beta_geo",
    "ModifiedBetaGeoModel": "modified_beta_geo",
    "NBDModel": "nbd",
    "ParetoNBDModel": "pareto_nbd",
}
_SPEND = {"GammaGammaModel": "gamma_gamma"}
_ROLES = {"purchases": _PURCHASES, "spend": _SPEND}
#: Models of opportunities and contracts, which no log is summed up for, are kept alone.
_KNOWN = {
    **_PURCHASES,
    **_SPEND,
    "BetaGeoBetaBinomModel": "beta_geo_beta_binom",
    "ShiftedBetaGeoModel": "shifted_beta_geo",
}
_TIME_UNITS = {"D": 1.0, "W": 7.0, "M": 365 / 12, "Y": 365.0}
_TEXTS = ("currency", "calibration_end")
_NUMBERS = ("margin_rate", "annual_discount_rate", "horizon_days")


class ModelFileError(ValueError):
    """A file that is no saved model, or one this version cannot read; the message names file, problem and remedy."""


@dataclass(frozen=True)
class ValueModel:
    """Everything that is needed to value the customers of a log, fitted once: the file of ``clv score``.

    ``purchases``, ``spend``: fitted models of how often and of how much. ``margin_rate``: share of the amount that is
    left after cost. ``annual_discount_rate``: per year. ``horizon_days``: how far the value looks ahead, in days.
    ``currency``: ISO 4217 code of the log it was fitted on. ``calibration_end``: the last whole day of that fit.

    ValueError: a model that is not fitted, or not on a summary with ``time_unit_days`` of a day, a week, a twelfth of a
    year or a year; a horizon that is not positive, a rate of -100 % or less, no date.
    """

    purchases: PurchaseModel
    spend: GammaGammaModel
    margin_rate: float
    annual_discount_rate: float
    horizon_days: float
    currency: str
    calibration_end: str

    def __post_init__(self) -> None:
        for role, known in _ROLES.items():
            name = type(getattr(self, role)).__name__
            if name not in known:
                raise ValueError(f"{role} is a {name}; a value model takes {' or '.join(known)}")
            getattr(self, role)._parameters()
        for name in _NUMBERS:
            object.__setattr__(self, name, _number(getattr(self, name), name))
        if self.horizon_days <= 0:
            raise ValueError(f"horizon_days must be positive, got {self.horizon_days:g}")
        if self.margin_rate > 1:
            raise ValueError(f"margin_rate is a share of the amount, at most 1, got {self.margin_rate:g}; 30 % is 0.30")
        if self.annual_discount_rate <= -1:
            raise ValueError(f"annual_discount_rate must be above -1, got {self.annual_discount_rate:g}; 10 % is 0.10")
        if not isinstance(self.currency, str) or not self.currency:
            raise ValueError(f"currency is a code such as 'EUR' ('XXX' where it is not known), got {self.currency!r}")
        object.__setattr__(self, "calibration_end", _day(self.calibration_end))
        _ = self.time_unit  # known, or an error
        theirs = self.spend.time_unit_days_
        if theirs and self.purchases.time_unit_days_ and not math.isclose(theirs, self.purchases.time_unit_days_):
            raise ValueError(
                f"purchases was fitted in units of {self.purchases.time_unit_days_:g} days and spend in units of "
                f"{theirs:g}; fit both on one summary"
            )

    @property
    def time_unit_days(self) -> float:
        """Length of the time unit of the models, in days."""
        unit = self.purchases.time_unit_days_
        if not unit:
            raise ValueError("purchases has no time unit; fit it on a summary with the column time_unit_days")
        return float(unit)

    @property
    def time_unit(self) -> str:
        """The time unit as :func:`clvlib.rfm.rfm_summary` takes it: "D", "W", "M" or "Y"."""
        for letter, days in _TIME_UNITS.items():
            if math.isclose(self.time_unit_days, days, rel_tol=1e-9):
                return letter
        raise ValueError(f"a time unit of {self.time_unit_days:g} days is none of rfm_summary's; fit on one of them")

    def customer_table(
        self,
        summary: pd.DataFrame,
        *,
        horizon_days: float | None = None,
        n_draws: int | None = None,
        random_state: int = 0,
    ) -> pd.DataFrame:
        """What is each customer of a summary worth? One row a customer, in the summary's order.

        ``customer_id, probability_alive, expected_purchases, expected_spend, clv, clv_p05, clv_p95, currency,
        horizon_days``; money in :attr:`currency`, the interval equal-tailed 90 % and predictive
        (:func:`clvlib.value.predictive_intervals`). ``n_draws``: of the simulation behind it, 0 for no interval; None
        for 1,000, but beyond 20,000 customers for exact quantiles at the fitted parameters
        (:func:`clvlib.value.predictive_quantiles`), discounted as the expectation is, which is off by less than 1 % of
        an end at 10 % a year and a horizon of a year. A customer whose repeat purchases net
        to nothing or less, which the spend model has no place for, is expected to spend as a new one.
        """
        from clvlib.value.lifetime_value import customer_lifetime_value

        spend = copy.copy(self.spend)
        spend.nonpositive = "leave_out"  # the fit refused them, or did not; a new month may have some all the same
        horizon = self.horizon_days if horizon_days is None else _number(horizon_days, "horizon_days")
        exact = n_draws is None and len(summary) > _MANY
        draws = 0 if exact else _DRAWS if n_draws is None else n_draws
        table = customer_lifetime_value(
            summary,
            purchases=self.purchases,
            spend=spend,
            horizon_days=horizon,
            annual_discount_rate=self.annual_discount_rate,
            margin_rate=self.margin_rate,
            n_draws=draws,
            random_state=random_state,
        )
        if exact:
            table = self._with_ends(table, summary, spend, horizon)
        wanted = ["customer_id", "probability_alive", "expected_purchases", "expected_spend", "clv"]
        wanted += ["clv_p05", "clv_p95"] if draws or exact else []
        return table[wanted].assign(currency=self.currency, horizon_days=horizon)

    def _with_ends(
        self, table: pd.DataFrame, summary: pd.DataFrame, spend: GammaGammaModel, horizon_days: float
    ) -> pd.DataFrame:
        from clvlib.value.uncertainty.predictive import predictive_quantiles

        ends = predictive_quantiles(summary, purchases=self.purchases, spend=spend, horizon_days=horizon_days)
        bought = table["expected_purchases"].to_numpy()
        now = table["discounted_purchases"].to_numpy() / np.where(bought > 0, bought, 1.0)
        low, high = np.sort(self.margin_rate * now * ends, axis=0)  # a margin may be negative
        return table.assign(clv_p05=low, clv_p95=high)

    def population_check(self, summary: pd.DataFrame) -> list[str]:
        """In which ways do these customers look unlike those the model was fitted on? One sentence each; empty if none.

        Had the customers been drawn from the fitted population, they would by their age ``T`` have made so many repeat
        purchases (``expected_purchases_new_customer``), and spent so much on each. More than a quarter above or below,
        by more than three standard errors, is told; nothing of fewer than 30 customers.
        """
        if len(summary) < _FEW:
            return []
        told = []
        x, T = (summary[name].to_numpy(dtype=float) for name in ("frequency", "T"))
        ages, place, count = np.unique(T, return_inverse=True, return_counts=True)
        expected = np.asarray(self.purchases.expected_purchases_new_customer(ages * self.time_unit_days), dtype=float)
        told += _unlike(x.sum(), expected @ count, np.std(x - expected[place]) * math.sqrt(len(x)), "repeat purchases")
        spent = summary["monetary_value"].to_numpy(dtype=float)
        spent = spent[(x > 0) & (spent > 0)]
        mean = float(self.spend.expected_spend_new_customer())
        if len(spent) >= _FEW and math.isfinite(mean):
            told += _unlike(spent.mean(), mean, spent.std() / math.sqrt(len(spent)), f"{self.currency} a purchase")
        return told

    def to_dict(self) -> dict[str, Any]:
        """The value model in JSON's types."""
        return {
            "class": type(self).__name__,
            "format": _FORMAT,
            **{name: getattr(self, name) for name in (*_NUMBERS, *_TEXTS)},
            "time_unit_days": self.time_unit_days,
            "purchases": self.purchases.to_dict(),
            "spend": self.spend.to_dict(),
        }

    @classmethod
    def from_dict(cls, saved: Mapping[str, Any]) -> ValueModel:
        """The value model that :meth:`to_dict` described. ValueError: another class or format, or broken content."""
        _check_head(saved, cls.__name__)
        missing = [name for name in (*_NUMBERS, *_TEXTS, "purchases", "spend") if name not in saved]
        if missing:
            raise ValueError(f"it has no {', '.join(missing)}")
        models = {role: _model(saved[role], role, known) for role, known in _ROLES.items()}
        return cls(**models, **{name: saved[name] for name in (*_NUMBERS, *_TEXTS)})

    def save(self, path: str | Path) -> Path:
        """Write the value model as JSON; returns the path."""
        return save_model(self, path)


def save_model(model: FittedModel | ValueModel, path: str | Path) -> Path:
    """Write a fitted model, or a value model, as JSON that :func:`load_model` reads: whole or not. Returns the path.

    >>> import tempfile
    >>> from clvlib.value import NBDModel
    >>> model = NBDModel()
    >>> model.params_ = {"r": 0.4, "alpha": 4.5}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     load_model(save_model(model, f"{folder}/nbd.json")).params_
    {'r': 0.4, 'alpha': 4.5}
    """
    path = Path(path)
    text = json.dumps(model.to_dict(), ensure_ascii=False, indent=1, allow_nan=False)
    part = path.with_name(f"{path.name}.part")
    part.write_text(text + "\n", encoding="utf-8")
    os.replace(part, path)
    return path


def load_model(path: str | Path) -> Any:
    """The model that a JSON file holds: one of the purchase or spend models, or a :class:`ValueModel`.

    ModelFileError: no such file, no JSON, no model, a class or a format that this version does not know, broken
    content.
    """
    path = Path(path)
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise ModelFileError(f"{path}: {path.stat().st_size:,} bytes are too many for a model; is it the log?")
        saved = json.loads(path.read_text(encoding="utf-8-sig"), parse_constant=_no_constant)
    except FileNotFoundError:
        raise ModelFileError(f"{path}: there is no such file") from None
    except OSError as error:
        raise ModelFileError(f"{path}: it cannot be read: {error.strerror or error}") from None
    except (UnicodeDecodeError, RecursionError) as error:
        raise ModelFileError(f"{path}: this is no JSON ({type(error).__name__}); {_REMEDY}") from None
    except json.JSONDecodeError as error:
        raise ModelFileError(f"{path}: this is no JSON (line {error.lineno}: {error.msg}); {_REMEDY}") from None
    except ValueError as error:
        raise error if isinstance(error, ModelFileError) else ModelFileError(f"{path}: {error}; {_REMEDY}") from None
    try:
        if isinstance(saved, Mapping) and saved.get("class") == ValueModel.__name__:
            return ValueModel.from_dict(saved)
        return _model(saved, "the file", _KNOWN)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ModelFileError(f"{path}: {error}; {_REMEDY}") from None


_REMEDY = "save it anew with model.save(path), or take models/<dataset>.json of a report"


def _model(saved: Any, role: str, known: Mapping[str, str]) -> Any:
    """The model that ``saved`` describes, if its class is a known one."""
    name = saved.get("class") if isinstance(saved, Mapping) else None
    if name not in known:
        raise ValueError(f"{role} is no saved model of a known class (it says {name!r}; known: {', '.join(known)})")
    kind = getattr(importlib.import_module(f"clvlib.value.purchases.{known[name]}"), name)
    return kind.from_dict(saved)


def _check_head(saved: Mapping[str, Any], name: str) -> None:
    if saved.get("class") != name:
        raise ValueError(f"a {name} is expected, this is {saved.get('class')!r}")
    if saved.get("format") != _FORMAT:
        raise ValueError(
            f"its format is {saved.get('format')!r}, this clvlib reads {_FORMAT}; use the version that wrote it"
        )


def _unlike(found: float, expected: float, error: float, what: str) -> list[str]:
    ratio = found / expected if expected > 0 else math.inf
    if 0.8 <= ratio <= 1.25 or abs(found - expected) <= 3 * error:
        return []
    return [f"{found:,.4g} {what} where the model's population would have {expected:,.4g} ({ratio - 1:+.0%})"]


def _number(value: Any, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, np.number)) or not math.isfinite(value):
        raise ValueError(f"{name} must be a finite number, got {value!r}")
    return float(value)


def _day(value: Any) -> str:
    """ISO date. ValueError: no date."""
    if isinstance(value, (datetime.date, pd.Timestamp)):
        return value.isoformat()[:10]
    try:
        return datetime.date.fromisoformat(value).isoformat()
    except (TypeError, ValueError):
        raise ValueError(f"calibration_end is a date such as '1997-09-30', got {value!r}") from None


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no number in a model")
