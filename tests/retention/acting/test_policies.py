"""Policies against the single functions they are made of, and the effects at which a decision flips."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clvlib.metrics.intervals import bootstrap_interval
from clvlib.retention.acting.actions import Action, realised_profit
from clvlib.retention.acting.policies import effect_sensitivity, flip_effects, policy_table

COUPON = Action("coupon", high=0.3, assumed_effect=0.1, cost_per_contact=0.1, discount_per_return=1.0)


@pytest.fixture(scope="module")
def weeks():
    """150 customers in up to ten weeks each, their own probability, and who came back."""
    rng = np.random.default_rng(0)
    n_rows = rng.integers(1, 11, 150)
    customer = np.repeat([f"c{i}" for i in range(150)], n_rows)
    p = np.repeat(rng.beta(1, 4, 150), n_rows)
    return customer, p, rng.random(len(p)) < p


def test_rows_are_realised_profit_with_the_bootstrap_of_customers(weeks):
    customer, p, outcome = weeks
    treated = p < 0.2
    table = policy_table(
        outcome, {"rule": treated}, COUPON, value_per_return=6.0, groups=customer, n_resamples=300, random_state=5
    )
    each = realised_profit(outcome, treated, COUPON, value_per_return=6.0)
    everyone = realised_profit(outcome, np.ones(len(p), bool), COUPON, value_per_return=6.0)
    options = {"groups": customer, "n_resamples": 300, "random_state": 5}
    row = table.loc["rule"]
    assert (row["treated"], row["share_treated"]) == (treated.sum(), treated.mean())
    assert row["profit"] == pytest.approx(each.mean())
    assert (row["low"], row["high"]) == pytest.approx(bootstrap_interval(each, **options))
    paired = (row["over_everybody_low"], row["over_everybody_high"])
    assert paired == pytest.approx(bootstrap_interval(each - everyone, **options))


def test_nobody_earns_nothing_and_everybody_is_no_better_than_itself(weeks):
    customer, p, outcome = weeks
    table = policy_table(outcome, {}, COUPON, value_per_return=6.0, groups=customer, n_resamples=50, random_state=0)
    assert table.index.tolist() == ["nobody", "everybody"]
    assert (table.loc["nobody", ["profit", "low", "high"]] == 0).all()
    names = ["over_everybody", "over_everybody_low", "over_everybody_high"]
    assert (table.loc["everybody", names] == 0).all()
    nobody, everybody = table.loc["nobody"], table.loc["everybody"]
    assert nobody["over_everybody_low"] == pytest.approx(-everybody["high"])
    own = policy_table(
        outcome, {"everybody": p >= 0, "nobody": p < 0}, COUPON, value_per_return=6.0, groups=customer,
        n_resamples=50, random_state=0,
    )  # fmt: skip
    assert own.equals(table)


def test_a_paired_difference_is_narrower_than_two_intervals_side_by_side(weeks):
    customer, p, outcome = weeks
    options = {"groups": customer, "random_state": np.random.default_rng(0)}
    table = policy_table(outcome, {"nearly all": p < 0.7}, COUPON, value_per_return=6.0, **options)
    row = table.loc["nearly all"]
    assert row["over_everybody_high"] - row["over_everybody_low"] < 0.6 * (row["high"] - row["low"])


@given(
    st.lists(st.floats(0.0, 0.95), min_size=2, max_size=20),
    st.floats(0, 3),
    st.floats(0, 2),
    st.floats(3, 50),
)
def test_at_the_effect_where_it_flips_a_policy_earns_nothing(p, cost, discount, value):
    action = Action("x", high=0.5, cost_per_contact=cost, discount_per_return=discount)
    flips = flip_effects(p, action, value_per_return=value, n_resamples=5, random_state=0).set_index("decision")
    at = {name: effect for name, effect in flips["effect"].items() if effect == effect}
    known = effect_sensitivity(p, action, value_per_return=value, effects=list(at.values()) or [0.0])
    for row, name in enumerate(at):
        column = {"rule": "rule", "everybody": "everyone"}.get(name)
        if column:
            assert known.loc[row, column] == pytest.approx(0, abs=1e-9 * (1 + value))
    edges = flips.loc[["anyone", "everybody", "last"], "effect"].dropna()
    assert edges.is_monotonic_increasing or np.ptp(edges) < 1e-12


def test_below_the_first_flip_nobody_is_worth_treating_and_above_the_last_all_are(weeks):
    _, p, _ = weeks
    flips = flip_effects(p, COUPON, value_per_return=6.0, random_state=0).set_index("decision")["effect"]
    table = effect_sensitivity(
        p, COUPON, value_per_return=6.0,
        effects=[flips["anyone"] - 1e-6, flips["anyone"] + 1e-6, min(1.0, flips.get("last", 1.0) + 1e-6)],
    )  # fmt: skip
    shares = table["share_treated"]
    assert shares[0] == 0
    assert 0 < shares[1] < 1
    assert shares[2] == 1


def test_the_interval_of_a_flip_holds_the_truth_and_is_wider_by_customers(weeks):
    customer, p, _ = weeks
    by_rows, by_customers = (
        flip_effects(p, COUPON, value_per_return=6.0, groups=groups, random_state=0).set_index("decision")
        for groups in (None, customer)
    )
    width = (by_customers["high"] - by_customers["low"]) / (by_rows["high"] - by_rows["low"])
    assert (width[["rule", "everybody"]] > 1.5).all()
    mean = 0.2  # of Beta(1, 4)
    truth = (mean * 1.0 + 0.1) / ((6.0 - 1.0) * (1 - mean))
    assert by_customers.loc["everybody", "low"] < truth < by_customers.loc["everybody", "high"]
    assert by_rows.loc[["anyone", "last"], ["low", "high"]].isna().all(axis=None)


def test_with_outcomes_a_rule_flips_at_the_share_that_came_back_whatever_the_model_says(weeks):
    customer, p, outcome = weeks
    told, options = p / 2, {"value_per_return": 6.0, "groups": customer, "random_state": 0}  # a model that says too low
    flips = flip_effects(told, COUPON, outcome=outcome, **options).set_index("decision")
    believed = flip_effects(told, COUPON, **options).set_index("decision")
    for name, rows in {"rule": COUPON.fires(told), "everybody": p >= 0}.items():
        share = outcome[rows].mean()
        assert flips.loc[name, "effect"] == pytest.approx((share * 1.0 + 0.1) / (5.0 * (1 - share)))
        assert believed.loc[name, "effect"] < flips.loc[name, "low"]  # the interval of the outcomes knows better
    assert flips.loc[["anyone", "last"]].equals(believed.loc[["anyone", "last"]])
    effect = flips.loc["rule", "effect"]
    curve = effect_sensitivity(told, COUPON, value_per_return=6.0, effects=[effect], outcome=outcome)
    assert curve["rule"].item() == pytest.approx(0, abs=1e-12)


def test_expected_stands_beside_realised_and_agrees_where_the_probabilities_are_right(weeks):
    customer, p, outcome = weeks
    options = {"value_per_return": 6.0, "groups": customer, "random_state": 0}
    policies = {"rule": COUPON.fires(p)}
    table = policy_table(outcome, policies, COUPON, probability=p, **options)
    assert table.drop(columns="expected").equals(policy_table(outcome, policies, COUPON, **options))
    assert table["expected"].between(table["low"], table["high"]).all()
    assert table.loc["rule", "expected"] == pytest.approx(
        np.where(p < 0.3, COUPON.profit(p, value_per_return=6.0), 0).mean()
    )
    assert (table.loc["nobody", ["profit", "expected"]] == 0).all()


def test_no_effect_is_enough_where_a_return_brings_nothing_or_all_come_anyway():
    dear = Action("dear", cost_per_contact=5.0, discount_per_return=1.0)
    assert flip_effects([0.1, 0.2], dear, value_per_return=1.0, random_state=0)["effect"].isna().all()
    assert flip_effects([0.1, 0.2], dear, value_per_return=4.0, random_state=0)["effect"].isna().all()
    assert flip_effects([1.0, 1.0], COUPON, value_per_return=6.0, random_state=0)["effect"].isna().all()
    never = Action("never", high=0.0, cost_per_contact=0.1)
    rule = flip_effects([0.1, 0.2], never, value_per_return=6.0, random_state=0).set_index("decision").loc["rule"]
    assert rule["customers"] == 0
    assert np.isnan(rule["effect"])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda **o: policy_table([], {}, COUPON, **o), "non-empty"),
        (lambda **o: policy_table([0, 1], {"all": [True]}, COUPON, **o), r"'all' has shape \(1,\) for 2 outcomes"),
        (lambda **o: policy_table([0, 1], {"p": [0.2, 0.7]}, COUPON, **o), "'p' is not true or false"),
        (lambda **o: policy_table([0, 1], {"p": [None, True]}, COUPON, **o), "missing in 1 of 2"),
        (lambda **o: policy_table([0, 1], None, COUPON, **o), "by name"),
        (lambda **o: policy_table([0, np.nan], {}, COUPON, **o), "1 of 2 outcomes are NaN"),
        (lambda **o: policy_table([0, 1], {}, COUPON, groups=["a"], **o), "match one to one"),
        (lambda **o: policy_table([0, 1], {"x": [1, 0]}, COUPON, groups=["a", "a"], **o), "use more"),
        (lambda **o: policy_table([0, 1], {}, COUPON, probability=[0.5], **o), "equally long"),
        (lambda **o: flip_effects([0.2, 1.2], COUPON, **o), "outside 0 to 1"),
        (lambda **o: flip_effects([0.2, 0.3], COUPON, outcome=[0], **o), "equally long"),
        (lambda **o: flip_effects([0.2, 0.3], COUPON, outcome=[0, np.nan], **o), "1 of 2 outcomes"),
    ],
)
def test_wrong_input_is_refused_with_a_reason(call, message):
    with pytest.raises(ValueError, match=message):
        call(value_per_return=6.0, random_state=0)
