import numpy as np
import pytest

from clvlib.customers import choice_table


def test_ties_are_shared_as_a_lottery_would_on_average():
    outcome = np.array([8.0, 4.0, 2.0, 0.0])
    table = choice_table({"all equal": np.ones(4), "best": outcome}, outcome, n_chosen=2, baseline="all equal",
                         random_state=0)  # fmt: skip
    assert table.loc["all equal", "per_chosen"] == outcome.mean()
    assert table.loc["best", "per_chosen"] == 6
    assert table.loc["best", "share"] == pytest.approx(12 / 14)
    assert table.loc["best", "difference"] == pytest.approx(6 - 3.5)


def test_a_better_order_is_shown_and_a_like_one_is_not():
    rng = np.random.default_rng(0)
    worth = rng.gamma(1, 10, 2000)
    outcome = rng.poisson(worth).astype(float)
    table = choice_table(
        {"worth": worth, "chance": rng.random(2000), "nearly worth": worth + rng.normal(0, 1e-6, 2000)},
        outcome, n_chosen=200, baseline="worth", n_resamples=300, random_state=0,
    )  # fmt: skip
    assert table["verdict"].to_dict() == {"worth": "baseline", "chance": "worse", "nearly worth": "no difference shown"}
    assert (table["low"] <= table["difference"]).all()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"n_chosen": 0}, "whole number of at least 1"),
        ({"n_chosen": "a"}, "whole number of at least 1"),
        ({"orders": None}, "orders must be a mapping"),
        ({"n_chosen": 4}, "from 1 to the 3 customers"),
        ({"baseline": "clv"}, "none of the orders: spend"),
        ({"outcome": [1.0, np.nan, 2.0]}, "finite amount"),
        ({"orders": {"spend": [1.0]}}, r"shape \(1,\) for 3"),
    ],
)
def test_bad_orders_are_refused_kindly(change, says):
    given = {"orders": {"spend": [3.0, 2.0, 1.0]}, "outcome": [1.0, 1.0, 1.0], "n_chosen": 1, "baseline": "spend",
             "random_state": 0} | change  # fmt: skip
    orders, outcome = given.pop("orders"), given.pop("outcome")
    with pytest.raises(ValueError, match=says):
        choice_table(orders, outcome, **given)
