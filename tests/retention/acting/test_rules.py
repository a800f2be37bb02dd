"""Action rules: the document's own, hand-made ones, and profit worked out twice."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, logit
from scipy.stats import norm

from clvlib.datasets.toy import RETENTION_BETAS, RETENTION_HIGH, RETENTION_LOW
from clvlib.retention import (
    Action,
    audit_over_range,
    audit_rule,
    best_threshold,
    break_even_effect,
    break_even_probability,
    effect_sensitivity,
    logistic_probability,
    realised_profit,
)

DOCUMENT_RULE = [Action("coupon", high=RETENTION_LOW), Action("care", low=RETENTION_HIGH)]
COUPON = Action("coupon", high=0.5, assumed_effect=0.1, cost_per_contact=0.1, discount_per_return=1.0)


def test_document_003_coupon_never_fires_on_its_grid_erratum_e31():
    axes = np.meshgrid(np.arange(31), np.arange(31), np.arange(601), indexing="ij")
    grid = np.stack(axes, axis=-1).reshape(-1, 3)
    intercept, *coefficients = RETENTION_BETAS
    p = logistic_probability(grid, intercept=intercept, coefficients=coefficients)
    audit = audit_rule(p, DOCUMENT_RULE)
    assert audit.n_customers == 577_561
    branches = audit.branches.set_index("action")
    assert branches.loc["coupon", "fires"] == 0
    assert np.isnan(branches.loc["coupon", "mean_probability"])
    assert round(100 * branches.loc["care", "share"], 2) == 99.98
    assert audit.gaps[["low", "high"]].to_numpy().tolist() == [[0.5, 0.8]]
    assert audit.gaps["customers"].item() + branches["fires"].sum() == 577_561
    assert round(p.min(), 4) == 0.6225


def test_document_003_rule_on_standardised_features_erratum_e31():
    x = np.random.default_rng(0).standard_normal((2_000_000, 3))
    intercept, *coefficients = RETENTION_BETAS
    audit = audit_rule(expit(intercept + x @ np.array(coefficients)), DOCUMENT_RULE)
    coupon, care = audit.branches["share"]
    assert coupon == pytest.approx(0.0206, abs=0.0003)
    assert care == pytest.approx(0.00015, abs=0.00004)


def test_every_customer_falls_into_branches_gaps_and_overlaps_by_hand():
    p = [0.0, 0.1, 0.3, 0.3, 0.6, 0.9, 1.0]
    audit = audit_rule(p, [Action("mail", high=0.4), Action("call", low=0.3, high=0.5), Action("care", low=0.9)])
    assert audit.branches["fires"].tolist() == [4, 2, 2]
    assert audit.gaps[["low", "high", "customers"]].to_numpy().tolist() == [[0.5, 0.9, 1]]
    assert audit.overlaps[["low", "high", "customers", "actions"]].to_numpy().tolist() == [[0.3, 0.4, 2, "mail + call"]]


def test_a_rule_without_gaps_says_so_with_an_empty_table():
    audit = audit_rule([0.2, 0.7], [Action("all")])
    assert audit.gaps.empty
    assert audit.overlaps.empty
    assert list(audit.gaps.columns) == ["low", "high", "customers", "share"]


def test_a_threshold_of_zero_is_an_action_for_nobody():
    audit = audit_rule([0.0, 0.4, 1.0], [Action("coupon", high=0.0)])
    assert audit.branches["fires"].item() == 0
    assert audit.gaps["customers"].sum() == 3


def test_expected_profit_by_hand():
    row = audit_rule([0.2, 0.4, 0.9], [COUPON], value_per_return=6.0).branches.iloc[0]
    by_hand = (0.1 * 0.8 * 5 - 0.2 - 0.1) + (0.1 * 0.6 * 5 - 0.4 - 0.1)
    assert row["expected_profit"] == pytest.approx(by_hand, abs=1e-12)
    assert row["extra_returns"] == pytest.approx(0.1 * 1.4, abs=1e-12)
    assert row["mean_probability"] == pytest.approx(0.3)


@given(st.floats(0, 1), st.floats(0, 5), st.floats(0, 3), st.floats(0.1, 50))
def test_break_even_is_where_profit_changes_sign(effect, cost, discount, value):
    action = Action("x", assumed_effect=effect, cost_per_contact=cost, discount_per_return=discount)
    edge = break_even_probability(action, value_per_return=value)
    p = np.linspace(0, 1, 201)
    profit = action.profit(p, value_per_return=value)
    assert (profit[p < edge - 1e-9] > -1e-9).all()
    assert (profit[p > edge + 1e-9] < 1e-9).all()


def test_realised_profit_is_expected_profit_where_probabilities_are_true():
    rng = np.random.default_rng(0)
    p = rng.beta(1, 5, 400_000)
    outcome = rng.random(400_000) < p
    acted = COUPON.fires(p)
    realised = realised_profit(outcome, acted, COUPON, value_per_return=6.0)
    expected = audit_rule(p, [COUPON], value_per_return=6.0).branches["expected_profit"].item()
    assert realised.sum() == pytest.approx(expected, rel=0.02)
    assert (realised[~acted] == 0).all()


def test_best_threshold_finds_the_break_even_of_calibrated_probabilities():
    rng = np.random.default_rng(1)
    p = rng.uniform(0, 1, 60_000)
    outcome = rng.random(60_000) < p
    found = best_threshold(p, outcome, COUPON, value_per_return=6.0, random_state=0, n_resamples=200)
    truth = break_even_probability(COUPON, value_per_return=6.0)
    assert found.low <= truth <= found.high
    assert found.high - found.low < 0.1
    assert found.threshold == pytest.approx(truth, abs=0.04)
    treated = p < found.threshold
    mean = realised_profit(outcome, treated, COUPON, value_per_return=6.0).mean()
    assert found.profit_per_customer == pytest.approx(mean, abs=1e-12)
    assert found.profit_low < mean < found.profit_high


def test_best_threshold_against_trying_every_one():
    rng = np.random.default_rng(2)
    p, outcome = rng.uniform(0, 1, 60).round(1), rng.random(60) < 0.3
    found = best_threshold(p, outcome, COUPON, value_per_return=6.0, random_state=0, n_resamples=10)
    tried = [realised_profit(outcome, p < t, COUPON, value_per_return=6.0).mean() for t in np.linspace(0, 1.05, 2101)]
    assert found.profit_per_customer == pytest.approx(max(tried), abs=1e-12)


def test_acting_on_nobody_and_on_everybody_are_among_the_thresholds():
    p = np.array([0.1, 0.2, 0.3])
    dear = Action("dear", assumed_effect=0.1, cost_per_contact=100)
    cheap = Action("cheap", assumed_effect=0.5)
    options = {"value_per_return": 6.0, "random_state": 0, "n_resamples": 20}
    nobody = best_threshold(p, [0, 0, 1], dear, **options)
    assert (nobody.threshold, nobody.profit_per_customer) == (0.0, 0.0)
    everybody = best_threshold(p, [0, 0, 0], cheap, **options)
    assert (everybody.threshold, everybody.profit_per_customer) == (1.0, pytest.approx(3.0))
    two = best_threshold(p, [0, 0, 1], cheap, **options)
    assert (two.threshold, two.profit_per_customer) == (pytest.approx(0.25), pytest.approx(2.0))


def test_rows_of_one_customer_widen_the_threshold_interval():
    rng = np.random.default_rng(3)
    p = np.repeat(rng.uniform(0, 1, 300), 20)
    outcome = np.repeat(rng.random(300) < p[::20], 20)
    customer = np.repeat(np.arange(300), 20)
    options = {"value_per_return": 6.0, "random_state": 0, "n_resamples": 200}
    rows = best_threshold(p, outcome, COUPON, **options)
    whole = best_threshold(p, outcome, COUPON, groups=customer, **options)
    assert whole.profit_high - whole.profit_low > 2 * (rows.profit_high - rows.profit_low)


def test_sensitivity_rows_agree_with_the_audit():
    p = np.random.default_rng(4).beta(1, 4, 500)
    table = effect_sensitivity(p, COUPON, value_per_return=6.0, effects=[0.0, 0.02, 0.1, 0.3])
    audit = audit_rule(p, [COUPON], value_per_return=6.0).branches["expected_profit"].item() / 500
    assert table.loc[2, "rule"] == pytest.approx(audit, abs=1e-12)
    assert (table["break_even"] >= table[["rule", "everyone"]].max(axis=1) - 1e-12).all()
    assert (table["break_even"] >= 0).all()
    assert table.loc[0, "share_treated"] == 0
    assert table["break_even_probability"].is_monotonic_increasing


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: audit_rule([], [COUPON]), "non-empty"),
        (lambda: audit_rule([0.5, np.nan], [COUPON]), "1 of 2 probabilities"),
        (lambda: audit_rule([1.5], [COUPON]), "outside 0 to 1"),
        (lambda: audit_rule([0.5], []), "at least one action"),
        (lambda: audit_rule([0.5], [COUPON, COUPON]), "name of its own"),
        (lambda: Action("x", low=0.6, high=0.5), "low <= high"),
        (lambda: Action("x", assumed_effect=5), "share between 0 and 1"),
        (lambda: Action("x", cost_per_contact=-1), "zero or more"),
        (lambda: realised_profit([1, 0], [True], COUPON, value_per_return=1), r"treated has shape \(1,\) for 2"),
        (lambda: realised_profit([1, 0], [1, np.nan], COUPON, value_per_return=1), "treated is missing in 1 of 2"),
        (lambda: realised_profit([1, 0], ["a", "b"], COUPON, value_per_return=1), "treated is not true or false"),
        (lambda: realised_profit([1, 0], [1, 0.3], COUPON, value_per_return=1), "treated is not true or false"),
        (lambda: realised_profit([1, 0], [1, 0], COUPON, value_per_return=np.nan), "value_per_return must be a finite"),
        (lambda: audit_rule([0.5], [COUPON], value_per_return=np.nan), "value_per_return must be a finite"),
        (lambda: audit_rule([0.5], [COUPON], value_per_return=np.inf), "value_per_return must be a finite"),
        (lambda: break_even_probability(COUPON, value_per_return=np.nan), "value_per_return must be a finite"),
        (lambda: break_even_probability(COUPON, value_per_return="a"), "value_per_return must be a finite"),
        (lambda: break_even_effect(1.2, COUPON, value_per_return=1), "mean_probability is a share"),
        (lambda: Action("x", low="a"), "x: low must be a finite number, not 'a'"),
        (lambda: Action("x", assumed_effect=None), "assumed_effect must be a finite number"),
        (lambda: audit_rule([0.5], None), "a rule is a list of actions"),
        (lambda: audit_rule([0.5], COUPON), "a rule is a list of actions"),
        (lambda: audit_rule([0.5], [{"name": "coupon"}]), "a rule is a list of actions"),
        (lambda: audit_rule([0.5], [COUPON], level="a"), "level is a share"),
        (lambda: audit_rule([0.5, 0.6], [COUPON], groups=[None, "a"]), "groups: 1 of 2 rows are missing"),
        (lambda: audit_over_range(0, [1], [(0, 1)], n_samples="a"), "n_samples must be a whole number"),
        (lambda: effect_sensitivity([0.5], COUPON, value_per_return=1, effects=0.1), "effects are a list"),
        (lambda: effect_sensitivity([0.5], COUPON, value_per_return=1, effects=[]), "effects are a list"),
        (lambda: effect_sensitivity([0.5], COUPON, value_per_return=1, effects=["a"]), "assumed_effect must be"),
        (lambda: best_threshold([0.5], [1, 0], COUPON, value_per_return=1, random_state=0), "equally long"),
        (
            lambda: best_threshold([0.5, 0.6], [1, 0], COUPON, value_per_return=1, groups=["a"], random_state=0),
            "match one to one",
        ),
    ],
)
def test_wrong_input_is_refused_with_a_reason(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(
    ("fires", "of", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_firing_rates_have_the_intervals_of_newcombe_1998_table_1(fires, of, low, high):
    row = audit_rule(np.where(np.arange(of) < fires, 0.1, 0.9), [Action("mail", high=0.5)]).branches.iloc[0]
    assert row["fires"] == fires
    assert (row["share_low"], row["share_high"]) == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))


@pytest.mark.parametrize("p", [[0.1, 0.9, 0.3, 0.7, 0.9, 0.9], [0.1] * 6, [0.9] * 6])
def test_a_customer_s_ten_equal_rows_are_no_more_evidence_than_one(p):
    customers = np.arange(len(p))
    once = audit_rule(p, [COUPON], value_per_return=6.0).branches.iloc[0]
    tenfold = audit_rule(np.repeat(p, 10), [COUPON], value_per_return=6.0, groups=np.repeat(customers, 10)).branches
    row = tenfold.iloc[0]
    # rows of their own estimate a variance with n - 1 in one place and n in the other
    assert row["share_low"] == pytest.approx(once["share_low"], abs=0.03)
    assert row["share_high"] == pytest.approx(once["share_high"], abs=0.03)
    assert row["profit_high"] - row["expected_profit"] == pytest.approx(
        10 * (once["profit_high"] - once["expected_profit"]), abs=1e-9
    )


def test_intervals_of_the_audit_cover_in_19_of_20_shops_of_clustered_rows():
    rng = np.random.default_rng(0)
    true_share, true_profit = 0.0, 0.0
    population = rng.beta(1, 2, 200_000)
    true_share = (population < 0.5).mean()
    true_profit = np.where(population < 0.5, COUPON.profit(population, value_per_return=6.0), 0.0).mean()
    covered = np.zeros(2)
    for _ in range(300):
        n_rows = rng.integers(1, 12, 150)
        p = np.repeat(rng.choice(population, 150), n_rows)
        row = audit_rule(p, [COUPON], value_per_return=6.0, groups=np.repeat(np.arange(150), n_rows)).branches.iloc[0]
        covered += [
            row["share_low"] < true_share < row["share_high"],
            row["profit_low"] < true_profit * len(p) < row["profit_high"],
        ]
    assert (np.abs(covered / 300 - 0.95) < 0.04).all()


def test_document_003_rule_over_the_range_of_its_features_erratum_e31():
    intercept, *coefficients = RETENTION_BETAS
    ranges = {"logins": (0, 30, 1), "purchases": (0, 30, 1), "minutes": (0, 600, 1)}
    audit = audit_over_range(intercept, coefficients, ranges, DOCUMENT_RULE)
    assert audit.n_points == 577_561
    assert audit.branches["possible"].tolist() == [False, True]
    assert audit.branches["fires"].tolist() == [0, 577_466]
    assert audit.gaps["points"].tolist() == [95]
    assert (round(audit.lowest, 4), round(audit.highest, 4)) == (0.6225, 1.0)
    assert audit.lowest_at == {"logins": 0, "purchases": 0, "minutes": 0}
    drawn = audit_over_range(intercept, coefficients, [box[:2] for box in ranges.values()], DOCUMENT_RULE)
    assert drawn.lowest == audit.lowest
    assert drawn.branches["possible"].tolist() == [False, True]
    assert drawn.branches["share"].tolist() == pytest.approx([0, 0.9998], abs=2e-4)


@given(
    st.floats(-3, 3),
    st.lists(st.tuples(st.floats(-2, 2), st.integers(-5, 5), st.integers(0, 4)), min_size=1, max_size=4),
    st.lists(st.floats(0, 1), min_size=2, max_size=2).map(sorted),
)
def test_a_grid_audited_is_every_point_tried(intercept, features, band):
    beta = [b for b, _, _ in features]
    axes = [np.arange(low, low + width + 1) for _, low, width in features]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes))
    p = logistic_probability(grid, intercept=intercept, coefficients=beta)
    action = Action("band", low=band[0], high=band[1])
    audit = audit_over_range(intercept, beta, [(axis[0], axis[-1], 1) for axis in axes], [action])
    assert (audit.lowest, audit.highest) == (pytest.approx(p.min()), pytest.approx(p.max()))
    assert audit.n_points == len(p)
    near_an_edge = np.isclose(p[:, None], band, atol=1e-12).any()
    if not near_an_edge:
        assert audit.branches["fires"].item() == action.fires(p).sum()
        assert audit.branches["possible"].item() == action.fires(p).any()
    at_low = logistic_probability([[*audit.lowest_at.values()]], intercept=intercept, coefficients=beta)
    assert at_low.item() == pytest.approx(audit.lowest)


def test_shares_over_a_continuous_range_are_areas():
    # x uniform on (-1, 1) and log-odds 2 x: p < 0.5 for half of the range, p >= 0.8 where x >= log(4) / 2
    audit = audit_over_range(0, [2], [(-1, 1)], DOCUMENT_RULE)
    assert audit.branches["share"].tolist() == pytest.approx([0.5, (1 - logit(0.8) / 2) / 2], abs=0.003)
    twice = [audit_over_range(0, [2], [(-1, 1)], DOCUMENT_RULE, random_state=3).branches for _ in range(2)]
    assert twice[0].equals(twice[1])
    other = audit_over_range(0, [2], [(-norm.ppf(0.975), norm.ppf(0.975))], DOCUMENT_RULE, n_samples=1000)
    assert other.n_points == 1000


def test_a_band_between_two_steps_of_a_feature_cannot_be_reached():
    # log-odds lie in [0, 1] or in [10, 11]: what interval arithmetic over both together would not see
    rule = [Action("between", low=expit(4.0), high=expit(6.0)), Action("below", high=expit(0.5))]
    audit = audit_over_range(0, [1, 1], {"steps": (0, 10, 10), "smooth": (0, 1)}, rule)
    assert audit.branches["possible"].tolist() == [False, True]
    assert audit.highest_at == {"steps": 10, "smooth": 1}
    rare = [Action("rare", high=1e-4)]
    seldom = audit_over_range(0, [10], {"x": (-1, 1)}, rare, n_samples=10)
    assert seldom.branches["possible"].item(), "possible is decided by the ends, not by the points drawn"


def test_one_audit_holds_the_sensitivity_and_the_thresholds_of_every_branch():
    rng = np.random.default_rng(3)
    customer = np.repeat(np.arange(100), 4)
    p = np.repeat(rng.beta(1, 3, 100), 4)
    outcome = rng.random(400) < p
    mail = Action("mail", low=0.5, assumed_effect=0.8, cost_per_contact=1.0)
    audit = audit_rule(p, [COUPON, mail], value_per_return=6.0, groups=customer, outcome=outcome, random_state=4)
    tried = audit.sensitivity
    assert tried["action"].tolist() == ["coupon"] * 4 + ["mail"] * 4
    assert tried["assumed_effect"].tolist() == pytest.approx([0, 0.05, 0.1, 0.2, 0, 0.4, 0.8, 1.0])
    as_assumed = tried[tried["assumed_effect"].isin([0.1, 0.8])]
    assert (400 * as_assumed["rule"]).tolist() == pytest.approx(audit.branches["expected_profit"].tolist())
    table = audit.thresholds.set_index("action")
    found = best_threshold(p, outcome, COUPON, value_per_return=6.0, groups=customer, random_state=4)
    assert (table.loc["coupon", ["threshold", "threshold_low", "threshold_high"]] == [found.threshold, found.low,
                                                                                    found.high]).all()  # fmt: skip
    assert table.loc["coupon", "honest_profit"] == found.honest_profit
    assert table.loc["coupon", "break_even_probability"] == break_even_probability(COUPON, value_per_return=6.0)
    for action in (COUPON, mail):
        flip = Action("x", action.low, action.high, table.loc[action.name, "break_even_effect"],
                      action.cost_per_contact, action.discount_per_return)  # fmt: skip
        profit = audit_rule(p, [flip], value_per_return=6.0).branches["expected_profit"].item()
        assert profit == pytest.approx(0, abs=1e-9)


def test_without_outcomes_and_money_the_audit_searches_nothing():
    audit = audit_rule([0.62, 0.7, 0.85, 0.9], DOCUMENT_RULE)
    assert "threshold" not in audit.thresholds
    assert audit.thresholds["break_even_effect"].isna().all()
    assert audit.sensitivity["assumed_effect"].tolist() == [0.0, 0.0]
    other = audit_rule([0.2, 0.7], [COUPON], value_per_return=6.0, effects=[0.3]).sensitivity
    assert other["assumed_effect"].tolist() == [0.3]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: audit_rule([0.5, 0.2], [COUPON], outcome=[1]), "equally long"),
        (lambda: audit_rule([0.5, 0.2], [COUPON], effects=[5]), "share between 0 and 1"),
        (lambda: audit_rule([0.5, 0.2], COUPON), "a rule is a list of actions"),
        (lambda: audit_rule([0.5, 0.2], ["coupon"]), "a rule is a list of actions"),
        (lambda: audit_over_range(0, [1], [(0, 1)], COUPON), "a rule is a list of actions"),
        (lambda: audit_over_range(0, [1, 2], [(0, 1)], DOCUMENT_RULE), "1 ranges for 2 coefficients"),
        (lambda: audit_over_range(0, [], [], DOCUMENT_RULE), "0 ranges for 0"),
        (lambda: audit_over_range(0, [np.nan], [(0, 1)], DOCUMENT_RULE), "coefficients: 1 of 1 are NaN"),
        (lambda: audit_over_range("a", [1], [(0, 1)], DOCUMENT_RULE), "intercept must be numbers"),
        (lambda: audit_over_range(0, [1], {"age": (3, 1)}, DOCUMENT_RULE), "range of age ends at 1 before"),
        (lambda: audit_over_range(0, [1], {"age": (0, 1, 0)}, DOCUMENT_RULE), "step of 0"),
        (lambda: audit_over_range(0, [1], {"age": (0, 1, 0.3)}, DOCUMENT_RULE), "not a whole number of steps"),
        (lambda: audit_over_range(0, [1], {"age": 5}, DOCUMENT_RULE), r"is \(low, high\)"),
        (lambda: audit_over_range(0, [1, 1], [(0, 9999, 1)] * 2, DOCUMENT_RULE), "100,000,000 grid points"),
        (lambda: audit_over_range(0, [1], [(0, 1)], [COUPON, COUPON]), "name of its own"),
        (lambda: audit_over_range(0, [1], [(0, 1)], DOCUMENT_RULE, n_samples=0), "n_samples"),
        (lambda: audit_rule([0.5, 0.2], [COUPON], groups=["a"]), "match one to one"),
        (lambda: audit_rule([0.5, 0.2], [COUPON], level=95), "level is a share"),
        (lambda: realised_profit([np.nan, 1], [True, True], COUPON, value_per_return=1), "1 of 2 outcomes"),
    ],
)
def test_a_formula_or_a_range_that_is_none_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
