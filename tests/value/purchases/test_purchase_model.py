"""What the purchase models share: the door, units, weights, the engine, its report, and JSON."""

import json
import subprocess
import sys
import warnings

import numpy as np
import pytest
from scipy.special import betaln, gammaln

from clvlib.datasets import load_cdnow
from clvlib.rfm import rfm_summary
from clvlib.value import BetaGeoModel, FitWarning, GammaGammaModel, ModifiedBetaGeoModel, NBDModel, ParetoNBDModel
from clvlib.value.purchases._maximum_likelihood import Likelihood, maximise
from clvlib.value.purchases._quadrature import beta_nodes, chebyshev, gamma_nodes
from clvlib.value.purchases._summary import compress, distinct

MODELS = [BetaGeoModel, ModifiedBetaGeoModel, ParetoNBDModel, NBDModel]


@pytest.fixture(scope="module")
def summary():
    return rfm_summary(load_cdnow().lines, calibration_end="1997-09-30", time_unit="W")


@pytest.fixture(scope="module")
def fitted(summary):
    return {model: model().fit(summary) for model in MODELS}


# ---- the door -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("horizon_days", "message"),
    [
        (None, "finite number of days"),
        ("273", "finite number of days"),
        (True, "finite number of days"),
        (-1, "finite number of days"),
        (np.nan, "finite number of days"),
        ([273, 100], r"one number for all customers, got shape \(2,\)"),
    ],
)
@pytest.mark.parametrize("model", MODELS)
def test_a_horizon_that_is_none_is_refused(summary, fitted, model, horizon_days, message):
    with pytest.raises(ValueError, match=message):
        fitted[model].expected_purchases(summary, horizon_days)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"frequency": -1.0}, r"^frequency: 1 of 2,357 rows are negative \(first: row 3, -1\)"),
        ({"frequency": 1.5}, r"^frequency: 1 of 2,357 rows are fractional \(first: row 3, 1.5\)"),
        ({"frequency": np.nan}, r"^frequency: 1 of 2,357 rows are missing or infinite \(first: row 3, nan\)"),
        ({"T": np.inf}, r"^T: 1 of 2,357 rows are missing or infinite"),
        ({"recency": 99.0, "frequency": 1.0}, r"^recency: 1 of 2,357 rows are above T \(first: row 3, 99\).*unit of T"),
        ({"recency": 5.0}, r"^recency: 1 of 2,357 rows are above 0 with frequency 0.*days since then are T - recency"),
        ({"recency": -1.0}, r"^recency: 1 of 2,357 rows are negative"),
        ({"time_unit_days": 1.0}, r"^time_unit_days: from 1 to 7 over 2,357 rows"),
    ],
)
@pytest.mark.parametrize("model", MODELS)
def test_an_impossible_row_is_named_at_fit_and_at_prediction(summary, fitted, model, change, message):
    broken = summary.copy()
    assert broken.loc[3, "frequency"] == 0
    for name, value in change.items():
        broken.loc[3, name] = value
    with pytest.raises(ValueError, match=message):
        model().fit(broken)
    with pytest.raises(ValueError, match=message):
        fitted[model].expected_purchases(broken, 30)
    with pytest.raises(ValueError, match=message):
        fitted[model].probability_alive(broken)


@pytest.mark.parametrize("model", MODELS)
def test_missing_columns_text_and_empty_tables_are_refused(summary, model):
    with pytest.raises(ValueError, match=r"no column 'recency'; it has customer_id, frequency, T"):
        model().fit(summary.drop(columns="recency"))
    with pytest.raises(ValueError, match="frequency: not a column of numbers"):
        model().fit(summary.assign(frequency="many"))
    with pytest.raises(ValueError, match="frequency: the table has no rows"):
        model().fit(summary.head(0))


def test_a_prediction_before_fit_says_so(summary):
    with pytest.raises(ValueError, match="BetaGeoModel has no params_ yet"):
        BetaGeoModel().expected_purchases(summary, 30)
    with pytest.raises(AttributeError, match="has no params_ yet"):
        GammaGammaModel().expected_spend(summary)


def test_params_set_by_hand_are_checked(summary):
    model = BetaGeoModel()
    model.params_ = {"r": 1.0, "alpha": 1.0}
    with pytest.raises(ValueError, match="params_ of BetaGeoModel are r, alpha, a, b"):
        model.probability_alive(summary)
    model.params_ = {"r": 1.0, "alpha": 1.0, "a": 0.0, "b": 1.0}
    with pytest.raises(ValueError, match="positive and finite"):
        model.probability_alive(summary)


