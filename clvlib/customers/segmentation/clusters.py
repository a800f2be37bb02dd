"""Groups of similar customers by k-means, by a mixture of normal distributions, or by density: one contract for all.

Clusters are a description, not a discovery: k-means cuts a cloud without gaps into as many pieces as it is told to.
Ask :func:`clvlib.customers.choose_n_clusters` whether there is structure, and a later period whether it is of use.
"""

import warnings
from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from clvlib.customers.segmentation._threads import few_threads
from clvlib.customers.segmentation.cluster_features import ClusterFeatures

__all__ = ["CustomerClusters"]

Method = Literal["kmeans", "mixture", "density"]

#: Smallest variance of a mixture's component, on features of variance 1. Thousands of customers with one purchase lie
#: in one plane; with scikit-learn's 1e-6 a component collapses on it and buys a likelihood that means nothing.
NARROWEST = 0.01
#: From so many customers on a density method waits for hours (its time grows with the square).
DENSITY_ROWS = 50_000


class CustomerClusters:
    """Clusters of customers on logged and scaled recency, frequency and money (:class:`ClusterFeatures`).

    method: "kmeans" (Lloyd, ten starts), "mixture" (normal distributions with full covariance, no component narrower
    than a tenth of a feature's standard deviation) or "density" (HDBSCAN, Campello, Moulavi & Sander 2013), which finds
    the number of clusters itself, reads no ``n_clusters``, and leaves who lies in no dense region in *no* cluster: -1,
    which is everybody where there are not at least two dense regions. Counts are discrete: who bought once lies in one
    plane, and that plane is what a density method finds first.
    n_clusters: number of clusters. random_state: seeds the starts. min_cluster_size: least number of customers in a
    cluster, "density" only; by default 2 % of them, at least 5. features: other columns than recency, frequency, money.

    Labels are numbered by mean spend, 0 spends most (where spend is not known of all, by mean of the first feature),
    so that the same clusters have the same numbers whatever the start. They say nothing else about order.

    ``fit`` sets ``labels_`` (int64, shape (n_customers,)), ``n_clusters_``, ``features_`` and ``dropped_`` (columns
    that are constant), ``centers_`` (a row a cluster in the summary's own units: ``cluster``, ``customers``, ``share``,
    and the mean of each column used), ``converged_``.

    ValueError: what :class:`ClusterFeatures` refuses; another method; ``n_clusters`` that is no whole number of at
    least 1 or more than there are *distinct* customers; "density" on more than 50,000 customers; ``predict`` of
    "density", which has no rule for new customers; ``predict`` before ``fit``.

    >>> rng = np.random.default_rng(0)
    >>> summary = pd.DataFrame({"days_since_last_purchase": np.r_[rng.uniform(1, 9, 50), rng.uniform(200, 300, 50)],
    ...                         "frequency": np.r_[rng.poisson(9, 50), np.zeros(50)],
    ...                         "total_spend": np.r_[rng.gamma(9, 40, 50), rng.gamma(9, 3, 50)]})
    >>> clusters = CustomerClusters(n_clusters=2, random_state=0).fit(summary)
    >>> clusters.centers_.round(0)
       cluster  customers  share  days_since_last_purchase  frequency  total_spend
    0        0         50    0.0                       5.0        9.0        351.0
    1        1         50    0.0                     257.0        0.0         25.0
    >>> clusters.predict(summary.tail(1)).tolist()
    [1]
    """

    def __init__(
        self,
        *,
        method: Method = "kmeans",
        n_clusters: int = 4,
        random_state: int | None = 0,
        min_cluster_size: int | None = None,
        features: Sequence[str] | None = None,
    ) -> None:
        self.method = method
        self.n_clusters = n_clusters
        self.random_state = random_state
        self.min_cluster_size = min_cluster_size
        self.features = features

    def fit(self, summary: pd.DataFrame) -> "CustomerClusters":
        if self.method not in ("kmeans", "mixture", "density"):
            raise ValueError(f"method is 'kmeans', 'mixture' or 'density', not {self.method!r}")
        self.scaling_ = ClusterFeatures(features=self.features).fit(summary)
        self.features_, self.dropped_ = self.scaling_.features_, self.scaling_.dropped_
        x = self.scaling_.transform(summary).to_numpy()
        self.model_ = self._model(x)
        with few_threads(len(x)), warnings.catch_warnings():  # said by converged_
            warnings.simplefilter("ignore", _convergence_warning())
            found = self.model_.fit_predict(x)
        self.converged_ = bool(getattr(self.model_, "converged_", True))
        self.number_ = _numbers(found, self._order(summary, x))
        self.labels_ = self._numbered(found)
        self.n_clusters_ = len(np.unique(self.labels_[self.labels_ >= 0]))
        self.centers_ = self._centers(summary)
        return self

    def fit_predict(self, summary: pd.DataFrame) -> np.ndarray:
        """``fit(summary).labels_``, shape (n_customers,)."""
        return self.fit(summary).labels_

    def predict(self, summary: pd.DataFrame) -> np.ndarray:
        """Which of the clusters of ``fit`` does each of these customers belong to? int64, shape (n_customers,)."""
        model, x = self._fitted(), self.scaling_.transform(summary).to_numpy()
        with few_threads(len(x)):
            return self._numbered(model.predict(x))

    def predict_probability(self, summary: pd.DataFrame) -> np.ndarray:
        """How sure is a mixture? Probability of each component, in the order of the labels; rows sum to 1.

        Shape (n_customers, n_clusters). A component that no customer of ``fit`` belongs to most comes last.
        ValueError: another method than "mixture".
        """
        model = self._fitted()
        if self.method != "mixture":
            raise ValueError(f"method={self.method!r} gives no probabilities; use method='mixture'")
        x = self.scaling_.transform(summary).to_numpy()
        with few_threads(len(x)):
            probability = model.predict_proba(x)
        return probability[:, np.argsort(self.number_)]

    def _fitted(self):
        if not hasattr(self, "model_"):
            raise ValueError("these clusters are not fitted yet; call fit(summary) first")
        if self.method == "density":
            raise ValueError(
                "method='density' has no rule for customers who were not in fit; read labels_, fit again with the new "
                "customers, or use method='kmeans' or 'mixture'"
            )
        return self.model_

    def _model(self, x: np.ndarray):
        n = len(x)
        if self.method == "density":
            from sklearn.cluster import HDBSCAN

            if n > DENSITY_ROWS:
                raise ValueError(
                    f"method='density' with {n} customers would take hours; give it a sample of at most "
                    f"{DENSITY_ROWS}, or use method='kmeans' or 'mixture'"
                )
            size = max(5, round(0.02 * n)) if self.min_cluster_size is None else self.min_cluster_size
            if not _whole(size) or not size >= 2:
                raise ValueError(f"min_cluster_size must be a whole number of at least 2, not {size!r}")
            if size > n:
                raise ValueError(f"min_cluster_size={size}, but there are {n} customers; use more or a smaller size")
            return HDBSCAN(min_cluster_size=int(size), copy=True)
        distinct = len(pd.DataFrame(x).drop_duplicates())
        if not _whole(self.n_clusters) or self.n_clusters < 1:
            raise ValueError(f"n_clusters must be a whole number of at least 1, not {self.n_clusters!r}")
        if self.n_clusters > distinct:
            raise ValueError(
                f"n_clusters={self.n_clusters}, but only {distinct} of {n} customers differ in "
                f"{', '.join(self.features_)}; ask for {distinct} or fewer"
            )
        return cluster_model(self.method, int(self.n_clusters), self.random_state, n_init=10)

    def _order(self, summary: pd.DataFrame, x: np.ndarray) -> np.ndarray:
        """What labels are numbered by, shape (n_customers,): spend in currency, else a feature."""
        for name in ("total_spend", "monetary_value", "log_total_spend", "log_monetary_value"):
            if name in summary and pd.api.types.is_numeric_dtype(summary[name]):
                spend = summary[name].to_numpy(dtype=float, na_value=np.nan)
                if np.isfinite(spend).all():
                    return spend
        return x[:, 0]

    def _numbered(self, found: np.ndarray) -> np.ndarray:
        return np.where(found < 0, -1, self.number_[np.maximum(found, 0)]) if len(self.number_) else found.astype(int)

    def _centers(self, summary: pd.DataFrame) -> pd.DataFrame:
        columns = self.scaling_.natural(summary)
        by_label = columns.groupby(self.labels_)
        size = by_label.size()
        table = by_label.mean()
        table.insert(0, "cluster", size.index.to_numpy())
        table.insert(1, "customers", size.to_numpy())
        table.insert(2, "share", size.to_numpy() / len(columns))
        return table.reset_index(drop=True)


