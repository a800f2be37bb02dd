"""What a listed item is expected to earn: what a purchase leaves, times how likely it is."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError

from clvlib.transactions import line_margins

__all__ = ["PurchaseProbability", "add_days_silent", "add_expected_margin", "item_margins"]

_PAIR = ["customer_id", "item_id"]


def item_margins(lines: pd.DataFrame, *, margin_rate: float, horizon_days: int | None = None) -> pd.DataFrame:
    """What does one purchase of each item leave? A row for each item with a purchase, sorted by ``item_id``.

    A purchase is a customer's calendar day with a positive amount of the item, as in
    :func:`~clvlib.matching.interactions.interactions_table`. With ``horizon_days`` it is a customer's *period* of so
    many days with at least one such day, periods being counted back from the log's last day (the oldest may be cut
    short): what is earned within the horizon from somebody who buys the item at all, twice or weekly included. That is
    what a probability of buying within ``horizon_days`` has to be multiplied by.

    Returns
    -------
    Columns ``item_id``; ``margin``, currency a purchase: all margins of the item's lines (``line_margins``, so
    returns are deducted) / its purchases; ``purchases``, their number; ``margin_share``, those margins as a share of
    the amount, ``margin_rate`` where that is not positive; ``known_cost``, the share of its lines whose cost the log
    has, 0 where ``margin_rate`` stands for all.

    ValueError: what ``line_margins`` refuses, a missing column, no purchase at all, a horizon below one day.

    >>> lines = pd.DataFrame({"customer_id": ["a", "a", "b"], "item_id": ["x", "x", "y"], "amount": [4.0, 6.0, 1.0],
    ...     "timestamp": pd.to_datetime(["2024-01-01", "2024-01-05", "2024-01-06"])})
    >>> item_margins(lines, margin_rate=0.5)[["item_id", "margin", "purchases"]].values.tolist()
    [['x', 2.5, 2], ['y', 0.5, 1]]
    >>> item_margins(lines, margin_rate=0.5, horizon_days=28)["margin"].tolist()
    [5.0, 0.5]
    """
    for column in (*_PAIR, "timestamp"):
        if column not in lines.columns:
            raise ValueError(f"Margins need a column {column}; there are {', '.join(map(str, lines.columns))}.")
    if horizon_days is not None and horizon_days < 1:
        raise ValueError(f"horizon_days must be at least 1, not {horizon_days}.")
    lines = lines.assign(**{column: _plain(lines[column]) for column in _PAIR})
    margin = line_margins(lines, margin_rate=margin_rate)
    day = lines["timestamp"].dt.normalize()
    period = day if horizon_days is None else (day.max() - day).dt.days // horizon_days
    cost = lines["unit_cost"].notna() & lines["quantity"].notna() if "unit_cost" in lines.columns else False
    table = lines[[*_PAIR, "amount"]].assign(margin=margin, period=period, known_cost=cost)
    table = table[table["item_id"].notna()]
    bought = table[table["amount"] > 0].drop_duplicates([*_PAIR, "period"]).groupby("item_id").size()
    if bought.empty:
        raise ValueError(f"None of the {len(lines)} lines has an item_id and a positive amount: no purchase to price.")
    sums = {"margin": ("margin", "sum"), "amount": ("amount", "sum"), "known": ("known_cost", "mean")}
    total = table.groupby("item_id").agg(**sums)
    total = total.loc[bought.index]
    share = (total["margin"] / total["amount"]).where(total["amount"] > 0, margin_rate)
    columns = {
        "margin": total["margin"] / bought, "purchases": bought, "margin_share": share, "known_cost": total["known"]
    }  # fmt: skip
    return pd.DataFrame(columns).rename_axis("item_id").sort_index().reset_index()


def add_days_silent(
    lists: pd.DataFrame, lines: pd.DataFrame, *, as_of: pd.Timestamp, bands: Sequence[int] = (0, 31, 91, 181)
) -> pd.DataFrame:
    """The lists with ``days_silent``: for how long has each customer bought nothing, as the first day of her band?

    Days from the last line with a positive amount before ``as_of`` to it, read down to the nearest of ``bands``; who
    has no such line is in the last band. It is what :class:`PurchaseProbability` can learn ``within``.

    ValueError: a missing column, bands that do not rise from 0.

    >>> lines = pd.DataFrame({"customer_id": ["a", "b"], "amount": [1.0, 1.0],
    ...                       "timestamp": pd.to_datetime(["2024-01-01", "2024-03-01"])})
    >>> lists = pd.DataFrame({"customer_id": ["a", "b", "nobody"]})
    >>> add_days_silent(lists, lines, as_of=pd.Timestamp("2024-03-05"))["days_silent"].tolist()
    [31, 0, 181]
    """
    for name, table, columns in (
        ("lists", lists, ["customer_id"]),
        ("lines", lines, ["customer_id", "timestamp", "amount"]),
    ):
        for column in columns:
            if column not in table.columns:
                raise ValueError(f"The {name} need a column {column}; there are {', '.join(map(str, table.columns))}.")
    edges = np.asarray(bands)
    if len(edges) == 0 or edges[0] != 0 or (np.diff(edges) <= 0).any():
        raise ValueError(f"bands are first days that rise from 0, got {tuple(bands)}.")
    as_of = pd.Timestamp(as_of)
    before = lines[(lines["amount"] > 0) & (lines["timestamp"] < as_of)]
    last = before.groupby(_plain(before["customer_id"]))["timestamp"].max()
    days = (as_of - _plain(lists["customer_id"]).map(last)).dt.days.fillna(np.inf).to_numpy()
    return lists.assign(days_silent=edges[np.searchsorted(edges, days, side="right") - 1])


def _plain(ids: pd.Series) -> pd.Series:
    """Ids of a categorical column by themselves, so that they sort as ids and not as categories happen to stand."""
    return ids.astype(ids.cat.categories.dtype) if isinstance(ids.dtype, pd.CategoricalDtype) else ids


class PurchaseProbability(BaseEstimator):
    """How likely is a listed item to be bought within the horizon? Learnt from earlier lists and what followed.

    The share of listed places that were bought, as a function of the list's ``score`` or ``rank`` that never rises
    with a worse place (isotonic regression; Barlow et al. 1972). A model's score is thereby read as what it was worth
    once, whatever its scale; it must come from the same model with the same options, fitted at an earlier origin.

    Parameters
    ----------
    by : "score" tells customers apart where the model's score does, but drifts with it (a longer past makes a sum of
        similarities larger); "rank" says the same of everybody's first place.
    within : a column of the lists that says to which group a row's customer belongs, or None. A score knows what she
        likes and often not whether she still comes: with bands of the days since her last purchase here, each band's
        curve is the common one times (bought + 1) / (expected + 1), by how much more or less than the common curve
        expects the band bought. Numbers are read as time without a purchase: the factor never rises with them (bands
        that disagree are pooled), and one that was not met counts as the nearest met. Another group counts as average.

    Attributes: ``share_``, the share of all places that were bought; ``factor_``, of each group, None without.

    Examples
    --------
    >>> lists = pd.DataFrame({"customer_id": ["a", "a", "b", "b"], "rank": [1, 2, 1, 2], "item_id": list("xyxy")})
    >>> bought = pd.DataFrame({"customer_id": ["a", "b", "a"], "item_id": ["x", "x", "y"]})
    >>> PurchaseProbability(by="rank").fit(lists, bought).predict(lists).tolist()
    [1.0, 0.5, 1.0, 0.5]
    """

    def __init__(self, *, by: str = "score", within: str | None = None):
        self.by = by
        self.within = within

    def fit(self, lists: pd.DataFrame, relevant: pd.DataFrame) -> "PurchaseProbability":
        """Learn from ``lists`` of an earlier origin and the pairs that were bought in the horizon after it.

        lists: ``customer_id``, ``item_id`` and ``rank`` or ``score``, for *everybody* a list would be sent to: who
        bought nothing is the reason why probabilities are small. relevant: ``customer_id``, ``item_id``, pairs of
        others are ignored. ValueError: a missing column or value, no list, an unknown ``by``.
        """
        from sklearn.isotonic import IsotonicRegression

        value = self._values(lists)
        for column in _PAIR:
            if column not in relevant.columns:
                raise ValueError(f"relevant needs a column {column}; there are {', '.join(relevant.columns)}.")
        bought = pd.MultiIndex.from_frame(lists[_PAIR]).isin(pd.MultiIndex.from_frame(relevant[_PAIR]))
        self.share_ = float(bought.mean())
        self._curve = IsotonicRegression(increasing=self.by == "score", out_of_bounds="clip", y_min=0.0, y_max=1.0)
        self._curve.fit(value, bought.astype(float))
        self.factor_ = None
        if self.within is not None:
            places = pd.DataFrame({"bought": bought.astype(float), "expected": self._curve.predict(value)})
            sums = places.groupby(_plain(lists[self.within]).to_numpy()).sum() + 1  # one purchase as expected
            factor = (sums["bought"] / sums["expected"]).rename_axis(self.within).rename("factor")
            if pd.api.types.is_numeric_dtype(factor.index):
                falling = IsotonicRegression(increasing=False)
                factor[:] = falling.fit_transform(factor.index, factor, sample_weight=sums["expected"])
            self.factor_ = factor
        return self

    def predict(self, lists: pd.DataFrame) -> pd.Series:
        """Probability for each row of ``lists``, in [0, 1], index of ``lists``; beyond what was met, the nearest."""
        if not hasattr(self, "_curve"):
            raise NotFittedError("This PurchaseProbability has learnt nothing yet; call fit with earlier lists.")
        if lists.empty:
            return pd.Series(index=lists.index, dtype=float, name="probability_purchase")
        found = self._curve.predict(self._values(lists))
        if self.factor_ is not None:
            found = np.minimum(found * self._factors(_plain(lists[self.within])), 1.0)
        return pd.Series(found, index=lists.index, name="probability_purchase")

    def _factors(self, groups: pd.Series) -> np.ndarray:
        known = self.factor_.index
        if pd.api.types.is_numeric_dtype(known) and pd.api.types.is_numeric_dtype(groups):
            return self.factor_.to_numpy()[known.get_indexer(groups, method="nearest")]
        return groups.map(self.factor_).fillna(1.0).to_numpy(dtype=float)

    def _values(self, lists: pd.DataFrame) -> np.ndarray:
        if self.by not in ("score", "rank"):
            raise ValueError(f"by={self.by!r} is neither 'score' nor 'rank'.")
        for column in (*_PAIR, self.by, *([] if self.within is None else [self.within])):
            if column not in lists.columns:
                raise ValueError(f"The lists need a column {column}; there are {', '.join(map(str, lists.columns))}.")
        if lists.empty:
            raise ValueError("There is no row in the lists: nothing to learn from.")
        value = lists[self.by].to_numpy(dtype=float)
        bad = int((~np.isfinite(value)).sum())
        if bad:
            raise ValueError(f"{bad} of {len(lists)} rows of the lists have no finite {self.by}; drop them first.")
        if self.within is not None and (gaps := int(lists[self.within].isna().sum())):
            raise ValueError(f"{gaps} of {len(lists)} rows of the lists have no {self.within}; give each a group.")
        return value


def add_expected_margin(
    lists: pd.DataFrame,
    margins: pd.DataFrame,
    probability: PurchaseProbability | pd.Series,
) -> pd.DataFrame:
    """The lists with ``probability_purchase`` and ``expected_margin``, their product with the item's margin.

    expected_margin is in the currency of ``margins`` and within the horizon the probability was learnt for. It is
    what the customer is expected to leave on that item, *not* what listing it adds: much of it would come anyway.

    margins: of :func:`item_margins`; an item without a row, since nobody has bought it yet, gets the median of all.
    probability: a fitted :class:`PurchaseProbability`, or a Series with the index of ``lists``.

    ValueError: a missing column, an item with two margins, a probability outside [0, 1].

    >>> lists = pd.DataFrame({"customer_id": ["a", "a"], "rank": [1, 2], "item_id": ["x", "new"]})
    >>> margins = pd.DataFrame({"item_id": ["x", "y", "z"], "margin": [2.0, 1.0, 8.0]})
    >>> add_expected_margin(lists, margins, pd.Series([0.5, 0.25]))["expected_margin"].tolist()
    [1.0, 0.5]
    """
    for name, table, column in (
        ("lists", lists, "item_id"),
        ("margins", margins, "item_id"),
        ("margins", margins, "margin"),
    ):
        if column not in table.columns:
            raise ValueError(f"{name} need a column {column}; there are {', '.join(map(str, table.columns))}.")
    twice = int(margins["item_id"].duplicated().sum())
    if twice or margins.empty:
        raise ValueError(f"{twice} of {len(margins)} rows of margins repeat an item_id; give one row an item.")
    if isinstance(probability, PurchaseProbability):
        probability = probability.predict(lists)
    chance = pd.Series(probability).reindex(lists.index).astype(float)
    wrong = int((~chance.between(0, 1)).sum())
    if wrong:
        raise ValueError(f"{wrong} of {len(lists)} probabilities are missing or outside [0, 1].")
    margin = _plain(lists["item_id"]).map(margins.set_index("item_id")["margin"]).astype(float)
    margin = margin.fillna(margins["margin"].median())
    return lists.assign(probability_purchase=chance, expected_margin=chance * margin)
