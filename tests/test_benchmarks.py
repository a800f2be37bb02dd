"""The benchmarks: each has its place in the README, says its question and its command, and compares results."""

import importlib.util
import re
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[1] / "benchmarks"
SCRIPTS = sorted(path.name for path in FOLDER.glob("*.py") if not path.name.startswith("_"))
README = (FOLDER / "README.md").read_text(encoding="utf-8")


def _module(name):
    spec = importlib.util.spec_from_file_location(f"benchmarks_{name}", FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look themselves up
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def bench():
    return _module("_side_by_side")


@pytest.fixture(scope="module")
def readme():
    return _module("_readme")


@pytest.mark.parametrize("script", SCRIPTS)
def test_every_benchmark_says_its_question_and_its_command_and_has_its_place(script):
    docstring = re.match(r'"""(.*?)"""', (FOLDER / script).read_text(encoding="utf-8"), re.DOTALL)[1]
    assert docstring.splitlines()[0].endswith("?")
    assert f"python benchmarks/{script}" in docstring
    begin, end = README.index(f"<!-- {script} -->"), README.index(f"<!-- end of {script} -->")
    assert begin < end


def test_every_place_has_its_benchmark(readme):
    assert re.findall(r"<!-- end of (\w+\.py) -->", README) == re.findall(r"<!-- (\w+\.py) -->", README)
    assert set(re.findall(r"<!-- (\w+\.py) -->", README)) == set(SCRIPTS)
    assert [path.name for path in readme.benchmarks()] == SCRIPTS


def test_tables_are_put_in_their_place_and_nowhere_else(readme):
    page = "# T\n<!-- a.py -->\nold\n<!-- end of a.py -->\nmore\n<!-- b.py -->\n<!-- end of b.py -->\n"
    once = readme.placed(page, "a.py", "| \\1 | new |\n")
    assert once == page.replace("old", "| \\1 | new |")
    assert readme.placed(once, "a.py", "old") == page
    with pytest.raises(ValueError, match=r"no place for c\.py"):
        readme.placed(page, "c.py", "")


def test_the_page_begins_with_every_comparison_at_a_glance(bench, readme):
    seconds = {"clvlib": (1.0, 1.0), "clvlib, else": (1.0, 2.0), "peer": (9.0, 4.0)}
    timings = [bench.Timing(name, first) for name, first in seconds.items()]
    page = f"{bench.markdown('ten rows', timings)}\n\n{bench.markdown('alone', timings[:2])}\n"
    page += f"\n{bench.markdown('other', timings[::-1])}\n"
    assert readme.at_a_glance(page).splitlines()[2:] == ["| ten rows | 1 s | peer 4 |"]
    assert f"<!-- at a glance -->\n{readme.at_a_glance(README)}\n<!-- end" in README


def test_ways_take_turns_and_a_slow_one_fewer(bench):
    called = []
    ways = [bench.Way(name, lambda name=name: called.append(name), rounds) for name, rounds in (("a", None), ("b", 1))]
    timings = bench.side_by_side(ways, rounds=3)
    assert called == ["a", "b", "a", "b", "a", "a"]
    assert [len(timing.calls) for timing in timings] == [3, 1]
    assert all(0 <= timing.wall < 1 for timing in timings)


def test_a_wrong_result_stops_the_comparison(bench):
    def same(result, ours):
        assert result == ours

    with pytest.raises(AssertionError):
        bench.side_by_side([bench.Way("ours", lambda: 1), bench.Way("theirs", lambda: 2)], rounds=1, same=same)


def test_ratios_are_of_medians_to_the_first_way(bench):
    ours = bench.Timing("ours", (9.0, 9.0), [(0.001, 0.002), (0.003, 0.002), (0.002, 0.002)])
    theirs = bench.Timing("theirs", (5.0, 4.0))
    assert bench.markdown("1,000 rows", [ours, theirs]).splitlines()[2:] == [
        "| ours | 2 ms | 2 ms | 1 | 1 | 9 s | 3 |",
        "| theirs | 5 s | 4 s | 2,500 | 2,000 | 5 s | 1 |",
    ]
