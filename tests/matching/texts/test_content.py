"""TF-IDF matching against scikit-learn's published figures, the document's example and hard texts."""

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError

from clvlib.datasets import make_shop, toy
from clvlib.matching import ContentMatcher, interactions_table
from clvlib.matching.texts.content import words

NOBODY = pd.DataFrame({"customer_id": ["a"], "item_id": ["0"]})


def _items(texts):
    return pd.DataFrame({"item_id": [str(place) for place in range(len(texts))], "item_text": texts})


@pytest.mark.parametrize(
    ("smooth_idf", "rows"),
    [
        (False, {0: [0.8194, 0, 0.5732], 4: [0.4733, 0.8809, 0], 5: [0.5815, 0, 0.8136]}),
        (True, {0: [0.8515, 0, 0.5243], 4: [0.5542, 0.8324, 0], 5: [0.6303, 0, 0.7763]}),
    ],
)
def test_weights_match_scikit_learn_user_guide(smooth_idf, rows):
    counts = [[3, 0, 1], [2, 0, 0], [3, 0, 0], [4, 0, 0], [3, 2, 0], [3, 0, 2]]
    texts = [" ".join(["aa"] * one + ["bb"] * two + ["cc"] * three) for one, two, three in counts]
    vectors = ContentMatcher(smooth_idf=smooth_idf).fit(NOBODY, _items(texts)).item_vectors_.toarray()
    for row, expected in rows.items():  # the guide cuts digits off rather than rounding
        assert vectors[row] == pytest.approx(expected, abs=1e-4)
    assert vectors[[1, 2, 3]] == pytest.approx(np.array([[1, 0, 0]] * 3))


def test_interests_match_errata_e07():
    model = ContentMatcher().fit(NOBODY, _items(list(toy.ITEM_FEATURES)))
    table = model.match_table(toy.INTERESTS)
    assert table.to_numpy() == pytest.approx(np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1]]))


def test_a_second_interest_counts_and_an_unknown_one_is_zero_errata_e07():
    model = ContentMatcher().fit(NOBODY, _items(list(toy.ITEM_FEATURES)))
    table = model.match_table(["electronics, books", "gardening", ""])
    assert table.iloc[0].to_numpy() == pytest.approx([0.5**0.5, 0.5**0.5, 0, 0])
    assert (table.iloc[1:] == 0).all(axis=None)


def test_words_are_weighed_by_the_items_alone():
    items = _items(["green tea", "black tea", "tin mug"])
    few = ContentMatcher().fit(NOBODY, items)
    many = pd.DataFrame({"customer_id": [f"c{n}" for n in range(50)], "item_id": "2"})
    assert (few.item_vectors_ != ContentMatcher().fit(many, items).item_vectors_).nnz == 0


@pytest.fixture
def shop():
    items = _items(["green tea", "black tea", "tin mug", "china mug", "green soap", "", "!!"])
    bought = pd.DataFrame(
        {"customer_id": ["a", "a", "b", "c", "d"], "item_id": ["0", "1", "2", "5", "gone"], "quantity": [1, 9, 2, 1, 1]}
    )
    return ContentMatcher().fit(bought, items)


def test_a_profile_is_the_weighted_sum_of_what_was_bought(shop):
    vectors = shop.item_vectors_.toarray()
    profile = vectors[0] + (np.log(10) / np.log(2)) * vectors[1]
    profile /= np.linalg.norm(profile)
    listed = shop.recommend(["a"], n=7, exclude_seen=False).set_index("item_id")["score"]
    for item in ("0", "1", "4"):
        assert listed[item] == pytest.approx(vectors[int(item)] @ profile)
    table = shop.profile_table(["a"], n=2)
    assert table["word"].tolist() == ["tea", "black"]
    assert table["weight"].tolist() == pytest.approx(sorted(profile)[-1:-3:-1])


def test_a_new_item_is_matched_without_a_single_purchase(shop):
    assert shop.recommend(["b"], n=1)["item_id"].tolist() == ["3"]
    assert shop.recommend(["b"], n=5, candidates=["4", "3"])["item_id"].tolist() == ["3"]


