"""pandas' tables as a reader expects them: words to the left, numbers to the right, one row of headings."""

import re

__all__ = ["tidy_tables"]

_NUMBER = re.compile(r"[-−+]?[\d.,' ]*\d(?:e[-+]?\d+)?\s?%?|nan|-?inf|&lt;na&gt;|none|nat|–|-|", re.I)
_TABLE = re.compile(r"<table[^>]*\bdataframe\b.*?</table>", re.S)
_HEAD = re.compile(r"(<thead>)(.*?)(</thead>)", re.S)
_ROW = re.compile(r"(<tr[^>]*>)(.*?)(</tr>)", re.S)
_CELL = re.compile(r"<(t[hd])([^>]*)>(.*?)</\1>", re.S)


def tidy_tables(html: str) -> str:
    """Mark the columns of words in pandas' tables with ``class="text"``, and join the two rows of headings it
    writes for a named index into one. Runs before the sanitiser, which has the last word on what it returns.

    >>> tidy_tables('<table class="dataframe"><tr><td>tea</td><td>1.5</td></tr></table>')
    '<table class="dataframe"><tr><td class="text">tea</td><td>1.5</td></tr></table>'
    """
    return _TABLE.sub(lambda table: _aligned(_HEAD.sub(_one_heading, table[0])), html)


def _one_heading(head: re.Match) -> str:
    rows = _ROW.findall(head[2])
    if len(rows) != 2 or "span=" in head[2]:
        return head[0]
    upper, lower = ([cell[2].strip() for cell in _CELL.findall(row[1])] for row in rows)
    named = len([text for text in lower if text])
    if len(upper) != len(lower) or any(upper[:named]) or any(lower[named:]):
        return head[0]
    cells = "".join(f"<th>{text}</th>" for text in lower[:named] + upper[named:])
    return f"{head[1]}<tr>{cells}</tr>{head[3]}"


def _aligned(table: str) -> str:
    """A column is counted from the right, since rows of a grouped index lack cells on the left."""
    words = set()
    for _, row, _ in _ROW.findall(table):
        for place, (tag, _, text) in enumerate(reversed(_CELL.findall(row))):
            if tag == "td" and text.strip() and not _NUMBER.fullmatch(text.strip()):
                words.add(place)

    def row(match: re.Match) -> str:
        last = len(_CELL.findall(match[2])) - 1
        places = iter(range(last, -1, -1))

        def cell(found: re.Match) -> str:
            place = next(places)
            if place not in words or "class=" in found[2] or "colspan" in match[2]:
                return found[0]
            return f'<{found[1]} class="text"{found[2]}>{found[3]}</{found[1]}>'

        return match[1] + _CELL.sub(cell, match[2]) + match[3]

    return _ROW.sub(row, table)
