"""What bad input gets, end to end through ``clv report``: a clear message, and nothing lost.

Most of it is told before anything runs (exit code 2). What can be used is used, with the rest set apart, counted,
and kept for its owner in ``ledger/<name>/rejected.csv``.
"""

import csv
import json
import os
import re
from html import unescape
from pathlib import Path

import pandas as pd
import pytest

HEADER = "customer_id,timestamp,amount\n"
GOOD = HEADER + "".join(f"c{n % 50},2020-{1 + n % 12:02d}-{1 + n % 28:02d},{n % 90 + 1}.50\n" for n in range(400))
TWO_MAPPED = {"Customer": "customer_id", "Client": "customer_id", "When": "timestamp", "Sum": "amount"}


@pytest.fixture
def report(clv, chapters, tmp_path):
    """``report(log, **options) -> (code, out, stderr)`` on an analyst's log with this content."""
    chapters.add_customers("31_clv")

    def report(content: bytes | str | None, name: str = "log.csv", **options):
        if content is not None:
            (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        data = {"name": "shop", "path": name} | options
        scenario = tmp_path / "mine.yaml"
        # JSON is YAML.
        scenario.write_text(json.dumps({"title": "My shop", "data": data}), encoding="utf-8")
        out = tmp_path / "out"
        code, _, told = clv("report", scenario, "--out", out, "--no-fork")
        assert "Traceback" not in told
        assert "fault" not in told
        return code, out, told

    return report


@pytest.mark.parametrize(
    ("content", "options", "said"),
    [
        pytest.param(None, {}, ["there is no file", "log.csv"], id="missing file"),
        pytest.param("", {}, ["empty"], id="empty file"),
        pytest.param(HEADER, {}, ["log.csv"], id="header only"),
        pytest.param("customer_id,timestamp\na,2020-01-01\n", {}, ["amount"], id="missing column"),
        pytest.param(GOOD, {"columns": {"Client": "customer_id"}}, ["Client"], id="mapped column that is not there"),
        pytest.param(HEADER + " ,2020-01-01,5\n" * 9, {}, ["customer_id"], id="customer column full of blanks"),
        pytest.param(
            "Customer,Client,When,Sum\na,b,2020-01-01,5\n", {"columns": TWO_MAPPED}, ["customer_id"], id="mapped twice"
        ),
        pytest.param(
            "customer_id,timestamp,amount,currency\na,2020-01-01,5,EUR\nb,2020-01-02,5,USD\n",
            {"currency": "EUR"},
            ["EUR", "USD", "rates"],
            id="two currencies",
        ),
        pytest.param(
            HEADER.encode() + "Müller,2020-01-01,5\n".encode("cp1252"), {}, ["encoding"], id="wrong encoding"
        ),
        pytest.param(HEADER + "a,31.12.2020,5\n" * 9, {}, ["timestamp"], id="no date as declared"),
        pytest.param(
            "customer_id;timestamp;amount\na;2020-01-01;5,50\n", {}, ["separator"], id="semicolons not declared"
        ),
        pytest.param(HEADER + "a,2020-01-01,-5\nb,2020-01-02,-6\n", {}, ["amount", "2 returns"], id="only returns"),
        pytest.param(b"\x00\x01\x02\xff" * 500, {}, ["log.csv"], id="no text at all"),
        pytest.param(GOOD, {"encoding": "utf-99"}, ["utf-99"], id="unknown encoding"),
        pytest.param(GOOD, {"timezone": "Europe/Atlantis"}, ["Atlantis"], id="unknown time zone"),
        pytest.param(GOOD, {"date_format": "%Q"}, ["%Q"], id="unknown date format"),
    ],
)
def test_refused_before_anything_runs(report, content, options, said):
    code, out, told = report(content, **options)
    assert code == 2
    assert "mine.yaml has 1 problem; nothing was run" in told
    assert [word for word in said if word not in told] == []
    assert not (out / "run.json").exists()
    assert not (out / "notebooks").exists()


def test_rejected_rows_of_a_refused_log_are_kept(report):
    code, out, told = report(HEADER + "a,31.12.2020,5\n" * 9)
    assert code == 2
    kept = out / "ledger" / "rejected.csv"
    assert str(kept) in told
    rejected = pd.read_csv(kept)
    assert len(rejected) == 9
    assert rejected["row"].tolist() == list(range(2, 11))
    assert rejected["reason"].str.contains("timestamp").all()


def handover(out: Path) -> dict:
    return json.loads((out / "handover" / "31_clv" / "handover.json").read_text(encoding="utf-8"))


def reconciled(out: Path) -> dict[str, int]:
    """Lines by outcome, after the claim has been checked that nothing is lost."""
    rows = handover(out)["data"]["reconciliation"]
    lines = pd.DataFrame(rows).groupby("outcome")[["lines", "amount"]].sum()
    assert lines.loc["read", "lines"] == lines.drop("read")["lines"].sum()
    assert lines.loc["read", "amount"] == pytest.approx(lines.drop("read")["amount"].sum(), abs=0.005)
    return {outcome: int(count) for outcome, count in lines["lines"].items() if count}


def test_names_and_addresses_nobody_mapped_are_in_no_file_of_a_report(report):
    head = "customer_id,Name,E-Mail,timestamp,amount,Remark\n"
    good = "".join(f"c{n % 5},Ann,ann@example.org,2020-01-{1 + n % 28:02d},9.50,-\n" for n in range(60))
    bad = "c1,Ann,ann@example.org,never,5,wrong\nc1,Ann,Lee,ann@example.org,2020-01-01,5,-\nc1,Ann,ann@example.org\n"
    code, out, told = report(head + good + bad)
    assert code == 0, told
    files = [path for path in out.rglob("*") if path.is_file()]
    assert {"rejected.csv", "rejected.parquet", "data_quality.html"} <= {path.name for path in files}
    spoilt = [path.name for path in files if b"ann@example" in path.read_bytes() or b"E-Mail" in path.read_bytes()]
    assert not spoilt
    assert "ann@example" not in told
    rejected = pd.read_csv(out / "ledger" / "shop" / "rejected.csv", dtype=str)
    assert rejected.columns.tolist() == ["row", "reason", "customer_id", "timestamp", "amount"]
    assert rejected["row"].tolist() == ["62", "63", "64"]
    assert "line number" in (out / "data_quality.html").read_text(encoding="utf-8")

    report(head + bad)  # refused, and what was read is kept for its owner
    assert "ann@example" not in (out / "ledger" / "rejected.csv").read_text(encoding="utf-8")
    code, out, told = report(head + good + bad, keep_columns=["Remark"])
    assert code == 0, told
    assert pd.read_csv(out / "ledger" / "shop" / "rejected.csv")["Remark"].tolist()[0] == "wrong"
    code, _, told = report(head + good, keep_columns=["Remarks"])
    assert code == 2
    assert "write 'Remark'" in told


def test_a_remedy_can_be_put_into_the_scenario_as_it_is(report):
    semicolons = GOOD.replace(",", ";").replace(".50", ",50")
    _, _, told = report(semicolons)
    remedy = re.search(r"Remedy, below data: .*?(separator: '(.)')", told)
    code, _, _ = report(semicolons, separator=remedy[2], decimal=",")
    assert code == 0


def test_what_was_read_is_told_and_an_earlier_refusal_is_forgotten(report):
    _, out, _ = report(HEADER + "a,31.12.2020,5\n" * 9)
    assert (out / "ledger" / "rejected.csv").is_file()
    code, out, told = report(GOOD + "c1,never,5\n", currency="EUR")
    assert code == 0
    assert "read: 401 lines" in told
    assert "rejected: 1 line, 5.00 EUR: timestamp" in told
    assert [path.name for path in (out / "ledger").iterdir()] == ["shop"]


def test_an_ugly_log_is_used_as_far_as_it_can_be(report):
    """Seven plagues in one file, since each run starts a kernel: every bad row is set apart with its reason."""
    rows = [f"c{n % 700},2020-{1 + n % 12:02d}-{1 + n % 28:02d},{n % 90 + 1}.50" for n in range(7_000)]
    rows[6_999] = "c1,2020-01-01,twelve"  # row 7,001 of the file, and there only
    rows[10] = "c1,31.12.2020,5"
    rows[11] = "c1,2199-01-01,5"
    rows[12] = "c1,2020-01-01,nan"
    rows[13] = "c1,2020-01-01,inf"
    rows[14] = " ,2020-01-01,7.25"
    rows[15] = '"=HYPERLINK(""http://example.org"")",2020-01-01,8'
    rows += [rows[20]] * 700  # ten per cent duplicates
    rows += ["whale,2020-06-01,1.00"] * 100_000
    code, out, told = report("﻿" + HEADER + "\n".join(rows) + "\n")
    assert code == 0, told
    assert reconciled(out) == {"read": 107_700, "kept": 107_694, "guest": 1, "rejected": 5}
    rejected = pd.read_csv(out / "ledger" / "shop" / "rejected.csv", dtype=str)
    assert dict(zip(rejected["row"], rejected["reason"].str.split(" ").str[0], strict=True)) == {
        "12": "timestamp",
        "13": "timestamp",
        "14": "amount",
        "15": "amount",
        "7001": "amount",
    }
    notes = {note["note"]: note["lines"] for note in handover(out)["data"]["notes"]}
    assert any("duplicate" in note and lines > 700 for note, lines in notes.items()), notes
    quality = (out / "data_quality.html").read_text(encoding="utf-8")
    assert "107,700" in quality
    assert "rejected.csv" in quality

    # The customer called =HYPERLINK(…) is text in HTML and inert in every exported CSV.
    with open(out / "customers" / "shop.csv", encoding="utf-8-sig", newline="") as file:
        table = list(csv.DictReader(file))
    assert "'=HYPERLINK(\"http://example.org\")" in [row["customer_id"] for row in table]
    assert len(table) == 702
    assert {row["currency"] for row in table} == {"XXX"}


def test_a_semicolon_separated_decimal_comma_file_with_a_byte_order_mark(report):
    content = "﻿Kunde;Datum;Summe\n007;31.12.2020;1.234,50\n008;01.01.2021;-2,25\n"
    columns = {"Kunde": "customer_id", "Datum": "timestamp", "Summe": "amount"}
    code, out, told = report(
        content.encode("utf-8"),
        columns=columns,
        separator=";",
        decimal=",",
        thousands=".",
        date_format="%d.%m.%Y",
        currency="EUR",
    )
    assert code == 0, told
    customers = pd.read_csv(out / "customers" / "shop.csv", dtype={"customer_id": "str"})
    assert customers.set_index("customer_id")["total_spend"].to_dict() == {"007": 1234.50, "008": -2.25}
    assert set(customers["currency"]) == {"EUR"}
    assert set(customers["as_of"]) == {"2021-01-01"}


def test_a_single_customer_is_enough(report):
    code, out, told = report(HEADER + "a,2020-01-01,5\n")
    assert code == 0, told
    assert reconciled(out) == {"read": 1, "kept": 1}


def test_a_product_called_script_is_text(clv, chapters, tmp_path):
    """And one called =HYPERLINK: in the table a chapter shows, in its figures, in its errors and on the index."""
    evil = "<script>alert(1)</script>"
    chapters.add(
        "22_items",
        "from clvlib.datasets import load\nfrom clvlib.reporting import hand_over\ndata = load(dataset)",
        "data.products",
        "print(data.products['item_text'].iloc[0])",
        "hand_over(data=data, figures=[{'name': data.products['item_text'].iloc[0], 'value': 1, 'unit': 'pieces'}])",
        "raise ValueError(data.products['item_text'].iloc[0])",
        parameters='dataset: str = "cdnow"  # needs customer_id, timestamp, amount, item_id, item_text',
    )
    chapters.add_customers("31_clv")
    text = f"customer_id,timestamp,amount,item_id,item_text\n{evil},2020-01-01,5,1,{evil}\n"
    text += 'b,2020-01-02,5,2,"=HYPERLINK(""http://e.org"")"\n'
    (tmp_path / "log.csv").write_text(text)
    scenario = tmp_path / "mine.yaml"
    scenario.write_text(f"title: {evil!r}\ndata: {{name: shop, path: log.csv}}\n")
    code, _, told = clv("report", scenario, "--out", tmp_path / "out", "--no-fork")
    assert code == 1
    assert f"raised ValueError: {evil}" in told
    pages = sorted((tmp_path / "out").glob("*.html"))
    assert len(pages) == 5
    for page in pages:
        html = page.read_text(encoding="utf-8")
        assert evil not in html, page.name
        assert not re.search(r"<script(?![^>]*(application/json|>\s*[^<]*search))[^>]*>\s*alert", html), page.name
    assert evil in unescape((tmp_path / "out" / "22_items.html").read_text(encoding="utf-8"))


def test_all_that_is_wrong_with_log_and_parameters_is_told_together(clv, chapters, tmp_path):
    chapters.add("31_clv", "1")
    (tmp_path / "log.csv").write_text("customer_id,timestamp\na,2020-01-01\n")
    scenario = tmp_path / "mine.yaml"
    scenario.write_text("title: t\nparameters: {rat: 0.1}\ndata: {name: shop, path: log.csv, colums: {}}\n")
    code, _, told = clv("report", scenario, "--out", tmp_path / "out")
    assert code == 2
    assert "did you mean columns?" in told
    assert "did you mean rate?" in told
    scenario.write_text("title: t\nparameters: {rat: 0.1}\ndata: {name: shop, path: log.csv}\n")
    _, _, told = clv("report", scenario, "--out", tmp_path / "out")
    assert "did you mean rate?" in told
    assert "amount" in told


def test_a_changed_log_is_read_again_and_an_unchanged_one_is_not_run_again(report, tmp_path):
    assert report(GOOD)[0] == 0
    _, _, told = report(None)
    assert "up to date" in told
    code, out, told = report(GOOD + "new,2020-12-28,3\n")
    assert (code, "up to date" in told) == (0, False)
    assert handover(out)["data"]["customers"] == 51


def test_a_log_without_the_column_that_all_asked_chapters_need_is_exit_code_2(clv, chapters, tmp_path):
    chapters.add_customers("21_lists", needs=", item_id")
    chapters.add_customers("31_clv")
    (tmp_path / "noitem.csv").write_text(GOOD)
    scenario = tmp_path / "mine.yaml"
    scenario.write_text("title: t\ndata: {name: noitem, path: noitem.csv}\n")
    for _ in range(2):  # the second time from what the first has left
        code, printed, told = clv("report", scenario, "--out", tmp_path / "out", "--only", "2.1")
        assert (code, printed) == (2, "")
        assert "nothing was run" in told
        assert "has no column item_id; map your article number to item_id under data: columns" in told
    code, _, told = clv("report", scenario, "--out", tmp_path / "out", "--no-fork")
    assert code == 0
    assert "2.1 21_lists: does not apply (the log noitem has no column item_id; map" in told


def test_an_unreadable_file_is_told(report, tmp_path):
    (tmp_path / "log.csv").mkdir()  # root reads everything else
    code, _, told = report(None)
    assert code == 2
    assert "log.csv" in told
    assert os.listdir(tmp_path / "log.csv") == []
