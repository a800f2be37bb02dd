"""The report in a real browser: hostile names stay names, nothing is asked of the world, everyone can read it."""

import io
import json
import re
import shutil

import nh3
import numpy as np
import pandas as pd
import pytest
from PIL import Image

pytestmark = pytest.mark.chromium

# What a payload does if it runs: it leaves its number where the test looks.
MARK = "document.documentElement.dataset.ran=(document.documentElement.dataset.ran||'')+'{},'"
TEMPLATES = [
    "<script>{}</script>",
    "<img src=x onerror=\"{}\">",
    "<svg onload=\"{}\"></svg>",
    "<svg><script>{}</script></svg>",
    "\"><img src=x onerror=\"{}\">",
    "'><details open ontoggle=\"{}\">x</details>",
    "</pre></td></tr></table></script></style></title></textarea><script>{}</script>",
    "<a class=trap href=\"javascript:{}\">tea</a>",
    "<a class=trap href=\"java&#10;script:{}\">tea</a>",
    "<iframe srcdoc=\"<script>parent.{}</script>\"></iframe>",
    "<input autofocus onfocus=\"{}\">",
    "<form action=\"javascript:{}\"><button class=trap>tea</button></form>",
    "<math><a class=trap xlink:href=\"javascript:{}\">tea</a></math>",
    "<math><mtext><table><mglyph><style><!--</style><img title=\"--&gt;&lt;img src=1 onerror={}&gt;\">",
    "<noscript><p title=\"</noscript><img src=x onerror={}>\"></noscript>",
    "$\\text{{<img src=x onerror=\"{}\">}}$",
    "$\\href{{javascript:{}}}{{tea}}$",
    "[tea](javascript:{})",
    "![tea](x\" onerror=\"{})",
    "{{{{ ''.__class__ }}}}<style>@import 'https://example.org/x.css'; main{{display:none}}</style>",
    "<div style=\"position:fixed;inset:0;z-index:9;background:red\">tea</div>",
    "<base href=\"https://example.org/\"><link rel=stylesheet href=\"https://example.org/x.css\">",
    "<img src=\"https://example.org/x.png\"><video src=\"https://example.org/x\" poster=\"https://example.org/y\">",
    "<style></style><object data=\"data:text/html,<script>{}</script>\"></object>",
]
PAYLOADS = [template.format(MARK.format(number)) for number, template in enumerate(TEMPLATES)]
ALL = "\n\n".join(PAYLOADS)


