"""The dot-product model: its gradient has somewhere to go, it repeats, and it learns what is there to learn."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from clvlib.datasets import toy
from clvlib.matching import DotProductEmbedding, Popularity
from clvlib.metrics.ranking import ranking_table


@pytest.fixture(scope="module")
def tastes():
    """80 customers of two tastes and 20 items of two kinds; three items of the own kind are held out."""
    rng = np.random.default_rng(0)
    rows = [
        (f"c{customer:02d}", f"i{item:02d}")
        for customer in range(80)
        for item in rng.permutation(np.arange(10) + 10 * (customer % 2))
    ]
    table = pd.DataFrame(rows, columns=["customer_id", "item_id"])
    later = table.groupby("customer_id").head(3)
    return table.drop(later.index), later


def test_observed_ratings_are_fitted_errata_e10():
    known = toy.ratings_table(toy.RATINGS_3X4, zero_is_missing=True)
    model = DotProductEmbedding(n_factors=5, n_epochs=100, learning_rate=0.1, l2=0.0).fit(known)
    assert model.predict(known).tolist() == pytest.approx(known["rating"].tolist(), abs=0.1)
    assert model.history_["loss"].iloc[-1] < 0.0041  # the errata's figure for this repair
    assert (model.history_["loss"] >= 0).all()


def test_ids_need_not_be_numbers_nor_start_at_0_errata_e08():
    known = toy.ratings_table(toy.RATINGS_3X4, zero_is_missing=True)
    odd = known.assign(customer_id=known["customer_id"] + " ☕", item_id=known["item_id"].astype(int) * 1000)
    option = {"n_factors": 2, "n_epochs": 3}
    plain, renamed = (DotProductEmbedding(**option).fit(table) for table in (known, odd))
    assert plain.predict(known).tolist() == renamed.predict(odd).tolist()


def test_it_finds_two_tastes_that_popularity_cannot(tastes):
    past, later = tastes
    model = DotProductEmbedding(n_factors=4, n_epochs=60, l2=1e-3, random_state=1).fit(past)
    found = ranking_table(model.recommend(n=3), later, n=3)["recall"].mean()
    popular = ranking_table(Popularity().fit(past).recommend(n=3), later, n=3)["recall"].mean()
    assert found > 0.95
    assert popular < 0.7


def test_the_same_state_gives_the_same_numbers_and_touches_nothing_global(tastes):
    past, _ = tastes
    np.random.seed(123)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    once, twice, other = (
        DotProductEmbedding(n_factors=3, n_epochs=2, random_state=state).fit(past) for state in (5, 5, 6)
    )
    assert (once.item_vectors_ == twice.item_vectors_).all()
    assert (once.customer_vectors_ == twice.customer_vectors_).all()
    assert (once.item_vectors_ != other.item_vectors_).any()
    assert (np.random.get_state()[1] == before).all()  # noqa: NPY002


@pytest.mark.parametrize("option", [{"loss": "softmax"}, {"n_negatives": 4}])
def test_the_other_losses_find_the_tastes_too_and_repeat(tastes, option):
    past, later = tastes
    once, twice = (
        DotProductEmbedding(n_factors=4, n_epochs=60, batch_size=64, l2=1e-3, random_state=1, **option).fit(past)
        for _ in range(2)
    )
    assert ranking_table(once.recommend(n=3), later, n=3)["recall"].mean() > 0.95
    assert (once.item_vectors_ == twice.item_vectors_).all()
    assert (once.history_["loss"] >= 0).all()


def test_softmax_begins_at_the_bestsellers(tastes):
    past, _ = tastes
    model = DotProductEmbedding(loss="softmax", n_epochs=1, learning_rate=1e-9, l2=0.0).fit(past)
    # with vectors of length 0 the loss would be the entropy of the items' shares of all pairs
    share = past["item_id"].value_counts(normalize=True)
    assert model.history_["loss"].item() == pytest.approx(-(share * np.log(share)).sum(), abs=0.02)
    assert model.item_bias_ == pytest.approx(np.log(share.sort_index()).to_numpy(), abs=1e-6)


def test_bpr_begins_at_chance_rendle_et_al_2009(tastes):
    model = DotProductEmbedding(n_epochs=1, learning_rate=1e-9, l2=0.0).fit(tastes[0])
    assert model.history_["loss"].item() == pytest.approx(np.log(2), abs=0.02)


def test_strange_ids_one_customer_and_a_catalogue_shorter_than_the_list():
    bought = pd.DataFrame({"customer_id": ["a b ☕"] * 3, "item_id": ["x y", "☕", " z"]})
    for option in ({}, {"loss": "softmax"}):
        model = DotProductEmbedding(n_factors=2, n_epochs=2, **option).fit(bought)
        assert model.recommend(n=10).empty  # she has them all
        lists = model.recommend(["a b ☕", "nobody"], n=10, exclude_seen=False)
        assert lists.groupby("customer_id").size().to_dict() == {"a b ☕": 3, "nobody": 3}
        assert lists["score"].notna().all()


@pytest.mark.parametrize("rating", [[3.0, 3.0, 3.0], [-1.0, 0.0, 5.0]])
def test_equal_and_negative_ratings_are_ratings(rating):
    table = pd.DataFrame({"customer_id": ["a", "a", "b"], "item_id": ["x", "y", "x"], "rating": rating})
    model = DotProductEmbedding(n_factors=2, n_epochs=3).fit(table)
    assert np.isfinite(model.predict(table)).all()
    assert model.recommend(["b"], n=5)["item_id"].tolist() == ["y"]


def test_validation_keeps_the_best_epoch_and_stops(tastes):
    past, later = tastes
    model = DotProductEmbedding(n_factors=4, n_epochs=80, l2=1e-3, patience=4).fit(past, validation=later)
    curve = model.history_["validation"]
    assert model.n_epochs_ == curve.idxmax()
    assert len(curve) == min(80, model.n_epochs_ + 4)
    kept = ranking_table(model.recommend(n=10), later, n=10)["ndcg"].mean()
    assert kept == pytest.approx(curve.max())


def test_validation_of_ratings_is_the_root_mean_squared_error():
    known = toy.ratings_table(toy.RATINGS_3X4, zero_is_missing=True)
    later = pd.DataFrame({"customer_id": ["1"], "item_id": ["3"], "rating": [4.0]})
    model = DotProductEmbedding(n_factors=2, n_epochs=5, patience=9).fit(known, validation=later)
    assert model.n_epochs_ == model.history_["validation"].idxmin()
    assert abs(model.predict(later).item() - 4.0) == pytest.approx(model.history_["validation"].min())


def test_strangers_get_the_mean_and_the_bias_of_the_known_side():
    known = toy.ratings_table(toy.RATINGS_3X4, zero_is_missing=True)
    model = DotProductEmbedding(n_factors=2, n_epochs=5).fit(known)
    pairs = pd.DataFrame({"customer_id": ["1", "new", "new"], "item_id": ["new", "2", "new"]})
    expected = [model.mean_ + model.customer_bias_[0], model.mean_ + model.item_bias_[1], model.mean_]
    assert model.predict(pairs).tolist() == pytest.approx(expected)


def test_what_cannot_be_learnt_is_refused(tastes):
    with pytest.raises(ValueError, match="single item"):
        DotProductEmbedding().fit(pd.DataFrame({"customer_id": ["a"], "item_id": ["x"]}))
    model = DotProductEmbedding(n_factors=2, n_epochs=1).fit(tastes[0])
    with pytest.raises(ValueError, match="needs a table with ratings"):
        model.predict(tastes[0])


@pytest.mark.parametrize(
    "option", [{"loss": "hinge"}, {"n_factors": 0}, {"n_epochs": 1.5}, {"learning_rate": 0}, {"l2": float("nan")}]
)
def test_an_option_out_of_its_range_is_named(tastes, option):
    with pytest.raises(ValueError, match=next(iter(option))):
        DotProductEmbedding(**option).fit(tastes[0])


def test_a_validation_that_cannot_judge_is_refused(tastes):
    past, _ = tastes
    for validation, message in [(past, "new to the customer"), (past[["item_id"]], "needs a column customer_id")]:
        with pytest.raises(ValueError, match=message):
            DotProductEmbedding(n_epochs=1).fit(past, validation=validation)
    known = toy.ratings_table(toy.RATINGS_3X4, zero_is_missing=True)
    with pytest.raises(ValueError, match="needs a column rating"):
        DotProductEmbedding(n_epochs=1).fit(known, validation=known[["customer_id", "item_id"]])


def test_importing_the_part_does_not_import_tensorflow():
    code = "import sys, clvlib.matching; print('tensorflow' in sys.modules or 'keras' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
