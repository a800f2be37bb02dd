"""Models as JSON: what goes in comes out, and what is no model is refused in words."""

import json
import math

import numpy as np
import pandas as pd
import pytest

from clvlib.datasets import load
from clvlib.rfm import rfm_summary
from clvlib.value import (
    BetaGeoModel,
    GammaGammaModel,
    ModelFileError,
    ModifiedBetaGeoModel,
    NBDModel,
    ParetoNBDModel,
    ValueModel,
    customer_lifetime_value,
    load_model,
    save_model,
)


@pytest.fixture(scope="module")
def summary():
    return rfm_summary(load("cdnow").lines, calibration_end="1997-09-30")


@pytest.fixture(scope="module")
def model(summary):
    return ValueModel(
        purchases=BetaGeoModel().fit(summary),
        spend=GammaGammaModel(nonpositive="leave_out").fit(summary),
        margin_rate=0.3,
        annual_discount_rate=0.1,
        horizon_days=365,
        currency="USD",
        calibration_end="1997-09-30",
    )


@pytest.mark.parametrize("kind", [BetaGeoModel, ModifiedBetaGeoModel, ParetoNBDModel, NBDModel])
def test_a_fitted_purchase_model_predicts_the_same_after_saving(summary, tmp_path, kind):
    fitted = kind().fit(summary)
    path = fitted.save(tmp_path / "model.json")
    read = load_model(path)
    assert type(read) is kind
    assert read.params_ == fitted.params_
    assert (read.time_unit_days_, read.n_customers_, read.converged_) == (7.0, 2357, True)
    pd.testing.assert_frame_equal(read.covariance_, fitted.covariance_)
    np.testing.assert_array_equal(read.expected_purchases(summary, 273), fitted.expected_purchases(summary, 273))


def test_a_value_model_of_no_sense_is_refused(model):
    saved = model.to_dict()
    with pytest.raises(ValueError, match="margin_rate is a share of the amount, at most 1, got 5"):
        ValueModel.from_dict(saved | {"margin_rate": 5})
    with pytest.raises(ValueError, match="purchases was fitted in units of 1 days and spend in units of 7"):
        ValueModel.from_dict(saved | {"purchases": saved["purchases"] | {"time_unit_days": 1.0}})


def test_a_spend_model_keeps_its_options(summary, tmp_path):
    fitted = GammaGammaModel(nonpositive="leave_out").fit(summary)
    read = load_model(save_model(fitted, tmp_path / "spend.json"))
    assert read.nonpositive == "leave_out"
    np.testing.assert_array_equal(read.expected_spend(summary), fitted.expected_spend(summary))


def test_a_value_model_values_the_same_after_saving(summary, model, tmp_path):
    read = load_model(model.save(tmp_path / "value.json"))
    assert isinstance(read, ValueModel)
    pd.testing.assert_frame_equal(read.customer_table(summary), model.customer_table(summary))
    assert (read.currency, read.calibration_end, read.time_unit) == ("USD", "1997-09-30", "W")


def test_the_file_is_plain_json_that_saves_to_itself(model, tmp_path):
    path = model.save(tmp_path / "a.json")
    text = path.read_text(encoding="utf-8")
    assert load_model(path).save(tmp_path / "b.json").read_text(encoding="utf-8") == text
    saved = json.loads(text)
    assert saved["class"] == "ValueModel"
    assert saved["purchases"]["params"]["r"] == model.purchases.params_["r"]
    assert [entry.name for entry in sorted(tmp_path.iterdir())] == ["a.json", "b.json"]


def test_customer_table_is_the_lifetime_value(summary, model):
    table = model.customer_table(summary, n_draws=100)
    found = customer_lifetime_value(
        summary,
        purchases=model.purchases,
        spend=model.spend,
        horizon_days=365,
        annual_discount_rate=0.1,
        margin_rate=0.3,
        n_draws=100,
        random_state=0,
    )
    assert table.columns.tolist() == [
        "customer_id", "probability_alive", "expected_purchases", "expected_spend",
        "clv", "clv_p05", "clv_p95", "currency", "horizon_days",
    ]  # fmt: skip
    for name in table.columns[:-2]:
        pd.testing.assert_series_equal(table[name], found[name])
    assert (table["currency"] == "USD").all()
    short = model.customer_table(summary, horizon_days=30, n_draws=0)
    assert short.columns[-2:].tolist() == ["currency", "horizon_days"]
    assert "clv_p05" not in short
    assert (short["clv"] < table["clv"]).all()


def test_a_customer_who_sent_everything_back_is_valued_even_where_the_fit_refused_them(summary, model):
    strict = GammaGammaModel()
    strict.params_ = model.spend.params_
    refusing = ValueModel(**{name: getattr(model, name) for name in model.__dataclass_fields__} | {"spend": strict})
    some = summary.nlargest(2, "frequency").assign(monetary_value=[-1.0, 20.0])
    table = refusing.customer_table(some, n_draws=10)
    assert table["expected_spend"].iloc[0] == pytest.approx(strict.expected_spend_new_customer())
    assert strict.nonpositive == "error"  # the model itself is not changed


