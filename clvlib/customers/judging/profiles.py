"""Who is in a segment, in words and money: size, habits, worth, what they buy more than others, and what to do."""

from collections.abc import Mapping
from textwrap import fill

import numpy as np
import pandas as pd

from clvlib.customers._checks import check_same_kind, frame, share, whole
from clvlib.customers._days import days_of, known_until
from clvlib.metrics.intervals import bootstrap_interval, wilson_interval
from clvlib.split.door import checked_lines

__all__ = ["WHAT_TO_DO", "distinctive_items", "profile_lines", "segment_profiles"]

#: What to do with whom: the trade's advice in one line, by name of a segment or tier. It is a place to begin a test
#: from; that an action works is not in any log of purchases.
WHAT_TO_DO: dict[str, str] = {
    "champions": "ask for a review or a referral; first look at novelties; no discount, they buy anyway",
    "loyal": "thank them, offer what goes with what they own; test a programme, not a price cut",
    "potential loyalists": "offer the next item of the same kind; test a reminder at their usual gap",
    "new": "welcome them, explain, ask if all was well; the second purchase is the goal",
    "promising": "remind them once of what they looked for; a small test of a second-order offer",
    "needs attention": "test one personal offer with an end date, with a control group",
    "about to sleep": "test a reminder now, before the silence grows; cheap channels only",
    "cannot lose": "worth a call or a letter: ask what went wrong; test before the others",
    "at risk": "test a win-back offer against a control group; stop where it does not pay",
    "hibernating": "cheap channels only, seldom",
    "lost": "leave in peace; no money, but for one test a year",
    "VIP": "service first: reach them in person, keep the promise; never tell them by discount",
    "regular": "the usual care; test what makes a VIP of a regular",
    "potential": "cheap channels only; let them show themselves by a second purchase",
}
_NO_ACTION = "no action stated"
_FEWEST_CATEGORIES = 5
_FEWEST_CUSTOMERS = 10
_MARKS = {
    "purchase_days": ("buys seldom", "buys at times", "buys often"),
    "spend": ("spends little", "spends some", "spends much"),
}