@pytest.fixture
def hostile(report_folder, cells):
    """A report in which every string that data, or whoever writes the data, can set is a payload."""
    items = pd.DataFrame({PAYLOADS[1]: PAYLOADS, "n": range(len(PAYLOADS))}, index=PAYLOADS)
    items.index.name = PAYLOADS[2]
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9" onload="{MARK.format("svg")}">{ALL}</svg>'
    shown, code = cells.shown, cells.code
    made = [
        code("items", shown({"text/html": items._repr_html_(), "text/plain": repr(items)})),
        code("items.style", shown({"text/html": items.style.set_caption(ALL).to_html(), "text/plain": ALL})),
        code("items.to_html(escape=False)", shown({"text/html": items.to_html(escape=False)})),
        *(code("HTML(name)", shown({"text/html": payload})) for payload in PAYLOADS),
        *(code("Markdown(name)", shown({"text/markdown": f"- {payload}\n"})) for payload in PAYLOADS),
        *(code("Latex(name)", shown({"text/latex": f"${payload}$"})) for payload in PAYLOADS),
        code("Javascript(name)", shown({"application/javascript": MARK.format("js"), "text/plain": ALL})),
        code("SVG(name)", shown({"image/svg+xml": svg}, {"image/svg+xml": {"alt": ALL}})),
        code("show(ax)", shown({"image/png": cells.png}, {"image/png": {"alt": ALL}})),
        code(f"print({ALL!r})", cells.output("stream", name="stdout", text=ALL)),
        code("warn(name)", cells.output("stream", name="stderr", text=ALL)),
        cells.prose("## " + PAYLOADS[4] + "\n\n" + ALL),
        code("1 / 0", cells.output("error", ename=ALL, evalue=ALL, traceback=[ALL])),
    ]
    data = report_folder.data(
        **dict.fromkeys(("title", "label", "origin", "licence", "sha256", "currency", "timezone", "name"), ALL),
        kind=PAYLOADS[4],
        url=f"javascript:{MARK.format('url')}",
        reconciliation=[{"outcome": PAYLOADS[0], "reason": ALL, "lines": 1, "amount": 1.0}],
        notes=[{"note": ALL, "lines": 1, "amount": 1.0}],
    )
    figures = [{"name": p, "value": p, "unit": p, "low": None, "high": None} for p in PAYLOADS]
    texts = ("kpi", "unit", "definition", "period", "note")
    missing = {"value": None, "low": None, "high": None, "n": None}
    kpis = [dict.fromkeys(texts, payload) | {"value": 0.5, "low": 0.4, "high": 0.6, "n": 9} for payload in PAYLOADS]
    report_folder.chapter(
        "31_value",
        "3_value",
        title=PAYLOADS[1],
        cells=made,
        data=data,
        figures=figures,
        kpis=[*kpis, dict.fromkeys(texts, ALL) | missing],
        status="failed",
        error={"kind": "error", "message": ALL, "cell": len(made) - 1},
        parameters={PAYLOADS[4]: ALL, "dataset": PAYLOADS},
        fingerprint=ALL,
    )
    report_folder.chapter("41_late", "4_retention", status="not_applicable", reason=ALL, notebook=None, handover=None)
    report_folder.run["title"] = PAYLOADS[1] + " shop"
    report_folder.run["versions"] = {PAYLOADS[0]: ALL}
    report_folder.run["run_id"] = report_folder.run["scenario"] = PAYLOADS[4]
    customers = report_folder.path / "customers"
    customers.mkdir(parents=True)
    (customers / "'\"><img src=x onerror=alert(1)>.csv").write_text("x")
    return report_folder


class Visit:
    """What a browser saw on the pages of a folder: what ran, what was asked for, what the console said."""

    def __init__(self, chromium, folder, *, pages="*.html", click=True, sure=()):
        self.ran, self.asked_elsewhere, self.said, self.attributes = set(), [], [], set()
        context = chromium.new_context()
        page = context.new_page()
        page.route(re.compile("^(?!file:|data:)"), lambda route: (self.asked_elsewhere.append(1), route.abort()))
        page.on("console", lambda message: self.said.append(message.text))
        page.on("pageerror", lambda error: self.said.append(str(error)))
        page.on("dialog", lambda dialog: (self.ran.add("dialog"), dialog.dismiss()))
        for path in sorted(folder.glob(pages)):
            page.goto(path.as_uri())
            page.evaluate(
                """(click) => {
                  document.querySelectorAll("details").forEach((fold) => (fold.open = true));
                  const press = () => new MouseEvent("click", { bubbles: true, cancelable: true });
                  if (click) document.querySelectorAll(".trap").forEach((trap) => trap.dispatchEvent(press()));
                }""",
                click,
            )
            page.wait_for_timeout(30)
            for _ in range(200 if path.stem[:2] in sure else 0):  # what is sure to run needs longer on a busy machine
                if page.evaluate("document.documentElement.dataset.ran"):
                    break
                page.wait_for_timeout(30)
            assert page.url.startswith("file:"), "the page was left"
            self.ran |= set((page.evaluate("document.documentElement.dataset.ran") or "").split(",")) - {""}
            names = "[...document.querySelectorAll('*')].flatMap((e) => e.getAttributeNames())"
            self.attributes |= set(page.evaluate(names))
        context.close()


def _without_policy(folder):
    """The same pages in another folder, the content security policy taken out."""
    bare = folder.with_name("bare")
    bare.mkdir()
    for path in folder.glob("*.html"):
        html, count = re.subn(r'<meta http-equiv="Content-Security-Policy"[^>]*>\n', "", path.read_text())
        assert count == 1
        (bare / path.name).write_text(html)
    return bare


