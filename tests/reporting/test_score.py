"""``clv score``: a saved value model and a later log give one row a customer, and say what to be wary of."""

import json

import pandas as pd
import pytest

from clvlib.datasets import load
from clvlib.reporting.score import COLUMNS, ScoreError, check_target, score, write_scored
from clvlib.rfm import rfm_summary
from clvlib.value import BetaGeoModel, GammaGammaModel, ValueModel, load_model


@pytest.fixture(scope="module")
def lines():
    return load("cdnow").lines


@pytest.fixture(scope="module")
def model(lines):
    summary = rfm_summary(lines, calibration_end="1997-09-30")
    return ValueModel(
        purchases=BetaGeoModel().fit(summary),
        spend=GammaGammaModel(nonpositive="leave_out").fit(summary),
        margin_rate=0.3,
        annual_discount_rate=0.1,
        horizon_days=365,
        currency="USD",
        calibration_end="1997-09-30",
    )


@pytest.fixture
def files(tmp_path, lines, model, monkeypatch):
    """A folder with ``model.json`` and ``log.csv``, which is the working folder."""
    model.save(tmp_path / "model.json")
    lines.to_csv(tmp_path / "log.csv", index=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_log_without_its_beginning_is_refused(clv, files, lines):
    lines[lines["timestamp"] >= "1997-10-01"].to_csv(files / "month.csv", index=False)
    code, _, told = clv("score", "model.json", "month.csv")
    assert code == 2
    assert "begins on 1997-10-01, after the day the model was fitted to (1997-09-30)" in told
    assert "whole log" in told
    assert not (files / "customers.csv").exists()


def test_a_later_month_is_valued_without_refitting(clv, files, lines, model):
    code, printed, told = clv("score", "model.json", "log.csv")
    assert code == 0
    assert printed == f"2,357 customers, {files / 'customers.csv'}\n"
    table = pd.read_csv(files / "customers.csv", dtype={"customer_id": "str"})
    assert table.columns.tolist() == [
        "customer_id", "probability_alive", "expected_purchases", "expected_spend",
        "clv", "clv_p05", "clv_p95", "as_of", "currency", "horizon_days",
    ]  # fmt: skip
    assert set(table["as_of"]) == {"1998-06-30"}
    assert (set(table["currency"]), set(table["horizon_days"])) == ({"USD"}, {365})
    expected = model.customer_table(rfm_summary(lines, calibration_end="1998-06-30"))
    assert table["customer_id"].tolist() == expected["customer_id"].tolist()
    for name in ("probability_alive", "expected_purchases", "expected_spend", "clv", "clv_p05", "clv_p95"):
        pd.testing.assert_series_equal(table[name], expected[name], rtol=1e-9)
    assert "read: 6,919 lines" in told
    assert "taken for USD, the model's" in told  # the file does not say
    assert "WARNING" not in told
    assert "Traceback" not in told


def test_a_second_run_replaces_its_own_table_and_repeats_it(clv, files):
    clv("score", "model.json", "log.csv")
    before = (files / "customers.csv").read_bytes()
    code, _, _ = clv("score", "model.json", "log.csv")
    assert code == 0
    assert (files / "customers.csv").read_bytes() == before
    assert sorted(path.name for path in files.iterdir()) == ["customers.csv", "log.csv", "model.json"]


def test_as_of_horizon_and_parquet(clv, files, lines):
    code, _, told = clv(
        "score", "model.json", "log.csv", "--as-of", "1998-03-31", "--horizon-days", "91", "--out", "q.parquet"
    )
    assert code == 0
    table = pd.read_parquet(files / "q.parquet")
    assert (set(table["as_of"]), set(table["horizon_days"])) == ({"1998-03-31"}, {91.0})
    later = int((lines["timestamp"] >= "1998-04-01").sum())
    assert f"{later:,} lines after 1998-03-31 were not looked at" in told


def test_a_shops_own_names_come_from_its_scenario(clv, files, lines):
    own = pd.DataFrame(
        {
            "Kunde": lines["customer_id"],
            "Datum": lines["timestamp"].dt.strftime("%d.%m.%Y"),
            "Summe": lines["amount"].map(lambda amount: f"{amount:.2f}".replace(".", ",")),
        }
    )
    own.to_csv(files / "neu.csv", index=False, sep=";", encoding="cp1252")
    (files / "shop.yaml").write_text(
        "title: Shop\ndata:\n  name: shop\n  path: not_there.csv\n  currency: USD\n"
        "  columns: {Kunde: customer_id, Datum: timestamp, Summe: amount}\n"
        "  date_format: '%d.%m.%Y'\n  separator: ';'\n  decimal: ','\n  encoding: cp1252\n",
        encoding="utf-8",
    )
    assert clv("score", "model.json", "log.csv")[0] == 0
    code, _, told = clv("score", "model.json", "neu.csv", "--scenario", "shop.yaml", "--out", "own.csv")
    assert code == 0
    assert "currency" not in told
    pd.testing.assert_frame_equal(pd.read_csv("own.csv"), pd.read_csv("customers.csv"))
    code, _, told = clv("score", "model.json", "neu.csv")
    assert code == 2
    assert "--scenario" in told


def test_customers_who_came_after_the_fit_and_before_it_are_all_valued(files, lines, model):
    some = lines[lines["customer_id"] <= "01000"]
    late = some.assign(customer_id="x" + some["customer_id"], timestamp=some["timestamp"] + pd.Timedelta(days=200))
    both = pd.concat([some, late])
    both.to_csv("both.csv", index=False)
    found = score(files / "model.json", files / "both.csv")
    assert len(found.table) == both["customer_id"].nunique()
    early = score(files / "model.json", files / "both.csv", as_of="1997-07-01")
    assert any("customers without a purchase by 1997-07-01 are not in the table" in note for note in early.notes)


def test_a_report_keeps_the_model_and_tells_the_command_that_works_with_it(clv, chapters, files, tmp_path):
    chapters.add(
        "32_btyd",
        "from clvlib.datasets import load\nfrom clvlib.reporting import hand_over\nfrom clvlib.rfm import rfm_summary\n"
        "from clvlib.value import BetaGeoModel, GammaGammaModel, ValueModel\ndata = load(dataset)",
        "summary = rfm_summary(data.lines, calibration_end='1997-09-30')\n"
        "model = ValueModel(purchases=BetaGeoModel().fit(summary), spend=GammaGammaModel(nonpositive='leave_out')"
        ".fit(summary),\n    margin_rate=0.3, annual_discount_rate=rate, horizon_days=365, currency='USD',"
        " calibration_end='1997-09-30')",
        "hand_over(data=data, model=model.to_dict())",
    )
    (tmp_path / "trial.yaml").write_text("title: Trial\n", encoding="utf-8")
    out = tmp_path / "reports" / "trial"
    code, _, told = clv("report", tmp_path / "trial.yaml", "--out", out, "--no-fork")
    assert code == 0, told
    kept = out / "models" / "cdnow.json"
    assert load_model(kept).annual_discount_rate == 0.1
    assert not (out / "customers").exists()
    page = (out / "index.html").read_text(encoding="utf-8")
    assert 'href="models/cdnow.json"' in page
    assert "clv score reports/trial/models/cdnow.json my_log.csv" in page
    assert clv("score", kept, "log.csv")[0] == 0

    # a chapter that hands over no model any more leaves none behind
    chapters.add("32_btyd", "print('nothing')")
    (out / "models" / "mine.json").write_text("{}", encoding="utf-8")
    assert clv("report", tmp_path / "trial.yaml", "--out", out, "--no-fork")[0] == 0
    assert [path.name for path in (out / "models").iterdir()] == ["mine.json"]


# --- what to be wary of


def test_a_log_in_another_currency_is_told(clv, files, lines):
    lines.assign(currency="EUR").to_csv("eur.csv", index=False)
    code, _, told = clv("score", "model.json", "eur.csv")
    assert code == 0
    assert "WARNING: the log is in EUR, the model in USD" in told


def test_a_time_the_model_has_seen_is_told(clv, files):
    code, _, told = clv("score", "model.json", "log.csv", "--as-of", "1997-06-30")
    assert code == 0
    assert "WARNING: as of 1997-06-30 the model, fitted to 1997-09-30, knows the future" in told
    assert "knows the future" not in clv("score", "model.json", "log.csv", "--as-of", "1997-09-30")[2]


def test_what_the_fit_warned_of_is_told_again(clv, files, model):
    saved = model.to_dict()
    saved["purchases"]["notes"] = ["the likelihood hardly changes as b grows"]
    (files / "ridge.json").write_text(json.dumps(saved), encoding="utf-8")
    code, _, told = clv("score", "ridge.json", "log.csv")
    assert code == 0
    assert "of the fit, BetaGeoModel: the likelihood hardly changes as b grows" in told


def test_another_population_is_told(clv, files, lines):
    lines.assign(amount=5 * lines["amount"]).to_csv("dear.csv", index=False)
    code, _, told = clv("score", "model.json", "dear.csv")
    assert code == 0
    assert "WARNING: these customers look unlike those of the model" in told
    assert "USD a purchase" in told


def test_returns_and_rejected_lines_are_told(clv, files, lines):
    x = lines["customer_id"].value_counts().index[0]
    back = pd.DataFrame({"customer_id": [x, "y"], "timestamp": ["1998-06-29", "yesterday"], "amount": [-1e6, 5.0]})
    pd.concat([lines, back]).to_csv("back.csv", index=False)
    code, _, told = clv("score", "model.json", "back.csv")
    assert code == 0
    assert "1 customer sent back what was bought" in told
    assert "rejected: 1 line" in told
    assert not pd.read_csv("customers.csv").isna().any().any()


def test_names_of_customers_do_not_run_in_a_spreadsheet(files, lines):
    evil = lines.replace({"customer_id": {lines["customer_id"].iloc[0]: '=HYPERLINK("http://e.org")'}})
    evil.to_csv("evil.csv", index=False)
    found = score(files / "model.json", files / "evil.csv")
    write_scored(found.table, files / "t.csv")
    assert '"\'=HYPERLINK(' in (files / "t.csv").read_text(encoding="utf-8-sig")


# --- what is refused: one sentence, exit code 2, nothing written


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none.json", "log.csv"], "none.json: there is no such file"),
        (["log.csv", "model.json"], "log.csv: this is no JSON"),
        (["model.json", "none.csv"], "none.csv: there is no such file"),
        (["model.json", "model.json"], "nothing here reads .json files"),
        (["model.json", "log.csv", "--as-of", "soon"], "--as-of 'soon' is no date"),
        (["model.json", "log.csv", "--as-of", "2001-01-01"], "the log, which covers 1997-01-01 to 1998-06-30"),
        (["model.json", "log.csv", "--as-of", "1996-01-01"], "lies outside the log"),
        (["model.json", "log.csv", "--horizon-days", "0"], "--horizon-days is a positive number"),
        (["model.json", "log.csv", "--horizon-days", "inf"], "--horizon-days is a positive number"),
        (["model.json", "log.csv", "--out", "log.csv"], "is what is read"),
        (["model.json", "log.csv", "--out", "crm.csv"], "no earlier clv score wrote it"),
        (["model.json", "log.csv", "--out", "a.xlsx"], "written as .csv or .parquet"),
        (["model.json", "log.csv", "--out", "no/a.csv"], "there is no folder no"),
        (["model.json", "log.csv", "--scenario", "none.yaml"], "there is no such file"),
        (["model.json", "log.csv", "--scenario", "bare.yaml"], "no section data"),
        (["model.json", "log.csv", "--scenario", "wrong.yaml"], "separatr"),
        (["alone.json", "log.csv"], "holds a BetaGeoModel alone"),
    ],
)
def test_what_cannot_be_done_is_told_and_nothing_is_written(clv, files, model, arguments, message):
    model.purchases.save(files / "alone.json")
    (files / "crm.csv").write_text("customer_id,phone\n1,555\n", encoding="utf-8")
    (files / "bare.yaml").write_text("title: t\n", encoding="utf-8")
    (files / "wrong.yaml").write_text("title: t\ndata: {name: a, path: b, separatr: ';'}\n", encoding="utf-8")
    before = {path.name: path.read_bytes() for path in files.iterdir()}
    code, printed, told = clv("score", *arguments)
    assert code == 2
    assert printed == ""
    assert message in told
    assert "Traceback" not in told
    assert {path.name: path.read_bytes() for path in files.iterdir()} == before


def test_a_table_that_cannot_be_written_is_a_failure(clv, files, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("clvlib.reporting.score.write_csv", full)
    code, _, told = clv("score", "model.json", "log.csv")
    assert code == 1
    assert "customers.csv cannot be written: No space left on device" in told
    assert not (files / "customers.csv").exists()


def test_only_tables_of_its_own_are_replaced(files):
    table = pd.DataFrame({name: [0] for name in COLUMNS})
    for name in ("a.csv", "a.parquet"):
        write_scored(table, files / name)
        check_target(files / name)
    (files / "b.parquet").write_bytes(b"not parquet")
    with pytest.raises(ScoreError, match="no earlier clv score"):
        check_target(files / "b.parquet")
