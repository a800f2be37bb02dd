"""The scikit-learn pieces of the supervised models: how a feature becomes a number, and the estimators by name.

Imported by functions of :mod:`clvlib.value.learning.supervised` and its neighbours when they are first used, never with
the package: scikit-learn takes longer to load than CDNOW takes to summarise.
"""

from collections.abc import Callable

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC, SVR
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

__all__ = [
    "GRIDS",
    "MISSING",
    "Chain",
    "ClipToSeen",
    "RegressionImputer",
    "StrongestFeatures",
    "classifier",
    "regressor",
    "signed_log",
]

#: How a missing feature is filled; ``drop`` leaves the row out and is not a step of a pipeline.
MISSING: tuple[str, ...] = ("drop", "mean", "median", "most_frequent", "regression", "indicator")

_REGRESSORS: dict[str, Callable] = {
    "linear_regression": lambda o: Ridge(**{"alpha": 1.0} | o),
    "decision_tree": lambda o: DecisionTreeRegressor(**{"min_samples_leaf": 50} | o),
    "svm": lambda o: SVR(**{"C": 1.0} | o),
    "random_forest": lambda o: RandomForestRegressor(**_FOREST | o),
    "gradient_boosting": lambda o: HistGradientBoostingRegressor(**_BOOSTING | o),
    "mlp": lambda o: MLPRegressor(**_MLP | o),
}
_CLASSIFIERS: dict[str, Callable] = {
    "linear_regression": lambda o: LogisticRegression(**{"C": 1.0, "max_iter": 2000} | _inverse(o)),
    "decision_tree": lambda o: DecisionTreeClassifier(**{"min_samples_leaf": 50} | o),
    # Platt's sigmoid on held-out folds: an SVM has scores, not probabilities
    "svm": lambda o: CalibratedClassifierCV(SVC(**{"C": 1.0} | o), ensemble=False, cv=3),
    "random_forest": lambda o: RandomForestClassifier(**_FOREST | o),
    "gradient_boosting": lambda o: HistGradientBoostingClassifier(**_BOOSTING | o),
    "mlp": lambda o: MLPClassifier(**_MLP | o),
}
_FOREST = {"n_estimators": 30, "min_samples_leaf": 20, "max_features": 0.4, "max_samples": 0.5}
_BOOSTING = {
    "max_iter": 80,
    "learning_rate": 0.06,
    "max_leaf_nodes": 8,
    "min_samples_leaf": 40,
    "l2_regularization": 1.0,
    "early_stopping": False,
}
_MLP = {
    "hidden_layer_sizes": (32, 16),
    "alpha": 10.0,
    "learning_rate_init": 0.003,
    "early_stopping": True,
    "n_iter_no_change": 6,
    "max_iter": 400,
}

#: The candidates that tuning tries, from stiff to supple, beside the estimator's default.
GRIDS: dict[str, list[dict]] = {
    "linear_regression": [{"alpha": 100.0}, {"alpha": 1000.0}],
    "decision_tree": [{"min_samples_leaf": 200}, {"min_samples_leaf": 20}],
    "svm": [{"C": 0.1}, {"C": 10.0}],
    "random_forest": [{"min_samples_leaf": 60}, {"min_samples_leaf": 5}],
    "gradient_boosting": [{"max_leaf_nodes": 4}, {"max_iter": 200}],
    "mlp": [{"alpha": 1.0}, {"hidden_layer_sizes": (8,)}],
}


def regressor(name: str, options: dict, *, random_state: int):
    """An estimator of a mean, by its name in :data:`GRIDS`."""
    return _seeded(_REGRESSORS[name](options), random_state)


def classifier(name: str, options: dict, *, random_state: int):
    """Its counterpart for a probability: logistic for linear regression, else of the same kind."""
    return _seeded(_CLASSIFIERS[name](options), random_state)


class Chain:
    """Fill, take logarithms, hold to the range seen, scale, perhaps select, estimate: all fitted on training rows.

    missing: one of :data:`MISSING`. n_features: keep so many of the features that correlate most with the target.
    The estimator is not part of the scikit-learn pipeline, since a network is none of scikit-learn's.
    """

    def __init__(self, estimator, *, missing: str, n_features: int | None = None) -> None:
        steps = [
            ("fill", _imputer(missing)),
            ("log", FunctionTransformer(signed_log)),
            ("clip", ClipToSeen()),
            ("scale", StandardScaler()),
        ]
        if n_features is not None:
            steps.append(("select", StrongestFeatures(n_features)))
        self.preparation, self.estimator = Pipeline(steps), estimator

    def fit(self, x, y, groups=None) -> "Chain":
        """groups: the customer of each row; a network holds back whole customers."""
        options = {"groups": groups} if getattr(self.estimator, "takes_groups", False) else {}
        self.estimator.fit(self.preparation.fit_transform(x, y), y, **options)
        return self

    def predict(self, x) -> np.ndarray:
        return self.estimator.predict(self.preparation.transform(x))

    def predict_proba(self, x) -> np.ndarray:
        return self.estimator.predict_proba(self.preparation.transform(x))


