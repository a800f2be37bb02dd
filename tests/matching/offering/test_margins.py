"""What a purchase leaves, how likely it is, and their product."""

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError

from clvlib.matching import PurchaseProbability, add_days_silent, add_expected_margin, item_margins
from clvlib.split import temporal_split
from clvlib.transactions import line_margins


@pytest.fixture
def lines():
    """Item x twice by a (once returned in part), once by b; y once; a line without an item."""
    return pd.DataFrame(
        {
            "customer_id": ["a", "a", "b", "a", "b", "b"],
            "item_id": ["x", "x", "x", "x", "y", None],
            "amount": [10.0, 10.0, 20.0, -10.0, 4.0, 9.0],
            "quantity": [1.0, 1.0, 2.0, -1.0, 1.0, 1.0],
            "unit_cost": [6.0, 6.0, 6.0, 6.0, np.nan, 1.0],
            "timestamp": pd.to_datetime(
                ["2024-01-01", "2024-01-20", "2024-01-20", "2024-01-21", "2024-01-30", "2024-01-30"]
            ),
        }
    )


def test_issue_4_margin_is_amount_less_cost_where_the_log_has_one_else_the_rate(lines):
    assert line_margins(lines, margin_rate=0.5).tolist() == [4.0, 4.0, 8.0, -4.0, 2.0, 8.0]
    assert line_margins(lines.drop(columns="unit_cost"), margin_rate=0.5).tolist() == [5, 5, 10, -5, 2, 4.5]


def test_item_margin_is_net_of_returns_a_purchase_day(lines):
    table = item_margins(lines, margin_rate=0.5).set_index("item_id")
    assert table.loc["x", "purchases"] == 3
    assert table.loc["x", "margin"] == pytest.approx((4 + 4 + 8 - 4) / 3)
    assert table.loc["x", "margin_share"] == pytest.approx(12 / 30)
    assert table["known_cost"].to_dict() == {"x": 1.0, "y": 0.0}
    assert table.loc["y", "margin"] == 2.0


def test_within_a_horizon_a_customer_who_buys_twice_is_one_purchase(lines):
    table = item_margins(lines, margin_rate=0.5, horizon_days=28).set_index("item_id")
    # From the log's last day, 30 January, back: a's purchase of 1 January lies in the period before.
    assert table.loc["x", "purchases"] == 3
    longer = item_margins(lines, margin_rate=0.5, horizon_days=30).set_index("item_id")
    assert longer.loc["x", "purchases"] == 2
    assert longer.loc["x", "margin"] == pytest.approx(6.0)


def test_an_item_that_was_only_returned_has_no_margin_row(lines):
    returned = lines.assign(item_id=["x", "x", "x", "r", "y", None])
    assert item_margins(returned, margin_rate=0.5)["item_id"].tolist() == ["x", "y"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.drop(columns="amount"), "column amount"),
        (lambda t: t.drop(columns="item_id"), "column item_id"),
        (lambda t: t.drop(columns="timestamp"), "column timestamp"),
        (lambda t: t.drop(columns="quantity"), "column quantity"),
        (lambda t: t.assign(amount=np.nan), "6 of 6 lines"),
        (lambda t: t.assign(amount=-1.0), "None of the 6 lines"),
        (lambda t: t.iloc[:0], "None of the 0 lines"),
    ],
)
def test_a_log_without_prices_is_refused_in_words(lines, change, words):
    with pytest.raises(ValueError, match=words):
        item_margins(change(lines), margin_rate=0.5)


@pytest.mark.parametrize("rate", [0.0, -0.1, 1.01, np.nan])
def test_a_margin_rate_is_a_share(lines, rate):
    with pytest.raises(ValueError, match="margin_rate"):
        item_margins(lines, margin_rate=rate)


def test_a_horizon_below_a_day_is_refused(lines):
    with pytest.raises(ValueError, match="horizon_days"):
        item_margins(lines, margin_rate=0.5, horizon_days=0)


@pytest.fixture
def earlier():
    """1,000 customers with three places each; the chance of each is known."""
    rng = np.random.default_rng(0)
    chance = np.array([0.6, 0.3, 0.1])
    lists = pd.DataFrame(
        {
            "customer_id": np.repeat(np.arange(1000), 3),
            "rank": np.tile([1, 2, 3], 1000),
            "item_id": np.tile(["x", "y", "z"], 1000),
            "score": np.tile([9.0, 4.0, 0.0], 1000),
        }
    )
    bought = lists[rng.random(3000) < np.tile(chance, 1000)]
    return lists, bought


