"""Who bought what, as a table and as a sparse matrix. A pair without a row is missing, not zero."""

from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

__all__ = [
    "Interactions",
    "as_table",
    "check_array",
    "checked_pairs",
    "checked_timestamps",
    "encode",
    "interactions_table",
    "is_number",
    "stored",
    "with_data",
]


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

    A line without a ``customer_id`` is nobody's and left out.

    Raises ValueError if a column is missing or is no number or date where it should be one, or nothing is left.

    Examples
    --------
    >>> lines = pd.DataFrame({
    ...     "customer_id": ["a", "a", "a"], "item_id": ["x", "x", "x"], "amount": [2.0, 3.0, -3.0],
    ...     "timestamp": pd.to_datetime(["2024-01-01", "2024-01-05", "2024-01-06"])})
    >>> interactions_table(lines)
      customer_id item_id  quantity  amount  timestamp
    0           a       x       2.0     5.0 2024-01-05
    """
    lines = as_table(lines)
    if "item_id" not in lines.columns:
        raise ValueError("The log has no column item_id; map the shop's article number to it.")
    missing = [name for name in ("customer_id", "timestamp", "amount") if name not in lines.columns]
    if missing:
        raise ValueError(
            f"The log of {len(lines)} lines has no column {' and no column '.join(missing)}; "
            "read it with clvlib.transactions.read_transactions, which translates a shop's names."
        )
    checked_timestamps(lines.loc[lines["timestamp"].notna()])
    bought = lines[(_numbers(lines["amount"]) > 0) & lines["item_id"].notna() & lines["customer_id"].notna()]
    if bought.empty:
        raise ValueError(
            f"None of the {len(lines)} lines has a customer_id, an item_id and a positive amount: "
            "no purchase to learn from."
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
    table, a rating of 0 too; ``explicit`` says whether the values are ratings. ``weights``, at the same places, is
    what a pair counts for after time has passed over it: the quantity, or 1 for a rating, times
    0.5 ** (age / half-life); without a half-life the quantity, or 1. ``aged`` holds them where there is one.
    """

    customers: pd.Index
    items: pd.Index
    values: sparse.csr_array
    explicit: bool
    aged: sparse.csr_array | None = None

    @property
    def known(self) -> sparse.csr_array:
        """1 for every stored pair, whatever its value."""
        return with_data(self.values, np.ones_like(self.values.data))

    @property
    def weights(self) -> sparse.csr_array:
        if self.aged is not None:
            return self.aged
        return self.known if self.explicit else self.values

    @property
    def buyers(self) -> np.ndarray:
        """How many customers met each item; shape (items,)."""
        return np.bincount(self.values.indices, minlength=len(self.items))

    @property
    def complete(self) -> bool:
        """Whether every customer met every item, so that nothing is left to recommend as new."""
        return self.values.nnz == len(self.customers) * len(self.items)

    def seen(self, customers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Places in ``customers`` (positions) and positions of the items that these have met."""
        chosen = self.values[customers].tocoo()
        return chosen.row, chosen.col


def with_data(matrix: sparse.csr_array, data: np.ndarray) -> sparse.csr_array:
    """The same stored positions with other values."""
    return sparse.csr_array((data, matrix.indices, matrix.indptr), shape=matrix.shape)


def stored(matrix: sparse.csr_array, row: np.ndarray, column: np.ndarray) -> np.ndarray:
    """The values at pairs of positions, 0 where none is stored."""
    return np.asarray(sparse.csr_matrix(matrix)[row, column], dtype=float).ravel()


def is_number(value: Any) -> bool:
    """Whether an option is a finite number, so that None and text are refused by name and not by a comparison.

    >>> is_number(0.5), is_number("0.5"), is_number(None), is_number(float("nan"))
    (True, False, False, False)
    """
    return isinstance(value, Real) and bool(np.isfinite(value))


def as_table(frame: Any) -> pd.DataFrame:
    """A frame of Polars (also lazy), Arrow or another kind that narwhals knows, as pandas; a pandas one as it is.

    Raises ValueError for what is no table.

    >>> import pyarrow
    >>> as_table(pyarrow.table({"customer_id": ["a"], "item_id": ["x"]}))
      customer_id item_id
    0           a       x
    """
    if isinstance(frame, pd.DataFrame):
        return frame
    import narwhals as nw

    try:
        known = nw.from_native(frame)
    except TypeError:
        kind = type(frame)
        raise ValueError(f"This must be a table, as a pandas.DataFrame is, not {kind.__name__}.") from None
    return (known.collect() if isinstance(known, nw.LazyFrame) else known).to_pandas()


def checked_pairs(pairs: Any) -> pd.DataFrame:
    """The table of ``customer_id`` and ``item_id`` that ``predict`` is asked for; ValueError if it is none."""
    pairs = as_table(pairs)
    absent = [column for column in ("customer_id", "item_id") if column not in pairs.columns]
    if absent:
        raise ValueError(f"predict needs the columns customer_id and item_id; {' and '.join(absent)} is not there.")
    return pairs


def checked_timestamps(table: pd.DataFrame) -> pd.Series:
    """The column ``timestamp``, of dates and without a gap."""
    timestamp = table["timestamp"]
    if len(table) and not pd.api.types.is_datetime64_any_dtype(timestamp):
        raise ValueError(
            f"The column timestamp of {len(table)} rows must hold dates, not {timestamp.dtype}; see pandas.to_datetime."
        )
    missing = int(timestamp.isna().sum())
    if missing:
        raise ValueError(f"{missing} of {len(table)} rows have no timestamp; drop these rows first.")
    return timestamp


def check_array(ratings: np.ndarray) -> None:
    """ValueError for an array that is not of two dimensions and dtype uint8, or in which nobody rated anything."""
    if ratings.ndim != 2 or ratings.dtype != np.uint8:
        raise ValueError(
            f"A dense array of ratings has two dimensions and dtype uint8 (0: not rated), not shape {ratings.shape} "
            f"and dtype {ratings.dtype}; other numbers belong into a table."
        )
    if not np.count_nonzero(ratings):
        raise ValueError(f"None of the {ratings.size} cells holds a rating above 0: there is nothing to learn from.")


def encode(
    interactions: pd.DataFrame | sparse.sparray | np.ndarray, *, half_life_days: float | None = None
) -> Interactions:
    """Positions instead of ids, after the checks every model needs.

    The value of a pair is its ``rating`` where the table has that column (a pair may then occur once), else its
    ``quantity``, else 1 for each row; quantities of repeated pairs are added. A rating may be any finite number, also
    0 or below. Frames of Polars and Arrow are read as those of pandas are; ids of a categorical column have the order
    of the ids themselves. Instead of a table a sparse matrix of quantities is taken, or a dense array of ratings of
    dtype uint8 where 0 means not rated, both of shape (customers, items): ids are then row and column numbers from 0.

    half_life_days: see :class:`Interactions`; ages are counted from the latest ``timestamp`` of the table.

    Raises ValueError, with the number of rows, for a missing column, an empty table, a missing id, ids that cannot be
    put in order, a rating or quantity that is no finite number, a quantity that is not positive, a pair rated twice;
    with ``half_life_days`` for one that is not positive and for a missing timestamp.

    Examples
    --------
    >>> table = pd.DataFrame({"customer_id": ["a", "b", "a"], "item_id": ["y", "x", "y"]})
    >>> encode(table).values.toarray()
    array([[0., 2.],
           [1., 0.]])
    """
    if sparse.issparse(interactions):
        return _from_matrix(interactions, half_life_days)
    if isinstance(interactions, np.ndarray):
        return _from_array(interactions, half_life_days)
    interactions = as_table(interactions)
    for column in ("customer_id", "item_id"):
        if column not in interactions.columns:
            there = ", ".join(map(str, interactions.columns))
            raise ValueError(f"Interactions need a column {column}; there are {there}.")
        missing = int(interactions[column].isna().sum())
        if missing:
            raise ValueError(f"{missing} of {len(interactions)} interactions have no {column}; drop these rows first.")
    if interactions.empty:
        raise ValueError("The table of interactions is empty: there is nothing to learn from.")
    customer, customers = _codes(interactions["customer_id"])
    item, items = _codes(interactions["item_id"])
    name = next((name for name in ("rating", "quantity") if name in interactions.columns), None)
    value = np.ones(len(interactions)) if name is None else _numbers(interactions[name])
    _check_values(name, value)
    if name == "rating":
        twice = int(interactions.duplicated(["customer_id", "item_id"]).sum())
        if twice:
            raise ValueError(f"{twice} rows rate a pair of customer_id and item_id again; keep one rating a pair.")
    shape = len(customers), len(items)

    def matrix(data: np.ndarray) -> sparse.csr_array:
        placed = sparse.coo_array((data, (customer, item)), shape=shape).tocsr()
        placed.sort_indices()
        return placed

    aged = None
    if half_life_days is not None:
        kept = _kept(interactions, half_life_days)
        aged = matrix(kept if name == "rating" else value * kept)
    return Interactions(customers, items, matrix(value), name == "rating", aged)


def _codes(ids: pd.Series) -> tuple[np.ndarray, pd.Index]:
    """Position of each id among the sorted different ones, 32 bits, and these."""
    if isinstance(ids.dtype, pd.CategoricalDtype):
        ids = ids.astype(ids.cat.categories.dtype)
    try:
        if ids.dtype == object and pd.api.types.infer_dtype(ids) in ("mixed", "mixed-integer"):
            sorted(ids.unique())  # pandas would put numbers before words
        code, different = pd.factorize(ids, sort=True)
    except TypeError as error:
        kinds = sorted({type(value).__name__ for value in ids})
        raise ValueError(
            f"The {len(ids)} values of {ids.name} are of several kinds ({', '.join(kinds)}), which have no order; "
            f"turn the column into text first: .astype(str)."
        ) from error
    return code.astype(np.int32), pd.Index(different)


def _numbers(column: pd.Series) -> np.ndarray:
    number = pd.to_numeric(column, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    words = int((np.isnan(number) & column.notna().to_numpy()).sum())
    if words and not pd.api.types.is_numeric_dtype(column):
        raise ValueError(f"{words} of {len(column)} rows have a {column.name} that is no number; correct them first.")
    return number


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


def _kept(interactions: pd.DataFrame, half_life_days: float) -> np.ndarray:
    """How much of each row time has left, in (0, 1]."""
    if not (isinstance(half_life_days, Real) and half_life_days > 0):
        raise ValueError(f"half_life_days must be above 0, or None for no decay, not {half_life_days}.")
    if "timestamp" not in interactions.columns:
        raise ValueError("half_life_days needs a column timestamp in the interactions.")
    timestamp = checked_timestamps(interactions)
    age = (timestamp.max() - timestamp).dt.total_seconds().to_numpy() / 86_400
    return 0.5 ** (age / half_life_days)


def _from_matrix(quantities: sparse.sparray, half_life_days: float | None) -> Interactions:
    if half_life_days is not None:
        raise ValueError("half_life_days needs a table with a column timestamp, not a sparse matrix.")
    values = sparse.csr_array(quantities)
    if values.nnz == 0:
        raise ValueError(f"The matrix of shape {values.shape} stores no pair: there is nothing to learn from.")
    if values.dtype != np.float64:
        values = values.astype(np.float64)
    if not values.has_canonical_format:
        values = values.copy()
        values.sum_duplicates()
    _check_values("quantity", values.data)
    return Interactions(pd.RangeIndex(values.shape[0]), pd.RangeIndex(values.shape[1]), values, explicit=False)


def _from_array(ratings: np.ndarray, half_life_days: float | None) -> Interactions:
    if half_life_days is not None:
        raise ValueError("half_life_days needs a table with a column timestamp, not an array.")
    check_array(ratings)
    customers, items = map(pd.RangeIndex, ratings.shape)
    return Interactions(customers, items, sparse.csr_array(ratings).astype(float), explicit=True)
