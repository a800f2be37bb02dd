"""README, params and notebooks tell of the same chapters, and the README's commands exist."""

import re
import shutil
from pathlib import Path

import nbformat
import pytest
from click.testing import CliRunner

from clvlib.datasets import AVAILABLE
from clvlib.reporting.cli import main
from clvlib.reporting.parameters import find_chapters
from clvlib.reporting.scenario import load_scenario

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
CHAPTERS = sorted((ROOT / "notebooks").rglob("*.ipynb"))
NUMBERS = [f"{path.stem[0]}.{path.stem[1]}" for path in CHAPTERS]


def test_readme_lists_every_chapter_in_order_with_its_question():
    table = README.split("## Chapters")[1].split("\n## ")[0]
    rows = re.findall(r"^\| \[(\d\.\d) [^\]]+\]\(([^)]+)\) \| ([^|]+\?) \|", table, re.MULTILINE)
    assert [row[0] for row in rows] == NUMBERS
    for (number, link, question), path in zip(rows, CHAPTERS, strict=True):
        assert ROOT / link == path
        title = nbformat.read(path, as_version=4).cells[0].source.splitlines()[0]
        assert title == f"# {number} {question.strip()}"


def test_chapters_link_to_their_neighbours():
    for before, here, after in zip([None, *CHAPTERS], CHAPTERS, [*CHAPTERS[1:], None], strict=False):
        last = nbformat.read(here, as_version=4).cells[-1].source
        links = {(here.parent / link).resolve() for link in re.findall(r"\]\(([^)#\s]+\.ipynb)", last)}
        assert {path for path in (before, after) if path} == links, here.stem


# What params/my_shop.example.yaml says the analyst's log looks like.
MY_ORDERS = """Customer No,Order date,Line total,Order No,Article,Description,Pieces
007,2025-01-02,12.50,A1,T-1,green tea,2
008,2025-02-03 14:05:00,-3.00,A2,C-9,Käsebrett,1
"""


@pytest.mark.parametrize("name", sorted(path.name for path in (ROOT / "params").glob("*.yaml")))
def test_shipped_scenarios_fit_the_chapters_parameters(name, tmp_path):
    path = ROOT / "params" / name
    if name == "my_shop.example.yaml":
        (tmp_path / "my_orders.csv").write_text(MY_ORDERS, encoding="utf-8")
        path = Path(shutil.copy(path, tmp_path / "my_shop.yaml"))
    scenario = load_scenario(path, find_chapters(ROOT / "notebooks"))
    named = {"sessions.yaml": ["1.2"]}.get(name, NUMBERS)
    assert [chapter.number for chapter in scenario.chapters] == named
    if name == "my_shop.example.yaml":
        assert scenario.ledger.lines["customer_id"].tolist() == ["007", "008"]
        assert scenario.ledger.timezone == "Europe/Berlin"
        assert scenario.parameters["31_discounted_clv"]["margin_rate"] == 0.30


def test_readme_names_every_data_set():
    table = README.split("\n## Data")[1].split("\n## ")[0]
    assert set(re.findall(r"`([a-z_]+)`", table.replace("`lifetimes`", ""))) >= set(AVAILABLE)


def test_readme_names_every_command_and_option():
    commands = set(re.findall(r"`clv ([a-z-]+)", README))
    assert commands == set(main.commands)
    shown = CliRunner().invoke(main, ["report", "--help"]).output
    for option in re.findall(r"`(--[a-z]+)", README.split("## The command")[1].split("\n## ")[0]):
        assert option in shown


def test_readme_make_targets_exist():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in set(re.findall(r"make (report|test|lab|bench|refresh)\b", README)):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_readme_library_example_runs(capsys):
    (example,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    exec(compile(example, "README.md", "exec"), {})
    assert "CDNOW" in capsys.readouterr().out