@pytest.mark.parametrize("by", ["score", "rank"])
def test_probability_finds_the_shares_that_were_bought(earlier, by):
    lists, bought = earlier
    found = PurchaseProbability(by=by).fit(lists, bought).predict(lists.head(3))
    assert found.to_numpy() == pytest.approx([0.6, 0.3, 0.1], abs=0.05)
    assert found.to_numpy() == pytest.approx(bought["rank"].value_counts().sort_index() / 1000)


def test_probability_never_rises_with_a_worse_place(earlier):
    lists, bought = earlier
    wrong_way = lists.assign(score=-lists["score"])  # the worse the score, the more was bought: no order left
    found = PurchaseProbability().fit(wrong_way, bought).predict(wrong_way)
    assert found.to_numpy() == pytest.approx(len(bought) / 3000)


def test_probability_counts_customers_who_bought_nothing():
    lists = pd.DataFrame({"customer_id": list("abcd"), "item_id": "x", "rank": 1})
    bought = pd.DataFrame({"customer_id": ["a", "stranger"], "item_id": ["x", "x"]})
    model = PurchaseProbability(by="rank").fit(lists, bought)
    assert model.predict(lists).tolist() == [0.25] * 4
    assert model.share_ == 0.25


def test_probability_beyond_what_was_met_is_the_nearest(earlier):
    lists, bought = earlier
    model = PurchaseProbability().fit(lists, bought)
    near, far = (model.predict(lists.head(1).assign(score=score)).item() for score in (9.0, 1e9))
    assert far == near


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.drop(columns="score"), "column score"),
        (lambda t: t.assign(score=np.nan), "3000 of 3000"),
        (lambda t: t.iloc[:0], "no row"),
    ],
)
def test_probability_refuses_lists_it_cannot_learn_from(earlier, change, words):
    lists, bought = earlier
    with pytest.raises(ValueError, match=words):
        PurchaseProbability().fit(change(lists), bought)


def test_probability_is_asked_after_fit_and_by_a_known_name(earlier):
    lists, bought = earlier
    with pytest.raises(NotFittedError, match="call fit"):
        PurchaseProbability().predict(lists)
    with pytest.raises(ValueError, match="neither"):
        PurchaseProbability(by="price").fit(lists, bought)
    assert PurchaseProbability().fit(lists, bought).predict(lists.iloc[:0]).empty


@pytest.fixture
def silent(earlier):
    """Half of the customers are gone: the lists say so in ``days_silent``, the score does not."""
    lists, bought = earlier
    lists = lists.assign(days_silent=np.where(lists["customer_id"] % 2, 181, 0))
    return lists, bought[bought["customer_id"] % 2 == 0]


def test_r2_5_who_has_been_silent_for_long_is_expected_to_buy_less(silent):
    lists, bought = silent
    model = PurchaseProbability(within="days_silent").fit(lists, bought)
    found = model.predict(lists).groupby(lists["days_silent"]).sum()
    assert found[0] == pytest.approx(len(bought), rel=0.01)
    assert found[181] < 0.01 * len(bought)
    alike = PurchaseProbability().fit(lists, bought).predict(lists).groupby(lists["days_silent"]).sum()
    assert alike[0] == alike[181]


def test_a_longer_silence_never_makes_a_purchase_likelier(silent):
    lists, bought = silent
    odd = lists.assign(days_silent=np.where(lists["customer_id"] % 2, 0, 181))  # the recent ones are those who left
    found = PurchaseProbability(within="days_silent").fit(odd, bought).factor_
    assert found.to_numpy() == pytest.approx([1.0, 1.0])


def test_a_group_that_was_not_met_is_the_nearest_number_or_average(silent):
    lists, bought = silent
    model = PurchaseProbability(within="days_silent").fit(lists, bought)
    assert model.predict(lists.assign(days_silent=400)).to_numpy() == pytest.approx(
        model.predict(lists.assign(days_silent=181)).to_numpy()
    )
    named = lists.assign(days_silent=lists["days_silent"].map({0: "recent", 181: "gone"}).astype("category"))
    model = PurchaseProbability(within="days_silent").fit(named, bought)
    plain = PurchaseProbability().fit(lists, bought).predict(lists)
    assert model.predict(lists.assign(days_silent="elsewhere")).to_numpy() == pytest.approx(plain.to_numpy())


