"""The leak meter: which protocol lets a model see what, and that it measures what it pretends to."""

import numpy as np
import pandas as pd
import pytest

from clvlib.datasets import load
from clvlib.metrics.race import Comparison
from clvlib.split import backtest
from clvlib.value.learning.supervised import SupervisedModel
from clvlib.value.race.leak import PROTOCOLS, leak_meter

CUT, HORIZON = pd.Timestamp("1997-12-31"), 91


@pytest.fixture(scope="module")
def lines():
    return load("cdnow").lines


@pytest.fixture(scope="module")
def measured(lines):
    model = SupervisedModel("decision_tree")
    return leak_meter(model, lines, cut=CUT, horizon_days=HORIZON, n_dates=4, n_folds=3)


class Spy:
    """Notes which rows it was trained on and asked for."""

    def __init__(self):
        self.fits, self.asked, self.given = [], [], None

    def fit(self, snapshots, *, horizon_days):
        self.fits.append(snapshots[["customer_id", "origin"]])
        return self

    def predict(self, features):
        self.asked.append(features["customer_id"])
        assert "holdout_amount" not in features
        return features[["customer_id"]].assign(expected_amount=1.0)

    def fit_predict(self, calibration, *, cut, horizon_days):
        self.given = calibration
        customers = calibration.loc[calibration["amount"] >= 0, "customer_id"].unique()
        return pd.DataFrame({"customer_id": customers, "expected_amount": 1.0})


def test_each_protocol_lets_the_model_see_what_it_says(lines):
    spy = Spy()
    table = leak_meter(spy, lines, cut=CUT, horizon_days=HORIZON, n_dates=3, n_folds=4)
    assert spy.given["timestamp"].max() < CUT
    rows, customers = spy.fits[:4], spy.fits[4:]
    assert len(spy.fits) == len(spy.asked) == 8
    for fit, asked in zip(rows, spy.asked[:4], strict=True):
        seen = set(fit["customer_id"]) & set(asked)
        assert len(seen) > 0.9 * len(asked), "a random row has left its neighbours behind"
        assert not set(fit.loc[fit["origin"] == CUT, "customer_id"]) & set(asked)
    for fit, asked in zip(customers, spy.asked[4:], strict=True):
        assert not set(fit["customer_id"]) & set(asked)
        assert (fit["origin"] == CUT).any(), "it knows the holdout's season from others"
    assert table.groupby("model")["customer_id"].nunique().to_dict() == dict.fromkeys(PROTOCOLS, 2357)
    assert not table["expected_amount"].isna().any()


def test_rows_at_random_seem_better_than_they_are_on_cdnow(measured):
    gain = Comparison(measured, n_resamples=200).differences("gini", baseline="before the cut")
    assert gain.loc["rows at random", "verdict"] == "better"
    assert gain.loc["rows at random", "difference"] > 0.03
    assert gain.loc["customers at random", "difference"] < gain.loc["rows at random", "difference"]


def test_the_honest_protocol_is_that_of_the_race(lines, measured):
    race = backtest({"tree": SupervisedModel("decision_tree")}, lines, origins=[CUT], horizon_days=HORIZON)
    own = measured[measured["model"] == "before the cut"].set_index("customer_id").sort_index()
    other = race.predictions.set_index("customer_id").sort_index()
    np.testing.assert_allclose(own["expected_amount"], other["expected_amount"])
    np.testing.assert_allclose(own["holdout_amount"], other["holdout_amount"])


def test_the_same_seed_deals_the_same_folds(lines, measured):
    again = leak_meter(SupervisedModel("decision_tree"), lines, cut=CUT, horizon_days=HORIZON, n_dates=4, n_folds=3)
    pd.testing.assert_frame_equal(measured, again)


def test_a_split_that_is_none_is_refused(lines):
    with pytest.raises(ValueError, match="2 folds"):
        leak_meter(Spy(), lines, cut=CUT, horizon_days=HORIZON, n_folds=1)
    with pytest.raises(ValueError, match="shorter horizon"):
        leak_meter(Spy(), lines, cut="1998-06-01", horizon_days=HORIZON)
