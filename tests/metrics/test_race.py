"""Models against each other: paired intervals against naive resampling, and verdicts that chance cannot buy."""

import numpy as np
import pandas as pd
import pytest

from clvlib.metrics.race import MEASURES, Comparison, coverage_table, totals_table
from clvlib.metrics.value import gini, revenue_captured, value_table


def _race(n=300, n_origins=3, seed=0, **models):
    """Customers with own means; ``models`` maps a name to (share of signal, noise, factor)."""
    rng = np.random.default_rng(seed)
    worth = rng.gamma(0.5, 20.0, size=n)
    parts = []
    for o in range(n_origins):
        spent = np.where(rng.uniform(size=n) < 0.5, 0.0, rng.poisson(worth) * 2.0)
        for name, (signal, noise, factor) in models.items():
            told = factor * (signal * worth + (1 - signal) * worth.mean() + noise * rng.gamma(1.0, 10.0, size=n))
            parts.append(
                pd.DataFrame(
                    {
                        "origin": pd.Timestamp("2024-01-01") + pd.Timedelta(days=90 * o),
                        "model": name,
                        "customer_id": [f"c{i:04d}" for i in range(n)],
                        "expected_amount": told,
                        "holdout_amount": spent,
                    }
                )
            )
    return pd.concat(parts, ignore_index=True)


GOOD, POOR = (1.0, 0.0, 1.0), (0.3, 1.0, 1.3)


def test_values_are_means_over_origins_of_the_measures():
    predictions = _race(good=GOOD, poor=POOR)
    table = Comparison(predictions).table()
    each = [
        value_table(part["holdout_amount"], {"good": part["expected_amount"]}).loc["good"]
        for _, part in predictions[predictions["model"] == "good"].groupby("origin")
    ]
    for measure in set(MEASURES) - {"absolute_bias"}:
        assert table.loc["good", measure] == pytest.approx(np.mean([row[measure] for row in each]))
    assert table.loc["good", "total_bias"] == pytest.approx(sum(row["total_bias"] for row in each))
    assert table.loc["good", "absolute_bias"] == pytest.approx(np.mean([abs(row["relative_bias"]) for row in each]))


@pytest.mark.parametrize("measure", ["gini", "captured_10", "mean_absolute_error"])
def test_intervals_match_a_bootstrap_that_copies_rows(measure):
    """The slow way: draw customers, stack their rows, measure, subtract; other draws, so equal up to Monte Carlo."""
    predictions = _race(n=200, n_origins=2, good=GOOD, poor=POOR)
    found = Comparison(predictions, n_resamples=4000, resample_origins=False).differences(measure, baseline="poor")
    wide = {
        origin: part.pivot(index="customer_id", columns="model", values="expected_amount").assign(
            spent=part[part["model"] == "good"].set_index("customer_id")["holdout_amount"]
        )
        for origin, part in predictions.groupby("origin")
    }

    def measured(rows, model):
        if measure == "gini":
            return gini(rows["spent"], rows[model])
        if measure == "captured_10":
            return revenue_captured(rows["spent"], rows[model], share=0.1)
        return (rows["spent"] - rows[model]).abs().mean()

    rng = np.random.default_rng(7)
    draws = []
    for _ in range(800):
        who = rng.integers(200, size=200)
        drawn = [table.iloc[who] for table in wide.values()]
        draws.append(np.mean([measured(rows, "good") - measured(rows, "poor") for rows in drawn]))
    low, high = np.quantile(draws, [0.025, 0.975])
    width = high - low
    assert found.loc["good", "low"] == pytest.approx(low, abs=0.12 * width)
    assert found.loc["good", "high"] == pytest.approx(high, abs=0.12 * width)


def test_a_better_model_is_found_whichever_way_the_measure_runs():
    comparison = Comparison(_race(good=GOOD, poor=POOR), n_resamples=300)
    for measure in ("gini", "root_mean_squared_error", "mean_absolute_error"):
        table = comparison.differences(measure, baseline="poor")
        assert table.loc["good", "verdict"] == "better", measure
        assert table.loc["good", "origins_better"] == 3
        assert table.loc["poor", ["difference", "low", "high", "verdict"]].tolist() == [0.0, 0.0, 0.0, "baseline"]
        assert comparison.differences(measure, baseline="good").loc["poor", "verdict"] == "worse"


