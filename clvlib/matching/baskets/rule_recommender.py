"""Association rules as a list for each customer, to be held against the bestsellers on the same terms."""

import numpy as np
import pandas as pd
from scipy import sparse

from clvlib.matching.baskets.rule_validation import check_rules
from clvlib.matching.interactions import encode
from clvlib.matching.lists import Recommender

__all__ = ["RuleRecommender"]


class RuleRecommender(Recommender):
    """What do the rules add to everything the customer has bought?

    A rule fires for a customer who has bought all of its antecedents, in whatever baskets. An item's score is the
    largest ``by`` of the rules that fire and have it as their only consequent; other rules are left out.

    Parameters
    ----------
    rules : ``antecedents``, ``consequents`` and the column ``by``, as :func:`~clvlib.matching.association_rules` gives.
    by : "confidence" (how likely with it) or "lift" (how much more likely than without).

    Examples
    --------
    >>> rules = pd.DataFrame({"antecedents": [("tea",)], "consequents": [("pot",)], "confidence": [0.5]})
    >>> bought = pd.DataFrame({"customer_id": ["a", "b", "b"], "item_id": ["tea", "tea", "pot"]})
    >>> RuleRecommender(rules=rules).fit(bought).recommend(["a"], n=1)
      customer_id  rank item_id  score
    0           a     1     pot    0.5
    """

    def __init__(self, *, rules: pd.DataFrame, by: str = "confidence"):
        self.rules = rules
        self.by = by

    def fit(self, interactions: pd.DataFrame) -> "RuleRecommender":
        """Who has bought what. ValueError: rules without a column, a score that is not finite; see ``encode``."""
        check_rules(self.rules)
        if self.by not in self.rules.columns:
            raise ValueError(f"Rules are ranked by {self.by}, but have only {', '.join(map(str, self.rules.columns))}.")
        score = self.rules[self.by].to_numpy(dtype=float)
        if bad := int((~np.isfinite(score)).sum()):
            raise ValueError(f"{bad} of {len(score)} rules have no finite {self.by}; drop them or rank by lift.")
        self._remember(encode(interactions))
        single = self.rules["consequents"].map(len).to_numpy() == 1
        target = self.items_.get_indexer([next(iter(side)) for side in self.rules["consequents"]])
        sides = [self.items_.get_indexer(list(side)) for side in self.rules["antecedents"]]
        usable = single & (target >= 0) & np.array([(side >= 0).all() for side in sides], dtype=bool)
        chosen = np.flatnonzero(usable & (score > 0))
        length = np.array([len(sides[rule]) for rule in chosen], dtype=np.int64)
        column = np.repeat(np.arange(len(chosen)), length)
        row = np.concatenate([sides[rule] for rule in chosen]) if len(chosen) else column
        self._antecedents = sparse.csr_array((np.ones(len(row)), (row, column)), shape=(len(self.items_), len(chosen)))
        self._length, self._target, self._score = length, target[chosen], score[chosen]
        return self

    def because(self, lists: pd.DataFrame) -> pd.Series:
        """The first antecedent of the rule that put an item on a customer's list; None where no rule did.

        lists: ``customer_id``, ``item_id``; returns item ids on the index of ``lists``.
        """
        self._check_fitted()
        customer = self.interactions_.customers.get_indexer(lists["customer_id"])
        item = self.items_.get_indexer(lists["item_id"])
        asked, line = np.unique(customer[customer >= 0], return_inverse=True)
        by_rule = self._antecedents.tocsc()
        reason = np.full(len(lists), None, dtype=object)
        places = np.flatnonzero(customer >= 0)
        who, rule = self._fired(asked)
        found = pd.DataFrame({"line": who, "item": self._target[rule], "rule": rule, "score": self._score[rule]})
        found = found.sort_values(["score", "rule"], ascending=[False, True], kind="stable")
        best = found.drop_duplicates(["line", "item"]).set_index(["line", "item"])["rule"]
        hit = best.reindex(pd.MultiIndex.from_arrays([line, item[places]])).to_numpy()
        for place, number in zip(places, hit, strict=True):
            if number == number:  # not missing
                reason[place] = self.items_[by_rule.indices[by_rule.indptr[int(number)]]]
        return pd.Series(reason, index=lists.index, dtype=object, name="because")

    def _fired(self, customers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Row and rule of everything that fires for these customers."""
        met = (self.interactions_.known[customers] @ self._antecedents).tocoo()
        fires = met.data >= self._length[met.col]
        return met.row[fires], met.col[fires]

    def _scores(self, customers: np.ndarray, items: np.ndarray) -> np.ndarray:
        scores = np.full((len(customers), len(self.items_)), -np.inf)
        row, rule = self._fired(customers)
        np.maximum.at(scores, (row, self._target[rule]), self._score[rule])
        scores = scores[:, items]
        return np.where(scores > -np.inf, scores, np.nan)
