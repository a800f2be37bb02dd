"""Does the order of a customer's weeks tell who will be back? Recurrent networks on the snapshots of 4.1.

TensorFlow is imported by ``fit`` and by predicting, never by importing the module.
"""

from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import logit

from clvlib.neural import check_options, layer_seed, stacked_batches, train
from clvlib.retention._checks import check_fitted, group_codes
from clvlib.retention.models._design import outcome_of
from clvlib.retention.models.calibrated import CalibratedModel
from clvlib.retention.windows.sequences import WeeklySequences, checked_sequences

__all__ = ["CELLS", "SequenceModel"]

#: Kinds of memory: a gated recurrent unit, a long short-term memory, and the latter read in both directions.
CELLS: tuple[str, ...] = ("gru", "lstm", "bidirectional")

#: Rows that are predicted at once.
_BLOCK = 8192


class SequenceModel(CalibratedModel):
    """Will a customer be back within the outcome window, told from the weeks before in their order?

    A recurrent layer reads the weeks, the oldest first, and its last state gives the log-odds through one linear unit.
    ``cell`` is ``"gru"`` (Cho et al. 2014), ``"lstm"`` (Hochreiter & Schmidhuber 1997) or ``"bidirectional"``, two LSTM
    of which one reads backwards (Schuster & Paliwal 1997). Weeks of padding are masked: they leave a state as it was.
    Every channel goes through log(1 + x) and is scaled to mean 0 and standard deviation 1 over the real weeks of the
    training rows; a channel that is the same in all of them is set to 0 and listed in ``dropped_``. What is minimised
    is the mean log loss, from a start at the base rate.

    It is used as :class:`clvlib.retention.ReturnModel` is: ``fit(table)``, ``calibrate(table)`` and
    ``predict_probability(table)`` take snapshots, and the weeks of each row are looked up in ``sequences`` by
    ``customer_id`` and ``snapshot_date``. ``sequences`` may hold more rows than are learnt from: it holds no outcome,
    and a row's weeks end before its date.

    Parameters
    ----------
    sequences : of :func:`clvlib.retention.weekly_sequences`, for all rows to come.
    cell : one of :data:`CELLS`. n_units : of the state, in each direction.
    dropout : share of the state's entries set to 0 while learning, in [0, 1). l2 : weight of the squared weights.
    n_epochs : the most passes over the rows. batch_size : rows in a step. learning_rate : of Adam.
    patience : stop after so many epochs without a better log loss on rows held back, and go back to the best; 0 trains
        ``n_epochs`` on all rows.
    validation_share : of the *customers* of the table, held back with all their rows, in (0, 1); not used where
        ``fit`` is given a validation table.
    random_state : first weights, order of rows and customers held back. Nothing global is seeded; on one machine the
        same state gives the same probabilities.
    tensorboard_dir : a folder for the loss by epoch, where TensorBoard is to show it.

    Attributes: ``history_`` (a row an epoch: ``loss``, with the penalty, and ``validation``, minus the log loss of rows
    held back), ``n_epochs_`` (the epoch kept), ``n_parameters_``, ``n_rows_``, ``n_customers_``, ``dropped_``,
    ``shift_`` and ``slope_`` of the calibration, ``weights_`` (a list of arrays).

    Examples
    --------
    >>> from clvlib.retention.windows.sequences import CHANNELS
    >>> rng = np.random.default_rng(0)
    >>> table = pd.DataFrame({"customer_id": np.arange(400).astype(str), "snapshot_date": pd.Timestamp("2024-01-31")})
    >>> index = pd.MultiIndex.from_frame(table)
    >>> orders = rng.integers(0, 2, (400, 3, 1)).astype(np.float32)
    >>> weeks = WeeklySequences(index, orders, np.ones((400, 3), bool), CHANNELS[:1])
    >>> table["came_back"] = orders[:, 0, 0] > orders[:, 2, 0]  # bought three weeks ago, and not last week
    >>> model = SequenceModel(weeks, n_units=8, n_epochs=40, batch_size=32, learning_rate=0.03).fit(table)
    >>> p = model.predict_probability(table)
    >>> bool(p[table["came_back"]].min() > 0.8), bool(p[~table["came_back"]].max() < 0.2)
    (True, True)
    """

    def __init__(
        self,
        sequences: WeeklySequences,
        *,
        cell: str = "gru",
        n_units: int = 16,
        dropout: float = 0.1,
        l2: float = 1e-4,
        n_epochs: int = 30,
        batch_size: int = 512,
        learning_rate: float = 0.01,
        patience: int = 4,
        validation_share: float = 0.2,
        random_state: int = 0,
        tensorboard_dir: str | Path | None = None,
    ) -> None:
        self.sequences = sequences
        self.cell = cell
        self.n_units = n_units
        self.dropout = dropout
        self.l2 = l2
        self.n_epochs = n_epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.patience = patience
        self.validation_share = validation_share
        self.random_state = random_state
        self.tensorboard_dir = tensorboard_dir

    def fit(self, table: pd.DataFrame, *, validation: pd.DataFrame | None = None) -> "SequenceModel":
        """Learn from snapshots with ``came_back``; returns self.

        validation: snapshots of a time after ``table`` and before the holdout, to stop by instead of held-back
        customers. ValueError: no outcome, one class only, a row without a sequence, sequences that are the same for
        everybody, too few customers to hold any back, an option out of range.
        """
        self._check()
        outcome = outcome_of(table)
        weeks = self.sequences.rows(table)
        self._set_scale(weeks)
        held = np.zeros(len(table), dtype=bool)
        if validation is None and self.patience > 0:
            held = self._held_back(table["customer_id"])
            if outcome[~held].all() or not outcome[~held].any():
                raise ValueError(
                    f"{int(outcome.sum())} of {len(table)} rows came back, none of those left to learn from after "
                    f"{int(held.sum())} were held back is of the other kind; use more customers or patience=0"
                )
        values, mask, y = self._scaled(weeks), weeks.mask, outcome.astype(np.float32)
        judged = (values[held], mask[held], outcome[held])
        if validation is not None:
            other = self.sequences.rows(validation)
            judged = (self._scaled(other), other.mask, outcome_of(validation))
        self._network = self._build(mask.shape[1], values.shape[2], float(logit(outcome[~held].mean())))
        self._look = None
        rng = np.random.default_rng(self.random_state)
        rows = [values[~held], mask[~held], y[~held]]
        self.history_, self.n_epochs_ = train(
            self._network,
            _loss(self._network),
            lambda: stacked_batches(rng, rows, batch_size=self.batch_size),
            learning_rate=self.learning_rate,
            n_epochs=self.n_epochs,
            patience=max(1, self.patience),
            judge=None if self.patience == 0 else lambda: -_log_loss(judged[2], self._forward(*judged[:2])),
            tensorboard_dir=self.tensorboard_dir,
        )
        self.weights_ = self._network.get_weights()
        self.n_parameters_ = int(sum(weight.size for weight in self.weights_))
        self.n_rows_, self.n_customers_ = len(table), int(table["customer_id"].nunique())
        self.shift_, self.slope_ = 0.0, 1.0
        return self

    def __getstate__(self) -> dict:
        # a compiled function cannot be stored; it is built anew from weights_ where it is needed
        return {name: value for name, value in self.__dict__.items() if name not in ("_network", "_look")}

    def _check(self) -> None:
        checked_sequences(self.sequences)
        if self.cell not in CELLS:
            raise ValueError(f"cell must be one of {', '.join(CELLS)}, not {self.cell!r}")
        check_options(self, n_units=1, n_epochs=1, batch_size=1, patience=0, random_state=0)
        check_options(self, dropout=0.0, l2=0.0, learning_rate=0.0, validation_share=0.0)
        if self.dropout >= 1:
            raise ValueError(f"dropout must be below 1, not {self.dropout}")
        if not 0 < self.validation_share < 1:
            raise ValueError(
                f"validation_share is a share of the customers in (0, 1), not {self.validation_share}; with patience=0 "
                "none are held back"
            )

    def _set_scale(self, weeks: WeeklySequences) -> None:
        real = np.log1p(weeks.values[weeks.mask].astype(float))
        self.mean_, spread = real.mean(axis=0), real.std(axis=0)
        constant = np.ptp(real, axis=0) == 0
        if constant.all():
            raise ValueError(f"nothing to learn from {', '.join(weeks.channels)}: the same in all {len(real)} weeks")
        self.dropped_ = [name for name, same in zip(weeks.channels, constant, strict=True) if same]
        self.scale_ = np.where(constant, np.inf, spread)

    def _scaled(self, weeks: WeeklySequences) -> np.ndarray:
        scaled = (np.log1p(weeks.values) - self.mean_.astype(np.float32)) / self.scale_.astype(np.float32)
        return np.where(weeks.mask[..., None], scaled, np.float32(0))

    def _held_back(self, customer: pd.Series) -> np.ndarray:
        code = group_codes(customer, len(customer), ordered=True)
        n_customers = int(code.max()) + 1
        n_held = max(1, round(self.validation_share * n_customers))
        if n_held >= n_customers:
            raise ValueError(
                f"{n_customers} customer leaves none to hold back; use more customers, or patience=0 to train all "
                "epochs"
            )
        rng = np.random.default_rng([self.random_state, 1])
        return np.isin(code, rng.permutation(n_customers)[:n_held])

    def _build(self, n_weeks: int, n_channels: int, log_odds: float):
        """A Keras model from weeks and mask to log-odds; all layers are named, see :mod:`clvlib.neural`."""
        from keras import Input, Model, initializers, layers, regularizers

        options = {
            "kernel_initializer": initializers.GlorotUniform(seed=layer_seed(self.random_state, 0)),
            "recurrent_initializer": initializers.Orthogonal(seed=layer_seed(self.random_state, 1)),
            "kernel_regularizer": regularizers.L2(self.l2),
            "seed": layer_seed(self.random_state, 2),
            "name": self.cell,
        }
        cell = layers.GRU(self.n_units, **options) if self.cell == "gru" else layers.LSTM(self.n_units, **options)
        if self.cell == "bidirectional":
            cell = layers.Bidirectional(cell, name="both_ways")
        values = Input((n_weeks, n_channels), name="values")
        mask = Input((n_weeks,), dtype="bool", name="mask")
        state = cell(values, mask=mask)
        if self.dropout:
            state = layers.Dropout(self.dropout, seed=layer_seed(self.random_state, 3), name="thinned")(state)
        last = layers.Dense(
            1,
            kernel_initializer=initializers.GlorotUniform(seed=layer_seed(self.random_state, 4)),
            bias_initializer=initializers.Constant(log_odds),
            name="log_odds",
        )
        return Model([values, mask], last(state), name="sequence_model")

    def _forward(self, values: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """Log-odds before calibration, shape (n_rows,)."""
        import tensorflow as tf

        if getattr(self, "_look", None) is None:
            if getattr(self, "_network", None) is None:
                self._network = self._build(values.shape[1], values.shape[2], 0.0)
                self._network.set_weights(self.weights_)
            # as one graph: step by step a recurrent layer costs more to call than to compute
            shapes = [
                tf.TensorSpec([None, *values.shape[1:]], tf.float32),
                tf.TensorSpec([None, mask.shape[1]], tf.bool),
            ]
            network = self._network
            look = tf.function(lambda v, m: network([v, m], training=False), input_signature=shapes, autograph=False)
            self._look = look.get_concrete_function()
        blocks = [slice(start, start + _BLOCK) for start in range(0, len(values), _BLOCK)]
        parts = [self._look(tf.constant(values[rows]), tf.constant(mask[rows])).numpy()[:, 0] for rows in blocks]
        return np.concatenate([*parts, np.empty(0)]).astype(float)

    def _log_odds(self, table: pd.DataFrame) -> np.ndarray:
        check_fitted(self, "weights_")
        weeks = self.sequences.rows(table)
        return self._forward(self._scaled(weeks), weeks.mask)


def _loss(network):
    import tensorflow as tf

    def loss(batch):
        values, mask, outcome = batch
        log_odds = network([values, mask], training=True)[:, 0]
        return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(outcome, log_odds))

    return loss


def _log_loss(outcome: np.ndarray, log_odds: np.ndarray) -> float:
    """Mean of -ln P(what happened), from log-odds, so that a sure one is never infinite."""
    return float(np.mean(np.logaddexp(0.0, np.where(outcome, -log_odds, log_odds))))