def segment_profiles(
    customers: pd.DataFrame,
    lines: pd.DataFrame,
    *,
    products: pd.DataFrame | None = None,
    as_of=None,
    actions: Mapping[str, str] | None = None,
    n_items: int = 3,
    min_buyers: int = 20,
    level: float = 0.95,
    n_resamples: int = 1000,
    random_state: int = 0,
) -> pd.DataFrame:
    """What is each segment like, what is it worth, what does it buy, and what should be done with it?

    Parameters
    ----------
    customers : one row a customer, ``customer_id`` and ``segment``; and, each optional, ``clv`` (predicted value) and
        ``next_margin`` (realised in the period after ``as_of``), in currency.
    lines : the ledger; only what lies before ``as_of`` is read (a text, date or Timestamp; its midnight, exclusive; the
        midnight after the last line, if None).
    products, n_items, min_buyers : as :func:`distinctive_items`.
    actions : what to do by name of segment; :data:`WHAT_TO_DO` if None. A segment without one says so.

    Returns
    -------
    One row a segment, by mean ``clv`` where given, else by mean spend, highest first: ``segment``, ``customers``,
    ``customer_share``, ``spend_share`` (of all money so far, returns deducted), ``days_since_last_purchase`` (median),
    ``purchase_days`` (mean), ``spend`` (mean, currency); ``clv`` and ``next_margin``, means with
    ``…_low``, ``…_high`` (bootstrap over the segment's customers; NaN for a segment of one); ``in_words``: the median
    days since the last purchase, and where the segment stands among all customers in the upper, middle or lower third,
    by the mean of its customers' places (no thirds of days: in a shop where most are silent the upper third is too);
    ``buys``; ``what_to_do``.

    ``buys`` is "not recorded" where the log has neither items nor categories, and "nothing distinctive" where nothing
    passes.

    ValueError: columns missing, a customer twice or without a purchase before ``as_of``, a segment missing,
    ``products`` without any of the log's items.

    >>> lines = pd.DataFrame({"customer_id": [*"aab"], "amount": [10.0, 30.0, 10.0],
    ...                       "timestamp": pd.to_datetime(["2024-01-01", "2024-01-20", "2024-01-05"])})
    >>> customers = pd.DataFrame({"customer_id": ["a", "b"], "segment": ["champions", "lost"]})
    >>> profile = segment_profiles(customers, lines)
    >>> profile[["segment", "spend_share", "days_since_last_purchase", "purchase_days"]]
         segment  spend_share  days_since_last_purchase  purchase_days
    0  champions          0.8                       1.0            2.0
    1       lost          0.2                      16.0            1.0
    """
    if actions is not None and not isinstance(actions, Mapping):
        raise ValueError(f"actions must be a mapping from a segment's name to what to do, not {actions!r}")
    customers, known, end = _checked(customers, lines, as_of)
    habits = _habits(customers, known, end)
    places = habits[["purchase_days", "spend"]].rank(pct=True) - 0.5 / len(habits)
    items = distinctive_items(
        customers, lines, products=products, as_of=end, n_items=n_items, min_buyers=min_buyers, level=level
    )
    recorded = _labels(known, products) is not None
    told = {} if items.empty else items.groupby("segment")["item"].agg(", ".join).to_dict()
    actions = WHAT_TO_DO if actions is None else actions
    total = habits["spend"].sum()
    rows = []
    for segment, own in habits.groupby("segment", sort=False):
        row = {
            "segment": segment,
            "customers": len(own),
            "customer_share": len(own) / len(habits),
            "spend_share": own["spend"].sum() / total if total > 0 else np.nan,
            "days_since_last_purchase": own["days"].median(),
            "purchase_days": own["purchase_days"].mean(),
            "spend": own["spend"].mean(),
        }
        for name in ("clv", "next_margin"):
            if name in own:
                row |= _mean(name, own[name].to_numpy(dtype=float), level, n_resamples, random_state)
        third = np.minimum((places.loc[own.index].mean() * 3).astype(int), 2)
        days = row["days_since_last_purchase"]
        days = f"last purchase {days:,.0f} day{'' if days == 1 else 's'} ago (median)"
        row["in_words"] = ", ".join([days, *(_MARKS[name][third[name]] for name in _MARKS)])
        row["buys"] = told.get(segment, "nothing distinctive" if recorded else "not recorded")
        row["what_to_do"] = actions.get(segment, _NO_ACTION)
        rows.append(row)
    worth = "clv" if "clv" in habits else "spend"
    return pd.DataFrame(rows).sort_values(worth, ascending=False, kind="stable", ignore_index=True)


def profile_lines(profiles: pd.DataFrame, *, currency: str, width: int = 112) -> str:
    """The table of :func:`segment_profiles` as sentences: who, how many, what they brought next and buy, what to do.

    currency: how money is written before an amount; the period of ``next_margin`` stands in the text around it. Of
    fewer than ten customers, or where all brought the same (nothing, say), it says so in the place of an interval.

    >>> lines = pd.DataFrame({"customer_id": ["a"], "amount": [10.0], "timestamp": pd.to_datetime(["2024-01-01"])})
    >>> profiles = segment_profiles(pd.DataFrame({"customer_id": ["a"], "segment": ["lost"]}), lines)
    >>> print(profile_lines(profiles, currency="USD", width=76))
    lost (1): last purchase 1 day ago (median), buys at times, spends some.
        Buys: not recorded. To do: leave in peace; no money, but for one test a
        year.
    """
    frame("profiles", profiles, (), remedy="make it with segment_profiles")
    sentences = []
    for _, row in profiles.iterrows():
        text = f"{row['segment']} ({row['customers']:,}): {row['in_words']}."
        if "next_margin" in row:
            low, high = row["next_margin_low"], row["next_margin_high"]
            # a bootstrap of a few, or of zeros alone, is short because it knows nothing
            told = row["customers"] >= _FEWEST_CUSTOMERS and low < high
            ends = f"[{low:,.2f}, {high:,.2f}]" if told else "(too few for an interval)"
            text += f" Next margin: {currency} {row['next_margin']:,.2f} {ends}."
        text += f" Buys: {row['buys']}."
        if row["what_to_do"] != _NO_ACTION:
            text += f" To do: {row['what_to_do']}."
        sentences.append(fill(text, width, subsequent_indent="    "))
    return "\n".join(sentences)