def test_equal_models_are_told_apart_about_as_seldom_as_promised():
    shown = 0
    for seed in range(60):
        predictions = _race(n=150, n_origins=1, seed=seed, one=(0.8, 0.5, 1.0), two=(0.8, 0.5, 1.0))
        table = Comparison(predictions, n_resamples=200, random_state=seed).differences("gini", baseline="one")
        shown += table.loc["two", "verdict"] != "no difference shown"
    assert shown <= 9, "5 % of 60 is 3; above 9 has a probability of 0.002"


def test_other_seasons_widen_the_interval():
    predictions = _race(n=400, n_origins=4, good=GOOD, poor=POOR)
    last = predictions["origin"] == predictions["origin"].max()
    predictions.loc[last & predictions["model"].eq("good"), "expected_amount"] *= 5
    widths = []
    for resample_origins in (False, True):
        comparison = Comparison(predictions, n_resamples=400, resample_origins=resample_origins)
        row = comparison.differences("mean_absolute_error", baseline="poor").loc["good"]
        widths.append(row["high"] - row["low"])
    assert widths[1] > 2 * widths[0]


def test_the_same_seed_gives_the_same_intervals_in_any_order_of_rows():
    predictions = _race(n=100, good=GOOD, poor=POOR)
    one = Comparison(predictions, n_resamples=50, random_state=3).differences("gini", baseline="poor")
    again = Comparison(predictions, n_resamples=50, random_state=3).differences("gini", baseline="poor")
    other = Comparison(predictions, n_resamples=50, random_state=4).differences("gini", baseline="poor")
    pd.testing.assert_frame_equal(one, again)
    by_model = predictions["model"].map({"good": 0, "poor": 1})
    shuffled = predictions.sample(frac=1.0, random_state=1).loc[lambda rows: by_model[rows.index].sort_values().index]
    turned = Comparison(shuffled, n_resamples=50, random_state=3).differences("gini", baseline="poor")
    pd.testing.assert_frame_equal(one, turned)
    assert not one.equals(other)


def test_a_model_that_failed_at_an_origin_is_set_apart():
    predictions = _race(good=GOOD, poor=POOR, lost=GOOD)
    gone = predictions["model"].eq("lost") & predictions["origin"].eq(predictions["origin"].min())
    comparison = Comparison(predictions[~gone], n_resamples=20)
    assert comparison.models == ["good", "poor"]
    assert comparison.incomplete == {"lost": 2}
    with pytest.raises(ValueError, match="no complete model 'lost' in this race; there are good, poor"):
        comparison.differences("gini", baseline="lost")


def test_verdicts_believe_a_model_only_where_its_gain_is_shown():
    comparison = Comparison(_race(good=GOOD, rule=POOR, other=POOR), n_resamples=300)
    table = comparison.verdicts({"whom": "gini", "how far": "root_mean_squared_error"}, simple=["rule"])
    assert table["believe"].tolist() == ["good", "good"]
    assert (table["gain"] > 0).all()
    assert (table["low"] > 0).all()
    noise = Comparison(_race(one=POOR, rule=GOOD), n_resamples=300).verdicts({"whom": "gini"}, simple=["rule"])
    assert noise.loc["whom", "believe"] == "rule"
    assert noise.loc["whom", "high"] < 0


def test_the_best_of_many_useless_models_is_not_believed():
    """Chosen and judged on the same money, the luckiest of 20 copies of the rule would often seem to win."""
    believed = 0
    for seed in range(10):
        copies = {f"copy {i}": (0.5, 1.0, 1.0) for i in range(20)}
        predictions = _race(n=150, n_origins=3, seed=seed, rule=(0.5, 1.0, 1.0), **copies)
        comparison = Comparison(predictions, n_resamples=100)
        table = comparison.verdicts({"whom": "gini"}, simple=["rule"], resample_origins=False)
        believed += table.loc["whom", "believe"] != "rule"
    assert believed <= 2


