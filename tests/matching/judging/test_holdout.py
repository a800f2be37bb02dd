"""The task all models share: nothing from the holdout is learnt, and every limit is counted."""

import pandas as pd
import pytest

from clvlib.matching import holdout_task
from clvlib.split import temporal_split


@pytest.fixture
def split():
    rows = [
        ("a", "x", "2024-01-01", 2.0),
        ("b", "x", "2024-01-02", 2.0),
        ("a", "y", "2024-01-03", 3.0),
        ("b", "y", "2024-01-04", 3.0),
        ("c", "rare", "2024-01-05", 9.0),
        ("a", "x", "2024-02-01", 2.0),  # again
        ("b", "new", "2024-02-02", 7.0),  # an item without history
        ("b", "rare", "2024-02-03", 9.0),  # too rare to be listed
        ("d", "x", "2024-02-04", 2.0),  # a customer without history
        ("c", "x", "2024-02-05", 2.0),  # whose history holds no candidate
    ]
    lines = pd.DataFrame(rows, columns=["customer_id", "item_id", "timestamp", "amount"])
    lines["timestamp"] = pd.to_datetime(lines["timestamp"])
    return temporal_split(lines, calibration_end="2024-02-01")


def test_nothing_of_the_holdout_is_learnt(split):
    task = holdout_task(split, min_customers=2)
    assert (task.past["timestamp"] < split.calibration_end).all()
    assert (task.any_purchase["timestamp"] >= split.calibration_end).all()
    assert task.candidates.tolist() == ["x", "y"]


def test_every_limit_is_counted_in_pairs_and_money(split):
    reach = holdout_task(split, min_customers=2).reach
    assert reach["pairs"].tolist() == [5, 3, 1, 0]
    assert reach["amount"].tolist() == [22.0, 18.0, 2.0, 0.0]


def test_first_purchases_are_new_to_the_customer(split):
    task = holdout_task(split, min_customers=1)
    assert task.first_purchase[["customer_id", "item_id"]].to_numpy().tolist() == [["b", "rare"], ["c", "x"]]
    assert len(task.any_purchase) == 3


def test_too_few_customers_or_purchases_are_refused(split):
    with pytest.raises(ValueError, match="min_customers=9 customers in calibration"):
        holdout_task(split, min_customers=9)
    strangers = split._replace(holdout=split.holdout[split.holdout["customer_id"] == "d"])
    with pytest.raises(ValueError, match="min_customers=2 only 2 of 3 items can be listed, and 2 customers are known"):
        holdout_task(strangers, min_customers=2)


def test_the_cold_start_is_what_strangers_buy_of_the_items_that_can_be_listed(split):
    task = holdout_task(split, min_customers=2)
    assert task.strangers[["customer_id", "item_id"]].to_numpy().tolist() == [["c", "x"], ["d", "x"]]
    known = task.any_purchase["customer_id"].isin(task.past["customer_id"])
    assert known.all()
    assert not task.strangers["customer_id"].isin(task.past["customer_id"]).any()


def test_buyers_count_the_customers_of_calibration(split):
    assert holdout_task(split, min_customers=1).buyers.to_dict() == {"rare": 1, "x": 2, "y": 2}