@pytest.fixture(scope="module")
def unsanitised(new_report_folder, cells):
    """The first layer taken away (nh3 passes everything on), each payload on a page of its own."""
    folder = new_report_folder()
    for number, payload in enumerate(PAYLOADS):
        made = [cells.code("HTML(name)", cells.shown({"text/html": payload}))]
        folder.chapter(f"{number:02d}_payload", "0_payloads", cells=made)
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(nh3, "clean", lambda html, **_: html)
        folder.build()
    return folder.path


def test_hostile_names_stay_names(hostile, chromium):
    hostile.build()
    visit = Visit(chromium, hostile.path)
    assert visit.ran == set()
    assert visit.asked_elsewhere == []
    assert visit.said == []
    assert "style" not in visit.attributes
    assert not {name for name in visit.attributes if name.startswith("on")}
    assert "{{ &#39;&#39;.__class__ }}" in hostile.page("31_value.html")


def test_the_sanitiser_holds_without_the_policy(hostile, chromium):
    hostile.build()
    visit = Visit(chromium, _without_policy(hostile.path))
    assert visit.ran == set()
    assert visit.asked_elsewhere == []


def test_the_policy_holds_without_the_sanitiser(unsanitised, chromium):
    visit = Visit(chromium, unsanitised, pages="??_payload.html")
    assert visit.ran == set()
    assert visit.asked_elsewhere == []
    assert sum("Content Security Policy" in text for text in visit.said) > 10, "it had little to stop"


def test_with_neither_the_payloads_run(unsanitised, chromium):
    """Else the tests above would show nothing."""
    run = {0, 1, 2, 3, 4, 5, 6, 9, 10}
    sure = {f"{number:02d}" for number in run}
    visit = Visit(chromium, _without_policy(unsanitised), pages="??_payload.html", click=False, sure=sure)
    assert {str(number) for number in run} <= visit.ran
    assert visit.asked_elsewhere


@pytest.fixture(scope="module")
def report(new_report_folder, cells):
    """A report with all that is wide: tables, formulas, lines, and one name without a blank."""
    folder = new_report_folder()
    wide = pd.DataFrame([range(1000, 1040)], columns=[f"measure_{n}" for n in range(40)])
    long = "Teekanne" * 40
    made = [
        cells.prose(
            "## The idea\n\n$$" + " + ".join(f"\\frac{{m_{n}}}{{(1+d)^{n}}}" for n in range(40)) + "$$\n\n"
            "An inline one: $" + " + ".join(f"x_{{{n}}}" for n in range(60)) + "$.\n\n"
            "| " + " | ".join("abcdefghij" * 12) + " |\n|" + "---|" * 120 + "\n\n```\n" + "y" * 300 + "\n```\n\n"
            "## The gooseberry check\n\nOnly here stands a word that nobody else uses: heliotrope."
        ),
        cells.code("table", cells.shown({"text/html": wide._repr_html_(), "text/plain": repr(wide)})),
        cells.code("print(x)", cells.output("stream", name="stdout", text="z" * 400)),
        cells.code("x = " + "1 + " * 100 + "1"),
    ]
    figures = [{"name": long, "value": "Best seller " + long, "unit": "USD", "low": 1.0, "high": 2.0}]
    data = folder.data(title="Complete Journey", kind="teaching", origin=long)
    row = dict.fromkeys(("kpi", "unit", "definition", "period", "note"), long)
    kpis = [row | {"value": 0.5, "low": 0.4, "high": 0.6, "n": 9}]
    folder.chapter("21_cf", "2_matching", title="Who likes what?", cells=made, data=data, figures=figures, kpis=kpis)
    folder.chapter("31_value", "3_value", cells=made[:1])
    eight = pd.DataFrame([[123.456] * 8] * 2, columns=[f"over_everybody_{end}" for end in "abcdefgh"])
    folder.chapter("11_eight", "1_customers", cells=[cells.code("t", cells.shown({"text/html": eight._repr_html_()}))])
    error = {"kind": "error", "message": "KeyError: " + long, "cell": 1}
    broken = cells.code("x", cells.output("error", ename="KeyError", evalue=long, traceback=[long]))
    folder.chapter("41_late", "4_retention", cells=[broken], status="failed", error=error, handover=None)
    folder.build()
    return folder