def test_intervals_for_all_models_at_once_grow_with_their_number():
    copies = {f"model {i}": (0.6, 0.8, 1.0) for i in range(12)}
    predictions = _race(n=200, rule=POOR, **copies)
    few = predictions[predictions["model"].isin(["rule", "model 0"])]
    one = Comparison(few, n_resamples=400).verdicts({"whom": "gini"}, simple=["rule"]).loc["whom"]
    single = Comparison(few, n_resamples=400).differences("gini", baseline="rule").loc["model 0"]
    assert one["gain"] == pytest.approx(single["difference"])
    assert one["high"] - one["low"] == pytest.approx(single["high"] - single["low"], rel=0.1)
    many = Comparison(predictions, n_resamples=400).verdicts({"whom": "gini"}, simple=["rule"]).loc["whom"]
    assert many["high"] - many["low"] > 1.2 * (one["high"] - one["low"])


def test_with_one_origin_only_customers_are_drawn():
    comparison = Comparison(_race(n_origins=1, good=GOOD, rule=POOR), n_resamples=100)
    both = [comparison.verdicts({"whom": "gini"}, simple=["rule"], resample_origins=flag) for flag in (True, False)]
    pd.testing.assert_frame_equal(*both)


def test_a_model_shown_to_win_is_believed_before_one_that_leads_by_chance():
    predictions = _race(n=400, n_origins=3, rule=POOR, steady=(0.9, 0.1, 1.0), wild=GOOD)
    wild = predictions["model"].eq("wild")
    last = predictions["origin"].eq(predictions["origin"].max())
    # brilliant but for one origin, where it says nearly nothing: on average ahead, from season to season not
    predictions.loc[wild & ~last, "expected_amount"] = predictions.loc[wild & ~last, "holdout_amount"]
    predictions.loc[wild & last, "expected_amount"] = 0.0
    row = Comparison(predictions, n_resamples=300).verdicts({"whom": "gini"}, simple=["rule"]).loc["whom"]
    assert row["believe"] == row["model"] == "steady"
    assert row["shown"] == 1


def test_bias_by_origin_keeps_its_sign():
    table = Comparison(_race(high=(1.0, 0.0, 3.0), low=(1.0, 0.0, 0.1))).by_origin("relative_bias")
    assert (table.loc["high"] > 0).all()
    assert (table.loc["low"] < 0).all()
    assert table.shape == (2, 3)


def test_totals_by_hand():
    predictions = pd.DataFrame(
        {
            "origin": ["o", "o", "p", "p"],
            "model": "m",
            "expected_amount": [3.0, 3.0, 1.0, 1.0],
            "holdout_amount": [4.0, 4.0, 1.0, 0.0],
            "expected_purchases": np.nan,
            "holdout_frequency": [1.0, 2.0, 1.0, 0.0],
        }
    )
    table = totals_table(predictions)
    assert table["amount_bias"].tolist() == [-0.25, 1.0]
    assert table["purchases"].tolist() == [3.0, 1.0]
    assert table["purchases_bias"].isna().all()


def test_coverage_by_model_and_origin():
    predictions = _race(n=100, n_origins=2, sure=GOOD, silent=GOOD)
    predictions["amount_p05"] = np.where(predictions["model"] == "sure", 0.0, np.nan)
    predictions["amount_p95"] = np.where(predictions["model"] == "sure", 10.0, np.nan)
    table = coverage_table(predictions)
    assert table.index.get_level_values("model").unique().tolist() == ["sure"]
    first = predictions[(predictions["model"] == "sure") & (predictions["origin"] == predictions["origin"].min())]
    assert table["inside"].iloc[0] == (first["holdout_amount"] <= 10).sum()
    assert coverage_table(predictions.assign(amount_p05=np.nan)).empty


def test_what_cannot_be_compared_is_refused():
    predictions = _race(n=50, good=GOOD, poor=POOR)
    with pytest.raises(ValueError, match=r"measure is 'auc'; it must be one of absolute_bias.*captured_20"):
        Comparison(predictions).differences("auc", baseline="good")
    with pytest.raises(ValueError, match="0 simple rules and 2 other models"):
        Comparison(predictions).verdicts({"whom": "gini"}, simple=[])
    with pytest.raises(ValueError, match="at least 2 customers"):
        Comparison(predictions[predictions["customer_id"] == "c0000"])
    few = predictions.assign(holdout_amount=0.0)
    few.loc[few["customer_id"] == "c0001", "holdout_amount"] = 5.0
    with pytest.raises(ValueError, match=r"gini has no value in \d+ of 500 resamples"):
        Comparison(few).differences("gini", baseline="good")