def distinctive_items(
    customers: pd.DataFrame,
    lines: pd.DataFrame,
    *,
    products: pd.DataFrame | None = None,
    as_of=None,
    n_items: int = 3,
    min_buyers: int = 20,
    level: float = 0.95,
) -> pd.DataFrame:
    """What takes more room among the things a segment buys than among what everybody buys?

    Who buys more buys more of everything. So the segment's *mix* is compared: of all pairs (customer, category) of its
    customers, each counted once, which share is this category, over the same share of all customers (the lift). A
    category is the ledger's ``category``, or that of ``products`` (``item_id``, ``category``); where there is none, or
    fewer than five of them, the item, called by its ``item_text`` if there is one.

    Only what at least ``min_buyers`` customers of the segment bought, and whose lift lies above 1 with its whole
    interval: Wilson's for the segment's share, at a level that holds for all categories and segments tried together
    (Bonferroni), the share of all customers taken as known.

    Returns at most ``n_items`` rows a segment, by lift: ``segment``, ``item``, ``buyers``, ``share`` (of the segment's
    customers), ``lift``, ``low``, ``high``. No rows where the log has neither categories nor items. ValueError: as
    :func:`segment_profiles`.

    >>> lines = pd.DataFrame({"customer_id": [f"{i}" for i in range(400)], "amount": 5.0,
    ...     "category": ["tea" if i < 200 or i % 4 == 0 else "mugs" for i in range(400)],
    ...     "timestamp": pd.Timestamp("2024-01-05")})
    >>> customers = pd.DataFrame({"customer_id": lines["customer_id"], "segment": ["A"] * 200 + ["B"] * 200})
    >>> distinctive_items(customers, lines)[["segment", "item", "buyers", "share", "lift"]]
      segment  item  buyers  share  lift
    0       A   tea     200   1.00   1.6
    1       B  mugs     150   0.75   2.0
    """
    columns = ["segment", "item", "buyers", "share", "lift", "low", "high"]
    n_items, min_buyers, level = whole("n_items", n_items), whole("min_buyers", min_buyers), share("level", level)
    customers, known, _ = _checked(customers, lines, as_of)
    label = _labels(known, products)
    if label is None:
        return pd.DataFrame(columns=columns)
    segment = customers.set_index("customer_id")["segment"]
    pairs = pd.DataFrame({"customer_id": known["customer_id"], "item": label, "bought": known["amount"] >= 0})
    pairs = pairs[pairs["bought"] & pairs["customer_id"].isin(segment.index)].dropna(subset="item")
    pairs = pairs[["customer_id", "item"]].drop_duplicates()
    counts = pd.crosstab(pairs["customer_id"].map(segment), pairs["item"])
    share_of_all, of_segment = counts.sum() / counts.to_numpy().sum(), counts.sum(axis=1)
    sizes = segment.value_counts()
    at = 1 - (1 - level) / max(int((counts >= min_buyers).to_numpy().sum()), 1)
    rows = []
    for name, row in counts.iterrows():
        for item, buyers in row[row >= min_buyers].items():
            low, high = wilson_interval(int(buyers), int(of_segment[name]), level=at)
            everybody = share_of_all[item]
            lift = buyers / of_segment[name] / everybody
            rows.append((name, str(item), int(buyers), buyers / sizes[name], lift, low / everybody, high / everybody))
    found = pd.DataFrame(rows, columns=columns)
    found = found[found["low"] > 1].sort_values(["segment", "lift"], ascending=[True, False], kind="stable")
    return found.groupby("segment", sort=False).head(n_items).reset_index(drop=True)


