"""The ``clv`` command end to end, with small notebooks that really run."""

import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pandas as pd
import psutil
import pytest

from clvlib.reporting.yaml12 import plain, read_yaml


@pytest.fixture
def scenario(tmp_path):
    def write(text: str = "title: Trial\n", name: str = "trial.yaml") -> Path:
        (tmp_path / name).write_text(text, encoding="utf-8")
        return tmp_path / name

    return write


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


def read(out: Path) -> dict:
    return json.loads((out / "run.json").read_text(encoding="utf-8"))


def record(out: Path, stem: str) -> dict:
    return next(chapter for chapter in read(out)["chapters"] if chapter["stem"] == stem)


def test_one_run_from_scenario_to_site_and_its_resumption(clv, chapters, scenario, out, tmp_path):
    """One long story rather than seven short ones: every step needs what the step before has left."""
    chapters.add_customers("31_clv")
    chapters.add("32_more", "print(rate)")
    chapters.add("33_bad", "print('so far')", "raise KeyError('clv')", "print('never')")
    chapters.add_customers("22_items", needs=", item_text")
    path = scenario("title: Trial\nparameters: {rate: 0.25}\noverrides: {'3.2': {rate: 5e-1}}\n")

    code, printed, told = clv("report", path, "--out", out)
    assert code == 1
    assert printed.splitlines() == [str(out / "index.html")]
    assert "3.3 33_bad: FAILED" in told
    assert "Cell 4 raised KeyError: 'clv'" in told  # In [4]: behind the cell Papermill has put in
    assert {chapter["stem"]: chapter["status"] for chapter in read(out)["chapters"]} == {
        "22_items": "not_applicable",
        "31_clv": "ok",
        "32_more": "ok",
        "33_bad": "failed",
    }
    assert record(out, "22_items")["reason"] == "the log cdnow has no column item_text"
    assert record(out, "33_bad")["error"] == {
        "kind": "error",
        "message": "Cell 4 raised KeyError: 'clv'",
        "cell": 4,
    }
    assert "so far" in (out / "notebooks" / "33_bad.ipynb").read_text()
    for page in ("index", "22_items", "31_clv", "33_bad", "data_quality", "run"):
        assert (out / f"{page}.html").is_file(), page
    assert len(pd.read_parquet(out / "customers" / "cdnow.parquet")) == 2357
    assert plain(read_yaml((out / "parameters" / "32_more.yaml").read_text())) == {"dataset": "cdnow", "rate": 0.5}
    assert record(out, "31_clv")["changed"] == []
    assert record(out, "32_more")["changed"] == ["rate"]
    about = read(out)
    assert about["status"] == "failed"
    assert about["versions"]["python"]
    assert record(out, "31_clv")["peak_mb"] > 50
    assert 0 <= record(out, "31_clv")["overhead_seconds"] <= record(out, "31_clv")["seconds"]
    assert not list(out.rglob("*.part*"))

    # Again: only what failed.
    before = {stem: (out / "notebooks" / f"{stem}.ipynb").stat().st_mtime_ns for stem in ("31_clv", "32_more")}
    code, _, told = clv("report", path, "--out", out)
    assert code == 1
    assert "3.1 31_clv: up to date" in told
    assert record(out, "31_clv")["reused"]
    assert not record(out, "33_bad")["reused"]
    assert before == {stem: (out / "notebooks" / f"{stem}.ipynb").stat().st_mtime_ns for stem in before}

    # What is not asked for keeps what is known of it, and does not fail the run that was asked for.
    code, _, told = clv("report", path, "--out", out, "--only", "3.2", "--force")
    assert code == 0
    assert "3.3 33_bad: FAILED (in an earlier run (--only))" in told
    assert record(out, "33_bad")["error"]["cell"] == 4
    assert '<p class="status failed">' in (out / "index.html").read_text()

    # A parameter of one chapter and the source of another: these two only.
    chapters.add("33_bad", "print('good now')")
    path = scenario("title: Trial\nparameters: {rate: 0.25}\noverrides: {'3.2': {rate: 0.75}}\n")
    code, _, told = clv("report", path, "--out", out)
    assert code == 0
    assert [chapter["reused"] for chapter in read(out)["chapters"]] == [False, True, False, False]
    assert "0.75" in (out / "notebooks" / "32_more.ipynb").read_text()

    # A lost file is made again; --force with --only makes what is asked for, and keeps the rest.
    (out / "notebooks" / "32_more.ipynb").unlink()
    code, _, told = clv("report", path, "--out", out, "--force", "--only", "3.3")
    assert code == 0
    assert "3.1 31_clv: up to date" in told
    assert "3.2 32_more: not run (not asked for in this run (--only))" in told
    assert "3.3 33_bad: ok" in told


