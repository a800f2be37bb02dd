"""What a chapter may hand over, and where it goes."""

import decimal
import json

import numpy as np
import pandas as pd
import pytest

from clvlib.datasets import load
from clvlib.reporting import hand_over
from clvlib.value import BetaGeoModel, GammaGammaModel, ValueModel


@pytest.fixture(scope="module")
def data():
    return load("cdnow")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("CLV_HANDOVER", str(tmp_path / "31_clv"))
    return tmp_path / "31_clv"


def test_does_nothing_where_no_run_asks(data, tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("CLV_HANDOVER", raising=False)
    monkeypatch.chdir(tmp_path)
    assert hand_over(data=data, figures=[{"name": "a", "value": 1, "unit": ""}]) is None
    assert list(tmp_path.iterdir()) == []
    assert capsys.readouterr().out == ""


def test_writes_figures_data_and_customers(data, folder):
    customers = pd.DataFrame({"customer_id": ["00004", "7"], "clv": [1.5, np.nan]})
    figures = [{"name": "value", "value": np.float64(147.2577), "unit": "USD per customer", "low": 1, "high": 2}]
    hand_over(data=data, figures=figures, customers=customers, as_of="1997-09-30", horizon_days=365)
    document = json.loads((folder / "handover.json").read_text())
    assert document["figures"] == [
        {"name": "value", "value": 147.2577, "unit": "USD per customer", "low": 1, "high": 2}
    ]
    assert (document["as_of"], document["horizon_days"], document["customers"]) == (
        "1997-09-30",
        365,
        "customers.parquet",
    )
    assert document["data"]["customers"] == 2357
    assert document["data"]["label"] == "CDNOW 1/10 sample - real customers"
    lines = {row["outcome"]: row["lines"] for row in document["data"]["reconciliation"]}
    assert lines["read"] == 6919
    pd.testing.assert_frame_equal(pd.read_parquet(folder / "customers.parquet"), customers)


def test_a_second_call_does_not_replace_the_first(data, folder):
    hand_over(data=data, figures=[{"name": "a", "value": decimal.Decimal("1.5"), "unit": ""}])
    with pytest.raises(ValueError, match="handed over already"):
        hand_over(data=data)
    assert json.loads((folder / "handover.json").read_text())["figures"][0]["value"] == 1.5


@pytest.mark.parametrize("as_of", ["1998-07-01", pd.Timestamp("1998-07-01")])
def test_the_midnight_after_the_last_line_ends_the_last_lines_day(data, folder, as_of):
    hand_over(data=data, as_of=as_of)
    assert json.loads((folder / "handover.json").read_text())["as_of"] == "1998-06-30"


def test_as_of_is_the_last_line_where_it_is_not_given(data, folder):
    hand_over(data=data)
    assert json.loads((folder / "handover.json").read_text())["as_of"] == "1998-06-30"


def test_a_chapter_on_no_data_hands_over_figures_only(folder):
    hand_over(data=None, figures=[{"name": "errors found", "value": 22, "unit": ""}])
    document = json.loads((folder / "handover.json").read_text())
    assert (document["data"], document["as_of"], document["customers"]) == (None, None, None)
    with pytest.raises(ValueError, match="give data too"):
        hand_over(data=None, customers=pd.DataFrame({"customer_id": ["a"]}))


@pytest.mark.parametrize("value", [float("nan"), np.inf, None, pd.NA])
def test_what_is_not_finite_is_said_to_be_missing(data, folder, value):
    hand_over(data=data, figures=[{"name": "a", "value": value, "unit": "", "low": float("nan")}])
    figure = json.loads((folder / "handover.json").read_text())["figures"][0]
    assert figure["value"] == "not available"
    assert figure["low"] is None


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"figures": [{"value": 1, "unit": ""}]}, "needs a name"),
        ({"figures": [{"name": "a", "unit": ""}]}, "has no value"),
        ({"figures": [{"name": "a", "value": 1}]}, "has no unit"),
        ({"figures": [{"name": "a", "value": 1, "unit": "", "hi": 2}]}, "'hi'"),
        ({"figures": [{"name": "a", "value": 1, "unit": ""}] * 2}, "two figures"),
        ({"figures": [{"name": "a", "value": [1], "unit": ""}]}, "a number or a text"),
        ({"figures": [{"name": "a", "value": 1j, "unit": ""}]}, "a number or a text"),
        ({"figures": [{"name": "a", "value": 1, "unit": None}]}, "the unit of 'a' is None"),
        ({"figures": [{"name": "a", "value": 1, "unit": "", "low": 2, "high": 1}]}, "low comes first"),
        ({"figures": {"name": "a", "value": 1, "unit": ""}}, "list of mappings"),
        ({"as_of": "someday"}, "someday"),
        ({"horizon_days": "a week"}, "a week"),
        ({"customers": pd.DataFrame({"customer_id": ["a"], "run_id": ["b"]})}, "run_id, which the run adds"),
        ({"customers": pd.DataFrame([["a", 1, 2]], columns=["customer_id", "clv", "clv"])}, "two columns clv"),
        ({"customers": pd.DataFrame({"customer_id": [7, "7"]})}, "1 rows .* repeat"),
        ({"customers": pd.DataFrame({"customer": ["a"]})}, "no customer_id"),
        ({"customers": pd.DataFrame({"customer_id": ["a", None]})}, "missing in 1 of 2 rows"),
        ({"customers": pd.DataFrame({"customer_id": ["a", "a"]})}, "1 rows .* repeat"),
    ],
)
def test_a_mistake_is_an_error_with_or_without_a_run(data, monkeypatch, wrong, message):
    monkeypatch.delenv("CLV_HANDOVER", raising=False)
    with pytest.raises(ValueError, match=message):
        hand_over(data=data, **wrong)


