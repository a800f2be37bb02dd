"""What makes a chapter's earlier result out of date, and what does not."""

import json
import re
from pathlib import Path

import nbformat
import pandas as pd
import pytest
from nbformat.v4 import new_output

from clvlib.reporting import plan
from clvlib.reporting.parameters import find_chapters
from clvlib.reporting.plan import leave_out, make_plan, too_short, versions
from clvlib.reporting.scenario import load_scenario
from clvlib.retention import snapshot_dates, snapshot_table, split_snapshots
from clvlib.split import cut_date

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
LOG = "customer_id,timestamp,amount\na,2020-01-01,5\n"


@pytest.fixture
def planned(chapters, tmp_path):
    """``planned(scenario) -> task`` of the one chapter there is; ``only`` and so on go to ``make_plan``."""
    if not chapters.path.exists():
        chapters.add("31_clv", "1")

    def planned(text="title: t", *, previous=None, only=None, force=False):
        path = tmp_path / "s.yaml"
        path.write_text(text)
        scenario = load_scenario(path, find_chapters(chapters.path))
        ledger = tmp_path / "out" / "ledger" / "shop" if scenario.log else None
        (task,) = make_plan(
            scenario, tmp_path / "out", ledger=ledger, previous=previous or {}, only=only, force=force
        )
        leave_out([task], scenario)
        return task

    return planned


def fingerprint(task) -> str:
    return task.record["fingerprint"]


def test_the_same_has_the_same_fingerprint(planned):
    assert fingerprint(planned()) == fingerprint(planned("title: another title"))


def test_source_parameters_code_and_versions_count(planned, chapters, monkeypatch):
    found = [fingerprint(planned())]
    found.append(fingerprint(planned("title: t\nparameters: {rate: 0.2}")))
    found.append(fingerprint(planned("title: t\nparameters: {dataset: cdnow_full}")))
    monkeypatch.setattr(plan, "versions", lambda: versions() | {"numpy": "0.0"})
    found.append(fingerprint(planned()))
    monkeypatch.setattr(plan, "_clvlib_source", lambda: "edited")
    found.append(fingerprint(planned()))
    chapters.add("31_clv", "2")
    found.append(fingerprint(planned()))
    assert len(set(found)) == len(found)


def test_what_a_notebook_once_showed_does_not_count(planned, chapters):
    before = fingerprint(planned())
    path = chapters.path / "3_part" / "31_clv.ipynb"
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[2].outputs = [new_output("stream", text="1")]
    notebook.cells[2].execution_count = 7
    nbformat.write(notebook, path)
    assert fingerprint(planned()) == before


@pytest.mark.parametrize(
    "text", ["title: t\nparameters: {dataset: LOG}", "title: t\ndata: {name: shop, path: LOG, currency: EUR}"]
)
def test_what_is_in_a_log_counts_and_where_it_lies_does_not(planned, tmp_path, text):
    for name, content in (("a.csv", LOG), ("b.csv", LOG), ("c.csv", LOG + "b,2020-01-02,6\n")):
        (tmp_path / name).write_text(content)
    a, b, c = (fingerprint(planned(text.replace("LOG", f"{name}.csv"))) for name in "abc")
    assert a == b != c
    if "EUR" in text:
        assert fingerprint(planned(text.replace("LOG", "a.csv").replace("EUR", "USD"))) != a


def test_the_code_of_the_library_has_one_hash_without_the_look_of_pages(tmp_path, monkeypatch):
    package = tmp_path / "clvlib"
    (package / "reporting").mkdir(parents=True)
    (package / "__init__.py").write_text("")
    monkeypatch.setattr(plan.clvlib, "__file__", str(package / "__init__.py"))

    def source() -> str:
        plan._clvlib_source.cache_clear()
        return plan._clvlib_source()

    try:
        empty = source()
        (package / "reporting" / "site.py").write_text("1")
        assert source() == empty
        (package / "reporting" / "hand_over.py").write_text("1")
        with_hand_over = source()
        (package / "value.py").write_text("1")
        assert len({empty, with_hand_over, source()}) == 3
    finally:
        plan._clvlib_source.cache_clear()