def signed_log(x: np.ndarray) -> np.ndarray:
    """sign(x) log(1 + |x|): counts and money have long tails, and net money can be below zero.

    >>> signed_log(np.array([-1.0, 0.0, 1.0])).round(3).tolist()
    [-0.693, 0.0, 0.693]
    """
    return np.sign(x) * np.log1p(np.abs(x))


class ClipToSeen(TransformerMixin, BaseEstimator):
    """Hold every feature to the range it had in training.

    Customers are older at the cut than at any origin before it. A linear model or a network would follow the age's
    slope to where no customer ever was; CDNOW's forecast is eight times the truth if it may.

    >>> ClipToSeen().fit(np.array([[0.0], [2.0]])).transform(np.array([[-1.0], [1.0], [9.0]])).ravel().tolist()
    [0.0, 1.0, 2.0]
    """

    def fit(self, x, y=None):
        self.low_, self.high_ = np.min(x, axis=0), np.max(x, axis=0)
        return self

    def transform(self, x):
        return np.clip(x, self.low_, self.high_)


class RegressionImputer(TransformerMixin, BaseEstimator):
    """Predict what is missing from what is there: a ridge regression of each such feature on all the others.

    The others' own gaps stand at their medians. A prediction is held to the range the feature had. A feature with fewer
    than ten known values is filled with their median, one without any with 0.

    >>> x = np.column_stack([np.arange(20.0), 2 * np.arange(20.0)])
    >>> x[3, 1] = np.nan
    >>> print(f"{RegressionImputer().fit(x).transform(x)[3, 1]:.1f}")
    6.0
    """

    def fit(self, x, y=None):
        x = np.asarray(x, dtype=float)
        gaps = np.isnan(x)
        self.medians_ = np.array([np.median(c[~g]) if not g.all() else 0.0 for c, g in zip(x.T, gaps.T, strict=True)])
        filled = np.where(gaps, self.medians_, x)
        self.models_, self.range_ = {}, {}
        for j in np.flatnonzero(gaps.any(axis=0)):
            known = ~gaps[:, j]
            if known.sum() >= 10:
                others = np.delete(filled[known], j, axis=1)
                model = Pipeline([("scale", StandardScaler()), ("ridge", Ridge(alpha=1e-3))])
                self.models_[j] = model.fit(others, x[known, j])
                self.range_[j] = x[known, j].min(), x[known, j].max()
        return self

    def transform(self, x):
        x = np.asarray(x, dtype=float)
        gaps = np.isnan(x)
        filled = np.where(gaps, self.medians_, x)
        out = filled.copy()
        for j, model in self.models_.items():
            rows = gaps[:, j]
            if rows.any():
                out[rows, j] = np.clip(model.predict(np.delete(filled[rows], j, axis=1)), *self.range_[j])
        return out


class StrongestFeatures(TransformerMixin, BaseEstimator):
    """Keep the ``n_features`` that correlate most with the target in training, or all where there are fewer.

    >>> x = np.column_stack([np.ones(4), [0.0, 1.0, 0.0, 1.0], [1.0, 2.0, 3.0, 4.0]])
    >>> StrongestFeatures(1).fit(x, np.array([1.0, 2.0, 3.0, 5.0])).kept_.tolist()
    [2]
    """

    def __init__(self, n_features: int = 10):
        self.n_features = n_features

    def fit(self, x, y):
        x, y = x - np.mean(x, axis=0), np.asarray(y, dtype=float) - np.mean(y)
        scale = np.sqrt((x**2).sum(axis=0) * (y**2).sum())
        strength = np.abs(np.divide(x.T @ y, scale, out=np.zeros(x.shape[1]), where=scale > 0))
        self.kept_ = np.sort(np.argsort(-strength, kind="stable")[: self.n_features])
        return self

    def transform(self, x):
        return x[:, self.kept_]


def _imputer(missing: str):
    if missing == "regression":
        return RegressionImputer()
    if missing == "indicator":
        return SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)
    return SimpleImputer(strategy="median" if missing == "drop" else missing, keep_empty_features=True)


def _inverse(options: dict) -> dict:
    """Ridge's ``alpha`` in logistic regression's terms."""
    return {"C" if key == "alpha" else key: 1 / value if key == "alpha" else value for key, value in options.items()}


def _seeded(estimator, random_state: int):
    names = [name for name in estimator.get_params() if name.split("__")[-1] == "random_state"]
    return estimator.set_params(**dict.fromkeys(names, random_state))
