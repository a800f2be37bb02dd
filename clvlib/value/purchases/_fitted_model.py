"""What every fitted model of the house can do: be fitted by maximum likelihood, say how sure it is, become JSON."""

import math
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from clvlib.value.purchases._maximum_likelihood import FitWarning, Likelihood, Maximum, maximise
from clvlib.value.purchases._ridge import covariance_at, direction
from clvlib.value.purchases._summary import time_unit_of

__all__ = ["FittedModel", "NotFittedError"]

_FORMAT = 1


class NotFittedError(ValueError, AttributeError):
    """A prediction was asked for before ``fit``, and no ``params_`` were set."""


class FittedModel:
    """Positive parameters found by maximum likelihood.

    A subclass states ``_symbols`` (the parameters as its paper writes them), builds a
    :class:`~clvlib.value.purchases._maximum_likelihood.Likelihood` in ``_likelihood`` and offers starting points in
    ``_starts``. ``fit`` then sets

    ``params_``           dict of the parameters by symbol, in the table's time unit
    ``log_likelihood_``   at the maximum
    ``standard_errors_``  dict by symbol; infinite along a direction the data do not determine
    ``covariance_``       DataFrame, symbols x symbols: the inverse of the observed information, natural scale
    ``converged_``        whether the gradient is zero to rounding
    ``boundary_``         "" or one sentence that names the direction in which the likelihood does not end
    ``notes_``            every sentence that was warned of, ``boundary_`` among them
    ``n_customers_``, ``time_unit_days_``
    """

    _symbols: ClassVar[tuple[str, ...]]
    #: What it means that parameters run away ("a down", "r up, alpha up"), for the sentence in ``boundary_``.
    _meaning: ClassVar[Mapping[str, str]] = {}

    params_: dict[str, float]
    time_unit_days_: float | None = None
    boundary_: str = ""
    notes_: tuple[str, ...] = ()

    def fit(self, summary: pd.DataFrame, *, weights: ArrayLike | None = None) -> Self:
        """Maximise the likelihood of the table. ``weights``: customers that a row stands for, shape (n_rows,).

        FitWarning: the maximum lies on a boundary or a ridge (see ``boundary_``), or was not reached.
        ValueError: bad input; the error names the column, the number of rows and the remedy.
        """
        likelihood = self._likelihood(summary, weights)
        best = self._search(likelihood, self._starts(summary, weights, likelihood))
        self._keep(best, likelihood, time_unit_of(summary))
        return self

    def compile_likelihood(self, summary: pd.DataFrame, *, weights: ArrayLike | None = None) -> Likelihood:
        """The log-likelihood of a table as a function of the parameters alone: the table is read and counted once.

        The result takes an array of shape (k,), in the order of ``params_``, and returns a float; of shape (n, k), and
        returns shape (n,). It also has ``gradient(params)`` and ``hessian(params)``. Parameters are positive and not
        logarithms.
        """
        return self._likelihood(summary, weights)

    def log_likelihood(
        self,
        summary: pd.DataFrame,
        params: Mapping[str, float] | ArrayLike | None = None,
        *,
        weights: ArrayLike | None = None,
    ) -> float | np.ndarray:
        """How likely is a table, in logarithms, at the fitted or at stated parameters (mapping or array)?"""
        if params is None:
            values = self._parameters()
        elif isinstance(params, Mapping):
            values = np.array([params[symbol] for symbol in self._symbols], dtype=float)
        else:
            values = np.asarray(params, dtype=float)
        return self.compile_likelihood(summary, weights=weights)(values)

    def to_dict(self) -> dict[str, Any]:
        """The fitted model in JSON's types: class, format, options, parameters and how sure they are."""
        self._parameters()
        covariance = getattr(self, "covariance_", None)
        return {
            "class": type(self).__name__,
            "format": _FORMAT,
            "options": self._options(),
            "params": {symbol: float(self.params_[symbol]) for symbol in self._symbols},
            "covariance": None if covariance is None else [[_json(v) for v in row] for row in covariance.to_numpy()],
            "log_likelihood": getattr(self, "log_likelihood_", None),
            "converged": getattr(self, "converged_", None),
            "boundary": self.boundary_,
            "notes": list(self.notes_),
            "n_customers": getattr(self, "n_customers_", None),
            "time_unit_days": self.time_unit_days_,
            **self._more_to_dict(),
        }

    def save(self, path: str | Path) -> Path:
        """Write the fitted model as JSON, which :func:`clvlib.value.load_model` reads; returns the path."""
        from clvlib.value.saving import save_model

        return save_model(self, path)

    @classmethod
    def from_dict(cls, saved: Mapping[str, Any]) -> Self:
        """The model that :meth:`to_dict` described. ValueError: another class, another format, or broken content."""
        if saved.get("class") != cls.__name__ or saved.get("format") != _FORMAT:
            raise ValueError(
                f"a {cls.__name__} of format {_FORMAT} is expected, this is {saved.get('class')!r} of format "
                f"{saved.get('format')!r}; load it with the version of clvlib that saved it"
            )
        params = saved.get("params")
        if not isinstance(params, Mapping) or set(params) != set(cls._symbols):
            raise ValueError(f"params: {cls.__name__} has {', '.join(cls._symbols)}, the file has {params}")
        model = cls(**saved.get("options", {}))
        model.params_ = {symbol: float(params[symbol]) for symbol in cls._symbols}
        model._parameters()
        if saved.get("covariance") is not None:
            covariance = np.array([[math.inf if v is None else v for v in row] for row in saved["covariance"]], float)
            model._keep_covariance(covariance)
        for name in ("log_likelihood", "converged", "n_customers"):
            if saved.get(name) is not None:
                setattr(model, f"{name}_", saved[name])
        model.boundary_ = saved.get("boundary", "")
        model.notes_ = tuple(saved.get("notes", ()))
        model.time_unit_days_ = saved.get("time_unit_days")
        model._more_from_dict(saved)
        return model

    def __repr__(self) -> str:
        options = ", ".join(f"{name}={value!r}" for name, value in self._options().items())
        return f"{type(self).__name__}({options})"

    # what subclasses say

    def _likelihood(self, summary: pd.DataFrame, weights: ArrayLike | None) -> Likelihood:
        raise NotImplementedError

    def _starts(self, summary: pd.DataFrame, weights: ArrayLike | None, likelihood: Likelihood) -> Sequence[ArrayLike]:
        """Starting points on the natural scale; the second and later ones are tried only if the first ends badly."""
        raise NotImplementedError

    def _options(self) -> dict[str, Any]:
        return {}

    def _kept(self, likelihood: Likelihood) -> None:
        """What else a fit sets, or has to warn of with ``_note``."""

    def _more_to_dict(self) -> dict[str, Any]:
        return {}

    def _more_from_dict(self, saved: Mapping[str, Any]) -> None:
        pass

    # what they need not know

    def _parameters(self) -> np.ndarray:
        """``params_`` in the order of the symbols. Errors: not fitted, a symbol missing, a parameter not positive."""
        params = getattr(self, "params_", None)
        if params is None:
            raise NotFittedError(f"{type(self).__name__} has no params_ yet; call fit(summary) or set params_")
        if set(params) != set(self._symbols):
            wanted = ", ".join(self._symbols)
            raise ValueError(f"params_ of {type(self).__name__} are {wanted}, got {', '.join(params)}")
        values = np.array([params[symbol] for symbol in self._symbols], dtype=float)
        if not (np.isfinite(values) & (values > 0)).all():
            raise ValueError(f"params_ must be positive and finite, got {dict(params)}")
        return values

    def _search(self, likelihood: Likelihood, starts: Sequence[ArrayLike]) -> Maximum:
        """The best maximum from the starts; the first that is reached and is no ridge ends the search."""
        best: Maximum | None = None
        for start in starts:
            found = maximise(likelihood, np.asarray(start, dtype=float))
            if best is None or found.value > best.value + 1e-6 * (best.converged >= found.converged):
                best = found
            if best.converged and best.flat is None:
                break
        return best

    def _direction(self, found: Maximum) -> str:
        return direction(found, self._symbols, self._meaning)

    def _keep(self, found: Maximum, likelihood: Likelihood, time_unit_days: float | None) -> None:
        self.params_ = dict(zip(self._symbols, map(float, found.params), strict=True))
        self.log_likelihood_ = found.value
        self.converged_ = found.converged
        n_customers = likelihood.weight
        self.n_customers_ = int(n_customers) if float(n_customers).is_integer() else float(n_customers)
        self.time_unit_days_ = time_unit_days
        self.boundary_ = self._direction(found)
        self.notes_ = ()
        self._keep_covariance(covariance_at(found))
        if self.boundary_:
            self._note(self.boundary_)
        elif not self.converged_:
            self._note(
                f"the maximum was not reached (gradient norm per customer {found.gradient_norm:.1e}); "
                "do not read the parameters"
            )
        self._kept(likelihood)
        for note in self.notes_:
            warnings.warn(f"{type(self).__name__}: {note}", FitWarning, stacklevel=3)

    def _note(self, sentence: str) -> None:
        self.notes_ = (*self.notes_, sentence)

    def _keep_covariance(self, covariance: np.ndarray) -> None:
        names = list(self._symbols)
        self.covariance_ = pd.DataFrame(covariance, index=names, columns=names)
        self.standard_errors_ = dict(zip(names, map(float, np.sqrt(np.diag(covariance))), strict=True))


def _json(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
