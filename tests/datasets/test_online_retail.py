import datetime as dt
import functools
import http.server
import json
import os
import threading
import zipfile
from pathlib import Path

import openpyxl
import pandas as pd
import pytest

from clvlib.datasets import load_online_retail
from clvlib.datasets.facts import compare, facts, manifest
from clvlib.datasets.online_retail import convert, fetch, find
from clvlib.transactions import LogError

LINES = Path(os.environ.get("CLVLIB_DATA", "/nowhere")) / "online_retail_ii" / "online_retail_ii_lines.parquet"
needs_data = pytest.mark.skipif(
    not LINES.is_file(), reason=f"NOT TESTED: Online Retail II is not at hand ({LINES}); set CLVLIB_DATA"
)

# ---- the download, from a server on this machine ----------------------------------------------------------------

HEADER = ["Invoice", "StockCode", "Description", "Quantity", "InvoiceDate", "Price", "Customer ID", "Country"]
NOV, DEC, LATER = dt.datetime(2010, 11, 30, 9), dt.datetime(2010, 12, 1, 10), dt.datetime(2011, 12, 9, 12, 50)
OLD = [
    [489434, 85048, " GLASS BALL 20 LIGHTS ", 12, NOV, 6.95, 13085, "United Kingdom"],
    [489434, "79323P", "PINK CHERRY LIGHTS", 1, NOV, 6.75, 13085.0, "United Kingdom"],
    ["C489449", "79323p", "PINK CHERRY LIGHTS", -1, NOV, 6.75, 13085, "United Kingdom"],
    ["A506401", "B", "Adjust bad debt", 1, NOV, -53594.36, None, "United Kingdom"],
]
BOTH = [
    [536365, 22632, 22467, 6, DEC, 1.85, 12346, "France"],  # a description that Excel took for a number
    [536365, 22632, 22467, 6, DEC, 1.85, 12346, "France"],  # twice on each sheet: a duplicate, no overlap
]
NEW = [
    [581587, "POST", "POSTAGE", 1, LATER, 18.0, 12680, "France"],
    [581588, 21777, None, -3, LATER, 0, None, "United Kingdom"],
]
KNOWN = {"toy": {"lines": 8, "guests": 2, "rejected": 0, "amount": "-53470.76", "customer_ids": 3, "item_ids": 6}}


def archive(folder, sheets, name="archive.zip"):
    book = openpyxl.Workbook()
    book.remove(book.active)
    for title, rows in sheets.items():
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(row)
    book.save(folder / "online_retail_II.xlsx")
    with zipfile.ZipFile(folder / name, "w") as packed:
        packed.write(folder / "online_retail_II.xlsx", "online_retail_II.xlsx")
    return folder / name


