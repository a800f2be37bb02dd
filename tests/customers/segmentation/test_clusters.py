"""Clusters: planted groups are found, labels repeat, and each method says what it cannot do."""

import numpy as np
import pandas as pd
import pytest
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score

from clvlib.customers import CustomerClusters, cluster_features

#: days since the last purchase, purchases, spend of three kinds of customers, best first.
KINDS = ((6, 20, 900), (40, 4, 150), (300, 0, 20))


@pytest.fixture(scope="module")
def planted():
    """Three kinds of customers, far apart on the scale of logs, in a mixed order; column ``kind`` is the truth."""
    rng = np.random.default_rng(0)
    kind = rng.permutation(np.repeat([0, 1, 2], 150))
    days, often, spend = np.array(KINDS, dtype=float)[kind].T
    return pd.DataFrame(
        {
            "customer_id": np.arange(450).astype(str),
            "days_since_last_purchase": days * rng.lognormal(0, 0.15, 450),
            "frequency": rng.poisson(often),
            "total_spend": spend * rng.lognormal(0, 0.15, 450),
            "kind": kind,
        }
    )


@pytest.fixture(scope="module")
def mostly_once():
    """Two thousand customers without gaps between kinds, four in five of whom bought once."""
    rng = np.random.default_rng(1)
    frequency = np.where(rng.random(2000) < 0.8, 0, rng.geometric(0.3, 2000))
    return pd.DataFrame(
        {
            "days_since_last_purchase": rng.integers(1, 400, 2000),
            "frequency": frequency,
            "total_spend": (1 + frequency) * rng.gamma(3, 10, 2000),
        }
    )


@pytest.mark.parametrize("method", ["kmeans", "mixture", "density"])
def test_planted_groups_are_found_and_numbered_by_mean_spend(planted, method):
    # counts are discrete, and small layers of equal counts are dense regions too
    clusters = CustomerClusters(method=method, n_clusters=3, min_cluster_size=60).fit(planted)
    assert clusters.n_clusters_ == 3
    inside = clusters.labels_ >= 0
    assert inside.mean() > 0.9
    assert (clusters.labels_[inside] == planted["kind"][inside]).mean() > 0.99
    assert clusters.labels_.dtype == np.int64


def test_kmeans_is_scikit_learns_on_the_scaled_logs(mostly_once):
    ours = CustomerClusters(n_clusters=5, random_state=3).fit(mostly_once)
    theirs = KMeans(5, n_init=10, random_state=3).fit(cluster_features(mostly_once).to_numpy())
    assert adjusted_rand_score(ours.labels_, theirs.labels_) == 1
    assert ours.model_.inertia_ == pytest.approx(theirs.inertia_)


@pytest.mark.parametrize("method", ["kmeans", "mixture"])
def test_labels_do_not_depend_on_the_start_where_there_are_groups(planted, method):
    first, second = (CustomerClusters(method=method, n_clusters=3, random_state=seed).fit(planted) for seed in (0, 99))
    assert first.labels_.tolist() == second.labels_.tolist()


@pytest.mark.parametrize("method", ["kmeans", "mixture", "density"])
def test_the_same_seed_gives_the_same_labels_and_spend_falls_with_the_number(mostly_once, method):
    first, second = (CustomerClusters(method=method, random_state=5).fit(mostly_once) for _ in range(2))
    assert first.labels_.tolist() == second.labels_.tolist()
    mean = mostly_once["total_spend"].groupby(first.labels_).mean()
    assert mean[mean.index >= 0].is_monotonic_decreasing


@pytest.mark.parametrize("method", ["kmeans", "mixture"])
def test_later_customers_join_the_clusters_of_fit(planted, method):
    clusters = CustomerClusters(method=method, n_clusters=3).fit(planted.head(300))
    assert clusters.predict(planted.head(300)).tolist() == clusters.labels_.tolist()
    later = planted.tail(150)
    assert (clusters.predict(later) == later["kind"]).mean() > 0.99
    assert clusters.predict(later.head(1)).tolist() == [later["kind"].iloc[0]], "on the scale of fit, not on its own"


def test_probabilities_of_a_mixture_are_in_the_order_of_the_labels(planted):
    clusters = CustomerClusters(method="mixture", n_clusters=3).fit(planted)
    share = clusters.predict_probability(planted)
    assert share.shape == (450, 3)
    np.testing.assert_allclose(share.sum(axis=1), 1)
    assert share.argmax(axis=1).tolist() == clusters.labels_.tolist()


def test_centers_are_means_in_days_purchases_and_currency(planted):
    centers = CustomerClusters(n_clusters=3).fit(planted).centers_.set_index("cluster")
    truth = planted.groupby("kind")[["days_since_last_purchase", "frequency", "total_spend"]].mean()
    pd.testing.assert_frame_equal(centers[list(truth)], truth, check_names=False, rtol=0.05)
    assert centers["customers"].sum() == 450
    assert centers["share"].sum() == pytest.approx(1)


def test_density_leaves_strangers_in_no_cluster(planted):
    strangers = pd.DataFrame({"customer_id": ["x", "y"], "days_since_last_purchase": [1e-3, 9e4],
                              "frequency": [0, 900], "total_spend": [1e6, 1.0]})  # fmt: skip
    both = pd.concat([planted, strangers], ignore_index=True)
    clusters = CustomerClusters(method="density", min_cluster_size=60).fit(both)
    assert clusters.labels_[-2:].tolist() == [-1, -1]
    assert clusters.n_clusters_ == 3, "no cluster is no cluster"
    assert clusters.centers_["cluster"].tolist() == [-1, 0, 1, 2]


