"""Every public recommender under the same odd tables: a list that keeps its promises, or a clear error.

A model is found by itself: what ``clvlib.matching`` exports and can ``recommend`` is tested here.
"""

import inspect
import re
from collections.abc import Callable
from functools import cache

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError

from clvlib import matching
from clvlib.matching import BuyAgain, Popularity, UserKNN

RECOMMENDERS = sorted(
    name
    for name in matching.__all__
    if inspect.isclass(getattr(matching, name)) and hasattr(getattr(matching, name), "recommend")
)
#: Small enough that networks take a moment; whatever of these a model has.
SMALL = {"n_epochs": 2, "n_factors": 4, "n_iterations": 2, "n_neighbors": 3, "patience": 1, "max_length": 5}


def _new(name: str):
    recommender = getattr(matching, name)
    if name == "Blend":
        return recommender({"bestsellers": Popularity(), "neighbours": UserKNN()})
    if name == "RuleRecommender":
        sides = {"antecedents": [("i00",), ("i01", "i02"), ("x",)], "consequents": [("i03",), ("i04",), ("y",)]}
        return recommender(rules=pd.DataFrame({**sides, "confidence": [0.5, 0.4, 0.9]}))
    model = recommender()
    return model.set_params(**{key: value for key, value in SMALL.items() if key in model.get_params()})


def _fit(name: str, table: pd.DataFrame, **options):
    """A fitted model; content gets a text for each item."""
    model = _new(name).set_params(**options)
    if "items" not in inspect.signature(model.fit).parameters:
        return model.fit(table)
    known = sorted(table["item_id"].dropna().unique()) if "item_id" in table else ["x"]
    words = [f"{'green' if place % 2 else 'blue'} thing {place % 3}" for place in range(len(known))]
    return model.fit(table, pd.DataFrame({"item_id": known or ["x"], "item_text": words or ["tea"]}))


@cache
def _fitted(name: str):
    """The model of the ordinary shop, for all tests that only ask it for lists."""
    return _fit(name, _shop())


def _lists(model, customers=None, *, exclude_seen: bool = True, **options) -> pd.DataFrame:
    """What the model lists; buy-again only ever lists what was seen."""
    if isinstance(model, BuyAgain):
        exclude_seen = False
    return model.recommend(customers, exclude_seen=exclude_seen, **options)


def _table(customers, items, **columns) -> pd.DataFrame:
    table = pd.DataFrame({"customer_id": list(customers), "item_id": list(items), **columns})
    return table.assign(timestamp=pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(len(table)), unit="D"))