def test_a_customer_without_words_gets_bestsellers_and_never_nan(shop):
    for customer in ("c", "d", "stranger"):
        listed = shop.recommend([customer], n=3)
        assert (listed["score"] == 0).all()
        assert set(listed["item_id"]) <= {"0", "1", "2", "5"}
        assert len(listed) == 3


def test_hard_texts_do_no_harm():
    texts = ["mug " * 250_000, "", "   ", "☕ ☕", "a", "kettle & mug", None, "mug\x00\u202e<script>"]
    bought = pd.DataFrame({"customer_id": ["x"], "item_id": ["5"]})
    listed = ContentMatcher().fit(bought, _items(texts)).recommend(n=10)
    assert listed["item_id"].tolist() == ["0", "7"]
    assert np.isfinite(listed["score"]).all()


def test_chinese_texts_are_found_by_their_words():
    bought = pd.DataFrame({"customer_id": ["x"], "item_id": ["0"]})
    model = ContentMatcher().fit(bought, _items(["不锈钢保温杯", "陶瓷咖啡杯", "儿童保温杯", "羊毛围巾"]))
    listed = model.recommend(n=4)
    assert listed["item_id"].tolist() == ["2"]
    assert words("杯") == ["杯"]


def test_no_words_at_all_and_repeated_ids_are_refused():
    with pytest.raises(ValueError, match="The item_text of 2 items has no word"):
        ContentMatcher().fit(NOBODY, _items(["", "!"]))
    with pytest.raises(ValueError, match="1 rows of items repeat"):
        ContentMatcher().fit(NOBODY, pd.DataFrame({"item_id": ["0", "0"], "item_text": ["a b", "c d"]}))


def test_profiles_of_strangers_are_refused(shop):
    with pytest.raises(KeyError, match="1 of the customers"):
        shop.profile_table(["stranger"])


DAYS = pd.to_datetime(["2024-01-01", "2024-01-31", "2024-01-31"])


def test_a_purchase_counts_half_after_its_half_life():
    items = _items(["green tea", "tin mug", "wool hat"])
    bought = pd.DataFrame({"customer_id": ["a", "a", "b"], "item_id": ["0", "1", "2"], "timestamp": DAYS})
    vectors = ContentMatcher().fit(bought, items).item_vectors_.toarray()
    model = ContentMatcher(half_life_days=30).fit(bought, items)
    profile = vectors[0] / 2 + vectors[1]
    assert model._profiles[[0]].toarray()[0] == pytest.approx(profile / np.linalg.norm(profile))
    assert model.recommend(["a"], exclude_seen=False)["item_id"].tolist()[:2] == ["1", "0"]
    for cured, table in (
        (r"holds str, not dates", bought.assign(timestamp=["2024-01-01"] * 3)),
        (r"no timestamp", bought.assign(timestamp=[DAYS[0], pd.NaT, DAYS[1]])),
                         (r"needs a column timestamp", bought.drop(columns="timestamp"))):  # fmt: skip
        with pytest.raises(ValueError, match=cured):
            ContentMatcher(half_life_days=30).fit(table, items)


def test_lines_and_their_interactions_table_give_the_same_lists():
    lines = pd.DataFrame(
        {"customer_id": ["a"] * 4, "item_id": ["0", "1", "0", "0"], "amount": 1.0,
         "timestamp": pd.to_datetime(["2024-01-01", "2024-01-02", "2024-01-09", "2024-02-01"])}
    )  # fmt: skip
    items = _items(["green tea", "tin mug", "green mug", "tea pot"])
    model = ContentMatcher(half_life_days=10)
    expected = model.fit(interactions_table(lines), items).recommend(n=4)
    pd.testing.assert_frame_equal(model.fit(lines, items).recommend(n=4), expected)