def test_the_population_it_was_fitted_on_is_no_other(summary, model):
    assert model.population_check(summary) == []
    later = rfm_summary(load("cdnow").lines, calibration_end="1998-03-31")
    assert model.population_check(later) == []
    assert model.population_check(summary.nlargest(10, "frequency")) == []  # too few to tell


def test_another_population_is_told(summary, model):
    (told,) = model.population_check(summary.assign(monetary_value=3 * summary["monetary_value"]))
    assert "USD a purchase" in told
    busy = summary.assign(frequency=summary["frequency"] * 2)
    (told,) = model.population_check(busy)
    assert "repeat purchases" in told
    assert "+" in told


def test_a_large_table_has_the_same_intervals_without_draws(summary, model, monkeypatch):
    drawn = model.customer_table(summary, n_draws=4000)
    monkeypatch.setattr("clvlib.value.saving._MANY", 1000)
    exact = model.customer_table(summary)
    assert exact.columns.tolist() == drawn.columns.tolist()
    pd.testing.assert_series_equal(exact["clv"], drawn["clv"])
    assert (exact["clv_p05"] <= exact["clv_p95"]).all()
    assert exact["clv_p95"].sum() == pytest.approx(drawn["clv_p95"].sum(), rel=0.01)
    assert exact["clv_p05"].sum() == pytest.approx(drawn["clv_p05"].sum(), rel=0.05)


# --- what is refused


def spoilt(model, **changes):
    saved = model.to_dict()
    for name, value in changes.items():
        if value is None:
            del saved[name]
        else:
            saved[name] = value
    return json.dumps(saved)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no JSON"),
        ("customer_id,amount\n1,2\n", "no JSON"),
        ("{", "no JSON"),
        ("[]", "no saved model"),
        ('{"class": "os.system"}', r"'os\.system'.*known: BetaGeoModel"),
        ('{"class": "BetaGeoModel", "format": 99}', "format"),
        ('{"class": "BetaGeoModel", "format": 1}', "params"),
        ('{"class": "BetaGeoModel", "format": 1, "params": {"r": 1, "alpha": 1, "a": 1, "b": -1}}', "positive"),
        ('{"class": "BetaGeoModel", "format": 1, "params": {"r": NaN, "alpha": 1, "a": 1, "b": 1}}', "NaN"),
        ('{"class": "NBDModel", "format": 1, "params": {"r": "x", "alpha": 1}}', "x"),
        ('{"class": "NBDModel", "format": 1, "params": {"r": 1, "alpha": 1}, "options": {"evil": 1}}', "argument"),
        ("[" * 100_000, "no JSON"),
    ],
)
def test_what_is_no_model_is_refused_in_words(tmp_path, text, message):
    path = tmp_path / "model.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ModelFileError, match=message) as refused:
        load_model(path)
    assert str(refused.value).startswith(str(path))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": 2}, "its format is 2"),
        ({"spend": None}, "it has no spend"),
        ({"margin_rate": "0.3"}, "margin_rate must be a finite number"),
        ({"margin_rate": True}, "margin_rate must be a finite number"),
        ({"horizon_days": 0}, "horizon_days must be positive"),
        ({"annual_discount_rate": -1}, "annual_discount_rate"),
        ({"calibration_end": "autumn"}, "calibration_end is a date"),
        ({"currency": ""}, "currency"),
        ({"purchases": {"class": "GammaGammaModel"}}, "purchases is no saved model of a known class"),
        ({"spend": ["x"]}, "spend is no saved model"),
    ],
)
def test_a_value_model_that_is_not_whole_is_refused(model, tmp_path, changes, message):
    path = tmp_path / "model.json"
    path.write_text(spoilt(model, **changes), encoding="utf-8")
    with pytest.raises(ModelFileError, match=message):
        load_model(path)


def test_files_that_cannot_be_models_are_refused_before_they_are_read(tmp_path):
    with pytest.raises(ModelFileError, match="no such file"):
        load_model(tmp_path / "none.json")
    (tmp_path / "log.csv").write_bytes(b"x" * 2_000_000)
    with pytest.raises(ModelFileError, match="is it the log"):
        load_model(tmp_path / "log.csv")
    (tmp_path / "pickle").write_bytes(b"\x80\x04\x95")
    with pytest.raises(ModelFileError, match="no JSON"):
        load_model(tmp_path / "pickle")
    with pytest.raises(ModelFileError, match="cannot be read"):
        load_model(tmp_path)


def test_only_what_is_fitted_in_a_known_unit_is_a_value_model(summary, model):
    given = {name: getattr(model, name) for name in model.__dataclass_fields__}
    for changes, message in (
        ({"purchases": model.spend}, "purchases is a GammaGammaModel"),
        ({"purchases": BetaGeoModel()}, "no params_"),
        ({"purchases": NBDModel().fit(summary.drop(columns="time_unit_days"))}, "no time unit"),
        ({"purchases": NBDModel().fit(summary.assign(time_unit_days=10.0))}, "10 days is none"),
        ({"margin_rate": math.nan}, "margin_rate"),
    ):
        with pytest.raises(ValueError, match=message):
            ValueModel(**given | changes)


def test_a_date_may_be_given_as_a_date(model):
    given = {name: getattr(model, name) for name in model.__dataclass_fields__}
    assert ValueModel(**given | {"calibration_end": pd.Timestamp("1997-09-30")}).calibration_end == "1997-09-30"
