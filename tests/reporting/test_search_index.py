"""What the search knows: every word of the prose, the words of outputs, and nothing twice."""

import json

from clvlib.reporting.chapter_page import Section
from clvlib.reporting.search_index import search_index


def _entries(*sections):
    chapter = {"number": "3.1", "title": "Value", "page": "31_value.html", "sections": list(sections)}
    return json.loads(search_index([chapter]))


def test_every_word_of_a_long_section_is_found_and_only_its_beginning_is_shown():
    words = [f"word{number}" for number in range(200)]
    (entry,) = _entries(Section("Idea", "Idea", text=" ".join(words)))
    assert entry["text"].endswith(" …")
    assert len(entry["text"]) < 170
    assert set(words) <= set(f"{entry['text']} {entry['words']}".split())


def test_a_word_is_kept_once_and_numbers_of_outputs_not_at_all():
    (entry,) = _entries(Section("Data", "Data", text="Tea", output="tea Cup cup 12.5 2024-01-01 谁会回来"))
    assert entry["words"] == "cup 谁会回来"


def test_what_has_neither_heading_nor_text_is_no_entry_and_the_start_of_a_page_has_its_name():
    entries = _entries(Section("", ""), Section("", "", text="Before any heading"))
    assert [(entry["title"], entry["href"]) for entry in entries] == [("3.1 Value", "31_value.html")]


def test_it_cannot_end_its_script_element():
    chapter = {"number": "1", "title": "</script><script>", "page": "x", "sections": [Section("<!--", "a")]}
    assert "<" not in search_index([chapter])
