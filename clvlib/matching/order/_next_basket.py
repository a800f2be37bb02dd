"""What the two networks of order share: baskets in, the next basket out, padding where a causal model never looks."""

from abc import abstractmethod
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse

from clvlib.matching.lists import Recommender
from clvlib.matching.networks.judge import ranking_judge
from clvlib.matching.order.sequences import Sequences, encode_events
from clvlib.neural import check_options, layer_seed, stacked_batches, train

__all__ = ["NextBasketNetwork"]

#: Items of a basket that one epoch reads and foretells, at most, drawn anew for each epoch; lists are made from all.
_READ, _FORETOLD = 16, 8
#: Negatives are drawn by popularity to this power (Mikolov et al. 2013): what weighs most in the sum is there oftener.
_POWER = 0.75
#: Customers whose state is computed at once.
_BLOCK = 512


class NextBasketNetwork(Recommender):
    """From the baskets so far to a vector, from the vector to a score for each item. The subclasses say how.

    A basket is the mean of its items' vectors (Yu et al. 2016): its items have no order. ``_encoder`` turns the
    baskets x_1 ... x_t of a customer into states h_1 ... h_t, of which h_t sees nothing after x_t; the score of item i
    after t is s_ti = h_t . q_i + b_i, with the same q_i as in the baskets. What is minimised is the mean over the items
    i of the next baskets of -ln softmax(s_t)_i, the softmax's sum being estimated from ``n_negatives`` items drawn by
    popularity and weighted for it. b_i begins at the log of the item's share, so the model begins with bestsellers.
    """

    def __init__(
        self,
        *,
        n_factors: int = 32,
        max_length: int = 50,
        n_negatives: int = 512,
        n_epochs: int = 20,
        batch_size: int = 16,
        learning_rate: float = 0.005,
        dropout: float = 0.1,
        new_items_only: bool = False,
        patience: int = 3,
        random_state: int = 0,
        tensorboard_dir: str | Path | None = None,
    ):
        self.n_factors = n_factors
        self.max_length = max_length
        self.n_negatives = n_negatives
        self.n_epochs = n_epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.dropout = dropout
        self.new_items_only = new_items_only
        self.patience = patience
        self.random_state = random_state
        self.tensorboard_dir = tensorboard_dir

    def fit(self, events: pd.DataFrame, validation: pd.DataFrame | None = None):
        """Learn from ``events`` (customer_id, item_id, timestamp); with ``validation``, keep the best epoch.

        validation: ``customer_id``, ``item_id`` bought in a *later* period than ``events`` and an earlier one than the
        holdout, judged by NDCG@10: of all of it, or with ``new_items_only`` of what is new to the customer.
        ValueError: what ``encode_events`` refuses; a single item; nobody with two baskets; an option out of range.
        """
        self._check()
        data, sequences = encode_events(events)
        if len(data.items) < 2:
            raise ValueError("With a single item there is nothing to rank; the events need at least two item_id.")
        self._remember(data)
        targets = _only_new(sequences, len(data.items)) if self.new_items_only else sequences
        rng = np.random.default_rng(self.random_state)
        windows = _Windows(sequences, targets, len(data.items), self.max_length, rng)
        if not len(windows.customers):
            raise ValueError(
                f"None of the {len(data.customers)} customers has a basket to foretell, one after another; take a "
                "longer period, or a model without order."
            )
        #: Baskets that a list is made from: no more than were read while learning, or a place had learnt nothing.
        self._length = windows.length
        model, encoder = self._build(windows)
        means = _mean_rows(sequences, len(data.items))
        judge = None
        if validation is not None:
            judge = ranking_judge(self, validation, exclude_seen=self.new_items_only, random_state=self.random_state)

        def take() -> None:
            self.item_vectors_ = model.get_layer("items").get_weights()[0][:-1].astype(float)
            self.item_bias_ = model.get_layer("item_bias").get_weights()[0][:-1, 0].astype(float)
            self.customer_vectors_ = self._states(encoder, means @ self.item_vectors_, sequences)

        self.history_, self.n_epochs_ = train(
            model,
            _loss(model, windows, self.n_negatives),
            lambda: windows.epoch(self.batch_size, self.n_negatives),
            learning_rate=self.learning_rate,
            n_epochs=self.n_epochs,
            patience=self.patience,
            judge=judge,
            after_epoch=None if judge is None else take,
            tensorboard_dir=self.tensorboard_dir,
        )
        take()
        return self

    def _check(self) -> None:
        check_options(self, n_factors=1, max_length=1, n_negatives=1, n_epochs=1, batch_size=1, patience=1)
        check_options(self, dropout=0.0, learning_rate=0.0)
        if self.dropout >= 1:
            raise ValueError(f"dropout must be below 1, not {self.dropout}.")

    @abstractmethod
    def _encoder(self, baskets):
        """Keras layers from basket vectors to states, both of shape (customers, length, n_factors), causal."""

    def _build(self, windows: "_Windows"):
        """The model that is trained, and a function of it from basket vectors to states; all layers named."""
        import tensorflow as tf
        from keras import Input, Model, initializers, layers, ops

        start = initializers.RandomNormal(stddev=0.05, seed=layer_seed(self.random_state, 0))
        size = windows.n_items + 1  # the last row stands for "no item"
        items = layers.Embedding(size, self.n_factors, embeddings_initializer=start, name="items")
        bias = layers.Embedding(size, 1, name="item_bias")
        read, asked = Input((None, None), dtype="int32", name="read"), Input((), dtype="int32", name="asked")

        def mean(inputs):
            vectors, item = inputs
            present = ops.cast(item < windows.n_items, "float32")[..., None]
            return ops.sum(vectors * present, axis=-2) / ops.maximum(ops.sum(present, axis=-2), 1.0)

        basket = layers.Lambda(mean, name="basket")([items(read), read])
        vectors = Input((None, self.n_factors), name="vectors")
        thinned = layers.Dropout(self.dropout, seed=layer_seed(self.random_state, 1), name="thinned")(vectors)
        encoder = Model(vectors, self._encoder(thinned), name="encoder")
        model = Model([read, asked], [encoder(basket), items(asked), bias(asked)], name="next_basket")
        share = np.append(windows.counts + 1.0, 1.0)
        bias.set_weights([np.log(share / share.sum())[:, None]])
        # As one graph: step by step a recurrent layer costs more to call than to compute.
        shape = tf.TensorSpec([None, None, self.n_factors], tf.float32)
        look = tf.function(lambda x: encoder(x, training=False), input_signature=[shape], autograph=False)
        return model, look.get_concrete_function()

    def _states(self, encoder, baskets: np.ndarray, sequences: Sequences) -> np.ndarray:
        """The state after each customer's last basket, shape (customers, n_factors)."""
        import tensorflow as tf

        end = sequences.customer_start[1:]
        length = np.minimum(np.diff(sequences.customer_start), self._length)
        states = np.empty((len(end), self.n_factors))
        for start in range(0, len(end), _BLOCK):
            rows = slice(start, start + _BLOCK)
            n, step = length[rows], np.arange(length[rows].max())
            # Behind a customer's last basket stands her first again; no state looks there.
            place = np.where(step < n[:, None], end[rows, None] - n[:, None] + step, end[rows, None] - n[:, None])
            block = encoder(tf.constant(baskets[place], tf.float32)).numpy()
            states[rows] = block[np.arange(len(n)), n - 1]
        return states

    def _scores(self, customers: np.ndarray, items: np.ndarray) -> np.ndarray:
        return self.customer_vectors_[customers] @ self.item_vectors_[items].T + self.item_bias_[items]


