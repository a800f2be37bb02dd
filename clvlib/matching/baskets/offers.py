"""One offer for each thing in hand: by rules, or by what a manager would say without them."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from clvlib.matching.baskets.itemsets import sorted_codes

__all__ = ["bestseller_offers", "rule_offers"]


def bestseller_offers(
    in_hand: Iterable[tuple], baskets: pd.DataFrame, *, category: pd.Series | None = None
) -> pd.DataFrame:
    """With whatever is in hand, offer the bestseller: the item in most baskets that is not in hand itself.

    in_hand: tuples of item ids. baskets: ``order_id``, ``item_id``, one row a pair, as
    :func:`~clvlib.matching.basket_table` gives them; of equally frequent items the smaller ``item_id``. category:
    indexed by item id; the bestseller then is that of the category of the first item in hand, or of all where that
    category sells nothing else. Returns ``antecedents``, ``consequents``, one row each, in the order of ``in_hand``.

    ValueError: no basket with an item that is not in hand.

    >>> baskets = pd.DataFrame({"order_id": [1, 1, 2, 2, 3], "item_id": ["tea", "pot", "tea", "cup", "pot"]})
    >>> bestseller_offers([("pot",)], baskets)["consequents"].tolist()
    [('tea',)]
    >>> kinds = pd.Series({"tea": "drinks", "pot": "china", "cup": "china"})
    >>> bestseller_offers([("pot",)], baskets, category=kinds)["consequents"].tolist()
    [('cup',)]
    """
    in_hand = list(in_hand)
    codes, items = sorted_codes(baskets["item_id"])
    sold = items[np.argsort(-np.bincount(codes, minlength=len(items)), kind="stable")]
    of_category = sold.to_series().groupby(sold.map(category)).agg(list) if category is not None else {}
    offered = []
    for side in in_hand:
        kind = category.get(side[0]) if category is not None else None
        preferred = of_category[kind] if category is not None and kind in of_category else []
        chosen = next((item for items in (preferred, sold) for item in items if item not in side), None)
        if chosen is None:
            raise ValueError(f"The {len(baskets)} rows of baskets hold nothing but {side}; there is nothing to offer.")
        offered.append((chosen,))
    return _table(in_hand, offered)


def rule_offers(
    in_hand: Iterable[tuple], rules: pd.DataFrame, *, by: str, otherwise: pd.DataFrame | None = None
) -> pd.DataFrame:
    """With whatever is in hand, offer the consequents of its rule with the largest ``by``.

    in_hand: tuples of item ids, each in hand exactly, as ``antecedents`` are written. rules: ``antecedents``,
    ``consequents`` and the column ``by`` ("confidence", "lift", ...); of equal ones the first. otherwise: offers for
    what no rule has, ``antecedents`` and ``consequents``; without them such a row is left out. Returns
    ``antecedents``, ``consequents`` in the order of ``in_hand``.

    ValueError: a column missing.

    >>> rules = pd.DataFrame({"antecedents": [("tea",), ("tea",)], "consequents": [("pot",), ("cup",)],
    ...     "confidence": [0.2, 0.3], "lift": [4.0, 2.0]})
    >>> rule_offers([("tea",)], rules, by="lift")["consequents"].tolist()
    [('pot',)]
    """
    if missing := [name for name in ("antecedents", "consequents", by) if name not in rules.columns]:
        raise ValueError(f"The {len(rules)} rules have no column {', '.join(missing)}.")
    ranked = rules.sort_values(by, ascending=False, kind="stable")
    parts = [ranked] if otherwise is None else [ranked, otherwise]
    first: dict[tuple, tuple] = {}
    for part in parts:
        for side, offered in zip(part["antecedents"], part["consequents"], strict=True):
            first.setdefault(side, offered)
    chosen = [side for side in in_hand if side in first]
    return _table(chosen, [first[side] for side in chosen])


def _table(in_hand: list[tuple], offered: list[tuple]) -> pd.DataFrame:
    columns = {"antecedents": in_hand, "consequents": offered}
    return pd.DataFrame({name: pd.Series(side, dtype=object) for name, side in columns.items()})
