"""Which forecast of value is better, and would other customers and other seasons have said the same?

Reads the long table of :func:`clvlib.split.backtest`: ``origin``, ``model``, ``customer_id``, ``expected_amount`` and
``holdout_amount``, and where intervals are asked for ``amount_p05`` and ``amount_p95``.

A measure of a model is the mean over origins of its measure at each: every season counts the same.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import cache

import numpy as np
import pandas as pd

from clvlib.metrics._value_kernel import Forecast
from clvlib.metrics.value import interval_coverage

__all__ = ["MEASURES", "Comparison", "coverage_table", "totals_table"]

#: Measures that can be compared, and whether more of it is better (1) or less (-1). ``absolute_bias`` is the total
#: bias of an origin without its sign, as a share of the money; the others are those of :mod:`clvlib.metrics.value`.
MEASURES: dict[str, int] = {
    "absolute_bias": -1,
    "mean_absolute_error": -1,
    "root_mean_squared_error": -1,
    "spearman": 1,
    "gini": 1,
    "captured_10": 1,
    "captured_20": 1,
}

#: Weights drawn at a time: 16 MB of them.
_CHUNK = 2_000_000


class Comparison:
    """Models of one race against each other, with paired bootstrap intervals.

    Parameters
    ----------
    predictions : the long table, see the module. A model that is missing at some origin, or for some customer there,
        cannot be compared on the same money: it is set apart in ``incomplete`` (name: origins it has in full).
    n_resamples, level, random_state : of the percentile bootstrap.
    resample_origins : draw the origins anew too, and not only customers.

    How the intervals come about
    ----------------------------
    *Paired*: each resample draws customers with replacement, with all their rows at all origins, and measures every
    model on them; the interval is that of the difference. A customer is one piece of evidence, however many origins
    they are in. With ``resample_origins`` each resample also draws as many origins as there are (the pigeonhole
    bootstrap of Owen 2007, Annals of Applied Statistics 1(2), which rather errs on the wide side): what holds in one
    season only does not pass. A handful of origins is few; of one, nothing can be drawn and only customers vary.

    ValueError: no complete model, fewer than two customers, another measure than those of ``MEASURES``.

    >>> table = pd.DataFrame({"origin": "o", "customer_id": [*"abcabc"], "model": [*"xxxyyy"],
    ...     "expected_amount": [5.0, 1.0, 9.0, 1.0, 5.0, 9.0], "holdout_amount": [4.0, 0.0, 9.0] * 2})
    >>> Comparison(table, n_resamples=200).differences("mean_absolute_error", baseline="x")[["difference", "verdict"]]
           difference              verdict
    model
    x             0.0             baseline
    y             2.0  no difference shown
    """

    def __init__(
        self,
        predictions: pd.DataFrame,
        *,
        n_resamples: int = 500,
        level: float = 0.95,
        random_state: int = 0,
        resample_origins: bool = True,
    ) -> None:
        self.n_resamples, self.level, self.random_state = n_resamples, level, random_state
        self.resample_origins = resample_origins
        self._read(predictions)
        self._draws = cache(self._resampled)

    def table(self) -> pd.DataFrame:
        """Every measure of every model. Indexed by ``model``.

        ``predicted_total`` and ``total_bias`` (currency) summed over origins, ``relative_bias`` (the two sums'
        share of the money), then the columns of :data:`MEASURES`, means over origins.
        """
        rows = {}
        for i, model in enumerate(self.models):
            totals = [(forecasts[i].predicted.sum(), forecasts[i].actual.sum()) for _, forecasts in self._origins]
            told, spent = np.sum(totals, axis=0)
            row = {"predicted_total": told, "total_bias": told - spent, "relative_bias": (told - spent) / spent}
            rows[model] = row | {measure: self._values(measure)[i].mean() for measure in MEASURES}
        return pd.DataFrame(rows).T.rename_axis("model")

    def by_origin(self, measure: str) -> pd.DataFrame:
        """One measure at every origin: models in rows, origins in columns. Also ``relative_bias``, with its sign."""
        return pd.DataFrame(self._values(measure), index=pd.Index(self.models, name="model"), columns=self.origins)

    def differences(self, measure: str, *, baseline: str) -> pd.DataFrame:
        """Is any model better than ``baseline``? Indexed by ``model``; what ``plotting.plot_differences`` reads.

        ``value``; ``difference`` (the model's minus the baseline's) with ``low`` and ``high``; ``origins_better``, at
        how many origins the model is ahead; ``verdict``, "better" or "worse" where the interval leaves out 0, else "no
        difference shown"; "baseline" for itself.
        """
        sign, values, base = _sign(measure), self._values(measure), self._index(baseline)
        weights = self._origin_weights()
        rows = {}
        for i, model in enumerate(self.models):
            difference = values[i] - values[base]
            draws = ((self._draws(measure)[:, i] - self._draws(measure)[:, base]) * weights).sum(axis=1)
            low, high = self._ends(draws)
            ahead = int((sign * difference > 0).sum())
            verdict = "baseline" if i == base else _verdict(sign, low, high)
            rows[model] = [values[i].mean(), difference.mean(), low, high, ahead, verdict]
        names = ["value", "difference", "low", "high", "origins_better", "verdict"]
        return pd.DataFrame.from_dict(rows, orient="index", columns=names).rename_axis("model")

    def verdicts(
        self, questions: Mapping[str, str], *, simple: Iterable[str], resample_origins: bool | None = None
    ) -> pd.DataFrame:
        """For each question, is any model shown to beat the best of the ``simple`` rules, for all that were tried?

        questions: a measure by the question it answers. The winner among many is flattered by winning, so the intervals
        hold for all models at once: a model's gain plus and minus q standard errors, q such that with probability
        ``level`` none of the gains strays further (the max-t of Westfall & Young 1993; Romano & Wolf 2005, Econometrica
        73(4)); more models make q larger. resample_origins: False asks of these seasons only; None as constructed.

        One row a question: ``measure``; ``best_simple`` and ``simple_value``, the best rule over all origins; ``model``
        and ``model_value``: the best of the models shown to beat it or, where none is, of all; ``gain`` of that model,
        positive is better whichever way the measure runs, with ``low`` and ``high``; ``shown``, how many models are
        shown to beat the rule; ``believe``: the model if there is one shown, else the simple rule.
        """
        weights = self._origin_weights(resample_origins)
        simple = [self._index(name) for name in simple]
        others = [i for i in range(len(self.models)) if i not in simple]
        if not simple or not others:
            raise ValueError(f"there are {len(simple)} simple rules and {len(others)} other models; it takes both")
        rows = {}
        for question, measure in questions.items():
            values = self._values(measure).mean(axis=1)
            score = _sign(measure) * values
            rule = max(simple, key=lambda i: score[i])
            draws = _sign(measure) * (self._draws(measure) * weights[:, None, :]).sum(axis=2)
            gain = score[others] - score[rule]
            reach = _joint_reach(draws[:, others] - draws[:, [rule]], gain, self.level)
            shown = np.flatnonzero(gain - reach > 0)
            best = max(shown if len(shown) else range(len(others)), key=lambda i: gain[i])
            model = others[best]
            rows[question] = {
                "measure": measure,
                "best_simple": self.models[rule],
                "simple_value": values[rule],
                "model": self.models[model],
                "model_value": values[model],
                "gain": gain[best],
                "low": gain[best] - reach[best],
                "high": gain[best] + reach[best],
                "shown": len(shown),
                "believe": self.models[model if len(shown) else rule],
            }
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("question")

    def _read(self, predictions: pd.DataFrame) -> None:
        counts = predictions.groupby(["model", "origin"], sort=False).size().unstack(fill_value=0)
        full = counts.eq(counts.max(axis=0), axis=1)
        self.incomplete = {model: int(row.sum()) for model, row in full.iterrows() if not row.all()}
        self.models = [model for model in full.index if model not in self.incomplete]
        if not self.models:
            raise ValueError(f"none of {len(full)} models said something of everybody at every origin: see their notes")
        self.origins = sorted(counts.columns)
        codes, customers = pd.factorize(predictions["customer_id"], sort=True)
        self._n_customers = len(customers)
        if self._n_customers < 2:
            raise ValueError("an interval needs at least 2 customers; there is 1")
        table = predictions.assign(_code=codes).sort_values("_code", kind="stable")
        self._origins = []
        for origin in self.origins:
            here = dict(iter(table[table["origin"] == origin].groupby("model", sort=False)))
            first = here[self.models[0]]
            actual = first["holdout_amount"].to_numpy(dtype=float)
            told = [here[model]["expected_amount"].to_numpy(dtype=float) for model in self.models]
            self._origins.append((first["_code"].to_numpy(), [Forecast(actual, predicted) for predicted in told]))

    def _values(self, measure: str) -> np.ndarray:
        """Shape (models, origins): the customers as they are."""
        columns = []
        for codes, forecasts in self._origins:
            once = np.ones((1, len(codes)))
            columns.append([_measured(forecast, measure, once)[0] for forecast in forecasts])
        return np.array(columns).T

    def _resampled(self, measure: str) -> np.ndarray:
        """Shape (resamples, models, origins)."""
        pieces = []
        for weights in self._customer_weights():
            piece = np.empty((len(weights), len(self.models), len(self._origins)))
            for o, (codes, forecasts) in enumerate(self._origins):
                here = weights[:, codes]
                for i, forecast in enumerate(forecasts):
                    piece[:, i, o] = _measured(forecast, measure, here)
            pieces.append(piece)
        draws = np.concatenate(pieces)
        bad = int((~np.isfinite(draws)).any(axis=(1, 2)).sum())
        if bad:
            raise ValueError(f"{measure} has no value in {bad} of {len(draws)} resamples: too few customers who buy")
        return draws

    def _customer_weights(self) -> Iterator[np.ndarray]:
        """How often each customer is drawn, the same for every measure: shape (some resamples, customers)."""
        n, step = self._n_customers, max(1, _CHUNK // self._n_customers)
        rng = np.random.default_rng([self.random_state, 0])
        for start in range(0, self.n_resamples, step):
            rows = min(step, self.n_resamples - start)
            drawn = rng.integers(n, size=(rows, n)) + n * np.arange(rows)[:, None]
            yield np.bincount(drawn.ravel(), minlength=rows * n).reshape(rows, n).astype(float)

    def _origin_weights(self, resample: bool | None = None) -> np.ndarray:
        """Share of each origin in each resample's mean: shape (resamples, origins)."""
        n = len(self._origins)
        if not (self.resample_origins if resample is None else resample) or n == 1:
            return np.full((self.n_resamples, n), 1 / n)
        return np.random.default_rng([self.random_state, 1]).multinomial(n, [1 / n] * n, size=self.n_resamples) / n

    def _ends(self, draws: np.ndarray) -> tuple[float, float]:
        low, high = np.quantile(draws, [(1 - self.level) / 2, (1 + self.level) / 2])
        return float(low), float(high)

    def _index(self, model: str) -> int:
        if model not in self.models:
            raise ValueError(f"no complete model {model!r} in this race; there are {', '.join(self.models)}")
        return self.models.index(model)