class _Windows:
    """Training rows: for each customer a stretch of baskets to read, and behind each of them the next to foretell."""

    def __init__(
        self, sequences: Sequences, targets: Sequences, n_items: int, max_length: int, rng: np.random.Generator
    ):
        self.sequences = _mixed(sequences, rng)
        self.targets = self.sequences if targets is sequences else _mixed(targets, rng)
        self.n_items, self.rng = n_items, rng
        self.n_baskets = np.diff(sequences.customer_start)
        self.length = min(max_length, max(1, int(self.n_baskets.max()) - 1))
        size = np.diff(targets.basket_start)
        size[sequences.customer_start[:-1]] = 0  # nothing comes before a first basket, so it is not foretold
        foretold = np.add.reduceat(size, sequences.customer_start[:-1])
        #: Who has something to foretell; with a stretch drawn anew, not in each epoch.
        self.customers = np.flatnonzero(foretold > 0)
        self.counts = np.bincount(targets.items, minlength=n_items)
        weight = (self.counts + 1.0) ** _POWER
        #: The probability with which each item is drawn as a negative.
        self.chances = weight / weight.sum()

    def epoch(self, batch_size: int, n_negatives: int):
        """Stacked batches: items read (steps, batch, length, 16), foretold (…, 8), negatives (steps, n_negatives)."""
        n = np.minimum(self.n_baskets[self.customers] - 1, self.length)
        room = self.n_baskets[self.customers] - 1 - n
        first = self.sequences.customer_start[self.customers] + self.rng.integers(room + 1)
        step = np.arange(self.length)
        basket = np.where(step < n[:, None], first[:, None] + step, -1)
        read = self._draw(self.sequences, basket, _READ)
        foretold = self._draw(self.targets, np.where(basket >= 0, basket + 1, -1), _FORETOLD)
        for batch in stacked_batches(self.rng, [read, foretold], batch_size=batch_size):
            size = (len(batch[0]), n_negatives)
            yield *batch, self.rng.choice(self.n_items, size=size, p=self.chances).astype(np.int32)

    def _draw(self, sequences: Sequences, basket: np.ndarray, most: int) -> np.ndarray:
        """At most so many items of each basket, padded with ``n_items``; -1 is no basket.

        The items lie mixed, and a large basket is read from another place each time, round its end if need be.
        """
        start = sequences.basket_start
        size = np.diff(start)
        here = np.where(basket >= 0, size[basket], 0)[..., None]
        column = np.arange(min(most, max(1, int(size.max()))))
        turn = np.where(here > most, self.rng.integers(1 << 30, size=here.shape), 0)
        place = start[basket][..., None] + (turn + column) % np.maximum(here, 1)
        items = sequences.items[np.minimum(place, len(sequences.items) - 1)]
        return np.where(column < here, items, self.n_items).astype(np.int32)