def test_a_prior_lifts_what_many_buy_and_leaves_new_items_their_order():
    items = _items(["green tea", "black tea", "black tea", "tea pot", "tin mug"])
    bought = pd.DataFrame({"customer_id": ["a", "b", "c", "d"], "item_id": ["0", "2", "2", "4"]})
    plain = ContentMatcher().fit(bought, items)
    model = ContentMatcher(popularity_weight=0.5).fit(bought, items)
    assert plain.recommend(["a"], n=2)["item_id"].tolist() == ["1", "2"]  # the same text, the smaller id
    assert model.recommend(["a"], n=2)["item_id"].tolist() == ["2", "1"]
    table = plain.recommend(["a"], n=9).merge(model.recommend(["a"], n=9), on="item_id").set_index("item_id")
    prior = (np.array([1, 3, 1]) / 3) ** 0.5  # nobody, two buyers, nobody; at most two
    assert (table["score_y"] / table["score_x"])[["1", "2", "3"]].to_numpy() == pytest.approx(prior)
    news = {"candidates": ["1", "3"], "n": 2}
    assert model.recommend(["a"], **news)["item_id"].tolist() == plain.recommend(["a"], **news)["item_id"].tolist()


def test_an_attribute_is_a_word_of_its_own():
    items = _items(["tin mug", "wool hat", "silk tie", "oak desk"]).assign(
        category=["Kitchen", "wear", "wear", "unknown"], brand=["x", None, "", "x"], list_price=[1.0, 2.0, 3.0, 4.0]
    )
    bought = pd.DataFrame({"customer_id": ["a"], "item_id": ["1"]})
    model = ContentMatcher().fit(bought, items)
    assert [word for word in model.words_ if "=" in word] == ["category=kitchen", "category=wear", "brand=x"]
    assert model.recommend(n=1)["item_id"].tolist() == ["2"]
    idf = np.log(5 / 2) + 1  # "wool" and "hat" alone, df 1; the category of two items
    shared = np.log(5 / 3) + 1
    assert model.recommend(n=1)["score"].item() == pytest.approx(shared**2 / (shared**2 + 2 * idf**2))
    without = ContentMatcher(attribute_weight=0).fit(bought, items)
    assert not [word for word in without.words_ if "=" in word]
    assert model.match(["kitchen"])["item_id"].tolist() == ["0"]
    assert model.match(["gardening, KITCHEN"])["item_id"].tolist() == ["0"]
    assert without.match(["kitchen"]).empty


def test_an_attribute_that_all_items_share_says_nothing():
    items = _items(["tin mug", "wool hat"]).assign(category="goods")
    assert ContentMatcher().fit(NOBODY, items).words_.tolist() == ["hat", "mug", "tin", "wool"]


def test_items_without_words_are_matched_by_their_attributes_alone():
    items = _items(["", "", ""]).assign(category=["tea", "tea", "mugs"])
    assert ContentMatcher().fit(NOBODY, items).recommend(n=1)["item_id"].tolist() == ["1"]


def test_match_lists_what_the_whole_table_would():
    rng = np.random.default_rng(0)
    vocabulary = [f"w{number}" for number in range(40)]
    texts = [" ".join(rng.choice(vocabulary, size=4)) for _ in range(300)]
    asked = pd.Series([" ".join(rng.choice(vocabulary, size=3)) for _ in range(50)], index=np.arange(50) + 100)
    model = ContentMatcher().fit(NOBODY, _items(texts))
    table = model.match_table(asked).set_axis(asked.index)
    found = model.match(asked, n=7)
    for label, row in table.iterrows():
        best = row[row > 0].round(12).sort_index().sort_values(ascending=False, kind="stable").head(7)
        listed = found[found["text_id"] == label]
        assert listed["rank"].tolist() == list(range(1, len(best) + 1))
        assert listed["score"].to_numpy() == pytest.approx(best.to_numpy())
        assert row[listed["item_id"]].to_numpy() == pytest.approx(listed["score"].to_numpy())


