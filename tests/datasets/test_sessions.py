"""The session logs: the publisher's counts, and what is said where a file is not there or not the one."""

import functools
import http.server
import os
import threading
import zipfile
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

from clvlib.datasets import AVAILABLE, check, fetch, load, load_eshop_clicks, load_online_shoppers, status_table
from clvlib.datasets._session_files import SESSION_LOGS, content_of, fetch_sessions, find_sessions
from clvlib.reporting.cli import main
from clvlib.transactions import LogError

FILES = Path(os.environ.get("CLVLIB_DATA", "/nowhere"))
needs_data = pytest.mark.skipif(
    not all((FILES / log.folder / log.file).is_file() for log in SESSION_LOGS.values()),
    reason=f"NOT TESTED: the session logs are not at hand below {FILES}; set CLVLIB_DATA",
)
LOADERS = {"eshop_clicks": load_eshop_clicks, "online_shoppers": load_online_shoppers}
names = pytest.mark.parametrize("name", sorted(SESSION_LOGS))


@pytest.fixture
def nothing_at_hand(tmp_path, monkeypatch):
    monkeypatch.setenv("CLVLIB_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("CLVLIB_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def shoppers():
    return load_online_shoppers()


@pytest.fixture(scope="module")
def clicks():
    return load_eshop_clicks()


# ---- what is in them ----------------------------------------------------------------------------------------------


@needs_data
def test_online_shoppers_has_the_counts_of_uci_468(shoppers):
    sessions = shoppers.sessions
    assert (len(sessions), int(sessions["purchased"].sum()), len(sessions.columns)) == (12_330, 1_908, 19)
    assert sessions["session_id"].is_unique
    assert sessions["month"].isin([1, 4]).sum() == 0
    assert sessions["visitor_type"].value_counts().to_dict() == {"returning": 10_551, "new": 1_694, "other": 85}
    assert not sessions.isna().any(axis=None)
    assert sessions.drop(columns="session_id").duplicated().sum() == 125
    assert (sessions["weekend"].dtype, sessions["purchased"].dtype) == (bool, bool)
    assert (
        shoppers.label == shoppers.source.label == "Online Shoppers Purchasing Intention - real sessions, no customers"
    )


@needs_data
def test_page_value_is_known_afterwards_and_nearly_tells_the_purchase(shoppers):
    assert shoppers.known_afterwards == ("page_value", "purchased")
    bought = shoppers.sessions.groupby(shoppers.sessions["page_value"] > 0)["purchased"].mean()
    assert bought[True] > 10 * bought[False]  # too good to be a cause: it was computed from the purchase


@needs_data
def test_eshop_has_the_counts_of_uci_553(clicks):
    assert (len(clicks.clicks), len(clicks.sessions), clicks.clicks["item_id"].nunique()) == (165_474, 24_026, 217)
    assert clicks.clicks["timestamp"].min() == pd.Timestamp("2008-04-01")
    assert clicks.clicks["timestamp"].max() == pd.Timestamp("2008-08-13")
    assert set(clicks.clicks["category"]) == {"trousers", "skirts", "blouses", "sale"}
    assert clicks.known_afterwards == ()  # nothing that came of a session is recorded
    assert not {"purchased", "event", "order_id"} & {*clicks.clicks, *clicks.sessions}


@needs_data
def test_eshop_sessions_sum_up_their_clicks(clicks):
    one = clicks.clicks[clicks.clicks["session_id"] == "24"]
    row = clicks.sessions.set_index("session_id").loc["24"]
    assert (row["clicks"], row["items"]) == (len(one), one["item_id"].nunique())
    assert row["dear_items"] == one.loc[one["above_category_mean"], "item_id"].nunique()
    assert clicks.sessions["clicks"].sum() == 165_474
    assert (clicks.clicks.groupby("session_id")["click"].max() == clicks.clicks.groupby("session_id").size()).all()


@needs_data
def test_dear_is_above_the_mean_price_of_the_category_as_the_publisher_says(clicks):
    table = clicks.clicks
    mean = table.groupby("category")["unit_price"].transform("mean")
    assert ((table["unit_price"] > mean) == table["above_category_mean"]).all()


@needs_data
@names
def test_neither_log_has_a_customer(name):
    log = LOADERS[name]()
    assert "customer_id" not in log.sessions
    assert log.clicks is None or "customer_id" not in log.clicks
    assert (log.source.kind, log.source.licence, log.source.sha256) == ("real", "CC BY 4.0", SESSION_LOGS[name].sha256)


@needs_data
@names
def test_check_compares_with_what_the_publisher_says(name):
    facts = check(name)
    assert facts["ok"].all()
    assert {"sessions", "content"} <= set(facts["fact"])
    assert fetch(name) == f"{name}: {find_sessions(name)}"


# ---- where a file is not there, or not the one --------------------------------------------------------------------


@names
def test_a_missing_file_is_told_with_the_folder_it_belongs_in(name, nothing_at_hand):
    log = SESSION_LOGS[name]
    for ask in (LOADERS[name], lambda: check(name)):
        with pytest.raises(LogError, match=f"clv data fetch {name}, or put it into the folder {log.folder} of"):
            ask()
    assert status_table().set_index("name").loc[name, "found"] == f"not here; run: clv data fetch {name}"


@names
@pytest.mark.parametrize("root", ["data", "cache"])
def test_an_altered_file_is_refused_wherever_it_lies(name, root, nothing_at_hand, tmp_path):
    log = SESSION_LOGS[name]
    path = tmp_path / root / log.folder / log.file
    path.parent.mkdir(parents=True)
    pd.DataFrame({"a": [1]}).to_parquet(path)
    with pytest.raises(LogError, match=f"SHA-256 begins with .*, not with {log.sha256[:12]}"):
        LOADERS[name]()


@names
def test_a_file_that_is_no_parquet_is_told(name, nothing_at_hand, tmp_path):
    log = SESSION_LOGS[name]
    path = tmp_path / "data" / log.folder / log.file
    path.parent.mkdir(parents=True)
    path.write_text("not found")
    with pytest.raises(LogError, match=r"it cannot be read.*Remedy: copy or fetch it again"):
        LOADERS[name]()


@names
def test_load_says_that_there_are_sessions_and_no_customers(name, nothing_at_hand):
    with pytest.raises(LogError, match=rf"no customers.*clvlib\.datasets\.{SESSION_LOGS[name].loader}\(\)"):
        load(name)
    assert name not in AVAILABLE  # what a chapter's `dataset` may be


def test_a_slip_of_the_pen_finds_the_session_log(nothing_at_hand):
    with pytest.raises(LogError, match="did you mean 'online_shoppers'"):
        load("online_shopper")


def test_data_list_shows_them_and_data_check_passes_over_what_is_not_here(nothing_at_hand):
    listed = CliRunner().invoke(main, ["data", "list"])
    assert listed.exit_code == 0
    for log in SESSION_LOGS.values():
        assert log.size in listed.output
    told = CliRunner().invoke(main, ["data", "check", "online_shoppers"])
    assert told.exit_code != 0
    assert "is not here" in told.output


# ---- the download, from a server on this machine ------------------------------------------------------------------


@pytest.fixture
def uci(nothing_at_hand, tmp_path, monkeypatch):
    """A server that gives out what lies in the folder ``served``; yields a function that packs tables there."""
    folder = tmp_path / "served"
    folder.mkdir()
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=folder)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(http.server.SimpleHTTPRequestHandler, "log_message", lambda *_: None)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()

    def pack(**tables):
        with zipfile.ZipFile(folder / "archive.zip", "w") as packed:
            for name, text in tables.items():
                packed.writestr(f"{name}.csv", text)
        return f"http://127.0.0.1:{server.server_port}/archive.zip"

    yield pack
    server.shutdown()
    server.server_close()


