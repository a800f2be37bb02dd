"""The arrows of the house, read from the imports: what lies lower never knows what lies higher."""

import ast
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[1]
PARTS = ("customers", "matching", "value", "retention", "decisions", "trust")

#: The parts that an issue has asked for so far.
_HERE = tuple(part for part in PARTS if (ROOT / "clvlib" / part).is_dir())

# A room may import from the rooms listed, and from itself.
ALLOWED = {
    "columns": set(),
    "metrics": {"columns"},
    "transactions": {"columns"},
    "datasets": {"columns", "transactions"},
    "split": {"columns", "transactions", "datasets"},
    "rfm": {"columns", "transactions", "datasets", "split"},
    "neural": set(),
    **{part: {"columns", "metrics", "neural", "transactions", "datasets", "split", "rfm"} for part in PARTS},
    "plotting": {"columns"},
    "reporting": {"columns", "metrics", "transactions", "datasets", "split", "rfm", *PARTS},
}
MODULES = sorted((ROOT / "clvlib").rglob("*.py"))
CHAPTERS = sorted((ROOT / "notebooks").rglob("*.ipynb"))


def _room(path: Path) -> str:
    return path.relative_to(ROOT / "clvlib").parts[0].removesuffix(".py")


def _imports(source: str) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute, so that this test can read them"
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


def _code(chapter: Path) -> str:
    notebook = nbformat.read(chapter, as_version=4)
    return "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")


def _violations(room: str, imports: set[str]) -> list[str]:
    wrong = [
        name
        for name in imports
        if name.startswith("clvlib.") and (target := name.split(".")[1]) != room and target not in ALLOWED[room]
    ]
    if room != "plotting":
        wrong += [name for name in imports if name.split(".")[0] in ("matplotlib", "seaborn")]
    return sorted(wrong)


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_module_imports_only_what_lies_below_it(module):
    if module.parent.name == "clvlib" and module.name == "__init__.py":
        assert not [name for name in _imports(module.read_text(encoding="utf-8")) if name.startswith("clvlib")]
        return
    assert _room(module) in ALLOWED, f"{_room(module)}: a new room needs its place in ALLOWED"
    assert _violations(_room(module), _imports(module.read_text(encoding="utf-8"))) == []


def test_a_wrong_arrow_would_be_seen():
    assert _violations("metrics", _imports("from clvlib.datasets import load")) == ["clvlib.datasets.load"]
    assert _violations("value", _imports("import clvlib.matching.neighbours")) == ["clvlib.matching.neighbours"]
    assert _violations("value", _imports("import matplotlib.pyplot as plt")) == ["matplotlib.pyplot"]


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_chapter_imports_one_name_from_reporting_and_never_matplotlib(chapter):
    imports = _imports(_code(chapter))
    assert {name for name in imports if name.startswith("clvlib.reporting")} == {"clvlib.reporting.hand_over"}
    assert not [name for name in imports if name.split(".")[0] in ("matplotlib", "seaborn")]


def test_only_reporting_and_datasets_read_the_environment():
    readers = {
        _room(module)
        for module in MODULES
        if module.name != "__init__.py" or module.parent.name != "clvlib"
        if "os.environ" in (text := module.read_text(encoding="utf-8")) or "os.getenv" in text
    }
    assert readers <= {"reporting", "datasets"}


@pytest.mark.parametrize(
    "module",
    ["clvlib", *(f"clvlib.{room}" for room in ("datasets", "rfm", *_HERE, "reporting"))],
)
def test_import_loads_nothing_that_is_heavy_and_may_not_be_needed(module):
    heavy = ("tensorflow", "keras", "matplotlib", "papermill", "numba")
    code = f"import sys, {module}; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
