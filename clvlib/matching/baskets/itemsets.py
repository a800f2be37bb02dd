"""What is bought together? Baskets from a log, and the itemsets that many baskets hold, counted exactly."""

import math
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import sparse

__all__ = ["basket_table", "frequent_itemsets", "sorted_codes"]

#: From so many lines on, the compiled kernel repays the half second that loading it takes; chapters stay below.
_LARGE = 1_500_000
#: More itemsets than this are no list that anybody reads, and soon no table that fits into memory.
_MOST = 5_000_000


def basket_table(lines: pd.DataFrame) -> pd.DataFrame:
    """A log's baskets: one row for each order and item that met.

    Only lines with an ``item_id`` and, where the log has it, a positive ``amount`` count: a return is no purchase.
    A basket is an ``order_id``; a log without orders has one basket for each customer and calendar day, named
    ``<customer_id> <date>``.

    Returns
    -------
    DataFrame ``order_id``, ``item_id`` and, where the log has them, ``customer_id`` (missing for a guest) and
    ``timestamp`` (the first of the lines), ``amount`` and ``margin`` (their sums, in the currency of the log), sorted
    by ``order_id``, ``item_id``; ids that are categories are sorted as ids, not in the order of the categories.

    Raises ValueError if there is neither ``order_id`` nor ``customer_id`` and ``timestamp``, if there is no
    ``item_id``, or if nothing is left.

    Examples
    --------
    >>> lines = pd.DataFrame({
    ...     "customer_id": ["a", "a", "a"], "item_id": ["x", "y", "x"], "amount": [2.0, 3.0, 1.0],
    ...     "timestamp": pd.to_datetime(["2024-01-01", "2024-01-01", "2024-01-01"])})
    >>> basket_table(lines)[["order_id", "item_id", "amount"]]
           order_id item_id  amount
    0  a 2024-01-01       x     3.0
    1  a 2024-01-01       y     3.0
    """
    bought = _bought(lines)
    if "order_id" not in bought.columns:
        day = bought["timestamp"].dt.strftime("%Y-%m-%d")
        bought = bought.assign(order_id=bought["customer_id"].astype("str") + " " + day)
    how = {"customer_id": "first", "timestamp": "first", "amount": "sum", "margin": "sum"}
    how = {name: rule for name, rule in how.items() if name in bought.columns}
    pair = ["order_id", "item_id"]
    if not how:
        return bought[pair].drop_duplicates().sort_values(pair, ignore_index=True)
    return bought.groupby(pair).agg(how).reset_index()[[*pair, *how]]


def frequent_itemsets(lines: pd.DataFrame, *, min_support: float, max_length: int | None = None) -> pd.DataFrame:
    """Which sets of items do at least a share of ``min_support`` of all baskets hold?

    Parameters
    ----------
    lines : a log, or any long table with ``order_id`` and ``item_id`` (or ``customer_id``, ``timestamp`` and
        ``item_id``); what counts as a line and as a basket is said in :func:`basket_table`. An item twice in a basket
        counts once.
    min_support : share of the baskets, in (0, 1]. An itemset of c among n baskets is in if c / n >= min_support, both
        rounded once as Python does: 3 of 5 reaches 0.6, and 7 of 100 reaches 0.07.
    max_length : longest itemset, None for any.

    Returns
    -------
    DataFrame ``itemsets`` (a sorted tuple of item ids), ``length``, ``count`` (baskets that hold all of it),
    ``n_baskets`` (all baskets, the same in each row) and ``support`` = count / n_baskets; the shorter first, then the
    more frequent, then by item ids. Every frequent itemset of the length asked for is there, and its count is exact.

    How: one bit a basket and item, and depth-first through the itemsets by "and" and counting bits (Eclat; Zaki 2000,
    IEEE TKDE 12(3)), the pairs counted first, since most candidates end there. Memory: n_baskets / 8 bytes for each
    frequent item.

    Raises
    ------
    ValueError : what ``basket_table`` refuses; ``min_support`` outside (0, 1]; ``max_length`` below 1; more than
        5,000,000 itemsets.

    Examples
    --------
    >>> lines = pd.DataFrame({"order_id": [1, 1, 2, 2, 3], "item_id": ["tea", "pot", "pot", "tea", "tea"]})
    >>> frequent_itemsets(lines, min_support=0.6)[["itemsets", "count", "support"]].round(2)
         itemsets  count  support
    0      (tea,)      3     1.00
    1      (pot,)      2     0.67
    2  (pot, tea)      2     0.67
    """
    if not 0 < min_support <= 1:
        raise ValueError(f"min_support is a share of the baskets in (0, 1], not {min_support}.")
    if max_length is not None and max_length < 1:
        raise ValueError(f"max_length must be at least 1, or None for any, not {max_length}.")
    basket, n_baskets, item, names = _codes(lines)
    min_count = _least_count(min_support, n_baskets)
    # With repeats counted an item is at least as frequent as without: what falls short here falls short for good.
    lines_of = np.bincount(item, minlength=len(names))
    frequent = np.flatnonzero(lines_of >= min_count)
    found = _mine(basket, n_baskets, item, frequent, min_count, max_length or n_baskets + len(names))
    return _table(found, names, n_baskets)


