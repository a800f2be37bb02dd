"""The leaky split deals everything, nothing twice, and holds pairs together where asked to."""

import numpy as np
import pandas as pd
import pytest

from clvlib.split import random_split


@pytest.fixture
def lines():
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"customer_id": rng.choice([*"abcd"], 300), "item_id": rng.choice([*"uvwxyz"], 300)})
    return table.assign(number=np.arange(300))


@pytest.mark.parametrize("whole_pairs", [True, False])
def test_every_line_is_dealt_to_one_side(lines, whole_pairs):
    split = random_split(lines, holdout_share=0.25, random_state=0, whole_pairs=whole_pairs)
    assert sorted([*split.calibration["number"], *split.holdout["number"]]) == list(range(300))
    assert pd.isna(split.calibration_end)


def test_whole_pairs_are_on_one_side_and_lines_are_not(lines):
    pair = ["customer_id", "item_id"]
    split = random_split(lines, holdout_share=0.25, random_state=0)
    assert split.calibration[pair].drop_duplicates().merge(split.holdout[pair].drop_duplicates(), on=pair).empty
    assert len(split.holdout[pair].drop_duplicates()) == 6  # of 24
    alone = random_split(lines, holdout_share=0.25, random_state=0, whole_pairs=False)
    assert len(alone.holdout) == 75
    assert len(alone.calibration[pair].drop_duplicates().merge(alone.holdout[pair].drop_duplicates(), on=pair)) > 6


def test_the_draw_of_pairs_hangs_on_the_seed_and_not_on_the_order_of_lines(lines):
    held = random_split(lines, holdout_share=0.5, random_state=0).holdout["number"]
    shuffled = lines.sample(frac=1, random_state=3)
    assert sorted(held) == sorted(random_split(shuffled, holdout_share=0.5, random_state=0).holdout["number"])
    assert sorted(held) != sorted(random_split(lines, holdout_share=0.5, random_state=1).holdout["number"])


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1, float("nan")])
def test_a_share_that_is_none_is_refused(lines, share):
    with pytest.raises(ValueError, match="share between 0 and 1"):
        random_split(lines, holdout_share=share, random_state=0)


def test_a_log_too_small_to_deal_is_refused(lines):
    with pytest.raises(ValueError, match="of 1 pairs of customer and item leaves one side empty"):
        random_split(lines.head(1), holdout_share=0.5, random_state=0)
    with pytest.raises(ValueError, match="of 0 lines"):
        random_split(lines.head(0), holdout_share=0.5, random_state=0, whole_pairs=False)
