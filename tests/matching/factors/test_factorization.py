"""Matrix factorisation: each turn solves its least squares problem, the loss falls, and what was planted is found."""

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError

from clvlib.datasets import toy
from clvlib.matching import MatrixFactorization, Popularity
from clvlib.matching.factors import factorization
from clvlib.metrics.ranking import ranking_table


def _purchases(seed=0, n_customers=30, n_items=25):
    rng = np.random.default_rng(seed)
    share = rng.uniform(0.02, 0.6, n_customers)[:, None]  # rows of very different lengths
    bought = (rng.random((n_customers, n_items)) < share) * rng.integers(1, 5, (n_customers, n_items))
    bought[:, 0] += bought.sum(axis=1) == 0
    bought[0] += bought.sum(axis=0) == 0
    customer, item = np.nonzero(bought)
    return pd.DataFrame({"customer_id": customer, "item_id": item, "quantity": bought[customer, item]}), bought


def _ratings(seed=0, n_customers=60, n_items=40, share=0.5, noise=0.1):
    """Ratings of rank 2 with biases, and those that are held back."""
    rng = np.random.default_rng(seed)
    p, q = rng.normal(size=(n_customers, 2)), rng.normal(size=(n_items, 2))
    full = 3 + rng.normal(0, 0.5, n_customers)[:, None] + rng.normal(0, 0.5, n_items) + p @ q.T
    table = pd.DataFrame(full + rng.normal(0, noise, full.shape)).stack().rename("rating").reset_index()
    table.columns = ["customer_id", "item_id", "rating"]
    known = rng.random(len(table)) < share
    return table[known], table[~known]


def _loss(model, bought, alpha, l2):
    confidence = 1 + alpha * bought
    missed = (bought > 0) - model.customer_vectors_ @ model.item_vectors_.T
    penalty = (model.customer_vectors_**2).sum() + (model.item_vectors_**2).sum()
    return (confidence * missed**2).sum() + l2 * penalty


def test_item_vectors_solve_hu_koren_volinsky_2008_equation_5():
    table, bought = _purchases()
    model = MatrixFactorization(n_factors=4, l2=0.7, alpha=3.0, n_iterations=2).fit(table)
    x = model.customer_vectors_
    for item in range(bought.shape[1]):
        confidence = np.diag(1 + 3.0 * bought[:, item])
        left = x.T @ confidence @ x + 0.7 * np.eye(4)
        exact = np.linalg.solve(left, x.T @ confidence @ (bought[:, item] > 0))
        assert np.allclose(model.item_vectors_[item], exact, atol=1e-10)


def test_the_loss_of_equation_3_never_rises():
    table, bought = _purchases(1)
    losses = [
        _loss(MatrixFactorization(n_factors=5, l2=1.0, alpha=2.0, n_iterations=turns).fit(table), bought, 2.0, 1.0)
        for turns in (1, 2, 3, 5, 10, 60)
    ]
    assert (np.diff(losses) <= 1e-9).all()


def test_vectors_of_ratings_solve_koren_bell_volinsky_2009_equation_5():
    known, _ = _ratings(2, share=0.3)
    model = MatrixFactorization(n_factors=3, l2=0.2, n_iterations=3).fit(known)
    for item, rated in known.groupby("item_id"):
        customers = rated["customer_id"].to_numpy()
        design = np.column_stack([np.ones(len(rated)), model.customer_vectors_[customers]])
        left = design.T @ design + 0.2 * len(rated) * np.eye(4)
        rest = rated["rating"].to_numpy() - model.mean_ - model.customer_bias_[customers]
        exact = np.linalg.solve(left, design.T @ rest)
        assert np.allclose([model.item_bias_[item], *model.item_vectors_[item]], exact, atol=1e-10)


def test_ratings_of_rank_2_are_found_to_their_noise():
    known, held = _ratings()
    model = MatrixFactorization(n_factors=2, l2=0.001, n_iterations=40).fit(known)
    error = np.sqrt(np.mean((model.predict(held) - held["rating"]) ** 2))
    spread = held["rating"].std()
    assert error < 0.2
    assert spread > 1


def test_it_finds_two_tastes_that_popularity_cannot():
    rng = np.random.default_rng(0)
    rows = [(customer, item) for customer in range(80) for item in rng.permutation(np.arange(10) + 10 * (customer % 2))]
    table = pd.DataFrame(rows, columns=["customer_id", "item_id"])
    later = table.groupby("customer_id").head(3)
    past = table.drop(later.index)
    recall = [
        ranking_table(model.fit(past).recommend(n=3), later, n=3)["recall"].mean()
        for model in (MatrixFactorization(n_factors=2, l2=1.0), Popularity())
    ]
    assert recall[0] > 0.95
    assert recall[1] < 0.7


@pytest.mark.parametrize("rated", [False, True])
def test_blocks_and_threads_change_nothing(monkeypatch, rated):
    table = _ratings(3)[0] if rated else _purchases(3)[0]
    plain = MatrixFactorization(n_factors=3).fit(table)
    monkeypatch.setattr(factorization, "_THREADED", 0)
    monkeypatch.setattr(factorization, "_BLOCK", 50)
    cut = MatrixFactorization(n_factors=3).fit(table)
    assert np.allclose(plain.item_vectors_, cut.item_vectors_, atol=1e-9)
    assert np.allclose(plain.customer_bias_, cut.customer_bias_, atol=1e-9)


def test_the_same_state_gives_the_same_numbers_and_touches_nothing_global():
    table, _ = _purchases(4)
    np.random.seed(123)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    once, twice, other = (
        MatrixFactorization(n_factors=3, n_iterations=2, random_state=state).fit(table) for state in (5, 5, 6)
    )
    assert (once.item_vectors_ == twice.item_vectors_).all()
    assert (once.item_vectors_ != other.item_vectors_).any()
    assert (np.random.get_state()[1] == before).all()  # noqa: NPY002


