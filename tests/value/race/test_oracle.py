"""The oracle of the simulated shop against shops simulated many times over."""

import numpy as np
import pandas as pd
import pytest

from clvlib.datasets import load, make_shop
from clvlib.metrics.value import gini
from clvlib.split import backtest
from clvlib.value.race.contenders import LastPeriod, MeanBaseline, summary_at
from clvlib.value.race.oracle import regret_table, true_value

CUT, HORIZON = pd.Timestamp("2024-04-01"), 91  # the first campaign starts the day after


def _holdout(shop):
    lines = shop.lines
    inside = (lines["timestamp"] >= CUT) & (lines["timestamp"] < CUT + pd.Timedelta(days=HORIZON))
    return lines[inside]


def test_expected_orders_and_money_are_those_of_many_simulated_shops():
    orders, money, spread = [], [], []
    for seed in range(6):
        shop = make_shop(n_customers=3000, n_items=50, random_state=seed)
        truth, held = true_value(shop.tables, cut=CUT, horizon_days=HORIZON), _holdout(shop)
        held = held[held["customer_id"].isin(truth["customer_id"])]
        happened = held.loc[held["amount"] > 0, "order_id"].nunique()
        orders.append(happened - truth["expected_purchases"].sum())
        spread.append(truth["expected_purchases"].sum())
        money.append(held["amount"].sum() / truth["expected_amount"].sum() - 1)
    # orders are Poisson but for dropout to come, which both expectation and outcome share on average
    assert abs(np.sum(orders)) < 4 * np.sum(spread) ** 0.5
    assert abs(np.mean(money)) < 0.03


def test_campaigns_are_in_the_expectation():
    shop = make_shop(n_customers=2000, n_items=50, random_state=3)
    truth = true_value(shop.tables, cut=CUT, horizon_days=HORIZON).set_index("customer_id")
    quiet = {**shop.tables, "contacts": shop.tables["contacts"].assign(treated=False)}
    without = true_value(quiet, cut=CUT, horizon_days=HORIZON).set_index("customer_id")
    response = shop.tables["truth"].set_index("customer_id")["response"].reindex(truth.index)
    contacts = shop.tables["contacts"]
    treated = truth.index.isin(contacts.loc[contacts["treated"] & contacts["campaign_id"].eq("K01"), "customer_id"])
    more = truth["expected_purchases"] - without["expected_purchases"]
    assert (more[treated & response.eq("persuadable") & truth["alive"]] > 0).all()
    assert (more[treated & response.eq("put_off") & truth["alive"]] < 0).all()
    assert (more[~treated] == 0).all()


def test_nobody_beats_the_oracle_and_who_is_lost_is_worth_nothing():
    shop = load("shop")
    truth = true_value(shop.tables, cut=CUT, horizon_days=HORIZON).set_index("customer_id")
    assert (truth.loc[~truth["alive"], "expected_amount"] == 0).all()
    before = shop.lines[shop.lines["timestamp"] < CUT]
    known = summary_at(before, cut=CUT)["customer_id"]
    spent = _holdout(shop).groupby("customer_id")["amount"].sum().reindex(known, fill_value=0.0)
    rule = LastPeriod().fit_predict(before, cut=CUT, horizon_days=HORIZON).set_index("customer_id")["expected_amount"]
    assert gini(spent, truth["expected_amount"].reindex(known)) > gini(spent, rule.reindex(known))


def test_everybody_known_at_the_cut_has_a_truth():
    shop = load("shop")
    known = summary_at(shop.lines[shop.lines["timestamp"] < CUT], cut=CUT)["customer_id"]
    assert known.tolist() == true_value(shop.tables, cut=CUT, horizon_days=HORIZON)["customer_id"].tolist()


def test_regret_is_what_a_choice_leaves_lying():
    shop = load("shop")
    origins = [CUT, CUT + pd.Timedelta(days=HORIZON)]
    race = backtest({"mean": MeanBaseline(), "last": LastPeriod()}, shop.lines, origins=origins, horizon_days=HORIZON)
    table = regret_table(race.predictions, shop.tables, horizon_days=HORIZON)
    assert table.index.tolist() == ["mean", "last", "oracle"]
    assert table.loc["oracle", ["regret", "regret_amount", "true_gini"]].tolist() == pytest.approx([0.0, 0.0, 1.0])
    assert 0 < table.loc["last", "regret"] < table.loc["mean", "regret"] < 1
    assert table.loc["last", "realised_gini"] < table.loc["oracle", "realised_gini"] < 1
    # a choice that orders nobody reaches a tenth of the money
    reached = []
    for origin in origins:
        value = true_value(shop.tables, cut=origin, horizon_days=HORIZON)["expected_amount"].to_numpy()
        best = np.sort(value)[::-1][:200].sum()
        reached.append(1 - 0.1 * value.sum() / best)
    assert table.loc["mean", "regret"] == pytest.approx(np.mean(reached))


def test_real_customers_have_no_oracle():
    with pytest.raises(ValueError, match=r"no table truth, customers.*simulated shops only"):
        true_value(load("cdnow").tables, cut=CUT, horizon_days=HORIZON)