class _Tree(NamedTuple):
    """Itemsets as a tree: itemset i is that of ``parent[i]`` (-1: none) with ``item[i]`` added; parents come first."""

    parent: np.ndarray
    item: np.ndarray
    count: np.ndarray


def _bought(lines: pd.DataFrame) -> pd.DataFrame:
    """The lines that count, after the checks."""
    if not isinstance(lines, pd.DataFrame):
        raise ValueError(f"Baskets come as a table with order_id and item_id, not as a {type(lines).__name__}.")
    if "item_id" not in lines.columns:
        raise ValueError("The log has no column item_id; map the shop's article number to it.")
    basket = ["order_id"] if "order_id" in lines.columns else ["customer_id", "timestamp"]
    if missing := [name for name in basket if name not in lines.columns]:
        raise ValueError(
            f"A basket is an order_id, or a customer_id and the day of a timestamp; the {len(lines)} lines have no "
            f"{' and no '.join(missing)}. Map the shop's order number to order_id."
        )
    for name, fits in (("amount", pd.api.types.is_numeric_dtype), ("timestamp", pd.api.types.is_datetime64_any_dtype)):
        if name in lines.columns and not fits(lines[name].dtype):
            raise ValueError(f"The column {name} holds {lines[name].dtype}; read the log with read_transactions first.")
    kept = lines["item_id"].notna().to_numpy()
    if "amount" in lines.columns:
        kept = kept & (lines["amount"] > 0).to_numpy()
    if not kept.any():
        raise ValueError(f"None of the {len(lines)} lines has an item_id and a positive amount: there is no basket.")
    bought = lines if kept.all() else lines[kept]
    for name in basket:
        if n_missing := int(bought[name].isna().sum()):
            raise ValueError(f"{n_missing} of {len(bought)} lines have no {name}; drop these lines first.")
    categorical = [name for name in (*basket, "item_id") if isinstance(bought[name].dtype, pd.CategoricalDtype)]
    return bought.assign(**{name: _plain(bought[name]) for name in categorical})


def _codes(lines: pd.DataFrame) -> tuple[np.ndarray, int, np.ndarray, pd.Index]:
    """Basket and item of each line by position, how many baskets, and the sorted item ids."""
    bought = _bought(lines)
    if "order_id" in bought.columns:
        basket, n_baskets = _basket_codes(bought["order_id"])
    else:
        customer, _ = pd.factorize(bought["customer_id"])
        day, days = pd.factorize(bought["timestamp"].dt.normalize())
        basket, n_baskets = _basket_codes(pd.Series(customer * np.int64(len(days)) + day))
    item, names = sorted_codes(bought["item_id"])
    return basket, n_baskets, item, names


