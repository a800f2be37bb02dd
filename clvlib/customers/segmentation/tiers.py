"""VIP, regular, potential: which tier does a predicted value belong to, by thresholds that are stated in currency?"""

from typing import Any

import numpy as np
import pandas as pd

__all__ = ["TIERS", "ValueTiers", "value_tiers"]

#: The tiers, most valuable first.
TIERS: tuple[str, ...] = ("VIP", "regular", "potential")

_VIP_SHARE, _REGULAR_SHARE = 0.1, 0.4
#: By how much a tie may stretch a share before it is refused: a quarter of what was asked for, or one customer.
_STRETCH = 0.25
#: A difference in the ninth digit is one of arithmetic and not of worth: who reaches a threshold but for that is there.
_ROUNDING = 1e-9


def value_tiers(
    values: Any,
    *,
    vip_share: float | None = None,
    vip_from: float | None = None,
    regular_share: float | None = None,
    regular_from: float | None = None,
) -> pd.Series:
    """Which of the three tiers is each customer in? ``ValueTiers(...).fit(values).assign(values)``.

    See :class:`ValueTiers`, which keeps the thresholds and tells them.

    >>> value_tiers([500.0, 80.0, 75.0, 10.0, 0.0], vip_share=0.2, regular_from=50).tolist()
    ['VIP', 'regular', 'regular', 'potential', 'potential']
    """
    tiers = ValueTiers(vip_share=vip_share, vip_from=vip_from, regular_share=regular_share, regular_from=regular_from)
    return tiers.fit(values).assign(values)


class ValueTiers:
    """Tiers by two thresholds of predicted value, fixed at ``fit`` and applied to whoever comes later.

    ``values`` are ``clv``: a table with that column, a Series, or an array of shape (n,), in currency over the horizon
    they were predicted for. VIP is who is worth ``vip_from`` or more, regular who is worth ``regular_from`` or more,
    potential everybody else. A threshold is either stated in currency (``vip_from``, ``regular_from``) or set by a
    share of customers: ``vip_share`` the most valuable ones, ``regular_share`` the next ones; by default 0.1 and 0.4.
    The threshold of a share is the value of the customer in whom the share is filled: n times the share, rounded up,
    counted from the top for VIPs and from the customer after them for regulars. Fixed thresholds let a customer change
    tier only by an own change; shares cut anew every quarter would move people because others moved.

    Equal values share a tier, and values are equal that differ by less than a billionth of the threshold: who stands
    exactly at it must not fall by the last digit of a float. So a share can come out larger than asked (``shares_``
    says how large). Where a tie would stretch it by more than a quarter, or leaves nobody between the two thresholds,
    ``fit`` refuses: thousands of customers with one and the same prediction cannot be cut, and a tier drawn among them
    would be a lottery.
    A value that is missing takes no part in ``fit`` and gets no tier (missing, not "potential").

    ``fit`` sets ``thresholds_`` ({"VIP": …, "regular": …}, currency), ``shares_`` (share of the known customers in
    each of :data:`TIERS`), ``n_values_`` and ``n_missing_``.

    ValueError: no value or none known, an infinite one, no numbers, a share outside (0, 1), two shares of one or
    more together, a share and a threshold for the same tier, thresholds that are not VIP above regular, a tie.

    >>> tiers = ValueTiers(vip_share=0.2, regular_share=0.4).fit([500.0, 80.0, 75.0, 10.0, 0.0])
    >>> tiers.thresholds_
    {'VIP': 500.0, 'regular': 75.0}
    >>> tiers.assign([75.0, 74.99, float("nan")]).tolist()
    ['regular', 'potential', nan]
    >>> tiers.summary_table([500.0, 80.0, 75.0, 10.0, 0.0])[["tier", "value_from", "customers", "share_of_value"]]
            tier  value_from  customers  share_of_value
    0        VIP       500.0          1        0.751880
    1    regular        75.0          2        0.233083
    2  potential        -inf          2        0.015038
    """

    def __init__(
        self,
        *,
        vip_share: float | None = None,
        vip_from: float | None = None,
        regular_share: float | None = None,
        regular_from: float | None = None,
    ) -> None:
        self.vip_share = vip_share
        self.vip_from = vip_from
        self.regular_share = regular_share
        self.regular_from = regular_from

    def fit(self, values: Any) -> "ValueTiers":
        """Set the thresholds. The values are read only where a threshold is a share."""
        vip_share = _either("vip", self.vip_share, self.vip_from, _VIP_SHARE)
        regular_share = _either("regular", self.regular_share, self.regular_from, _REGULAR_SHARE)
        if vip_share is not None and regular_share is not None and vip_share + regular_share >= 1:
            raise ValueError(
                f"vip_share={vip_share} and regular_share={regular_share} leave nobody for the third tier; "
                "together they must be below 1"
            )
        value = _values(values).to_numpy()
        known = np.sort(value[~np.isnan(value)])
        if not len(known):
            raise ValueError(f"clv is missing in all of {len(value)} rows, so no tier has a threshold")
        vip = self._threshold(known, vip_share, self.vip_from, 0, "VIP")
        n_vip = int((known >= _edge(vip)).sum()) if vip_share is None else int(np.ceil(len(known) * vip_share - 1e-9))
        regular = self._threshold(known, regular_share, self.regular_from, n_vip, "regular")
        if not _edge(vip) > regular:
            raise ValueError(
                f"VIP would begin at {vip:g} and regular at {regular:g}, which leaves no regulars among "
                f"{len(known)} customers, {int((known == regular).sum())} of them worth exactly {regular:g}; "
                "state thresholds in currency, vip_from above regular_from"
            )
        self.thresholds_ = {"VIP": vip, "regular": regular}
        self.n_values_, self.n_missing_ = len(known), len(value) - len(known)
        tier = self.assign(known)
        self.shares_ = {name: float((tier == name).mean()) for name in TIERS}
        return self

    def assign(self, values: Any) -> pd.Series:
        """The tier of every value, a Series ``tier`` of text with the index of ``values``; missing where they are."""
        if not hasattr(self, "thresholds_"):
            raise ValueError("these tiers have no thresholds yet; call fit(values) first")
        values = _values(values)
        value = values.to_numpy()
        vip, regular = self.thresholds_["VIP"], self.thresholds_["regular"]
        tier = np.select([np.isnan(value), value >= _edge(vip), value >= _edge(regular)], [None, *TIERS[:2]], TIERS[2])
        return pd.Series(tier, index=values.index, name="tier", dtype="str")

    def summary_table(self, values: Any) -> pd.DataFrame:
        """What are the tiers worth? Columns ``tier``, ``value_from`` and ``value_below`` (currency), ``customers``,
        ``share`` (of the customers with a value), ``mean_value``, ``value`` (sum, currency), ``share_of_value``.

        A mean of nobody and a share of a sum of zero or less are NaN. The value is the predicted one, so a tier by
        predicted value looks better here than it will turn out: judge it on a later period.
        """
        tier, values = self.assign(values), _values(values)
        by_tier = values.groupby(tier).agg(["size", "mean", "sum"]).reindex(TIERS)
        size, total = by_tier["size"].fillna(0).astype(int), by_tier["sum"].fillna(0.0)
        vip, regular = self.thresholds_["VIP"], self.thresholds_["regular"]
        whole = float(total.sum())
        return pd.DataFrame(
            {
                "tier": list(TIERS),
                "value_from": [vip, regular, -np.inf],
                "value_below": [np.inf, vip, regular],
                "customers": size.to_numpy(),
                "share": size.to_numpy() / max(int(size.sum()), 1),
                "mean_value": by_tier["mean"].to_numpy(),
                "value": total.to_numpy(),
                "share_of_value": total.to_numpy() / whole if whole > 0 else np.nan,
            }
        )

    def _threshold(self, known: np.ndarray, share: float | None, stated: float | None, above: int, tier: str) -> float:
        """Stated, or the value in whom the share is filled: ``above`` customers are in a better tier already."""
        if share is None:
            return float(stated)
        asked = above + int(np.ceil(len(known) * share - 1e-9))
        threshold = float(known[len(known) - min(asked, len(known))])
        got = len(known) - int(np.searchsorted(known, _edge(threshold)))
        if got - asked > max(1, _STRETCH * (asked - above)):
            fewer = len(known) - int(np.searchsorted(known, 2 * threshold - _edge(threshold), side="right"))
            next_above = f" or {tier.lower()}_from={float(known[-fewer])} ({fewer} customers)" if fewer else ""
            raise ValueError(
                f"clv: {got - fewer} of {len(known)} customers are worth exactly {threshold:g}, "
                f"and {tier.lower()}_share={share} would cut between them (asked: the first {asked}); equal values "
                f"cannot be cut. State the threshold in currency: {tier.lower()}_from={threshold} "
                f"({got} customers){next_above}"
            )
        return threshold