def test_groups_are_asked_for_in_words(silent):
    lists, bought = silent
    model = PurchaseProbability(within="days_silent").fit(lists, bought)
    with pytest.raises(ValueError, match="column days_silent"):
        model.predict(lists.drop(columns="days_silent"))
    with pytest.raises(ValueError, match="3000 of 3000 rows of the lists have no days_silent"):
        model.predict(lists.assign(days_silent=np.nan))


def test_r1_5_categories_in_order_of_appearance_do_not_change_the_order_of_items(lines):
    late = lines.assign(item_id=pd.Categorical(lines["item_id"], categories=["y", "unused", "x"]))
    late["customer_id"] = late["customer_id"].astype("category")
    expected = item_margins(lines, margin_rate=0.5)
    found = item_margins(late, margin_rate=0.5)
    assert found["item_id"].tolist() == ["x", "y"]
    pd.testing.assert_frame_equal(found, expected, check_dtype=False)


def test_expected_margin_adds_up_to_what_is_earned_when_the_origins_are_alike():
    """The estimand: margin within the horizon. Learnt on one period, added up on the next of the same kind."""
    rng = np.random.default_rng(1)
    days = pd.date_range("2024-01-01", periods=84)
    chance = dict(zip("xyz", (0.05, 0.02, 0.01), strict=True))
    rows = [
        (str(customer), item, day, {"x": 1.0, "y": 5.0, "z": 10.0}[item])
        for customer in range(1200)
        for item, daily in chance.items()
        for day in days[rng.random(84) < daily]
    ]
    lines = pd.DataFrame(rows, columns=["customer_id", "item_id", "timestamp", "amount"])
    first = temporal_split(lines, calibration_end="2024-01-29")
    split = temporal_split(lines, calibration_end="2024-02-26")
    lists = pd.DataFrame(
        {
            "customer_id": np.repeat([str(c) for c in range(1200)], 3),
            "item_id": list("xyz") * 1200,
            "rank": [1, 2, 3] * 1200,
        }
    )
    after = first.holdout[first.holdout["timestamp"] < "2024-02-26"]
    probability = PurchaseProbability(by="rank").fit(lists, after)
    margins = item_margins(split.calibration, margin_rate=0.5, horizon_days=28)
    expected = add_expected_margin(lists, margins, probability)["expected_margin"].sum()
    earned = 0.5 * split.holdout["amount"].sum()
    assert expected == pytest.approx(earned, rel=0.1)


def test_expected_margin_refuses_what_is_no_probability_and_two_prices():
    lists = pd.DataFrame({"customer_id": ["a"], "rank": [1], "item_id": ["x"]})
    margins = pd.DataFrame({"item_id": ["x"], "margin": [2.0]})
    for wrong in (pd.Series([1.2]), pd.Series([np.nan]), pd.Series([0.5], index=[7])):
        with pytest.raises(ValueError, match="1 of 1 probabilities"):
            add_expected_margin(lists, margins, wrong)
    with pytest.raises(ValueError, match="repeat an item_id"):
        add_expected_margin(lists, pd.concat([margins, margins]), pd.Series([0.5]))
    with pytest.raises(ValueError, match="column item_id"):
        add_expected_margin(lists.drop(columns="item_id"), margins, pd.Series([0.5]))
    assert add_expected_margin(lists.iloc[:0], margins, pd.Series([], dtype=float)).empty


def test_days_silent_are_counted_from_the_last_purchase_before_the_origin():
    rows = [("a", "2024-01-30", 1.0), ("a", "2024-02-20", -1.0), ("a", "2024-03-02", 5.0), ("b", "2024-01-31", 1.0)]
    lines = pd.DataFrame(rows, columns=["customer_id", "timestamp", "amount"])
    lines["timestamp"] = pd.to_datetime(lines["timestamp"])
    lists = pd.DataFrame({"customer_id": ["b", "a"]}, index=[7, 3])
    found = add_days_silent(lists, lines, as_of=pd.Timestamp("2024-03-01"))
    assert found["days_silent"].to_dict() == {7: 0, 3: 31}
    with pytest.raises(ValueError, match="rise from 0"):
        add_days_silent(lists, lines, as_of=pd.Timestamp("2024-03-01"), bands=(0, 30, 30))
    with pytest.raises(ValueError, match="The lines need a column amount"):
        add_days_silent(lists, lines.drop(columns="amount"), as_of=pd.Timestamp("2024-03-01"))