@pytest.fixture(scope="module")
def model():
    purchases, spend = BetaGeoModel(), GammaGammaModel()
    purchases.params_, purchases.time_unit_days_ = {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}, 7.0
    spend.params_ = {"p": 6.25, "q": 3.74, "gamma": 15.44}
    return ValueModel(
        purchases=purchases,
        spend=spend,
        margin_rate=0.3,
        annual_discount_rate=0.1,
        horizon_days=365,
        currency="USD",
        calibration_end="1997-09-30",
    )


def test_a_model_is_passed_on_as_it_will_be_read(data, folder, model):
    hand_over(data=data, model=model.to_dict())
    assert json.loads((folder / "handover.json").read_text())["model"] == "model.json"
    assert json.loads((folder / "model.json").read_text()) == model.to_dict()
    assert sorted(path.name for path in folder.iterdir()) == ["handover.json", "model.json"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"currency": "EUR"}, "the model is in EUR, its data in USD"),
        ({"format": 7}, "could not be loaded again: its format is 7"),
        ({"margin_rate": float("nan")}, "could not be loaded again"),
        ({"spend": {"class": "dict"}}, "could not be loaded again: spend is no saved model"),
    ],
)
def test_a_model_that_could_not_be_used_is_a_mistake_with_or_without_a_run(data, monkeypatch, model, change, message):
    monkeypatch.delenv("CLV_HANDOVER", raising=False)
    with pytest.raises(ValueError, match=message):
        hand_over(data=data, model=model.to_dict() | change)


def test_a_model_is_a_mapping_of_some_data(data, model):
    with pytest.raises(ValueError, match="model is a mapping"):
        hand_over(data=data, model=model)
    with pytest.raises(ValueError, match="give data too"):
        hand_over(data=None, model=model.to_dict())


@pytest.fixture
def lists():
    return pd.DataFrame(
        {
            "customer_id": ["00004", "00004", "7"],
            "rank": [2, 1, 1],
            "item_id": ["mug", "pot", "mug"],
            "reason": ["3 customers bought it", "customers who bought MUG also bought this", "new here"],
            "expected_margin": [0.25, 1.5, -0.5],
        }
    )


