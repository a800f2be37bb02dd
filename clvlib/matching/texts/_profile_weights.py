"""What each purchase weighs in its customer's profile, and matrices whose rows or columns find their places."""

import numpy as np
import pandas as pd
from scipy import sparse

from clvlib.matching.interactions import Interactions, with_data

__all__ = ["check_kinds", "choice", "purchase_weights", "with_customers"]


def purchase_weights(
    interactions: pd.DataFrame, encoded: Interactions, *, log_quantity: bool, half_life_days: float | None
) -> sparse.csr_array:
    """What each pair weighs in its customer's profile, (customers, bought items)."""
    values = encoded.values
    weights = np.log1p(values.data) if log_quantity and not encoded.explicit else values.data
    if half_life_days is None:
        return with_data(values, weights)
    if not half_life_days > 0:
        raise ValueError(f"half_life_days must be positive or None, not {half_life_days}.")
    if "timestamp" not in interactions.columns:
        raise ValueError("half_life_days needs a column timestamp in the interactions.")
    if not pd.api.types.is_datetime64_any_dtype(interactions["timestamp"]):
        raise ValueError(f"timestamp holds {interactions['timestamp'].dtype}, not dates; read it with pd.to_datetime.")
    if missing := int(interactions["timestamp"].isna().sum()):
        raise ValueError(f"{missing} of {len(interactions)} rows have no timestamp; drop these rows first.")
    last = interactions.groupby(["customer_id", "item_id"])["timestamp"].max()
    days = ((last.max() - last) / pd.Timedelta(days=1)).to_numpy()  # sorted by the pair, as values are
    return with_data(values, weights * np.exp2(-days / half_life_days))


def with_customers(encoded: Interactions, weights: sparse.csr_array, more: pd.Index):
    """The same interactions with a row for each customer of ``more`` too, empty for one without purchases."""
    if not len(more.difference(encoded.customers)):
        return encoded, weights
    if pd.api.types.is_numeric_dtype(more) != pd.api.types.is_numeric_dtype(encoded.customers):
        raise ValueError("customer_id holds numbers in the one and texts in the other of interactions and interests.")
    customers = encoded.customers.union(more)
    place = choice(customers.get_indexer(encoded.customers), len(customers)).T
    moved = [sparse.csr_array(place @ matrix) for matrix in (encoded.values, weights)]
    return Interactions(customers, encoded.items, moved[0], encoded.explicit), moved[1]


def choice(columns: np.ndarray, n_columns: int) -> sparse.csr_array:
    """1 in row i at ``columns[i]``: products with it move rows or columns to their new places."""
    return sparse.csr_array(
        (np.ones(len(columns)), columns, np.arange(len(columns) + 1)), shape=(len(columns), n_columns)
    )


def check_kinds(items: pd.Index, bought: pd.Index, found: np.ndarray) -> None:
    """Ids as texts here and as numbers there can never meet; that is a mistake, and not an unknown item."""
    kinds = [pd.api.types.is_numeric_dtype(ids) for ids in (items, bought)]
    if kinds[0] != kinds[1] and (found < 0).all():
        names = ["numbers" if number else "texts" for number in kinds]
        raise ValueError(
            f"None of the {len(bought)} items bought is in the table of items: item_id holds {names[0]} there and "
            f"{names[1]} in the interactions; make them one type."
        )