@pytest.fixture
def browse(chromium):
    contexts = []

    def browse(path, *, width=1280, height=900, **options):
        context = chromium.new_context(viewport={"width": width, "height": height}, **options)
        contexts.append(context)
        page = context.new_page()
        page.said = []
        page.on("console", lambda message: page.said.append(message.text))
        page.goto(path.as_uri())
        return page

    yield browse
    for context in contexts:
        context.close()


@pytest.mark.parametrize("width", [390, 1280])
def test_no_page_scrolls_sideways_and_what_is_wide_scrolls_by_itself(report, browse, width):
    page = browse(report.path / "index.html", width=width)
    for path in sorted(report.path.glob("*.html")):
        page.goto(path.as_uri())
        page.evaluate("document.querySelectorAll('details').forEach((fold) => (fold.open = true))")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path.name
        assert page.said == []
        stuck = page.evaluate(
            "[...document.querySelectorAll('.scroll')].some((e) => e.scrollWidth > e.clientWidth && e.tabIndex < 0)"
        )
        assert not stuck
    page.goto((report.path / "21_cf.html").as_uri())
    scrolling = page.locator(".scroll", has=page.locator("table.dataframe"))
    assert scrolling.evaluate("(e) => e.scrollWidth > e.clientWidth")
    assert page.locator("h1").evaluate("(e) => e.getBoundingClientRect().right") <= width


def test_search_finds_a_word_and_leads_there(report, browse):
    page = browse(report.path / "41_late.html")
    page.keyboard.press("/")
    page.keyboard.type("heliotrope")
    page.keyboard.press("Enter")
    page.wait_for_url("**/index.html#search=heliotrope")
    results = page.locator("#results li")
    assert page.locator("#results h2").inner_text() == "2 places with “heliotrope”"
    assert results.first.locator("a").inner_text() == "The gooseberry check"
    results.first.locator("a").click()
    page.wait_for_url("**/21_cf.html#The-gooseberry-check")
    assert page.evaluate("document.querySelector(':target').textContent") == "The gooseberry check"
    assert page.evaluate("document.querySelector(':target').getBoundingClientRect().top") < 400


def test_search_answers_as_one_types_and_says_when_there_is_nothing(report, browse):
    page = browse(report.path / "index.html")
    field = page.get_by_role("searchbox", name="Search the report")
    field.fill("gooseberry")
    assert page.locator("#results li").count() == 2
    field.fill("<img src=x> xyzzy")
    assert page.locator("#results h2").inner_text() == "No places with “<img src=x> xyzzy”"
    assert page.locator("#results img").count() == 0
    field.fill("")
    assert not page.locator("#results").is_visible()


def test_code_folds_open_one_by_one_and_all_at_once(report, browse):
    page = browse(report.path / "21_cf.html")
    folds = page.locator("details.code")
    assert not folds.first.locator("pre").is_visible()
    folds.first.locator("summary").click()
    assert folds.first.locator("pre").is_visible()
    button = page.get_by_role("button", name="Show all code")
    button.click()
    assert page.locator("details.code[open]").count() == folds.count()
    assert page.get_by_role("button", name="Hide all code").get_attribute("aria-pressed") == "true"


@pytest.mark.parametrize("name", ["index.html", "21_cf.html"])
def test_dark_where_the_reader_wants_dark(report, browse, name):
    def ground(page):
        colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
        return sum(map(int, re.findall(r"\d+", colour)[:3]))

    assert ground(browse(report.path / name, color_scheme="light")) > 700
    assert ground(browse(report.path / name, color_scheme="dark")) < 120


