"""Boosted trees: what they find that a line cannot, and by whom they are stopped."""

import numpy as np
import pandas as pd
import pytest

from clvlib.metrics.probability import brier_score
from clvlib.retention import BoostedReturnModel, ReturnModel


def stepped(n=6000, *, seed=0, rows_each=1):
    """Nobody comes back at few or at many orders; only a band between them does."""
    rng = np.random.default_rng(seed)
    orders = rng.integers(1, 13, n).astype(float)
    p = np.where((orders > 4) & (orders < 9), 0.6, 0.1)
    return pd.DataFrame(
        {"customer_id": np.arange(n) // rows_each, "orders": orders, "came_back": rng.random(n) < p, "p": p}
    )


def test_trees_find_the_band_that_a_line_cannot():
    train, test = stepped(), stepped(seed=1)
    trees, line = (model.fit(train).predict_probability(test) for model in (BoostedReturnModel(), ReturnModel()))
    assert np.abs(trees - test["p"]).max() < 0.06
    assert brier_score(test["came_back"], trees) < brier_score(test["came_back"], line) - 0.03


def test_the_seed_decides():
    train, test = stepped(2000), stepped(200, seed=1)
    once, again = (BoostedReturnModel(random_state=3).fit(train).predict_probability(test) for _ in range(2))
    assert (once == again).all()
    assert (once != BoostedReturnModel(random_state=4).fit(train).predict_probability(test)).any()


def test_whole_customers_stop_the_trees_where_rows_would_let_them_learn_by_heart():
    rng = np.random.default_rng(0)
    customer = np.repeat(np.arange(150), 20)
    own = np.repeat(rng.random(150) < 0.5, 20)  # each customer always does the same, for no reason a feature knows
    table = pd.DataFrame({"orders": np.repeat(rng.random(150), 20), "came_back": own})
    whole = BoostedReturnModel().fit(table.assign(customer_id=customer))
    rows = BoostedReturnModel().fit(table.assign(customer_id=np.arange(3000)))
    assert whole.n_iter_ < 25 < 100 < rows.n_iter_
    assert (whole.n_customers_, rows.n_customers_) == (150, 3000)


def test_all_trees_are_grown_where_nobody_is_held_back():
    assert BoostedReturnModel(validation_share=0, max_iter=7).fit(stepped(500)).n_iter_ == 7


def test_calibration_moves_the_level_as_in_the_logistic_model():
    later = stepped(4000, seed=2)
    later["came_back"] &= np.random.default_rng(5).random(4000) < 0.5
    model = BoostedReturnModel().fit(stepped()).calibrate(later)
    assert model.predict_probability(later).mean() == pytest.approx(later["came_back"].mean(), abs=1e-6)


@pytest.mark.parametrize(
    ("model", "spoil", "message"),
    [
        (BoostedReturnModel(), lambda t: t.assign(came_back=False), "both kinds are needed"),
        (BoostedReturnModel(), lambda t: t.assign(orders=1.0), "no feature"),
        (BoostedReturnModel(features=["orders"]), lambda t: t.assign(orders=1.0), "orders: the same for all 300 rows"),
        (BoostedReturnModel(), lambda t: t.assign(came_back=t.index == 0), "rows held back came back|left to learn"),
        (BoostedReturnModel(validation_share=1), lambda t: t, "validation_share"),
        (BoostedReturnModel(validation_share="a"), lambda t: t, "validation_share"),
        (BoostedReturnModel(random_state="a"), lambda t: t, "random_state"),
    ],
)
def test_tables_and_options_no_model_should_be_fitted_on(model, spoil, message):
    with pytest.raises(ValueError, match=message):
        model.fit(spoil(stepped(300)))


def test_the_order_of_the_rows_decides_nothing():
    table = stepped(2000, rows_each=2)
    one, other = (BoostedReturnModel().fit(rows) for rows in (table, table.iloc[::-1]))
    assert np.allclose(one.predict_probability(table), other.predict_probability(table), atol=1e-6)


def test_rows_of_unknown_customers_are_refused():
    table = stepped(200)
    table["customer_id"] = table["customer_id"].where(table.index > 9)
    with pytest.raises(ValueError, match="groups: 10 of 200 rows are missing"):
        BoostedReturnModel().fit(table)