# ---- units --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", MODELS)
def test_nothing_but_the_unit_of_parameters_depends_on_the_time_unit(summary, fitted, model):
    lines = load_cdnow().lines
    weeks = fitted[model]
    for name, days in (("D", 1), ("M", 365 / 12), ("Y", 365)):
        table = rfm_summary(lines, calibration_end="1997-09-30", time_unit=name)
        found = model().fit(table)
        for symbol, value in found.params_.items():
            scale = 7 / days if symbol in ("alpha", "beta") else 1
            assert value == pytest.approx(weeks.params_[symbol] * scale, rel=1e-6)
        expected = weeks.expected_purchases(summary, 273)
        assert found.expected_purchases(table, 273) == pytest.approx(expected, rel=1e-6)
        shift = summary["frequency"].sum() * np.log(7 / days)
        assert found.log_likelihood_ == pytest.approx(weeks.log_likelihood_ - shift, abs=1e-6)


def test_horizons_need_a_unit_and_one_only(summary, fitted):
    unknown, model = summary.drop(columns="time_unit_days"), BetaGeoModel()
    model.params_ = fitted[BetaGeoModel].params_
    with pytest.raises(ValueError, match=r"summary.assign\(time_unit_days=7.0\)"):
        model.expected_purchases(unknown, 273)
    with pytest.raises(ValueError, match=r"model.time_unit_days_ = 7.0"):
        model.expected_purchases_new_customer(273)
    expected = fitted[BetaGeoModel].expected_purchases(summary, 273)
    assert (model.expected_purchases(summary, 273) == expected).all()
    assert (fitted[BetaGeoModel].expected_purchases(unknown, 273) == expected).all()
    assert model.probability_alive(unknown) == pytest.approx(fitted[BetaGeoModel].probability_alive(summary))
    with pytest.raises(ValueError, match="unit is 1 days, the model's 7"):
        fitted[BetaGeoModel].expected_purchases(summary.assign(time_unit_days=1.0), 273)
    for horizon in (-1, np.nan, np.inf):
        with pytest.raises(ValueError, match="horizon_days must be a finite number of days"):
            fitted[BetaGeoModel].expected_purchases(summary, horizon)


def test_discount_rates_are_checked(summary, fitted):
    model = fitted[BetaGeoModel]
    for rate in (-1, np.nan):
        with pytest.raises(ValueError, match="annual_discount_rate must be finite and above -1"):
            model.discounted_expected_purchases(summary, 30, annual_discount_rate=rate)
    with pytest.raises(ValueError, match="an infinite horizon has no value"):
        model.discounted_residual_purchases(summary, annual_discount_rate=0.0)
    with pytest.raises(ValueError, match="max_count"):
        model.count_distribution(summary, 30, max_count=-1)


# ---- rows ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", MODELS)
def test_predictions_follow_the_rows_whatever_the_index(summary, fitted, model):
    mixed = summary.sample(frac=1, random_state=0)
    place = mixed.index.to_numpy()
    for predict in (
        fitted[model].probability_alive,
        lambda table: fitted[model].expected_purchases(table, 273),
        lambda table: fitted[model].discounted_residual_purchases(table, annual_discount_rate=0.1),
        lambda table: fitted[model].count_distribution(table, 273, max_count=3),
    ):
        assert predict(mixed) == pytest.approx(predict(summary)[place], rel=1e-12)
        assert predict(mixed.set_index("customer_id")) == pytest.approx(predict(mixed))


def test_one_customer_is_predicted_as_among_many(summary, fitted):
    for model in fitted.values():
        for row in (0, 1, 7):
            one = summary.iloc[[row]]
            many = model.expected_purchases(summary, 273)[[row]]
            assert model.expected_purchases(one, 273) == pytest.approx(many, rel=1e-9)


