"""If a basket holds this, how often does it hold that too? Rules with intervals, and with a price for every trial."""

from itertools import combinations
from typing import NamedTuple

import numpy as np
import pandas as pd

from clvlib.matching.baskets import _rule_statistics as statistics
from clvlib.matching.baskets.itemsets import sorted_codes

__all__ = ["association_rules"]

#: More rules than this are no list that anybody reads, and soon no table that fits into memory.
_MOST = 20_000_000


def association_rules(
    itemsets: pd.DataFrame, *, min_confidence: float, level: float = 0.95, n_tried: int | None = None
) -> pd.DataFrame:
    """Every rule "antecedents -> consequents" that frequent itemsets give, from a confidence of ``min_confidence`` on.

    Parameters
    ----------
    itemsets : the whole table of :func:`~clvlib.matching.frequent_itemsets`: ``itemsets``, ``count``, ``n_baskets``.
    min_confidence : least share, in [0, 1]. A rule that came true in c of a baskets is in if c / a >= min_confidence,
        the quotient of two whole numbers rounded once: 16 of 20 reaches 0.8, which a quotient of two supports misses.
    level : of the intervals, each for itself.
    n_tried : how many hypotheses were looked at in all, where it is more than the table tells (see below).

    Returns
    -------
    One row a rule, sorted by lift (falling), count (falling) and items, with A the ``antecedents`` and B the
    ``consequents``, both sorted tuples of item ids (Agrawal, Imieliński & Swami 1993):

    * ``count``, ``antecedent_count``, ``consequent_count``: baskets that hold A and B, A, B, of ``n_baskets``;
    * ``support`` = count / n_baskets;
    * ``confidence`` = count / antecedent_count, with Wilson's interval;
    * ``lift`` = confidence / (consequent_count / n_baskets): 1 under independence;
    * ``leverage`` = support - antecedent_count consequent_count / n_baskets² (Piatetsky-Shapiro 1991): share of all
      baskets that hold both beyond independence;
    * ``conviction`` = (1 - consequent_count / n_baskets) / (1 - confidence) (Brin et al. 1997): how many times as often
      the rule would be wrong under independence; infinite for a rule that was never wrong;
    * ``…_low``, ``…_high``: their intervals at ``level``, by the delta method for the four counts as multinomial;
    * ``p_value``: Fisher's exact test for a lift above 1 (1 where it is not); A -> B and B -> A are one hypothesis;
    * ``q_value``: the p-value after Benjamini and Hochberg (1995) for ``n_tried`` hypotheses;
    * ``n_tried``: every pair of disjoint frequent itemsets that together are no longer than the longest itemset of the
      table, whether frequent together or not: who only reports frequent pairs has still looked at all of them. (An
      upper bound where both have two items and more.) Choosing by confidence afterwards costs nothing.

    Interval and test take baskets for independent, and of one kind. They are not where a customer comes back, and where
    baskets differ in size, large ones hold everything: :func:`~clvlib.matching.validate_rules` asks about both.

    Raises
    ------
    ValueError : a missing column, a share outside its range, an itemset whose parts are not in the table, more than
        20,000,000 rules, ``n_tried`` below the number of hypotheses in the table.

    Examples
    --------
    >>> from clvlib.matching import frequent_itemsets
    >>> lines = pd.DataFrame({"order_id": [1, 1, 2, 2, 3, 4], "item_id": ["tea", "pot", "pot", "tea", "tea", "cup"]})
    >>> rules = association_rules(frequent_itemsets(lines, min_support=0.25), min_confidence=0.7)
    >>> rules[["antecedents", "consequents", "confidence", "lift", "conviction"]].round(2)
      antecedents consequents  confidence  lift  conviction
    0      (pot,)      (tea,)         1.0  1.33         inf
    """
    _check(itemsets, min_confidence, level)
    known = _Index.of(itemsets)
    tried = _n_tried([len(count) for count in known.counts])
    if n_tried is not None:
        if n_tried < tried:
            raise ValueError(f"n_tried={n_tried}, but this table alone takes {tried} hypotheses; give no fewer.")
        tried = n_tried
    found = _splits(known)
    n = int(itemsets["n_baskets"].iloc[0]) if len(itemsets) else 0
    both, one, other = found.both, found.one_count, found.other_count
    p_value = statistics.fisher_p_values(both, one, other, n)
    q_value = statistics.adjusted_p_values(p_value, n_tried=tried)
    # both directions of every split that reach the confidence
    forward, backward = (np.flatnonzero(both / side >= min_confidence) for side in (one, other))
    split = np.concatenate([forward, backward])
    back = np.repeat([False, True], [len(forward), len(backward)])
    antecedent = np.where(back, other[split], one[split])
    consequent = np.where(back, one[split], other[split])
    table = _measures(both[split], antecedent, consequent, n, level)
    table["p_value"], table["q_value"], table["n_tried"] = p_value[split], q_value[split], tried
    *sides, place_of = _sides(found, known.names, split, back)
    for place, (name, side) in enumerate(zip(("antecedents", "consequents"), sides, strict=True)):
        column = pd.Series(np.empty(len(side), dtype=object))
        column[:] = side
        table.insert(place, name, column)
    order = np.lexsort((*place_of.T[::-1], -table["count"].to_numpy(), -table["lift"].to_numpy()))
    return table.iloc[order].reset_index(drop=True)