@pytest.fixture
def uci(tmp_path, monkeypatch):
    """A server that gives out one archive, and an empty cache; yields its address."""
    served = tmp_path / "served"
    served.mkdir()
    archive(served, {"Year 2009-2010": [HEADER, *OLD, *BOTH], "Year 2010-2011": [HEADER, *BOTH, *NEW]})
    monkeypatch.setenv("CLVLIB_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("CLVLIB_DATA", raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=served)
    handler.func.log_message = lambda *_: None
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/archive.zip"
    server.shutdown()
    thread.join()
    server.server_close()


def test_download_is_converted_verified_and_kept(uci, tmp_path):
    assert find() is None
    path = fetch(uci, versions=KNOWN)
    assert path == find()
    assert sorted(file.name for file in (tmp_path / "cache").iterdir()) == [path.name, f"{path.name}.json"]
    paper = json.loads((tmp_path / "cache" / f"{path.name}.json").read_text())
    assert (paper["url"], len(paper["archive_sha256"])) == (uci, 64)

    data = load_online_retail()  # from the cache now: nothing else is at hand
    lines = data.lines
    assert lines["customer_id"].tolist() == ["13085"] * 3 + ["12346"] * 2 + ["12680"]
    assert lines["item_id"].tolist() == ["85048", "79323P", "79323P", "22632", "22632", "POST"]
    assert lines["item_text"].tolist()[0] == "GLASS BALL 20 LIGHTS"
    assert lines["amount"].tolist() == pytest.approx([83.4, 6.75, -6.75, 11.1, 11.1, 18.0])
    # bad debt and stock corrections have no customer and never reach one
    assert data.ledger.guests["order_id"].tolist() == ["A506401", "581588"]
    products = data.products.set_index("item_id")
    assert products["category"].to_dict() == {
        "85048": "product", "79323P": "product", "22632": "product", "POST": "service", "B": "service",
        "21777": "product",
    }  # fmt: skip
    assert products.loc["22632", "item_text"] == "22467"
    assert products.loc["21777", "item_text"] == ""
    assert data.tables["customers"].set_index("customer_id")["country"].to_dict() == {
        "12346": "France", "12680": "France", "13085": "United Kingdom",
    }  # fmt: skip


def test_the_right_hash_is_taken_and_a_wrong_one_refused(uci, tmp_path):
    from clvlib.datasets.dataset import sha256_of

    with pytest.raises(LogError, match="no download from"):
        fetch(uci, known_hash="0" * 64, versions=KNOWN)
    assert find() is None
    fetch(uci, known_hash=sha256_of(tmp_path / "served" / "archive.zip"), versions=KNOWN)
    assert find() is not None


def test_content_other_than_the_manifest_s_is_not_kept(uci, tmp_path):
    wrong = {"toy": KNOWN["toy"] | {"lines": 9}}
    with pytest.raises(LogError, match="lines 8, not 9"):
        fetch(uci, versions=wrong)
    assert list((tmp_path / "cache").iterdir()) == []
    with pytest.raises(LogError, match="not the data set as known"):
        fetch(uci)  # nor does it pass for the real one


def test_a_server_without_the_file_is_told_with_the_remedy(uci, tmp_path):
    with pytest.raises(LogError, match=r"404.*Remedy: try again, or put online_retail_ii_lines.parquet"):
        fetch(uci.replace("archive.zip", "gone.zip"))


def test_sheets_that_overlap_in_lines_that_differ_are_refused(tmp_path):
    changed = [[*BOTH[0][:3], 7, *BOTH[0][4:]], BOTH[1]]
    path = archive(tmp_path, {"a": [HEADER, *OLD, *BOTH], "b": [HEADER, *changed, *NEW]})
    with pytest.raises(LogError, match=r"overlap from 2010-12-01 10:00:00 .* 2 and 2 lines that are not equal"):
        convert(path)


def test_an_archive_without_the_workbook_is_refused(tmp_path):
    (tmp_path / "page.zip").write_text("<html>")
    with pytest.raises(LogError, match="no zip archive"):
        convert(tmp_path / "page.zip")
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as packed:
        packed.writestr("readme.txt", "")
    with pytest.raises(LogError, match="holds 0 workbooks"):
        convert(tmp_path / "other.zip")
    with pytest.raises(LogError, match="sheet 'a' has the columns"):
        convert(archive(tmp_path, {"a": [HEADER[:-1]]}))


def test_sheets_without_overlap_are_joined_as_they_are(tmp_path):
    archive(tmp_path, {"a": [HEADER, *OLD], "b": [HEADER, *NEW]})
    frame = convert(tmp_path / "online_retail_II.xlsx")
    assert len(frame) == len(OLD) + len(NEW)
    assert frame["stock_code"].tolist()[:3] == ["85048", "79323P", "79323p"]
    assert frame["customer_id"].tolist()[:2] == ["13085", "13085"]


# ---- the facts of SOURCE.md -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def retail():
    return load_online_retail()


@pytest.fixture(scope="module")
def raw():
    return pd.read_parquet(LINES)


@needs_data
def test_raw_counts_of_source_md(raw):
    assert len(raw) == 1_044_847
    assert raw.duplicated().sum() == 11_812
    assert raw["invoice"].str.startswith("C").sum() == 19_165
    assert raw["invoice"].str.startswith("A").sum() == 6
    distinct = raw[["customer_id", "invoice", "stock_code"]].nunique()
    assert distinct.tolist() == [5_942, 53_628, 5_305]
    overlap = raw["invoice_date"].between("2010-12-01", "2010-12-09 20:01:00")
    assert (overlap.sum(), raw.loc[overlap, "invoice"].nunique()) == (22_523, 1_088)


@needs_data
def test_ledger_keeps_every_line_of_source_md(retail):
    ledger = retail.ledger
    assert (len(ledger.lines), len(ledger.guests), len(ledger.rejected)) == (809_560, 235_287, 0)
    assert retail.lines["customer_id"].nunique() == 5_942
    cancelled = pd.concat([ledger.lines, ledger.guests])["order_id"].str.startswith("C")
    amounts = pd.concat([ledger.lines, ledger.guests])["amount"]
    assert cancelled.sum() == 19_165
    assert amounts[cancelled].sum() == pytest.approx(-1.47e6, rel=0.05)
    assert (str(retail.lines["timestamp"].min()), str(retail.lines["timestamp"].max())) == (
        "2009-12-01 07:45:00",
        "2011-12-09 12:50:00",
    )
    assert retail.source.sha256.startswith("074d32fc72c58999")


@needs_data
def test_the_usual_cleaning_of_source_md_leaves_its_customers_orders_and_money(retail):
    lines = retail.lines
    bought = lines[(lines["quantity"] > 0) & (lines["unit_price"] > 0) & ~lines["order_id"].str.match("^[CA]")]
    assert (bought["customer_id"].nunique(), bought["order_id"].nunique()) == (5_878, 36_969)
    assert bought["amount"].sum() == pytest.approx(17.4e6, abs=0.05e6)
    days = bought.assign(day=bought["timestamp"].dt.normalize()).groupby("customer_id")["day"].nunique()
    assert (days > 1).mean() == pytest.approx(0.713, abs=0.0005)
    assert days.median() == 3


@needs_data
def test_bad_debt_stays_in_the_ledger_and_reaches_no_customer(retail):
    debt = retail.ledger.guests[retail.ledger.guests["order_id"].str.startswith("A")]
    assert (len(debt), set(debt["item_id"])) == (6, {"B"})
    assert not retail.lines["order_id"].str.startswith("A").any()


@needs_data
def test_services_are_marked_and_case_variants_are_one_item(retail):
    products = retail.products.set_index("item_id")
    assert len(products) == 5_131
    services = products.index[products["category"] == "service"]
    assert {"POST", "DOT", "M", "D", "C2", "BANK CHARGES", "AMAZONFEE", "B", "S", "GIFT_0001_20"} <= set(services)
    assert len(services) == 25
    assert products.loc["15056BL", "category"] == "product"
    assert "15056bl" not in products.index


@needs_data
def test_folder_copy_is_the_known_one_that_lacks_a_line(retail):
    checked = compare(facts(retail), manifest()["online_retail"])
    assert checked["ok"].all()
    assert set(checked["version"]) == {"one line short"}


def test_manifest_s_two_versions_differ_by_one_line_of_18_pounds():
    archive_facts, copy_facts = manifest()["online_retail"].values()
    assert archive_facts["lines"] - copy_facts["lines"] == 1
    assert float(archive_facts["amount"]) - float(copy_facts["amount"]) == pytest.approx(18.0)
    # UCI documents 1,067,371 lines on two sheets, of which 22,523 are on both
    assert archive_facts["lines"] == 1_067_371 - 22_523
