"""Events in the order of time, without it, and with an order that was put in."""

import numpy as np
import pandas as pd
import pytest

from clvlib.matching import MarkovChain, Popularity, events_table, interactions_table, planted_order, shuffle_order
from clvlib.matching.order.sequences import encode_events, repeats_by_lag


@pytest.fixture
def lines():
    """Two customers; b has two baskets on one day, and a returned one of hers."""
    return pd.DataFrame(
        {
            "customer_id": ["b", "a", "b", "b", "a", "b", "a"],
            "item_id": ["x", "y", "z", "x", "x", None, "y"],
            "amount": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, -7.0],
            "timestamp": pd.to_datetime(
                [f"2024-01-{moment}" for moment in ("02 10", "01 00", "02 10", "02 09", "03 00", "04 00", "05 00")],
                format="%Y-%m-%d %H",
            ),
        }
    )


def test_events_keep_repeats_and_leave_out_returns_and_lines_without_an_item(lines):
    events = events_table(lines)
    assert events.to_numpy()[:, :2].tolist() == [["a", "y"], ["a", "x"], ["b", "x"], ["b", "x"], ["b", "z"]]
    pairs = events.drop_duplicates(["customer_id", "item_id"])
    assert len(pairs) == len(interactions_table(lines))


def test_baskets_are_timestamps_in_order_whatever_the_rows_order(lines):
    events = events_table(lines)
    for seed in range(3):
        pairs, sequences = encode_events(events.sample(frac=1, random_state=seed))
        assert pairs.items.tolist() == ["x", "y", "z"]
        assert sequences.items.tolist() == [1, 0, 0, 0, 2]
        assert sequences.basket_start.tolist() == [0, 1, 2, 3, 5]
        assert sequences.customer_start.tolist() == [0, 2, 4]


def test_an_item_twice_in_a_basket_counts_once_and_quantity_is_kept_for_the_pairs():
    events = pd.DataFrame(
        {"customer_id": "a", "item_id": ["x", "x"], "quantity": [2, 3], "timestamp": pd.Timestamp("2024-01-01")}
    )
    pairs, sequences = encode_events(events)
    assert pairs.values.toarray().tolist() == [[5.0]]
    assert sequences.items.tolist() == [0]


def test_shuffling_keeps_every_basket_and_every_date(lines):
    events = pd.concat([events_table(lines).assign(customer_id=f"c{i}") for i in range(20)], ignore_index=True)
    mixed = shuffle_order(events, random_state=0)
    pd.testing.assert_index_equal(mixed.index, events.index)
    dates = [
        table.drop_duplicates(["customer_id", "timestamp"])["timestamp"].value_counts() for table in (events, mixed)
    ]
    assert dates[0].to_dict() == dates[1].to_dict()
    # a basket stays together: the same sets of items at each customer, at other times
    baskets = [
        table.groupby(["customer_id", "timestamp"])["item_id"].agg(",".join).reset_index() for table in (events, mixed)
    ]
    sets = [table.groupby("customer_id")["item_id"].agg(sorted).tolist() for table in baskets]
    assert sets[0] == sets[1]
    assert (mixed["timestamp"] != events["timestamp"]).any()
    assert shuffle_order(events, random_state=0).equals(mixed)


def test_what_has_no_order_does_not_notice_and_a_chain_does():
    past = planted_order(n_customers=40, n_items=12, n_steps=10, random_state=3).past
    mixed = shuffle_order(past, random_state=1)
    one, other = (Popularity().fit(table).recommend(n=5) for table in (past, mixed))
    pd.testing.assert_frame_equal(one, other)
    chains = [MarkovChain().fit(table).transitions_.toarray() for table in (past, mixed)]
    assert not np.allclose(*chains)


def test_planted_order_is_as_strong_as_it_says():
    plant = planted_order(n_customers=400, n_items=20, n_steps=12, lag=2, order_strength=0.7, random_state=5)
    every = pd.concat([plant.past, plant.later]).sort_values(["customer_id", "timestamp"])
    before = every.groupby("customer_id")["item_id"].shift(2)
    follows = (before.map(plant.successor) == every["item_id"])[before.notna()]
    # 0.7 by the chain, and by chance 0.3 times one in twenty or so
    assert 0.69 < follows.mean() < 0.74
    assert plant.successor.is_unique
    assert plant.later.groupby("customer_id").size().eq(1).all()
    assert plant.later["timestamp"].min() > plant.past["timestamp"].max()


def test_near_baskets_are_alike_where_order_matters_and_no_longer_when_shuffled():
    # each customer changes her one item after half a year of weeks: near baskets agree, far ones do not
    rows = [(f"c{c}", f"i{(c + week // 8) % 9}", week) for c in range(30) for week in range(16)]
    events = pd.DataFrame(rows, columns=["customer_id", "item_id", "week"])
    events["timestamp"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(7 * events["week"], unit="D")
    share = repeats_by_lag(events, max_lag=8)  # asked are the baskets of weeks 8 to 15, at every lag
    assert share.loc[[1, 4, 8]].tolist() == pytest.approx([7 / 8, 4 / 8, 0.0])
    assert repeats_by_lag(events, max_lag=16).isna().all()
    mixed = repeats_by_lag(shuffle_order(events, random_state=0), max_lag=8)
    assert mixed.max() - mixed.min() < 0.2  # 240 items a lag; in true order the range is 7 / 8
    with pytest.raises(ValueError, match="max_lag"):
        repeats_by_lag(events, max_lag=0)


def test_every_lag_asks_the_same_customers():
    """The loyal one always buys the same, the others never twice: who falls out at far lags must not lift the curve."""
    rows = [("loyal", "x", day) for day in range(6)]
    rows += [(f"c{c}", f"i{c}{day}", day) for c in range(9) for day in range(3)]
    events = pd.DataFrame(rows, columns=["customer_id", "item_id", "day"])
    events["timestamp"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(events["day"], unit="D")
    assert repeats_by_lag(events, max_lag=4).tolist() == [1.0, 1.0, 1.0, 1.0]
    assert repeats_by_lag(events, max_lag=2).tolist() == pytest.approx([4 / 13, 4 / 13])


def test_a_log_without_a_column_is_refused_by_its_name(lines):
    for column in ("customer_id", "timestamp", "amount"):
        with pytest.raises(ValueError, match=f"need a column {column}"):
            events_table(lines.drop(columns=column))


def test_planted_order_refuses_impossible_sizes():
    with pytest.raises(ValueError, match="n_steps=2 larger than"):
        planted_order(n_customers=3, n_items=3, n_steps=2, lag=2)


def test_bad_events_are_refused_with_a_remedy(lines):
    events = events_table(lines)
    with pytest.raises(ValueError, match="need a column timestamp"):
        encode_events(events.drop(columns="timestamp"))
    with pytest.raises(ValueError, match="1 of 5 events have no timestamp"):
        encode_events(events.assign(timestamp=events["timestamp"].mask(events.index == 2)))
    with pytest.raises(ValueError, match="not times, in 5 rows"):
        encode_events(events.assign(timestamp=1))
    with pytest.raises(ValueError, match="1 of 5 interactions have no item_id"):
        encode_events(events.assign(item_id=events["item_id"].mask(events.index == 2)))
    with pytest.raises(ValueError, match="empty"):
        encode_events(events.iloc[:0])
    with pytest.raises(ValueError, match="no column item_id"):
        events_table(lines.drop(columns="item_id"))
    with pytest.raises(ValueError, match="None of the 7 lines"):
        events_table(lines.assign(amount=-1.0))
