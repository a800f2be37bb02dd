"""Customers and items as points: the dot-product model in Keras, with a loss that has a minimum.

TensorFlow is imported by ``fit`` and by nothing else; what is learnt is kept as NumPy arrays.
"""

from contextlib import contextmanager

import numpy as np
import pandas as pd

from clvlib.matching.interactions import Interactions, encode
from clvlib.matching.lists import Recommender
from clvlib.metrics.ranking import ranking_table

__all__ = ["DotProductEmbedding"]


class DotProductEmbedding(Recommender):
    """How near is the item to the customer, in a space learnt from who bought what?

    The score of customer u and item i is p_u . q_i + b_i, and for ratings mu + p_u . q_i + b_u + b_i (Koren, Bell &
    Volinsky 2009, eq. 4). What is minimised follows from the table:

    * ``rating``: the mean squared error over the *observed* ratings; a linear output can reach any of them;
    * otherwise: Bayesian personalised ranking (Rendle et al. 2009), the mean of -ln sigmoid(s_ui - s_uj) with u, i a
      pair of the table and j an item drawn at random anew for every pair and epoch from those u has not got.

    Both losses are bounded below by 0. ``quantity`` is not used: a pair is met or not.

    Parameters
    ----------
    n_factors : dimensions of the space.
    n_epochs : passes over the table; the most of them, where ``validation`` may stop earlier.
    batch_size, learning_rate : of Adam.
    l2 : weight of the squared length of the vectors in a batch (not of the biases).
    patience : stop after so many epochs without an improvement on ``validation``.
    random_state : draws initial vectors, order and negatives. Nothing global is seeded; on one machine the same
        state gives the same lists.

    Attributes: ``history_`` (one row an epoch: ``loss``, and ``validation`` where given), ``n_epochs_`` (the epoch
    whose vectors are kept), ``customer_vectors_`` (customers, n_factors), ``item_vectors_`` (items, n_factors),
    ``customer_bias_`` (0 for purchases: it cannot change an order), ``item_bias_``, ``mean_``.

    Examples
    --------
    >>> bought = pd.DataFrame({"customer_id": ["a", "a", "b", "b", "c"], "item_id": ["x", "y", "x", "y", "x"]})
    >>> model = DotProductEmbedding(n_factors=2, n_epochs=50, random_state=0).fit(bought)
    >>> model.recommend(["c"], n=1)["item_id"].item()
    'y'
    """

    def __init__(
        self,
        *,
        n_factors: int = 32,
        n_epochs: int = 20,
        batch_size: int = 4096,
        learning_rate: float = 0.01,
        l2: float = 1e-2,
        patience: int = 3,
        random_state: int = 0,
    ):
        self.n_factors = n_factors
        self.n_epochs = n_epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.l2 = l2
        self.patience = patience
        self.random_state = random_state

    def fit(self, interactions: pd.DataFrame, *, validation: pd.DataFrame | None = None) -> "DotProductEmbedding":
        """Learn from ``interactions``; with ``validation``, keep the epoch that does best on it.

        validation: a table of the same kind from a *later* period than ``interactions`` and an earlier one than the
        holdout. Judged by root mean squared error for ratings, else by NDCG@10 of the items new to the customer.
        ValueError: what ``encode`` refuses, or a customer-item pair left to draw: a single item.
        """
        import tensorflow as tf

        data = encode(interactions)
        if not data.explicit and len(data.items) < 2:
            raise ValueError("With a single item there is nothing to rank; the table needs at least two item_id.")
        self._remember(data)
        self.mean_ = float(data.values.data.mean()) if data.explicit else 0.0
        self.customer_bias_ = np.zeros(len(data.customers))
        rng = np.random.default_rng(self.random_state)
        model, learnt = self._build(data)
        judge = None if validation is None else self._judge(validation)
        rows, best, kept = [], np.inf, {}
        for epoch in range(1, self.n_epochs + 1):
            # Whole batches are the elements: Keras then takes them as they are instead of gathering rows.
            epoch_data = tf.data.Dataset.from_tensor_slices(_batches(data, self.mean_, self.batch_size, rng))
            with _without_retracing_advice(tf):
                history = model.fit(epoch_data, epochs=1, shuffle=False, verbose=0).history
            row = {"epoch": epoch, "loss": history["loss"][0]}
            for name, layer in learnt.items():
                weights = layer.get_weights()[0].astype(float)
                setattr(self, name, weights[:, 0] if name.endswith("bias_") else weights)
            if judge is not None:
                row["validation"] = judge()
                badness = row["validation"] if data.explicit else -row["validation"]
                if badness < best:
                    best, self.n_epochs_ = badness, epoch
                    kept = {name: getattr(self, name) for name in learnt}
            rows.append(row)
            if judge is not None and epoch - self.n_epochs_ >= self.patience:
                break
        self.history_ = pd.DataFrame(rows).set_index("epoch")
        if judge is None:
            self.n_epochs_ = self.n_epochs
        for name, weights in kept.items():
            setattr(self, name, weights)
        return self

    def _judge(self, validation: pd.DataFrame):
        """A function without arguments that says how good the present vectors are on ``validation``."""
        if self.interactions_.explicit:
            return lambda: float(np.sqrt(np.mean((self.predict(validation) - validation["rating"]) ** 2)))
        fitted = self.interactions_
        pairs = validation[["customer_id", "item_id"]].drop_duplicates()
        customer = fitted.customers.get_indexer(pairs["customer_id"])
        item = fitted.items.get_indexer(pairs["item_id"])
        known = (customer >= 0) & (item >= 0)
        new = known.copy()
        new[known] = fitted.known[customer[known], item[known]] == 0
        relevant = pairs[new]
        asked = relevant["customer_id"].unique()
        return lambda: float(ranking_table(self.recommend(asked, n=10), relevant, n=10)["ndcg"].mean())

    def predict(self, pairs: pd.DataFrame) -> pd.Series:
        """Ratings for pairs of ``customer_id``, ``item_id``: a Series ``rating`` on their index, never NaN.

        Who or what was not fitted has no vector and no bias: the other side's bias on the mean of all ratings is left.
        ValueError if the fitted table had no ratings.
        """
        if not self.interactions_.explicit:
            raise ValueError("predict needs a table with ratings; for purchases call recommend.")
        customer = self.interactions_.customers.get_indexer(pairs["customer_id"])
        item = self.items_.get_indexer(pairs["item_id"])
        here, there = customer >= 0, item >= 0
        bias = np.where(here, self.customer_bias_[customer], 0) + np.where(there, self.item_bias_[item], 0)
        product = np.einsum("ij,ij->i", self.customer_vectors_[customer], self.item_vectors_[item])
        rating = self.mean_ + bias + np.where(here & there, product, 0)
        return pd.Series(rating, index=pairs.index, name="rating")

    def _build(self, data: Interactions):
        """The Keras model and the layers that hold what it learns.

        Every layer is named: Keras numbers nameless ones through the session, TensorFlow orders its sums by name,
        and the second model of a session would differ from the first in the last digits.
        """
        from keras import Input, Model, initializers, layers, losses, optimizers, regularizers

        def embedding(name, size, width, seed, spread, l2):
            start = initializers.RandomNormal(stddev=spread, seed=4 * self.random_state + seed)
            # On the vectors of the batch, so that a customer is pulled to 0 as often as she is met.
            pull = regularizers.L2(l2) if l2 else None
            return layers.Embedding(size, width, embeddings_initializer=start, activity_regularizer=pull, name=name)

        n_customers, n_items = len(data.customers), len(data.items)
        customers = embedding("customers", n_customers, self.n_factors, 0, 0.1, self.l2)
        items = embedding("items", n_items, self.n_factors, 1, 0.1, self.l2)
        item_bias = embedding("item_bias", n_items, 1, 2, 0.0, 0)
        learnt = {"customer_vectors_": customers, "item_vectors_": items, "item_bias_": item_bias}

        def score(name, customer, item):
            product = layers.Dot(axes=-1, name=f"{name}_product")([customers(customer), items(item)])
            return layers.Add(name=f"{name}_score")([product, item_bias(item)])

        customer, item = Input((), dtype="int32", name="customer"), Input((), dtype="int32", name="item")
        if data.explicit:
            learnt["customer_bias_"] = customer_bias = embedding("customer_bias", n_customers, 1, 3, 0.0, 0)
            inputs = [customer, item]
            output = layers.Add(name="rating")([score("item", customer, item), customer_bias(customer)])
            loss = losses.MeanSquaredError()
        else:
            other = Input((), dtype="int32", name="other")
            inputs = [customer, item, other]
            output = layers.Subtract(name="lead")([score("item", customer, item), score("other", customer, other)])
            # The target is always 1, "the pair before the other": cross-entropy is then -ln sigmoid(lead).
            loss = losses.BinaryCrossentropy(from_logits=True)
        model = Model(inputs, output, name="dot_product")
        # XLA compiles longer than these tables train; steps are bundled, since a step costs less than its call.
        model.compile(optimizers.Adam(self.learning_rate), loss, steps_per_execution=32, jit_compile=False)
        return model, learnt

    def _scores(self, customers: np.ndarray, items: np.ndarray) -> np.ndarray:
        scores = self.customer_vectors_[customers] @ self.item_vectors_[items].T + self.item_bias_[items]
        return scores + self.mean_ + self.customer_bias_[customers, None]


