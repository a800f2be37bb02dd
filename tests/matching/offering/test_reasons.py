"""Every place of a list has a reason in words that holds."""

import pandas as pd
import pytest

from clvlib.matching import BuyAgain, ContentMatcher, Popularity, UserKNN, add_reasons


@pytest.fixture
def past():
    return pd.DataFrame(
        {
            "customer_id": ["a", "a", "b", "b", "c ☕"],
            "item_id": ["mug", "pot", "mug", "tea", "mug"],
            "quantity": [5.0, 1.0, 1.0, 1.0, 2.0],
            "timestamp": pd.to_datetime(["2024-01-01", "2024-03-01", "2024-01-01", "2024-03-02", "2024-03-03"]),
        }
    )


@pytest.fixture
def items():
    texts = ["GREEN\n  MUG", "tea pot", None, "black tea in a green pot"]
    return pd.DataFrame({"item_id": ["mug", "pot", "tea", "new"], "item_text": texts})


class Because(UserKNN):
    """A model that names the smallest of the customer's own items."""

    def because(self, lists):
        own = {"a": "mug", "b": "tea"}
        return lists["customer_id"].map(own)


def test_issue_4_reason_in_words_such_as_customers_who_bought(past, items):
    model = Because().fit(past)
    reasons = add_reasons(model.recommend(n=2), model, items=items).set_index(["customer_id", "item_id"])["reason"]
    assert reasons["a", "tea"] == "customers who bought GREEN MUG also bought this"
    assert reasons["b", "pot"] == "customers who bought tea also bought this"  # no text: its id
    assert reasons["c ☕", "pot"] == "customers with a history like yours chose this"  # nothing named


def test_what_she_bought_is_the_first_reason(past):
    model = Because().fit(past)
    lists = model.recommend(["a"], n=3, exclude_seen=False)
    counted = add_reasons(lists, model, history=past).set_index("item_id")["reason"]
    assert (counted["mug"], counted["pot"]) == ("you bought it on 5 days", "you bought it on 1 day")
    told = add_reasons(lists, model).set_index("item_id")["reason"]
    assert told["mug"] == "you bought it before"
    assert told["tea"].startswith("customers who bought mug")


def test_bestsellers_say_how_many_and_how_recent(past):
    recent = Popularity(recent_days=28).fit(past)
    reasons = add_reasons(recent.recommend(["a", "stranger"]), recent).set_index(["customer_id", "item_id"])["reason"]
    assert reasons["a", "tea"] == "a bestseller of the last 28 days: 1 customer bought it"
    assert reasons["stranger", "mug"] == "a bestseller of the last 28 days: 1 customer bought it"
    always = Popularity().fit(past)
    assert add_reasons(always.recommend(["stranger"], n=1), always)["reason"].item() == "3 customers bought it"


def test_filled_places_and_strangers_get_popularity_as_reason(past):
    model = UserKNN().fit(past)
    assert add_reasons(model.recommend(["stranger"], n=1), model)["reason"].item() == "3 customers bought it"
    again = BuyAgain().fit(past)
    lists = again.recommend(["a"], n=3)
    assert add_reasons(lists, again)["reason"].tolist()[-1] == "1 customer bought it"


def test_content_speaks_of_likeness_and_of_new_items(past, items):
    model = ContentMatcher().fit(past, items)
    lists = model.recommend(["a"], n=4, exclude_seen=False)
    reasons = add_reasons(lists, model, items=items).set_index("item_id")["reason"]
    assert reasons["new"].startswith("like ")
    assert reasons["new"].endswith(", which you bought")
    stranger = pd.DataFrame({"customer_id": ["stranger"], "item_id": ["new"], "score": [0.0]})
    assert add_reasons(stranger, model, items=items)["reason"].item() == "new here"


def test_ratings_are_not_called_purchases(past):
    rated = past.drop(columns="quantity").assign(rating=[5.0, 3.0, 4.0, 4.0, 1.0])
    model = Because(centred=False).fit(rated)
    lists = pd.DataFrame({"customer_id": ["a", "a"], "item_id": ["mug", "tea"], "score": [4.0, 4.0]})
    words = ["you rated it before", "customers who rated mug also rated this"]
    assert add_reasons(lists, model)["reason"].tolist() == words


def test_long_and_strange_texts_stay_on_one_short_line(past, items):
    model = Because().fit(past)
    long = items.assign(item_text="word\u2028 \x00" * 200_000)
    reasons = add_reasons(model.recommend(["a"], n=1), model, items=long)["reason"].item()
    assert len(reasons) < 110
    assert reasons.isprintable()


def test_no_place_is_without_a_reason_and_order_and_index_are_kept(past, items):
    model = Because().fit(past)
    lists = model.recommend(["a", "b", "c ☕", "stranger"], n=3, exclude_seen=False).sample(frac=1, random_state=0)
    found = add_reasons(lists, model, items=items)
    pd.testing.assert_frame_equal(found.drop(columns="reason"), lists)
    assert found["reason"].str.len().gt(0).all()
    assert add_reasons(lists.iloc[:0], model)["reason"].empty


def test_mistakes_are_named(past, items):
    model = Because().fit(past)
    lists = model.recommend(["a"])
    with pytest.raises(ValueError, match="column item_id"):
        add_reasons(lists.drop(columns="item_id"), model)
    with pytest.raises(ValueError, match="learnt nothing"):
        add_reasons(lists, UserKNN())
    with pytest.raises(ValueError, match="repeat an item_id"):
        add_reasons(lists, model, items=pd.concat([items, items]))
    with pytest.raises(ValueError, match="history need a column quantity"):
        add_reasons(lists, model, history=past.drop(columns="quantity"))