def test_issue_4_customers_lists_lie_beside_the_report_and_go_with_their_chapter(clv, chapters, scenario, out):
    chapters.add(
        "21_lists",
        "from clvlib.datasets import load\nfrom clvlib.reporting import hand_over\ndata = load(dataset)",
        "table = data.lines.drop_duplicates('customer_id')[['customer_id']].assign(rank=1, item_id='mug')\n"
        "hand_over(data=data, lists=table.assign(reason='new here', expected_margin=0.5), horizon_days=28)",
    )
    chapters.add("31_other")
    assert clv("report", scenario(), "--out", out)[0] == 0
    written = pd.read_csv(out / "lists" / "21_lists.csv", dtype={"customer_id": "str"})
    assert list(written)[:5] == ["customer_id", "rank", "item_id", "reason", "expected_margin"]
    assert len(written) == written["customer_id"].nunique() == 2357
    assert written.iloc[0, 5:].tolist() == ["USD", "1998-06-30", 28, read(out)["run_id"]]
    assert 'href="lists/21_lists.csv"' in (out / "index.html").read_text()

    assert clv("report", scenario("title: Trial\nchapters: ['3.1']\n"), "--out", out)[0] == 0
    assert list((out / "lists").iterdir()) == []
    assert "lists/" not in (out / "index.html").read_text()


def test_the_flat_parameters_are_ready_for_plain_papermill(clv, chapters, scenario, out, tmp_path):
    papermill = pytest.importorskip("papermill")
    chapters.add("31_clv", "print(rate, note)", parameters='rate: float = 0.1\nnote: str = ""')
    code, _, _ = clv("report", scenario("title: t\nparameters: {rate: 1e-7, note: no}"), "--out", out, "--no-fork")
    assert code == 0
    assert record(out, "31_clv")["parameters"] == {"rate": 1e-07, "note": "no"}
    from papermill.iorw import read_yaml_file

    parameters = read_yaml_file(str(out / "parameters" / "31_clv.yaml"))
    assert parameters == {"rate": 1e-07, "note": "no"}
    again = papermill.execute_notebook(
        str(chapters.path / "3_part" / "31_clv.ipynb"),
        str(tmp_path / "again.ipynb"),
        parameters,
        prepare_only=True,
        progress_bar=False,
    )
    assert "rate = 1e-07" in again.cells[2].source


def test_a_broken_run_json_does_not_stop_a_run(clv, chapters, scenario, out):
    chapters.add("31_clv", "1")
    out.mkdir()
    (out / "run.json").write_text('{"chapters": [')
    code, _, _ = clv("report", scenario(), "--out", out, "--no-fork")
    assert code == 0


def test_nothing_is_run_where_anything_is_wrong(clv, chapters, scenario, out):
    chapters.add("31_clv", "1")
    path = scenario("title: t\nparameters: {rat: 1, rate: 7}")
    code, printed, told = clv("report", path, "--out", out, "--only", "3.4")
    assert code == 2
    assert printed == ""
    assert "did you mean rate?" in told
    assert "rate is 7, but must be in [0, 1)" in told
    assert "--only: there is no chapter '3.4'; did you mean 3.1?" in told
    assert "Traceback" not in told
    assert not out.exists()


