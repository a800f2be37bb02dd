"""Features: every one recomputed the slow way, and nothing of the cut or later in any of them."""

import numpy as np
import pandas as pd
import pytest

from clvlib.datasets import load
from clvlib.rfm import rfm_summary
from clvlib.value import FEATURES, customer_features

CUT = pd.Timestamp("2024-04-01")


@pytest.fixture(scope="module")
def log():
    """300 lines of 80 customers with orders, items, quantities and returns, in no order of time."""
    rng = np.random.default_rng(1)
    n = 300
    amount = np.round(rng.gamma(1.0, 30.0, n), 2) * np.where(rng.random(n) < 0.15, -1, 1)
    seconds = rng.integers(0, 150 * 86400, n)
    lines = pd.DataFrame(
        {
            "customer_id": [f"c{i:02d}" for i in (90 * rng.random(n) ** 2).astype(int)],
            "timestamp": pd.Timestamp("2024-01-01") + pd.to_timedelta(seconds, unit="s"),
            "amount": amount,
            "order_id": [f"o{i}" for i in rng.integers(0, 200, n)],
            "item_id": [f"i{i}" for i in rng.integers(0, 12, n)],
            "quantity": np.sign(amount) * rng.integers(1, 5, n),
        }
    )
    lines.loc[::17, "quantity"] = np.nan
    lines.loc[::19, "item_id"] = None
    return lines


def _slowly(lines, customer, cut):
    """One customer's features by plain pandas, definition by definition."""
    own = lines[(lines["customer_id"] == customer) & (lines["timestamp"] < cut)]
    bought = own[own["amount"] >= 0]
    days = pd.DatetimeIndex(bought["timestamp"].dt.normalize().unique()).sort_values()
    gaps = np.diff(days.to_numpy()).astype("timedelta64[D]").astype(float)
    age, away = (cut - days[0]).days, (cut - days[-1]).days
    later = own[own["timestamp"].dt.normalize() > days[0]]
    order = bought.groupby("order_id")["amount"].sum()
    first = bought[bought["timestamp"].dt.normalize() == days[0]]
    angle = 2 * np.pi * (days.day_of_year.to_numpy() - 1) / 365.25

    def spent(start, end):
        ago = (cut - bought["timestamp"].dt.normalize()).dt.days
        return bought.loc[(ago > start) & (ago <= end), "amount"].sum()

    def days_in(d):
        return float(((cut - days).days <= d).sum())

    def quantity(part):
        return part["quantity"].sum() if part["quantity"].notna().any() else np.nan

    late, early = spent(0, 90), spent(90, 180)
    counted = bought[bought["quantity"].notna()]
    refund, gross = -own.loc[own["amount"] < 0, "amount"].sum(), bought["amount"].sum()
    return {
        "frequency": len(days) - 1,
        "days_since_last_purchase": away,
        "age_days": age,
        "orders": bought["order_id"].nunique(),
        "total_spend": own["amount"].sum(),
        "monetary_value": later["amount"].sum() / (len(days) - 1) if len(days) > 1 else np.nan,
        "spend_per_30d": 30 * own["amount"].sum() / max(age, 30),
        **{f"spend_last_{d}d": spent(0, d) for d in (30, 90, 180)},
        **{f"repeat_spend_last_{d}d": spent(0, min(d, age - 1)) for d in (30, 90, 180)},
        **{f"purchase_days_last_{d}d": days_in(d) for d in (30, 90, 180)},
        "spend_trend": (late - early) / (late + early) if late + early > 0 else 0.0,
        "mean_gap_days": gaps.mean() if len(gaps) else np.nan,
        "sd_gap_days": gaps.std(ddof=1) if len(gaps) > 1 else np.nan,
        "first_gap_days": gaps[0] if len(gaps) else np.nan,
        "hiatus_ratio": away / gaps.mean() if len(gaps) else np.nan,
        "mean_order_amount": gross / bought["order_id"].nunique(),
        "max_order_amount": order.max(),
        "quantity_per_order": counted["quantity"].sum() / counted["order_id"].nunique() if len(counted) else np.nan,
        "items_per_order": bought.groupby("order_id")["item_id"].nunique().sum() / bought["order_id"].nunique(),
        "distinct_items": bought["item_id"].nunique(),
        "refund_amount": refund,
        "refund_share": refund / gross if gross > 0 else 0.0,
        "season_sin": np.sin(angle).mean(),
        "season_cos": np.cos(angle).mean(),
        "weekend_share": (days.day_of_week >= 5).mean(),
        "first_order_amount": first["amount"].sum(),
        "first_order_quantity": quantity(first),
        "first_order_items": first["item_id"].nunique(),
        "first_order_weekend": float(days[0].day_of_week >= 5),
    }


def test_every_feature_equals_its_definition_recomputed_customer_by_customer(log):
    table = customer_features(log, cut=CUT)
    slow = pd.DataFrame([_slowly(log, customer, CUT) for customer in table["customer_id"]]).astype(float)
    assert list(slow.columns) == list(table.columns[1:]), "the order is that of FEATURES"
    pd.testing.assert_frame_equal(table.drop(columns="customer_id"), slow, check_exact=False, rtol=1e-12, atol=1e-9)
    assert table["sd_gap_days"].notna().any()
    assert table["refund_amount"].gt(0).any()


