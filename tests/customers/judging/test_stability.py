import numpy as np
import pandas as pd
import pytest
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score
from sklearn.mixture import GaussianMixture

from clvlib.customers import CustomerClusters, ValueTiers, bootstrap_agreement, tier_noise


@pytest.fixture(scope="module")
def two_heaps():
    rng = np.random.default_rng(0)
    return pd.DataFrame(np.r_[rng.normal(0, 1, (60, 2)), rng.normal(9, 1, (60, 2))], columns=["a", "b"])


def test_two_heaps_agree_perfectly_and_a_cloud_does_not(two_heaps):
    rng = np.random.default_rng(1)
    cloud = pd.DataFrame(rng.normal(0, 1, (120, 2)), columns=["a", "b"])
    heaps = bootstrap_agreement(KMeans(2, n_init=3, random_state=0), two_heaps, n_resamples=10, random_state=0)
    pieces = bootstrap_agreement(KMeans(5, n_init=1, random_state=0), cloud, n_resamples=10, random_state=0)
    assert heaps.mean == heaps.low == heaps.high == 1.0
    assert pieces.high < 0.95
    assert pieces.low <= pieces.mean <= pieces.high
    assert heaps.by_segment["customers"].sum() == 120
    assert (heaps.by_segment["jaccard"] == 1).all()
    assert (pieces.by_segment["jaccard"] < 1).all()


def test_labels_by_chance_have_a_mean_of_zero_hubert_arabie_1985():
    rng = np.random.default_rng(2)
    by_chance = bootstrap_agreement(
        lambda t: rng.integers(3, size=len(t)), pd.DataFrame({"x": range(300)}), n_resamples=100, random_state=0
    )
    assert abs(by_chance.mean) < 0.01


def test_draws_are_sklearns_index_on_the_customers_drawn():
    table = pd.DataFrame({"x": np.arange(40.0)})

    def halves(t):
        return (t["x"] > t["x"].median()).to_numpy()

    found = bootstrap_agreement(halves, table, n_resamples=5, random_state=7)
    rng, expected = np.random.default_rng(7), []
    for _ in range(5):
        drawn = rng.integers(40, size=40)
        rows = np.unique(drawn)
        again = table["x"].to_numpy()[rows] > np.median(table["x"].to_numpy()[drawn])
        expected.append(adjusted_rand_score(halves(table)[rows], again))
    assert found.draws.tolist() == expected


def test_all_kinds_of_fits_are_understood(two_heaps):
    fits = [
        lambda t: (t["a"] > 4).to_numpy(),
        lambda t: np.where(t["a"] > 4, "much", "little"),
        lambda t: KMeans(2, n_init=1, random_state=0).fit(t),
        GaussianMixture(2, random_state=0),
        CustomerClusters(method="density", features=["a", "b"], min_cluster_size=10),
    ]
    for fit in fits[:4]:
        assert bootstrap_agreement(fit, two_heaps, n_resamples=3, random_state=0).mean == 1.0
    assert bootstrap_agreement(fits[4], two_heaps + 9, n_resamples=3, random_state=0).mean > 0.7
    assert bootstrap_agreement(KMeans(2, n_init=1, random_state=0), two_heaps.to_numpy(), n_resamples=3,
                               random_state=0).mean == 1.0  # fmt: skip


def test_agreement_repeats_and_does_not_touch_the_model(two_heaps):
    model = KMeans(3, n_init=1, random_state=0)
    first, second = (bootstrap_agreement(model, two_heaps, n_resamples=4, random_state=5) for _ in range(2))
    assert first.draws.tolist() == second.draws.tolist()
    assert not hasattr(model, "labels_")


@pytest.mark.parametrize(
    ("fit", "options", "says"),
    [
        (lambda t: np.zeros(3), {}, "one label a row"),
        (lambda t: [None] * len(t), {}, "no label for 120"),
        ("kmeans", {}, "not str"),
        (lambda t: np.zeros(len(t)), {"n_resamples": 0}, "n_resamples"),
        (lambda t: np.zeros(len(t)), {"level": 1}, "level"),
        (lambda t: np.zeros(len(t)), {"level": "a"}, "level must be a share"),
    ],
)
def test_bad_fits_are_refused_kindly(two_heaps, fit, options, says):
    with pytest.raises(ValueError, match=says):
        bootstrap_agreement(fit, two_heaps, random_state=0, **options)
    with pytest.raises(ValueError, match="at least 2"):
        bootstrap_agreement(lambda t: [0], two_heaps.head(1), random_state=0)


def test_tier_noise_is_known_for_normal_noise():
    # value and draw are true worth plus independent normal noise of the same size: a correlation of 1/2, and the
    # chance that two standard normals with it lie above 0 together is 1/4 + asin(1/2)/(2 pi) = 1/3 (Sheppard 1899)
    rng = np.random.default_rng(0)
    worth = rng.normal(size=(4000, 1))
    value, draws = worth[:, 0] + rng.normal(size=4000), worth + rng.normal(size=(4000, 50))
    noise = tier_noise(value, draws, assign=lambda v: np.where(v > 0, "VIP", "regular"))
    assert noise.table["tier"].tolist() == ["VIP", "regular"]
    assert noise.table["changed_share"].to_numpy() == pytest.approx([1 / 3, 1 / 3], abs=0.02)
    assert (noise.table["low"] < 1 / 3).all()
    assert (noise.table["high"] > 1 / 3).all()
    assert noise.transitions.sum(axis=1).to_numpy() == pytest.approx(1)
    assert noise.labels.shape == (4000, 50)


def test_tier_noise_uses_thresholds_that_stay():
    value = np.arange(1.0, 101.0)
    tiers = ValueTiers(vip_share=0.1, regular_share=0.4).fit(value)
    doubled = tier_noise(value, np.column_stack([value, 2 * value]), assign=tiers.assign)
    assert doubled.table.set_index("tier")["customers"].to_dict() == {"VIP": 10, "regular": 40, "potential": 50}
    moved = doubled.table.set_index("tier")["changed_share"]
    assert moved["VIP"] == 0
    assert moved["potential"] == pytest.approx(25 / 50 / 2)  # 26 to 50 become worth 52 and more in one draw of two


@pytest.mark.parametrize(
    ("value", "draws", "options", "says"),
    [
        ([1.0, 2.0], [[1.0]], {}, "shape"),
        ([1.0, np.nan], [[1.0], [1.0]], {}, "value is NaN or infinite for 1 of 2"),
        ([1.0, 2.0], [[1.0], [np.inf]], {}, "draws is NaN"),
        ([1.0, 2.0], [[1.0], [1.0]], {"order": ["low"]}, "order has no high"),
        ([1.0, 2.0], [[1.0], [1.0]], {"assign": lambda v: ["x"]}, "one a value"),
        ([1.0, 2.0], [[1.0], [1.0]], {"level": 0}, "level"),
        ([1.0, 2.0], [[1.0], [1.0]], {"level": "a"}, "level must be a share"),
    ],
)
def test_bad_draws_are_refused_kindly(value, draws, options, says):
    with pytest.raises(ValueError, match=says):
        tier_noise(value, draws, **{"assign": lambda v: np.where(v > 1, "high", "low")} | options)


def test_a_table_that_is_none_is_refused_in_words():
    with pytest.raises(ValueError, match="one row a customer, and is NoneType"):
        bootstrap_agreement(lambda t: [0], None, random_state=0)


def test_assign_that_is_no_function_is_refused_in_words():
    with pytest.raises(ValueError, match="assign must be a function"):
        tier_noise([1.0], [[1.0]], assign=None)
