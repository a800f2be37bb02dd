"""The pages a run's files become: what each says, what leads where, and that none asks the world for anything."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import nbformat
import pytest

from clvlib.reporting.chapter_page import TEMPLATES
from clvlib.reporting.site import build_site

ROOT = Path(__file__).resolve().parents[2]
STORED = sorted((ROOT / "notebooks").rglob("*.ipynb"))
MOST_BYTES = 250_000
VOID = {"meta", "link", "input", "br", "img", "hr", "col"}


class Reader(HTMLParser):
    """Tags and attributes of a page, and whether every element that was opened was closed."""

    def __init__(self, html):
        super().__init__()
        self.found, self.open = [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def all(self, tag):
        return [attributes for name, attributes in self.found if name == tag]


@pytest.fixture
def report(report_folder, cells):
    figures = [
        {"name": "Value of a customer", "value": 147.2577, "unit": "USD per customer", "low": 139.2, "high": 155.1},
        {"name": "Return within 7 days", "value": 0.1234, "unit": "share of customers", "low": None, "high": None},
    ]
    teaching = report_folder.data(
        name="complete_journey", title="Complete Journey", kind="teaching", label="Complete Journey - simulated"
    )
    prose = cells.prose(
        "## Data\n\nSee [2.1](../2_matching/21_cf.ipynb#The-check), [4.1](../4_retention/41_retention.ipynb), "
        "[all](../../README.md#chapters), [why](../../docs/adr/0001.md), [below](#The-check), "
        "[paper](https://example.org/p)\n\n## The check\n\nText."
    )
    picture = cells.code("show(ax)", cells.shown({"image/png": cells.png}, {"image/png": {"alt": "A line rises."}}))
    report_folder.chapter("31_value", "3_value", cells=[prose, picture], figures=figures)
    report_folder.chapter("21_cf", "2_matching", cells=[prose], title="Who likes what?", data=teaching, reused=True)
    broken = [cells.code("1 / 0", cells.output("error", ename="ZeroDivisionError", evalue="0", traceback=[]))]
    error = {"kind": "error", "message": "Cell 1 raised ZeroDivisionError: 0", "cell": 1}
    report_folder.chapter("23_nn", "2_matching", cells=broken, status="failed", error=error, handover=None)
    report_folder.chapter(
        "41_retention",
        "4_retention",
        status="not_applicable",
        reason="The log has no item_id.",
        notebook=None,
        handover=None,
        seconds=None,
        overhead_seconds=None,
        peak_mb=None,
        fingerprint=None,
    )
    report_folder.chapter("42_late", "4_retention", status="pending", notebook=None, handover=None)
    report_folder.run["status"] = "failed"
    for name, size in (("customers/cdnow.csv", 48_200), ("customers/cdnow.parquet", 9_000)):
        path = report_folder.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * size)
    path = report_folder.path / "parameters" / "31_value.yaml"
    path.parent.mkdir()
    path.write_text("annual_discount_rate: 0.12\n")
    assert report_folder.build() == report_folder.path / "index.html"
    return report_folder


def _text(html):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


def test_index_tells_how_the_run_went_and_what_it_found(report):
    html = report.page("index.html")
    text = _text(html)
    assert "<h1>A trial report</h1>" in html
    assert "2 of 5 chapters ran. 1 failed. 1 does not apply to the data. 1 has not run yet." in text
    assert '<data value="147.2577">147.26</data>' in html
    assert "USD per customer" in text
    assert "139.20 to 155.10" in text
    assert "12.3 %" in text
    assert "Cell 1 raised ZeroDivisionError: 0" in text
    assert 'href="23_nn.html#stopped"' in html
    assert "The log has no item_id." in text
    assert 'href="customers/cdnow.csv"' in html
    assert "48 kB" in text
    assert "Simulated teaching data" in text


def test_chapters_stand_in_the_order_of_their_numbers_and_lead_to_each_other(report):
    links = re.findall(r'<a rel="(prev|next)" href="([^"]+)"', report.page("31_value.html"))
    assert links == [("prev", "23_nn.html"), ("next", "41_retention.html")]
    assert 'rel="prev"' not in report.page("21_cf.html")
    assert 'rel="next"' not in report.page("42_late.html")


def test_a_chapter_begins_with_its_outcome(report):
    html = report.page("31_value.html")
    assert html.index("<h1>") < html.index('<p class="lede">One sentence of outcome.</p>') < html.index("CDNOW 1/10")


def test_links_between_notebooks_become_links_between_pages(report):
    html = report.page("31_value.html")
    assert '<a href="21_cf.html#The-check" rel="noopener noreferrer">2.1</a>' in html
    assert '<a href="index.html" rel="noopener noreferrer">all</a>' in html
    assert '<a href="#The-check" rel="noopener noreferrer">below</a>' in html
    assert '<a href="https://example.org/p" rel="noopener noreferrer">paper</a>' in html
    assert "why" in html
    assert "adr" not in html
    assert ".ipynb#" not in html


def test_every_local_link_leads_somewhere(report):
    pages = sorted(report.path.glob("*.html"))
    ids = {page.name: {a["id"] for _, a in Reader(page.read_text()).found if "id" in a} for page in pages}
    for page in pages:
        for attributes in Reader(page.read_text()).all("a"):
            href = attributes.get("href", "")
            if not href or href.startswith("https://"):
                continue
            name, _, fragment = href.partition("#")
            assert (report.path / name).exists(), f"{page.name}: {href}"
            if fragment:
                assert fragment in ids[name or page.name], f"{page.name}: {href}"


def test_every_page_is_well_formed_and_asks_for_nothing(report):
    for page in report.path.glob("*.html"):
        html = page.read_text()
        reader = Reader(html)
        assert not reader.open
        assert len(html.encode()) < MOST_BYTES
        for tag, attributes in reader.found:
            assert "style" not in attributes
            assert not any(name.startswith("on") for name in attributes)
            assert tag not in {"iframe", "object", "embed", "base"}
            if "src" in attributes:
                assert attributes["src"].startswith("data:image/")
        assert [link["href"] for link in reader.all("link")] == ["data:,"]
        identities = [attributes["id"] for _, attributes in reader.found if "id" in attributes]
        assert len(identities) == len(set(identities)), page.name


def test_the_policy_allows_our_style_and_script_by_hash_and_nothing_else(report):
    import base64
    import hashlib

    html = report.page("31_value.html")
    (policy,) = [meta["content"] for meta in Reader(html).all("meta") if "http-equiv" in meta]

    def digest(tag):
        text = re.search(rf"<{tag}>(.*?)</{tag}>", html, re.S)[1]
        return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()

    assert policy == (
        f"default-src 'none'; img-src data:; style-src '{digest('style')}'; script-src '{digest('script')}'; "
        "base-uri 'none'; form-action 'none'"
    )


def test_every_page_that_used_teaching_data_says_so(report):
    page = report.page("21_cf.html")
    assert '<span class="badge teaching">Simulated teaching data</span>' in page
    assert "No figure drawn from it says anything about real customers." in page
    for name in ("index.html", "data_quality.html", "run.html"):
        assert '<span class="badge teaching">' in report.page(name)
    assert "badge teaching" not in report.page("31_value.html")


def test_a_failed_chapter_says_on_top_how_far_it_came(report):
    html = report.page("23_nn.html")
    assert html.index("did not finish") < html.index('id="stopped"')
    assert "It ran 0 of its 1 code cells" in _text(html)


def test_a_page_without_handed_over_data_names_its_dataset_or_says_there_is_none(report_folder):
    report_folder.chapter("01_toy", "0_documents", parameters={"n_max": 3}, handover=None)
    report_folder.chapter("23_nn", "2_matching", status="failed", parameters={"dataset": "shop"}, handover=None)
    report_folder.build()
    assert "This chapter uses no customer data." in report_folder.page("01_toy.html")
    assert "Data: shop" in report_folder.page("23_nn.html")


def test_a_chapter_without_notebook_has_a_page_all_the_same(report):
    assert "does not apply to the data of this run" in report.page("41_retention.html")
    assert "has not run yet" in report.page("42_late.html")
    assert "<h1><span class=\"number\">4.2</span> Late</h1>" in report.page("42_late.html")


def test_data_quality_shows_the_reconciliation_and_whether_it_holds(report):
    text = _text(report.page("data_quality.html"))
    assert "Read 6,919 1,000.50" in text
    assert "Rejected amount is not a number 19 10.25" in text
    assert "Every line read is accounted for" in text
    assert "exact duplicates 21 512.30" in text
    assert "5e3d" * 16 in text
    assert "A shop for records" in text


def test_a_reconciliation_that_does_not_add_up_is_called_out(report_folder):
    rows = [
        {"outcome": "read", "reason": "", "lines": 10, "amount": 5.0},
        {"outcome": "kept", "reason": "", "lines": 9, "amount": 5.0},
    ]
    report_folder.chapter("11_data", "1_customers", data=report_folder.data(reconciliation=rows))
    report_folder.build()
    assert "do not add up" in report_folder.page("data_quality.html")


def test_run_ledger_says_how_to_repeat_each_chapter(report):
    html = report.page("run.html")
    text = _text(html)
    assert "papermill notebooks/3_value/31_value.ipynb 31_value.out.ipynb" in text
    assert "-f reports/trial/parameters/31_value.yaml" in text
    assert 'href="parameters/31_value.yaml"' in html
    assert "412 MB" in text
    assert "unchanged, kept from an earlier run" in text
    assert "3.11.2" in text
    assert "0.12" in text


def test_one_dataset_loaded_by_two_chapters_is_described_once(report_folder):
    for stem in ("11_data", "12_more"):
        report_folder.chapter(stem, "1_customers")
    report_folder.chapter("13_other", "1_customers", data=report_folder.data(lines=50))
    report_folder.build()
    html = report_folder.page("data_quality.html")
    assert html.count("<section class=\"dataset\"") == 2
    assert 'id="data-cdnow"' in html
    assert 'id="data-cdnow-2"' in html


def test_building_twice_changes_no_byte(report):
    before = {page.name: page.read_bytes() for page in report.path.glob("*.html")}
    build_site(report.path)
    assert before == {page.name: page.read_bytes() for page in report.path.glob("*.html")}
    assert not list(report.path.glob("*.part"))


def test_a_run_that_was_interrupted_before_anything_ran(report_folder):
    report_folder.run["status"] = "interrupted"
    report_folder.chapter("11_data", "1_customers", status="pending", notebook=None, handover=None)
    report_folder.build()
    text = _text(report_folder.page("index.html"))
    assert "0 of 1 chapter ran. 1 has not run yet. The run was interrupted" in text
    assert "No chapter has handed over any data yet." in text


def test_a_folder_without_a_run_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"run\.json"):
        build_site(tmp_path)


@pytest.mark.parametrize("path", STORED, ids=[path.stem for path in STORED])
def test_stored_chapters_become_pages(path, report_folder):
    record = report_folder.chapter(path.stem, path.parent.name, handover=None)
    (report_folder.path / record["notebook"]).write_bytes(path.read_bytes())
    report_folder.build()
    html = report_folder.page(f"{path.stem}.html")
    reader = Reader(html)
    assert not reader.open
    assert "<code class=\"formula\">" not in html, "a formula the converter does not know"
    assert not re.search(r"<math.*?\\.*?</math>", re.sub(r"</math>", "</math>\n", html))
    assert "Figure without a description" not in html
    without_figures = re.sub(r"data:image/[^\"]+", "", html)
    assert len(without_figures.encode()) < MOST_BYTES
    assert len(reader.all("h1")) == 1
    title = nbformat.read(path, as_version=4).cells[0].source.splitlines()[0]
    assert title.split(" ", 2)[2] in re.sub(r"&#39;", "'", html)


def _contrast(one, other):
    def luminance(colour):
        colour = colour.lstrip("#")
        colour = "".join(c * 2 for c in colour) if len(colour) == 3 else colour
        channels = [int(colour[at : at + 2], 16) / 255 for at in (0, 2, 4)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_colours_have_the_contrast_wcag_2_asks_of_text(scheme):
    block = re.findall(r":root \{(.*?)\}", (TEMPLATES / "style.css").read_text(), re.S)[scheme]
    colour = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]+)", block))
    for ink in ("text", "muted", "accent", "good", "bad", "keyword", "string", "digit", "comment", "name"):
        for ground in ("paper", "side", "raised", "shade"):
            assert _contrast(colour[ink], colour[ground]) >= 4.5, (ink, ground)
    assert _contrast(colour["warn"], colour["warn-back"]) >= 4.5
    assert _contrast(colour["bad"], colour["bad-back"]) >= 4.5
    assert _contrast(colour["text"], colour["warn-back"]) >= 4.5
    assert _contrast(colour["text"], colour["bad-back"]) >= 4.5


def test_the_templates_travel_with_the_package():
    from setuptools import find_namespace_packages

    packages = find_namespace_packages(str(ROOT), include=["clvlib*"])
    assert {"clvlib.reporting.templates", "clvlib.reporting.templates.chapter"} <= set(packages)


def test_the_search_index_is_on_the_index_only(report):
    data = re.search(r'<script type="application/json">(.*?)</script>', report.page("index.html"), re.S)[1]
    assert {"2.1 Who likes what?", "3.1 What is it worth?"} <= {entry["chapter"] for entry in json.loads(data)}
    assert "application/json\">" not in report.page("31_value.html")


def test_a_run_that_differs_from_the_stored_one_says_so_and_no_other_does(report_folder):
    report_folder.chapter("31_clv", "3_value", changed=["dataset", "n_customers"])
    report_folder.chapter("41_retention", "4_retention", changed=[])
    report_folder.build()
    page = " ".join(re.sub("<[^>]+>", "", report_folder.page("31_clv.html")).split())
    assert "This run has another dataset and n_customers: its tables and figures count" in page
    assert "the stored run" not in report_folder.page("41_retention.html")


def test_an_interval_says_which_it_is(report_folder):
    figure = {"name": "value", "value": 26.46, "unit": "USD per customer in 365 days", "low": 24.37, "high": 28.83}
    report_folder.chapter("31_clv", "3_value", figures=[figure])
    report_folder.build()
    assert "95 % interval 24.37 to 28.83" in report_folder.page("index.html")


def test_the_sentence_in_money_leads_the_index_and_the_chapter_and_is_no_figure(report_folder):
    said = "Mail the first 1,000 <customers>: USD 1,200 (USD 900 to 1,500) more margin in 90 days."
    figures = [{"name": "customers", "value": 7, "unit": ""}, {"name": "In money", "value": said, "unit": ""}]
    report_folder.chapter("31_value", "3_value", figures=figures)
    number = [{"name": "in money", "value": 5.0, "unit": "USD"}]
    simulated = report_folder.data(name="shop", kind="simulated")
    report_folder.chapter("32_count", "3_value", figures=number)
    report_folder.chapter("33_made", "3_value", figures=[figures[1] | {"value": "nothing"}], data=simulated)
    report_folder.build()
    index, page = report_folder.page("index.html"), report_folder.page("31_value.html")
    shown = said.replace("<", "&lt;").replace(">", "&gt;")
    assert index.index("<h1>") < index.index('<h2 id="money">') < index.index(shown) < index.index('<h2 id="data">')
    assert index.count(shown) == 1
    assert page.index("<h1>") < page.index(f'<p class="money">{shown}</p>') < page.index("<dt>customers</dt>")
    assert "<dt>In money</dt>" not in index + page
    assert "<dt>in money</dt>" in report_folder.page("32_count.html")  # a bare number is a figure
    assert re.search(r'<p class="money">Nothing\. <span class="badge simulated">Simulated data', index)
    assert 'id="money"' not in report_folder.page("32_count.html")


@pytest.mark.parametrize(("rejected", "alarmed"), [(100, False), (101, True)])
def test_a_log_that_lost_more_than_one_line_in_a_hundred_warns_on_every_page(report_folder, rejected, alarmed):
    rows = [("read", "", 10_000), ("kept", "", 10_000 - rejected), ("rejected", "timestamp is no date", rejected)]
    rows = [{"outcome": outcome, "reason": why, "lines": lines, "amount": 0.0} for outcome, why, lines in rows]
    report_folder.chapter("31_clv", "3_value", data=report_folder.data(reconciliation=rows))
    report_folder.build()
    for page in ("index.html", "31_clv.html", "data_quality.html"):
        told = f"{rejected} of 10,000 lines ({rejected / 10_000:.1%}) were rejected and are in no figure."
        assert (told in report_folder.page(page)) == alarmed
