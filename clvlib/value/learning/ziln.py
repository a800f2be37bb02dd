"""One network for zeros and a long tail: the zero-inflated log-normal (ZILN) loss.

X. Wang, T. Liu and J. Miao (2019), A deep probabilistic model for customer lifetime value prediction, arXiv:1912.07753.
A customer's amount y is 0 with probability 1 - p, else log-normal with location mu and scale sigma; a network gives the
three for every customer as logits: p = sigmoid(z0), mu = z1, sigma = softplus(z2). Its loss is the negative
log-likelihood, eq. 4 and 5 there::

    -log L = -1{y = 0} log(1 - p) - 1{y > 0} (log p - log y - log(sigma sqrt(2 pi)) - (log y - mu)^2 / (2 sigma^2))
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit, ndtri

from clvlib.value.learning.networks import KerasMLP

__all__ = ["ZILNRegressor", "zero_inflated_lognormal_loss", "zero_inflated_lognormal_mean"]

#: The least sigma: below it the loss of a repeated amount would fall without end.
_LEAST_SCALE = float(np.sqrt(1e-7))
_LOG_ROOT_2_PI = float(0.5 * np.log(2 * np.pi))


def zero_inflated_lognormal_loss(labels: Any, logits: Any) -> Any:
    """How surprised is a zero-inflated log-normal by these amounts? Negative log-likelihood in nats, one a row.

    labels: amounts, shape (n,) or (n, 1); what is not above 0 counts as 0. logits: shape (n, 3), see the module.
    Returns shape (n,): a NumPy array (float64) for NumPy arrays and lists, else a tensor of :mod:`keras.ops`, so that
    the same function is the loss of a Keras model and can be checked by hand.

    ValueError: logits that have not three columns (arrays only).

    >>> zero_inflated_lognormal_loss([0.0, 1.5], [[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]]).round(8).tolist()
    [0.74439666, 1.87837259]
    """
    if isinstance(logits, (np.ndarray, list, tuple)):
        ops: Any = np
        labels, logits = np.asarray(labels, dtype=float), np.asarray(logits, dtype=float)
        if logits.ndim != 2 or logits.shape[1] != 3:
            raise ValueError(f"logits have shape {logits.shape}; a ZILN network has three outputs a row: (n, 3)")
    else:
        from keras import ops

        labels = ops.cast(labels, logits.dtype)
    labels = ops.reshape(labels, (-1,))
    chance, location, scale = _parts(logits, ops)
    bought = ops.where(labels > 0, 1.0, 0.0)
    # a positive number in place of 0, so that the branch not taken has a finite gradient too
    log_amount = ops.log(ops.where(labels > 0, labels, 1.0))
    classification = ops.logaddexp(0.0 * chance, chance) - bought * chance
    density = log_amount + ops.log(scale) + _LOG_ROOT_2_PI + ((log_amount - location) / scale) ** 2 / 2
    return classification + bought * density


def zero_inflated_lognormal_mean(logits: np.ndarray) -> np.ndarray:
    """The expected amount, p exp(mu + sigma^2 / 2), shape (n,). logits: shape (n, 3).

    >>> zero_inflated_lognormal_mean([[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]]).round(8).tolist()
    [0.92363785, 1.69075533]
    """
    chance, location, scale = _parts(np.asarray(logits, dtype=float), np)
    return expit(chance) * np.exp(location + scale**2 / 2)


class ZILNRegressor:
    """A multilayer perceptron trained on the ZILN loss: expected amount, chance of any, and quantiles, from one fit.

    Features may have gaps; they are filled with the median (and a column says so), their tails are drawn in by
    logarithms, and they are held to the range of training and scaled. The output layer starts at the share of buyers
    and at the mean and standard deviation of their log amounts.

    hidden, n_epochs, batch_size, learning_rate, l2, patience : as :class:`~clvlib.value.learning.networks.KerasMLP`.
    n_origins, step_days, min_history_days : of the training snapshots of :meth:`fit_predict`.

    ``fit(x, y)`` sets ``network_``, ``chain_``, ``n_epochs_``. ValueError: fewer than 10 amounts above 0,
    or one that is NaN or infinite.

    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(600, 1))
    >>> y = np.where(rng.random(600) < 0.4, np.exp(2 + x[:, 0] + 0.5 * rng.normal(size=600)), 0.0)
    >>> model = ZILNRegressor(hidden=(16,), n_epochs=30, learning_rate=0.02).fit(x, y)
    >>> low, high = model.predict([[-1.0], [1.0]])
    >>> bool(low < 3 < high)
    True
    """

    #: Told by name, since :mod:`clvlib.value.learning.supervised` models amounts for all who cannot do it themselves.
    models_amounts = True

    def __init__(
        self,
        *,
        hidden: Sequence[int] = (64, 32),
        n_epochs: int = 40,
        batch_size: int = 128,
        learning_rate: float = 0.003,
        l2: float = 1e-4,
        patience: int = 5,
        n_origins: int = 3,
        step_days: int | None = None,
        min_history_days: int = 30,
        random_state: int = 0,
    ) -> None:
        self.hidden = hidden
        self.n_epochs = n_epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.l2 = l2
        self.patience = patience
        self.n_origins = n_origins
        self.step_days = step_days
        self.min_history_days = min_history_days
        self.random_state = random_state

    def fit(self, x, y, *, groups: np.ndarray | None = None) -> ZILNRegressor:
        """Learn amounts ``y``, shape (n,), from features ``x``, shape (n, n_features); groups: rows of one customer."""
        from clvlib.value.learning._pipelines import Chain

        x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
        if not np.isfinite(y).all():
            bad = int((~np.isfinite(y)).sum())
            raise ValueError(f"y: {bad} of {len(y)} amounts are NaN or infinite; mend or drop them")
        bought = y > 0
        if bought.sum() < 10:
            n = int(bought.sum())
            raise ValueError(f"only {n} of {len(y)} amounts are above 0; it takes 10: use a longer horizon")
        logs = np.log(y[bought])
        share = min(bought.mean(), 1 - 0.5 / len(y))
        scale = max(float(logs.std()), 0.05)
        self.network_ = KerasMLP(
            hidden=self.hidden,
            loss=zero_inflated_lognormal_loss,
            n_outputs=3,
            output_bias=[np.log(share / (1 - share)), logs.mean(), np.log(np.expm1(scale))],
            n_epochs=self.n_epochs,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            l2=self.l2,
            patience=self.patience,
            random_state=self.random_state,
        )
        self.chain_ = Chain(self.network_, missing="indicator").fit(x, y, groups)
        self.n_epochs_ = self.network_.n_epochs_
        return self

    def logits(self, x) -> np.ndarray:
        """What the network says, shape (n, 3), see the module."""
        return self.chain_.predict(np.asarray(x, dtype=float))

    def predict(self, x) -> np.ndarray:
        """The expected amount, shape (n,)."""
        return zero_inflated_lognormal_mean(self.logits(x))

    def probability(self, x) -> np.ndarray:
        """The chance of an amount above 0, shape (n,)."""
        return expit(self.logits(x)[:, 0])

    def quantile(self, x, q: float) -> np.ndarray:
        """The q-quantile of the amount, shape (n,): 0 for who is likelier than q to spend nothing."""
        if not 0 < q < 1:
            raise ValueError(f"q is a share between 0 and 1, got {q}")
        chance, location, scale = _parts(self.logits(x), np)
        p = expit(chance)
        inner = np.clip((q - (1 - p)) / p, 0.0, 1.0)
        return np.where(inner > 0, np.exp(location + scale * ndtri(np.where(inner > 0, inner, 0.5))), 0.0)

    def fit_predict(self, calibration: pd.DataFrame, *, cut, horizon_days: int) -> pd.DataFrame:
        """As a contender: ``SupervisedModel.fit_predict`` with this as its estimator."""
        from clvlib.value.learning.supervised import SupervisedModel

        contender = SupervisedModel(
            self,
            n_origins=self.n_origins,
            step_days=self.step_days,
            min_history_days=self.min_history_days,
            random_state=self.random_state,
        )
        return contender.fit_predict(calibration, cut=cut, horizon_days=horizon_days)


def _parts(logits: Any, ops: Any) -> tuple[Any, Any, Any]:
    """Logit of p, mu and sigma from three columns."""
    raw = logits[:, 2]
    return logits[:, 0], logits[:, 1], ops.maximum(ops.logaddexp(0.0 * raw, raw), _LEAST_SCALE)
