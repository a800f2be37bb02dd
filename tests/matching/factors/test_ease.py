"""EASE: the weights are what every item's own ridge regression says, whichever side was inverted."""

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError

from clvlib.matching import EASE
from clvlib.matching.factors import ease


def _table(seed, n_customers, n_items):
    """Interactions in which every customer and every item occurs, and the same as a dense matrix."""
    rng = np.random.default_rng(seed)
    bought = (rng.random((n_customers, n_items)) < 0.2) * rng.integers(1, 4, (n_customers, n_items))
    bought[np.arange(n_customers), np.arange(n_customers) % n_items] += 1
    bought[np.arange(n_items) % n_customers, np.arange(n_items)] += 1
    customer, item = np.nonzero(bought)
    table = pd.DataFrame({"customer_id": customer, "item_id": item, "quantity": bought[customer, item]})
    return table, bought.astype(float)


SHAPES = [(40, 12), (12, 40)]


@pytest.mark.parametrize("shape", SHAPES)
def test_weights_are_steck_2019_equation_8(shape):
    table, x = _table(0, *shape)
    inverse = np.linalg.inv(x.T @ x + 5.0 * np.eye(shape[1]))
    model = EASE(l2=5.0).fit(table)
    assert np.allclose(model.weights_, np.eye(shape[1]) - inverse / np.diag(inverse), atol=1e-12)
    assert (np.diag(model.weights_) == 0).all()


@pytest.mark.parametrize("shape", SHAPES)
def test_each_column_is_the_ridge_regression_of_an_item_on_all_others(shape):
    table, x = _table(1, *shape)
    weights = EASE(l2=2.0).fit(table).weights_
    for item in (0, shape[1] // 2, shape[1] - 1):
        others = np.delete(x, item, axis=1)
        ridge = np.linalg.solve(others.T @ others + 2.0 * np.eye(shape[1] - 1), others.T @ x[:, item])
        assert np.allclose(np.delete(weights[:, item], item), ridge, atol=1e-12)


@pytest.mark.parametrize("shape", SHAPES)
def test_scores_are_what_was_bought_times_the_weights(shape):
    table, x = _table(2, *shape)
    model = EASE(l2=1.0).fit(table)
    scores = x @ model.weights_
    lists = model.recommend(n=shape[1], exclude_seen=False)
    assert np.allclose(lists["score"], scores[lists["customer_id"], lists["item_id"]], atol=1e-12)
    assert (lists.groupby("customer_id").size() == shape[1]).all()
    some = model.recommend([3], n=2, exclude_seen=False, candidates=[1, 5, 7])
    assert some["item_id"].tolist() == [[1, 5, 7][place] for place in np.argsort(-scores[3, [1, 5, 7]])[:2]]


def test_a_pair_counts_without_quantity_and_with_any_rating():
    table, x = _table(3, 12, 40)
    met = EASE(l2=1.0).fit(table[["customer_id", "item_id"]])
    stars = EASE(l2=1.0).fit(table.rename(columns={"quantity": "rating"}))
    known = (x > 0).astype(float)
    inverse = np.linalg.inv(known.T @ known + np.eye(40))
    for model in (met, stars):
        assert np.allclose(model.weights_, np.eye(40) - inverse / np.diag(inverse), atol=1e-12)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_reason_is_the_own_item_that_adds_most(shape):
    table, x = _table(4, *shape)
    model = EASE(l2=1.0).fit(table)
    lists = model.recommend(n=6, exclude_seen=False).sample(frac=1, random_state=0)
    found = model.because(lists)
    assert found.index.equals(lists.index)
    for customer, item, reason in zip(lists["customer_id"], lists["item_id"], found, strict=True):
        adds = x[customer] * model.weights_[:, item]
        assert reason == (adds.argmax() if adds.max() > 0 else None)


def test_no_reason_is_made_up():
    table = pd.DataFrame({"customer_id": ["a", "a", "b", "b", "c"], "item_id": ["x", "y", "x", "y", "☕ z"]})
    model = EASE(l2=1.0).fit(table)
    lists = model.recommend(["c", "nobody"], n=2)
    # nobody combines z, so c gets bestsellers as a stranger does, and nothing of hers speaks for them
    assert lists["item_id"].tolist() == ["x", "y", "x", "y"]
    assert (lists["score"] == 0).all()
    assert model.because(lists).isna().all()
    assert model.because(pd.DataFrame({"customer_id": ["a"], "item_id": ["no such item"]})).isna().all()
    with pytest.raises(ValueError, match=r"item_id.* is not there"):
        model.because(lists[["customer_id"]])


def test_one_customer_or_one_item_is_no_error():
    lone = pd.DataFrame({"customer_id": ["a", "a"], "item_id": ["x", "y"]})
    assert EASE().fit(lone).recommend(n=3).empty
    assert EASE().fit(lone).recommend(n=3, exclude_seen=False)["item_id"].tolist() == ["x", "y"]
    single = pd.DataFrame({"customer_id": ["a", "b"], "item_id": ["x", "x"]})
    model = EASE().fit(single)
    assert model.weights_.tolist() == [[0.0]]
    assert model.recommend(["c"], n=5)["item_id"].tolist() == ["x"]
    assert model.recommend(["a"], n=5).empty


def test_errors_name_what_to_do(monkeypatch):
    table, _ = _table(5, 12, 40)
    for l2 in (0, -1.0, np.nan, np.inf):
        with pytest.raises(ValueError, match="l2 must be a number above 0"):
            EASE(l2=l2).fit(table)
    with pytest.raises(NotFittedError, match="call fit first"):
        EASE().because(table)
    with pytest.raises(ValueError, match="raise it"):
        EASE(l2=1e-300).fit(pd.DataFrame({"customer_id": list("aabb"), "item_id": list("xyxy"), "quantity": 1e9}))
    monkeypatch.setattr(ease, "_MAX_CELLS", 400)
    with pytest.raises(ValueError, match=rf"The {len(table)} pairs name 40 different item_id and 12 customer_id"):
        EASE().fit(table)


def test_it_finds_what_a_similarity_cannot_a_substitute():
    """Buyers of x buy y or z and never both: y speaks against z, where a cosine can only be silent."""
    rows = [(f"c{customer}", item) for customer in range(40) for item in ("x", "yz"[customer % 2])]
    model = EASE(l2=1.0).fit(pd.DataFrame(rows, columns=["customer_id", "item_id"]))
    weights = pd.DataFrame(model.weights_, model.items_, model.items_)
    assert weights.loc["y", "z"] < -0.5
    assert weights.loc["x", "z"] > 0.5


@pytest.mark.parametrize("l2", [None, "a"])
def test_a_penalty_that_is_no_number_is_refused_by_name(l2):
    with pytest.raises(ValueError, match="l2 must be a number above 0"):
        EASE(l2=l2).fit(pd.DataFrame({"customer_id": ["a"], "item_id": ["x"]}))
