"""How many clusters? Seven criteria side by side, and which number each of them would pick.

They ask different things and seldom agree; where they do not, the data have no number of clusters, and the number is a
decision about how many kinds of letters the shop can write.
"""

import warnings
from collections.abc import Iterable

import numpy as np
import pandas as pd

from clvlib.customers._checks import frame, whole
from clvlib.customers.segmentation._summary import checked_numbers, checked_table
from clvlib.customers.segmentation._threads import few_threads
from clvlib.customers.segmentation.cluster_features import cluster_features
from clvlib.customers.segmentation.clusters import cluster_model

__all__ = ["choose_n_clusters", "picked_n_clusters"]

#: criterion, the column it reads, the rule by which it picks.
_RULES = {
    "elbow": ("inertia", "farthest below the line from the first inertia to the last; moves with the range asked for"),
    "silhouette": ("silhouette", "largest"),
    "calinski_harabasz": ("calinski_harabasz", "largest"),
    "davies_bouldin": ("davies_bouldin", "smallest"),
    "gap": ("gap", "smallest k with gap(k) >= gap(k + 1) - gap_error(k + 1); may be 1: no clusters"),
    "bic": ("bic", "smallest"),
    "stability": ("stability", "largest"),
}


def choose_n_clusters(
    features: pd.DataFrame,
    n_clusters: Iterable[int] = range(1, 9),
    *,
    random_state: int | None = 0,
    n_references: int = 10,
    n_resamples: int = 10,
    max_rows: int = 4000,
) -> pd.DataFrame:
    """What does each criterion say to each number of clusters?

    features: scaled features, as :func:`clvlib.customers.cluster_features` makes them, or any table or array of
    numbers, shape (n_customers, n_features), taken as they are; a customer summary (it has ``customer_id`` or
    ``frequency``) goes through ``cluster_features`` first. n_clusters: the numbers to try, each below the number
    of distinct customers; those that are not are left out, and 1 is always tried, since the gap and the BIC can say
    that there are no clusters. n_references: uniform data sets for the gap. n_resamples: pairs of
    bootstrap samples for the stability. max_rows: larger tables are represented by so many customers at random, since
    silhouettes need all distances and time matters more here than a third digit.

    Returns one row a number, sorted, of k-means and (``bic``) of the mixture:

    ``n_clusters``; ``inertia`` sum of squared distances to the centre, in the features' squared units;
    ``silhouette`` (Rousseeuw 1987), -1 to 1; ``calinski_harabasz`` (1974), variance ratio; ``davies_bouldin`` (1979),
    small is good; ``gap``, ``gap_error`` (Tibshirani, Walther & Hastie 2001, equations 3 and 4, uniform references in
    the box of the principal components), the error with its factor for the simulation;
    ``bic`` (Schwarz 1978) of normal distributions with full covariance, small is good;
    ``stability`` mean adjusted Rand index of two k-means, fitted to two bootstrap samples, on all customers (as in
    Fang & Wang 2012), 1 is perfect, with ``stability_low`` and ``stability_high``, its 5 % and 95 % quantiles
    over the pairs. What has no meaning for one cluster is NaN.

    The attribute ``attrs["rows"]`` says how many customers were looked at.

    ValueError: fewer than three distinct customers, NaN or infinite values, text, no number left to try, one below 1.

    >>> rng = np.random.default_rng(0)
    >>> three = np.concatenate([rng.normal(center, 0.3, (60, 2)) for center in ([0, 0], [4, 0], [0, 4])])
    >>> table = choose_n_clusters(three, range(1, 6), n_references=5, n_resamples=5)
    >>> table[["n_clusters", "silhouette", "stability"]].round(2).head(3)
       n_clusters  silhouette  stability
    0           1         NaN        NaN
    1           2        0.64       0.46
    2           3        0.86       1.00
    >>> picked_n_clusters(table)["n_clusters"].tolist()
    [3, 3, 3, 3, 3, 3, 3]
    """
    if not hasattr(features, "__len__"):
        raise ValueError(f"features must be a table or an array of numbers, not {type(features).__name__}")
    x, n_customers = _matrix(features, max_rows, random_state), len(features)
    tried = _tried(n_clusters, len(np.unique(x, axis=0)), n_customers)
    n_references, n_resamples = whole("n_references", n_references, least=2), whole("n_resamples", n_resamples)
    rng = np.random.default_rng(random_state)
    boxes = [_uniform(x, rng) for _ in range(n_references)]
    pairs = [rng.integers(len(x), size=(2, len(x))) for _ in range(n_resamples)]
    with (
        few_threads(len(x)),
        warnings.catch_warnings(),
    ):  # a resample may hold fewer distinct customers than clusters: then it uses fewer
        warnings.simplefilter("ignore", _convergence_warning())
        rows = [_criteria(x, k, boxes, pairs, random_state) for k in tried]
    table = pd.DataFrame(rows)
    table.attrs["rows"] = len(x)
    return table


def picked_n_clusters(criteria: pd.DataFrame) -> pd.DataFrame:
    """Which number would each criterion pick from the table of :func:`choose_n_clusters`?

    Columns ``criterion``, ``n_clusters`` (a missing integer where a criterion cannot decide: no number of the gap meets
    its rule, fewer than three numbers for an elbow), ``rule`` in words.

    ValueError: a table that is not from there.
    """
    needed = ["n_clusters", "gap_error", *(column for column, _ in _RULES.values())]
    frame("the table", criteria, needed, remedy="make it with choose_n_clusters(features)")
    table = criteria.sort_values("n_clusters").set_index("n_clusters")
    picks = {
        "elbow": _elbow(table["inertia"]),
        "silhouette": _best(table["silhouette"]),
        "calinski_harabasz": _best(table["calinski_harabasz"]),
        "davies_bouldin": _best(-table["davies_bouldin"]),
        "gap": _gap_rule(table),
        "bic": _best(-table["bic"]),
        "stability": _best(table["stability"]),
    }
    return pd.DataFrame(
        {
            "criterion": list(picks),
            "n_clusters": pd.array(list(picks.values()), dtype="Int64"),
            "rule": [_RULES[name][1] for name in picks],
        }
    )


