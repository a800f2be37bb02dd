"""Customers who bought this also bought: counts by hand and by a dense computation."""

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError

from clvlib.matching import CoPurchase


@pytest.fixture
def bought():
    """x and y are bought together by a and b, x and z by c."""
    return pd.DataFrame(
        {"customer_id": list("aabbccd"), "item_id": list("xyxyxzx"), "quantity": [9, 1, 1, 1, 1, 5, 1.0]}
    )


def test_the_score_is_how_many_customers_bought_both(bought):
    lists = CoPurchase().fit(bought).recommend(["d", "c"], n=5)
    assert lists["item_id"].tolist() == ["y", "z", "y"]
    assert lists["score"].tolist() == [2.0, 1.0, 2.0]


def test_each_item_keeps_its_nearest_and_ties_go_to_the_smaller_id():
    table = pd.DataFrame({"customer_id": list("aaabbbc"), "item_id": list("xyzxyzx")})
    lists = CoPurchase(n_neighbors=1).fit(table).recommend(["c"], n=3)
    assert lists["item_id"].tolist() == ["y", "z"]
    assert lists["score"].tolist() == [2.0, 0.0], "z is only filled in"


def test_lists_match_a_dense_computation():
    known = np.random.default_rng(2).random((60, 20)) < 0.2
    customer, item = np.nonzero(known)
    table = pd.DataFrame({"customer_id": customer, "item_id": item})
    count = known.T.astype(float) @ known
    np.fill_diagonal(count, 0)
    scores = np.where(known, -1, known @ count)
    lists = CoPurchase(n_neighbors=None).fit(table).recommend(n=5)
    lists = lists[lists["score"] > 0]
    assert len(lists) > 200
    for customer_id, listed in lists.groupby("customer_id"):
        expected = np.argsort(-scores[customer_id], kind="stable")[: len(listed)]
        assert listed["item_id"].tolist() == np.unique(item)[expected].tolist()
        assert listed["score"].tolist() == scores[customer_id][expected].tolist()


def test_the_reason_is_the_own_item_bought_together_most(bought):
    lists = pd.DataFrame(
        {"customer_id": ["c", "c", "stranger"], "item_id": ["y", "no such item", "x"]}, index=[3, 4, 5]
    )
    reasons = CoPurchase().fit(bought).because(lists)
    assert reasons.index.tolist() == [3, 4, 5]
    assert reasons.tolist() == ["x", None, None]


def test_what_cannot_be_done_is_refused(bought):
    with pytest.raises(ValueError, match="n_neighbors must be at least 1"):
        CoPurchase(n_neighbors=0).fit(bought)
    with pytest.raises(NotFittedError):
        CoPurchase().recommend()
    with pytest.raises(NotFittedError):
        CoPurchase().because(bought)
