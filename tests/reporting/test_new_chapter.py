"""`clv new-chapter`: the copy runs as it is, and nothing is overwritten."""

import nbformat
import pytest

from clvlib.reporting.new_chapter import new_chapter
from clvlib.reporting.refresh import refresh


def test_new_chapter_runs_as_it_is_and_repeats(tmp_path):
    path = new_chapter("12_lifecycle", "Where in their life\nare our customers?", notebooks=tmp_path)
    assert path == tmp_path / "1_customers" / "12_lifecycle.ipynb"
    assert refresh([path]) == [path]
    assert refresh([path]) == []
    notebook = nbformat.read(path, as_version=4)
    assert notebook.cells[0].source.startswith("# 1.2 Where in their life are our customers?\n")
    assert "{" not in notebook.cells[0].source


def test_existing_chapter_is_never_overwritten(tmp_path):
    path = new_chapter("12_lifecycle", "Where?", notebooks=tmp_path)
    path.write_text("mine", encoding="utf-8")
    with pytest.raises(FileExistsError, match="nothing was changed"):
        new_chapter("12_lifecycle", "Where?", notebooks=tmp_path)
    assert path.read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize("stem", ["lifecycle", "12", "12_Life", "72_x", "10_x", "12_../x", "12_a b"])
def test_malformed_name_is_refused_with_the_form_it_should_have(tmp_path, stem):
    with pytest.raises(ValueError, match="12_lifecycle"):
        new_chapter(stem, "Where?", notebooks=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_title_must_be_a_question(tmp_path):
    with pytest.raises(ValueError, match="question mark"):
        new_chapter("12_lifecycle", "Where they are.", notebooks=tmp_path)
