"""The blend: sums that can be checked by hand, weights that an earlier period chooses, members left alone."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from clvlib.matching import Blend, BuyAgain, ItemKNN, Popularity
from clvlib.matching.lists import Recommender
from clvlib.metrics.ranking import ranking_table


class Fixed(Recommender):
    """Lists what it is told to, to everybody."""

    def __init__(self, scores=()):
        self.scores = scores

    def fit(self, interactions):
        from clvlib.matching.interactions import encode

        self._remember(encode(interactions))
        return self

    def _scores(self, customers, items):
        return np.tile([dict(self.scores).get(item, np.nan) for item in self.items_[items]], (len(customers), 1))


@pytest.fixture
def bought():
    return pd.DataFrame({"customer_id": ["a", "a", "b", "b"], "item_id": ["w", "x", "y", "z"]})


def told(**scores):
    return Fixed(tuple(scores.items()))


def test_a_weighted_borda_count_by_hand(bought):
    one, two = told(w=9, x=8, y=1, z=0), told(z=3, y=2, x=1, w=0)
    blend = Blend({"one": one, "two": two}, weights={"one": 3, "two": 1}, depth=4).fit(bought)
    lists = blend.recommend(["a"], n=4, exclude_seen=False).set_index("item_id")["score"]
    # places 1 to 4 count 1, 3/4, 1/2, 1/4
    expected = {"w": 0.75 * 1 + 0.25 * 0.25, "x": 0.75 * 0.75 + 0.25 * 0.5, "y": 0.75 * 0.5 + 0.25 * 0.75,
                "z": 0.75 * 0.25 + 0.25 * 1}  # fmt: skip
    assert lists.to_dict() == pytest.approx(expected)
    assert blend.weights_.to_dict() == {"one": 0.75, "two": 0.25}


def test_scores_between_0_and_1_by_hand(bought):
    one, two = told(w=10, x=8, y=0, z=0), told(z=3, y=3, x=3, w=3)
    blend = Blend({"one": one, "two": two}, scale="score").fit(bought)
    lists = blend.recommend(["a"], n=4, exclude_seen=False).set_index("item_id")["score"]
    assert lists.to_dict() == pytest.approx({"w": 1.0, "x": 0.9, "y": 0.5, "z": 0.5}, abs=2e-6)
    assert lists.index.tolist() == ["w", "x", "y", "z"]  # of equal scores the smaller item_id


def test_of_equal_scores_the_members_own_order_stays(two_kinds):
    past, _ = two_kinds
    lists = Blend({"it": BuyAgain()}, scale="score").fit(past).recommend(n=15, exclude_seen=False)
    assert lists["item_id"].tolist() == BuyAgain().fit(past).recommend(n=15)["item_id"].tolist()


@pytest.mark.parametrize("scale", ["rank", "score"])
def test_all_weight_on_one_member_is_that_member(bought, scale):
    member = told(w=1, x=4, y=3, z=2)
    blend = Blend({"it": member, "other": Popularity()}, weights={"it": 1.0}, scale=scale).fit(bought)
    for option in ({"exclude_seen": False}, {"exclude_seen": True}, {"exclude_seen": False, "candidates": ["x", "z"]}):
        mine, its = (model.recommend(n=3, **option) for model in (blend, clone(member).fit(bought)))
        assert mine.drop(columns="score").equals(its.drop(columns="score"))


@pytest.fixture(scope="module")
def two_kinds():
    """Customers who buy again, in a shop where a second method knows what is new."""
    rng = np.random.default_rng(0)
    past = pd.DataFrame(
        [(f"c{c}", f"i{i}", 1 + c % 3) for c in range(60) for i in rng.choice(20, 6, replace=False)],
        columns=["customer_id", "item_id", "quantity"],
    )
    later = past.groupby("customer_id").head(2)[["customer_id", "item_id"]]
    return past, later


def test_weights_go_where_the_earlier_period_says(two_kinds):
    past, later = two_kinds
    members = {"bestsellers": Popularity(), "buy again": BuyAgain()}
    blend = Blend(members, n_steps=4).fit_weights(past, later, exclude_seen=False)
    assert len(blend.trials_) == 5
    assert blend.weights_["buy again"] == 1.0
    assert blend.weights_.sum() == pytest.approx(1)
    twice = Blend(members, n_steps=4).fit_weights(past, later, exclude_seen=False)
    assert blend.trials_.equals(twice.trials_)


def test_the_ndcg_of_a_trial_is_that_of_the_lists_it_stands_for(two_kinds):
    past, later = two_kinds
    members = {"bestsellers": Popularity(), "neighbours": ItemKNN(n_neighbors=5)}
    new = pd.DataFrame({"customer_id": past["customer_id"].unique(), "item_id": "i3"})
    for validation, exclude_seen in ((later, False), (new, True)):
        blend = Blend(members, n_steps=3).fit_weights(past, validation, exclude_seen=exclude_seen)
        if exclude_seen:
            pair = ["customer_id", "item_id"]
            seen = pd.MultiIndex.from_frame(past[pair])
            validation = validation[~pd.MultiIndex.from_frame(validation).isin(seen)]
        for _, trial in blend.trials_.iterrows():
            fixed = Blend(members, weights=trial[list(members)].to_dict()).fit(past)
            lists = fixed.recommend(validation["customer_id"].unique(), n=10, exclude_seen=exclude_seen)
            assert ranking_table(lists, validation, n=10)["ndcg"].mean() == pytest.approx(trial["ndcg"])


def test_a_mixture_must_earn_its_second_member_breiman_et_al_1984():
    """Of 24 customers one buys what the second member says: the best mixture has both by chance; with 12 not so."""
    past = pd.DataFrame({"customer_id": [f"c{c:02d}" for c in range(24)] * 2, "item_id": ["p"] * 24 + ["q"] * 24})
    past = pd.concat([past, pd.DataFrame({"customer_id": "z", "item_id": [f"i{i:02d}" for i in range(24)]})])
    one = Fixed(tuple((f"i{i:02d}", 50.0 - i) for i in range(12)))
    two = Fixed(tuple((f"i{i:02d}", 50.0 - i) for i in range(12, 24)))
    later = pd.DataFrame({"customer_id": [f"c{c:02d}" for c in range(24)], "item_id": ["i00"] * 22 + ["i03", "i12"]})
    option = {"depth": 12, "n_steps": 4}
    bold, cautious = (
        Blend({"one": one, "two": two}, cautious=choice, **option).fit_weights(past, later) for choice in (False, True)
    )
    assert (bold.weights_ > 0).all()  # the one customer counts
    assert cautious.weights_.to_dict() == {"one": 1.0, "two": 0.0}  # but is no more than chance
    assert bold.trials_.equals(cautious.trials_)
    later["item_id"] = ["i00"] * 12 + ["i12"] * 12
    shown = Blend({"one": one, "two": two}, **option).fit_weights(past, later)
    assert (shown.weights_ > 0).all()


def test_where_no_difference_is_shown_the_member_named_first_is_taken():
    """13 of 24 customers buy what the second member says, 11 what the first does: no more than chance."""
    past = pd.DataFrame({"customer_id": [f"c{c:02d}" for c in range(24)], "item_id": "p"})
    past = pd.concat([past, pd.DataFrame({"customer_id": "z", "item_id": ["i00", "i12"]})])
    members = {"cheap": Fixed((("i00", 1.0),)), "dear": Fixed((("i12", 1.0),))}
    later = pd.DataFrame({"customer_id": [f"c{c:02d}" for c in range(24)], "item_id": ["i00"] * 11 + ["i12"] * 13})
    option = {"depth": 1, "n_steps": 1}
    for choice, taken in ((True, "cheap"), (False, "dear")):
        blend = Blend(members, cautious=choice, **option).fit_weights(past, later)
        assert blend.weights_.idxmax() == taken
    turned = Blend(dict(reversed(members.items())), **option).fit_weights(past, later)
    assert turned.weights_.idxmax() == "dear"


def test_members_are_copied_and_trained_ones_can_be_given(two_kinds):
    past, later = two_kinds
    members = {"bestsellers": Popularity(), "neighbours": ItemKNN(n_neighbors=5)}
    trained = {name: clone(model).fit(past) for name, model in members.items()}
    blend = Blend(members).fit_weights(past, later, exclude_seen=False, fitted=trained)
    assert not any(hasattr(model, "interactions_") for model in members.values())
    again = blend.fit(past, fitted=trained)
    assert again.models_["neighbours"] is trained["neighbours"]
    assert again.recommend(n=5).equals(Blend(members, weights=blend.weights_.to_dict()).fit(past).recommend(n=5))


def test_strangers_get_bestsellers_and_nobody_gets_what_she_has(two_kinds):
    past, _ = two_kinds
    blend = Blend({"neighbours": ItemKNN(n_neighbors=5), "bestsellers": Popularity()}).fit(past)
    popular = Popularity().fit(past)
    assert (
        blend.recommend(["☕ nobody"], n=5)["item_id"].tolist()
        == popular.recommend(["☕ nobody"], n=5)["item_id"].tolist()
    )
    lists = blend.recommend(n=50)
    assert lists.merge(past, on=["customer_id", "item_id"]).empty
    assert lists["score"].notna().all()
    assert not lists.duplicated(["customer_id", "item_id"]).any()
    assert blend.recommend([], n=5).empty


def test_because_comes_from_a_member_that_can_tell(two_kinds):
    past, _ = two_kinds
    blend = Blend({"bestsellers": Popularity(), "neighbours": ItemKNN(n_neighbors=5)}).fit(past)
    lists = blend.recommend(["c1"], n=5)
    told = blend.because(lists)
    assert told.index.equals(lists.index)
    assert told.equals(
        blend.models_["neighbours"].because(lists).rename("because").astype(object).where(told.notna(), None)
    )
    assert told.notna().any()


def test_what_makes_no_sense_is_refused(bought):
    members = {"bestsellers": Popularity()}
    for option, message in [
        ({"weights": {"bestseller": 1}}, "members are bestsellers"),
        ({"weights": {"bestsellers": -1}}, "not negative"),
        ({"weights": {"bestsellers": 0}}, "not all 0"),
        ({"scale": "loud"}, "scale must be"),
        ({"depth": 0}, "depth must be"),
    ]:
        with pytest.raises(ValueError, match=message):
            Blend(members, **option).fit(bought)
    with pytest.raises(ValueError, match="at least one model"):
        Blend({}).fit(bought)
    with pytest.raises(ValueError, match="learnt nothing yet"):
        Blend(members).fit(bought, fitted=members)
    with pytest.raises(NotFittedError):
        Blend(members).recommend()
    with pytest.raises(ValueError, match="nothing to choose by"):
        Blend(members).fit_weights(bought, bought)
    with pytest.raises(ValueError, match="no column item_id"):
        Blend(members).fit_weights(bought, bought[["customer_id"]])


def test_members_that_are_no_mapping_and_places_that_are_no_number_are_refused():
    table = pd.DataFrame({"customer_id": ["a"], "item_id": ["x"]})
    with pytest.raises(ValueError, match="at least one model"):
        Blend([Popularity()]).fit(table)
    with pytest.raises(ValueError, match="depth must be a whole number"):
        Blend({"bestsellers": Popularity()}, depth=None).fit(table)
    with pytest.raises(ValueError, match="must be a table"):
        Blend({"bestsellers": Popularity()}).fit_weights(table, [("a", "x")])
