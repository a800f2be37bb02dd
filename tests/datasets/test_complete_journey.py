import numpy as np
import pandas as pd
import pytest

from clvlib.datasets import load_complete_journey


@pytest.fixture(scope="module")
def journey():
    return load_complete_journey()


def test_counts_of_the_distribution_readme_and_docstring(journey):
    # 1,469,307 records and 801 households with demographics in the README, 2,469 households in get_data's docstring
    assert len(journey.lines) == 1_469_307
    assert journey.lines["customer_id"].nunique() == 2_469
    assert len(journey.tables["households"]) == 801
    assert journey.lines["order_id"].nunique() == 155_848
    assert journey.lines["amount"].sum() == pytest.approx(4_596_039.58, abs=0.005)


def test_never_counts_as_real(journey):
    assert journey.source.kind == "teaching"
    assert journey.label.endswith("simulated teaching data")


def test_amount_is_what_the_shop_receives(journey):
    lines = journey.lines
    priced = lines[lines["quantity"] > 0]
    gap = priced["quantity"] * priced["unit_price"] - priced["discount"] - priced["amount"]
    assert gap.abs().max() < 1e-9
    nothing = lines["quantity"] == 0
    assert nothing.sum() == 8_869
    assert lines.loc[nothing, "unit_price"].isna().all()
    receipts = journey.tables["receipts"]
    # the shop's own discounts are in, the manufacturer's coupon is not
    given = receipts["retail_disc"].sum() + receipts["coupon_match_disc"].sum()
    assert lines["discount"].sum() == pytest.approx(given)


def test_weeks_of_the_publisher_begin_at_local_midnight_all_year(journey):
    # the stamps in the file are UTC: only in the shop's zone do the publisher's weeks begin on Mondays at 0:00,
    # before, during and after daylight saving time
    keys = ["order_id", "item_id"]
    both = journey.lines[[*keys, "timestamp"]].merge(journey.tables["receipts"][[*keys, "week"]], on=keys)
    assert len(both) == len(journey.lines)
    week = (both["timestamp"].dt.normalize() - pd.Timestamp("2017-01-02")).dt.days // 7 + 2
    assert (week == both["week"]).all()
    assert set(both["timestamp"].dt.year) == {2017}


def test_products_are_one_row_an_item_with_text(journey):
    products = journey.products
    assert products["item_id"].is_unique
    assert len(journey.tables["products"]) == 92_331
    # 17 items are sold but not in the publisher's table
    assert len(products) == 92_348
    assert set(journey.lines["item_id"].unique()) <= set(products["item_id"])
    assert (products["item_text"] == "").sum() == 17
    assert products.set_index("item_id").loc["25671", "item_text"] == "FRZN ICE ICE - CRUSHED/CUBED 22 LB National"


@pytest.mark.parametrize(
    ("name", "rows"),
    [("campaigns", 27), ("campaign_households", 6_589), ("coupons", 116_204), ("coupon_redemptions", 2_102)],
)
def test_tables_have_the_rows_and_names_they_are_documented_with(journey, name, rows):
    table = journey.tables[name]
    assert len(table) == rows
    assert not {"household_id", "product_id", "coupon_upc", "basket_id"} & set(table.columns)
    ids = [column for column in table if column.endswith("_id")]
    assert all(table[column].dtype == "str" for column in ids)
    dates = [column for column in table if np.issubdtype(getattr(table[column].dtype, "base", object), np.datetime64)]
    assert all(str(table[column].dtype) == "datetime64[us]" for column in dates)


def test_every_household_of_a_campaign_shops(journey):
    shoppers = journey.lines["customer_id"].unique()
    assert journey.tables["campaign_households"]["customer_id"].isin(shoppers).mean() > 0.99
    assert journey.tables["households"]["customer_id"].isin(shoppers).all()
