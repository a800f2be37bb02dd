"""The grid of named segments: complete, without overlap, and what its corners are called."""

import itertools

import numpy as np
import pandas as pd
import pytest

from clvlib.customers import SEGMENTS, named_segments, rfm_scores, segment_grid

SCORES = ["recency_score", "frequency_score", "monetary_score"]


@pytest.fixture
def every_cell():
    return pd.DataFrame(itertools.product(range(1, 6), repeat=3), columns=SCORES)


def test_every_pair_of_scores_lies_in_exactly_one_block_of_the_grid():
    hits = np.zeros((6, 6), dtype=int)
    for segment in SEGMENTS:
        for recency in range(segment.recency[0], segment.recency[1] + 1):
            for both in range(segment.frequency_monetary[0], segment.frequency_monetary[1] + 1):
                hits[recency, both] += 1
    assert (hits[1:, 1:] == 1).all()
    assert hits.sum() == 25
    assert len({segment.name for segment in SEGMENTS}) == len(SEGMENTS)


def test_all_125_triples_have_a_name_and_every_name_is_used(every_cell):
    named = named_segments(every_cell)
    assert named["segment"].notna().all()
    assert set(named["segment"]) == {segment.name for segment in SEGMENTS}
    assert named["segment"].dtype == "str"


def test_the_grid_shown_is_the_grid_used(every_cell):
    named, grid = named_segments(every_cell), segment_grid()
    assert grid.shape == (5, 5)
    shown = [grid.loc[r, b] for r, b in zip(named["recency_score"], named["frequency_monetary_score"], strict=True)]
    assert named["segment"].tolist() == shown


def test_a_better_score_of_frequency_or_money_never_lowers_their_common_one(every_cell):
    both = named_segments(every_cell).set_index(SCORES)["frequency_monetary_score"].unstack()
    assert (both.diff(axis=1).iloc[:, 1:] >= 0).all(axis=None)
    assert both.loc[(1, 1)].tolist() == [1, 2, 2, 3, 3], "a half is rounded up"


@pytest.mark.parametrize(
    ("triple", "name"),
    [((5, 5, 5), "champions"), ((1, 1, 1), "lost"), ((1, 5, 5), "cannot lose"), ((5, 1, 1), "new"),
     ((4, 1, 1), "promising"), ((3, 3, 3), "needs attention"), ((2, 1, 2), "hibernating"), ((2, 4, 3), "at risk"),
     ((3, 1, 1), "about to sleep"), ((4, 4, 4), "loyal"), ((4, 2, 2), "potential loyalists")],
)  # fmt: skip
def test_the_trades_names_stand_in_their_usual_cells(triple, name):
    assert named_segments(pd.DataFrame([triple], columns=SCORES))["segment"].tolist() == [name]


def test_one_time_buyers_are_told_apart_by_money_and_recency():
    rng = np.random.default_rng(0)
    summary = pd.DataFrame({"days_since_last_purchase": rng.integers(1, 400, 3000), "frequency": 0,
                            "total_spend": rng.gamma(2, 20, 3000)})  # fmt: skip
    named = named_segments(rfm_scores(summary))
    assert named["segment"].nunique() > 5
    assert set(named["segment"]).isdisjoint({"champions", "loyal", "cannot lose"}), "nobody has come back"


def test_scores_and_index_stay_and_nothing_is_written_into_the_table(every_cell):
    scores = every_cell.assign(customer_id=np.arange(125)).set_index(np.arange(125) % 3)
    before = scores.copy()
    named = named_segments(scores)
    pd.testing.assert_frame_equal(scores, before)
    pd.testing.assert_frame_equal(named[list(before)], before)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda table: table.drop(columns="monetary_score"), "125 rows has no monetary_score"),
        (lambda table: table.head(0), "0 rows; make the scores"),
        (lambda table: table.assign(recency_score=6), "recency_score is no whole number from 1 to 5 in 125 of 125"),
        (lambda table: table.assign(recency_score=2.5), "recency_score .* first 2.5"),
        (lambda table: table.assign(frequency_score=np.nan), "frequency_score .* 125 of 125"),
        (lambda table: table.assign(frequency_score="good"), "frequency_score .* first 'good'"),
        (lambda table: rfm_scores(_summary(), n_bins=9), "five bins"),
    ],
)
def test_what_is_no_score_is_refused(every_cell, change, message):
    with pytest.raises(ValueError, match=message):
        named_segments(change(every_cell))


def test_no_table_is_said():
    with pytest.raises(ValueError, match="must be a DataFrame with recency_score, not str"):
        named_segments("555")


def _summary():
    days = np.arange(1.0, 31)
    return pd.DataFrame({"days_since_last_purchase": days, "frequency": days, "total_spend": days})


def test_scores_of_three_bins_find_no_champions_and_are_refused():
    summary = pd.DataFrame({"days_since_last_purchase": np.arange(1.0, 31), "frequency": np.arange(30.0),
                            "total_spend": np.arange(30.0)})  # fmt: skip
    assert len(named_segments(rfm_scores(summary))) == 30
    with pytest.raises(ValueError, match="of 30 rows have 3 bins and the grid has 5"):
        named_segments(rfm_scores(summary, n_bins=3))
