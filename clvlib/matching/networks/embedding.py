"""Customers and items as points: the dot-product model in Keras, with a loss that has a minimum.

TensorFlow is imported by ``fit`` and by nothing else; what is learnt is kept as NumPy arrays.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from clvlib.matching.interactions import Interactions, encode
from clvlib.matching.lists import Recommender
from clvlib.matching.networks.judge import ranking_judge
from clvlib.neural import check_options, layer_seed, stacked_batches, train

__all__ = ["DotProductEmbedding"]


class DotProductEmbedding(Recommender):
    """How near is the item to the customer, in a space learnt from who bought what?

    The score of customer u and item i is p_u . q_i + b_i, and for ratings mu + p_u . q_i + b_u + b_i (Koren, Bell &
    Volinsky 2009, eq. 4). What is minimised follows from the table:

    * ``rating``: the mean squared error over the *observed* ratings; a linear output can reach any of them;
    * otherwise a ranking loss. ``loss="bpr"``, Bayesian personalised ranking: each pair u, i of the table against
      ``n_negatives`` items j drawn evenly, anew for every epoch, from those u has not got, the mean of
      -ln sigmoid(s_ui - s_uj) (Rendle et al. 2009). ``loss="softmax"``: each pair against all items at once, the mean
      of -ln(exp s_ui / sum over j of exp s_uj); it begins at the bestsellers' list and costs customers times items an
      epoch, however many pairs there are.

    All are bounded below by 0. ``quantity`` is not used: a pair is met or not.

    Parameters
    ----------
    n_factors : dimensions of the space.
    loss, n_negatives : see above; for ratings neither is used, and ``"softmax"`` draws nothing.
    n_epochs : passes over the table; the most of them, where ``validation`` may stop earlier.
    batch_size, learning_rate : of Adam; ``"softmax"`` takes as many customers as have so many pairs between them.
    l2 : weight of the mean squared length of a batch's vectors (not of the biases).
    patience : stop after so many epochs without an improvement on ``validation``.
    random_state : draws initial vectors, order and negatives. Nothing global is seeded; on one machine the same
        state gives the same lists.
    tensorboard_dir : a folder for the losses by epoch, as TensorBoard reads them; None writes nothing.

    Attributes: ``history_`` (one row an epoch: ``loss``, and ``validation`` where given: NDCG@10, or for ratings the
    root mean squared error), ``n_epochs_`` (the epoch whose vectors are kept), ``customer_vectors_`` (customers,
    n_factors), ``item_vectors_`` (items, n_factors), ``customer_bias_`` (0 for purchases: it cannot change an order),
    ``item_bias_``, ``mean_``.

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
        loss: str = "bpr",
        n_negatives: int = 1,
        n_epochs: int = 20,
        batch_size: int = 4096,
        learning_rate: float = 0.01,
        l2: float = 1e-2,
        patience: int = 3,
        random_state: int = 0,
        tensorboard_dir: str | Path | None = None,
    ):
        self.n_factors = n_factors
        self.loss = loss
        self.n_negatives = n_negatives
        self.n_epochs = n_epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.l2 = l2
        self.patience = patience
        self.random_state = random_state
        self.tensorboard_dir = tensorboard_dir

    def fit(self, interactions: pd.DataFrame, *, validation: pd.DataFrame | None = None) -> "DotProductEmbedding":
        """Learn from ``interactions``; with ``validation``, keep the epoch that does best on it.

        validation: a table of the same kind from a *later* period than ``interactions`` and an earlier one than the
        holdout. Judged by root mean squared error for ratings, else by NDCG@10 of the items new to the customer.
        ValueError: what ``encode`` refuses, an option out of its range, a single item (nothing to rank), a validation
        without a pair to judge by.
        """
        if self.loss not in _LOSSES:
            raise ValueError(f"loss must be one of {', '.join(_LOSSES)}, not {self.loss!r}.")
        check_options(self, n_factors=1, n_negatives=1, n_epochs=1, batch_size=1, patience=1, l2=0.0, random_state=0)
        check_options(self, learning_rate=1e-12)
        data = encode(interactions)
        if not data.explicit and len(data.items) < 2:
            raise ValueError("With a single item there is nothing to rank; the table needs at least two item_id.")
        self._remember(data)
        self.mean_ = float(data.values.data.mean()) if data.explicit else 0.0
        self.customer_bias_ = np.zeros(len(data.customers))
        judge = None if validation is None else self._judge(validation)
        rng = np.random.default_rng(self.random_state)
        model, learnt = self._build(data)

        def take() -> None:
            for name, layer in learnt.items():
                weights = layer.get_weights()[0].astype(float)
                setattr(self, name, weights[:, 0] if name.endswith("bias_") else weights)

        self.history_, self.n_epochs_ = train(
            model,
            self._loss(model, data),
            lambda: self._epoch(data, rng),
            learning_rate=self.learning_rate,
            n_epochs=self.n_epochs,
            patience=self.patience,
            judge=judge,
            after_epoch=take,
            tensorboard_dir=self.tensorboard_dir,
        )
        if data.explicit and judge is not None:
            self.history_["validation"] *= -1.0  # an error again
        return self

    def _judge(self, validation: pd.DataFrame) -> Callable[[], float]:
        """A function without arguments that judges the present vectors on ``validation``, higher is better."""
        if not self.interactions_.explicit:
            return ranking_judge(self, validation, random_state=self.random_state)
        encode(validation)  # the same checks, for a table with the same columns
        if "rating" not in validation.columns:
            raise ValueError("validation needs a column rating, as the table to learn from has one.")
        return lambda: -float(np.sqrt(np.mean((self.predict(validation) - validation["rating"]) ** 2)))

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
        """The Keras model, ids of customers (b,) and items (c,) to what is learnt of them, and the layers it is in."""
        from keras import Input, Model, initializers, layers

        def embedding(name, size, width, number, spread):
            start = initializers.RandomNormal(stddev=spread, seed=layer_seed(self.random_state, number))
            return layers.Embedding(size, width, embeddings_initializer=start, name=name)

        n_customers, n_items = len(data.customers), len(data.items)
        learnt = {
            "customer_vectors_": embedding("customers", n_customers, self.n_factors, 0, 0.1),
            "item_vectors_": embedding("items", n_items, self.n_factors, 1, 0.1),
            "item_bias_": embedding("item_bias", n_items, 1, 2, 0.0),
        }
        if data.explicit:
            learnt["customer_bias_"] = embedding("customer_bias", n_customers, 1, 3, 0.0)
        customer, item = Input((), dtype="int32", name="customer"), Input((), dtype="int32", name="item")
        if self.loss == "softmax" and not data.explicit:
            # Scores begin at the bestsellers' list, where training would otherwise spend its first epochs going.
            learnt["item_bias_"].build()
            learnt["item_bias_"].set_weights([np.log(data.buyers / data.buyers.sum())[:, None]])
        asked = [layer(customer if name.startswith("customer") else item) for name, layer in learnt.items()]
        return Model([customer, item], asked, name="dot_product"), learnt

    def _loss(self, model, data: Interactions) -> Callable:
        """One batch, as :meth:`_epoch` gives it, to its mean loss."""
        from keras import ops

        items, bias = model.get_layer("items"), model.get_layer("item_bias")

        def one_by_one(batch):
            customer, item, third = batch
            p, q, b, *rest = model([customer, item], training=True)
            # On the vectors of the batch, so that a customer is pulled to 0 as often as she is met.
            pull = self.l2 * ops.mean(ops.sum(p * p, axis=-1) + ops.sum(q * q, axis=-1))
            score = ops.sum(p * q, axis=-1) + b[:, 0]
            if data.explicit:
                return ops.mean((score + rest[0][:, 0] - third) ** 2) + pull
            r = items(third)
            pull += self.l2 * ops.mean(ops.sum(r * r, axis=-1))
            other = ops.einsum("bd,bnd->bn", p, r) + bias(third)[..., 0]
            return ops.mean(ops.softplus(other - score[:, None])) + pull

        def against_all(batch):
            customer, bought = batch
            p, *_ = model([customer, customer * 0], training=True)
            q, b = items.embeddings, bias.embeddings[:, 0]
            each, all_of_them = ops.sum(bought, axis=1), ops.sum(bought)
            error = -ops.sum(bought * ops.log_softmax(ops.matmul(p, ops.transpose(q)) + b, axis=-1))
            length = ops.sum(each * ops.sum(p * p, axis=-1)) + ops.sum(ops.matmul(bought, q * q))
            return (error + self.l2 * length) / all_of_them

        return against_all if self.loss == "softmax" and not data.explicit else one_by_one

    def _epoch(self, data: Interactions, rng: np.random.Generator) -> Iterator[tuple[np.ndarray, ...]]:
        """Customers (steps, batch), then what the loss needs of their items, see :meth:`_loss`."""
        if self.loss == "softmax" and not data.explicit:
            known = data.known.astype(np.float32)
            n, n_items = known.shape
            size = max(1, round(self.batch_size * n / known.nnz))
            rows = [np.arange(n, dtype=np.int32)]
            for (customer,) in stacked_batches(rng, rows, batch_size=size, steps=max(1, _NUMBERS // (size * n_items))):
                yield customer, known[customer.ravel()].toarray().reshape(*customer.shape, n_items)
            return
        pairs = data.values.tocoo()
        columns = [pairs.row.astype(np.int32), pairs.col.astype(np.int32)]
        if data.explicit:
            columns.append((pairs.data - self.mean_).astype(np.float32))
        steps = max(1, _NUMBERS // (self.batch_size * self.n_negatives))
        for customer, item, *rating in stacked_batches(rng, columns, batch_size=self.batch_size, steps=steps):
            repeated = np.repeat(customer[..., None], self.n_negatives, axis=-1)
            yield customer, item, rating[0] if data.explicit else _negatives(data, repeated, rng)

    def _scores(self, customers: np.ndarray, items: np.ndarray) -> np.ndarray:
        scores = self.customer_vectors_[customers] @ self.item_vectors_[items].T + self.item_bias_[items]
        return scores + self.mean_ + self.customer_bias_[customers, None]


_LOSSES = ("bpr", "softmax")

#: Numbers handed to TensorFlow at a time, 40 MB: an epoch of a large table comes in parts.
_NUMBERS = 10_000_000


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
