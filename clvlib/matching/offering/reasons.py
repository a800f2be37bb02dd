"""Why is this item on her list? In words, for the person who reads the list."""

import numpy as np
import pandas as pd

from clvlib.matching.lists import Recommender
from clvlib.matching.popularity import Popularity
from clvlib.matching.texts.content import ContentMatcher

__all__ = ["add_reasons"]

_LONGEST = 60


def add_reasons(
    lists: pd.DataFrame,
    model: Recommender,
    *,
    items: pd.DataFrame | None = None,
    history: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """The lists with a column ``reason``: what ``model`` knows that speaks for each place, never a gap.

    The first of these that holds:

    1. the customer has bought the item: "you bought it on 5 days" (with ``history``), "you bought it before";
    2. ``model.because(lists)`` names something she bought: "customers who bought GREEN MUG also bought this", of a
       :class:`~clvlib.matching.texts.content.ContentMatcher` "like GREEN MUG, which you bought";
    3. the place was filled up or the model is :class:`~clvlib.matching.popularity.Popularity`: "a bestseller of the
       last 28 days: 41 customers bought it", "120 customers bought it", "new here" where nobody has;
    4. the model has an opinion and no single reason: "customers with a history like yours chose this", of a
       ContentMatcher "it fits what you like".

    Parameters
    ----------
    lists : ``customer_id``, ``item_id`` and, to tell filled places by their 0, ``score``; as ``recommend`` gives
        them, in whatever order they were put since.
    model : the fitted model that made the lists.
    items : ``item_id``, ``item_text``: how items are called in the words; without it, or without a text, by their
        id. Blanks are joined and long texts cut at 60 characters.
    history : ``customer_id``, ``item_id``, ``quantity`` in *days*, as
        :func:`~clvlib.matching.interactions.interactions_table` counts them; without it, what the model was fitted on
        says whether, but not how often, an item was bought.

    ValueError: a missing column, a model that was not fitted, a catalogue that names an item twice.

    >>> from clvlib.matching.popularity import BuyAgain
    >>> past = pd.DataFrame({"customer_id": ["a", "b"], "item_id": ["x", "y"], "quantity": [5.0, 1.0]})
    >>> lists = BuyAgain().fit(past).recommend(["a"])
    >>> add_reasons(lists, BuyAgain().fit(past), history=past)["reason"].tolist()
    ['you bought it on 5 days', '1 customer bought it']
    """
    _need("The lists", lists, ("customer_id", "item_id"))
    if not hasattr(model, "interactions_"):
        raise ValueError(f"This {type(model).__name__} has learnt nothing yet; fit it, or give the model of the lists.")
    reason = pd.Series(_bought(lists, model, history), index=lists.index, dtype=object)
    open_ = reason.isna()
    if open_.any() and hasattr(model, "because"):
        reason[open_] = _because(lists[open_], model, items)
        open_ = reason.isna()
    if open_.any():
        reason[open_] = _in_general(lists[open_], model)
    return lists.assign(reason=reason.astype("str"))


def _bought(lists: pd.DataFrame, model: Recommender, history: pd.DataFrame | None) -> np.ndarray:
    """Reason 1, None elsewhere."""
    words = np.full(len(lists), None, dtype=object)
    if history is not None:
        _need("history", history, ("customer_id", "item_id", "quantity"))
        days = history.groupby(["customer_id", "item_id"])["quantity"].sum()
        own = days.reindex(pd.MultiIndex.from_frame(lists[["customer_id", "item_id"]])).to_numpy()
        seen = np.flatnonzero(own > 0)
        words[seen] = [f"you bought it on {_count(round(float(own[row])), 'day')}" for row in seen]
        return words
    known = model.interactions_
    customer, item = known.customers.get_indexer(lists["customer_id"]), known.items.get_indexer(lists["item_id"])
    both = np.flatnonzero((customer >= 0) & (item >= 0))
    if len(both):
        seen = both[np.asarray(known.known[customer[both], item[both]]).ravel() > 0]
        words[seen] = "you rated it before" if known.explicit else "you bought it before"
    return words


def _because(lists: pd.DataFrame, model: Recommender, items: pd.DataFrame | None) -> pd.Series:
    """Reason 2, None elsewhere."""
    because = pd.Series(model.because(lists), index=lists.index, dtype=object)
    named = because.dropna()
    called = _called(pd.Index(named.unique()), items)
    verb = "rated" if model.interactions_.explicit else "bought"
    sentence = f"customers who {verb} {{}} also {verb} this"
    if isinstance(model, ContentMatcher):
        sentence = f"like {{}}, which you {verb}"
    words = {item: sentence.format(name) for item, name in called.items()}
    return because.map(words).where(because.notna(), None)


def _in_general(lists: pd.DataFrame, model: Recommender) -> np.ndarray:
    """Reasons 3 and 4."""
    item = model.items_.get_indexer(lists["item_id"])
    buyers = np.where(item >= 0, model.buyers_[item], 0).astype(int)
    popular = [f"{_count(count, 'customer')} bought it" if count else "new here" for count in buyers]
    scored = lists["score"].to_numpy() != 0 if "score" in lists.columns else np.ones(len(lists), dtype=bool)
    if isinstance(model, Popularity):
        if model.recent_days is None:
            return np.array(popular, dtype=object)
        recent = np.where(item >= 0, model.popularity_[item], 0).astype(int)
        days = "the last day" if model.recent_days == 1 else f"the last {model.recent_days:,} days"
        words = [f"a bestseller of {days}: {_count(count, 'customer')} bought it" for count in recent]
        return np.where(scored & (recent > 0), np.array(words, dtype=object), np.array(popular, dtype=object))
    opinion = "customers with a history like yours chose this"
    if isinstance(model, ContentMatcher):
        opinion = "it fits what you like"
    known = model.interactions_.customers.get_indexer(lists["customer_id"]) >= 0
    return np.where(scored & known, opinion, np.array(popular, dtype=object))


def _called(ids: pd.Index, items: pd.DataFrame | None) -> dict:
    """What to call each item: its text, else its id; on one line and not too long."""
    names = {item: str(item) for item in ids}
    if items is not None:
        _need("items", items, ("item_id", "item_text"))
        rows = items[items["item_id"].isin(ids)]
        twice = int(rows["item_id"].duplicated().sum())
        if twice:
            raise ValueError(f"{twice} rows of items repeat an item_id; keep one text an item.")
        texts = zip(rows["item_id"], rows["item_text"], strict=True)
        names |= {item: text for item, text in texts if isinstance(text, str) and text.strip()}
    return {item: _short(name) for item, name in names.items()}


def _short(text: str) -> str:
    """
    >>> _short("  GREEN\\n MUG ")
    'GREEN MUG'
    """
    text = " ".join("".join(letter if letter.isprintable() else " " for letter in text[: 20 * _LONGEST]).split())
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1].rstrip() + "…"


def _count(number: int, what: str) -> str:
    """
    >>> _count(1, "day"), _count(1200, "customer")
    ('1 day', '1,200 customers')
    """
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def _need(what: str, table: pd.DataFrame, columns: tuple[str, ...]) -> None:
    for column in columns:
        if column not in table.columns:
            raise ValueError(f"{what} need a column {column}; there are {', '.join(map(str, table.columns))}.")
