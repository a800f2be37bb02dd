"""The networks of 4.2: an order that they must find, padding that they must not see, and what is refused."""

import pickle
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from clvlib.retention import ReturnModel
from clvlib.retention.models.recurrent import CELLS, SequenceModel
from clvlib.retention.windows.rhythms import make_rhythms
from clvlib.retention.windows.sequences import WeeklySequences, weekly_sequences, window_totals
from clvlib.retention.windows.snapshots import snapshot_table

FAST = {"n_units": 8, "n_epochs": 4, "batch_size": 64, "learning_rate": 0.02}


@pytest.fixture(scope="module")
def rhythms():
    log = make_rhythms(500, random_state=1)
    table = snapshot_table(log.lines, snapshot_dates=log.snapshot_dates)
    table["true"] = table["customer_id"].map(log.probability).to_numpy()
    sequences = weekly_sequences(log.lines, table, n_weeks=27)
    table = table.join(window_totals(sequences).reset_index(drop=True))
    return sequences, [part for _, part in table.groupby("snapshot_date")]


@pytest.fixture(scope="module")
def fitted(rhythms):
    sequences, (train, calibrate, _) = rhythms
    model = SequenceModel(sequences, cell="lstm", n_units=8, n_epochs=25, batch_size=32, learning_rate=0.02)
    return model.fit(train).calibrate(calibrate)