def test_match_of_hard_texts_and_candidates():
    model = ContentMatcher().fit(NOBODY, _items(["green tea", "tin mug", "mug", ""]))
    found = model.match(["the and", "", None, "mug " * 250_000, "茶"], n=100)
    assert found[["text_id", "item_id"]].to_numpy().tolist() == [[3, "2"], [3, "1"]]
    assert model.match(["mug"], candidates=["1", "nowhere"])["item_id"].tolist() == ["1"]
    assert model.match(["mug"], candidates=[]).empty
    assert model.match([]).columns.tolist() == ["text_id", "rank", "item_id", "score"]
    with pytest.raises(ValueError, match="n must be at least 1, not 0"):
        model.match(["mug"], n=0)
    with pytest.raises(ValueError, match="one is a int"):
        model.match([7])


def test_a_new_customer_is_known_by_her_interests():
    items = _items(["green tea", "black tea", "tin mug", "china mug"])
    bought = pd.DataFrame({"customer_id": ["a", "b", "c"], "item_id": ["0", "2", "2"]})
    model = ContentMatcher().fit(bought, items, interests={"new": "mug", "a": "china", "mute": "???"})
    listed = model.recommend(n=1).set_index("customer_id")["item_id"]
    assert listed.to_dict() == {"a": "3", "b": "3", "c": "3", "mute": "2", "new": "2"}
    assert model.recommend(["new"], n=2)["item_id"].tolist() == ["2", "3"]
    once = ContentMatcher().fit(bought, items, interests=pd.Series({"a": "china"})).profile_table(["a"], n=3)
    assert set(once["word"]) == {"green", "tea", "china"}
    with pytest.raises(ValueError, match="customer_id holds numbers in the one"):
        ContentMatcher().fit(bought, items, interests={7: "mug"})
    with pytest.raises(ValueError, match="1 of the interests repeat"):
        ContentMatcher().fit(bought, items, interests=pd.Series(["x", "y"], index=["a", "a"]))


def test_a_reason_is_the_own_item_that_adds_most(shop):
    lists = pd.concat([shop.recommend(n=7), pd.DataFrame({"customer_id": ["stranger"], "item_id": ["0"]})])
    lists = lists.reset_index(drop=True).set_index(np.arange(len(lists)) * 3)
    reasons = shop.because(lists)
    assert reasons.index.equals(lists.index)
    vectors, own = shop.item_vectors_.toarray(), {"a": {"0": 1.0, "1": np.log(10) / np.log(2)}, "b": {"2": 1.0}}
    for place, row in lists.iterrows():
        adds = {
            item: weight * vectors[int(item)] @ vectors[int(row["item_id"])]
            for item, weight in own.get(row["customer_id"], {}).items()
            if item != row["item_id"]
        }
        best = max(adds, key=adds.get, default=None)
        assert reasons[place] == (best if best and adds[best] > 0 else None)
    assert reasons.notna().sum() == 2
    with pytest.raises(ValueError, match="item_id is not there"):
        shop.because(lists.drop(columns="item_id"))


def test_reasons_of_many_rows_do_not_depend_on_blocks(monkeypatch):
    rng = np.random.default_rng(1)
    items = _items([" ".join(rng.choice(list("bcdfghkl"), 3) + "x") for _ in range(60)])
    bought = pd.DataFrame({"customer_id": rng.integers(0, 30, 400), "item_id": rng.integers(0, 60, 400).astype(str)})
    model = ContentMatcher().fit(bought, items)
    lists = model.recommend(n=5, exclude_seen=False)
    whole = model.because(lists)
    monkeypatch.setattr("clvlib.matching.texts.content._PAIRS", 7)
    assert model.because(lists).equals(whole)
    assert whole.notna().all()
    assert not (whole == lists["item_id"]).any()


def test_interactions_that_carry_their_texts_need_no_table_of_items():
    bought = pd.DataFrame(
        {"customer_id": ["a", "b", "b"], "item_id": ["1", "2", "3"], "item_text": ["green tea", "black tea", "mug"]}
    )
    assert ContentMatcher().fit(bought).recommend(["a"], n=1)["item_id"].tolist() == ["2"]
    with pytest.raises(ValueError, match="no column item_text; pass items"):
        ContentMatcher().fit(bought[["customer_id", "item_id"]])