def sorted_codes(ids: pd.Series) -> tuple[np.ndarray, pd.Index]:
    """Position of each id among the sorted ids, and these; ids of several kinds are sorted as texts."""
    ids = _plain(ids)
    if _is_plain_integer(ids) and len(ids):
        least, span = int(ids.min()), int(ids.max()) - int(ids.min()) + 1
        if span <= 2 * len(ids):  # whole numbers close together are their own places
            offset = ids.to_numpy() - least
            there = np.zeros(span, dtype=bool)
            there[offset] = True
            return (np.cumsum(there, dtype=np.int32) - 1)[offset], pd.Index(np.flatnonzero(there) + least)
    code, names = pd.factorize(ids)
    names = pd.Index(names)
    try:
        order = names.argsort()
    except TypeError:
        order = names.astype("str").argsort()
    place = np.empty(len(names), dtype=np.int64)
    place[order] = np.arange(len(names))
    return place[code], names[order]


def _plain(ids: pd.Series) -> pd.Series:
    """Categories as what they are: theirs is an order of appearance, and says nothing about ids."""
    return ids.astype(ids.cat.categories.dtype) if isinstance(ids.dtype, pd.CategoricalDtype) else ids


def _is_plain_integer(ids: pd.Series) -> bool:
    return isinstance(ids.dtype, np.dtype) and ids.dtype.kind in "iu" and ids.dtype.itemsize <= 8


def _basket_codes(order: pd.Series) -> tuple[np.ndarray, int]:
    """Baskets numbered from 0 in any order; a log sorted by whole-number orders needs no look-up."""
    if _is_plain_integer(order):
        step = np.diff(order.to_numpy())
        if not (step < 0).any():
            code = np.zeros(len(order), dtype=np.int32)
            np.cumsum(step != 0, out=code[1:])
            return code, int(code[-1]) + 1
    code, orders = pd.factorize(order)
    return code, len(orders)


def _least_count(min_support: float, n_baskets: int) -> int:
    """The smallest c with c / n_baskets >= min_support, without the rounding of a product."""
    count = max(1, math.ceil(min_support * n_baskets))
    while count > 1 and (count - 1) / n_baskets >= min_support:
        count -= 1
    while count / n_baskets < min_support:
        count += 1
    return count


def _mine(basket, n_baskets, item, frequent, min_count, max_length) -> _Tree:
    """All frequent itemsets, items by position; ``frequent`` are those that may be frequent."""
    rank = np.full(int(item.max()) + 1, -1, dtype=np.int32)
    rank[frequent] = np.arange(len(frequent))
    if len(item) >= _LARGE:
        from clvlib.matching.baskets._itemset_kernel import mine

        parent, last, count = mine(basket, n_baskets, rank[item], len(frequent), min_count, max_length, _MOST)
        last = frequent[last]
    else:
        parent, last, count = _mine_by_arrays(basket, n_baskets, rank[item], len(frequent), min_count, max_length)
        last = frequent[last] if len(last) else last
    if len(parent) > _MOST:
        raise ValueError(f"More than {_MOST:,} itemsets are as frequent; raise min_support or limit max_length.")
    return _Tree(parent, last, count)


def _mine_by_arrays(basket, n_baskets, item, n_items, min_count, max_length):
    """The same as the kernel's ``mine``, with whole arrays for a step."""
    known = item >= 0
    held = sparse.csr_array(
        (np.ones(int(known.sum()), dtype=np.int32), (basket[known], item[known])), shape=(n_baskets, n_items)
    )
    held.data[:] = 1  # an item twice in a basket
    count = np.bincount(held.indices, minlength=n_items)
    order = np.argsort(count, kind="stable")  # the rarest first: its branches are small
    order = order[count[order] >= min_count]
    held = held[:, order].tocsc()
    parent, last, counts = [np.full(len(order), -1)], [order], [count[order]]
    if max_length > 1 and len(order) > 1:
        together = (held.T @ held).toarray()
        bits = _bits(held)
        done = len(order)
        for i in range(len(order) - 1):
            after = i + 1 + np.flatnonzero(together[i, i + 1 :] >= min_count)
            if len(after):
                found = _branch(bits, i, after, together, min_count, max_length)
                parent.append(np.where(found[0] < 0, i, found[0] + done))
                last.append(order[found[1]])
                counts.append(found[2])
                done += len(found[1])
                if done > _MOST:
                    break
    return np.concatenate(parent), np.concatenate(last), np.concatenate(counts)


