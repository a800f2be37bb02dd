"""The number of clusters: published figures on Fisher's iris, the gap's own scenarios, structure or none."""

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris
from sklearn.metrics import silhouette_score

from clvlib.customers import choose_n_clusters, cluster_features, picked_n_clusters
from clvlib.customers.segmentation import cluster_count

QUICK = {"n_references": 5, "n_resamples": 3}


@pytest.fixture(scope="module")
def iris():
    return choose_n_clusters(load_iris().data, range(1, 7), **QUICK)


@pytest.fixture(scope="module")
def three_groups():
    rng = np.random.default_rng(0)
    return np.concatenate([rng.normal(center, 0.4, (60, 2)) for center in ([0, 0], [4, 0], [0, 4])])


def test_kmeans_on_iris_has_the_published_sums_of_squares(iris):
    # R: kmeans(iris[, 1:4], k, nstart = 25)$tot.withinss
    inertia = iris.set_index("n_clusters")["inertia"]
    assert inertia[1] == pytest.approx(681.3706, abs=1e-4)
    assert inertia[2] == pytest.approx(152.3480, abs=1e-4)
    assert inertia[3] == pytest.approx(78.85144, abs=1e-4)


@pytest.mark.parametrize(
    ("k", "calinski_harabasz", "davies_bouldin", "silhouette"),
    [(2, 513.9245, 0.4042928, 0.6810462), (3, 561.6278, 0.6619715, 0.5528190)],
)
def test_criteria_on_iris_are_those_that_r_prints(iris, k, calinski_harabasz, davies_bouldin, silhouette):
    row = iris.set_index("n_clusters").loc[k]
    assert row["calinski_harabasz"] == pytest.approx(calinski_harabasz, abs=1e-4)
    assert row["davies_bouldin"] == pytest.approx(davies_bouldin, abs=1e-6)
    assert row["silhouette"] == pytest.approx(silhouette, abs=1e-6)


def test_on_iris_the_criteria_disagree_as_the_literature_says(iris):
    picks = picked_n_clusters(iris).set_index("criterion")["n_clusters"]
    assert picks["silhouette"] == 2, "two species overlap"
    assert picks["calinski_harabasz"] == 3


def test_the_gap_finds_no_cluster_in_scenario_a_of_tibshirani_walther_hastie_2001():
    uniform = np.random.default_rng(0).random((200, 10))
    table = choose_n_clusters(uniform, range(1, 5), n_references=10, n_resamples=1)
    assert picked_n_clusters(table).set_index("criterion").loc["gap", "n_clusters"] == 1


def test_the_gap_finds_three_in_scenario_b_of_tibshirani_walther_hastie_2001():
    rng = np.random.default_rng(1)
    sizes, centers = (25, 25, 50), ((0, 0), (0, 5), (5, -3))
    groups = np.concatenate([rng.normal(center, 1, (n, 2)) for n, center in zip(sizes, centers, strict=True)])
    table = choose_n_clusters(groups, range(1, 6), n_references=10, n_resamples=1)
    assert picked_n_clusters(table).set_index("criterion").loc["gap", "n_clusters"] == 3


def test_all_criteria_agree_where_there_are_three_groups(three_groups):
    picks = picked_n_clusters(choose_n_clusters(three_groups, range(1, 7), **QUICK))
    assert picks["n_clusters"].tolist() == [3] * 7
    assert picks["criterion"].tolist() == [
        "elbow", "silhouette", "calinski_harabasz", "davies_bouldin", "gap", "bic", "stability",
    ]  # fmt: skip


def test_bic_is_that_of_one_normal_distribution_computed_by_hand(three_groups):
    n, d = three_groups.shape
    covariance = np.cov(three_groups.T, bias=True)
    # at the maximum the mean squared Mahalanobis distance is d, but for the floor of 0.01 under the variances
    floored = covariance + 0.01 * np.eye(d)
    log_likelihood = -0.5 * n * (d * np.log(2 * np.pi) + np.linalg.slogdet(floored)[1]
                                 + np.trace(np.linalg.solve(floored, covariance)))  # fmt: skip
    parameters = d + d * (d + 1) / 2
    one = choose_n_clusters(three_groups, [1], n_references=2, n_resamples=1)
    assert one["bic"].item() == pytest.approx(parameters * np.log(n) - 2 * log_likelihood)


def test_what_has_no_meaning_for_one_cluster_is_empty(iris):
    one = iris.iloc[0]
    empty = ["silhouette", "calinski_harabasz", "davies_bouldin", "stability", "stability_low", "stability_high"]
    assert one[empty].isna().all()
    assert one.drop(empty).notna().all()
    assert iris.iloc[1:].notna().all(axis=None)


def test_stability_lies_between_its_quantiles_and_needs_structure(iris, three_groups):
    later = iris.iloc[1:]
    assert (later["stability_low"] <= later["stability"]).all()
    assert (later["stability"] <= later["stability_high"]).all()
    planted = choose_n_clusters(three_groups, [3, 4], **QUICK).set_index("n_clusters")["stability"]
    assert planted[3] > 0.99 > planted[4]