def coverage_table(predictions: pd.DataFrame, *, confidence: float = 0.95) -> pd.DataFrame:
    """Of the models that give intervals, how many customers spent what theirs said? Indexed by ``model``, ``origin``.

    Columns as in :class:`clvlib.metrics.value.Coverage`. Rows of models without intervals are left out; an empty table
    means that there are none. Wilson's interval takes the customers of one origin as independent.
    """
    told = predictions.dropna(subset=["amount_p05", "amount_p95"])
    rows = {}
    for key, part in told.groupby(["model", "origin"], sort=False):
        found = interval_coverage(part["holdout_amount"], part["amount_p05"], part["amount_p95"], confidence=confidence)
        rows[key] = found._asdict()
    if not rows:
        return pd.DataFrame()
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis(["model", "origin"])


def totals_table(predictions: pd.DataFrame) -> pd.DataFrame:
    """How far off is the sum over all customers, in money and, where a model has them, in purchases?

    Indexed by ``model``, ``origin``: ``amount`` realised and ``amount_bias`` (predicted less realised, as a share of
    it); ``purchases`` (days with a purchase, needs ``holdout_frequency``) and ``purchases_bias``, NaN for a model
    without ``expected_purchases``.

    >>> table = pd.DataFrame({"origin": "o", "model": "m", "expected_amount": [5.0, 1.0], "holdout_amount": [4.0, 0.0],
    ...     "expected_purchases": [0.3, 0.3], "holdout_frequency": [1.0, 0.0]})
    >>> totals_table(table)[["amount_bias", "purchases_bias"]]
                  amount_bias  purchases_bias
    model origin
    m     o               0.5            -0.4
    """
    names = ["expected_amount", "holdout_amount", "expected_purchases", "holdout_frequency"]
    groups = predictions.groupby(["model", "origin"], sort=False)[names]
    sums = groups.sum().where(groups.count() > 0)
    return pd.DataFrame(
        {
            "amount": sums["holdout_amount"],
            "amount_bias": sums["expected_amount"] / sums["holdout_amount"] - 1,
            "purchases": sums["holdout_frequency"],
            "purchases_bias": sums["expected_purchases"] / sums["holdout_frequency"] - 1,
        }
    )


def _measured(forecast: Forecast, measure: str, weights: np.ndarray) -> np.ndarray:
    if measure.startswith("captured_"):
        return forecast.captured(weights, int(measure.removeprefix("captured_")) / 100)
    return getattr(forecast, measure)(weights)


def _sign(measure: str) -> int:
    if measure not in MEASURES:
        raise ValueError(f"measure is {measure!r}; it must be one of {', '.join(MEASURES)}")
    return MEASURES[measure]


def _verdict(sign: int, low: float, high: float) -> str:
    if low <= 0 <= high:
        return "no difference shown"
    return "better" if sign * low > 0 else "worse"


def _joint_reach(draws: np.ndarray, centre: np.ndarray, level: float) -> np.ndarray:
    """How far to either side of each centre all draws lie together with probability ``level``: shape (models,)."""
    error = draws.std(axis=0)
    distance = np.abs(draws - centre)
    t = np.divide(distance, error, out=np.zeros_like(distance), where=error > 0)
    return np.quantile(t.max(axis=1), level) * error
