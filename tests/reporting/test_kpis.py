"""Key figures: checked at the door, one file for a spreadsheet, a page on which nothing of them can run."""

import json

import numpy as np
import pandas as pd
import pytest

from clvlib.customers import kpi_table
from clvlib.datasets import load
from clvlib.reporting import hand_over
from clvlib.reporting.hand_over import ENVIRONMENT
from clvlib.reporting.kpis import checked_kpis, merge_kpis
from clvlib.reporting.parameters import find_chapters
from clvlib.reporting.run import report
from clvlib.reporting.scenario import load_scenario


@pytest.fixture(scope="module")
def data():
    return load("cdnow")


@pytest.fixture(scope="module")
def table(data):
    return kpi_table(data.lines, period_days=90)


def test_a_kpi_table_is_handed_over_as_it_is_and_missing_values_stay_missing(data, table, tmp_path, monkeypatch):
    monkeypatch.setenv(ENVIRONMENT, str(tmp_path / "here"))
    hand_over(data=data, kpis=table)
    rows = json.loads((tmp_path / "here" / "handover.json").read_text(encoding="utf-8"))["kpis"]
    assert [row["kpi"] for row in rows] == table["kpi"].tolist()
    assert rows[0]["value"] == table["value"][0]
    assert rows[0]["n"] == 385
    satisfaction = rows[-1]
    assert satisfaction["value"] is None
    assert satisfaction["low"] is None
    assert satisfaction["note"].startswith("not recorded")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.to_dict("records"), "kpis is a table"),
        (lambda t: t.drop(columns="unit"), "kpis has no column unit"),
        (lambda t: t.assign(score=1), "kpis has score too"),
        (lambda t: t.iloc[:0], "no row"),
        (lambda t: pd.concat([t, t.iloc[:1]]), "two rows 'retention rate'"),
        (lambda t: t.assign(unit=""), "'retention rate' of kpis has no unit"),
        (lambda t: t.assign(definition=" "), "'retention rate' of kpis has no definition"),
        (lambda t: t.assign(kpi=None), "no name"),
        (lambda t: t.assign(note=""), "'conversion' of kpis has no value; say why in note"),
        (lambda t: t.assign(value="44 %"), "value of kpis holds str, not numbers, in 6 rows"),
        (lambda t: t.assign(low=t["high"], high=t["low"]), "low comes first"),
        (lambda t: t.assign(low=np.nan), "one end of an interval"),
    ],
)
def test_a_bad_kpi_table_is_refused_with_or_without_a_run(data, table, change, message):
    with pytest.raises(ValueError, match=message):
        hand_over(data=data, kpis=change(table))


def test_key_figures_need_their_data(table):
    with pytest.raises(ValueError, match="give data too"):
        hand_over(data=None, kpis=table)


def test_kpis_csv_has_a_row_a_figure_of_each_chapter_and_goes_when_there_is_none(report_folder, table):
    entry = report_folder.chapter("12_lifecycle", "1_customers")
    _give(report_folder, entry, checked_kpis(table.assign(definition="=HYPERLINK(1)")))
    (path,) = merge_kpis(report_folder.path, report_folder.run)
    written = pd.read_csv(path, encoding="utf-8-sig")
    assert written["kpi"].tolist() == table["kpi"].tolist()
    assert written["value"].to_numpy() == pytest.approx(table["value"].to_numpy(), nan_ok=True)
    assert (written["chapter"] == 1.2).all()
    assert (written["currency"] == "USD").all()
    assert (written["definition"] == "'=HYPERLINK(1)").all()
    entry["status"] = "failed"
    assert merge_kpis(report_folder.path, report_folder.run) == []
    assert path.exists(), "not named in run.json: somebody else's"
    report_folder.run["kpis"] = ["kpis.csv"]
    merge_kpis(report_folder.path, report_folder.run)
    assert not path.exists()


def test_page_shows_units_intervals_definitions_and_says_not_recorded(report_folder, table):
    report_folder.chapter("11_data", "1_customers")
    entry = report_folder.chapter("12_lifecycle", "1_customers", title="Where are they?")
    _give(report_folder, entry, checked_kpis(table.assign(note=table["note"] + "<script>alert(1)</script>")))
    report_folder.build()
    page = report_folder.page("kpis.html")
    assert "44.2 %" in page
    assert "39.3 to 49.1 %" in page
    assert table["definition"][0] in page
    assert page.count(">not recorded<") == 3
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert" not in page
    assert 'href="kpis.html" aria-current="page"' in page
    assert 'href="kpis.html#kpis-12_lifecycle"' in report_folder.page("12_lifecycle.html")
    assert 'href="kpis.html#' not in report_folder.page("11_data.html")
    for other in ("index.html", "11_data.html", "run.html"):
        assert 'href="kpis.html"' in report_folder.page(other)
    assert "kpis.html#kpis-12_lifecycle" in report_folder.page("index.html"), "the search finds them"


def test_there_is_no_page_and_no_link_without_key_figures(report_folder):
    report_folder.chapter("11_data", "1_customers")
    report_folder.path.mkdir(parents=True, exist_ok=True)
    (report_folder.path / "kpis.html").write_text("of an earlier run", encoding="utf-8")
    report_folder.build()
    assert not (report_folder.path / "kpis.html").exists()
    assert "kpis.html" not in report_folder.page("index.html")


def test_a_run_writes_them_and_a_later_one_without_them_takes_them_away(chapters, tmp_path):
    start = (
        "from clvlib.customers import kpi_table\nfrom clvlib.datasets import load\n"
        "from clvlib.reporting import hand_over\ndata = load(dataset)"
    )
    chapters.add("12_lifecycle", start, "hand_over(data=data, kpis=kpi_table(data.lines, period_days=90))")
    (tmp_path / "s.yaml").write_text("title: t")
    out = tmp_path / "out"
    done = report(load_scenario(tmp_path / "s.yaml", find_chapters(chapters.path)), out, fork=False)
    assert (done["status"], done["kpis"]) == ("ok", ["kpis.csv"])
    assert "44.2 %" in (out / "kpis.html").read_text(encoding="utf-8")
    assert len(pd.read_csv(out / "kpis.csv", encoding="utf-8-sig")) == 6
    chapters.add("12_lifecycle", start, "hand_over(data=data)")
    done = report(load_scenario(tmp_path / "s.yaml", find_chapters(chapters.path)), out, fork=False)
    assert (done["status"], done["kpis"]) == ("ok", [])
    assert not [path.name for path in out.glob("kpis*")]


def _give(report_folder, entry, rows):
    path = report_folder.path / entry["handover"]
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | {"kpis": rows}), encoding="utf-8")
