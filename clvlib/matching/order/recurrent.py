"""A recurrent model of the next basket: one state a customer, moved on by each basket."""

import pandas as pd

from clvlib.matching.order._next_basket import NextBasketNetwork
from clvlib.neural import layer_seed

__all__ = ["GRURecommender"]


class GRURecommender(NextBasketNetwork):
    """What comes next, if each basket moves a memory of the baskets before?

    A gated recurrent unit (Cho et al. 2014) over baskets, as GRU4Rec (Hidasi et al. 2016) over clicks: h_t is a blend
    of h_(t-1) and a candidate made from x_t and h_(t-1), and the blend's gate is learnt. Score, loss and baskets are
    those of the module's base: s_ti = h_t . q_i + b_i, x_t the mean of the basket's q_i, cross-entropy of the next
    basket's items. Where every timestamp has one item, it is a next-item model.

    Parameters
    ----------
    n_factors : dimensions of item vectors and state.
    max_length : baskets that are remembered; of a longer history a stretch drawn anew for each epoch is learnt from,
        and the last so many make the lists.
    n_negatives : items drawn for a batch to estimate the sum of the softmax.
    n_epochs : passes over the customers; the most of them, where ``validation`` may stop earlier.
    batch_size : customers in a batch. learning_rate : of Adam.
    dropout : share of the basket vectors' entries set to 0 while learning.
    new_items_only : learn, and judge, only what the customer buys for the first time: for lists with ``exclude_seen``.
    patience : stop after so many epochs without an improvement on ``validation``.
    random_state : draws initial vectors, stretches and negatives. Nothing global is seeded; on one machine the same
        state gives the same lists.
    tensorboard_dir : a folder for the learning curve, where TensorBoard is to show it.

    Attributes: ``history_`` (one row an epoch: ``loss``, and ``validation`` where given), ``n_epochs_`` (the epoch
    that is kept), ``customer_vectors_`` (customers, n_factors), the states after the last basket, ``item_vectors_``
    (items, n_factors), ``item_bias_``.

    Examples
    --------
    >>> day = pd.to_datetime(["2024-01-01", "2024-01-02", "2024-01-01", "2024-01-02", "2024-01-01"])
    >>> events = pd.DataFrame({"customer_id": ["a", "a", "b", "b", "c"], "timestamp": day,
    ...                        "item_id": ["tent", "stove", "tent", "stove", "tent"]})
    >>> model = GRURecommender(n_factors=4, n_epochs=30, learning_rate=0.05).fit(events)
    >>> model.recommend(["c"], n=1)["item_id"].item()
    'stove'
    """

    def fit(self, events: pd.DataFrame, validation: pd.DataFrame | None = None) -> "GRURecommender":
        """As :meth:`NextBasketNetwork.fit`."""
        return super().fit(events, validation)

    fit.__doc__ = NextBasketNetwork.fit.__doc__

    def _encoder(self, baskets):
        from keras import initializers, layers

        return layers.GRU(
            self.n_factors,
            return_sequences=True,
            kernel_initializer=initializers.GlorotUniform(seed=layer_seed(self.random_state, 2)),
            recurrent_initializer=initializers.Orthogonal(seed=layer_seed(self.random_state, 3)),
            seed=layer_seed(self.random_state, 4),
            name="gru",
        )(baskets)