def test_the_chinese_shop_is_matched_as_well_as_the_english_one():
    """The same shop, the same purchases, its texts in two languages: which items share a word must be much the same."""
    shops = [make_shop(n_customers=300, n_items=200, language=language, random_state=3) for language in ("en", "zh")]
    past = interactions_table(shops[0].lines)
    models = [ContentMatcher().fit(past, shop.products[["item_id", "item_text"]]) for shop in shops]
    tea = [shop.products.loc[shop.products["item_text"].str.contains(word), "item_id"] for shop, word in
           zip(shops, ("teapot", "茶壶"), strict=True)]  # fmt: skip
    assert set(tea[0]) == set(tea[1]) == set(models[1].match(["茶壶"], n=200)["item_id"])
    lists = [set(map(tuple, model.recommend(n=10)[["customer_id", "item_id"]].to_numpy())) for model in models]
    assert len(lists[0] & lists[1]) / len(lists[0]) > 0.5


BAD = [
    ({"items": pd.DataFrame({"item_id": ["0"]})}, "needs a column item_text"),
    ({"items": pd.DataFrame({"item_text": ["a mug"]})}, "needs a column item_id"),
    ({"items": _items([])}, "table of items is empty"),
    ({"items": pd.DataFrame({"item_id": ["0", None], "item_text": "a mug"})}, "1 of 2 items have no item_id"),
    ({"items": pd.DataFrame({"item_id": ["0"], "item_text": [7]})}, "1 of 1 values of item_text are no text"),
    ({"items": pd.DataFrame({"item_id": [0], "item_text": ["a mug"]})}, "holds numbers there and texts"),
    ({"items": _items(["the and of", "的"])}, "The item_text of 2 items has no word"),
    ({"min_items": 0}, "min_items must be at least 1, not 0"),
    ({"attribute_weight": -1}, "attribute_weight must be finite and not negative, not -1"),
    ({"popularity_weight": -1}, "popularity_weight must be finite and not negative, not -1"),
    ({"half_life_days": 0}, "half_life_days must be positive or None, not 0"),
    ({"bought": NOBODY.iloc[:0]}, "table of interactions is empty"),
    ({"bought": NOBODY.assign(quantity=-1.0)}, "quantity of 0 or less"),
    ({"bought": NOBODY.assign(rating=np.nan)}, "rating that is missing or infinite"),
]


@pytest.mark.parametrize(("bad", "message"), BAD, ids=[message for _, message in BAD])
def test_bad_input_is_refused_kindly(bad, message):
    options = {name: value for name, value in bad.items() if name not in ("items", "bought")}
    with pytest.raises(ValueError, match=message):
        ContentMatcher(**options).fit(bad.get("bought", NOBODY), bad.get("items", _items(["tin mug", "mug"])))


def test_ids_of_any_kind_and_ratings_of_any_sign_give_finite_lists():
    ids = ["green 茶 ☕", " 1", "", "x" * 500]
    items = pd.DataFrame({"item_id": ids, "item_text": ["green tea", "tea", "mug", None]})
    bought = pd.DataFrame({"customer_id": ["☕ a", "☕ a", "b"], "item_id": [ids[0], ids[2], ids[3]]})
    for table in (bought, bought.assign(rating=[-5.0, 0.0, 3.0]), bought.assign(rating=3.0)):
        listed = ContentMatcher().fit(table, items).recommend(n=99)
        assert np.isfinite(listed["score"]).all()
        seen = table.merge(listed, on=["customer_id", "item_id"])
        assert seen.empty
        assert not listed.duplicated(["customer_id", "item_id"]).any()


def test_unfitted_models_say_so():
    for call in (lambda m: m.match(["x"]), lambda m: m.match_table(["x"]), lambda m: m.recommend(["x"]),
                 lambda m: m.profile_table(["x"]), lambda m: m.because(NOBODY)):  # fmt: skip
        with pytest.raises(NotFittedError, match="call fit first"):
            call(ContentMatcher())