def test_only_what_the_scenario_runs_can_be_asked_for(clv, chapters, scenario, out):
    chapters.add("31_clv", "1")
    chapters.add("41_retention", "1")
    path = scenario("title: t\nchapters: ['3.1']")
    code, _, told = clv("report", path, "--out", out, "--only", "3_part", "--only", "4.1")
    assert code == 2
    assert "--only: the scenario does not run 4.1" in told
    assert not out.exists()


def test_a_missing_scenario_is_said(clv, chapters, tmp_path):
    chapters.add("31_clv", "1")
    code, _, told = clv("report", tmp_path / "nope.yaml")
    assert (code, "there is no such file" in told) == (2, True)


def test_output_below_a_regular_file_is_refused_before_anything_runs(clv, chapters, scenario, tmp_path):
    chapters.add("31_clv", "1")
    (tmp_path / "taken").write_text("a file")
    code, _, told = clv("report", scenario(), "--out", tmp_path / "taken" / "below")
    assert code == 2
    assert f"{tmp_path / 'taken'} is a file, not a folder; choose another with --out" in told


def test_wrong_usage_is_exit_code_2(clv, chapters, scenario):
    chapters.add("31_clv", "1")
    assert clv("report", scenario(), "--jobs", "0")[0] == 2
    assert clv("nonsense")[0] == 2


def test_no_folder_of_notebooks_is_said_with_a_remedy(monkeypatch, tmp_path):
    import clvlib
    from clvlib.reporting.cli import _notebooks, _Refused

    monkeypatch.setattr(clvlib, "__file__", str(tmp_path / "site-packages" / "clvlib" / "__init__.py"))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(_Refused, match="pip install -e"):
        _notebooks(None)


def test_a_fault_of_our_own_is_a_sentence(clv, chapters, scenario, monkeypatch, out):
    chapters.add("31_clv", "1")
    monkeypatch.setattr("clvlib.reporting.run.make_plan", lambda *_, **__: 1 / 0)
    code, _, told = clv("report", scenario(), "--out", out)
    assert code == 1
    assert "clv has a fault: ZeroDivisionError" in told
    assert "Traceback" not in told


def test_data_commands(clv):
    code, printed, _ = clv("data", "list")
    assert code == 0
    assert "cdnow_full" in printed
    code, printed, _ = clv("data", "check", "cdnow")
    assert code == 0
    assert "lines = 6919  ok" in printed
    code, _, told = clv("data", "check", "cdnov")
    assert (code, "cdnov" in told, "'cdnow'" in told) == (1, True, True)
    code, printed, _ = clv("data", "fetch", "cdnow")
    assert (code, "nothing to fetch" in printed) == (0, True)


def test_new_chapter_writes_one_and_never_over_another(clv, chapters):
    arguments = ("new-chapter", "12_lifecycle", "Where are they?", "--notebooks", chapters.path)
    code, printed, _ = clv(*arguments)
    assert code == 0
    assert nbformat.read(printed.strip(), as_version=4).cells[0].source.startswith("# 1.2 Where are they?")
    code, _, told = clv(*arguments)
    assert (code, "nothing was changed" in told) == (2, True)


def test_refresh_changes_no_byte_the_second_time(clv, chapters):
    path = chapters.add("31_clv", "print(rate)")
    code, printed, _ = clv("refresh", "--check", path)
    assert (code, "would change" in printed) == (1, True)
    assert clv("refresh", path)[0] == 0
    before = path.read_bytes()
    assert b"0.1" in before
    code, printed, _ = clv("refresh", path)
    assert (code, "0 of 1 changed" in printed) == (0, True)
    assert path.read_bytes() == before
    code, _, told = clv("refresh", path.with_name("nope.ipynb"))
    assert (code, "there is no file" in told) == (2, True)


