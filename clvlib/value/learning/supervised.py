"""What will each customer spend next? Any regression on features, trained on earlier origins of the same log.

The contract of a contender (:func:`clvlib.split.backtest`): ``fit_predict(calibration, *, cut, horizon_days)`` gets the
lines before the cut and gives one row a customer who has bought by then. It makes its own training snapshots: features
at origins at least ``horizon_days`` before the cut, outcomes up to the cut. Whatever is learnt, how to fill a gap,
how to scale, which features, which options, is learnt from these. scikit-learn and Keras are loaded by ``fit``.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from clvlib.value.learning._fitting import chain_maker, one_thread, recorded
from clvlib.value.learning._training_rows import (
    MIN_BUYERS,
    MIN_CUSTOMERS,
    SVM_ROWS,
    one_row_a_customer,
    outcomes,
    tweedie_deviance,
    usable_features,
)
from clvlib.value.learning.features import customer_features
from clvlib.value.learning.snapshots import training_origins, training_snapshots

__all__ = ["ESTIMATORS", "SupervisedModel", "supervised_contenders"]

#: The estimators by name; ``linear_regression`` is ridge regression with a light penalty.
ESTIMATORS: tuple[str, ...] = (
    "linear_regression",
    "decision_tree",
    "svm",
    "random_forest",
    "gradient_boosting",
    "mlp",
    "keras_mlp",
)
#: How the money is modelled, see :mod:`clvlib.value.learning._targets`.
_TARGETS = ("two_part", "log", "amount")


class SupervisedModel:
    """A regression on features of the past as a forecast of the amount within a horizon, right in the mean.

    Parameters
    ----------
    estimator : one of :data:`ESTIMATORS`, or a scikit-learn regressor (then ``target`` is "log" or "amount").
    target : ``"two_part"`` whether they buy times how much (Duan et al. 1983); ``"log"`` logarithm and back;
        ``"amount"`` the money as it is, which is what the documents' listings do.
    missing : how undefined features are filled: ``"indicator"`` (median, and a column that says it was missing),
        ``"mean"``, ``"median"``, ``"most_frequent"``, ``"regression"`` (from the other features) or ``"drop"`` (rows
        with a gap teach nothing, and at the cut get the training mean).
    features : names to use; by default all of :func:`~clvlib.value.learning.features.customer_features` that vary and
        have not left the range of training.
    n_features : keep so many that correlate most with the target in training; None keeps all.
    tune : choose options, and between all and the ten strongest features, on earlier origins (``tuning_``).
    n_origins, step_days, min_history_days, recent_days : of the training snapshots, see
        :func:`~clvlib.value.learning.snapshots.training_origins`.
    random_state : of every draw; nothing global is seeded.

    Attributes: ``features_``, ``left_out_`` (feature -> why), ``origins_``, ``n_rows_``, ``n_customers_``, ``level_``
    (by which factor the forecasts are raised so that cross-fitted they sum to the money of the training outcomes),
    ``tuning_`` (DataFrame or None), ``options_`` (chosen), ``notes_`` (list of what a reader should know).

    ValueError at ``fit``: fewer than 30 customers, fewer than 10 who bought in the training windows, a net total that
    is not above zero, infinite values, no feature that varies, an unknown name.

    >>> rng = np.random.default_rng(0)
    >>> days = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 300, 900), unit="D")
    >>> customer = (60 * rng.random(900) ** 2).astype(int)
    >>> lines = pd.DataFrame({"customer_id": customer, "timestamp": days, "amount": 10.0})
    >>> model = SupervisedModel("linear_regression")
    >>> forecast = model.fit_predict(lines[lines["timestamp"] < "2024-08-01"], cut="2024-08-01", horizon_days=60)
    >>> list(forecast.columns), len(forecast), len(model.origins_)
    (['customer_id', 'expected_amount', 'amount_p05', 'amount_p95'], 60, 3)
    """

    def __init__(
        self,
        estimator="gradient_boosting",
        *,
        target: str = "two_part",
        missing: str = "indicator",
        features: Sequence[str] | None = None,
        n_features: int | None = None,
        tune: bool = False,
        n_origins: int = 3,
        step_days: int | None = None,
        min_history_days: int = 30,
        recent_days: Sequence[int] = (30, 90, 180),
        random_state: int = 0,
    ) -> None:
        self.estimator = estimator
        self.target = target
        self.missing = missing
        self.features = features
        self.n_features = n_features
        self.tune = tune
        self.n_origins = n_origins
        self.step_days = step_days
        self.min_history_days = min_history_days
        self.recent_days = recent_days
        self.random_state = random_state

    def fit_predict(self, calibration: pd.DataFrame, *, cut, horizon_days: int) -> pd.DataFrame:
        """What will each customer who bought before ``cut`` spend in ``[cut, cut + horizon_days)``?

        calibration: the log; lines at the cut or later are not looked at. Returns ``customer_id``,
        ``expected_amount`` (currency, returns deducted) and, for two-part targets and ZILN, ``amount_p05`` and
        ``amount_p95``, sorted by customer.

        ValueError: where the calibration is too short, as :func:`~clvlib.value.learning.snapshots.training_origins`; as
        ``fit``.
        """
        self.notes_ = []
        cut = pd.Timestamp(cut)
        lines = calibration[(calibration["timestamp"] < cut).to_numpy()]
        origins = training_origins(
            lines,
            cut=cut,
            horizon_days=horizon_days,
            n_origins=self.n_origins,
            step_days=self.step_days,
            min_history_days=self.min_history_days,
        )
        options = {"horizon_days": horizon_days, "known_until": cut, "recent_days": self.recent_days}
        now = customer_features(lines, cut=cut, recent_days=self.recent_days)
        then = training_snapshots(lines, origins=origins, **options)
        return self.fit(then, horizon_days=horizon_days, now=now).predict(now)

    def fit(self, snapshots: pd.DataFrame, *, horizon_days: int, now: pd.DataFrame | None = None) -> SupervisedModel:
        """Learn from a table of :func:`~clvlib.value.learning.snapshots.training_snapshots`.

        now: the features that are to be forecast from, so that those which have left the range of training can be left
        out; their outcomes are not needed and not known.
        """
        self._check_options()
        y, self.notes_ = outcomes(snapshots), []
        groups = pd.factorize(snapshots["customer_id"])[0]
        self.features_, self.left_out_ = usable_features(snapshots, self.features, now)
        if self.left_out_:
            self.notes_.append("left out: " + "; ".join(f"{name} ({why})" for name, why in self.left_out_.items()))
        self.origins_ = sorted(pd.to_datetime(snapshots["origin"]).unique())
        x = snapshots[self.features_].to_numpy(dtype=float)
        self.fallback_ = float(y.mean())
        with one_thread(), recorded(self.notes_):
            self.tuning_ = self._tuned(x, y, groups, snapshots["origin"], horizon_days) if self.tune else None
            self.options_ = {} if self.tuning_ is None else _chosen(self.tuning_)
            self.model_ = self._fitted(x, y, groups, self.options_)
        self.level_ = float(getattr(self.model_, "level_", 1.0))
        self.n_rows_, self.n_customers_ = len(y), int(groups.max()) + 1
        return self

    def predict(self, features: pd.DataFrame) -> pd.DataFrame:
        """The forecast for a table of :func:`~clvlib.value.learning.features.customer_features`, row by row."""
        absent = [name for name in self.features_ if name not in features]
        if absent:
            raise ValueError(f"the table has no {', '.join(absent)}; make it with customer_features of the same log")
        x = features[self.features_].to_numpy(dtype=float)
        whole = ~np.isnan(x).any(axis=1) if self.missing == "drop" else np.ones(len(x), dtype=bool)
        out = {"customer_id": features["customer_id"].to_numpy()}
        out["expected_amount"] = np.full(len(x), self.fallback_)
        out["expected_amount"][whole] = self.model_.predict(x[whole]) if whole.any() else []
        if hasattr(self.model_, "quantile") and whole.all():
            for name, q in {"amount_p05": 0.05, "amount_p95": 0.95}.items():
                out[name] = self.model_.quantile(x, q)
        self.n_without_forecast_ = int((~whole).sum())
        return pd.DataFrame(out)

    def _fitted(self, x, y, groups, options: dict):
        """A fitted target of :mod:`clvlib.value.learning._targets`, or a model of amounts as it is."""
        options = dict(options)
        n_features = options.pop("n_features", self.n_features)
        keep = ~np.isnan(x).any(axis=1) if self.missing == "drop" else np.ones(len(x), dtype=bool)
        if self.estimator == "svm":
            keep &= one_row_a_customer(groups, keep, SVM_ROWS, self.random_state)
        if (y[keep] > 0).sum() < MIN_BUYERS or len(np.unique(groups[keep])) < MIN_CUSTOMERS:
            raise ValueError(
                f"missing={self.missing!r} leaves {int(keep.sum())} of {len(keep)} rows to learn from, "
                f"{int((y[keep] > 0).sum())} with money: too few; fill the gaps instead (missing='indicator')"
            )
        x, y, groups = x[keep], y[keep], groups[keep]
        if hasattr(self.estimator, "models_amounts"):
            return copy.copy(self.estimator).fit(x, y, groups=groups)
        return self._target(options, n_features).fit(x, y, groups)

    def _target(self, options: dict, n_features: int | None):
        from clvlib.value.learning import _targets

        make = self._maker(options, n_features, classify=False)
        cross_fit = self.estimator != "keras_mlp"
        if self.target == "two_part":
            chance = self._maker(options, n_features, classify=True)
            return _targets.TwoPart(chance, make, cross_fit=cross_fit)
        if self.target == "log":
            return _targets.LogAmount(make, cross_fit=cross_fit)
        # an SVM's tube aims at a median, the others' squares at the mean
        return _targets.Amount(make, level=self.estimator == "svm", cross_fit=cross_fit)

    def _maker(self, options: dict, n_features: int | None, *, classify: bool) -> Callable:
        return chain_maker(
            self.estimator,
            options,
            classify=classify,
            missing=self.missing,
            n_features=n_features,
            random_state=self.random_state,
        )

    def _tuned(self, x, y, groups, origin: pd.Series, horizon_days: int) -> pd.DataFrame:
        """One row a candidate: its options and its deviance on customers or origins it has not seen."""
        from clvlib.value.learning._pipelines import GRIDS

        origin = pd.to_datetime(origin)
        last = origin.max()
        early = (origin + pd.Timedelta(days=horizon_days) <= last).to_numpy()
        if early.any() and (y[early] > 0).sum() >= MIN_BUYERS:
            train, judge, how = early, (origin == last).to_numpy(), "a later origin"
        else:
            third = np.random.default_rng(self.random_state).permutation(int(groups.max()) + 1) % 3
            train, judge, how = third[groups] != 0, third[groups] == 0, "other customers"
        grid = GRIDS.get(self.estimator, []) if isinstance(self.estimator, str) else []
        candidates = [{}, *grid, {"n_features": 10}]
        rows = []
        for options in candidates:
            model = self._fitted(x[train], y[train], groups[train], options)
            deviance = tweedie_deviance(y[judge], model.predict(x[judge]), y[train].mean())
            rows.append({"options": options, "deviance": deviance})
        table = pd.DataFrame(rows)
        table["chosen"] = table.index == table["deviance"].idxmin()
        self.notes_.append(f"tuned on {how}: {len(candidates)} candidates")
        return table

    def _check_options(self) -> None:
        from clvlib.value.learning._pipelines import MISSING

        if isinstance(self.estimator, str) and self.estimator not in ESTIMATORS:
            raise ValueError(f"estimator is {self.estimator!r}; it must be one of {', '.join(ESTIMATORS)}")
        if self.target not in _TARGETS:
            raise ValueError(f"target is {self.target!r}; it must be one of {', '.join(_TARGETS)}")
        if self.missing not in MISSING:
            raise ValueError(f"missing is {self.missing!r}; it must be one of {', '.join(MISSING)}")
        own = not isinstance(self.estimator, str) and not hasattr(self.estimator, "models_amounts")
        if own and self.target == "two_part":
            raise ValueError("a regressor of your own has no classifier beside it: use target='log' or 'amount'")


def supervised_contenders(*, random_state: int = 0, **options) -> dict[str, SupervisedModel]:
    """The documents' models and their remedies by the names a table shows, ready for a race.

    options go to every one of them (``n_origins``, ``missing``, ``tune`` …).

    >>> list(supervised_contenders())[:3]
    ['linear regression', 'decision tree', 'support vector machine']
    """
    from clvlib.value.learning.hurdle import HurdleModel
    from clvlib.value.learning.ziln import ZILNRegressor

    names = {
        "linear regression": "linear_regression",
        "decision tree": "decision_tree",
        "support vector machine": "svm",
        "random forest": "random_forest",
        "gradient boosting": "gradient_boosting",
        "MLP (scikit-learn)": "mlp",
        "MLP (Keras)": "keras_mlp",
    }
    models = {name: SupervisedModel(key, random_state=random_state, **options) for name, key in names.items()}
    models["hurdle"] = HurdleModel(random_state=random_state, **options)
    models["ZILN (Keras)"] = SupervisedModel(
        ZILNRegressor(random_state=random_state), random_state=random_state, **options
    )
    return models


def _chosen(tuning: pd.DataFrame) -> dict:
    return tuning.loc[tuning["chosen"], "options"].iloc[0]
