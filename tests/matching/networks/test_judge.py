"""Lists are judged after each epoch on purchases that the model could have known to be asked for."""

import pandas as pd
import pytest

from clvlib.matching import Popularity
from clvlib.matching.networks.judge import ranking_judge


def test_the_judge_asks_for_what_is_new_and_known():
    past = pd.DataFrame({"customer_id": ["a", "a", "b", "b"], "item_id": ["x", "y", "x", "z"]})
    later = pd.DataFrame({"customer_id": ["a", "a", "new", "b"], "item_id": ["x", "z", "y", "unheard of"]})
    model = Popularity().fit(past)
    assert ranking_judge(model, later)() == 1.0  # only (a, z) counts, and a can be offered nothing else
    assert ranking_judge(model, later, exclude_seen=False)() < 1.0
    with pytest.raises(ValueError, match="new to the customer"):
        ranking_judge(model, past)
    with pytest.raises(ValueError, match="of a known customer"):
        ranking_judge(model, later[2:], exclude_seen=False)
