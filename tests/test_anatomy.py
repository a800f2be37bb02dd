"""Every chapter has the anatomy that CONTRIBUTING.md asks for, and is stored executed."""

import ast
import re
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[1]
CHAPTERS = sorted((ROOT / "notebooks").rglob("*.ipynb"))
IDS = [path.stem for path in CHAPTERS]


@pytest.fixture(params=CHAPTERS, ids=IDS)
def chapter(request):
    return request.param


@pytest.fixture
def notebook(chapter):
    return nbformat.read(chapter, as_version=4)


@pytest.fixture
def code(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def _tagged(cells, tag):
    return [cell for cell in cells if tag in cell.metadata.get("tags", [])]


def test_file_is_numbered_like_its_part_and_its_title(chapter, notebook):
    number = re.fullmatch(r"(\d)(\d)_[a-z_]+", chapter.stem)
    assert number
    assert chapter.parent.name.startswith(number[1] + "_")
    first = notebook.cells[0]
    assert first.cell_type == "markdown"
    title = first.source.splitlines()[0]
    assert title.startswith(f"# {number[1]}.{number[2]} ")
    assert title.endswith("?"), "a chapter asks a question"
    assert "*Documents*" in first.source
    assert "*Input" in first.source


def test_parameters_are_typed_and_say_their_unit(code):
    (cell,) = _tagged(code, "parameters")
    body = ast.parse(cell.source).body
    assert body
    for statement in body:
        assert isinstance(statement, ast.AnnAssign), ast.unparse(statement)
        line = cell.source.splitlines()[statement.lineno - 1]
        assert "#" in line, f"no unit or meaning behind {line!r}"


def test_cells_are_short_and_name_nothing(code):
    assert 8 <= len(code) <= 40
    for cell in code:
        assert len(cell.source.splitlines()) <= 20, cell.source
        tree = ast.parse(cell.source)
        named = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)]
        assert not named, f"what deserves a name goes to clvlib: {cell.source}"
        for forbidden in ("sys.path", "!pip", "%pip", "filterwarnings", "simplefilter"):
            assert forbidden not in cell.source
        assert not cell.source.rstrip().endswith(";"), "nbval shows what a trailing ; hides"


def test_more_prose_than_code(notebook, code):
    prose = sum(len(cell.source) for cell in notebook.cells if cell.cell_type == "markdown")
    assert prose > sum(len(cell.source) for cell in code)


def test_stored_executed_in_order_without_errors_and_stderr(code):
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    for cell in code:
        for output in cell.outputs:
            assert output.output_type != "error"
            assert output.get("name") != "stderr"


def test_checked_cells_hold_output_that_nbval_compares(code):
    checked = _tagged(code, "nbval-check-output")
    assert len(checked) >= 2
    for cell in checked:
        assert cell.outputs, cell.source
        # nbval skips a cell without a count, and never compares pictures
        assert cell.execution_count is not None
        assert any(output.output_type != "display_data" or "text/html" in output.data for output in cell.outputs)


def test_every_figure_has_an_alternative_text(code):
    for cell in code:
        for output in cell.outputs:
            if "image/png" in output.get("data", {}):
                assert len(output.metadata["image/png"]["alt"]) > 20


def test_ends_with_exercises_references_and_the_way_on(chapter, notebook):
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    for heading in ("Limits", "Exercises", "References"):
        assert re.search(rf"^##+ .*{heading}", text, re.MULTILINE), heading
    last = notebook.cells[-1].source
    assert "(../../README.md#chapters)" in last
    for link in re.findall(r"\]\(([^)#\s]+\.ipynb)", text):
        assert (chapter.parent / link).is_file(), link


def test_nothing_of_this_machine_is_stored(chapter):
    text = chapter.read_text(encoding="utf-8")
    assert str(ROOT) not in text
    assert not re.search(r"/(home|root|tmp|Users)/", text)