@pytest.mark.parametrize("model", MODELS)
def test_weights_are_customers(summary, fitted, model):
    cells = summary.groupby(["frequency", "recency", "T"], as_index=False).size()
    assert len(cells) == 1016
    table = cells.assign(time_unit_days=7.0)
    found = model().fit(table, weights=cells["size"])
    assert found.log_likelihood_ == pytest.approx(fitted[model].log_likelihood_, rel=1e-13)
    assert found.params_ == pytest.approx(fitted[model].params_, rel=1e-9)
    assert found.standard_errors_ == pytest.approx(fitted[model].standard_errors_, rel=1e-6)
    assert found.n_customers_ == 2357
    halved = model().fit(table, weights=cells["size"] / 2)
    assert halved.params_ == pytest.approx(found.params_, rel=1e-9)
    assert halved.n_customers_ == 1178.5
    left_out = model().fit(summary, weights=(summary.index % 3 > 0).astype(float))
    only = model().fit(summary[summary.index % 3 > 0])
    assert left_out.params_ == pytest.approx(only.params_, rel=1e-9)


def test_bad_weights_are_refused(summary):
    for weights, message in (
        ([1.0], "weights: shape"),
        (np.full(2357, -1.0), "weights: 2,357 of 2,357 rows are negative"),
        (np.zeros(2357), "weights: all zero"),
    ):
        with pytest.raises(ValueError, match=message):
            BetaGeoModel().fit(summary, weights=weights)


def test_other_frames_than_pandas_come_in(summary, fitted):
    columns = {name: summary[name].to_numpy() for name in ("frequency", "recency", "T", "time_unit_days")}
    found = BetaGeoModel().fit(columns)
    assert found.params_ == fitted[BetaGeoModel].params_
    import pyarrow

    assert BetaGeoModel().fit(pyarrow.table(columns)).params_ == pytest.approx(found.params_)


@pytest.mark.parametrize("rows", [300, 120_000])
@pytest.mark.parametrize("unit", [7.0, None])
def test_counting_histories_loses_none(rows, unit):
    rng = np.random.default_rng(0)
    x = rng.poisson(1, rows).astype(float)
    T = rng.integers(1, 700, rows) / 7
    t_x = np.where(x > 0, np.floor(rng.random(rows) * T * 7) / 7, 0)
    for weights in (None, rng.random(rows)):
        found = compress(x, t_x, T, weights, unit)
        w = np.ones(rows) if weights is None else weights
        assert found.weight.sum() == pytest.approx(w.sum())
        for one, two in ((x, found.x), (t_x, found.t_x), (T, found.T), (x * T**2, found.x * found.T**2)):
            assert (found.weight * two).sum() == pytest.approx((w * one).sum(), rel=1e-12)
        assert bool(found.days) == (unit is not None)


def test_distinct_finds_rows_again():
    rng = np.random.default_rng(1)
    for shape in ((5, 5, 5), (3000, 3000, 3000)):
        columns = [rng.integers(0, n, 4000) / 3 for n in shape]
        found, place = distinct(*columns)
        assert all((values[place] == column).all() for values, column in zip(found, columns, strict=True))
        assert len({*zip(*found, strict=True)}) == len(found[0])


# ---- the engine ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", [BetaGeoModel, ModifiedBetaGeoModel, NBDModel])
def test_gradient_and_hessian_are_the_likelihoods(summary, model):
    likelihood = model().compile_likelihood(summary)
    params = np.array([0.31, 5.2, 0.71, 2.3])[: len(model._symbols)]
    value, gradient, hessian = likelihood.hessian(params)
    assert value == pytest.approx(likelihood.value(params), rel=1e-14)
    step = np.diag(1e-5 * params)
    central = [(likelihood(params + row) - likelihood(params - row)) / (2 * row.max()) for row in step]
    assert gradient == pytest.approx(central, rel=1e-6)
    assert hessian == pytest.approx(Likelihood.hessian(likelihood, params)[2], rel=1e-7)
    assert likelihood(np.stack([params, params])) == pytest.approx([value, value], rel=1e-14)


@pytest.mark.parametrize("model", [*MODELS, GammaGammaModel])
def test_the_gradient_is_zero_at_the_fit_and_the_covariance_its_inverse_slope(summary, model):
    found = model().fit(summary)
    likelihood = found.compile_likelihood(summary)
    params = np.array(list(found.params_.values()))
    assert np.abs(likelihood.gradient(params)[1] * params).max() / found.n_customers_ < 1e-11
    information = -likelihood.hessian(params)[2]
    assert found.covariance_.to_numpy() @ information == pytest.approx(np.eye(len(params)), abs=1e-4)
    assert list(found.covariance_) == list(found.covariance_.index) == list(found.params_)
    for symbol, error in found.standard_errors_.items():
        assert error == pytest.approx(np.sqrt(found.covariance_.loc[symbol, symbol]))
    for symbol in found.params_:
        moved = {**found.params_, symbol: found.params_[symbol] * 1.01}
        assert found.log_likelihood(summary, moved) < found.log_likelihood_


