"""Several lists as one: a weighted sum whose weights are chosen on an earlier period."""

from collections.abc import Iterable, Iterator, Mapping

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from clvlib.matching.interactions import as_table, encode
from clvlib.matching.lists import Recommender, checked_ids, checked_n, checked_whole
from clvlib.metrics.ranking import ndcg_at_k

__all__ = ["Blend"]

#: Customers by whose lists weights are chosen, at most; and places of a list by which they are judged.
_JUDGED, _PLACES = 2_000, 10


class Blend(Recommender):
    """Does a mixture of methods list better than the best of them?

    Each member gives its ``depth`` best items for a customer; the score of an item is the sum of weight times value
    over the members that list it, where the value falls from 1 at the first place:

    * ``scale="rank"``: 1 - (rank - 1) / depth (a weighted Borda count), blind to how sure a member is;
    * ``scale="score"``: (score - lowest) / (highest - lowest) of the member's list, 1 for all where these are equal;
      of equal ones the better place counts more, by up to a millionth, and a place that the member filled with a
      bestseller never counts for more than the place before.

    Parameters
    ----------
    models : names to recommenders, fitted or not; they are never changed, copies learn.
    weights : names to weights of 0 or more; None takes what :meth:`fit_weights` found, else the same for all.
    scale, depth : see above.
    n_steps : weights tried are the multiples of 1 / n_steps that sum to 1.
    cautious : mix only where a mixture is better than its simpler rivals by more than chance, see ``fit_weights``.
    random_state : draws the customers by whom weights are chosen, where they are more than two thousand.

    Attributes: ``weights_`` (a Series by name, sum 1), ``models_`` (the fitted copies) and, after ``fit_weights``,
    ``trials_`` (the weights tried, a column a name, ``ndcg``, and the ``standard_error`` of what it lacks to the best).

    Examples
    --------
    >>> from clvlib.matching import BuyAgain, Popularity
    >>> bought = pd.DataFrame({"customer_id": list("abbc"), "item_id": list("xxyz"), "quantity": [1, 1, 2, 1]})
    >>> blend = Blend({"bestsellers": Popularity(), "buy again": BuyAgain()}, weights={"buy again": 1}).fit(bought)
    >>> blend.recommend(["b"], n=2, exclude_seen=False)["item_id"].tolist()
    ['y', 'x']
    """

    def __init__(
        self,
        models: Mapping[str, Recommender],
        *,
        weights: Mapping[str, float] | None = None,
        scale: str = "rank",
        depth: int = 100,
        n_steps: int = 5,
        cautious: bool = True,
        random_state: int = 0,
    ):
        self.models = models
        self.weights = weights
        self.scale = scale
        self.depth = depth
        self.n_steps = n_steps
        self.cautious = cautious
        self.random_state = random_state

    def fit_weights(
        self,
        interactions: pd.DataFrame,
        validation: pd.DataFrame,
        *,
        exclude_seen: bool = True,
        candidates: Iterable | None = None,
        fitted: Mapping[str, Recommender] | None = None,
    ) -> "Blend":
        """Choose ``weights_`` by NDCG@10 on an earlier period; ``fit`` then learns from everything up to the cut.

        Parameters
        ----------
        interactions : what is known at the earlier origin.
        validation : purchases after it and before the holdout, ``customer_id`` and ``item_id``; pairs whose customer is
            not in ``interactions`` are left out, and with ``exclude_seen`` also those that are.
        exclude_seen, candidates : as in ``recommend``, for the lists that are judged.
        fitted : names to models that have learnt from the same ``interactions`` already, to spare their training.

        Every mixture on the grid is tried. ``cautious`` takes, of those whose paired difference to the best one is no
        larger than its standard error over the customers, one with the fewest members (Breiman et al. 1984), since
        the best of many is also the luckiest; of equally few, those named first in ``models``, and of these the best
        weights. So name the members in the order of their cost, the cheapest first: where no difference is shown, the
        dearer one has to prove itself. ValueError: no pair to judge by, and what ``fit`` refuses.
        """
        self._check()
        interactions, validation = as_table(interactions), as_table(validation)
        encode(interactions)
        pairs = self._pairs_to_judge(interactions, validation, exclude_seen)
        customers = np.sort(pairs["customer_id"].unique())
        if len(customers) > _JUDGED:
            customers = np.random.default_rng(self.random_state).choice(customers, _JUDGED, replace=False)
            pairs = pairs[pairs["customer_id"].isin(customers)]
        models = self._learn(interactions, fitted)
        lists = {name: model.recommend(customers, n=self.depth, exclude_seen=exclude_seen, candidates=candidates)
                 for name, model in models.items()}  # fmt: skip
        values = self._values(lists)
        customer = pd.Index(customers).get_indexer(values["customer_id"])
        hit = pd.MultiIndex.from_frame(values[["customer_id", "item_id"]]).isin(pd.MultiIndex.from_frame(pairs))
        n_relevant = pairs["customer_id"].value_counts().reindex(customers).to_numpy()
        parts = values[list(models)].to_numpy()
        rows, by_customer = [], []
        for weights in _grid(len(models), self.n_steps):
            order, place = _ranked(customer, (parts @ weights).round(12), _PLACES)
            hits = np.zeros((len(customers), _PLACES), dtype=bool)
            hits[customer[order], place] = hit[order]
            by_customer.append(ndcg_at_k(hits, n_relevant, k=_PLACES))
            rows.append([*weights, by_customer[-1].mean()])
        trials = pd.DataFrame(rows, columns=[*models, "ndcg"])
        best = by_customer[trials["ndcg"].round(12).idxmax()]
        trials["standard_error"] = [(best - each).std() / np.sqrt(len(each)) for each in by_customer]
        self.trials_ = trials
        near = trials[best.mean() - trials["ndcg"] <= (trials["standard_error"] if self.cautious else 0.0) + 1e-12]
        if self.cautious:  # the fewest members; of equally few, those named first
            used = near[list(models)] > 0
            fewest = near[used.sum(axis=1) == used.sum(axis=1).min()]
            used = used.loc[fewest.index]
            fewest = fewest[(used == used.loc[used.sort_values(list(models), ascending=False).index[0]]).all(axis=1)]
        else:
            fewest = near
        self.weights_ = fewest.loc[fewest["ndcg"].round(12).idxmax(), list(models)].rename("weight")
        return self

    def fit(self, interactions: pd.DataFrame, *, fitted: Mapping[str, Recommender] | None = None) -> "Blend":
        """Let every member learn from ``interactions``; ``fitted``: those that have done so already, by name.

        ValueError: no members, a name in ``weights`` or ``fitted`` that no member has, a weight that is negative or not
        finite, weights that sum to 0; and what members refuse.
        """
        self._check()
        self._remember(encode(interactions))
        if self.weights is not None:
            weights = pd.Series(dict(self.weights), dtype=float).reindex(list(self.models), fill_value=0.0)
            self.weights_ = (weights / weights.sum()).rename("weight")
        elif not hasattr(self, "weights_"):
            self.weights_ = pd.Series(1 / len(self.models), index=list(self.models), name="weight")
        self.models_ = self._learn(interactions, fitted)
        return self

    def recommend(
        self,
        customers: Iterable | None = None,
        n: int = 10,
        exclude_seen: bool = True,
        *,
        candidates: Iterable | None = None,
    ) -> pd.DataFrame:
        """As :meth:`Recommender.recommend`. Members of weight 0 are not asked.

        Customers whom no member knows get what the members give strangers, as a rule the bestsellers.
        """
        if not hasattr(self, "models_"):
            raise NotFittedError("This Blend has learnt nothing yet; call fit first.")
        n = checked_n(n)
        asked = self.interactions_.customers if customers is None else checked_ids("customers", customers)
        candidates = None if candidates is None else checked_ids("candidates", candidates)
        option = {"n": max(n, self.depth), "exclude_seen": exclude_seen, "candidates": candidates}
        lists = {
            name: self.models_[name].recommend(asked, **option) for name, weight in self.weights_.items() if weight > 0
        }
        values = self._values(lists)
        # Sums of the same numbers in another order differ in the last digits, which is no reason to prefer an item.
        score = (values[list(lists)].to_numpy() @ self.weights_[list(lists)].to_numpy()).round(12)
        order, place = _ranked(asked.get_indexer(values["customer_id"]), score, n)
        chosen = values.iloc[order]
        return pd.DataFrame(
            {
                "customer_id": chosen["customer_id"].to_numpy(),
                "rank": place + 1,
                "item_id": chosen["item_id"].to_numpy(),
                "score": score[order],
            }
        )

    def because(self, lists: pd.DataFrame) -> pd.Series:
        """The customer's own past item that speaks most for a listed one, by the heaviest member that can tell."""
        reasons = pd.Series(None, index=lists.index, dtype=object, name="because")
        for name in self.weights_[self.weights_ > 0].sort_values(ascending=False, kind="stable").index:
            if hasattr(self.models_[name], "because"):
                told = self.models_[name].because(lists)
                reasons = reasons.where(reasons.notna(), told)
        return reasons

    def _check(self) -> None:
        if not isinstance(self.models, Mapping) or not self.models:
            raise ValueError("A blend needs at least one model: pass names to recommenders.")
        if self.scale not in ("rank", "score"):
            raise ValueError(f"scale must be rank or score, not {self.scale!r}.")
        for name in ("depth", "n_steps"):
            checked_whole(name, getattr(self, name))
        if self.weights is not None:
            self._check_names("weights", self.weights)
            weights = np.array(list(self.weights.values()), dtype=float)
            if not (np.isfinite(weights).all() and (weights >= 0).all() and weights.sum() > 0):
                raise ValueError(f"weights must be finite, not negative and not all 0; they are {dict(self.weights)}.")

    def _check_names(self, what: str, named: Mapping) -> None:
        strange = [name for name in named if name not in self.models]
        if strange:
            raise ValueError(f"{what} names {', '.join(map(repr, strange))}; members are {', '.join(self.models)}.")

    def _pairs_to_judge(self, interactions: pd.DataFrame, validation: pd.DataFrame, exclude_seen: bool) -> pd.DataFrame:
        pair = ["customer_id", "item_id"]
        missing = [column for column in pair if column not in validation.columns]
        if missing:
            raise ValueError(f"validation has no column {', '.join(missing)}.")
        pairs = validation[pair].drop_duplicates()
        pairs = pairs[pairs["customer_id"].isin(interactions["customer_id"].unique())]
        if exclude_seen:
            seen = pd.MultiIndex.from_frame(interactions[pair])
            pairs = pairs[~pd.MultiIndex.from_frame(pairs).isin(seen)]
        if pairs.empty:
            kind = "a pair new to a known customer" if exclude_seen else "of a known customer"
            raise ValueError(f"None of the {len(validation)} rows of validation is {kind}: nothing to choose by.")
        return pairs

    def _learn(self, interactions: pd.DataFrame, fitted: Mapping[str, Recommender] | None) -> dict[str, Recommender]:
        fitted = {} if fitted is None else fitted
        self._check_names("fitted", fitted)
        for name, model in fitted.items():
            if not hasattr(model, "interactions_"):
                raise ValueError(f"fitted: {name!r} has learnt nothing yet; call its fit, or leave it out.")
        return {
            name: fitted[name] if name in fitted else clone(model).fit(interactions)
            for name, model in self.models.items()
        }

    def _values(self, lists: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
        """``customer_id``, ``item_id``, sorted by them, and a column for each member: its value, 0 where not listed."""
        columns = []
        for name, table in lists.items():
            value = 1 - (table["rank"] - 1) / max(self.depth, int(table["rank"].max() if len(table) else 1))
            if self.scale == "score":
                value = (1 - 1e-6) * _between_0_and_1(table) + 1e-6 * value
            pairs = pd.MultiIndex.from_frame(table[["customer_id", "item_id"]])
            columns.append(pd.Series(value.to_numpy(), name=name, index=pairs))
        return pd.concat(columns, axis=1).fillna(0.0).sort_index().reset_index()


def _between_0_and_1(table: pd.DataFrame) -> pd.Series:
    """Scores of each customer's list, the first at 1 and the last at 0, never rising."""
    score = table.groupby("customer_id", sort=False)["score"].cummin()
    by_customer = score.groupby(table["customer_id"], sort=False)
    lowest, highest = by_customer.transform("min"), by_customer.transform("max")
    spread = highest - lowest
    return ((score - lowest) / spread.where(spread > 0, 1.0)).where(spread > 0, 1.0)


def _ranked(customer: np.ndarray, score: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the n best of each customer, customers in order, and their places from 0; ties to the earlier row."""
    order = np.lexsort((np.arange(len(score)), -score, customer))
    counted = customer[order]
    place = np.arange(len(order)) - np.searchsorted(counted, counted)
    return order[place < n], place[place < n]


def _grid(n_members: int, n_steps: int) -> Iterator[np.ndarray]:
    """Weights of ``n_members`` in steps of 1 / n_steps that sum to 1, the first member's falling."""

    def parts(members: int, left: int) -> Iterator[list[int]]:
        if members == 1:
            yield [left]
            return
        for first in range(left, -1, -1):
            for rest in parts(members - 1, left - first):
                yield [first, *rest]

    for whole in parts(n_members, n_steps):
        yield np.array(whole) / n_steps