def cluster_model(method: str, n_clusters: int, random_state: int | None, *, n_init: int):
    """scikit-learn's model behind "kmeans" and "mixture"; it is loaded here and not with the room."""
    if method == "kmeans":
        from sklearn.cluster import KMeans

        return KMeans(n_clusters, n_init=n_init, random_state=random_state)
    from sklearn.mixture import GaussianMixture

    return GaussianMixture(
        n_clusters, reg_covar=NARROWEST, max_iter=500, n_init=max(1, n_init // 3), random_state=random_state
    )


def _numbers(found: np.ndarray, order: ArrayLike) -> np.ndarray:
    """For each label the model found, its number by falling mean of ``order``; ones without customers come last."""
    n = int(found.max()) + 1
    if n < 1:
        return np.empty(0, dtype=int)
    inside = found >= 0
    count = np.bincount(found[inside], minlength=n)
    total = np.bincount(found[inside], weights=np.asarray(order)[inside], minlength=n)
    mean = np.where(count > 0, total / np.maximum(count, 1), -np.inf)
    number = np.empty(n, dtype=int)
    number[np.argsort(-mean, kind="stable")] = np.arange(n)
    return number


def _whole(value: object) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def _convergence_warning() -> type[Warning]:
    from sklearn.exceptions import ConvergenceWarning

    return ConvergenceWarning
