import numpy as np
import pandas as pd
import pytest

from clvlib.customers import SEGMENTS, TIERS, WHAT_TO_DO, distinctive_items, profile_lines, segment_profiles
from clvlib.metrics.intervals import wilson_interval


@pytest.fixture(scope="module")
def shop():
    """Half of 200 customers buy tea twice, half buy mugs once; everybody buys bread."""
    tea = pd.DataFrame({"customer_id": [f"t{i}" for i in range(100)] * 2, "item_id": "1", "amount": 20.0})
    tea["timestamp"] = pd.to_datetime(["2024-03-01 00:00"] * 100 + ["2024-03-20 15:00"] * 100)
    mugs = pd.DataFrame({"customer_id": [f"m{i}" for i in range(100)], "item_id": "2", "amount": 10.0})
    mugs["timestamp"] = pd.Timestamp("2024-01-10 09:00")
    bread = pd.concat([tea.head(100), mugs]).assign(item_id="3", amount=1.0)
    lines = pd.concat([tea, mugs, bread], ignore_index=True)
    customers = lines[["customer_id"]].drop_duplicates(ignore_index=True)
    customers["segment"] = np.where(customers["customer_id"].str.startswith("t"), "champions", "lost")
    products = pd.DataFrame({"item_id": [*"123456"], "category": ["tea", "mugs", "bread", "x", "y", "z"]})
    lines = pd.concat([lines, lines.head(3).assign(item_id=["4", "5", "6"], amount=0.0)], ignore_index=True)
    return lines, customers, products


def test_profile_holds_sizes_money_habits_and_words(shop):
    lines, customers, products = shop
    worth = customers.assign(clv=np.where(customers["segment"] == "champions", 50.0, 1.0), next_margin=2.0)
    profile = segment_profiles(worth, lines, products=products, as_of="2024-03-21").set_index("segment")
    best = profile.loc["champions"]
    assert profile.index.tolist() == ["champions", "lost"]
    assert (best["customers"], best["customer_share"]) == (100, 0.5)
    assert best["spend_share"] == pytest.approx(4100 / 5200)
    assert (best["days_since_last_purchase"], best["purchase_days"], best["spend"]) == (1, 2, 41)
    assert best["clv_low"] == best["clv"] == best["clv_high"] == 50
    assert best["next_margin"] == 2
    assert best["in_words"] == "last purchase 1 day ago (median), buys often, spends much"
    gone = profile.loc["lost", "days_since_last_purchase"]
    assert profile.loc["lost", "in_words"] == f"last purchase {gone:,.0f} days ago (median), buys seldom, spends little"
    assert best["buys"] == "tea"
    assert profile.loc["lost", "buys"] == "mugs"
    assert best["what_to_do"] == WHAT_TO_DO["champions"]


def test_only_what_lies_before_as_of_is_read(shop):
    lines, customers, _ = shop
    early = segment_profiles(customers, lines, as_of="2024-03-20").set_index("segment")
    assert early.loc["champions", "purchase_days"] == 1
    assert early.loc["champions", "days_since_last_purchase"] == 19


def test_lift_compares_mixes_so_that_buying_more_is_not_buying_otherwise(shop):
    lines, customers, products = shop
    items = distinctive_items(customers, lines, products=products).set_index("item")
    assert sorted(items.index) == ["mugs", "tea"]  # bread takes the same room with both
    assert items.loc["tea", "lift"] == pytest.approx((100 / 203) / (100 / 403))  # three samples came along
    low, _ = wilson_interval(100, 203, level=1 - 0.05 / 4)
    assert items.loc["tea", "low"] == pytest.approx(low / (100 / 403))
    assert distinctive_items(customers, lines, products=products, min_buyers=101).empty


def test_noise_is_not_distinctive():
    rng = np.random.default_rng(0)
    lines = pd.DataFrame({"customer_id": rng.integers(0, 1000, 8000).astype(str), "amount": 5.0,
                          "category": rng.choice([*"abcdefghij"], 8000)})  # fmt: skip
    lines["timestamp"] = pd.Timestamp("2024-01-05")
    customers = lines[["customer_id"]].drop_duplicates(ignore_index=True)
    customers["segment"] = rng.choice(["x", "y", "z"], len(customers))
    assert distinctive_items(customers, lines).empty
    assert set(segment_profiles(customers, lines)["buys"]) == {"nothing distinctive"}