def test_density_without_two_dense_regions_finds_none():
    rng = np.random.default_rng(2)
    cloud = pd.DataFrame(
        rng.lognormal(3, 0.4, (2000, 3)), columns=["days_since_last_purchase", "frequency", "total_spend"]
    )
    clusters = CustomerClusters(method="density").fit(cloud)
    assert (clusters.n_clusters_, set(clusters.labels_)) == (0, {-1})


def test_a_mixture_does_not_collapse_on_those_who_bought_once(mostly_once):
    clusters = CustomerClusters(method="mixture", n_clusters=4).fit(mostly_once)
    assert clusters.converged_
    narrowest = min(np.linalg.eigvalsh(each).min() for each in clusters.model_.covariances_)
    assert narrowest >= 0.01 - 1e-9, "no component is narrower than a tenth of a standard deviation"


@pytest.mark.parametrize("method", ["kmeans", "mixture", "density"])
def test_thousands_of_one_time_buyers_are_clustered_by_what_differs(mostly_once, method):
    once = mostly_once.assign(frequency=0)
    clusters = CustomerClusters(method=method, n_clusters=3).fit(once)
    assert clusters.dropped_ == ["frequency"]
    assert clusters.features_ == ["days_since_last_purchase", "total_spend"]
    assert len(clusters.labels_) == 2000


def test_without_money_labels_follow_the_first_feature(planted):
    clusters = CustomerClusters(n_clusters=3, features=["days_since_last_purchase"])
    labels = clusters.fit_predict(planted[["days_since_last_purchase"]])
    assert (labels == 2 - planted["kind"]).mean() > 0.99
    unknown = planted.assign(total_spend=planted["total_spend"].mask(planted["kind"] == 0))
    assert clusters.fit_predict(unknown).tolist() == labels.tolist()


def test_features_made_before_give_the_same_clusters(planted):
    features = cluster_features(planted)
    direct = CustomerClusters(n_clusters=3).fit(planted)
    assert CustomerClusters(n_clusters=3).fit(features).labels_.tolist() == direct.labels_.tolist()


@pytest.mark.parametrize(
    ("options", "rows", "message"),
    [
        ({"n_clusters": 9}, 8, "n_clusters=9, but only 8 of 8 customers differ .* ask for 8 or fewer"),
        ({"n_clusters": 9, "method": "mixture"}, 8, "only 8 of 8 customers differ"),
        ({}, 1, "the same for all 1 customers"),
        ({}, 0, "0 rows"),
        ({"n_clusters": 0}, 50, "n_clusters must be a whole number of at least 1, not 0"),
        ({"n_clusters": 2.0}, 50, "n_clusters must be a whole number"),
        ({"n_clusters": True}, 50, "n_clusters must be a whole number"),
        ({"method": "ward"}, 50, "'kmeans', 'mixture' or 'density', not 'ward'"),
        ({"method": "density"}, 3, "min_cluster_size=5, but there are 3 customers"),
        ({"method": "density", "min_cluster_size": 1}, 50, "at least 2, not 1"),
    ],
)
def test_what_cannot_be_clustered_is_refused_with_count_and_remedy(planted, options, rows, message):
    with pytest.raises(ValueError, match=message):
        CustomerClusters(**options).fit(planted.head(rows))


def test_as_many_clusters_as_distinct_customers_and_no_more():
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"days_since_last_purchase": rng.choice([1.0, 30, 300], 3000), "frequency": 0,
                          "total_spend": 9.0})  # fmt: skip
    assert CustomerClusters(n_clusters=3).fit(table).n_clusters_ == 3
    with pytest.raises(ValueError, match="only 3 of 3000 customers differ in days_since_last_purchase"):
        CustomerClusters(n_clusters=4).fit(table)


def test_what_a_method_cannot_do_is_said(planted):
    density = CustomerClusters(method="density").fit(planted)
    with pytest.raises(ValueError, match="density' has no rule for customers who were not in fit"):
        density.predict(planted)
    with pytest.raises(ValueError, match="gives no probabilities; use method='mixture'"):
        CustomerClusters().fit(planted).predict_probability(planted)
    with pytest.raises(ValueError, match="call fit"):
        CustomerClusters().predict(planted)
    many = pd.DataFrame(np.random.default_rng(0).random((50_001, 3)) + 1,
                        columns=["days_since_last_purchase", "frequency", "total_spend"])  # fmt: skip
    with pytest.raises(ValueError, match="50001 customers would take hours"):
        CustomerClusters(method="density").fit(many)


def test_small_tables_use_one_thread():
    # OpenMP's threads wait for each other actively: on tables of this size they only heat the machine
    threadpoolctl = pytest.importorskip("threadpoolctl")
    seen = []

    class Spy:
        def fit_predict(self, x):
            seen.extend(pool["num_threads"] for pool in threadpoolctl.threadpool_info())
            return np.arange(len(x)) % 2

        def predict(self, x):
            return self.fit_predict(x)

    clusters = CustomerClusters(n_clusters=2)
    clusters._model = lambda x: Spy()
    table = pd.DataFrame({"days_since_last_purchase": np.arange(1.0, 41), "frequency": np.arange(40.0),
                          "total_spend": np.arange(40.0)})  # fmt: skip
    clusters.fit(table).predict(table)
    assert set(seen) == {1}
