"""Who changed tier between two dates, and how much of that would luck alone have done?"""

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from clvlib.customers._checks import share
from clvlib.customers.judging.stability import TierNoise
from clvlib.metrics.intervals import wilson_interval

__all__ = ["migration_table", "movers_table"]

_NEW = "not yet a customer"


def migration_table(
    before: pd.Series | pd.DataFrame,
    after: pd.Series | pd.DataFrame,
    *,
    noise: TierNoise | pd.DataFrame | ArrayLike | None = None,
    order: list | None = None,
    level: float = 0.95,
) -> pd.DataFrame:
    """From which tier to which did customers go between two dates, and what of it is more than noise?

    Parameters
    ----------
    before, after : the tier of each customer at the two dates: a Series with ``customer_id`` for its index, or a table
        of ``customer_id`` and one other column. Customers of ``after`` alone are new: they stand in rows of
        "not yet a customer", without noise. Customers of ``before`` alone are refused, since nobody drops out of a log.
    noise : where luck alone would have put the customers of ``before`` at the later date: tiers of shape
        (n_customers, n_draws), rows in the order of ``before``, or a :class:`TierNoise`, from histories continued at
        unchanged rates (:func:`clvlib.customers.continued_histories`). Or a table before × after of shares, rows
        summing to 1, for noise that is taken for exactly known. None: no noise columns.
    order : the tiers in the order of the rows; as they appear, by the size they had before, if None.

    Returns
    -------
    One row a pair of tiers: ``before``, ``after``, ``customers``, ``share`` (of the customers of ``before``) with
    Wilson's interval ``low``, ``high``; and with noise ``noise_share``, ``excess`` (share - noise_share) with
    ``excess_low``, ``excess_high``, and ``verdict``: "more than noise", "less than noise", "no difference shown".

    With draws, the interval of the excess is the observed share less the quantiles of the draws: the customers are the
    same and only their luck is drawn anew, so that what a share of ``level`` of the draws would do by themselves is no
    excess. With a table of shares it is Wilson's interval less the share.

    ValueError: customers that are missing or there twice, tiers missing, noise of another shape or with unknown tiers.

    >>> before = pd.Series(["VIP", "VIP", "regular"], index=["a", "b", "c"])
    >>> after = pd.Series(["VIP", "regular", "regular", "VIP"], index=["a", "b", "c", "d"])
    >>> migration_table(before, after)[["before", "after", "customers", "share"]]
                   before    after  customers  share
    0                 VIP      VIP          1    0.5
    1                 VIP  regular          1    0.5
    2             regular      VIP          0    0.0
    3             regular  regular          1    1.0
    4  not yet a customer      VIP          1    1.0
    5  not yet a customer  regular          0    0.0
    """
    was, now, new = _joined(before, after, level)
    tiers = _tiers(was, now, new, noise, order)
    rows = []
    for origin in [tier for tier in tiers if (was == tier).any()]:
        own = was == origin
        drawn = _drawn(noise, own, len(was), origin)
        for target in tiers:
            row = {"before": origin, "after": target} | _shares(now[own] == target, level)
            if noise is not None:
                row |= _excess(row, None if drawn is None else (drawn == target).mean(axis=0), noise, level)
            rows.append(row)
    for target in tiers if len(new) else []:
        rows.append({"before": _NEW, "after": target} | _shares(new == target, level))
    return pd.DataFrame(rows)


def movers_table(
    before: pd.Series | pd.DataFrame,
    after: pd.Series | pd.DataFrame,
    *,
    noise: TierNoise | ArrayLike | None = None,
    order: list | None = None,
    level: float = 0.95,
) -> pd.DataFrame:
    """How many customers of each tier left it, and how many would have by luck alone?

    Columns ``before`` (a tier, and "all" last), ``customers`` (of that tier before), ``moved``, the columns ``share``
    to ``verdict`` of :func:`migration_table` for standing in another tier than before, and two parts of the noise:

    ``foreseen_share`` moves into the tier that is the customer's likeliest one at the later date, which is another than
    before: fixed thresholds let everybody fall who is silent, so that much of a migration is ageing and known in
    advance; ``luck_share`` is the rest of ``noise_share``, moves away from what was likeliest. ``explained`` is
    noise_share / share, not cut off: above 1 fewer moved than noise would move (NaN where nobody moved). It says
    nothing for "all" where tiers differ: excesses of opposite signs cancel. Noise is drawn tiers.

    >>> before = pd.Series(["VIP", "VIP", "regular"], index=["a", "b", "c"])
    >>> after = pd.Series(["VIP", "regular", "regular"], index=["a", "b", "c"])
    >>> luck = [["VIP", "regular"], ["VIP", "VIP"], ["regular", "regular"]]
    >>> movers_table(before, after, noise=luck)[["before", "customers", "moved", "share", "noise_share", "luck_share"]]
        before  customers  moved     share  noise_share  luck_share
    0      VIP          2      1  0.500000     0.250000    0.250000
    1  regular          1      0  0.000000     0.000000    0.000000
    2      all          3      1  0.333333     0.166667    0.166667
    """
    if isinstance(noise, pd.DataFrame):
        raise ValueError("noise is a table of shares; give drawn tiers, shape (n_customers, n_draws), or a TierNoise")
    was, now, new = _joined(before, after, level)
    tiers = _tiers(was, now, new, noise, order)
    foreseen = None if noise is None else _likeliest(_labels(noise, len(was)), was, tiers)
    rows = []
    for origin in [*(tier for tier in tiers if (was == tier).any()), "all"]:
        own = np.ones(len(was), dtype=bool) if origin == "all" else was == origin
        found = _shares(now[own] != was[own], level)
        row = {"before": origin, "customers": int(own.sum()), "moved": found.pop("customers")} | found
        if noise is not None:
            drawn = _drawn(noise, own, len(was), origin)
            row |= _excess(row, (drawn != was[own][:, None]).mean(axis=0), noise, level)
            goes = (drawn == foreseen[own][:, None]) & (foreseen != was)[own][:, None]
            row["foreseen_share"] = float(goes.mean())
            row["luck_share"] = row["noise_share"] - row["foreseen_share"]
            row["explained"] = row["noise_share"] / row["share"] if row["share"] else np.nan
        rows.append(row)
    return pd.DataFrame(rows)


