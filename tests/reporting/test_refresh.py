"""`clv refresh`: stored chapters repeat byte for byte, or the reason is told."""

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from clvlib.reporting.refresh import RefreshError, normalise, refresh


@pytest.fixture
def write(tmp_path):
    def _write(*sources):
        path = tmp_path / "91_trial.ipynb"
        notebook = new_notebook(cells=[new_code_cell(source) for source in sources])
        notebook.metadata = {"kernelspec": {"name": "python3", "display_name": "mine", "language": "python"}}
        nbformat.write(notebook, path)
        return path

    return _write


def test_second_refresh_changes_no_byte(write):
    path = write(
        "print('a')\nprint('b')",
        "from clvlib.plotting import new_axes, show\naxes = new_axes()\naxes.plot([1, 2])\nshow(axes, alt='a line')",
    )
    assert refresh([path]) == [path]
    first = path.read_bytes()
    assert b'"execution_count": 2' in first
    assert b"image/png" in first
    assert b"matplotlib" not in first.lower().replace(b"clvlib.plotting", b"")
    assert refresh([path]) == []
    assert path.read_bytes() == first


def test_check_tells_and_writes_nothing(write):
    path = write("print(1)")
    before = path.read_bytes()
    assert refresh([path], check=True) == [path]
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("1 / 0", "ZeroDivisionError"),
        ("import sys\nsys.stderr.write('a warning')", "stderr: a warning"),
        ("import os\nos._exit(1)", "91_trial.ipynb"),
    ],
    ids=["raises", "writes to stderr", "dies"],
)
def test_chapter_that_cannot_be_stored_is_left_as_it_was(write, source, told):
    path = write("print(1)", source)
    before = path.read_bytes()
    with pytest.raises(RefreshError, match=told):
        refresh([path])
    assert path.read_bytes() == before


def test_normalise_keeps_counts_tags_and_alternative_texts():
    cell = new_code_cell("1", execution_count=3, metadata={"tags": ["parameters"], "execution": {"started": "now"}})
    output = nbformat.v4.new_output("display_data", {"image/png": ""}, metadata={"image/png": {"alt": "x"}, "odd": 1})
    cell.outputs = [output]
    notebook = normalise(new_notebook(cells=[cell], metadata={"papermill": {"duration": 1.5}}))
    assert "papermill" not in notebook.metadata
    (kept,) = notebook.cells
    assert kept.execution_count == 3
    assert kept.metadata == {"tags": ["parameters"]}
    assert kept.outputs[0].metadata == {"image/png": {"alt": "x"}}