def _mixed(sequences: Sequences, rng: np.random.Generator) -> Sequences:
    """The same baskets, the items of each in an order drawn at random."""
    basket = np.repeat(np.arange(len(sequences.basket_start) - 1), np.diff(sequences.basket_start))
    return sequences._replace(items=sequences.items[np.lexsort((rng.random(len(basket)), basket))])


def _only_new(sequences: Sequences, n_items: int) -> Sequences:
    """The same baskets with nothing left in them that the customer has bought before."""
    size = np.diff(sequences.basket_start)
    basket = np.repeat(np.arange(len(size)), size)
    customer = np.repeat(np.arange(len(sequences.customer_start) - 1), np.diff(sequences.customer_start))[basket]
    pair = customer.astype(np.int64) * n_items + sequences.items
    new = np.zeros(len(pair), dtype=bool)
    new[np.unique(pair, return_index=True)[1]] = True
    start = np.append(0, np.cumsum(np.bincount(basket[new], minlength=len(size))))
    return Sequences(sequences.items[new], start, sequences.customer_start)


def _mean_rows(sequences: Sequences, n_items: int) -> sparse.csr_array:
    """Turns item vectors into the mean of each basket, shape (baskets, items)."""
    size = np.diff(sequences.basket_start)
    share = np.repeat(1.0 / size, size)
    return sparse.csr_array((share, sequences.items, sequences.basket_start), shape=(len(size), n_items))


def _loss(model, windows: _Windows, n_negatives: int):
    """The loss of one batch: cross-entropy of the foretold items, the sum of the softmax estimated from negatives."""
    import tensorflow as tf

    n_items = windows.n_items
    log_chance = tf.constant(np.log(n_negatives * np.append(windows.chances, 1.0)), tf.float32)

    def loss(batch):
        read, foretold, negatives = batch
        asked = tf.concat([tf.reshape(foretold, [-1]), negatives], 0)
        states, vectors, bias = model([read, asked], training=True)
        n_foretold = tf.size(foretold)
        own = tf.reshape(vectors[:n_foretold], [*foretold.shape, states.shape[-1]])
        own_score = tf.reduce_sum(states[:, :, None] * own, -1) + tf.reshape(bias[:n_foretold], foretold.shape)
        # Steps that are padding, or have nothing to foretell, are left out before the large product.
        used = tf.reduce_any(foretold < n_items, -1)
        weight = tf.boolean_mask(tf.cast(foretold < n_items, tf.float32), used)
        others = tf.matmul(tf.boolean_mask(states, used), vectors[n_foretold:], transpose_b=True)
        others += bias[n_foretold:, 0] - tf.gather(log_chance, negatives)
        total = tf.reduce_logsumexp(others, -1, keepdims=True)
        # softplus(total - own) is -ln of own's share of own + total: an item is always in its own sum, so it is >= 0.
        losses = tf.nn.softplus(total - tf.boolean_mask(own_score, used))
        return tf.reduce_sum(weight * losses) / tf.maximum(tf.reduce_sum(weight), 1.0)

    return loss
