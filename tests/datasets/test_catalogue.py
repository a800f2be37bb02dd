import json

import pandas as pd
import pytest

from clvlib.datasets import AVAILABLE, check, fetch, load, load_cdnow, make_shop, status_table
from clvlib.datasets._session_files import SESSION_LOGS
from clvlib.transactions import LogError

LINES = pd.DataFrame(
    {"customer_id": ["1", "2"], "timestamp": pd.to_datetime(["2024-01-01", "2024-01-02"]), "amount": [1.5, 2.5]}
)


@pytest.fixture
def nothing_at_hand(tmp_path, monkeypatch):
    monkeypatch.delenv("CLVLIB_DATA", raising=False)
    monkeypatch.setenv("CLVLIB_CACHE", str(tmp_path / "cache"))


@pytest.mark.parametrize("name", ["cdnow", "cdnow_full", "complete_journey", "shop", "shop_zh"])
def test_what_is_installed_loads_by_name_and_is_what_the_catalogue_says(name):
    data, entry = load(name), AVAILABLE[name]
    assert (data.source.name, data.source.title, data.source.kind) == (name, entry.title, entry.kind)
    customers = data.lines["customer_id"].nunique()
    lines = len(data.lines)
    if entry.kind == "simulated":
        assert (customers, round(lines, -4)) == (2000, 30_000)
    else:
        assert f"{lines:,} lines, {customers:,} " in entry.size
    assert data.ledger.rejected.empty


def test_saved_ledger_loads_as_own_data_under_its_folder_s_name(tmp_path):
    folder = load_cdnow().ledger.save(tmp_path / "my_shop")
    data = load(str(folder))
    assert data.label == "my_shop - your own log"
    assert (len(data.lines), data.currency, len(data.source.sha256)) == (6919, "USD", 64)
    pd.testing.assert_frame_equal(data.lines, load_cdnow().lines)


def test_saved_ledger_tells_its_papers_where_it_has_some(tmp_path):
    folder = load_cdnow().ledger.save(tmp_path / "x")
    papers = {"name": "till", "title": "Our till", "kind": "own", "sha256": "f00", "origin": "till export"}
    (folder / "source.json").write_text(json.dumps(papers))
    assert vars(load(folder).source).items() >= papers.items()


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".xlsx"])
def test_file_in_our_vocabulary_loads(tmp_path, suffix):
    path = tmp_path / f"march{suffix}"
    {".csv": LINES.to_csv, ".parquet": LINES.to_parquet, ".xlsx": LINES.to_excel}[suffix](path, index=False)
    data = load(path)
    assert data.lines["amount"].tolist() == [1.5, 2.5]
    assert (data.source.name, data.source.kind, data.currency) == ("march", "own", "XXX")


def test_unknown_name_gets_the_nearest_known_one():
    with pytest.raises(LogError, match=r"did you mean 'complete_journey'.*cdnow_full.*shop_zh"):
        load("complete_journy")
    with pytest.raises(LogError) as raised:
        load("zzzzzz")
    assert "did you mean" not in str(raised.value)


def test_missing_file_and_other_kinds_of_file_are_told(tmp_path):
    with pytest.raises(LogError, match="no file"):
        load(tmp_path / "missing.csv")
    (tmp_path / "log.json").write_text("x")
    with pytest.raises(LogError, match=r"nothing here reads \.json"):
        load(tmp_path / "log.json")
    with pytest.raises(LogError, match="no saved ledger"):
        load(tmp_path)


def test_status_says_where_each_set_is(nothing_at_hand):
    table = status_table().set_index("name")
    assert list(table.index) == [*AVAILABLE, *SESSION_LOGS]
    assert table.loc["online_retail", "found"] == "not here; run: clv data fetch online_retail"
    assert table.loc["cdnow", "found"] == "installed with the package"
    assert table.loc["shop", "found"] == "made when asked for"


def test_status_finds_the_lines_in_the_cache(nothing_at_hand, tmp_path):
    path = tmp_path / "cache" / "online_retail_ii_lines.parquet"
    path.parent.mkdir()
    path.touch()
    assert status_table().set_index("name").loc["online_retail", "found"] == str(path)
    assert fetch("online_retail") == f"online_retail: {path}"


@pytest.mark.parametrize("name", ["cdnow", "cdnow_full", "complete_journey", "shop"])
def test_check_passes_on_what_is_installed(name):
    table = check(name)
    assert table["ok"].all()
    assert {"lines", "amount", "customer_digest"} <= set(table["fact"])


def test_check_does_not_download(nothing_at_hand):
    with pytest.raises(LogError, match="clv data fetch online_retail"):
        check("online_retail")


def test_fetch_and_check_know_the_names_too():
    assert fetch("cdnow") == "cdnow: nothing to fetch, it comes with the package"
    for function in (fetch, check):
        with pytest.raises(LogError, match="did you mean 'cdnow'"):
            function("cdno")


def test_shops_of_two_languages_differ_in_their_words_only():
    english, chinese = (make_shop(n_customers=50, language=language).lines for language in ("en", "zh"))
    assert english.drop(columns=["item_text", "category"]).equals(chinese.drop(columns=["item_text", "category"]))
    assert not english["item_text"].equals(chinese["item_text"])


@pytest.mark.parametrize(("text", "told"), [("{", "no JSON"), ('{"colour": "red"}', "use name, title, kind")])
def test_papers_that_say_nothing_are_told(tmp_path, text, told):
    folder = load_cdnow().ledger.save(tmp_path / "x")
    (folder / "source.json").write_text(text)
    with pytest.raises(LogError, match=told):
        load(folder)
