"""A multilayer perceptron in Keras, trained so that the same seed gives the same numbers, and kept as NumPy arrays.

Keras is imported by ``fit`` and by nothing else; predictions are a few matrix products.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from scipy.special import expit

from clvlib.neural import stacked_batches, train

__all__ = ["KerasMLP", "RawNetwork"]


class KerasMLP:
    """Dense layers with ReLU, a linear output, Adam; stopped where held-back customers say that it helps no longer.

    Parameters
    ----------
    hidden : units of each hidden layer.
    loss : ``"squared_error"``, ``"log_loss"`` (y is 0 or 1 and the output a logit) or a function ``(y, output) -> one
        loss a row`` in :mod:`keras.ops`.
    scale_target : for the squared error, learn (y - mean) / standard deviation: an output that starts at 0 and moves in
        steps of a thousandth would need thousands of them to get to 500 dollars.
    n_outputs, output_bias : of the output layer, for a loss of one's own; where the output starts, shape (n_outputs,).
    n_epochs, batch_size, learning_rate, l2 : of the training; ``n_epochs`` is the most. l2 weighs the squared weights.
    patience : stop after so many epochs without a better loss on ``validation_share`` of the groups, and go back to the
        best; 0 trains ``n_epochs`` on all rows.
    random_state : first weights, order and held-back groups. Nothing global is seeded.

    ``fit`` sets ``weights_`` (kernel and bias of each layer), ``n_epochs_`` and ``history_`` (losses by epoch: ``loss``
    with the penalty on the weights, ``val_loss`` without).

    >>> x = np.linspace(-1, 1, 200)[:, None]
    >>> model = KerasMLP(hidden=(8,), n_epochs=30, learning_rate=0.05, patience=0).fit(x, 500 + 100 * x[:, 0])
    >>> bool(np.abs(model.predict(x) - 500 - 100 * x[:, 0]).max() < 30)
    True
    """

    takes_groups = True

    def __init__(
        self,
        *,
        hidden: Sequence[int] = (64, 32),
        loss: str | Callable = "squared_error",
        scale_target: bool = True,
        n_outputs: int = 1,
        output_bias: Sequence[float] | None = None,
        n_epochs: int = 40,
        batch_size: int = 128,
        learning_rate: float = 0.003,
        l2: float = 1e-4,
        patience: int = 5,
        validation_share: float = 0.15,
        random_state: int = 0,
    ) -> None:
        self.hidden = hidden
        self.loss = loss
        self.scale_target = scale_target
        self.n_outputs = n_outputs
        self.output_bias = output_bias
        self.n_epochs = n_epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.l2 = l2
        self.patience = patience
        self.validation_share = validation_share
        self.random_state = random_state

    def fit(self, x: np.ndarray, y: np.ndarray, *, groups: np.ndarray | None = None) -> KerasMLP:
        """Learn ``y``, shape (n,), from ``x``, shape (n, n_features).

        groups: rows of one group are held back together, shape (n,). ValueError: NaN or infinity in ``x`` or ``y``.
        """
        x, y = _finite("x", x), _finite("y", y).reshape(len(x), 1)
        import keras

        scaled = self.scale_target and self.loss == "squared_error"
        self.shift_, self.scale_ = (float(y.mean()), float(y.std()) or 1.0) if scaled else (0.0, 1.0)
        y = (y - self.shift_) / self.scale_
        x, y = x.astype(np.float32), y.astype(np.float32)
        rng = np.random.default_rng(self.random_state)
        held = self._held_back(len(x), groups, rng)
        losses = {
            "squared_error": keras.losses.MeanSquaredError(),
            "log_loss": keras.losses.BinaryCrossentropy(from_logits=True),
        }
        loss = losses[self.loss] if isinstance(self.loss, str) else self.loss
        model = self._build(x.shape[1])
        history, self.n_epochs_ = train(
            model,
            lambda batch: keras.ops.mean(loss(batch[1], model(batch[0], training=True))),
            lambda: stacked_batches(rng, [x[~held], y[~held]], batch_size=self.batch_size),
            learning_rate=self.learning_rate,
            n_epochs=self.n_epochs,
            patience=max(1, self.patience),
            judge=(lambda: -float(keras.ops.mean(loss(y[held], model(x[held]))))) if held.any() else None,
        )
        self.history_: dict[str, list[float]] = {"loss": history["loss"].tolist()}
        if held.any():
            self.history_["val_loss"] = (-history["validation"]).tolist()
        learnt = [layer.get_weights() for layer in model.layers]
        self.weights_ = [[weights.astype(float) for weights in layer] for layer in learnt if layer]
        return self

    def predict(self, x: np.ndarray) -> np.ndarray:
        """The output, shape (n,) for one output unit, else (n, n_outputs)."""
        value = _finite("x", x)
        for kernel, bias in self.weights_[:-1]:
            value = np.maximum(value @ kernel + bias, 0.0)
        kernel, bias = self.weights_[-1]
        value = (value @ kernel + bias) * self.scale_ + self.shift_
        return value[:, 0] if self.n_outputs == 1 else value

    def predict_proba(self, x: np.ndarray) -> np.ndarray:
        """Chances of 0 and of 1, shape (n, 2), where the loss is ``"log_loss"``."""
        p = expit(self.predict(x))
        return np.column_stack([1 - p, p])

    def _held_back(self, n: int, groups: np.ndarray | None, rng: np.random.Generator) -> np.ndarray:
        if self.patience < 1:
            return np.zeros(n, dtype=bool)
        code = np.arange(n) if groups is None else np.unique(groups, return_inverse=True)[1]
        n_groups = int(code.max()) + 1
        return np.isin(code, rng.permutation(n_groups)[: max(1, int(self.validation_share * n_groups))])

    def _build(self, n_features: int):
        # every layer is named: nameless ones are numbered through the session, and TensorFlow sums in order of name
        from keras import Input, Sequential, initializers, layers, regularizers

        def dense(units: int, number: int, activation: str | None):
            start = initializers.GlorotUniform(seed=100 * self.random_state + number)
            pull = regularizers.L2(self.l2) if self.l2 else None
            return layers.Dense(
                units, activation=activation, kernel_initializer=start, kernel_regularizer=pull, name=f"dense_{number}"
            )

        stack = [dense(units, number, "relu") for number, units in enumerate(self.hidden)]
        model = Sequential(
            [Input((n_features,), name="features"), *stack, dense(self.n_outputs, len(stack), None)], name="network"
        )
        if self.output_bias is not None:
            kernel, _ = model.layers[-1].get_weights()
            model.layers[-1].set_weights([0.1 * kernel, np.asarray(self.output_bias, dtype=np.float32)])
        return model


class RawNetwork:
    """Document 001's network as it stands (section 5.2): what becomes of a good tool without any care for the data.

    64 and 32 units, squared error on amounts as they are, Adam with its defaults, ten epochs of batches of 32; features
    unscaled. The document leaves features and gaps open; gaps get the mean of the training rows. A baseline, to be
    beaten by :class:`KerasMLP` inside :class:`~clvlib.value.learning.supervised.SupervisedModel`, which takes either.

    >>> x = np.array([[1.0, np.nan], [3.0, 4.0]] * 20)
    >>> RawNetwork().fit(x, x[:, 0]).predict([[2.0, np.nan]]).shape
    (1,)
    """

    #: Told by name, since :mod:`clvlib.value.learning.supervised` prepares features and amounts for all others.
    models_amounts = True

    def __init__(self, *, random_state: int = 0) -> None:
        self.random_state = random_state

    def fit(self, x: np.ndarray, y: np.ndarray, *, groups: np.ndarray | None = None) -> RawNetwork:
        """``x``, shape (n, n_features), with gaps; ``y``, shape (n,); groups are of no use to it."""
        x = np.asarray(x, dtype=float)
        known = (~np.isnan(x)).sum(axis=0)
        self.means_ = np.divide(np.nansum(x, axis=0), known, out=np.zeros(x.shape[1]), where=known > 0)
        self.network_ = KerasMLP(
            scale_target=False,
            n_epochs=10,
            batch_size=32,
            learning_rate=0.001,
            l2=0.0,
            patience=0,
            random_state=self.random_state,
        ).fit(self._filled(x), y)
        return self

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Shape (n,), in the unit of ``y``."""
        return self.network_.predict(self._filled(np.asarray(x, dtype=float)))

    def _filled(self, x: np.ndarray) -> np.ndarray:
        return np.where(np.isnan(x), self.means_, x)


def _finite(name: str, values) -> np.ndarray:
    values = np.asarray(values, dtype=float)
    bad = int((~np.isfinite(values)).reshape(len(values), -1).any(axis=1).sum())
    if bad:
        raise ValueError(f"{name}: {bad} of {len(values)} rows are NaN or infinite; fill or drop them first")
    return values