def _edge(threshold: float) -> float:
    """The lowest value that counts as having reached the threshold."""
    return threshold - _ROUNDING * abs(threshold)


def _either(tier: str, share: float | None, stated: float | None, usual: float) -> float | None:
    """The share that sets a tier's threshold, None where it is stated in currency."""
    if share is not None and stated is not None:
        raise ValueError(f"{tier}_share={share!r} and {tier}_from={stated!r} both set one threshold; give one of them")
    for name, number in ((f"{tier}_share", share), (f"{tier}_from", stated)):
        number_like = isinstance(number, int | float | np.number) and not isinstance(number, bool)
        if number is not None and not (number_like and np.isfinite(number)):
            raise ValueError(f"{name} must be a finite number, not {number!r}")
    if share is not None and not 0 < share < 1:
        raise ValueError(f"{tier}_share is a share of customers between 0 and 1, not {share!r}")
    return (usual if share is None else float(share)) if stated is None else None


def _values(values: Any) -> pd.Series:
    """The predicted values as float64, NaN where missing, with their index."""
    if isinstance(values, pd.DataFrame):
        if "clv" not in values:
            raise ValueError(f"the table has no clv; it has {', '.join(map(str, values.columns))}")
        values = values["clv"]
    if not isinstance(values, pd.Series) and np.ndim(values) != 1:
        raise ValueError(f"clv must be one number a customer, shape (n,), not of shape {np.shape(values)}")
    series = values if isinstance(values, pd.Series) else pd.Series(np.asarray(values))
    if not len(series):
        raise ValueError("clv has 0 rows, so there is nobody to put into a tier")
    types = pd.api.types
    if types.is_object_dtype(series):
        converted = pd.to_numeric(series, errors="coerce")
        if not (converted.isna() & series.notna()).any():
            series = converted
    if not types.is_numeric_dtype(series) or types.is_bool_dtype(series) or types.is_complex_dtype(series):
        raise ValueError(
            f"clv holds {series.dtype}, not numbers, in {len(series)} rows, first {series.iloc[0]!r}; "
            "turn it into numbers with pd.to_numeric"
        )
    number = series.to_numpy(dtype=float, na_value=np.nan)
    infinite = int(np.isinf(number).sum())
    if infinite:
        raise ValueError(f"clv is infinite in {infinite} of {len(number)} rows; drop them and say so")
    return pd.Series(number, index=series.index, name="clv")