def toy(n=120, n_weeks=4, seed=0):
    rng = np.random.default_rng(seed)
    table = pd.DataFrame({"customer_id": np.repeat(np.arange(n // 2), 2), "snapshot_date": pd.Timestamp("2024-01-31")})
    table["snapshot_date"] += pd.to_timedelta(np.tile([0, 7], n // 2), unit="D")
    values = rng.poisson(1.0, (n, n_weeks, 2)).astype(np.float32)
    mask = np.arange(n_weeks) >= rng.integers(0, n_weeks, n)[:, None]
    values[~mask] = 0
    index = pd.MultiIndex.from_frame(table).set_levels(
        pd.DatetimeIndex(table["snapshot_date"].unique()).as_unit("us"), level=1
    )
    return WeeklySequences(index, values, mask, ("orders", "spend")), table.assign(came_back=rng.random(n) < 0.4)


def loss(table, p):
    return -np.mean(np.where(table["came_back"], np.log(p), np.log1p(-p)))


def test_an_order_that_sums_cannot_see_is_found(rhythms, fitted):
    _, (train, calibrate, test) = rhythms
    features = ["days_since_last_purchase", "spend", "total_spend", "known_weeks"]
    logistic = ReturnModel(features=features).fit(train).calibrate(calibrate)
    p = fitted.predict_probability(test)
    entropy = loss(test, test["true"])
    assert loss(test, p) < loss(test, logistic.predict_probability(test)) - 0.03
    assert loss(test, p) < entropy + 0.03
    assert np.corrcoef(p, test["true"])[0, 1] > 0.9


def test_calibration_makes_the_mean_probability_the_share_that_came_back(rhythms, fitted):
    _, (_, calibrate, _) = rhythms
    assert fitted.predict_probability(calibrate).mean() == pytest.approx(calibrate["came_back"].mean(), abs=1e-4)
    assert fitted.slope_ > 0


def test_the_epoch_with_the_best_loss_on_customers_held_back_is_kept(fitted):
    assert fitted.history_["validation"].idxmax() == fitted.n_epochs_
    assert len(fitted.history_) <= 25
    assert len(fitted.history_) == min(25, fitted.n_epochs_ + 4)


def test_a_stored_model_tells_the_same(rhythms, fitted):
    _, (_, _, test) = rhythms
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.predict_probability(test[:50]), fitted.predict_probability(test[:50]))


@pytest.mark.parametrize("cell", CELLS)
def test_padding_is_not_seen_and_the_order_of_rows_does_not_matter(cell):
    sequences, table = toy()
    model = SequenceModel(sequences, cell=cell, **FAST).fit(table)
    p = model.predict_probability(table)
    # what lies under the mask may be anything
    soiled = sequences.values.copy()
    soiled[~sequences.mask] = 99.0
    model.sequences = sequences._replace(values=soiled)
    np.testing.assert_array_equal(model.predict_probability(table), p)
    # and more padding to the left changes nothing; a network takes sequences of one length, so the weights are carried
    wide = sequences._replace(
        values=np.pad(sequences.values, ((0, 0), (3, 0), (0, 0))), mask=np.pad(sequences.mask, ((0, 0), (3, 0)))
    )
    model.sequences, model._network, model._look = wide, None, None
    np.testing.assert_allclose(model.predict_probability(table), p, atol=1e-6)
    np.testing.assert_allclose(model.predict_probability(table[::-1])[::-1], p, atol=1e-6)


def test_the_same_seed_gives_the_same_digits_and_another_others():
    sequences, table = toy()
    first, second, other = (
        SequenceModel(sequences, random_state=seed, **FAST | {"n_epochs": 1}).fit(table).predict_probability(table)
        for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, second)
    assert np.abs(first - other).max() > 1e-4


def test_all_rows_of_a_customer_are_held_back_together():
    sequences, table = toy()
    held = SequenceModel(sequences, validation_share=0.25)._held_back(table["customer_id"])
    assert held.mean() == pytest.approx(0.25)
    assert table.assign(held=held).groupby("customer_id")["held"].nunique().eq(1).all()


def test_rows_of_a_later_time_can_stop_it_instead_of_customers():
    sequences, table = toy()
    early, late = table[table["snapshot_date"] < "2024-02-07"], table[table["snapshot_date"] >= "2024-02-07"]
    model = SequenceModel(sequences, **FAST).fit(early, validation=late)
    assert model.n_rows_ == len(early)
    best = model.history_["validation"].max()
    assert -best == pytest.approx(loss(late, model.predict_probability(late)), abs=1e-5)
    assert "validation" not in SequenceModel(sequences, **FAST | {"n_epochs": 1, "patience": 0}).fit(early).history_


def test_what_is_the_same_for_everybody_is_dropped_and_said():
    sequences, table = toy()
    sequences.values[..., 1] = np.where(sequences.mask, 3.0, 0.0)
    assert SequenceModel(sequences, **FAST | {"n_epochs": 1}).fit(table).dropped_ == ["spend"]
    sequences.values[..., 0] = np.where(sequences.mask, 1.0, 0.0)
    with pytest.raises(ValueError, match=r"nothing to learn from orders, spend"):
        SequenceModel(sequences, **FAST).fit(table)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cell": "rnn"}, "cell must be one of gru, lstm, bidirectional, not 'rnn'"),
        ({"n_units": 0}, "n_units"),
        ({"n_epochs": 2.5}, "n_epochs"),
        ({"dropout": 1.0}, "dropout must be below 1"),
        ({"validation_share": 0.0}, r"validation_share is a share of the customers in \(0, 1\), not 0"),
        ({"validation_share": 1}, "validation_share is a share"),
        ({"learning_rate": "fast"}, "learning_rate"),
        ({"sequences": None}, "weekly_sequences"),
    ],
)
def test_an_option_out_of_range_is_refused_by_name(options, message):
    sequences, table = toy()
    with pytest.raises(ValueError, match=message):
        SequenceModel(options.pop("sequences", sequences), **options).fit(table)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.drop(columns="came_back"), "no came_back"),
        (lambda t: t.assign(came_back=False), "both kinds are needed"),
        (lambda t: t.assign(customer_id=-1 - t["customer_id"]), "have no sequence"),
        (lambda t: t.assign(customer_id=0).iloc[:2].assign(came_back=[True, False]), "1 customer leaves none"),
    ],
)
def test_a_table_that_cannot_be_learnt_from_is_refused(change, message):
    sequences, table = toy()
    with pytest.raises(ValueError, match=message):
        SequenceModel(sequences).fit(change(table))


def test_a_model_that_was_never_fitted_says_so():
    sequences, table = toy()
    with pytest.raises(ValueError, match="call fit first"):
        SequenceModel(sequences).predict_probability(table)


def test_importing_the_room_loads_no_tensorflow():
    code = "import sys, clvlib.retention; sys.exit(any(name in sys.modules for name in ('tensorflow', 'keras')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
