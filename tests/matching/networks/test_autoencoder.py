"""The autoencoder: the loss of its paper, a list that follows from the row, the same numbers for the same seed."""

import numpy as np
import pandas as pd
import pytest

from clvlib.matching import Autoencoder, Popularity
from clvlib.metrics.ranking import ranking_table


@pytest.fixture(scope="module")
def tastes():
    """120 customers of three tastes and 30 items of three kinds; three items of the own kind are held out."""
    rng = np.random.default_rng(0)
    rows = [
        (f"c{customer:03d}", f"i{item:02d}")
        for customer in range(120)
        for item in rng.permutation(np.arange(10) + 10 * (customer % 3))
    ]
    table = pd.DataFrame(rows, columns=["customer_id", "item_id"])
    later = table.groupby("customer_id").head(3)
    return table.drop(later.index), later


OPTION = {"n_factors": 8, "batch_size": 32, "learning_rate": 0.01}


def test_it_finds_tastes_that_popularity_cannot(tastes):
    past, later = tastes
    model = Autoencoder(n_epochs=60, **OPTION).fit(past)
    assert ranking_table(model.recommend(n=3), later, n=3)["recall"].mean() > 0.95
    assert ranking_table(Popularity().fit(past).recommend(n=3), later, n=3)["recall"].mean() < 0.5


def test_the_loss_is_the_multinomial_one_liang_et_al_2018_eq_2(tastes):
    past, _ = tastes
    model = Autoencoder(n_factors=8, dropout=0.0, n_epochs=1, batch_size=120, learning_rate=1e-12).fit(past)
    score = model._scores(np.arange(120), np.arange(30))
    x = model.interactions_.known.toarray()
    log_softmax = score - np.log(np.exp(score).sum(axis=1, keepdims=True))
    expected = -((x * log_softmax).sum(axis=1) / x.sum(axis=1)).mean()
    assert model.history_["loss"].item() == pytest.approx(expected, rel=1e-5)


def test_two_customers_with_the_same_row_get_the_same_list(tastes):
    past, _ = tastes
    twin = past[past["customer_id"] == "c000"].assign(customer_id="twin")
    model = Autoencoder(n_epochs=3, **OPTION).fit(pd.concat([past, twin]))
    one, other = (model.recommend([who], n=10)["item_id"].tolist() for who in ("c000", "twin"))
    assert one == other


def test_the_same_state_gives_the_same_numbers_another_does_not(tastes):
    past, _ = tastes
    once, twice, other = (Autoencoder(n_epochs=2, random_state=state, **OPTION).fit(past) for state in (5, 5, 6))
    assert (once.encoder_ == twice.encoder_).all()
    assert (once.decoder_ == twice.decoder_).all()
    assert (once.encoder_ != other.encoder_).any()


def test_validation_keeps_the_best_epoch(tastes):
    past, later = tastes
    model = Autoencoder(n_epochs=60, patience=4, **OPTION).fit(past, validation=later)
    assert model.n_epochs_ == model.history_["validation"].idxmax()
    assert ranking_table(model.recommend(n=10), later, n=10)["ndcg"].mean() == pytest.approx(
        model.history_["validation"].max()
    )


def test_seen_items_are_left_out_and_nobody_gets_nan(tastes):
    past, _ = tastes
    model = Autoencoder(n_epochs=1, **OPTION).fit(past)
    lists = model.recommend([*past["customer_id"].unique()[:5], "stranger"], n=100)
    assert lists["score"].notna().all()
    assert lists.merge(past, on=["customer_id", "item_id"]).empty
    assert (lists["customer_id"] == "stranger").sum() == 30


def test_one_customer_and_strange_ids():
    bought = pd.DataFrame({"customer_id": ["a b ☕"] * 2, "item_id": ["x y", "☕"]})
    lists = Autoencoder(n_factors=2, n_epochs=2).fit(bought).recommend(n=10, exclude_seen=False)
    assert sorted(lists["item_id"]) == ["x y", "☕"]


def test_what_cannot_be_learnt_is_refused(tastes):
    past, _ = tastes
    with pytest.raises(ValueError, match="single item"):
        Autoencoder().fit(past[past["item_id"] == "i00"])
    with pytest.raises(ValueError, match="learns from purchases"):
        Autoencoder().fit(past.assign(rating=3.0))
    with pytest.raises(ValueError, match="empty"):
        Autoencoder().fit(past.head(0))
    with pytest.raises(ValueError, match="dropout must be below 1"):
        Autoencoder(dropout=1.0).fit(past)
    with pytest.raises(ValueError, match="n_factors"):
        Autoencoder(n_factors=0).fit(past)
