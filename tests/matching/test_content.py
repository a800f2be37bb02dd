"""TF-IDF matching against scikit-learn's published figures, the document's example and hard texts."""

import numpy as np
import pandas as pd
import pytest

from clvlib.datasets import toy
from clvlib.matching import ContentMatcher
from clvlib.matching.content import words

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