def test_log_likelihood_of_a_table_takes_mappings_and_many_parameters(summary, fitted):
    model = fitted[BetaGeoModel]
    assert model.log_likelihood(summary) == pytest.approx(model.log_likelihood_, rel=1e-14)
    r, alpha, a, b = params = np.array([0.3, 5, 0.7, 2])
    x, t_x, T = (summary[name].to_numpy() for name in ("frequency", "recency", "T"))
    # equation (6) of Fader, Hardie and Lee (2005), as printed
    still = betaln(a, b + x) - betaln(a, b) - (r + x) * np.log(alpha + T)
    gone = betaln(a + 1, b + np.maximum(x, 1) - 1) - betaln(a, b) - (r + x) * np.log(alpha + t_x)
    both = np.where(x > 0, np.logaddexp(still, gone), still)
    value = (gammaln(r + x) - gammaln(r) + r * np.log(alpha) + both).sum()
    assert model.log_likelihood(summary, dict(zip(model.params_, params, strict=True))) == pytest.approx(value)
    assert model.log_likelihood(summary, [params, params]) == pytest.approx([value, value])
    assert model.log_likelihood(summary, params, weights=np.full(2357, 2.0)) == pytest.approx(2 * value)


def test_the_fit_does_not_depend_on_its_start(summary):
    likelihood = BetaGeoModel().compile_likelihood(summary)
    rng = np.random.default_rng(0)
    best = maximise(likelihood, np.array([0.5, 10, 1, 3])).params
    for _ in range(20):
        start = np.exp(rng.normal(0, 1.5, 4)) * best
        assert maximise(likelihood, start).params == pytest.approx(best, rel=1e-8)


def test_many_customers_are_fitted_as_few(summary):
    # from 40,000 histories on, a fit begins where that of a sample ended: it must end where any other does
    many = NBDModel()
    many.params_, many.time_unit_days_ = {"r": 0.4, "alpha": 8.0}, 7.0
    table = many.simulate_new_customers(150_000, days=np.arange(150_000) % 365 + 200, random_state=0)
    model = NBDModel().fit(table)
    likelihood = model.compile_likelihood(table)
    assert model.params_ == pytest.approx(
        dict(zip(model.params_, maximise(likelihood, np.array([1.0, 1.0])).params, strict=True)), rel=1e-9
    )


@pytest.mark.parametrize("seed", range(12))
def test_no_other_optimiser_climbs_higher_on_small_and_odd_tables(seed):
    from scipy.optimize import minimize

    rng = np.random.default_rng(seed)
    model = [BetaGeoModel, ModifiedBetaGeoModel, NBDModel][seed % 3]
    truth = model()
    truth.time_unit_days_ = 7.0
    centre = {"r": -0.5, "alpha": 1.5, "a": -0.2, "b": 0.8}
    truth.params_ = {symbol: float(np.exp(rng.normal(centre[symbol], 1))) for symbol in truth._symbols}
    n = int(np.exp(rng.uniform(1, 6)))
    table = truth.simulate_new_customers(n, days=rng.integers(20, 600, n), random_state=rng)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FitWarning)
        found = model().fit(table)
    likelihood = found.compile_likelihood(table)

    def loss(theta):
        value, gradient = likelihood.gradient(np.exp(theta))
        return -value, -gradient * np.exp(theta)

    k = len(truth._symbols)
    for _ in range(3):
        other = minimize(loss, rng.normal(0.5, 1, k), jac=True, method="L-BFGS-B", bounds=[(-14, 14)] * k)
        assert -other.fun <= found.log_likelihood_ + 1e-4
    assert found.converged_


class _Ridge(Likelihood):
    """A bell in x / y, nothing across."""

    weight = 1.0

    def gradient(self, params):
        x, y = params
        bend = np.log(x / y)
        return -50 * bend**2, np.array([-100 * bend / x, 100 * bend / y])