@needs_data
@pytest.mark.parametrize("separator", [",", ";"])
def test_the_publisher_s_table_is_verified_cell_by_cell_and_kept(separator, uci, tmp_path):
    log = SESSION_LOGS["online_shoppers"]
    raw = pd.read_parquet(FILES / log.folder / log.file)
    kept = fetch_sessions("online_shoppers", uci(shoppers=raw.to_csv(index=False, sep=separator)))
    assert kept == find_sessions("online_shoppers") == tmp_path / "cache" / log.folder / log.file
    pd.testing.assert_frame_equal(pd.read_parquet(kept), raw)
    assert len(load_online_shoppers().sessions) == 12_330
    assert check("online_shoppers")["ok"].all()  # perhaps another file, but the same content
    assert sorted(path.name for path in (tmp_path / "cache").rglob("*.*")) == [log.file]
    raw.loc[7, "PageValues"] += 0.001
    raw.to_parquet(kept)
    with pytest.raises(LogError, match="its cells differ"):
        load_online_shoppers()


def test_what_cannot_be_verified_is_not_kept(uci, tmp_path):
    for tables, told in [
        ({"shoppers": "a,b\n1,2\n"}, "not the data set as known: 1 rows, 2 columns"),
        ({}, r"it holds 0 tables \(.csv\), not one"),
        ({"one": "a\n1\n", "two": "a\n1\n"}, "it holds 2 tables"),
    ]:
        with pytest.raises(LogError, match=told):
            fetch_sessions("online_shoppers", uci(**tables))
    with pytest.raises(LogError, match=r"no data from .*404"):
        fetch_sessions("online_shoppers", uci().replace("archive", "gone"))
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]


def test_content_is_that_of_the_cells_however_they_are_stored(tmp_path):
    table = pd.DataFrame(
        {"pages": [1, 2], "seconds": [0.1 + 0.2, 1.0], "bought": [True, False], "month": ["Feb", "June"]}
    )
    table.to_csv(tmp_path / "table.csv", index=False)
    again = pd.read_csv(tmp_path / "table.csv").astype({"pages": float})
    assert content_of(again) == content_of(table)
    assert content_of(table.iloc[::-1]) != content_of(table)