def test_what_the_own_items_add_is_the_score_hu_koren_volinsky_2008_section_5():
    table, bought = _purchases(5)
    alpha, l2 = 4.0, 2.0
    # so many turns that x solves its equation with the final y too
    model = MatrixFactorization(n_factors=2, l2=l2, alpha=alpha, n_iterations=400).fit(table)
    y = model.item_vectors_
    lists = model.recommend(n=5, exclude_seen=False)
    reasons = model.because(lists)
    for customer, item, score, reason in zip(
        lists["customer_id"], lists["item_id"], lists["score"], reasons, strict=True
    ):
        confidence = 1 + alpha * bought[customer]
        inverse = np.linalg.inv((y.T * confidence) @ y + l2 * np.eye(2))
        adds = (bought[customer] > 0) * confidence * (y @ inverse @ y[item])
        assert adds.sum() == pytest.approx(score, abs=1e-6)
        adds[item] = 0
        assert reason == (adds.argmax() if adds.max() > 0 else None)


def test_strangers_get_the_mean_or_the_bias_they_have_and_bestsellers_as_a_list():
    known, _ = _ratings(6)
    model = MatrixFactorization(n_factors=2).fit(known)
    pairs = pd.DataFrame({"customer_id": [-1, -1, 0], "item_id": [-1, 3, -1]}, index=[7, 8, 9])
    expected = [model.mean_, model.mean_ + model.item_bias_[3], model.mean_ + model.customer_bias_[0]]
    assert model.predict(pairs).to_dict() == pytest.approx(dict(zip(pairs.index, expected, strict=True)))
    table, _ = _purchases(6)
    best = MatrixFactorization().fit(table).recommend(["nobody"], n=3)
    assert best["item_id"].tolist() == Popularity().fit(table).recommend(["nobody"], n=3)["item_id"].tolist()


def test_equal_ratings_predict_themselves():
    table = pd.DataFrame({"customer_id": list("aabbc"), "item_id": list("xyxyx"), "rating": 4.0})
    model = MatrixFactorization(n_factors=2).fit(table)
    every = pd.DataFrame({"customer_id": list("abc") * 2, "item_id": list("xxxyyy")})
    assert model.predict(every).tolist() == pytest.approx([4.0] * 6)
    assert model.recommend(["c"], n=1)["item_id"].tolist() == ["y"]


def test_ratings_of_document_s0_are_fitted_and_its_zeros_are_missing():
    known = toy.ratings_table(toy.RATINGS_3X4, zero_is_missing=True)
    model = MatrixFactorization(n_factors=3, l2=1e-4, n_iterations=200).fit(known)
    assert model.predict(known).tolist() == pytest.approx(known["rating"].tolist(), abs=0.05)
    assert model.recommend(["1"], n=4)["item_id"].tolist() == ["3"]


def test_one_customer_or_one_item_is_no_error():
    lone = pd.DataFrame({"customer_id": ["a ☕", "a ☕"], "item_id": ["x", "y"]})
    model = MatrixFactorization().fit(lone)
    assert model.recommend(n=3).empty
    assert model.recommend(n=3, exclude_seen=False)["score"].notna().all()
    single = MatrixFactorization().fit(pd.DataFrame({"customer_id": ["a", "b"], "item_id": ["x", "x"]}))
    assert single.recommend(["c"], n=9)["item_id"].tolist() == ["x"]


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"n_factors": 0}, "n_factors must be at least 1, not 0"),
        ({"n_iterations": 0}, "n_iterations must be at least 1"),
        ({"l2": 0.0}, "l2 must be a number above 0"),
        ({"l2": np.nan}, "l2 must be a number above 0"),
        ({"alpha": -1.0}, "alpha must be a number above 0"),
    ],
)
def test_options_that_mean_nothing_are_refused(option, message):
    with pytest.raises(ValueError, match=message):
        MatrixFactorization(**option).fit(_purchases()[0])


def test_errors_name_what_to_do():
    table, _ = _purchases()
    rated, _ = _ratings()
    with pytest.raises(NotFittedError, match="call fit first"):
        MatrixFactorization().predict(rated)
    with pytest.raises(NotFittedError, match="call fit first"):
        MatrixFactorization().because(rated)
    with pytest.raises(ValueError, match="for purchases call recommend"):
        MatrixFactorization().fit(table).predict(table)
    with pytest.raises(ValueError, match="fitted on ratings"):
        MatrixFactorization().fit(rated).because(rated)
    with pytest.raises(ValueError, match="item_id is not there"):
        MatrixFactorization().fit(rated).predict(rated[["customer_id"]])


@pytest.mark.parametrize("option", [{"n_factors": 1.5}, {"n_iterations": None}, {"l2": None}, {"alpha": "a"}])
def test_options_of_another_kind_are_refused_by_name(option):
    with pytest.raises(ValueError, match=f"{next(iter(option))} must be a"):
        MatrixFactorization(**option).fit(pd.DataFrame({"customer_id": ["a"], "item_id": ["x"]}))


def test_pairs_that_are_no_table_are_refused_and_an_empty_row_has_the_mean():
    ratings = np.array([[4, 0, 0], [0, 0, 0], [2, 3, 0]], np.uint8)
    model = MatrixFactorization(n_factors=2).fit(ratings)
    for pairs in (None, [(0, 1)], np.array([[0, 1]])):
        with pytest.raises(ValueError, match="must be a table"):
            model.predict(pairs)
    assert model.predict(pd.DataFrame({"customer_id": [1], "item_id": [2]})).tolist() == [3.0]
    assert np.isfinite(model.customer_vectors_).all()
