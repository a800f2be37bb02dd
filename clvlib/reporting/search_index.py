"""What the search on the overview looks through: one entry a section, as data the page's script reads."""

import json
import re

from markupsafe import Markup

__all__ = ["search_index"]

_EXCERPT = 160
#: On scikit-learn's list of words too common to look for, and yet what somebody may look for here.
_LOOKED_FOR = frozenset(
    {"amount", "bill", "bottom", "detail", "empty", "first", "full", "interest", "last", "move", "system", "top"}
)
_WORD = re.compile(r"[^\W_][\w.%/-]*", re.UNICODE)


def search_index(chapters: list[dict]) -> Markup:
    """The sections of all chapters as JSON, safe between ``<script>`` tags.

    A section's first words are kept as they stand, to be shown; of the rest every word once and the commonest not
    at all, which is what a search needs at a quarter of the size. Of these only words, since numbers are many.

    >>> from clvlib.reporting.chapter_page import Section
    >>> sections = [Section("Data", "Data", text="Who bought? </script>", output="<tea> 42 tea")]
    >>> entry = search_index([{"number": "1.1", "title": "Data", "page": "11_data.html", "sections": sections}])
    >>> "</script" in entry, json.loads(entry)[0]["href"], json.loads(entry)[0]["words"]
    (False, '11_data.html#Data', 'tea')
    """
    # imported here: a report has loaded it for its chapters, and whoever only asks for help need not wait for it
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    common = ENGLISH_STOP_WORDS - _LOOKED_FOR
    entries = []
    for chapter in chapters:
        entries += _key_figures(chapter)
        name = f"{chapter['number']} {chapter['title']}"
        for section in chapter["sections"]:
            text = " ".join(section.text.split())
            cut = text if len(text) <= _EXCERPT else text[:_EXCERPT].rsplit(" ", 1)[0] + " …"
            known = set(_words(cut))
            words = dict.fromkeys(word for word in _words(f"{text} {section.output}") if not word[0].isdigit())
            rest = [word for word in words if word not in known | common and len(word) > 1]
            if not (section.title or text):
                continue
            entries.append(
                {
                    "chapter": name,
                    "title": section.title or name,
                    "href": chapter["page"] + (f"#{section.anchor}" if section.anchor else ""),
                    "text": cut,
                    "words": " ".join(rest),
                }
            )
    return Markup(json.dumps(entries, ensure_ascii=False).replace("<", "\\u003c"))


def _key_figures(chapter: dict) -> list[dict]:
    """The key figures that a chapter handed over, on the page they share."""
    rows = chapter.get("kpis") or []
    if not rows:
        return []
    text = "; ".join(f"{row['kpi']}: {row['definition']}" for row in rows)
    return [
        {
            "chapter": f"{chapter['number']} {chapter['title']}",
            "title": "Key figures: " + ", ".join(row["kpi"] for row in rows),
            "href": f"kpis.html#kpis-{chapter['stem']}",
            "text": text if len(text) <= _EXCERPT else text[:_EXCERPT].rsplit(" ", 1)[0] + " …",
            "words": " ".join(dict.fromkeys(_words(text))),
        }
    ]


def _words(text: str) -> list[str]:
    return [word.rstrip(".-/") for word in _WORD.findall(text.lower())]