def _check(itemsets: pd.DataFrame, min_confidence: float, level: float) -> None:
    if missing := [name for name in ("itemsets", "count", "n_baskets") if name not in itemsets.columns]:
        raise ValueError(
            f"The table of {len(itemsets)} itemsets has no column {', '.join(missing)}; take that of frequent_itemsets."
        )
    if not 0 <= min_confidence <= 1:
        raise ValueError(f"min_confidence is a share in [0, 1], not {min_confidence}.")
    if not 0 < level < 1:
        raise ValueError(f"level is a share between 0 and 1, not {level}.")
    if itemsets["n_baskets"].nunique() > 1:
        raise ValueError("The itemsets are counted among different numbers of baskets; take one table at a time.")


class _Index(NamedTuple):
    """Itemsets by length: rows of item positions, sorted keys (prefix's row * items + last item), counts by key."""

    names: pd.Index
    members: list[np.ndarray]
    keys: list[np.ndarray]
    counts: list[np.ndarray]

    @classmethod
    def of(cls, itemsets: pd.DataFrame) -> "_Index":
        length = itemsets["itemsets"].map(len).to_numpy(dtype=np.int64)
        flat, names = sorted_codes(pd.Series([item for itemset in itemsets["itemsets"] for item in itemset]))
        count = itemsets["count"].to_numpy()
        end = np.cumsum(length)
        index = cls(names, [], [], [])
        for size in range(1, int(length.max(initial=0)) + 1):
            rows = np.flatnonzero(length == size)
            members = np.sort(flat[end[rows, None] - size + np.arange(size)], axis=1).reshape(-1, size)
            key = members[:, -1] if size == 1 else index.rows(members[:, :-1]) * len(names) + members[:, -1]
            order = np.argsort(key, kind="stable")
            if (np.diff(key[order]) == 0).any():
                raise ValueError("An itemset stands in the table twice; take the table as frequent_itemsets gives it.")
            index.members.append(members[order])
            index.keys.append(key[order])
            index.counts.append(count[rows][order])
        return index

    def rows(self, members: np.ndarray) -> np.ndarray:
        """Position of each itemset among those of its length."""
        row = np.zeros(len(members), dtype=np.int64)
        for size in range(1, members.shape[1] + 1):
            key = row * len(self.names) * (size > 1) + members[:, size - 1]
            keys = self.keys[size - 1]
            row = np.minimum(np.searchsorted(keys, key), max(0, len(keys) - 1))
            missing = int((keys[row] != key).sum()) if len(keys) else len(members)
            if missing:
                raise ValueError(
                    f"{missing} itemsets have a part that is not in the table, so that its count is not known; take "
                    "the whole table of frequent_itemsets and choose among the rules."
                )
        return row