def test_an_earlier_result_is_taken_over_only_whole(planned, tmp_path):
    old = planned().record | {"status": "ok", "notebook": "n.ipynb", "handover": "h.json", "seconds": 3.0}
    previous = json.loads(json.dumps({"chapters": [old]}))
    assert planned(previous=previous).to_run  # its files are not there
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "n.ipynb").touch()
    (tmp_path / "out" / "h.json").touch()
    task = planned(previous=previous)
    assert (task.record["status"], task.record["reused"], task.expected_seconds) == ("ok", True, 3.0)
    assert planned(previous=previous, force=True).to_run
    assert not planned(previous=previous, force=True, only=[]).to_run
    for kind in ("customers", "lists", "model"):
        (tmp_path / "out" / "h.json").write_text(json.dumps({kind: "table"}))
        assert planned(previous=previous).to_run, f"its {kind} are not there"
    (tmp_path / "out" / "table").touch()
    assert not planned(previous=previous).to_run


def test_an_earlier_failure_is_tried_again_and_stays_where_nobody_asks_for_its_chapter(planned, chapters, tmp_path):
    error = {"kind": "error", "message": "Cell 2 raised KeyError", "cell": 2}
    old = planned().record | {"status": "failed", "notebook": "n.ipynb", "seconds": 3.0, "error": error}
    previous = json.loads(json.dumps({"chapters": [old]}))
    assert planned(previous=previous).to_run
    task = planned(previous=previous, only=[])
    assert (task.record["status"], task.to_run) == ("pending", False)  # its notebook is not there
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "n.ipynb").touch()
    assert planned(previous=previous).to_run
    task = planned(previous=previous, only=[], force=True)
    assert (task.record["status"], task.record["reused"], task.to_run) == ("failed", False, False)
    assert (task.record["error"], task.record["seconds"]) == (error, 3.0)
    assert "earlier run" in task.record["reason"]
    chapters.add("31_clv", "another cell")
    assert planned(previous=previous, only=[]).record["status"] == "pending"  # it may be mended by now


def test_a_log_without_a_needed_column_leaves_the_chapter_out(chapters, planned, tmp_path):
    needs = "# needs customer_id, timestamp, amount, item_id, item_text"
    chapters.add("31_clv", "1", parameters=f'dataset: str = "cdnow"  {needs}')
    assert planned().record["reason"] == "the log cdnow has no column item_id and item_text"
    (tmp_path / "log.csv").write_text("customer_id,timestamp,amount,item_id\na,2020-01-01,5,x\n")
    record = planned("title: t\ndata: {name: shop, path: log.csv}").record
    assert (record["status"], record["reason"]) == (
        "not_applicable",
        "the log shop has no column item_text; "
        "map your description of the article to item_text under data: columns, if you have it",
    )
    (tmp_path / "log.csv").write_text("customer_id,timestamp,amount,item_id,item_text\na,2020-01-01,5,x,cup\n")
    assert planned("title: t\ndata: {name: shop, path: log.csv}").to_run