def _shop(n_customers: int = 30, n_items: int = 12, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    rows = rng.random((n_customers, n_items)) < 0.3
    rows[np.arange(n_customers), rng.integers(n_items, size=n_customers)] = True
    customer, item = np.nonzero(rows)
    names = [f"c{n:02d}" for n in customer], [f"i{n:02d}" for n in item]
    return _table(*names, quantity=rng.integers(1, 4, size=len(customer)).astype(float))


def _promises(lists: pd.DataFrame, table: pd.DataFrame, *, n: int, exclude_seen: bool) -> None:
    """What every list promises, whatever went in."""
    assert lists.columns[:4].tolist() == ["customer_id", "rank", "item_id", "score"]
    assert lists.notna().all(axis=None)
    assert np.isfinite(lists["score"].to_numpy(dtype=float)).all()
    assert not lists.duplicated(["customer_id", "item_id"]).any()
    ranks = lists.groupby("customer_id", sort=False)["rank"]
    assert (ranks.cumcount() + 1 == lists["rank"]).all(), "ranks run from 1 without a gap"
    assert (ranks.size() <= n).all()
    assert lists["item_id"].isin(table["item_id"]).all()
    if exclude_seen:
        pair = ["customer_id", "item_id"]
        assert not pd.MultiIndex.from_frame(lists[pair]).isin(pd.MultiIndex.from_frame(table[pair])).any()


def _fitted_or_refused(fit: Callable, clear: str):
    """The model, or None if it was refused by a ValueError that says what is ``clear``."""
    try:
        return fit()
    except ValueError as error:
        if not re.search(clear, str(error)):
            raise AssertionError(f"unclear: {error}") from error
        return None


@pytest.fixture(params=RECOMMENDERS)
def name(request):
    return request.param


@pytest.fixture
def excludes(name):
    return name != "BuyAgain"


def test_the_models_of_the_issue_are_among_those_found():
    assert {"BuyAgain", "ContentMatcher", "DotProductEmbedding", "EASE", "ItemKNN", "Popularity"} <= {*RECOMMENDERS}


ODD_TABLES = {
    "one customer": _table("aaa", "xyz", quantity=[1.0, 2.0, 3.0]),
    "one item": _table("abc", "xxx", quantity=[1.0, 2.0, 3.0]),
    "one row": _table("a", "x", quantity=[1.0]),
    "no quantity": _shop().drop(columns="quantity"),
    "everybody has everything": _table([*"aaabbbccc"], [*"xyzxyzxyz"], quantity=1.0),
    "nobody shares anything": _table("abcd", "wxyz", quantity=1.0),
    "duplicates": pd.concat([_shop(), _shop(), _shop().head(5)], ignore_index=True),
    "spaces and emoji": _table(
        [" a", "a ", "a", "🧑‍🌾 Zoë", "🧑‍🌾 Zoë", "it's; --", "", "NaN"],
        ["🍏 green", "茶 壶", "=1+1", "🍏 green", " 🍏 green", "茶 壶", "None", "\t"],
        quantity=1.0,
    ),
    "numbers as ids": _table([3, 1, 2, 3, 10], [7, 7, -1, 100, 7], quantity=1.0),
    "categories that nobody has": _shop().assign(
        item_id=lambda t: pd.Categorical(t["item_id"], categories=[*sorted(t["item_id"].unique()), "phantom"]),
        customer_id=lambda t: pd.Categorical(t["customer_id"], categories=[*sorted(t["customer_id"].unique()), "gone"]),
    ),
    "objects": _shop().astype({"customer_id": object, "item_id": object}),
    "another index": _shop().set_axis(np.arange(len(_shop())) % 7 - 3),
    "huge and tiny quantities": _shop().assign(quantity=lambda t: np.where(np.arange(len(t)) % 2, 1e9, 1e-9)),
    "more columns": _shop().assign(amount=np.nan, note=None),
}


#: What concerns only how a table is stored, which all models read by one door; a network need not train for each.
ONE_DOOR = {
    "no quantity", "objects", "another index", "huge and tiny quantities", "more columns", "numbers as ids",
    "duplicates", "categories that nobody has", "whole numbers", "negative", "all zero",
}  # fmt: skip
#: A network that ranks refuses what has nothing to rank, and one of order what has no order.
NOTHING_TO_LEARN = r"at least two item_id|None of the \d+ customers has a basket to foretell"


@pytest.mark.parametrize("odd", ODD_TABLES)
def test_lists_of_odd_purchases_keep_their_promises(name, excludes, odd):
    table = ODD_TABLES[odd]
    before = table.copy(deep=True)
    is_network = "n_epochs" in _new(name).get_params()
    if is_network and odd in ONE_DOOR:
        return
    model = _fitted_or_refused(lambda: _fit(name, table), NOTHING_TO_LEARN if is_network else "never")
    if model is None:
        assert odd in ("one item", "one row", "nobody shares anything")
        return
    for exclude_seen in (True, False) if excludes else (False,):
        lists = _lists(model, n=5, exclude_seen=exclude_seen)
        _promises(lists, table, n=5, exclude_seen=exclude_seen)
        if not exclude_seen:
            assert set(lists["customer_id"]) == set(table["customer_id"])
    pd.testing.assert_frame_equal(table, before)


ODD_RATINGS = {
    "all equal": _shop().drop(columns="quantity").assign(rating=3.0),
    "all zero": _shop().drop(columns="quantity").assign(rating=0.0),
    "negative": _shop().drop(columns="quantity").assign(rating=lambda t: np.where(np.arange(len(t)) % 3, -5.0, 4.0)),
    "one each": _table("abc", "xyz", rating=[1.0, 3.0, 5.0]),
    "one customer": _table("aaa", "xyz", rating=[5.0, 5.0, 5.0]),
    "one item": _table("abc", "xxx", rating=[1.0, 1.0, 1.0]),
    "whole numbers": _shop().drop(columns="quantity").assign(rating=lambda t: np.arange(len(t)) % 5 + 1),
}


@pytest.mark.parametrize("odd", ODD_RATINGS)
def test_lists_of_odd_ratings_keep_their_promises_or_are_refused_with_a_count(name, excludes, odd):
    table, is_network = ODD_RATINGS[odd], "n_epochs" in _new(name).get_params()
    if is_network and odd in ONE_DOOR and not hasattr(_new(name), "predict"):
        return
    model = _fitted_or_refused(lambda: _fit(name, table), rf"\d+ of \d+|rating|{NOTHING_TO_LEARN}")
    if model is None:
        return
    _promises(_lists(model, n=4), table, n=4, exclude_seen=excludes)
    if hasattr(model, "predict"):
        pairs = table[["customer_id", "item_id"]].head(3)
        strangers = pd.DataFrame({"customer_id": ["nobody", table["customer_id"].iloc[0]], "item_id": ["nothing"] * 2})
        said = model.predict(pd.concat([pairs, strangers], ignore_index=True))
        assert len(said) == len(pairs) + 2
        assert np.isfinite(said.to_numpy(dtype=float)).all()


SIMILARITIES = ("cosine", "pearson", "adjusted_cosine", "jaccard")


@pytest.mark.parametrize("knn", ["UserKNN", "ItemKNN"])
@pytest.mark.parametrize("similarity", SIMILARITIES)
@pytest.mark.parametrize("odd", ODD_RATINGS)
def test_no_similarity_turns_ratings_without_variance_into_nan(knn, similarity, odd):
    table = ODD_RATINGS[odd]
    # a similarity that has no meaning for the table may say so
    model = _fitted_or_refused(lambda: _fit(knn, table, similarity=similarity), f"{similarity}|rating")
    if model is None:
        return
    _promises(_lists(model, n=4), table, n=4, exclude_seen=True)
    assert np.isfinite(model.predict(table[["customer_id", "item_id"]]).to_numpy(dtype=float)).all()


BAD_TABLES = {
    "empty": (_shop().head(0), "empty"),
    "no columns": (pd.DataFrame(), "customer_id"),
    "no customer_id": (_shop().drop(columns="customer_id"), "customer_id"),
    "no item_id": (_shop().drop(columns="item_id"), "item_id"),
    "customer missing": (
        _shop().assign(customer_id=lambda t: t["customer_id"].where(t.index != 2)),
        r"1 of \d+ .*customer_id",
    ),
    "item missing": (_shop().assign(item_id=lambda t: t["item_id"].where(t.index > 1)), r"2 of \d+ .*item_id"),
    "quantity missing": (_shop().assign(quantity=lambda t: t["quantity"].where(t.index != 2)), r"1 of \d+ .*quantity"),
    "quantity infinite": (_shop().assign(quantity=np.inf), r"quantity.* infinite"),
    "quantity negative": (_shop().assign(quantity=lambda t: t["quantity"] - 2.0), r"\d+ of \d+ .*quantity"),
    "quantity is text": (_shop().assign(quantity="a lot"), "quantity"),
}


@pytest.mark.parametrize("bad", BAD_TABLES)
def test_a_table_that_cannot_be_learnt_from_is_refused_by_name_and_count(name, bad):
    table, message = BAD_TABLES[bad]
    with pytest.raises(ValueError, match=message):
        _fit(name, table)


@pytest.mark.parametrize("nothing", [None, [("a", "x")], {"customer_id": ["a"], "item_id": ["x"]}, "lines.csv"])
def test_what_is_no_table_is_refused_as_such(name, nothing):
    model = _new(name)
    rest = [pd.DataFrame({"item_id": ["x"], "item_text": ["tea"]})] if name == "ContentMatcher" else []
    with pytest.raises((TypeError, ValueError), match=r"table|DataFrame"):
        model.fit(nothing, *rest)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_rating_that_is_no_number_is_refused_by_whoever_reads_ratings(name, bad):
    table = _shop().drop(columns="quantity").assign(rating=3.0)
    table.loc[[1, 4], "rating"] = bad
    model = _fitted_or_refused(lambda: _fit(name, table), r"2 of \d+ .*rating")
    if model is not None:  # a model of events takes the pair and leaves the mark alone
        _promises(_lists(model, n=4), table, n=4, exclude_seen=name != "BuyAgain")


def test_customers_unseen_at_fit_get_the_same_full_list_and_only_once(name, excludes):
    table = _shop()
    lists = _lists(_fitted(name), ["new", "c01", "new", "🧑‍🌾"], n=6)
    _promises(lists, table, n=6, exclude_seen=excludes)
    assert lists["customer_id"].unique().tolist() == ["new", "c01", "🧑‍🌾"]
    stranger, other = (lists.loc[lists["customer_id"] == who, "item_id"].tolist() for who in ("new", "🧑‍🌾"))
    assert len(stranger) == 6
    assert stranger == other


def test_ids_of_another_kind_are_strangers_and_no_crash(name):
    table = _shop()
    lists = _lists(_fitted(name), [1, 2], n=3)
    assert lists["item_id"].isin(table["item_id"]).all()
    assert lists["customer_id"].tolist() == [1] * 3 + [2] * 3


def test_nobody_asked_for_gets_an_empty_table_with_its_columns(name):
    lists = _lists(_fitted(name), [], n=3)
    assert lists.empty
    assert lists.columns[:4].tolist() == ["customer_id", "rank", "item_id", "score"]


def test_a_list_longer_than_the_catalogue_ends_with_it(name, excludes):
    table = _shop(n_customers=8, n_items=5)
    model, n_items = _fit(name, table), table["item_id"].nunique()
    _promises(_lists(model, n=1000), table, n=n_items, exclude_seen=excludes)
    everything = _lists(model, n=1000, exclude_seen=False)
    assert (everything.groupby("customer_id").size() == n_items).all()


@pytest.mark.parametrize("n", [0, -3])
def test_a_list_of_no_length_is_refused(name, n):
    with pytest.raises(ValueError, match="n must be at least 1"):
        _lists(_fitted(name), n=n)


@pytest.mark.parametrize("candidates", [[], ["nothing that is sold"]])
def test_without_candidates_lists_are_empty(name, candidates):
    lists = _lists(_fitted(name), n=3, candidates=candidates)
    assert lists.empty
    assert lists.columns[:4].tolist() == ["customer_id", "rank", "item_id", "score"]


def test_only_candidates_are_listed_and_unknown_ones_ignored(name, excludes):
    table = _shop()
    lists = _lists(_fitted(name), n=4, candidates=["i03", "i07", "nothing that is sold", "i03"])
    _promises(lists, table, n=2, exclude_seen=excludes)
    assert set(lists["item_id"]) == {"i03", "i07"}


def test_before_fit_a_model_says_what_to_call(name):
    with pytest.raises(NotFittedError, match="call fit first"):
        _lists(_new(name), n=3)


def test_the_order_of_rows_changes_nothing(name):
    if "n_epochs" in _new(name).get_params():
        return  # a network meets the rows in another order
    models = _fitted(name), _fit(name, _shop().sample(frac=1, random_state=1))
    lists = [_lists(model, n=4)[["customer_id", "rank", "item_id"]] for model in models]
    pd.testing.assert_frame_equal(*lists)


def test_a_second_fit_forgets_the_first(name):
    first, second = _shop(seed=1), _shop(n_customers=9, n_items=4, seed=2)
    model = _fit(name, first)
    known = [pd.DataFrame({"item_id": sorted(second["item_id"].unique()), "item_text": "green thing"})]
    again = model.fit(second, *(known if "items" in inspect.signature(model.fit).parameters else []))
    lists = _lists(again, n=3)
    assert set(lists["customer_id"]) <= set(second["customer_id"])
    assert lists["item_id"].isin(second["item_id"]).all()


TEXTS = {
    "empty": ["", "", ""],
    "only stop-words": ["the and of", "and the", "of"],
    "only signs": ["!!! ---", "😀😀", " \t\n"],
    "missing": [None, np.nan, "tea"],
    "one megabyte": ["tea " * 250_000, "green tea", "mug"],
    "one word of a megabyte": ["x" * 1_000_000, "green tea", "mug"],
    "Chinese without spaces": ["绿茶茶壶", "红茶", "马克杯"],
    "numbers": [1, 2.5, 3],
}


@pytest.mark.parametrize("odd", TEXTS)
def test_odd_texts_give_lists_that_keep_their_promises_or_a_clear_error(odd):
    table = _table("aabbc", "xyxzz", quantity=1.0)
    items = pd.DataFrame({"item_id": [*"xyz"], "item_text": pd.Series(TEXTS[odd], dtype=object)})
    model = _fitted_or_refused(lambda: matching.ContentMatcher().fit(table, items), "item_text|word")
    if model is None:
        return
    for exclude_seen in (True, False):
        lists = model.recommend(n=3, exclude_seen=exclude_seen)
        _promises(lists, table, n=3, exclude_seen=exclude_seen)


def test_the_reason_is_an_item_the_customer_bought_herself_or_missing(name):
    table, model = _shop(), _fitted(name)
    if not hasattr(model, "because"):
        return
    lists = pd.concat([_lists(model, n=4), _lists(model, ["new"], n=4)], ignore_index=True)
    lists = lists.set_axis(np.arange(len(lists))[::-1] * 2)  # any index
    reason = model.because(lists)
    assert reason.index.equals(lists.index)
    own = lists[["customer_id"]].assign(item_id=reason)[reason.notna()]
    pair = ["customer_id", "item_id"]
    assert pd.MultiIndex.from_frame(own[pair]).isin(pd.MultiIndex.from_frame(table[pair])).all()
    assert reason[lists["customer_id"] == "new"].isna().all()
    assert model.because(lists.head(0)).empty


def test_the_same_table_gives_the_same_lists_again(name):
    first, second = (_lists(_fitted(name), n=4) for _ in range(2))
    pd.testing.assert_frame_equal(first, second)


@pytest.mark.parametrize("n", [2.5, "3", None, float("nan")])
def test_a_length_that_is_no_whole_number_is_refused(name, n):
    with pytest.raises((ValueError, TypeError), match="n must be"):
        _lists(_fitted(name), n=n)


@pytest.mark.parametrize("asked", ["c01", 7])
def test_one_id_that_is_no_list_of_ids_is_refused(name, asked):
    with pytest.raises((ValueError, TypeError), match="customers"):
        _lists(_fitted(name), asked, n=3)
    with pytest.raises((ValueError, TypeError), match="candidates"):
        _lists(_fitted(name), n=3, candidates=asked)


def test_a_list_for_nobody_in_particular_is_refused_with_a_count(name):
    with pytest.raises(ValueError, match="1 of 3 customers have no id"):
        _lists(_fitted(name), ["c01", None, "c02"], n=3)
    with pytest.raises(TypeError, match=r"customers are a list of ids.*not a table"):
        _lists(_fitted(name), _shop(), n=3)


@pytest.mark.parametrize("half_life_days", [0, -5.0, float("nan")])
def test_a_half_life_that_is_none_is_refused(name, half_life_days):
    if "half_life_days" not in _new(name).get_params():
        return
    with pytest.raises(ValueError, match="half_life_days"):
        _fit(name, _shop(), half_life_days=half_life_days)
    with pytest.raises(ValueError, match="timestamp"):
        _fit(name, _shop().drop(columns="timestamp"), half_life_days=30.0)


def test_odd_texts_asked_for_match_what_they_share_with_an_item_and_nothing_else():
    items = pd.DataFrame({"item_id": [*"xyz"], "item_text": ["green tea", "tin mug", "绿茶"]})
    model = matching.ContentMatcher().fit(_table("a", "x", quantity=1.0), items)
    texts = ["", "the and of", "😀 !!!", "q" * 1_000_000, "mug " * 250_000, "绿茶"]
    found = model.match(texts, n=1000)
    assert found["text_id"].tolist() == [4, 5]
    assert found["item_id"].tolist() == ["y", "z"]
    assert found["score"].between(0, 1 + 1e-9).all()
    assert model.match([], n=3).empty
    assert model.match(texts, n=3, candidates=[]).empty
    for ask in (model.match, model.match_table):
        with pytest.raises(TypeError, match="list of texts"):
            ask("green tea")
    with pytest.raises(ValueError, match="n must be at least 1"):
        model.match(texts, n=0)
    with pytest.raises(ValueError, match="Texts are strings"):
        model.match([7], n=1)