def _matrix(features: pd.DataFrame, max_rows: int, random_state: int | None) -> np.ndarray:
    table = checked_table(features if isinstance(features, pd.DataFrame) else pd.DataFrame(np.asarray(features)))
    if "customer_id" in table or "frequency" in table:
        table = cluster_features(table)
    x = checked_numbers(table, list(table.columns)).to_numpy()
    max_rows = whole("max_rows", max_rows, least=3)
    if len(x) > max_rows:
        x = x[np.sort(np.random.default_rng(random_state).choice(len(x), size=max_rows, replace=False))]
    return x


def _tried(n_clusters: Iterable[int], distinct: int, n_customers: int) -> list[int]:
    if isinstance(n_clusters, str) or not isinstance(n_clusters, Iterable | int | np.integer):
        raise ValueError(f"n_clusters must be whole numbers of at least 1, as in range(2, 9), not {n_clusters!r}")
    asked = [n_clusters] if isinstance(n_clusters, int | np.integer) else list(n_clusters)
    wrong = [k for k in asked if isinstance(k, bool) or not isinstance(k, int | np.integer) or k < 1]
    if wrong or not asked:
        raise ValueError(f"n_clusters must be whole numbers of at least 1, as in range(2, 9), not {wrong or asked}")
    if distinct < 3:
        raise ValueError(
            f"only {distinct} of {n_customers} customers differ: there is no number of clusters to choose; "
            "use more customers, or other features"
        )
    tried = sorted({1, *(int(k) for k in asked if k < distinct)})
    if tried == [1] and set(asked) != {1}:
        raise ValueError(
            f"n_clusters={asked}: only {distinct} of {n_customers} customers differ, and a number of clusters must be "
            f"below that; try range(1, {distinct})"
        )
    return tried


def _uniform(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """As many points, uniform in the box of the principal components (Tibshirani et al. 2001, section 4, b)."""
    mean = x.mean(axis=0)
    axes = np.linalg.svd(x - mean, full_matrices=False)[2]
    along = (x - mean) @ axes.T
    return rng.uniform(along.min(axis=0), along.max(axis=0), size=along.shape) @ axes + mean


def _criteria(x: np.ndarray, k: int, boxes: list[np.ndarray], pairs: list[np.ndarray], seed: int | None) -> dict:
    """One row of the table."""
    from sklearn.metrics import adjusted_rand_score, calinski_harabasz_score, davies_bouldin_score, silhouette_score

    means = cluster_model("kmeans", k, seed, n_init=5).fit(x)
    bic = cluster_model("mixture", k, seed, n_init=3).fit(x).bic(x)
    reference = np.log([cluster_model("kmeans", k, seed, n_init=3).fit(box).inertia_ for box in boxes])
    row = {"n_clusters": k, "inertia": float(means.inertia_)}
    scores = (silhouette_score, calinski_harabasz_score, davies_bouldin_score)
    for score in scores:
        name = score.__name__.removesuffix("_score")
        row[name] = float(score(x, means.labels_)) if k > 1 else np.nan
    row["gap"] = float(reference.mean() - np.log(max(means.inertia_, np.finfo(float).tiny)))
    row["gap_error"] = float(reference.std() * np.sqrt(1 + 1 / len(boxes)))
    row["bic"] = float(bic)
    agreement = np.full(1, np.nan)
    if k > 1:
        refit = cluster_model("kmeans", k, seed, n_init=2)
        found = [[refit.fit(x[draw]).predict(x) for draw in pair] for pair in pairs]
        agreement = np.array([adjusted_rand_score(*labels) for labels in found])
    row["stability"] = float(agreement.mean())
    row["stability_low"], row["stability_high"] = (float(q) for q in np.quantile(agreement, [0.05, 0.95]))
    return row


def _best(values: pd.Series) -> int | None:
    """The number with the largest value; of equal ones the smallest number."""
    return None if values.isna().all() else int(values.idxmax())


def _elbow(inertia: pd.Series) -> int | None:
    """Where the curve lies farthest below its chord, both axes scaled to 0..1 (Satopää et al. 2011, "kneedle")."""
    if len(inertia) < 3 or not inertia.iloc[0] > inertia.iloc[-1]:
        return None
    k, value = inertia.index.to_numpy(dtype=float), inertia.to_numpy()
    across = (k - k[0]) / (k[-1] - k[0])
    down = (value - value[-1]) / (value[0] - value[-1])
    return int(inertia.index[np.argmax(1 - across - down)])


def _gap_rule(table: pd.DataFrame) -> int | None:
    """Tibshirani, Walther & Hastie (2001), step 3; the next number must have been tried too."""
    for k in table.index:
        if k + 1 in table.index and table.loc[k, "gap"] >= table.loc[k + 1, "gap"] - table.loc[k + 1, "gap_error"]:
            return int(k)
    return None


def _convergence_warning() -> type[Warning]:
    from sklearn.exceptions import ConvergenceWarning

    return ConvergenceWarning