@contextmanager
def _without_retracing_advice(tf):
    """TensorFlow takes the fifth model of a session for a loop that compiles anew each time, and warns; it is none."""
    logger = tf.get_logger()
    level = logger.level
    logger.setLevel("ERROR")
    try:
        yield
    finally:
        logger.setLevel(level)


def _batches(data: Interactions, mean: float, batch_size: int, rng: np.random.Generator):
    """One epoch in a new order: the columns and the target, each of shape (steps, batch)."""
    pairs = data.values.tocoo()
    size = min(batch_size, pairs.nnz)
    # What does not fill a batch waits for the next epoch's order.
    order = rng.permutation(pairs.nnz)[: pairs.nnz // size * size].reshape(-1, size)
    customer, item = pairs.row[order].astype(np.int32), pairs.col[order].astype(np.int32)
    if data.explicit:
        return (customer, item), (pairs.data[order] - mean).astype(np.float32)[..., None]
    return (customer, item, _negatives(data, customer, rng)), np.ones((*order.shape, 1), dtype=np.float32)


def _negatives(data: Interactions, customer: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """An item drawn evenly from those each customer has not got (ten tries; who has nearly all may get one of hers)."""
    n_items = len(data.items)
    values = data.values
    owned = np.repeat(np.arange(values.shape[0]), np.diff(values.indptr)) * n_items + values.indices
    drawn = rng.integers(n_items, size=customer.shape)
    for _ in range(10):
        key = customer.astype(np.int64) * n_items + drawn
        taken = owned[np.minimum(np.searchsorted(owned, key), len(owned) - 1)] == key
        if not taken.any():
            break
        drawn[taken] = rng.integers(n_items, size=int(taken.sum()))
    return drawn.astype(np.int32)
