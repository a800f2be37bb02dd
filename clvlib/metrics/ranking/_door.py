"""What lists and purchases are checked for before anything is counted."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

__all__ = ["checked_buyers", "checked_lists", "checked_ranks", "checked_relevant", "same_ids"]

_PAIR = ("customer_id", "item_id")


def checked_lists(recommendations: pd.DataFrame, *, n: int) -> pd.DataFrame:
    """``customer_id``, ``rank`` (int), ``item_id`` of the first n ranks, each item and each rank once a customer."""
    _need(recommendations, ("customer_id", "rank", "item_id"), "The lists")
    rank = checked_ranks(recommendations, n=n)
    listed = _plain_ids(recommendations.loc[rank <= n, ["customer_id", "rank", "item_id"]]).astype({"rank": "int64"})
    for key in (["customer_id", "item_id"], ["customer_id", "rank"]):
        twice = int(listed.duplicated(key).sum())
        if twice:
            raise ValueError(f"{twice} rows of the lists repeat a pair of {' and '.join(key)}; keep one.")
    return listed


def checked_ranks(recommendations: pd.DataFrame, *, n: int) -> np.ndarray:
    """The ranks (float) of lists that also have an ``item_id``."""
    if n < 1:
        raise ValueError(f"n must be at least 1, not {n}.")
    _need(recommendations, ("rank", "item_id"), "The lists")
    rank = pd.to_numeric(recommendations["rank"], errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    bad = int((~(rank >= 1) | (rank % 1 != 0)).sum())
    if bad:
        raise ValueError(f"{bad} of {len(rank)} rows of the lists have a rank that is no whole number from 1 on.")
    return rank


def checked_relevant(relevant: pd.DataFrame) -> pd.DataFrame:
    """One row a pair of ``customer_id`` and ``item_id``, sorted, with ``amount`` added up where there is one."""
    _need(relevant, _PAIR, "The relevant pairs")
    if relevant.empty:
        raise ValueError("No customer has a relevant item: there is nothing to evaluate. Use a longer holdout.")
    pairs = _plain_ids(relevant).groupby([*_PAIR], as_index=False)
    return pairs["amount"].sum() if "amount" in relevant.columns else pairs.size().drop(columns="size")


def checked_buyers(buyers: Mapping | pd.Series) -> pd.Series:
    """Number of buyers (float) by ``item_id``."""
    series = buyers if isinstance(buyers, pd.Series) else pd.Series(dict(buyers), dtype=float)
    values = pd.to_numeric(series, errors="coerce").astype(float)
    bad = int((~np.isfinite(values) | (values < 0)).sum())
    if bad:
        raise ValueError(f"{bad} of {len(values)} items have a number of buyers that is negative or no number.")
    if not values.index.is_unique:
        raise ValueError(f"{int(values.index.duplicated().sum())} items have two numbers of buyers; keep one an item.")
    if not values.sum() > 0:
        raise ValueError("No item has a buyer, so that no item is more popular than another; use the calibration's.")
    return values


def same_ids(left: pd.DataFrame, right: pd.DataFrame, names: tuple[str, str]) -> None:
    """Ids of one kind on both sides: text "7" and the number 7 never meet, and every metric would be 0."""
    if left.empty or right.empty:
        return
    for column in _PAIR:
        of_left, of_right = left[column].dtype, right[column].dtype
        if pd.api.types.is_numeric_dtype(of_left) != pd.api.types.is_numeric_dtype(of_right):
            raise ValueError(
                f"{column} is {of_left} in {names[0]} and {of_right} in {names[1]}: no id could meet; make both text "
                "with astype(str)."
            )


def _plain_ids(table: pd.DataFrame) -> pd.DataFrame:
    """Ids whose dtype says what they are: no categories that are not there, no numbers hidden among objects."""
    plain = {
        column: table[column].astype(table[column].cat.categories.dtype)
        for column in _PAIR
        if isinstance(table[column].dtype, pd.CategoricalDtype)
    }
    hidden = {column: table[column].infer_objects() for column in _PAIR if table[column].dtype == object}
    return table.assign(**plain, **hidden) if plain or hidden else table


def _need(table: pd.DataFrame, columns: tuple[str, ...], name: str) -> None:
    missing = [column for column in columns if column not in table.columns]
    if missing:
        there = ", ".join(map(str, table.columns)) or "none"
        raise ValueError(f"{name} have no column {' and no '.join(missing)}; there are {there}.")
    for column in columns:
        bad = int(table[column].isna().sum())
        if bad:
            raise ValueError(f"{name} have no {column} in {bad} of {len(table)} rows; drop these rows first.")
