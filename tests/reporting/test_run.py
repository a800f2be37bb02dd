"""The order of chapters, how many at once, and an output folder that cannot be had."""

import json
from pathlib import Path

import pytest

from clvlib.reporting import run
from clvlib.reporting.parameters import find_chapters
from clvlib.reporting.run import OutputError, prepare_output, report
from clvlib.reporting.scenario import load_scenario


@pytest.fixture
def story(chapters, tmp_path):
    """Run three chapters with nothing in them and tell their starts and ends in order."""
    for stem in ("31_a", "32_b", "33_c"):
        chapters.add(stem)
    (tmp_path / "s.yaml").write_text("title: t")
    scenario = load_scenario(tmp_path / "s.yaml", find_chapters(chapters.path))

    def story(jobs: int) -> list[tuple[str, str]]:
        told: list[tuple[str, str]] = []
        out = tmp_path / "out"
        done = report(
            scenario,
            out,
            jobs=jobs,
            fork=False,
            tell=lambda event, record: told.append((event, record["stem"])) if event != "plan" else None,
        )
        assert done["status"] == "ok"
        return told

    return story


def previous(out: Path, **facts) -> None:
    out.mkdir()
    records = [{"stem": stem, "seconds": seconds, "peak_mb": mb} for stem, (seconds, mb) in facts.items()]
    (out / "run.json").write_text(json.dumps({"chapters": records}))


def test_the_longest_comes_first_and_what_was_never_timed_before_it(story, tmp_path):
    previous(tmp_path / "out", **{"31_a": (1.0, 100.0), "33_c": (9.0, 100.0)})
    assert [stem for event, stem in story(jobs=1) if event == "start"] == ["32_b", "33_c", "31_a"]


def test_chapters_that_do_not_fit_into_memory_together_wait(story, tmp_path, monkeypatch):
    monkeypatch.setattr(run, "_free_memory_mb", lambda: 1000.0)
    previous(tmp_path / "out", **dict.fromkeys(("31_a", "32_b", "33_c"), (1.0, 700.0)))
    events = [event for event, _ in story(jobs=3)]
    assert events == ["start", "end"] * 3  # not even one that is too large alone is left out


def test_chapters_that_fit_run_together(story):
    events = [event for event, _ in story(jobs=3)]
    assert events == ["start"] * 3 + ["end"] * 3


def test_free_memory_is_less_than_there_is():
    import psutil

    assert 0 < run._free_memory_mb() <= psutil.virtual_memory().total / 2**20


@pytest.mark.parametrize("depth", ["file", "file/below", "file/a/b"])
def test_a_file_in_the_way_of_the_output_is_named(tmp_path, depth):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="is a file, not a folder") as caught:
        prepare_output(tmp_path / depth)
    assert str(tmp_path / "file") in str(caught.value)


def test_a_prepared_output_holds_nothing(tmp_path):
    prepare_output(tmp_path / "a" / "b")
    assert list((tmp_path / "a" / "b").iterdir()) == []


@pytest.mark.parametrize("name", ["index.html", "customers", "notebooks"])
def test_a_folder_with_other_peoples_files_is_refused_and_not_touched(tmp_path, name):
    (tmp_path / name).write_text("precious")
    with pytest.raises(OutputError, match=f"holds {name}, and no run.json"):
        prepare_output(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    (tmp_path / "run.json").write_text("{")  # a report's, however broken
    prepare_output(tmp_path)


def test_what_is_left_of_a_chapter_the_scenario_no_longer_has_is_removed(story, tmp_path):
    story(jobs=1)
    out = tmp_path / "out"
    run = json.loads((out / "run.json").read_text())
    run["chapters"] += [{"stem": "41_gone"}, {"stem": "../precious"}]
    (out / "run.json").write_text(json.dumps(run))
    for name in ("41_gone.html", "notebooks/41_gone.ipynb", "parameters/41_gone.yaml", "../precious.html"):
        (out / name).write_text("")
    story(jobs=1)
    assert not list(out.rglob("41_gone*"))
    assert (tmp_path / "precious.html").exists()


@pytest.fixture
def own_log(chapters, tmp_path):
    chapters.add("31_a", parameters='dataset: str = "cdnow"')
    (tmp_path / "log.csv").write_text("customer_id,timestamp,amount\na,2020-01-01,1\n")
    (tmp_path / "s.yaml").write_text("title: t\ndata: {name: mine, path: log.csv}")
    return load_scenario(tmp_path / "s.yaml", find_chapters(chapters.path))


def test_a_folder_in_the_place_of_the_ledger_is_not_removed(own_log, tmp_path):
    keep = tmp_path / "out" / "ledger" / "mine" / "keep.txt"
    keep.parent.mkdir(parents=True)
    keep.write_text("precious")
    with pytest.raises(OutputError, match="is no saved ledger"):
        report(own_log, tmp_path / "out", fork=False)
    assert keep.read_text() == "precious"


def test_a_second_run_into_the_same_folder_is_refused_while_the_first_is_at_work(own_log, tmp_path):
    refused = []

    def meanwhile(event, record):
        if event == "start":
            with pytest.raises(OutputError, match="another run is writing to"):
                report(own_log, tmp_path / "out", fork=False)
            refused.append(record["stem"])

    assert report(own_log, tmp_path / "out", fork=False, tell=meanwhile)["status"] == "ok"
    assert refused == ["31_a"]
    assert report(own_log, tmp_path / "out", fork=False)["status"] == "ok"


def test_a_run_that_was_killed_at_once_can_be_taken_up(own_log, tmp_path):
    def killed(event, record):
        if event == "start":
            raise SystemExit

    with pytest.raises(SystemExit):
        report(own_log, tmp_path / "out", fork=False, tell=killed)
    assert report(own_log, tmp_path / "out", fork=False)["status"] == "ok"