def _joined(before, after, level: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Tiers before and after of the customers of ``before``, in its order, and the tiers of who is new."""
    share("level", level)
    before, after = _series(before, "before"), _series(after, "after")
    gone = before.index.difference(after.index)
    if len(gone):
        raise ValueError(
            f"{len(gone)} of {len(before)} customers of before are not in after, {gone[0]!r} among them; nobody drops "
            "out of a log: compute after for all customers known by then"
        )
    return (
        before.to_numpy(dtype=object),
        after.reindex(before.index).to_numpy(dtype=object),
        after[~after.index.isin(before.index)].to_numpy(dtype=object),
    )


def _series(tiers, name: str) -> pd.Series:
    if isinstance(tiers, pd.DataFrame):
        if "customer_id" not in tiers or tiers.shape[1] != 2:
            raise ValueError(f"{name} has the columns {', '.join(map(str, tiers))}; give customer_id and one other")
        tiers = tiers.set_index("customer_id").iloc[:, 0]
    if not isinstance(tiers, pd.Series):
        raise ValueError(f"{name} is a Series by customer_id or a table of customer_id and one column, "
                         f"not {type(tiers).__name__}")  # fmt: skip
    if not len(tiers):
        raise ValueError(f"{name} has no customers")
    if tiers.index.has_duplicates or tiers.index.hasnans:
        bad = int((tiers.index.duplicated() | tiers.index.isna()).sum())
        raise ValueError(f"customer_id is missing or repeated in {bad} of {len(tiers)} rows of {name}")
    if tiers.isna().any():
        raise ValueError(f"the tier is missing in {int(tiers.isna().sum())} of {len(tiers)} rows of {name}; name it")
    return tiers


def _tiers(was, now, new, noise, order: list | None) -> list:
    named = {*was, *now, *new}
    if isinstance(noise, pd.DataFrame):
        named |= {*noise.index, *noise.columns}
    elif noise is not None:
        named |= set(pd.unique(_labels(noise, len(was)).ravel()))
    sizes = pd.Series(was).value_counts()
    tiers = [*sizes.index, *sorted(named - set(sizes.index), key=str)] if order is None else list(order)
    strange = named - set(tiers)
    if strange:
        raise ValueError(f"order has no {', '.join(sorted(map(str, strange)))}; it is {', '.join(map(str, tiers))}")
    return tiers


def _labels(noise, n: int) -> np.ndarray:
    labels = np.asarray(getattr(noise, "labels", noise), dtype=object)
    if labels.ndim != 2 or len(labels) != n or not labels.size:
        raise ValueError(f"noise has shape {labels.shape}; it is (n_customers, n_draws) for {n} customers of before")
    return labels


def _drawn(noise, own: np.ndarray, n: int, origin) -> np.ndarray | None:
    if isinstance(noise, pd.DataFrame) and (origin not in noise.index or not np.isclose(noise.loc[origin].sum(), 1)):
        raise ValueError(f"noise has no row {origin!r} of shares that sum to 1; give one for each tier of before")
    return None if noise is None or isinstance(noise, pd.DataFrame) else _labels(noise, n)[own]


def _likeliest(labels: np.ndarray, was: np.ndarray, tiers: list) -> np.ndarray:
    """The tier in which most draws put each customer; of equals the one the customer has, else the first."""
    counts = np.stack([(labels == tier).sum(axis=1) + 0.5 * (was == tier) for tier in tiers], axis=1)
    return np.array(tiers, dtype=object)[counts.argmax(axis=1)]


def _shares(there: np.ndarray, level: float) -> dict:
    count = int(np.sum(there))
    low, high = wilson_interval(count, len(there), level=level)
    return {"customers": count, "share": count / len(there), "low": low, "high": high}


def _excess(row: dict, draws: np.ndarray | None, noise, level: float) -> dict:
    if draws is None:
        alone = float(noise.loc[row["before"]].get(row["after"], 0.0))
        low, high = row["low"] - alone, row["high"] - alone
    else:
        alone = float(draws.mean())
        ends = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2])
        low, high = row["share"] - ends[1], row["share"] - ends[0]
    verdict = "more than noise" if low > 0 else "less than noise" if high < 0 else "no difference shown"
    return {"noise_share": alone, "excess": row["share"] - alone, "excess_low": float(low), "excess_high": float(high),
            "verdict": verdict}  # fmt: skip
