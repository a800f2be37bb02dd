"""How much is known of a customer? Groups by purchase days before the cut, in which lists are judged."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

__all__ = ["activity_groups"]

#: The group of those of whom nothing is known: no purchase day before the cut.
_COLD = "no day before"


def activity_groups(lines: pd.DataFrame, *, customers: Iterable | None = None, n_groups: int = 3) -> pd.Series:
    """On how many days did each customer buy before the cut? Terciles, and a group of its own for a cold start.

    What :func:`clvlib.metrics.ranking.group_table` takes as its groups.

    Parameters
    ----------
    lines : the calibration: ``customer_id``, ``timestamp``, ``amount``. A day counts if a line of it has an amount
        above 0; of any item, since activity is the customer's and not the catalogue's.
    customers : whose groups to return, by default everybody with a purchase day. Who has none in ``lines`` is in the
        group ``"no day before"``.
    n_groups : how many groups of about equal size, 3 for terciles. Customers with as many days stay together, so that
        a group can be larger than its share, and there can be fewer groups. The ends are those of all customers of
        ``lines``, whoever is asked for.

    Returns
    -------
    Series of an ordered categorical by ``customer_id``, named ``group``; the names say the days, "1 to 3 days",
    fewest first.

    Raises
    ------
    ValueError : ``lines`` without a purchase, a column missing, ``n_groups`` below 1.

    Examples
    --------
    >>> days = pd.to_datetime(["2024-01-01", "2024-01-01", "2024-01-02", "2024-01-01", "2024-01-02", "2024-01-03"])
    >>> lines = pd.DataFrame({"customer_id": [*"abbccc"], "timestamp": days, "amount": 1.0})
    >>> activity_groups(lines, customers=["a", "c", "new"]).to_dict()
    {'a': '1 day', 'c': '3 days', 'new': 'no day before'}
    """
    if n_groups < 1:
        raise ValueError(f"n_groups must be at least 1, not {n_groups}.")
    missing = [name for name in ("customer_id", "timestamp", "amount") if name not in lines.columns]
    if missing:
        raise ValueError(f"the lines have no column {' and no '.join(missing)}; give the calibration's lines")
    bought = lines[lines["amount"] > 0]
    if bought.empty:
        raise ValueError(f"None of the {len(lines)} lines has an amount above 0, so nobody has a purchase day.")
    days = bought["timestamp"].dt.normalize().groupby(bought["customer_id"], observed=True).nunique()
    counts = np.sort(days.to_numpy())
    # the smallest number of days that the share i / n_groups of customers does not exceed
    ends = np.unique(counts[[-(-len(counts) * i // n_groups) - 1 for i in range(1, n_groups)] + [-1]])
    starts = [int(counts[counts > end].min()) for end in ends[:-1]]
    names = [_name(low, high) for low, high in zip([int(counts[0]), *starts], ends.tolist(), strict=True)]
    asked = days.index if customers is None else pd.Index(customers).unique()
    own = days.reindex(asked)
    code = np.where(own.isna(), 0, 1 + np.searchsorted(ends, own.fillna(0)))
    dtype = pd.CategoricalDtype([_COLD, *names], ordered=True)
    groups = pd.Categorical.from_codes(code, dtype=dtype)
    index = pd.Index(asked, name="customer_id")
    return pd.Series(groups, index=index, name="group").cat.remove_unused_categories()


def _name(low: int, high: int) -> str:
    if low == high:
        return f"{low} day" if low == 1 else f"{low} days"
    return f"{low} to {high} days"
