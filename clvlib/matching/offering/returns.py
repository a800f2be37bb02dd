"""What a customer has sent back is nothing to offer her again."""

import pandas as pd

__all__ = ["drop_returned"]

_PAIR = ["customer_id", "item_id"]


def drop_returned(lists: pd.DataFrame, lines: pd.DataFrame) -> pd.DataFrame:
    """The lists without the items that their customer bought and, on balance, returned.

    A pair of customer and item is dropped if its lines add up to an ``amount``, or a ``quantity`` where the log has
    one, of 0 or less. Pairs the log does not know stay. Ranks stay too and can have gaps;
    :func:`~clvlib.matching.offering.rerank.rerank_by_margin` counts them anew.

    ValueError: a missing column.

    >>> lines = pd.DataFrame({"customer_id": ["a", "a", "a"], "item_id": ["x", "x", "y"], "amount": [5.0, -5.0, 2.0]})
    >>> lists = pd.DataFrame({"customer_id": ["a", "a", "a"], "rank": [1, 2, 3], "item_id": ["x", "y", "z"]})
    >>> drop_returned(lists, lines)["item_id"].tolist()
    ['y', 'z']
    """
    for name, table, columns in (("lists", lists, _PAIR), ("lines", lines, [*_PAIR, "amount"])):
        for column in columns:
            if column not in table.columns:
                raise ValueError(f"The {name} need a column {column}; there are {', '.join(map(str, table.columns))}.")
    counted = [column for column in ("amount", "quantity") if column in lines.columns]
    negative = (lines[counted] < 0).any(axis=1)
    pairs = lines.loc[negative, _PAIR].drop_duplicates()  # only what came back at all can have come back in full
    if pairs.empty:
        return lists
    balance = (
        lines.merge(pairs, on=_PAIR).groupby(_PAIR, observed=True)[counted].sum(min_count=1)
    )  # an unknown quantity says nothing
    gone = balance.index[(balance < 1e-6).any(axis=1)]  # sums of cents miss 0 by a little
    return lists[~pd.MultiIndex.from_frame(lists[_PAIR]).isin(gone)]
