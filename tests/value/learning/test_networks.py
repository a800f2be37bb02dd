"""The multilayer perceptron: what Keras says is what NumPy predicts, and whole customers are held back."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from clvlib.value import KerasMLP, RawNetwork, SupervisedModel


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 3))
    return x, 500 + 100 * x[:, 0] + 50 * np.maximum(x[:, 1], 0)


def test_it_learns_a_level_and_a_bend(table):
    x, y = table
    model = KerasMLP(hidden=(16,), n_epochs=60, learning_rate=0.02, patience=0).fit(x, y)
    assert np.abs(model.predict(x) - y).mean() < 12
    assert np.shape(model.history_["loss"]) == (60,) == (model.n_epochs_,)


def test_prediction_in_numpy_is_the_keras_forward_pass(table):
    x, y = table
    model = KerasMLP(hidden=(4,), n_epochs=2, patience=0).fit(x, y)
    keras_model = model._build(3)
    keras_model.layers[0].set_weights(model.weights_[0])
    keras_model.layers[1].set_weights(model.weights_[1])
    theirs = np.asarray(keras_model(x.astype("float32")))[:, 0] * model.scale_ + model.shift_
    np.testing.assert_allclose(model.predict(x), theirs, rtol=1e-5)


def test_a_2_3_1_network_has_13_parameters_errata_e29(table):
    x, y = table
    model = KerasMLP(hidden=(3,), n_epochs=1, patience=0).fit(x[:, :2], y)
    assert sum(weights.size for layer in model.weights_ for weights in layer) == 13


def test_training_stops_where_held_back_groups_say_and_goes_back_to_the_best(table):
    x, _ = table
    noise = np.random.default_rng(1).normal(size=len(x))
    model = KerasMLP(hidden=(64,), n_epochs=60, learning_rate=0.02, patience=3, l2=0).fit(x, noise)
    told = model.history_["val_loss"]
    assert len(told) < 60
    assert model.n_epochs_ == int(np.argmin(told)) + 1 == len(told) - 3


def test_rows_of_one_customer_are_held_back_together():
    groups = np.repeat(np.arange(50), 4)
    held = KerasMLP()._held_back(200, groups, np.random.default_rng(0))
    assert 0 < held.sum() < 200
    assert (held.reshape(50, 4).all(axis=1) | ~held.reshape(50, 4).any(axis=1)).all()


def test_classes_and_probabilities(table):
    x, _ = table
    y = (x[:, 0] > 0).astype(float)
    p = KerasMLP(loss="log_loss", hidden=(8,), n_epochs=30, learning_rate=0.02, patience=0).fit(x, y).predict_proba(x)
    assert p.shape == (400, 2)
    np.testing.assert_allclose(p.sum(axis=1), 1)
    assert ((p[:, 1] > 0.5) == (y == 1)).mean() > 0.95


def test_nan_is_an_error_with_its_count(table):
    x, y = table
    holes = x.copy()
    holes[:3, 1] = np.nan
    with pytest.raises(ValueError, match="x: 3 of 400 rows are NaN or infinite"):
        KerasMLP().fit(holes, y)
    with pytest.raises(ValueError, match="y: 1 of 400 rows"):
        KerasMLP().fit(x, np.r_[np.inf, y[1:]])


def test_the_whole_of_clvlib_value_loads_neither_keras_nor_scikit_learn():
    heavy = ("tensorflow", "keras", "sklearn", "matplotlib", "numba")
    code = f"import sys, clvlib.value; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_nothing_is_written_to_stderr_by_many_models_in_one_session():
    code = """
import numpy as np
from clvlib.value import KerasMLP, ZILNRegressor
x, y = np.random.default_rng(0).normal(size=(90, 2)), np.random.default_rng(1).gamma(1, 1, 90)
for seed in range(3):
    KerasMLP(hidden=(3,), n_epochs=2, random_state=seed).fit(x, y).predict(x)
    ZILNRegressor(hidden=(3,), n_epochs=2, random_state=seed).fit(x, y).predict(x)
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")


def test_a_training_that_diverges_says_so(table):
    x, y = table
    with pytest.raises(ValueError, match=r"the loss was (nan|inf) after \d+ epochs; use a smaller learning_rate"):
        KerasMLP(scale_target=False, learning_rate=1e18, n_epochs=50, patience=0).fit(x, 1e18 * y)


def test_the_documents_network_left_alone_is_worse_than_with_care_errata_e18():
    """On a CLV-shaped simulation like the errata's: 70 % zeros, log-normal rest, one unscaled column, as printed."""
    rng = np.random.default_rng(0)
    n = 1500
    active, rate = rng.random(n), np.exp(rng.normal(size=n))
    x = np.column_stack([active, rate, 20_000 * rng.random(n)])
    y = np.where(rng.random(n) < 0.6 * active, np.exp(3 + np.log(rate) + 0.5 * rng.normal(size=n)), 0.0)
    assert (y == 0).mean() == pytest.approx(0.7, abs=0.03)
    table = pd.DataFrame(x, columns=["active", "rate", "unscaled"]).assign(
        customer_id=np.arange(n), origin="2024-01-01"
    )
    table["holdout_amount"] = y
    then, now = table.iloc[:1000], table.iloc[1000:]
    told = {
        name: SupervisedModel(model).fit(then, horizon_days=90).predict(now)["expected_amount"].to_numpy()
        for name, model in {"raw": RawNetwork(), "with care": "keras_mlp"}.items()
    }
    error = {name: np.sqrt(np.mean((amount - y[1000:]) ** 2)) for name, amount in told.items()}
    constant = np.sqrt(np.mean((y[:1000].mean() - y[1000:]) ** 2))
    assert error["raw"] > constant, "worse than one number for everybody, as in the errata"
    assert error["with care"] < constant
    assert (told["with care"] >= 0).all()