def test_what_is_not_recorded_says_so_and_items_are_called_by_their_text(shop):
    lines, customers, _ = shop
    plain = segment_profiles(customers, lines.drop(columns="item_id"))
    assert set(plain["buys"]) == {"not recorded"}
    texts = pd.DataFrame({"item_id": ["1"], "item_text": ["green tea"]})
    assert set(distinctive_items(customers, lines, products=texts)["item"]) == {"green tea", "2"}
    assert set(distinctive_items(customers, lines)["item"]) == {"1", "2"}


def test_every_named_segment_and_tier_has_its_action():
    assert {segment.name for segment in SEGMENTS} | set(TIERS) == set(WHAT_TO_DO)


def test_a_segment_without_an_action_says_so(shop):
    lines, customers, _ = shop
    profile = segment_profiles(customers, lines, actions={"lost": "leave"}).set_index("segment")["what_to_do"]
    assert profile.to_dict() == {"champions": "no action stated", "lost": "leave"}


def test_bad_tables_are_refused_kindly(shop):
    lines, customers, _ = shop
    with pytest.raises(ValueError, match="no segment"):
        segment_profiles(customers[["customer_id"]], lines)
    with pytest.raises(ValueError, match="100 of 200 customers have no purchase before 2024-02-01"):
        segment_profiles(customers, lines, as_of="2024-02-01")
    with pytest.raises(ValueError, match="after the log's end"):
        segment_profiles(customers, lines, as_of="2025-01-01")
    with pytest.raises(ValueError, match="segment is missing or repeated in 1 of 200"):
        segment_profiles(customers.assign(segment=[None, *["x"] * 199]), lines)
    with pytest.raises(ValueError, match="customer_id is missing or repeated in 1 of 201"):
        segment_profiles(pd.concat([customers, customers.head(1)]), lines)


def test_days_of_silence_are_calendar_days_where_a_night_has_23_hours():
    times = pd.to_datetime(["2024-03-30", "2024-04-02"])  # the clocks of Berlin went forward on the 31st
    lines = pd.DataFrame({"customer_id": ["a", "b"], "amount": 1.0, "timestamp": times})
    segments = pd.DataFrame({"customer_id": ["a", "b"], "segment": ["x", "y"]})
    for zone in (None, "Europe/Berlin"):
        profile = segment_profiles(segments, lines.assign(timestamp=times.tz_localize(zone))).set_index("segment")
        assert profile["days_since_last_purchase"].to_dict() == {"x": 4.0, "y": 1.0}, zone


def test_options_and_tables_that_are_none_are_refused_in_words():
    lines = pd.DataFrame({"customer_id": ["a"], "amount": 1.0, "item_id": ["7"],
                          "timestamp": pd.to_datetime(["2024-03-30"])})  # fmt: skip
    segments = pd.DataFrame({"customer_id": ["a"], "segment": ["x"]})
    items = pd.DataFrame({"item_id": [7], "category": ["tea"]})
    for options, message in [
        ({"products": items}, "none of the 1 items of the log is in products"),
        ({"products": [1]}, "products must be a DataFrame"),
        ({"n_items": "a"}, "n_items must be a whole number"),
        ({"min_buyers": "a"}, "min_buyers must be a whole number"),
        ({"level": "a"}, "level must be a share"),
        ({"actions": "a"}, "actions must be a mapping"),
    ]:
        with pytest.raises(ValueError, match=message):
            segment_profiles(segments, lines, **options)
    with pytest.raises(ValueError, match="customer table must be a DataFrame"):
        segment_profiles(None, lines)
    with pytest.raises(ValueError, match="integer there and string in the log"):
        segment_profiles(segments.assign(customer_id=[1]), lines)


def test_sentences_of_no_table_are_refused_in_words():
    with pytest.raises(ValueError, match="profiles must be a DataFrame"):
        profile_lines(None, currency="USD")


def test_few_customers_or_equal_ones_have_no_interval_in_the_sentence():
    profiles = pd.DataFrame({
        "segment": ["many", "few", "nothing"], "customers": [50, 9, 50], "in_words": "x", "buys": "y",
        "what_to_do": "z", "next_margin": [2.0, 2.0, 0.0], "next_margin_low": [1.0, 1.0, 0.0],
        "next_margin_high": [3.0, 3.0, 0.0],
    })  # fmt: skip
    many, few, nothing = profile_lines(profiles, currency="USD", width=500).split("\n")
    assert "USD 2.00 [1.00, 3.00]." in many
    assert all("too few for an interval" in line for line in (few, nothing))
