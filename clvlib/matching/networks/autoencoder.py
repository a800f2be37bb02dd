"""A network that is shown a customer's purchases with gaps and learns to name the rest: the denoising autoencoder.

TensorFlow is imported by ``fit`` and by nothing else; what is learnt is kept as NumPy arrays.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse

from clvlib.matching.interactions import encode, with_data
from clvlib.matching.lists import Recommender
from clvlib.matching.networks.judge import ranking_judge
from clvlib.neural import check_options, layer_seed, train

__all__ = ["Autoencoder"]

#: Cells of dense rows handed to TensorFlow at a time: 40 MB of float32, however many items there are.
_CELLS = 10_000_000


class Autoencoder(Recommender):
    """Which items complete this customer's purchases? Mult-DAE of Liang, Krishnan, Hoffman & Jebara (2018), small.

    A customer is her row x of 0 and 1 over the items, divided by its length. Each entry is dropped with the chance
    ``dropout``; what is left goes through one hidden layer, z = tanh(W x + a), to one score for each item, f = V z + b.
    The loss of a customer is the multinomial one, their eq. 2 with the *whole* row as target:

        - sum over i of x_i ln softmax(f)_i, divided by the number of her items,

    so that all items compete for one unit of probability, which is what a list of few places asks for. (They divide by
    nothing; dividing makes the customer with one item count as much as the one with a thousand, and the learning rate
    does not depend on how long the rows are.) A customer has no parameters of her own: her list follows from her row.
    ``quantity`` is not used: a pair is met or not.

    Parameters
    ----------
    n_factors : units of the hidden layer.
    dropout : chance that a purchase is hidden while training, in [0, 1).
    n_epochs, patience : passes over the customers, the most of them where ``validation`` may stop earlier; stop after
        so many epochs without an improvement.
    batch_size, learning_rate : customers a step, and Adam's.
    l2 : weight of the mean squared weight of the two matrices, times the number of hidden units.
    random_state : draws first weights, order and what is hidden. Nothing global is seeded; on one machine the same
        state gives the same lists.
    tensorboard_dir : a folder for the losses by epoch, as TensorBoard reads them; None writes nothing.

    Attributes: ``history_`` (a row an epoch: ``loss``, and ``validation``, NDCG@10, where given), ``n_epochs_`` (the
    epoch that is kept), ``encoder_`` (items, n_factors) and ``encoder_bias_``, ``decoder_`` (n_factors, items) and
    ``decoder_bias_``. Memory: six times the two matrices while it trains, and 40 MB of rows.

    Examples
    --------
    >>> bought = pd.DataFrame({"customer_id": list("aabbccdde"), "item_id": list("xyxyuvuvx")})
    >>> model = Autoencoder(n_factors=4, n_epochs=60, learning_rate=0.05, random_state=0).fit(bought)
    >>> model.recommend(["e"], n=1)["item_id"].item()
    'y'
    """

    def __init__(
        self,
        *,
        n_factors: int = 64,
        dropout: float = 0.5,
        n_epochs: int = 30,
        batch_size: int = 128,
        learning_rate: float = 0.003,
        l2: float = 0.0,
        patience: int = 3,
        random_state: int = 0,
        tensorboard_dir: str | Path | None = None,
    ):
        self.n_factors = n_factors
        self.dropout = dropout
        self.n_epochs = n_epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.l2 = l2
        self.patience = patience
        self.random_state = random_state
        self.tensorboard_dir = tensorboard_dir

    def fit(self, interactions: pd.DataFrame, *, validation: pd.DataFrame | None = None) -> "Autoencoder":
        """Learn from purchases; with ``validation``, keep the epoch whose lists do best on it.

        validation: purchases of a *later* period than ``interactions`` and an earlier one than the holdout, judged by
        NDCG@10 of the items new to the customer.
        ValueError: what ``encode`` refuses, ratings, an option out of its range, a single item, a validation without a
        pair to judge by.
        """
        check_options(self, n_factors=1, n_epochs=1, batch_size=1, patience=1, l2=0.0, random_state=0)
        check_options(self, learning_rate=1e-12, dropout=0.0)
        if self.dropout >= 1:
            raise ValueError(f"dropout must be below 1, not {self.dropout}: nothing would be left to learn from.")
        data = encode(interactions)
        if data.explicit:
            raise ValueError(
                "An autoencoder learns from purchases; keep the rows whose rating counts as liking, without the column."
            )
        if len(data.items) < 2:
            raise ValueError("With a single item there is nothing to rank; the table needs at least two item_id.")
        self._remember(data)
        known = data.known.astype(np.float32)
        counts = np.diff(known.indptr).astype(np.float32)
        self._rows = with_data(known, np.repeat(1 / np.sqrt(counts), np.diff(known.indptr)))
        judge = None if validation is None else ranking_judge(self, validation, random_state=self.random_state)
        rng = np.random.default_rng(self.random_state)
        model = self._build(len(data.items))

        def take() -> None:
            encoder, decoder = (model.get_layer(name).get_weights() for name in ("encoder", "decoder"))
            self.encoder_, self.encoder_bias_ = encoder
            self.decoder_, self.decoder_bias_ = decoder

        self.history_, self.n_epochs_ = train(
            model,
            self._loss(model),
            lambda: self._epoch(rng),
            learning_rate=self.learning_rate,
            n_epochs=self.n_epochs,
            patience=self.patience,
            judge=judge,
            after_epoch=take,
            tensorboard_dir=self.tensorboard_dir,
        )
        return self

    def _build(self, n_items: int):
        from keras import Input, Sequential, initializers, layers

        def dense(name: str, units: int, number: int, activation: str | None):
            start = initializers.GlorotUniform(seed=layer_seed(self.random_state, number))
            return layers.Dense(units, activation=activation, kernel_initializer=start, name=name)

        hidden = layers.Dropout(self.dropout, seed=layer_seed(self.random_state, 0), name="hidden_purchases")
        stack = [hidden, dense("encoder", self.n_factors, 1, "tanh"), dense("decoder", n_items, 2, None)]
        model = Sequential([Input((n_items,), name="purchases"), *stack], name="autoencoder")
        # The scores begin at the bestsellers' list, where training would otherwise spend its first epochs going.
        popular = np.log(self._rows.sum(axis=0) / self._rows.sum())
        stack[-1].set_weights([stack[-1].get_weights()[0], popular])
        return model

    def _loss(self, model):
        """One batch of rows, shape (b, items), to its mean loss."""
        from keras import ops

        kernels = [model.get_layer(name).kernel for name in ("encoder", "decoder")]

        def loss(batch):
            (x,) = batch
            share = x / ops.sum(x, axis=-1, keepdims=True)
            error = -ops.mean(ops.sum(share * ops.log_softmax(model(x, training=True), axis=-1), axis=-1))
            return error + self.l2 * self.n_factors * sum(ops.mean(kernel * kernel) for kernel in kernels)

        return loss

    def _epoch(self, rng: np.random.Generator) -> Iterator[tuple[np.ndarray]]:
        """The rows in a new order, dense only a part at a time; what does not fill a batch waits for the next order."""
        n, n_items = self._rows.shape
        size = min(self.batch_size, n)
        order = rng.permutation(n)[: n // size * size].reshape(-1, size)
        steps = max(1, _CELLS // (size * n_items))
        for start in range(0, len(order), steps):
            rows = order[start : start + steps]
            yield (self._rows[rows.ravel()].toarray().reshape(*rows.shape, n_items),)

    def _scores(self, customers: np.ndarray, items: np.ndarray) -> np.ndarray:
        rows: sparse.csr_array = self._rows[customers]
        hidden = np.tanh(rows @ self.encoder_ + self.encoder_bias_)
        return (hidden @ self.decoder_[:, items] + self.decoder_bias_[items]).astype(float)
