"""Who bought what, as a table and as a sparse matrix. A pair without a row is missing, not zero."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse

__all__ = ["Interactions", "encode", "interactions_table"]


def interactions_table(lines: pd.DataFrame) -> pd.DataFrame:
    """A log's purchases as interactions: one row for each customer and item that met.

    Only lines with a positive ``amount`` and an ``item_id`` count, so that a return is no sign of liking.

    Returns
    -------
    DataFrame sorted by ``customer_id``, ``item_id`` with

    * ``quantity``: on how many calendar days the customer bought the item. Days rather than pieces, since pieces
      compare nothing where one item is sold by the litre and the next by the crate;
    * ``amount``: what these lines cost, in the currency of the log;
    * ``timestamp``: the last such purchase.

    Raises ValueError if the log has no ``item_id`` or nothing is left.

    Examples
    --------
    >>> lines = pd.DataFrame({
    ...     "customer_id": ["a", "a", "a"], "item_id": ["x", "x", "x"], "amount": [2.0, 3.0, -3.0],
    ...     "timestamp": pd.to_datetime(["2024-01-01", "2024-01-05", "2024-01-06"])})
    >>> interactions_table(lines)
      customer_id item_id  quantity  amount  timestamp
    0           a       x       2.0     5.0 2024-01-05
    """
    if "item_id" not in lines.columns:
        raise ValueError("The log has no column item_id; map the shop's article number to it.")
    bought = lines[(lines["amount"] > 0) & lines["item_id"].notna()]
    if bought.empty:
        raise ValueError(
            f"None of the {len(lines)} lines has an item_id and a positive amount: no purchase to learn from."
        )
    pair = ["customer_id", "item_id"]
    days = bought.assign(day=bought["timestamp"].dt.normalize()).drop_duplicates([*pair, "day"])
    table = bought.groupby(pair).agg(amount=("amount", "sum"), timestamp=("timestamp", "max"))
    table.insert(0, "quantity", days.groupby(pair).size().astype("float64"))
    return table.reset_index()


@dataclass(frozen=True)
class Interactions:
    """Interactions by position.

    ``values`` has shape (customers, items) in the order of the two sorted indices and stores every pair of the
    table, a rating of 0 too; ``explicit`` says whether the values are ratings.
    """

    customers: pd.Index
    items: pd.Index
    values: sparse.csr_array
    explicit: bool

    @property
    def known(self) -> sparse.csr_array:
        """1 for every stored pair, whatever its value."""
        return with_data(self.values, np.ones_like(self.values.data))

    @property
    def buyers(self) -> np.ndarray:
        """How many customers met each item; shape (items,)."""
        return np.bincount(self.values.indices, minlength=len(self.items))


def with_data(matrix: sparse.csr_array, data: np.ndarray) -> sparse.csr_array:
    """The same stored positions with other values."""
    return sparse.csr_array((data, matrix.indices, matrix.indptr), shape=matrix.shape)


def encode(interactions: pd.DataFrame) -> Interactions:
    """Positions instead of ids, after the checks every model needs.

    The value of a pair is its ``rating`` where the table has that column (a pair may then occur once), else its
    ``quantity``, else 1 for each row; quantities of repeated pairs are added.

    Raises ValueError, with the number of rows, for a missing column, an empty table, a missing id, a rating or
    quantity that is not finite, a quantity that is not positive, a pair rated twice.

    Examples
    --------
    >>> table = pd.DataFrame({"customer_id": ["a", "b", "a"], "item_id": ["y", "x", "y"]})
    >>> encode(table).values.toarray()
    array([[0., 2.],
           [1., 0.]])
    """
    for column in ("customer_id", "item_id"):
        if column not in interactions.columns:
            raise ValueError(f"Interactions need a column {column}; there are {', '.join(interactions.columns)}.")
        missing = int(interactions[column].isna().sum())
        if missing:
            raise ValueError(f"{missing} of {len(interactions)} interactions have no {column}; drop these rows first.")
    if interactions.empty:
        raise ValueError("The table of interactions is empty: there is nothing to learn from.")
    customer, customers = pd.factorize(interactions["customer_id"], sort=True)
    item, items = pd.factorize(interactions["item_id"], sort=True)
    name = next((name for name in ("rating", "quantity") if name in interactions.columns), None)
    value = np.ones(len(interactions)) if name is None else interactions[name].to_numpy(dtype=float)
    _check_values(name, value)
    if name == "rating":
        twice = int(interactions.duplicated(["customer_id", "item_id"]).sum())
        if twice:
            raise ValueError(f"{twice} rows rate a pair of customer_id and item_id again; keep one rating a pair.")
    values = sparse.coo_array((value, (customer, item)), shape=(len(customers), len(items))).tocsr()
    values.sort_indices()
    return Interactions(pd.Index(customers), pd.Index(items), values, explicit=name == "rating")


def _check_values(name: str | None, value: np.ndarray) -> None:
    bad = int((~np.isfinite(value)).sum())
    if bad:
        raise ValueError(
            f"{bad} of {len(value)} rows have a {name} that is missing or infinite; drop these rows first."
        )
    bad = int((value <= 0).sum())
    if name == "quantity" and bad:
        raise ValueError(
            f"{bad} of {len(value)} rows have a quantity of 0 or less; leave returns out (interactions_table does)."
        )