def _checked(customers: pd.DataFrame, lines: pd.DataFrame, as_of) -> tuple[pd.DataFrame, pd.DataFrame, pd.Timestamp]:
    frame("the customer table", customers, ("customer_id", "segment"), remedy="one row a customer")
    for name, bad in (("customer_id", customers["customer_id"].duplicated() | customers["customer_id"].isna()),
                      ("segment", customers["segment"].isna())):  # fmt: skip
        if bad.any():
            raise ValueError(f"{name} is missing or repeated in {int(bad.sum())} of {len(customers)} rows of customers")
    lines = checked_lines(lines)
    check_same_kind("the customer table", customers["customer_id"], pd.Index(lines["customer_id"].unique()))
    end = known_until(lines["timestamp"], as_of)
    return customers, lines[lines["timestamp"] < end], end


def _habits(customers: pd.DataFrame, known: pd.DataFrame, end: pd.Timestamp) -> pd.DataFrame:
    """One row a customer: segment, days since the last purchase, purchase days, spend, and what came along."""
    bought = known[known["amount"] >= 0]
    # days of the calendar: between midnights of a time zone one day a year has 23 hours
    by_customer = pd.Series(days_of(bought["timestamp"]), bought.index).groupby(bought["customer_id"])
    today = int(days_of(pd.Series([end]))[0])
    found = pd.DataFrame(
        {
            "days": today - by_customer.max(),
            "purchase_days": by_customer.nunique(),
            "spend": known.groupby("customer_id")["amount"].sum(),
        }
    ).reindex(customers["customer_id"])
    without = found["purchase_days"].isna()
    if without.any():
        raise ValueError(
            f"{int(without.sum())} of {len(customers)} customers have no purchase before {end.date()}, "
            f"{found.index[without][0]!r} among them; leave them out"
        )
    rest = customers.set_index("customer_id")[[c for c in ("segment", "clv", "next_margin") if c in customers]]
    return found.join(rest)


def _labels(known: pd.DataFrame, products: pd.DataFrame | None) -> pd.Series | None:
    """What each line is a purchase of, or None where the log does not say."""
    if products is not None:
        frame("products", products, (), remedy="hand in item_id with category or item_text, or None")
        if "item_id" in products and "item_id" in known and not known["item_id"].isin(products["item_id"]).any():
            raise ValueError(
                f"none of the {known['item_id'].nunique()} items of the log is in products: item_id is "
                f"{known['item_id'].dtype} in the log and {products['item_id'].dtype} there; make them one kind"
            )
    category = known.get("category")
    has_items = "item_id" in known
    if category is None and has_items and products is not None and {"item_id", "category"} <= {*products.columns}:
        category = known["item_id"].map(products.drop_duplicates("item_id").set_index("item_id")["category"])
    # "product" and "service" tell nobody what a segment buys, if the items can
    if category is not None and category.nunique() >= (_FEWEST_CATEGORIES if has_items else 1):
        return category
    if not has_items:
        return None
    for table in (known, products):
        if table is not None and {"item_id", "item_text"} <= {*table.columns}:
            text = table.dropna(subset="item_text").drop_duplicates("item_id").set_index("item_id")["item_text"]
            return known["item_id"].map(text).fillna(known["item_id"])
    return known["item_id"]


def _mean(name: str, values: np.ndarray, level: float, n_resamples: int, random_state: int) -> dict:
    values = values[~np.isnan(values)]
    low = high = np.nan
    if len(values) > 1:
        low, high = bootstrap_interval(values, level=level, n_resamples=n_resamples, random_state=random_state)
    return {name: values.mean() if len(values) else np.nan, f"{name}_low": low, f"{name}_high": high}
