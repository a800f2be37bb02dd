"""What do lists leave lying that somebody who knew every taste would list? For shops whose truth is known."""

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from clvlib.metrics.intervals import bootstrap_interval

__all__ = ["regret_table", "true_tastes"]

#: Probabilities held at a time: 32 MB of them.
_CELLS = 4_000_000


def true_tastes(tables: Mapping[str, pd.DataFrame], *, customers: Iterable | None = None) -> pd.DataFrame:
    """With what probability is a customer's next line for each item? Customers (index) by items (columns).

    tables: those of :func:`clvlib.datasets.make_shop` (``customer_factors``, ``item_factors``), whose choice is a
    softmax over items of ``popularity`` + customer factors . item factors. It does not change over time, nor by what
    was bought before. ``customers``: ids, by default all, which for a large shop is a large table.

    ValueError: a table that is not there, as in every log of real customers; a customer without a truth.

    >>> from clvlib.datasets import make_shop
    >>> tastes = true_tastes(make_shop(n_customers=20, n_items=30, random_state=1).tables)
    >>> tastes.shape, bool(np.allclose(tastes.sum(axis=1), 1))
    ((20, 30), True)
    """
    lacking = [name for name in ("customer_factors", "item_factors") if name not in tables]
    if lacking:
        raise ValueError(f"no table {' and no '.join(lacking)}: tastes are known of simulated shops only")
    own, items = (tables[name].set_index(key) for name, key in _FACTORS.items())
    asked = own.index if customers is None else pd.Index(customers).unique()
    position = own.index.get_indexer(asked)
    if (position < 0).any():
        raise ValueError(f"{int((position < 0).sum())} of {len(asked)} customers are not in the simulation")
    factors = [name for name in items if name.startswith("factor_")]
    score = own[factors].to_numpy()[position] @ items[factors].to_numpy().T + items["popularity"].to_numpy()
    weight = np.exp(score - score.max(axis=1, keepdims=True))
    probability = weight / weight.sum(axis=1, keepdims=True)
    return pd.DataFrame(probability, index=asked, columns=items.index).rename_axis(index="customer_id")


def regret_table(
    lists: Mapping[str, pd.DataFrame],
    tables: Mapping[str, pd.DataFrame],
    *,
    n: int,
    random_state: int,
    candidates: Iterable | None = None,
    seen: pd.DataFrame | None = None,
    level: float = 0.95,
) -> pd.DataFrame:
    """Which share of what is truly bought does a list of n hold, and how much more would the oracle's?

    A list is worth the sum of the true probabilities of its first n items: the share of the customer's next lines that
    are for one of them, in expectation, without the luck of a holdout. The oracle lists the n likeliest items of the
    same catalogue, under the same rule; nobody can beat it.

    Parameters
    ----------
    lists : a method's name to ``customer_id``, ``rank``, ``item_id``. Judged are the customers of any list; who has
        none in a method gains nothing by it.
    tables : of :func:`clvlib.datasets.make_shop`, see :func:`true_tastes`.
    n : length of the lists.
    candidates : the items that could be listed, by default all of the shop.
    seen : ``customer_id``, ``item_id`` of what must not be listed (``exclude_seen``); by default nothing.
    level, random_state : of the bootstrap over customers.

    Returns
    -------
    One row a method and the row ``oracle``, indexed by ``method``: ``expected_share`` (mean over customers), ``regret``
    (the oracle's less the method's, both in shares of the next lines) with ``low`` and ``high``, and
    ``regret_share``, the part of the oracle's share that is left lying.

    Raises
    ------
    ValueError : no truth; an item that the shop does not have, that is no candidate or was seen, so that the oracle
        would play by other rules; no customer; n below 1.

    Examples
    --------
    >>> from clvlib.datasets import make_shop
    >>> from clvlib.matching import Popularity, interactions_table
    >>> shop = make_shop(n_customers=100, random_state=1)
    >>> past, best = interactions_table(shop.lines), shop.tables["oracle"]
    >>> lists = {"bestsellers": Popularity().fit(past).recommend(exclude_seen=False), "itself": best}
    >>> table = regret_table(lists, shop.tables, n=10, random_state=0)
    >>> (table.loc[["bestsellers", "itself"], "regret"] > 1e-9).to_dict()
    {'bestsellers': True, 'itself': False}
    """
    if n < 1:
        raise ValueError(f"n must be at least 1, not {n}.")
    asked = pd.Index(pd.unique(np.concatenate([table["customer_id"].unique() for table in lists.values()])))
    if asked.empty:
        raise ValueError("No list has a row, so there is nobody to judge.")
    catalogue = pd.Index(tables["item_factors"]["item_id"]) if "item_factors" in tables else pd.Index([])
    allowed = np.ones(len(catalogue), dtype=bool) if candidates is None else catalogue.isin(list(candidates))
    worth = {name: np.zeros(len(asked)) for name in lists}
    oracle = np.zeros(len(asked))
    step = max(1, _CELLS // max(1, len(catalogue)))
    for start in range(0, len(asked), step):
        block = asked[start : start + step]
        true = true_tastes(tables, customers=block).to_numpy()
        possible = np.where(allowed, true, -1.0)
        if seen is not None:
            possible[_positions(seen, block, catalogue)] = -1.0
        best = -np.sort(-possible, axis=1)[:, :n]
        oracle[start : start + step] = np.maximum(best, 0.0).sum(axis=1)
        for name, table in lists.items():
            row, column = _listed(table, block, catalogue, n)
            wrong = int((possible[row, column] < 0).sum())
            if wrong:
                raise ValueError(f"{wrong} items on the lists of {name!r} are no candidates or were seen.")
            worth[name][start : start + step] = np.bincount(row, weights=true[row, column], minlength=len(block))
    rows = {name: _row(share, oracle, level, random_state) for name, share in worth.items()}
    rows["oracle"] = _row(oracle, oracle, level, random_state)
    columns = ["expected_share", "regret", "low", "high", "regret_share"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("method")


_FACTORS = {"customer_factors": "customer_id", "item_factors": "item_id"}


def _listed(table: pd.DataFrame, block: pd.Index, catalogue: pd.Index, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Row in the block and column in the catalogue of the first n ranks."""
    first = table[table["rank"] <= n]
    item = catalogue.get_indexer(first["item_id"])
    if (item < 0).any():
        raise ValueError(f"{int((item < 0).sum())} items on the lists are not in the simulated catalogue.")
    row = block.get_indexer(first["customer_id"])
    return row[row >= 0], item[row >= 0]


def _positions(seen: pd.DataFrame, block: pd.Index, catalogue: pd.Index) -> tuple[np.ndarray, np.ndarray]:
    row, item = block.get_indexer(seen["customer_id"]), catalogue.get_indexer(seen["item_id"])
    both = (row >= 0) & (item >= 0)
    return row[both], item[both]


def _row(share: np.ndarray, oracle: np.ndarray, level: float, random_state: int) -> list[float]:
    """``expected_share``, ``regret``, its ends, ``regret_share``."""
    regret = oracle - share
    ends = (np.nan, np.nan)
    if len(regret) > 1:
        ends = bootstrap_interval(regret, level=level, random_state=random_state)
    lost = regret.mean() / oracle.mean() if oracle.mean() > 0 else np.nan
    return [share.mean(), regret.mean(), *ends, lost]
