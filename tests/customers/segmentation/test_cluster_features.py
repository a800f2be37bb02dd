"""Cluster features: logged, scaled, the constant dropped and said, later customers on the scale of fit."""

import numpy as np
import pandas as pd
import pytest

from clvlib.customers import ClusterFeatures, cluster_features


@pytest.fixture
def summary():
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "customer_id": np.arange(300).astype(str),
            "days_since_last_purchase": rng.integers(1, 400, 300),
            "frequency": rng.geometric(0.4, 300) - 1,
            "total_spend": rng.normal(40, 50, 300),
        },
        index=np.arange(300)[::-1],
    )


def test_features_are_scikit_learns_standard_scaling_of_the_logs(summary):
    from sklearn.preprocessing import StandardScaler

    columns = summary[["days_since_last_purchase", "frequency", "total_spend"]].astype(float)
    expected = StandardScaler().fit_transform(np.sign(columns) * np.log1p(columns.abs()))
    features = cluster_features(summary)
    np.testing.assert_allclose(features, expected, atol=1e-12)
    assert features.index.equals(summary.index)
    assert list(features) == ["log_days_since_last_purchase", "log_frequency", "log_total_spend"]


def test_a_net_spend_below_zero_keeps_its_order(summary):
    assert (summary["total_spend"] < -1).any()
    order = cluster_features(summary)["log_total_spend"].rank()
    pd.testing.assert_series_equal(order, summary["total_spend"].rank(), check_names=False)


def test_later_customers_stand_on_the_scale_of_fit(summary):
    scaling = ClusterFeatures().fit(summary)
    later = scaling.transform(summary.head(5))
    pd.testing.assert_frame_equal(later, scaling.transform(summary).head(5))
    assert abs(later["log_total_spend"].mean()) > 0.01


def test_what_is_constant_is_dropped_and_said(summary):
    once = summary.assign(frequency=0)
    features = cluster_features(once)
    assert list(features) == ["log_days_since_last_purchase", "log_total_spend"]
    assert features.attrs["dropped"] == ["frequency"]
    assert ClusterFeatures().fit(once).dropped_ == ["frequency"]


def test_other_columns_can_be_named(summary):
    features = cluster_features(summary.assign(items=np.arange(300)), features=["items", "frequency"])
    assert list(features) == ["log_items", "log_frequency"]


def test_features_once_made_are_taken_as_they_are(summary):
    features = cluster_features(summary)
    pd.testing.assert_frame_equal(cluster_features(features), features)


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        (lambda t: t.assign(frequency=0, total_spend=9, days_since_last_purchase=3), {}, "are the same for all 300"),
        (lambda t: t.head(1), {}, "are the same for all 1 customers"),
        (lambda t: t.head(0), {}, "0 rows"),
        (lambda t: t.drop(columns="frequency"), {}, "300 rows has no frequency"),
        (lambda t: t.assign(total_spend=np.nan), {}, "total_spend is missing or infinite in 300 of 300"),
        (lambda t: t, {"features": ["items"]}, "has no items; it has customer_id"),
        (lambda t: t, {"features": ["frequency", "frequency"]}, "each once"),
        (lambda t: t, {"features": []}, "at least one column"),
        (lambda t: t, {"features": ["customer_id"]}, "customer_id holds str, not numbers"),
        (lambda t: t.assign(customer_id="a"), {}, "customer_id repeats with other numbers in 299 of 300"),
    ],
)
def test_what_cannot_be_clustered_by_is_refused(summary, change, options, message):
    with pytest.raises(ValueError, match=message):
        cluster_features(change(summary), **options)


def test_no_fit_and_another_kind_of_table_are_said(summary):
    with pytest.raises(ValueError, match="call fit"):
        ClusterFeatures().transform(summary)
    with pytest.raises(ValueError, match="of one kind"):
        ClusterFeatures().fit(summary).transform(cluster_features(summary))
    with pytest.raises(ValueError, match="has no total_spend, which fit had"):
        ClusterFeatures().fit(summary).transform(summary.rename(columns={"total_spend": "monetary_value"}))


def test_features_that_are_no_names_are_refused_in_words():
    with pytest.raises(ValueError, match="features must name columns"):
        cluster_features(pd.DataFrame({"total_spend": [1.0, 2.0]}), features=3)