def test_issue_4_lists_are_passed_on_by_customer_and_rank_with_their_reasons(data, folder, lists):
    shuffled = lists[["reason", "rank", "item_id", "expected_margin", "customer_id"]].astype({"rank": float})
    hand_over(data=data, lists=shuffled, horizon_days=28)
    document = json.loads((folder / "handover.json").read_text())
    assert (document["lists"], document["horizon_days"], document["customers"]) == ("lists.parquet", 28, None)
    expected = lists.iloc[[1, 0, 2]].reset_index(drop=True)
    pd.testing.assert_frame_equal(pd.read_parquet(folder / "lists.parquet"), expected)


def test_lists_may_say_what_the_item_is_called(data, folder, lists):
    hand_over(data=data, lists=lists.assign(item_text="GREEN MUG"), horizon_days=28)
    written = pd.read_parquet(folder / "lists.parquet")
    assert list(written) == ["customer_id", "rank", "item_id", "item_text", "reason", "expected_margin"]


def test_lists_may_have_blocks_whose_ranks_go_on(data, folder, lists):
    blocks = lists.assign(block=["discovery", "reorder", "discovery"], item_text=["GREEN MUG", None, "GREEN MUG"])
    hand_over(data=data, lists=blocks, horizon_days=28)
    written = pd.read_parquet(folder / "lists.parquet")
    assert list(written) == ["customer_id", "block", "rank", "item_id", "item_text", "reason", "expected_margin"]
    assert written["block"].tolist() == ["reorder", "discovery", "discovery"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.assign(block=["a", "", None]), "block is missing in 2 of 3"),
        (lambda t: t.assign(block=["a", "b", "a"], rank=1), r"rank twice .* \(ranks go on over all blocks\)"),
        (lambda t: t.assign(block=["a", "b", "a"], item_id="mug"), "item_id twice"),
        (lambda t: t.drop(columns=["reason", "rank"]), "no rank and no reason"),
        (lambda t: t.assign(email="a@example.org"), "have email too"),
        (lambda t: t.assign(currency="EUR"), "have currency too"),
        (lambda t: pd.concat([t, t[["rank"]]], axis=1), "have rank too"),
        (lambda t: t.iloc[:0], "no row"),
        (lambda t: t.assign(customer_id=["a", None, "b"]), "customer_id is missing in 1 of 3"),
        (lambda t: t.assign(expected_margin=[1.0, np.nan, np.nan]), "expected_margin is missing in 2 of 3"),
        (lambda t: t.assign(expected_margin=[1.0, np.inf, 1.0]), "1 of 3 rows of the lists have no finite"),
        (lambda t: t.assign(expected_margin="much"), "are numbers"),
        (lambda t: t.assign(reason=["because", " ", None]), "reason is missing in 2 of 3"),
        (lambda t: t.assign(rank=[1, 0, 1]), "no whole rank"),
        (lambda t: t.assign(rank=[1, 1.5, 1]), "no whole rank"),
        (lambda t: t.assign(rank=1), "1 rows of the lists have a rank twice"),
        (lambda t: t.assign(item_id="mug"), "1 rows of the lists have a item_id twice"),
        (lambda t: t.assign(customer_id=[7, 7, "7"], item_id=[1, 2, "1"], rank=[1, 2, 3]), "have a item_id twice"),
    ],
)
def test_lists_that_a_crm_could_not_use_are_a_mistake_with_or_without_a_run(data, monkeypatch, lists, change, message):
    monkeypatch.delenv("CLV_HANDOVER", raising=False)
    with pytest.raises(ValueError, match=message):
        hand_over(data=data, lists=change(lists), horizon_days=28)


def test_lists_need_their_data_and_their_horizon(data, lists):
    with pytest.raises(ValueError, match="give data too"):
        hand_over(data=None, lists=lists, horizon_days=28)
    with pytest.raises(ValueError, match="give horizon_days too"):
        hand_over(data=data, lists=lists)
