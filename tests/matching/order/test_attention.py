"""What only the attention has; what it shares with the recurrent network is tested in test_recurrent.py."""

import numpy as np
import pytest

from clvlib.matching import SelfAttentionRecommender, planted_order
from clvlib.matching.order._next_basket import _Windows
from clvlib.matching.order.sequences import encode_events


@pytest.fixture(scope="module")
def past():
    return planted_order(n_customers=30, n_items=10, n_steps=8, random_state=2).past


def test_blocks_and_heads_need_not_divide_the_factors(past):
    model = SelfAttentionRecommender(n_factors=7, n_blocks=2, n_heads=3, n_epochs=1).fit(past)
    assert model.customer_vectors_.shape == (30, 7)
    assert np.isfinite(model.customer_vectors_).all()
    with pytest.raises(ValueError, match="n_heads must be a number of at least 1"):
        SelfAttentionRecommender(n_heads=0).fit(past)


def test_the_place_of_a_basket_matters_and_not_only_what_is_in_it(past):
    sequences = encode_events(past)[1]
    windows = _Windows(sequences, sequences, 10, 7, np.random.default_rng(0))
    encoder = SelfAttentionRecommender(n_factors=8)._build(windows)[1]
    same = np.tile(np.random.default_rng(0).normal(size=8), (1, 3, 1)).astype(np.float32)
    states = encoder(same).numpy()[0]
    # three equal baskets: without places all states would be equal too (Kang & McAuley 2018, section III.A)
    assert np.abs(np.diff(states, axis=0)).min(axis=1).max() > 1e-4


def test_a_history_longer_than_any_learnt_from_uses_no_place_that_learnt_nothing(past):
    model = SelfAttentionRecommender(n_factors=8, n_epochs=1, max_length=50).fit(past)
    assert model._length == 7  # of eight baskets seven are read and the last is only foretold
