"""Rules of thumb by hand, on a log small enough to see through, and what all contenders have in common."""

import numpy as np
import pandas as pd
import pytest

from clvlib.datasets import load
from clvlib.rfm import rfm_summary
from clvlib.split import backtest, rolling_origins
from clvlib.value.race.rules_of_thumb import (
    HiatusRule,
    LastPeriod,
    MeanBaseline,
    OwnPastRate,
    RecencyFrequencyCells,
    summary_at,
)

CUT = pd.Timestamp("2024-03-01")  # 60 days after the log begins
RULES = {
    "mean": MeanBaseline(),
    "last period": LastPeriod(),
    "own rate": OwnPastRate(),
    "hiatus": HiatusRule(),
    "cells": RecencyFrequencyCells(),
}


@pytest.fixture
def lines():
    """Horizon of 20 days: the last period begins on 2024-02-10. d comes in it for the first time."""
    rows = [
        ("a", "2024-01-01", 10.0),
        ("a", "2024-01-31", 20.0),
        ("a", "2024-02-20", 30.0),
        ("b", "2024-01-11", 40.0),
        ("c", "2024-01-21", 5.0),
        ("c", "2024-02-15", 15.0),
        ("c", "2024-02-16", -25.0),
        ("d", "2024-02-25", 8.0),
    ]
    log = pd.DataFrame(rows, columns=["customer_id", "timestamp", "amount"])
    return log.assign(timestamp=pd.to_datetime(log["timestamp"]))


def _said(contender, lines, horizon_days=20):
    table = contender.fit_predict(lines, cut=CUT, horizon_days=horizon_days)
    return table.set_index("customer_id")["expected_amount"].to_dict()


def test_the_mean_is_over_everybody_known_when_the_period_began(lines):
    # a 30, b 0, c 15 - 25; d was not there yet
    assert _said(MeanBaseline(), lines) == pytest.approx(dict.fromkeys("abcd", 20 / 3))


def test_the_last_period_is_carried_forward_and_never_below_zero(lines):
    assert _said(LastPeriod(), lines) == {"a": 30.0, "b": 0.0, "c": 0.0, "d": 8.0}


def test_the_own_rate_is_repeat_money_by_age(lines):
    # a: 50 in 59 days (2024-01-01 to 02-29), c: 15 - 25 is nothing, b and d bought once
    assert _said(OwnPastRate(), lines) == pytest.approx({"a": 50 / 59 * 20, "b": 0.0, "c": 0.0, "d": 0.0})


def test_who_stays_away_longer_than_the_hiatus_is_gone(lines):
    # a was last seen on 02-20, ten days before the cut
    assert _said(HiatusRule(hiatus_days=10), lines)["a"] == pytest.approx(50 / 59 * 20)
    assert _said(HiatusRule(hiatus_days=9), lines)["a"] == 0.0


def test_the_hiatus_is_the_one_that_told_who_came_back(lines):
    # on 02-10: a away 10 days and came back, c away 20 and came back, b away 30 and did not
    rule = HiatusRule()
    _said(rule, lines)
    assert rule.hiatus_days_ == 20
    assert rule.notes_ == ["hiatus 20 days"]


def test_cells_say_what_customers_who_stood_there_brought():
    rng = np.random.default_rng(0)
    rows = []
    for i in range(300):
        regular = i % 3 == 0
        days = [0, 30, 50] if regular else [i % 40]
        rows += [(f"c{i:03d}", day, 10.0) for day in days]
        rows += [(f"c{i:03d}", 65, 30.0)] if regular and rng.uniform() < 0.5 else []
    log = pd.DataFrame(rows, columns=["customer_id", "day", "amount"])
    log["timestamp"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(log.pop("day"), unit="D")
    rule = RecencyFrequencyCells(n_groups=3, min_customers=10)
    cut = pd.Timestamp("2024-01-01") + pd.Timedelta(days=80)
    told = rule.fit_predict(log, cut=cut, horizon_days=20).set_index("customer_id")["expected_amount"]
    regulars = [f"c{i:03d}" for i in range(0, 300, 3)]
    spent = log[log["timestamp"] >= cut - pd.Timedelta(days=20)].groupby("customer_id")["amount"].sum()
    assert told[regulars].to_numpy() == pytest.approx(spent.reindex(regulars, fill_value=0).mean())
    assert (told.drop(regulars) == 0).all()


def test_a_grid_too_thin_says_what_everybody_does():
    log = load("cdnow").lines
    cut = pd.Timestamp("1997-10-01")
    before = log[log["timestamp"] < cut]
    rule = RecencyFrequencyCells(min_customers=10**6)
    told = rule.fit_predict(before, cut=cut, horizon_days=91)["expected_amount"]
    mean = MeanBaseline().fit_predict(before, cut=cut, horizon_days=91)["expected_amount"]
    np.testing.assert_allclose(told, mean)


def test_a_log_no_longer_than_the_horizon_is_scaled_and_says_so(lines):
    rule = LastPeriod()
    told = _said(rule, lines, horizon_days=90)
    # 60 days before the cut: the last 30, from 01-31 on, stand for 90
    assert told == {"a": 150.0, "b": 0.0, "c": 0.0, "d": 24.0}
    assert rule.notes_ == ["only 60 days before the cut: the last 30 stand for 90"]


def test_age_counts_to_the_cut_though_nobody_bought_just_before_it(lines):
    quiet = summary_at(lines, cut=CUT, time_unit="D")
    assert quiet["T"].tolist() == [59.0, 49.0, 39.0, 4.0]
    to_the_last_line = rfm_summary(lines, calibration_end=pd.Timestamp("2024-02-26"), time_unit="D")
    assert (quiet["T"] - to_the_last_line["T"]).tolist() == [4.0] * 4
    pd.testing.assert_frame_equal(quiet.drop(columns="T"), to_the_last_line.drop(columns="T"))


@pytest.mark.parametrize("dataset", ["cdnow", "shop"])
def test_every_rule_runs_the_race_without_a_failure(dataset):
    log = load(dataset).lines
    origins = rolling_origins(log, n_origins=2, horizon_days=91, step_days=91)
    race = backtest(RULES, log, origins=origins, horizon_days=91)
    assert not race.runs["failed"].any(), race.runs["note"].tolist()
    assert (race.predictions["expected_amount"] >= 0).all()
    sizes = race.predictions.groupby(["origin", "model"]).size().unstack()
    assert (sizes.nunique(axis=1) == 1).all()


def test_the_mean_and_the_last_period_agree_on_the_total_where_nobody_is_new():
    """CDNOW wins no customer after the first quarter: both say that the total of the last period repeats."""
    log = load("cdnow").lines
    race = backtest(RULES, log, origins=["1997-10-01"], horizon_days=91)
    totals = race.predictions.groupby("model")["expected_amount"].sum()
    assert totals["mean"] == pytest.approx(totals["last period"])


def test_who_only_ever_returned_something_is_no_customer(lines):
    refund = pd.DataFrame({"customer_id": ["e"], "timestamp": [pd.Timestamp("2024-02-12")], "amount": [-5.0]})
    log = pd.concat([lines, refund], ignore_index=True)
    for rule in RULES.values():
        assert sorted(_said(rule, log)) == [*"abcd"]
