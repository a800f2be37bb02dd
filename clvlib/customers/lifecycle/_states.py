"""The customers of one date and the place of their state or stage, checked."""

from typing import Literal

import numpy as np
import pandas as pd

from clvlib.customers._checks import check_same_kind, frame
from clvlib.customers.lifecycle.stages import STAGES, STATES

__all__ = ["Of", "check_buyers", "coded", "states_of"]

Of = Literal["state", "stage"]
_ORDER = {"state": STATES, "stage": STAGES}


def states_of(of: str) -> tuple[str, ...]:
    if not isinstance(of, str) or of not in _ORDER:
        raise ValueError(f"of is 'state' or 'stage', got {of!r}")
    return _ORDER[of]


def coded(name: str, table: pd.DataFrame, of: str) -> tuple[pd.Index, np.ndarray]:
    """The customers of a table of one date, each there once, and the place of their state."""
    states = states_of(of)
    frame(name, table, ("customer_id", of), remedy="make it with lifecycle_stages")
    ids = pd.Index(table["customer_id"])
    twice = int(ids.duplicated().sum())
    if twice:
        raise ValueError(
            f"{name} has a second row for a customer in {twice} of {len(table)} rows; give the table of one date"
        )
    codes = _codes(table[of], states)
    unknown = table.loc[codes < 0, of].astype(object).unique()
    if len(unknown):
        raise ValueError(
            f"{name} has a {of} that is missing or none of {', '.join(states)}: {', '.join(map(str, unknown))}"
        )
    return ids, codes


def check_buyers(stages: pd.DataFrame, ids: pd.Index, code: np.ndarray, of: str, bought: pd.Index) -> None:
    """Who stands in a state that only a purchase leads to has one in the log."""
    check_same_kind("stages", ids, bought)
    may_not = {"state": ["prospect"], "stage": ["acquisition", "referral"]}[of]
    should = ~np.isin(code, [states_of(of).index(name) for name in may_not])
    without = should & ~ids.isin(bought)
    if without.any():
        raise ValueError(
            f"{int(without.sum())} of {len(ids)} customers of stages have no purchase before as_of in the log, "
            f"{ids[without][0]!r} among them; make stages from this log at as_of"
        )


def _codes(column: pd.Series, states: tuple[str, ...]) -> np.ndarray:
    """Place of each value among the states, -1 where it is none; a categorical column is looked up by category."""
    known = pd.Index(states)
    if not isinstance(column.dtype, pd.CategoricalDtype) or column.cat.categories.empty:
        return known.get_indexer(column.astype(object))
    codes = column.cat.codes.to_numpy()
    return np.where(codes < 0, -1, known.get_indexer(column.cat.categories.astype(object))[codes])
