"""The documents' toy inputs, against what the documents say of them."""

import numpy as np
import pandas as pd
import pytest

from clvlib.datasets import toy


def test_ratings_of_s0_give_the_sums_its_example_spells_out():
    first, second, third = toy.RATINGS_3X4
    assert (first @ second, first @ first, second @ second) == (24, 35, 57)  # S0 §4.3: 5·4 + 1·4 over √35 √57
    assert (first @ third, third @ third) == (19, 30)
    assert first[2] == 0  # the item it recommends is the one not rated


def test_ratings_of_s4_are_complete():
    assert toy.RATINGS_5X5.shape == (5, 5)
    assert set(np.unique(toy.RATINGS_5X5)) == {1, 2, 3, 4, 5}


def test_training_rows_of_s0_count_from_one_and_contradict_themselves():
    users, items, ratings = toy.TRAINING_TRIPLETS.T
    assert (users.min(), users.max(), items.min(), items.max()) == (1, 3, 1, 4)
    assert sorted(ratings[(users == 1) & (items == 1)]) == [1, 5]
    assert (toy.RATINGS_3X4[users - 1, items - 1] == ratings).sum() == 3


@pytest.mark.parametrize("name", ["RATINGS_3X4", "RATINGS_5X5", "TRAINING_TRIPLETS"])
def test_arrays_cannot_be_overwritten(name):
    with pytest.raises(ValueError, match="read-only"):
        getattr(toy, name)[0, 0] = 0


def test_cash_flows_of_s1_discount_to_147_and_not_to_the_printed_145():
    value = sum(flow / (1 + toy.DISCOUNT_RATE) ** t for t, flow in enumerate(toy.CASH_FLOWS, start=1))
    assert value == pytest.approx(147.2577, abs=5e-5)
    assert toy.PRINTED["cltv"] == "145.45"


def test_retention_parameters_of_s3_match_their_features():
    assert len(toy.RETENTION_BETAS) == 1 + len(toy.RETENTION_FEATURES)
    assert 0 < toy.RETENTION_LOW < toy.RETENTION_HIGH < 1


def test_ratings_table_keeps_every_rating_and_no_missing_one():
    table = toy.ratings_table(toy.RATINGS_3X4, zero_is_missing=True)
    assert list(table.columns) == ["customer_id", "item_id", "rating"]
    assert ("1", "3") not in set(zip(table["customer_id"], table["item_id"], strict=True))
    again = table.pivot(index="customer_id", columns="item_id", values="rating").fillna(0)
    assert (again.to_numpy() == toy.RATINGS_3X4).all()
    assert pd.api.types.is_string_dtype(table["item_id"])


def test_ratings_table_refuses_one_user_without_a_row():
    with pytest.raises(ValueError, match="two dimensions"):
        toy.ratings_table([5, 3, 0, 1], zero_is_missing=True)
