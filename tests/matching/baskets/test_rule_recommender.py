"""Rules as lists."""

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError

from clvlib.matching import RuleRecommender

RULES = pd.DataFrame({
    "antecedents": [("t",), ("t", "p"), ("p",), ("c",), ("t",), ("unknown",)],
    "consequents": [("p",), ("c",), ("c",), ("t",), ("p", "c"), ("t",)],
    "confidence": [0.5, 0.9, 0.2, 0.1, 0.99, 0.99], "lift": [1.0, 1.5, 4.0, 2.0, 9.0, 9.0],
})  # fmt: skip
BOUGHT = pd.DataFrame({"customer_id": list("aabbdd"), "item_id": list("tptxcx")})


def test_the_best_rule_that_fires_gives_the_score():
    lists = RuleRecommender(rules=RULES).fit(BOUGHT).recommend(["a", "b", "d"], n=1)
    assert lists["item_id"].tolist() == ["c", "p", "t"]
    assert lists["score"].tolist() == [0.9, 0.5, 0.1]
    by_lift = RuleRecommender(rules=RULES, by="lift").fit(BOUGHT).recommend(["a"], n=1)
    assert by_lift["score"].tolist() == [4.0]


def test_nothing_seen_is_listed_and_empty_places_are_filled_with_bestsellers():
    lists = RuleRecommender(rules=RULES).fit(BOUGHT).recommend(n=10)
    seen = set(map(tuple, BOUGHT.to_numpy()))
    assert not seen & set(zip(lists["customer_id"], lists["item_id"], strict=True))
    assert np.isfinite(lists["score"]).all()
    stranger = RuleRecommender(rules=RULES).fit(BOUGHT).recommend(["nobody"], n=2)
    assert stranger["score"].tolist() == [0.0, 0.0]
    again = RuleRecommender(rules=RULES).fit(BOUGHT).recommend(["a"], n=4, exclude_seen=False)
    assert again["item_id"].tolist()[:2] == ["c", "p"]


def test_because_names_an_own_item_of_the_rule_that_decided():
    model = RuleRecommender(rules=RULES).fit(BOUGHT)
    lists = model.recommend(["b", "d", "nobody"], n=2)
    reasons = dict(zip(zip(lists["customer_id"], lists["item_id"], strict=True), model.because(lists), strict=True))
    assert reasons[("b", "p")] == "t"
    assert reasons[("d", "t")] == "c"
    assert [reason for (customer, _), reason in reasons.items() if customer == "nobody"] == [None, None]
    assert model.because(lists).index.equals(lists.index)


def test_no_rules_give_the_bestsellers():
    lists = RuleRecommender(rules=RULES.head(0)).fit(BOUGHT).recommend(["a"], n=2)
    assert lists["item_id"].tolist() == ["x", "c"]


def test_bad_input_is_refused_with_a_remedy():
    with pytest.raises(NotFittedError, match="call fit first"):
        RuleRecommender(rules=RULES).recommend()
    with pytest.raises(NotFittedError, match="call fit first"):
        RuleRecommender(rules=RULES).because(pd.DataFrame({"customer_id": ["a"], "item_id": ["t"]}))
    with pytest.raises(ValueError, match="ranked by q, but have only"):
        RuleRecommender(rules=RULES, by="q").fit(BOUGHT)
    with pytest.raises(ValueError, match="1 of 6 rules have no finite lift"):
        RuleRecommender(rules=RULES.assign(lift=[np.inf, 1, 1, 1, 1, 1]), by="lift").fit(BOUGHT)
    with pytest.raises(ValueError, match="empty"):
        RuleRecommender(rules=RULES).fit(BOUGHT.head(0))
    with pytest.raises(ValueError, match="n must be at least 1"):
        RuleRecommender(rules=RULES).fit(BOUGHT).recommend(n=0)