def _branch(bits, first, after, together, min_count, max_length):
    """Itemsets of ``first`` and some of ``after``: parent within the branch (-1: ``first``), item, count."""
    parents, items, counts = [np.full(len(after), -1)], [after], [together[first, after]]
    done = len(after)
    words = np.flatnonzero(bits[first])
    stack = [(np.arange(len(after)), after, bits[np.ix_(after, words)] & bits[first, words], 2)]
    while stack:
        number, siblings, held, length = stack.pop()
        if length >= max_length or done > _MOST:
            continue
        for p in range(len(siblings) - 1):
            later = p + 1 + np.flatnonzero(together[siblings[p], siblings[p + 1 :]] >= min_count)
            if not len(later):
                continue
            words = np.flatnonzero(held[p])
            both = held[np.ix_(later, words)] & held[p, words]
            count = np.bitwise_count(both).sum(axis=1, dtype=np.int64)
            kept = count >= min_count
            if kept.any():
                parents.append(np.full(int(kept.sum()), number[p]))
                items.append(siblings[later[kept]])
                counts.append(count[kept])
                stack.append((done + np.arange(len(items[-1])), items[-1], both[kept], length + 1))
                done += len(items[-1])
    return np.concatenate(parents), np.concatenate(items), np.concatenate(counts)


def _bits(held: sparse.csc_array) -> np.ndarray:
    """One bit a basket: shape (items, ceil(baskets / 64))."""
    n_baskets, n_items = held.shape
    bits = np.zeros((n_items, -(-n_baskets // 64)), dtype=np.uint64)
    flags = np.zeros(bits.shape[1] * 64, dtype=bool)
    for i in range(n_items):
        rows = held.indices[held.indptr[i] : held.indptr[i + 1]]
        flags[rows] = True
        bits[i] = np.packbits(flags, bitorder="little").view(np.uint64)
        flags[rows] = False
    return bits


def _table(found: _Tree, names: pd.Index, n_baskets: int) -> pd.DataFrame:
    """The public table: itemsets of one length as sorted rows of item positions."""
    parts = []
    row = np.flatnonzero(found.parent < 0)
    members = found.item[row, None]
    texts = names.to_numpy(dtype=object)
    place = np.full(len(found.parent), -1)
    while len(row):
        count = found.count[row]
        ordered = np.sort(members, axis=1)
        order = np.lexsort((*ordered.T[::-1], -count))
        parts.append((list(map(tuple, texts[ordered[order]])), count[order]))
        # the next length: whose parents are among these
        place[row] = np.arange(len(row))
        child = np.flatnonzero((found.parent >= 0) & (place[found.parent] >= 0))
        members = np.column_stack([members[place[found.parent[child]]], found.item[child]])
        place[row] = -1
        row = child
    itemsets = [itemset for part, _ in parts for itemset in part]
    count = np.concatenate([part for _, part in parts]) if parts else np.zeros(0, dtype=np.int64)
    length = np.repeat(np.arange(1, len(parts) + 1), [len(part) for part, _ in parts])
    column = pd.Series(np.empty(len(itemsets), dtype=object))
    column[:] = itemsets
    return pd.DataFrame(
        {
            "itemsets": column,
            "length": length,
            "count": count.astype(np.int64),
            "n_baskets": np.full(len(itemsets), n_baskets),
            "support": count / n_baskets,
        }
    )