def test_a_ridge_is_named_and_has_no_standard_error():
    class Model(BetaGeoModel):
        _symbols = ("x", "y")
        _meaning = {"x up, y up": "only x / y is known"}  # noqa: RUF012

        def _likelihood(self, summary, weights):
            return _Ridge()

        def _starts(self, summary, weights, likelihood):
            return [[1.0, 3.0]]

    with pytest.warns(FitWarning, match=r"x \(.*\) (grows|shrinks) and y \(.*\) (grows|shrinks)"):
        model = Model().fit({"frequency": [0.0]})
    assert model.params_["x"] / model.params_["y"] == pytest.approx(1, rel=1e-4)
    assert min(model.standard_errors_.values()) > 100
    assert model.notes_ == (model.boundary_,)


def test_a_proper_fit_warns_of_nothing(summary):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for model in MODELS:
            assert model().fit(summary).notes_ == ()


# ---- quadrature ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("a", "b"), [(0.8, 2.4), (1e-6, 5.0), (0.3, 0.02), (50.0, 8000.0), (2.0, 1e6), (1e5, 1e5)])
def test_beta_nodes_have_the_moments_of_the_beta_distribution(a, b):
    p, (weight,) = beta_nodes(a, np.array([b]))
    assert weight.sum() == pytest.approx(1, rel=1e-14)
    for power in (1, 2, 3):
        moment = np.prod([(a + k) / (a + b + k) for k in range(power)])
        assert weight @ p**power == pytest.approx(moment, rel=1e-9)


@pytest.mark.parametrize("r", [0.01, 0.24, 3.0, 1000.0, 1e7])
def test_gamma_nodes_have_the_moments_of_the_gamma_distribution(r):
    g, weight = gamma_nodes(r)
    assert weight @ g == pytest.approx(r, rel=1e-9)
    assert weight @ g**2 == pytest.approx(r * (r + 1), rel=1e-9)
    assert weight @ np.exp(-g) == pytest.approx(2.0**-r, rel=1e-9)


def test_chebyshev_points_stand_for_many():
    values = np.linspace(4, 10_004, 3000)
    points, matrix = chebyshev(values)
    assert len(points) < 100
    for function in (np.log, lambda v: (1 + 52 / v) ** -700, lambda v: 1 / (1 + v)):
        assert matrix @ function(points) == pytest.approx(function(values), rel=1e-11)
    assert chebyshev(np.array([3.0, 4.0, 5.0])) is None
    assert chebyshev(np.full(99, 3.0)) is None


# ---- JSON ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", [*MODELS, GammaGammaModel])
def test_a_model_comes_back_from_json_and_predicts_the_same(summary, model):
    found = model().fit(summary)
    text = json.dumps(found.to_dict(), allow_nan=False)
    again = model.from_dict(json.loads(text))
    assert again.to_dict() == found.to_dict()
    assert again.standard_errors_ == found.standard_errors_
    assert (again.covariance_ == found.covariance_).all(axis=None)
    if model is GammaGammaModel:
        assert (again.expected_spend(summary) == found.expected_spend(summary)).all()
    else:
        assert (again.expected_purchases(summary, 273) == found.expected_purchases(summary, 273)).all()


def test_what_is_no_such_model_is_refused(summary, fitted):
    saved = fitted[BetaGeoModel].to_dict()
    with pytest.raises(ValueError, match="a ModifiedBetaGeoModel of format 1 is expected, this is 'BetaGeoModel'"):
        ModifiedBetaGeoModel.from_dict(saved)
    with pytest.raises(ValueError, match="format 99"):
        BetaGeoModel.from_dict({**saved, "format": 99})
    with pytest.raises(ValueError, match="params: BetaGeoModel has r, alpha, a, b"):
        BetaGeoModel.from_dict({**saved, "params": {"r": 1.0}})
    with pytest.raises(ValueError, match="positive and finite"):
        BetaGeoModel.from_dict({**saved, "params": {**saved["params"], "r": -1.0}})


def test_a_first_fit_loads_neither_numba_nor_scikit_learn():
    code = (
        "import sys, clvlib.value as v\n"
        "v.BetaGeoModel().fit({'frequency': [0., 2, 1, 0, 5, 1], 'recency': [0., 9, 3, 0, 8, 1], 'T': [9.] * 6})\n"
        "print([name for name in ('numba', 'sklearn', 'tensorflow', 'matplotlib') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