def test_a_log_shorter_than_three_holdouts_is_told_with_the_remedy(chapters, tmp_path):
    for stem, default, least in (("21_lists", 28, 1), ("25_rules", 7, 1), ("31_clv", 180, 30), ("32_more", 4, 1)):
        needs = "item_id" if stem == "25_rules" else "customer_id"
        declared = f'dataset: str = "cdnow"  # needs {needs}\nholdout_days: int = {default}  # in [{least}, 3650]'
        chapters.add(stem, "1", parameters=declared)
    (tmp_path / "log.csv").write_text("customer_id,timestamp,amount\na,2020-01-01T23:00:00,5\na,2020-01-21,5\n")
    (tmp_path / "s.yaml").write_text("title: t\ndata: {name: shop, path: log.csv}")
    found = find_chapters(chapters.path)
    scenario = load_scenario(tmp_path / "s.yaml", found)
    assert too_short(scenario, None) == (
        "the log has 21 days, less than three times the holdout_days of chapter 2.1 (28), 3.1 (180)\n"
        '  remedy, in the scenario: overrides: {"2.1": {holdout_days: 7}}\n'
        "  too short for chapter 3.1: list the others under chapters"
    )
    assert "3.1" not in too_short(scenario, found[:1])
    declared = 'dataset: str = "cdnow"  # needs customer_id\nperiod_days: int = 91  # in [7, 365]'
    chapters.add("12_stages", "1", parameters=declared)
    with_period = find_chapters(chapters.path)
    assert too_short(load_scenario(tmp_path / "s.yaml", with_period), with_period[:2]) == (
        "the log has 21 days, less than three times the period_days of chapter 1.2 (91) "
        "and the holdout_days of chapter 2.1 (28)\n"
        '  remedy, in the scenario: overrides: {"1.2": {period_days: 7}, "2.1": {holdout_days: 7}}'
    )
    (tmp_path / "s.yaml").write_text('title: t\noverrides: {"2.1": {holdout_days: 7}}\ndata: {name: s, path: log.csv}')
    assert too_short(load_scenario(tmp_path / "s.yaml", found), found[:1]) is None
    (tmp_path / "s.yaml").write_text("title: t\n")
    assert too_short(load_scenario(tmp_path / "s.yaml", found), None) is None


@pytest.mark.parametrize("stem", ["41_retention", "42_churn_sequence"])
@pytest.mark.parametrize(
    ("days", "set_by_hand"), [(139, ""), (110, ""), (200, ""), (139, "holdout_days: 46"), (600, "")]
)
def test_the_remedy_for_a_short_log_leaves_snapshots_to_learn_from(tmp_path, stem, days, set_by_hand):
    """Pasted as it is, it has to work: 46 days of holdout alone left 90 of calibration and no snapshot before them."""
    found = [chapter for chapter in find_chapters(NOTEBOOKS) if chapter.stem == stem]
    number = found[0].number
    when = pd.date_range("2020-01-01", periods=days)
    pd.DataFrame({"customer_id": "a", "timestamp": when, "amount": 1}).to_csv(tmp_path / "log.csv", index=False)
    written = "title: t\ndata: {name: shop, path: log.csv}\n"
    by_hand = f'overrides: {{"{number}": {{{set_by_hand}}}}}\n' if set_by_hand else ""
    (tmp_path / "s.yaml").write_text(written + by_hand)
    told = too_short(load_scenario(tmp_path / "s.yaml", found), None)
    if days == 600:
        assert told is None
        return
    assert "calibration_days" in told
    remedy = re.search("remedy, in the scenario: (overrides: .*)", told)[1]
    if set_by_hand:
        assert "holdout_days" not in remedy
        assert "holdout_days + calibration_days + observation_days + outcome_days" in told
        remedy = remedy.replace("{calibration", "{holdout_days: 46, calibration")
    (tmp_path / "s.yaml").write_text(written + remedy)
    scenario = load_scenario(tmp_path / "s.yaml", found)
    assert too_short(scenario, None) is None
    set_to = scenario.parameters[stem]
    windows = {name: set_to[name] for name in ("observation_days", "outcome_days")}
    lines = scenario.ledger.lines
    dates = snapshot_dates(lines, step_days=7, **windows)
    table = snapshot_table(lines, snapshot_dates=dates, **windows)
    cut = cut_date(lines, holdout_days=set_to["holdout_days"])
    parts = split_snapshots(table, cut=cut, calibration_days=set_to["calibration_days"])
    assert all(part["snapshot_date"].nunique() >= 2 for part in parts)


def test_a_log_too_short_for_any_calibration_is_told_so(tmp_path):
    found = [chapter for chapter in find_chapters(NOTEBOOKS) if chapter.number == "4.1"]
    (tmp_path / "log.csv").write_text("customer_id,timestamp,amount\na,2020-01-01,5\na,2020-03-20,5\n")
    (tmp_path / "s.yaml").write_text("title: t\ndata: {name: shop, path: log.csv}\n")
    told = too_short(load_scenario(tmp_path / "s.yaml", found), None)
    assert "too short for chapter 4.1" in told
    assert "remedy" not in told