def test_nothing_at_the_cut_or_later_moves_a_feature(log):
    table = customer_features(log, cut=CUT)
    late = log[log["timestamp"] >= CUT]
    at_the_cut = log.head(5).assign(timestamp=CUT, amount=1e9, customer_id="new")
    wild = log.copy()
    wild.loc[late.index, ["amount", "quantity"]] = 1e9
    for other in (log[log["timestamp"] < CUT], wild, pd.concat([log, at_the_cut])):
        pd.testing.assert_frame_equal(customer_features(other, cut=CUT), table)


def test_the_order_of_the_lines_and_their_index_do_not_matter(log):
    shuffled = log.sample(frac=1, random_state=3).set_axis(np.zeros(len(log), dtype=int))
    pd.testing.assert_frame_equal(customer_features(shuffled, cut=CUT), customer_features(log, cut=CUT))


def test_three_columns_are_enough_and_the_others_only_add(log):
    bare = customer_features(log[["customer_id", "timestamp", "amount"]], cut=CUT)
    full = customer_features(log, cut=CUT)
    gone = set(full) - set(bare)
    needing = {"quantity_per_order", "items_per_order", "distinct_items", "first_order_quantity", "first_order_items"}
    assert gone == needing
    assert (bare["orders"] == bare["frequency"] + 1).all(), "without order_id a purchase day is an order"
    told = {name.format(d=d) for name in FEATURES for d in (30, 90, 180)}
    assert set(full.columns[1:]) == told


def test_frequency_age_and_monetary_value_are_those_of_rfm_summary_on_cdnow():
    lines = load("cdnow").lines
    table = customer_features(lines, cut="1997-10-01")
    summary = rfm_summary(lines, calibration_end="1997-09-30", time_unit="D")
    assert table["customer_id"].tolist() == summary["customer_id"].tolist()
    assert (table["frequency"] == summary["frequency"]).all()
    # T counts to the last day of calibration, age to the midnight after it
    assert (table["age_days"] == summary["T"] + 1).all()
    assert (table["age_days"] - table["days_since_last_purchase"] == summary["recency"]).all()
    np.testing.assert_allclose(table["monetary_value"].fillna(0.0), summary["monetary_value"], rtol=1e-12)


def test_missing_means_not_defined_and_nothing_else(log):
    table = customer_features(log, cut=CUT)
    once, twice = table["frequency"] == 0, table["frequency"] <= 1
    assert once.any()
    for name in ("monetary_value", "mean_gap_days", "first_gap_days", "hiatus_ratio"):
        assert (table[name].isna() == once).all()
    assert (table["sd_gap_days"].isna() == twice).all()
    rest = table.drop(columns=["monetary_value", "mean_gap_days", "first_gap_days", "hiatus_ratio", "sd_gap_days"])
    assert rest.drop(columns=["quantity_per_order", "first_order_quantity"]).notna().all(axis=None)


def test_who_only_returned_something_is_no_customer_yet(log):
    returned = pd.DataFrame({"customer_id": ["zz"], "timestamp": [pd.Timestamp("2024-02-01")], "amount": [-5.0]})
    table = customer_features(pd.concat([log, returned]), cut=CUT)
    assert "zz" not in set(table["customer_id"])
    pd.testing.assert_frame_equal(table, customer_features(log, cut=CUT))
    with pytest.raises(ValueError, match=r"nobody bought before .*: all 1 lines"):
        customer_features(returned, cut=CUT)


def test_a_free_order_is_a_purchase_and_a_blank_order_id_is_the_days_order():
    lines = pd.DataFrame(
        {
            "customer_id": 1,
            "timestamp": pd.to_datetime(
                ["2024-01-01 09:00", "2024-01-01 10:00", "2024-01-02 00:00", "2024-01-03 00:00"]
            ),
            "amount": [0.0, 4.0, 6.0, 0.0],
            "order_id": [None, None, "a", "a"],
        }
    )
    (row,) = customer_features(lines, cut="2024-01-04").to_dict("records")
    assert (row["frequency"], row["orders"], row["max_order_amount"]) == (2, 2, 6)


def test_bad_input_is_named_with_its_count(log):
    with pytest.raises(ValueError, match="no amount; it has customer_id"):
        customer_features(log.drop(columns="amount"), cut=CUT)
    with pytest.raises(ValueError, match="amount: 2 of 300 lines are blank"):
        customer_features(log.assign(amount=log["amount"].where(log.index > 1)), cut=CUT)
    with pytest.raises(ValueError, match=r"before 2020-01-01 00:00:00; it covers .*: choose a later cut"):
        customer_features(log, cut="2020-01-01")
    with pytest.raises(ValueError, match="no lines: choose a later cut"):
        customer_features(log.head(0), cut=CUT)
    with pytest.raises(ValueError, match="each at least 1"):
        customer_features(log, cut=CUT, recent_days=(0,))
    with pytest.raises(ValueError, match="one or more whole numbers"):
        customer_features(log, cut=CUT, recent_days=())