class _Splits(NamedTuple):
    """Every itemset cut in two, each cut once: which (length, row, mask of the part "one"), and the three counts."""

    pieces: list[tuple[np.ndarray, tuple[int, ...], tuple[int, ...]]]
    both: np.ndarray
    one_count: np.ndarray
    other_count: np.ndarray


def _splits(known: _Index) -> _Splits:
    pieces, counts = [], []
    total = sum(len(rows) * (2 ** (size - 1) - 1) for size, rows in enumerate(known.counts, start=1))
    if 2 * total > _MOST:
        raise ValueError(f"{2 * total:,} rules are to be looked at, more than {_MOST:,}; limit max_length.")
    for size, (members, count) in enumerate(zip(known.members, known.counts, strict=True), start=1):
        for n_rest in range(size - 1):
            for rest in combinations(range(1, size), n_rest):
                one = (0, *rest)  # the part with the first item, so that no cut comes twice
                other = tuple(sorted(set(range(size)) - set(one)))
                pieces.append((members, one, other))
                parts = [known.counts[len(part) - 1][known.rows(members[:, part])] for part in (one, other)]
                counts.append((count, *parts))
    both, one_count, other_count = (
        (np.concatenate(part) for part in zip(*counts, strict=True)) if counts else (np.zeros(0, dtype=np.int64),) * 3
    )
    return _Splits(pieces, both, one_count, other_count)


def _n_tried(n_itemsets: list[int]) -> int:
    """Unordered pairs of disjoint itemsets that together are no longer than the longest; ``n_itemsets`` by length."""
    tried = 0
    for size in range(2, len(n_itemsets) + 1):
        for one in range(1, size // 2 + 1):
            first, second = n_itemsets[one - 1], n_itemsets[size - one - 1]
            if one == size - one:
                tried += first * (first - 1) // 2
            elif one == 1:  # items that are not in the other itemset
                tried += (first - size + 1) * second
            else:
                tried += first * second
    return tried


def _measures(both, antecedent, consequent, n: int, level: float) -> pd.DataFrame:
    columns = {
        "count": both,
        "antecedent_count": antecedent,
        "consequent_count": consequent,
        "n_baskets": np.full(len(both), n),
        "support": both / max(1, n),
    }
    columns["confidence"] = both / antecedent
    columns["confidence_low"], columns["confidence_high"] = statistics.wilson(both, antecedent, level)
    for name in ("lift", "leverage", "conviction"):
        value, low, high = getattr(statistics, name)(both, antecedent, consequent, n, level)
        columns |= {name: value, f"{name}_low": low, f"{name}_high": high}
    return pd.DataFrame(columns)


def _sides(found: _Splits, names: pd.Index, split: np.ndarray, back: np.ndarray) -> tuple[list, list, np.ndarray]:
    """Antecedents and consequents as tuples, for the chosen splits and directions, and both as rows to sort by."""
    texts = names.to_numpy(dtype=object)
    start = np.cumsum([0, *(len(members) for members, _, _ in found.pieces)])
    antecedents: list = [None] * len(split)
    consequents: list = [None] * len(split)
    piece = np.searchsorted(start, split, side="right") - 1
    longest = max((members.shape[1] for members, _, _ in found.pieces), default=0)
    place_of = np.full((len(split), 2 * longest), -1)
    for number in np.unique(piece):
        members, one, other = found.pieces[number]
        for backward in (False, True):
            rows = np.flatnonzero((piece == number) & (back == backward))
            chosen = members[split[rows] - start[number]]
            sides = (other, one) if backward else (one, other)
            for target, part, begin in zip((antecedents, consequents), sides, (0, longest), strict=True):
                place_of[rows, begin : begin + len(part)] = chosen[:, part]
                for row, side in zip(rows.tolist(), map(tuple, texts[chosen[:, part]]), strict=True):
                    target[row] = side
    return antecedents, consequents, place_of