def test_a_large_table_is_represented_by_a_sample_of_it():
    rng = np.random.default_rng(0)
    groups = np.concatenate([rng.normal(center, 0.4, (3000, 2)) for center in ([0, 0], [4, 0])])
    table = choose_n_clusters(groups, [2, 3], max_rows=300, **QUICK)
    assert table.attrs["rows"] == 300
    whole = silhouette_score(groups, (groups[:, 0] > 2).astype(int), sample_size=2000, random_state=0)
    assert table.set_index("n_clusters").loc[2, "silhouette"] == pytest.approx(whole, abs=0.03)


def test_the_same_seed_gives_the_same_table(three_groups):
    first, second = (choose_n_clusters(three_groups, [2, 3], random_state=4, **QUICK) for _ in range(2))
    pd.testing.assert_frame_equal(first, second)


def test_thousands_of_one_time_buyers_can_be_asked():
    rng = np.random.default_rng(0)
    once = pd.DataFrame({"days_since_last_purchase": rng.integers(1, 60, 3000), "frequency": 0,
                         "total_spend": rng.choice([9.99, 19.99, 29.99], 3000)})  # fmt: skip
    table = choose_n_clusters(cluster_features(once), range(1, 4), max_rows=400, **QUICK)
    assert table["n_clusters"].tolist() == [1, 2, 3]


def test_a_customer_summary_is_logged_and_scaled_first():
    rng = np.random.default_rng(0)
    summary = pd.DataFrame(
        {
            "customer_id": np.arange(80).astype(str),
            "days_since_last_purchase": rng.integers(1, 99, 80),
            "frequency": rng.poisson(2, 80),
            "total_spend": rng.gamma(2, 20, 80),
        }
    )
    direct, scaled = (choose_n_clusters(table, [2], **QUICK) for table in (summary, cluster_features(summary)))
    pd.testing.assert_frame_equal(direct, scaled)


def test_numbers_that_too_few_distinct_customers_forbid_are_left_out():
    few = pd.DataFrame({"log_x": [0.0, 1, 2, 5] * 20})
    table = choose_n_clusters(few, range(1, 9), **QUICK)
    assert table["n_clusters"].tolist() == [1, 2, 3]
    picks = picked_n_clusters(table)
    assert picks["n_clusters"].dtype == "Int64"


def test_a_criterion_that_cannot_decide_says_so(iris):
    picks = picked_n_clusters(iris.iloc[:1]).set_index("criterion")["n_clusters"]
    assert picks.drop("bic").isna().all()
    assert picks["bic"] == 1


@pytest.mark.parametrize(
    ("features", "options", "message"),
    [
        ([[0.0], [1.0]] * 50, {}, "only 2 of 100 customers differ"),
        ([[3.0, 3.0]] * 50, {}, "only 1 of 50 customers differ"),
        ([[0.0], [1.0], [2.0]], {"n_clusters": [5, 9]}, "only 3 of 3 customers differ"),
        ([[0.0], [1.0], [np.nan]], {}, "missing or infinite in 1 of 3 rows"),
        ([["a"], ["b"], ["c"]], {}, "not numbers"),
        ([], {}, "0 rows"),
        (np.eye(9), {"n_clusters": []}, "n_clusters must be whole numbers"),
        (np.eye(9), {"n_clusters": [0, 2]}, "n_clusters must be whole numbers of at least 1"),
        (np.eye(9), {"n_clusters": [2.5]}, "n_clusters must be whole numbers"),
        (np.eye(9), {"n_references": 1}, "n_references must be a whole number of at least 2"),
        (np.eye(9), {"n_resamples": 0}, "n_resamples must be a whole number of at least 1"),
        (np.eye(9), {"max_rows": 2}, "max_rows must be a whole number of at least 3"),
    ],
)
def test_what_has_no_number_of_clusters_is_refused(features, options, message):
    with pytest.raises(ValueError, match=message):
        choose_n_clusters(features, **options)


def test_a_table_from_elsewhere_has_no_picks():
    with pytest.raises(ValueError, match="no n_clusters, gap_error, inertia"):
        picked_n_clusters(pd.DataFrame({"k": [1]}))


def test_criteria_are_computed_with_one_thread(monkeypatch):
    threadpoolctl = pytest.importorskip("threadpoolctl")
    seen, real = [], cluster_count._criteria

    def spy(*arguments):
        seen.extend(pool["num_threads"] for pool in threadpoolctl.threadpool_info())
        return real(*arguments)

    monkeypatch.setattr(cluster_count, "_criteria", spy)
    points = np.random.default_rng(0).normal(size=(40, 2))
    choose_n_clusters(points, [2], n_references=2, n_resamples=1)
    assert set(seen) == {1}


def test_what_is_no_table_is_refused_in_words():
    points = np.random.default_rng(0).normal(size=(40, 2))
    for call in (lambda: choose_n_clusters(None), lambda: choose_n_clusters(points, None),
                 lambda: choose_n_clusters(points, "ab"), lambda: picked_n_clusters(None)):  # fmt: skip
        with pytest.raises(ValueError, match="must be"):
            call()
