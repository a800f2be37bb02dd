"""Names that a marketer can use for the cells of the RFM grid: which name, for whom, and what it does not say."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from clvlib.customers._checks import frame

__all__ = ["SEGMENTS", "Segment", "named_segments", "segment_grid"]


class Segment(NamedTuple):
    """A block of the grid: scores ``recency`` and ``frequency_monetary`` from … to, both ends in."""

    name: str
    recency: tuple[int, int]
    frequency_monetary: tuple[int, int]
    meaning: str


#: The grid, best first. The names are the trade's, in the split that is most common in its tools; the cells are ours
#: to state, since no source fixes them. Every pair of scores 1..5 lies in exactly one block (a test counts them).
SEGMENTS: tuple[Segment, ...] = (
    Segment("champions", (5, 5), (4, 5), "bought just now; among the most frequent or the highest spending"),
    Segment("loyal", (3, 4), (4, 5), "frequent or high spending, last seen a while ago"),
    Segment("potential loyalists", (4, 5), (2, 3), "lately here, not yet often"),
    Segment("new", (5, 5), (1, 1), "just here and little so far: mostly first purchases"),
    Segment("promising", (4, 4), (1, 1), "here not long ago, little so far"),
    Segment("needs attention", (3, 3), (3, 3), "in the middle of everything"),
    Segment("about to sleep", (3, 3), (1, 2), "little so far, and away for a while"),
    Segment("cannot lose", (1, 2), (5, 5), "the best of the past, not seen for long"),
    Segment("at risk", (1, 2), (3, 4), "good in the past, not seen for long"),
    Segment("hibernating", (2, 2), (1, 2), "little in the past, not seen for long"),
    Segment("lost", (1, 1), (1, 2), "little in the past, away the longest"),
)

_SCORES = ("recency_score", "frequency_score", "monetary_score")


def segment_grid() -> pd.DataFrame:
    """Which segment stands in which cell? Rows ``recency_score`` 5 to 1, columns the frequency-monetary score 1 to 5.

    >>> segment_grid().loc[5].tolist()
    ['new', 'potential loyalists', 'potential loyalists', 'champions', 'champions']
    """
    grid = pd.DataFrame(
        _grid()[::-1, :],
        index=pd.Index(range(5, 0, -1), name="recency_score"),
        columns=pd.Index(range(1, 6), name="frequency_monetary_score"),
    )
    return grid.astype("str")


def named_segments(scores: pd.DataFrame) -> pd.DataFrame:
    """What is a customer with these scores called?

    scores: one row a customer with ``recency_score``, ``frequency_score`` and ``monetary_score``, whole numbers 1 to
    5, as :func:`clvlib.customers.rfm_scores` gives with its five bins. Frequency and money make one score, their
    mean, a half rounded up: who bought once for a lot is in the middle and not at the bottom, which matters where
    nearly everybody bought once. All 125 triples of scores have exactly one name (:data:`SEGMENTS`).

    Returns ``scores`` with two columns more: ``frequency_monetary_score`` (1 to 5) and ``segment`` (text). The grid
    reads scores only: "new" says lately and little, not that the first purchase was lately.

    ValueError: no rows, a missing column, a score that is no whole number from 1 to 5, scores made with another number
    of bins (in which nobody could be a champion).

    >>> scores = pd.DataFrame({"recency_score": [5, 5, 1], "frequency_score": [5, 1, 5], "monetary_score": [4, 1, 5]})
    >>> named_segments(scores)["segment"].tolist()
    ['champions', 'new', 'cannot lose']
    """
    r, f, m = (_score(scores, name) for name in _SCORES)
    both = (f + m + 1) // 2
    return scores.assign(
        frequency_monetary_score=both,
        segment=pd.Series(_grid()[r - 1, both - 1], index=scores.index, dtype="str"),
    )


def _grid() -> np.ndarray:
    grid = np.empty((5, 5), dtype=object)
    for name, (r_low, r_high), (b_low, b_high), _ in SEGMENTS:
        grid[r_low - 1 : r_high, b_low - 1 : b_high] = name
    return grid


def _score(scores: pd.DataFrame, name: str) -> np.ndarray:
    how = "make the scores with clvlib.customers.segmentation.rfm_scores(summary), which has five bins"
    frame("scores", scores, (name,), remedy=how)
    if scores.attrs.get("n_bins", 5) != 5:
        raise ValueError(
            f"the scores of {len(scores)} rows have {scores.attrs['n_bins']} bins and the grid has 5; {how}"
        )
    values = pd.to_numeric(scores[name], errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    wrong = ~np.isin(values, [1, 2, 3, 4, 5])
    if wrong.any():
        first = scores[name].tolist()[int(np.flatnonzero(wrong)[0])]
        raise ValueError(
            f"{name} is no whole number from 1 to 5 in {int(wrong.sum())} of {len(values)} rows, first {first!r}; {how}"
        )
    return values.astype(int)
