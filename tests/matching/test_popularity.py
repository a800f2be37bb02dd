"""Bestsellers and buy again: the lists every model must beat."""

import pandas as pd
import pytest
from scipy import sparse

from clvlib.matching import BuyAgain, Popularity


@pytest.fixture
def bought():
    return pd.DataFrame(
        {
            "customer_id": ["a", "a", "b", "b", "c", "c"],
            "item_id": ["x", "y", "x", "z", "x", "z"],
            "quantity": [1.0, 5.0, 1.0, 1.0, 1.0, 1.0],
            "timestamp": pd.to_datetime(
                ["2024-01-01", "2024-01-01", "2024-01-01", "2024-03-01", "2024-01-01", "2024-03-10"]
            ),
        }
    )


def test_customers_are_counted_and_not_pieces(bought):
    listed = Popularity().fit(bought).recommend(["a"], n=3, exclude_seen=False)
    assert listed[["item_id", "score"]].to_numpy().tolist() == [["x", 3.0], ["z", 2.0], ["y", 1.0]]


def test_equal_counts_are_ordered_by_item_id():
    table = pd.DataFrame({"customer_id": ["a", "b"], "item_id": ["2", "1"]})
    assert Popularity().fit(table).recommend(["c"], n=2)["item_id"].tolist() == ["1", "2"]


def test_recent_days_count_the_last_days_only_and_then_fill_up(bought):
    listed = Popularity(recent_days=10).fit(bought).recommend(["new"], n=3)
    assert listed["item_id"].tolist() == ["z", "x", "y"]
    assert listed["score"].tolist() == [2.0, 0.0, 0.0]
    nine = Popularity(recent_days=9).fit(bought).recommend(["new"], n=1)
    assert nine["score"].tolist() == [1.0]


def test_recent_days_still_exclude_what_was_seen_long_ago(bought):
    assert Popularity(recent_days=10).fit(bought).recommend(["b"], n=3)["item_id"].tolist() == ["y"]


def test_recent_days_need_a_timestamp(bought):
    with pytest.raises(ValueError, match="needs a column timestamp"):
        Popularity(recent_days=7).fit(bought.drop(columns="timestamp"))


def test_buy_again_lists_what_is_bought_most_then_bestsellers(bought):
    listed = BuyAgain().fit(bought).recommend(["a", "b", "new"], n=3)
    lists = listed.groupby("customer_id")["item_id"].agg("".join).to_dict()
    assert lists == {"a": "yxz", "b": "xzy", "new": "xzy"}


def test_buy_again_cannot_leave_out_what_was_seen(bought):
    with pytest.raises(ValueError, match="exclude_seen=False"):
        BuyAgain().fit(bought).recommend(["a"], exclude_seen=True)


@pytest.mark.parametrize("recent_days", [0, -5, float("nan"), float("inf"), "7"])
def test_recent_days_are_a_number_above_zero(bought, recent_days):
    with pytest.raises(ValueError, match="recent_days must be above 0, or None"):
        Popularity(recent_days=recent_days).fit(bought)


def test_recent_days_count_dates_and_every_row_has_one(bought):
    with pytest.raises(ValueError, match="timestamp of 6 rows must hold dates"):
        Popularity(recent_days=7).fit(bought.assign(timestamp="2024-01-01"))
    with pytest.raises(ValueError, match="2 of 6 rows have no timestamp"):
        Popularity(recent_days=7).fit(bought.assign(timestamp=bought["timestamp"].where(bought.index > 1)))
    with pytest.raises(ValueError, match="recent_days needs a table"):
        Popularity(recent_days=7).fit(sparse.eye_array(3, format="csr"))
