"""How long does it take from a long table to frequent itemsets and rules?

    python benchmarks/itemsets.py [n_baskets ...]

From a table with one row a basket and item (both whole numbers, sorted by basket, repeats possible) to all frequent
itemsets with exact counts and all rules with a confidence of at least one half: 9,835 and 500,000 simulated baskets by
default, each at two supports. Baskets hold 4 items on average, popularity falls as in a shop, and twenty bundles of
four are planted. All have to find the same itemsets with the same counts, and the same rules but for those at the
threshold itself, where mlxtend divides two rounded supports. Ours adds intervals, p-values and their correction to
every rule; pyfim stops at the itemsets.

mlxtend gets its one-hot table as a sparse frame straight from the codes and is spared its own encoder; pyfim needs
lists, and has to make them.
"""

import sys
from collections.abc import Iterator
from functools import partial

import fim
import numpy as np
import pandas as pd
from _side_by_side import Way, conditions, markdown, side_by_side
from mlxtend.frequent_patterns import apriori, fpgrowth
from mlxtend.frequent_patterns import association_rules as rules_of_mlxtend
from scipy import sparse

from clvlib.matching import association_rules, frequent_itemsets

MIN_CONFIDENCE = 0.5
N_ITEMS = 1000

Found = tuple[dict[frozenset, int], dict[tuple[frozenset, frozenset], float] | None]


def simulated(n_baskets: int) -> pd.DataFrame:
    """A long table: single items by popularity, and in one basket of a hundred each a bundle of four."""
    rng = np.random.default_rng(n_baskets)
    size = 1 + rng.poisson(3, n_baskets)
    popularity = 1 / (10 + np.arange(N_ITEMS))
    item = rng.choice(N_ITEMS, size.sum(), p=popularity / popularity.sum())
    order = np.repeat(np.arange(n_baskets), size)
    bundles = [
        (np.repeat(rng.choice(n_baskets, n_baskets // 400 * (1 + b % 5), replace=False), 4), 10 + 4 * b + np.arange(4))
        for b in range(20)
    ]
    order = np.concatenate([order, *(rows for rows, _ in bundles)])
    item = np.concatenate([item, *(np.tile(four, len(rows) // 4) for rows, four in bundles)])
    return pd.DataFrame({"order_id": order, "item_id": item}).sort_values("order_id", kind="stable", ignore_index=True)


def ours(lines: pd.DataFrame, min_support: float):
    itemsets = frequent_itemsets(lines, min_support=min_support)
    return itemsets, association_rules(itemsets, min_confidence=MIN_CONFIDENCE)


def mlxtend(mine, lines: pd.DataFrame, min_support: float):
    order, item = lines["order_id"].to_numpy(), lines["item_id"].to_numpy()
    held = sparse.csr_array((np.ones(len(lines), dtype=bool), (order, item)), shape=(order[-1] + 1, N_ITEMS))
    frame = pd.DataFrame.sparse.from_spmatrix(sparse.csr_matrix(held))
    itemsets = mine(frame, min_support=min_support)
    return itemsets, rules_of_mlxtend(itemsets, metric="confidence", min_threshold=MIN_CONFIDENCE), len(frame)


def pyfim(lines: pd.DataFrame, min_support: float):
    order, item = lines["order_id"].to_numpy(), lines["item_id"].to_numpy()
    baskets = [part.tolist() for part in np.split(item, np.flatnonzero(np.diff(order)) + 1)]
    return fim.fpgrowth(baskets, target="s", supp=-int(np.ceil(min_support * len(baskets) - 1e-9)), report="a")


def read(result) -> Found:
    """Itemsets with counts and rules with confidences, whoever found them."""
    if isinstance(result, list):
        return {frozenset(items): count for items, count in result}, None
    itemsets, rules, *n_baskets = result
    count = itemsets["count"] if "count" in itemsets else (itemsets["support"] * n_baskets[0]).round().astype(int)
    pairs = zip(map(frozenset, rules["antecedents"]), map(frozenset, rules["consequents"]), strict=True)
    return (
        dict(zip(map(frozenset, itemsets["itemsets"]), count, strict=True)),
        dict(zip(pairs, rules["confidence"], strict=True)),
    )


def same(theirs, mine) -> None:
    (their_sets, their_rules), (my_sets, my_rules) = read(theirs), read(mine)
    assert their_sets == my_sets, f"{len(their_sets)} itemsets, {len(my_sets)}"
    if their_rules is not None:
        for rule in their_rules.keys() ^ my_rules.keys():
            assert abs({**their_rules, **my_rules}[rule] - MIN_CONFIDENCE) < 1e-9, rule


def ways(lines: pd.DataFrame, min_support: float) -> Iterator[Way]:
    large = len(lines) > 1_000_000
    yield Way("clvlib", partial(ours, lines, min_support))
    texts = lines.astype({"order_id": "str", "item_id": "str"})
    yield Way("clvlib, ids are texts", partial(ours, texts, min_support), same=lambda result, ours: None)
    yield Way("pyfim, FP-growth (itemsets only)", partial(pyfim, lines, min_support))
    rounds = 0 if large else None
    yield Way("mlxtend, FP-growth", partial(mlxtend, fpgrowth, lines, min_support), rounds)
    low_memory = partial(apriori, low_memory=True)
    if min_support >= 0.01:  # below, its candidates outgrow the machine
        yield Way("mlxtend, apriori, low memory", partial(mlxtend, low_memory, lines, min_support), rounds)


def main() -> None:
    sizes = [int(text.replace("_", "")) for text in sys.argv[1:]] or [9_835, 500_000]
    print(f"{conditions('mlxtend', 'numba')}; `python {' '.join(['benchmarks/itemsets.py', *sys.argv[1:]])}`\n")
    for size in sizes:
        lines = simulated(size)
        for min_support in (0.01, 0.002 if size < 100_000 else 0.001):
            found, rules = ours(lines, min_support)
            title = f"{size:,} baskets, support {min_support}: {len(found):,} itemsets, {len(rules):,} rules"
            print(markdown(title, side_by_side(list(ways(lines, min_support)), rounds=5, same=same)) + "\n", flush=True)


if __name__ == "__main__":
    main()
