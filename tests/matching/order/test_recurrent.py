"""The networks of order: they find what was put in, repeat, stop early, and never look at padding or ahead."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from clvlib.matching import GRURecommender, MarkovChain, Popularity, SelfAttentionRecommender, planted_order
from clvlib.matching import shuffle_order as shuffled
from clvlib.matching.order._next_basket import _Windows
from clvlib.matching.order.sequences import encode_events
from clvlib.metrics.ranking import ranking_table

NETWORKS = [GRURecommender, SelfAttentionRecommender]
SMALL = {"n_factors": 8, "n_epochs": 2, "n_negatives": 32}


@pytest.fixture(scope="module")
def small():
    """60 customers with histories of different length."""
    plant = planted_order(n_customers=60, n_items=15, n_steps=12, random_state=2)
    kept = plant.past["customer_id"].str[1:].astype(int) % 10 + 2
    day = plant.past.groupby("customer_id").cumcount()
    return plant.past[day < kept].reset_index(drop=True), plant.later


@pytest.mark.parametrize("network", NETWORKS)
def test_it_finds_what_was_bought_two_steps_back_where_a_chain_and_the_bag_cannot(network):
    plant = planted_order(n_customers=300, n_items=20, n_steps=20, lag=2, random_state=1)

    def hit_rate(model, past):
        lists = model.fit(past).recommend(n=1, exclude_seen=False)
        return ranking_table(lists, plant.later, n=1)["hit_rate"].mean()

    options = {"n_epochs": 12, "learning_rate": 0.01}
    assert hit_rate(network(**options), plant.past) > 0.7
    assert hit_rate(MarkovChain(), plant.past) < 0.15
    assert hit_rate(Popularity(), plant.past) < 0.15
    assert hit_rate(network(**options), shuffled(plant.past, random_state=0)) < 0.3


@pytest.mark.parametrize("network", NETWORKS)
def test_the_same_state_gives_the_same_numbers_and_touches_nothing_global(network, small):
    past, _ = small
    np.random.seed(123)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    options = SMALL | {"n_epochs": 1}
    once, twice, other = (network(**options, random_state=state).fit(past) for state in (5, 5, 6))
    assert (once.item_vectors_ == twice.item_vectors_).all()
    assert (once.customer_vectors_ == twice.customer_vectors_).all()
    assert (once.item_vectors_ != other.item_vectors_).any()
    assert (np.random.get_state()[1] == before).all()  # noqa: NPY002


@pytest.mark.parametrize("network", NETWORKS)
def test_padding_and_later_baskets_leave_no_trace_in_a_state(network, small):
    import tensorflow as tf

    sequences = encode_events(small[0])[1]
    windows = _Windows(sequences, sequences, 15, 10, np.random.default_rng(0))
    encoder = network(**SMALL)._build(windows)[1]
    x = np.random.default_rng(0).normal(size=(2, 6, 8)).astype(np.float32)
    ahead = x.copy()
    ahead[:, 4:] = 99.0
    whole, other, short = (encoder(tf.constant(part)).numpy() for part in (x, ahead, x[:, :4]))
    np.testing.assert_allclose(other[:, :4], whole[:, :4], atol=1e-6)
    np.testing.assert_allclose(short, whole[:, :4], atol=1e-6)
    assert np.abs(other[:, 4:] - whole[:, 4:]).max() > 0.01


def test_it_begins_with_bestsellers(small):
    past, _ = small
    model = GRURecommender(**SMALL | {"n_epochs": 1, "learning_rate": 1e-9}).fit(past)
    bought = past["item_id"].value_counts().reindex(model.items_).to_numpy()
    np.testing.assert_allclose(np.diff(model.item_bias_), np.diff(np.log(bought + 1)), atol=1e-4)


@pytest.mark.parametrize("network", NETWORKS)
def test_validation_keeps_the_best_epoch_and_stops(network, small):
    past, later = small
    model = network(n_factors=8, n_epochs=30, learning_rate=0.05, patience=2, n_negatives=32).fit(past, later)
    curve = model.history_["validation"]
    assert model.n_epochs_ == curve.idxmax()
    assert len(curve) == min(30, model.n_epochs_ + 2)
    kept = ranking_table(model.recommend(n=10, exclude_seen=False), later, n=10)["ndcg"].mean()
    assert kept == pytest.approx(curve.max())
    assert (model.history_["loss"] >= 0).all()


def test_new_items_only_learns_and_judges_what_is_new_to_the_customer(small):
    past, later = small
    pair = ["customer_id", "item_id"]
    new = later[~pd.MultiIndex.from_frame(later[pair]).isin(pd.MultiIndex.from_frame(past[pair]))]
    model = GRURecommender(**SMALL, new_items_only=True).fit(past, later)
    kept = ranking_table(model.recommend(new["customer_id"], n=10), new, n=10)["ndcg"].mean()
    assert kept == pytest.approx(model.history_["validation"].max())
    repeats = pd.DataFrame(
        {"customer_id": "a", "item_id": ["x", "y", "x"], "timestamp": pd.date_range("2024-01-01", periods=3)}
    )
    GRURecommender(**SMALL, new_items_only=True).fit(repeats)  # y is new after x
    first = repeats.assign(timestamp=pd.to_datetime(["2024-01-01", "2024-01-01", "2024-01-02"]))
    with pytest.raises(ValueError, match="None of the 1 customers has a basket to foretell"):
        GRURecommender(**SMALL, new_items_only=True).fit(first)


@pytest.mark.parametrize("network", NETWORKS)
def test_long_histories_large_baskets_odd_ids_and_strangers(network):
    rng = np.random.default_rng(0)
    rows = [
        (customer, f"item {item} 🍵", pd.Timestamp("2024-01-01", tz="Asia/Shanghai") + pd.Timedelta(days=int(day)))
        for customer, days in (("short ☕", 1), ("long 🐉", 9), ("middle", 4))
        for day in range(days)
        for item in rng.choice(40, size=25, replace=False)
    ]
    events = pd.DataFrame(rows, columns=["customer_id", "item_id", "timestamp"])
    model = network(**SMALL | {"max_length": 3}).fit(events)
    lists = model.recommend(["short ☕", "long 🐉", "nobody"], n=50)
    assert lists.groupby("customer_id").size().to_dict()["nobody"] == 40
    assert lists["score"].notna().all()
    seen = pd.MultiIndex.from_frame(events[["customer_id", "item_id"]])
    assert not pd.MultiIndex.from_frame(lists[["customer_id", "item_id"]]).isin(seen).any()


def test_what_cannot_be_learnt_is_refused():
    day = pd.date_range("2024-01-01", periods=2)
    once = pd.DataFrame({"customer_id": ["a", "b"], "item_id": ["x", "y"], "timestamp": day})
    with pytest.raises(ValueError, match="single item"):
        GRURecommender().fit(once.assign(item_id="x"))
    with pytest.raises(ValueError, match="None of the 2 customers"):
        GRURecommender().fit(once)
    with pytest.raises(ValueError, match="dropout must be below 1"):
        GRURecommender(dropout=1.0).fit(once)
    with pytest.raises(ValueError, match="timestamp"):
        GRURecommender().fit(once.drop(columns="timestamp"))


def test_tensorboard_logs_if_asked_for(tmp_path, small):
    GRURecommender(**SMALL, tensorboard_dir=tmp_path).fit(small[0])
    assert any(path.stat().st_size for path in tmp_path.rglob("*tfevents*"))


def test_importing_the_part_does_not_import_tensorflow():
    code = "import sys, clvlib.matching; print('tensorflow' in sys.modules or 'keras' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
