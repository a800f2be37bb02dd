"""Gamma-Gamma: what does a customer spend in one purchase, and how far can the average of a few be believed?

Colombo and Jiang (1999), A stochastic RFM model, Journal of Interactive Marketing 13(3); Fader, Hardie and Lee (2005),
RFM and CLV, Journal of Marketing Research 42(4); Fader and Hardie (2013), The Gamma-Gamma model of monetary value, note
025, whose equations these are.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from clvlib.value.purchases._fitted_model import FittedModel
from clvlib.value.purchases._gamma_gamma_likelihood import GammaGammaLikelihood
from clvlib.value.purchases._maximum_likelihood import Likelihood
from clvlib.value.purchases._summary import column, read_weights, refuse

__all__ = ["GammaGammaModel"]

#: With fewer repeat customers than this, three parameters are not to be had.
FEW = 50
#: Where a search for p and q begins, and goes on if it ends on a ridge.
_SHAPES = ((4.0, 4.0), (1.5, 2.0), (20.0, 10.0), (0.5, 1.5), (1.0, 30.0), (30.0, 2.0))
#: A fit to more customers than this begins where the fit to a sample of them ended.
_SAMPLED = 40_000
#: From this correlation of frequency and spend on, the model's independence is a bad enough lie to be told at fit.
CORRELATED = 0.3


class GammaGammaModel(FittedModel):
    """How much does each customer spend in a purchase?

    A customer's purchases are ~ Gamma(p, nu), and the rate nu varies over customers as Gamma(q, gamma), gamma in
    currency; how often somebody buys says nothing of how much (``correlation_`` is how far that is from true).

    nonpositive: what to do with repeat customers whose mean spend is zero or less (returns), which the model has no
    place for: ``"error"``, or ``"leave_out"`` of the fit, and predict them as if nothing were known of their spend.

    ``fit(summary)`` reads ``frequency`` and ``monetary_value`` of :func:`clvlib.rfm.rfm_summary`, customers with
    frequency 0 left out, and sets, besides what every model sets (``params_``: p, q, gamma), ``n_left_out_``,
    ``n_nonpositive_``, ``correlation_`` (Pearson, of frequency and mean spend over the customers fitted) and
    ``notes_``, what was warned of. FitWarning: fewer than 50 repeat customers, a correlation of 0.3 or more, a ridge,
    q <= 1 (no finite mean). ValueError: no repeat customer, zero or negative spend.

    >>> summary = pd.DataFrame({"frequency": [2.0, 1.0, 0.0], "monetary_value": [22.35, 11.77, 0.0]})
    >>> model = GammaGammaModel()
    >>> model.params_ = {"p": 6.25, "q": 3.74, "gamma": 15.44}
    >>> model.expected_spend(summary).round(2)
    array([24.66, 18.92, 35.22])
    """

    _symbols = ("p", "q", "gamma")
    _meaning: ClassVar = {
        "p up": "every purchase of a customer is of the same amount",
        "q up, gamma up": "every customer spends the same on average",
        "q down": "spend varies over customers without bound",
    }

    def __init__(self, *, nonpositive: Literal["error", "leave_out"] = "error") -> None:
        self.nonpositive = nonpositive

    def fit(self, summary: pd.DataFrame, *, weights: ArrayLike | None = None) -> "GammaGammaModel":
        """Maximise the likelihood of the repeat customers' mean spends. ``weights``: customers a row stands for."""
        return super().fit(summary, weights=weights)

    def expected_spend(self, summary: pd.DataFrame) -> np.ndarray:
        """What is the mean amount of each customer's purchases expected to be? In currency, shape (n_customers,).

        Equation (5): the customers' average and the population's, weighted by how much is known of them. For frequency
        0, the population's mean; infinite there if q <= 1.
        """
        shape, rate = self._individuals(summary)
        p, _, _ = self._parameters()
        shape -= 1
        rate *= p
        if shape.min() > 0:
            return rate / shape
        return np.where(shape > 0, rate / np.where(shape > 0, shape, 1.0), np.inf)

    def expected_spend_new_customer(self) -> float:
        """What is the mean amount of a purchase over all customers? p gamma / (q - 1); infinite if q <= 1."""
        p, q, gamma = self._parameters()
        return float(p * gamma / (q - 1)) if q > 1 else np.inf

    def simulate(
        self,
        summary: pd.DataFrame,
        *,
        n_draws: int,
        random_state: int | np.random.Generator,
        counts: ArrayLike | None = None,
    ) -> np.ndarray:
        """What may each customer's mean spend be, or the total of so many purchases? Currency, (n_draws, n_customers).

        counts: None for draws of the mean of all purchases a customer could ever make; else numbers of purchases, shape
        (n_customers,) or (n_draws, n_customers), for draws of the sum of their amounts, 0 for none.
        """
        shape, rate = self._individuals(summary)
        p, _, _ = self._parameters()
        rng = np.random.default_rng(random_state)
        nu = rng.standard_gamma(shape, (n_draws, len(shape))) / rate
        if counts is None:
            return p / nu
        purchases = np.broadcast_to(np.asarray(counts, dtype=float), nu.shape)
        refuse("counts", purchases.ravel(), ~(purchases.ravel() >= 0), "negative or missing", "count purchases")
        return np.where(purchases > 0, rng.standard_gamma(p * purchases) / nu, 0.0)

    def _individuals(self, summary: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        """Each customer's nu is Gamma(shape, rate) given the purchases seen."""
        p, q, gamma = self._parameters()
        x, m = self._read(summary)
        if self.nonpositive == "leave_out":
            x = np.where(m > 0, x, 0.0)
        return p * x + q, x * m + gamma

    def _read(self, summary: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        if self.nonpositive not in ("error", "leave_out"):
            raise ValueError(f'nonpositive is "error" or "leave_out", got {self.nonpositive!r}')
        x, m = column(summary, "frequency"), column(summary, "monetary_value")
        if not len(x):
            raise ValueError("frequency: the table has no rows; at least one customer is needed")
        refuse("frequency", x, (x < 0) | (np.rint(x) != x), "negative or fractional", "it counts repeat purchases")
        if self.nonpositive == "error":
            refuse(
                "monetary_value",
                m,
                (x > 0) & (m <= 0),
                "zero or negative with frequency above 0",
                'the model has no place for them: drop these customers, or GammaGammaModel(nonpositive="leave_out")',
            )
        return x, m

    def _likelihood(self, summary: pd.DataFrame, weights: ArrayLike | None) -> Likelihood:
        x, m = self._read(summary)
        w = read_weights(weights, len(x))
        used = (x > 0) & (m > 0)
        nonpositive = int(np.count_nonzero(x > 0)) - int(np.count_nonzero(used))
        if w is not None:
            used &= w > 0
        rows = np.flatnonzero(used)
        if not len(rows):
            raise ValueError(
                f"frequency: none of {len(x):,} customers has bought again, so no repeat spend is known; "
                "use a longer calibration"
            )
        likelihood = GammaGammaLikelihood(x[rows], m[rows], None if w is None else w[rows])
        likelihood.n_left_out, likelihood.n_nonpositive = len(x) - len(rows), nonpositive
        return likelihood

    def _starts(self, summary: pd.DataFrame, weights: ArrayLike | None, likelihood: Likelihood) -> list[np.ndarray]:
        x, m, w = likelihood.x, likelihood.m, likelihood.by[0]
        typical = float((w * likelihood.total).sum() / likelihood.by[1].sum())
        guesses = [np.array([p, q, typical * (q - 0.9) / p]) for p, q in _SHAPES]
        if len(x) > _SAMPLED:
            until = np.cumsum(w)
            rows = np.searchsorted(until, (np.arange(_SAMPLED // 2) + 0.5) * (until[-1] / (_SAMPLED // 2)))
            found = self._search(GammaGammaLikelihood(x[rows], m[rows]), guesses)
            if found.flat is None:
                guesses.insert(0, found.params)
        return guesses

    def _kept(self, likelihood: Likelihood) -> None:
        self.n_left_out_ = likelihood.n_left_out
        self.n_nonpositive_ = likelihood.n_nonpositive
        self.correlation_ = _correlation(likelihood.x, likelihood.m, likelihood.by[0])
        if likelihood.weight < FEW:
            self._note(
                f"only {likelihood.weight:g} repeat customers, too few for three parameters; "
                f"their spread is not to be trusted below {FEW}"
            )
        if abs(self.correlation_) >= CORRELATED:
            self._note(
                f"frequency and spend are correlated (r = {self.correlation_:.2f} over {likelihood.weight:,.0f} repeat "
                "customers), which the model takes to be independent: customers who buy often are "
                f"{'under' if self.correlation_ > 0 else 'over'}valued in sum"
            )
        if self.params_["q"] <= 1:
            self._note(f"q = {self.params_['q']:.2f} is not above 1, so the population's mean spend is infinite")

    def _options(self) -> dict[str, Any]:
        return {"nonpositive": self.nonpositive}

    def _more_to_dict(self) -> dict[str, Any]:
        names = ("n_left_out", "n_nonpositive", "correlation")
        return {name: getattr(self, f"{name}_") for name in names if hasattr(self, f"{name}_")}

    def _more_from_dict(self, saved: Mapping[str, Any]) -> None:
        for name in ("n_left_out", "n_nonpositive", "correlation"):
            if saved.get(name) is not None:
                setattr(self, f"{name}_", saved[name])


def _correlation(x: np.ndarray, m: np.ndarray, w: np.ndarray) -> float:
    """Pearson's, weighted; 0 where one of them does not vary."""
    share = w / w.sum()
    mean = (share * m).sum()
    dx, dm = x - (share * x).sum(), m - mean
    spread = np.sqrt((share * dx * dx).sum() * (share * dm * dm).sum())
    return float((share * dx * dm).sum() / spread) if spread > 1e-12 * mean else 0.0
