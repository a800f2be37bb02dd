import hashlib

import pandas as pd
import pytest

from clvlib.datasets import Dataset, Source
from clvlib.datasets.dataset import Tables, sha256_of
from clvlib.transactions import LogError, read_transactions

LOG = pd.DataFrame(
    {
        "customer_id": ["1", "1", "2", None, "2"],
        "timestamp": pd.to_datetime(["2024-01-01", "2024-01-02", "2024-01-03", "2024-01-04", "2024-01-05"]),
        "amount": [1.0, 2.0, 3.0, 4.0, 5.0],
        "item_id": ["a", "a", "b", "c", "a"],
        "item_text": ["tea", "TEA DAMAGED", None, "cup", "tea"],
    }
)


def own(log=LOG, tables=None):
    return Dataset(Source("till", "Our till", "own"), read_transactions(log, currency="EUR"), tables or {})


def test_products_take_the_most_frequent_text_and_count_guests():
    assert own().products.to_dict("list") == {
        "item_id": ["a", "b", "c"],
        "item_text": ["tea", "", "cup"],
        "category": ["unknown"] * 3,
    }


def test_products_see_lines_set_apart_as_returns():
    log = LOG.assign(amount=[1.0, 2.0, 3.0, 4.0, -5.0], item_id=["a", "a", "b", "c", "d"])
    data = Dataset(Source("till", "Our till", "own"), read_transactions(log, returns="apart"))
    assert set(data.products["item_id"]) == {"a", "b", "c", "d"}


def test_products_of_a_table_keep_its_unsold_items_and_gain_the_log_s():
    table = pd.DataFrame({"item_id": ["z", "a"], "item_text": ["unsold", "Tea"], "category": ["drinks", None]})
    products = own(tables={"products": table}).products
    assert products["item_id"].tolist() == ["z", "a", "b", "c"]
    assert products["item_text"].tolist() == ["unsold", "Tea", "", "cup"]
    assert products["category"].tolist() == ["drinks", "unknown", "unknown", "unknown"]


def test_products_without_item_id_say_what_to_map():
    with pytest.raises(LogError, match=r"no column item_id.*map the shop's article number"):
        _ = own(LOG.drop(columns=["item_id", "item_text"])).products


def test_columns_count_what_the_products_table_adds():
    plain = own(LOG.drop(columns="item_text"))
    assert "item_text" not in plain.columns
    table = pd.DataFrame({"item_id": ["a"], "item_text": ["Tea"], "category": ["drinks"]})
    richer = own(LOG.drop(columns="item_text"), {"products": table})
    assert {"item_text", "category", "amount"} <= richer.columns


def test_label_says_what_kind_of_customers():
    said = {kind: Source("n", "T", kind).label for kind in ("real", "teaching", "simulated", "own")}
    assert len(set(said.values())) == 4
    assert "simulated" in said["teaching"]
    assert "real" not in said["teaching"] + said["simulated"]


def test_unknown_kind_is_refused():
    with pytest.raises(ValueError, match="real, teaching, simulated, own"):
        Source("n", "T", "genuine")


def test_tables_are_read_once_and_only_when_asked_for():
    asked = []
    tables = Tables({"a": lambda: asked.append("a") or pd.DataFrame({"x": [1]}), "b": lambda: 1 / 0})
    assert asked == []
    assert tables["a"] is tables["a"]
    assert asked == ["a"]
    assert list(tables) == ["a", "b"]
    with pytest.raises(KeyError, match="there are: a, b"):
        tables["c"]


def test_sha256_is_that_of_the_standard_library(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"abc")
    assert sha256_of(path) == hashlib.sha256(b"abc").hexdigest()