@pytest.mark.parametrize("width", [390, 1280])
def test_what_is_wider_than_its_column_shows_a_shadow_where_there_is_more(report, browse, width):
    page = browse(report.path / "21_cf.html", width=width)
    scrolling = page.locator(".scroll", has=page.locator("table.dataframe"))
    scrolling.scroll_into_view_if_needed()

    def edge(place):
        box = scrolling.bounding_box()
        x = box["x"] + (box["width"] - 3 if place == "right" else 0)
        clip = {"x": x, "y": box["y"] + 1, "width": 3, "height": 4}
        return np.asarray(Image.open(io.BytesIO(page.screenshot(clip=clip))).convert("L")).mean()

    assert edge("left") > 250
    assert edge("right") < 215
    scrolling.evaluate("(e) => { e.style.scrollBehavior = 'auto'; e.scrollLeft = e.scrollWidth; }")
    page.wait_for_timeout(100)
    assert edge("left") < 215
    assert edge("right") > 250


def test_a_table_of_eight_columns_fits_on_paper(report, browse):
    page = browse(report.path / "11_eight.html", width=1280)
    table = page.locator("table.dataframe")
    assert table.evaluate("(e) => e.getBoundingClientRect().width") > 696  # the column on a desktop
    page.set_viewport_size({"width": 680, "height": 900})  # A4 less its margins
    page.emulate_media(media="print")
    assert table.evaluate("(e) => e.getBoundingClientRect().right") <= 680


def test_print_leaves_the_frame_away(report, browse):
    page = browse(report.path / "21_cf.html")
    page.emulate_media(media="print")
    for part in (".bar", "nav.chapters", "nav.toc", "nav.turn", "details.code"):
        assert not page.locator(part).first.is_visible(), part
    assert page.locator("h1").is_visible()


def test_all_can_be_reached_by_key(report, browse):
    page = browse(report.path / "21_cf.html")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    reached = []
    for _ in range(40):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.className || document.activeElement.localName"))
        if page.evaluate("document.activeElement.matches('.scroll:has(table.dataframe)')"):
            break
    else:
        pytest.fail(f"the table cannot be reached: {reached}")
    assert "summary" in reached
    page.keyboard.press("ArrowRight")
    for _ in range(100):  # scrolling is smooth; wait_for_function would need eval, which the page's policy forbids
        if page.evaluate("document.activeElement.scrollLeft") > 0:
            break
        page.wait_for_timeout(50)
    else:
        pytest.fail("the table does not scroll by key")


def test_on_a_phone_the_chapters_are_one_tap_away(report, browse):
    page = browse(report.path / "21_cf.html", width=390, height=844)
    link = page.locator("nav.chapters").get_by_role("link", name="3.1 What is it worth?")
    assert not link.is_visible()
    page.get_by_text("Chapters and records").click()
    assert link.is_visible()
    link.click()
    page.wait_for_url("**/31_value.html")


def test_on_a_desk_the_lists_stand_open_and_say_where_one_is(report, browse):
    page = browse(report.path / "21_cf.html")
    here = page.locator("nav.chapters a[aria-current=page]")
    assert here.is_visible()
    assert "Who likes what?" in here.inner_text()
    assert page.locator("nav.toc").get_by_role("link", name="The gooseberry check").is_visible()


def test_landmarks_headings_and_language(report, browse):
    page = browse(report.path / "index.html")
    for path in report.path.glob("*.html"):
        page.goto(path.as_uri())
        assert page.evaluate("document.documentElement.lang") == "en"
        assert page.locator("main").count() == 1
        assert page.locator("h1").count() == 1
        assert page.get_by_role("navigation").count() >= 1
        names = page.evaluate("[...document.querySelectorAll('nav')].map((e) => e.getAttribute('aria-label'))")
        assert all(names)
        assert len(names) == len(set(names))
        assert page.evaluate("[...document.images].every((e) => e.alt)")


def test_it_works_without_a_script(report, chromium):
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((report.path / "21_cf.html").as_uri())
    assert not page.locator("form[role=search]").is_visible()
    page.locator("details.code summary").first.click()
    assert page.locator("details.code pre").first.is_visible()
    context.close()


def test_the_folder_can_be_moved(report, browse, tmp_path):
    moved = shutil.copytree(report.path, tmp_path / "elsewhere # 1")
    page = browse(moved / "index.html")
    page.get_by_role("link", name="Run ledger").first.click()
    page.wait_for_url("**/run.html")
    assert page.locator("h1").inner_text() == "Run ledger"
    assert json.loads((moved / "run.json").read_text())["title"] in page.title()
