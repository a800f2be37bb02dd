"""An item that came back is not offered again."""

import pandas as pd
import pytest

from clvlib.matching import drop_returned


@pytest.fixture
def lists():
    return pd.DataFrame({"customer_id": ["a", "a", "a", "b"], "rank": [1, 2, 3, 1], "item_id": ["x", "y", "new", "x"]})


@pytest.fixture
def lines():
    rows = [
        ("a", "x", 0.3, 3.0),
        ("a", "x", -0.1, -1.0),
        ("a", "x", -0.2, -2.0),
        ("a", "y", 5.0, 1.0),
        ("b", "x", 0.1, 1.0),
    ]
    return pd.DataFrame(rows, columns=["customer_id", "item_id", "amount", "quantity"])


def test_r2_12_what_came_back_in_full_is_dropped_for_that_customer_only(lists, lines):
    kept = drop_returned(lists, lines)
    assert kept[["customer_id", "item_id"]].to_numpy().tolist() == [["a", "y"], ["a", "new"], ["b", "x"]]
    assert drop_returned(lists, lines.drop(columns="quantity")).equals(kept)


def test_what_came_back_in_part_or_was_bought_again_stays(lists, lines):
    again = pd.concat([lines, pd.DataFrame([("a", "x", 2.0, 1.0)], columns=lines.columns)])
    assert len(drop_returned(lists, again)) == 4
    assert len(drop_returned(lists, lines.drop(index=2))) == 4


def test_pieces_that_came_back_for_less_money_are_gone_and_unknown_pieces_say_nothing(lists, lines):
    cheaper = lines.assign(amount=[0.3, -0.05, -0.1, 5.0, 0.1])
    assert len(drop_returned(lists, cheaper)) == 3
    assert len(drop_returned(lists, cheaper.assign(quantity=float("nan")))) == 4


def test_missing_columns_are_named(lists, lines):
    with pytest.raises(ValueError, match="The lines need a column amount"):
        drop_returned(lists, lines.drop(columns="amount"))
    with pytest.raises(ValueError, match="The lists need a column item_id"):
        drop_returned(lists.drop(columns="item_id"), lines)