def start(chapters, *arguments, **options) -> subprocess.Popen:
    command = [sys.executable, "-m", "clvlib.reporting.cli", "report", *map(str, arguments)]
    command += ["--notebooks", str(chapters.path)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


@pytest.mark.parametrize(("how", "fork"), [(signal.SIGINT, "--fork"), (signal.SIGTERM, "--no-fork")])
def test_ctrl_c_keeps_what_is_finished_and_leaves_no_kernel(clv, chapters, scenario, out, tmp_path, how, fork):
    chapters.add("31_quick", "print('done')")
    chapters.add(
        "32_slow",
        "import os, pathlib, subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(90)'])\n"
        f"pathlib.Path({str(tmp_path / 'part')!r}).write_text(f'{{os.getpid()}} {{child.pid}}')\n"
        f"os.replace({str(tmp_path / 'part')!r}, {str(tmp_path / 'pids')!r})\n"
        "time.sleep(90)",
    )
    path = scenario()
    with start(chapters, path, "--out", out, "--jobs", "2", fork) as process:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and not (
            (tmp_path / "pids").exists() and record(out, "31_quick")["status"] == "ok"
        ):
            time.sleep(0.05)
        started = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(how)
        printed, told = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "interrupted: what is finished is kept" in told
    assert "Traceback" not in told
    assert printed.strip() == str(out / "index.html")
    assert read(out)["status"] == "interrupted"
    assert record(out, "31_quick")["status"] == "ok"
    assert record(out, "32_slow")["status"] == "pending"
    assert "interrupted" in record(out, "32_slow")["reason"]
    assert (out / "31_quick.html").is_file()
    assert not list(out.rglob("*.part*"))
    pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()] + [child.pid for child in started]
    assert len(pids) > 3
    assert [pid for pid in pids if psutil.pid_exists(pid) and psutil.Process(pid).status() != "zombie"] == []

    # The same command goes on from there.
    chapters.add("32_slow", "print('quick now')")
    code, _, told = clv("report", path, "--out", out, "--no-fork")
    assert code == 0
    assert "3.1 31_quick: up to date" in told


def test_a_full_disk_is_a_plain_message_and_what_is_finished_is_kept(chapters, scenario, out):
    """A limit on the size of files stands in for a full disk: it fails in the same call with EFBIG for ENOSPC."""
    chapters.add("31_small", "print('done')")
    chapters.add("32_large", "import time; time.sleep(1.5)", "print('x' * 3_000_000)")

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, 2_000_000))

    with start(chapters, scenario(), "--out", out, "--jobs", "2", "--no-fork", preexec_fn=limit) as process:
        printed, told = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "the disk is full" in told
    assert "What is finished is kept" in told
    assert "Traceback" not in told
    assert printed == ""
    assert record(out, "31_small")["status"] == "ok"
    assert (out / "notebooks" / "31_small.ipynb").is_file()
    assert not list(out.rglob("*.part.ipynb"))


def test_a_killed_kernel_does_not_stop_the_others(clv, chapters, scenario, out):
    chapters.add("31_killed", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    chapters.add("32_exit", "import sys; sys.exit()")
    chapters.add("33_slow", "import time; time.sleep(30)")
    chapters.add("34_good", "print('good')")
    code, _, told = clv("report", scenario(), "--out", out, "--timeout", "2", "--no-fork")
    assert code == 1
    assert [chapter["status"] for chapter in read(out)["chapters"]] == ["failed", "failed", "failed", "ok"]
    assert [chapter["error"] and chapter["error"]["kind"] for chapter in read(out)["chapters"]] == [
        "died",
        "exit",
        "timeout",
        None,
    ]
    assert (out / "34_good.html").is_file()
    assert "Traceback" not in told


def test_nothing_of_the_runner_is_imported_by_a_chapter():
    code = "import sys, clvlib.reporting; print([m for m in ('papermill', 'pydantic', 'click') if m in sys.modules])"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == "[]"


def test_as_a_module_it_is_the_command():
    environment = os.environ | {"COLUMNS": "100"}
    command = [sys.executable, "-m", "clvlib.reporting.cli", "--help"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout
    assert [name for name in ("report", "data", "refresh", "new-chapter") if f"  {name} " not in printed] == []
