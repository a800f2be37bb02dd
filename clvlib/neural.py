"""What all Keras models of the house share: a compiled epoch, stopping on rows held back, logs if asked for.

TensorFlow is imported by :func:`train` and by what is called inside ``fit``, never by importing a module. A model that
uses this module names every layer (Keras numbers nameless ones through the session, and TensorFlow orders its sums by
name, so that the second model of a session would differ from the first in the last digits), draws every start from
:func:`layer_seed`, and keeps what it learnt as NumPy arrays or as the Keras model itself.
"""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd

__all__ = ["check_options", "layer_seed", "stacked_batches", "train"]


def layer_seed(random_state: int, number: int) -> int:
    """The seed of one layer's start, or of one dropout: different for every layer and every ``random_state``.

    >>> layer_seed(0, 1) == layer_seed(0, 1), layer_seed(0, 1) == layer_seed(1, 0)
    (True, False)
    """
    return int(np.random.SeedSequence([random_state, number]).generate_state(1)[0] >> 1)


def check_options(model, **least: float) -> None:
    """ValueError for an option of ``model`` that is no number or below its ``least`` value.

    >>> from types import SimpleNamespace
    >>> check_options(SimpleNamespace(n_epochs=0), n_epochs=1)
    Traceback (most recent call last):
    ValueError: n_epochs must be a number of at least 1, not 0.
    """
    for name, low in least.items():
        value = getattr(model, name)
        if isinstance(value, bool) or not isinstance(value, (int, float, np.number)) or not low <= value < np.inf:
            raise ValueError(f"{name} must be a number of at least {low:g}, not {value!r}.")
        if isinstance(low, int) and value != int(value):
            raise ValueError(f"{name} must be a whole number of at least {low}, not {value!r}.")


def stacked_batches(
    rng: np.random.Generator, arrays: Iterable[np.ndarray], *, batch_size: int, steps: int = 10_000
) -> Iterator[tuple[np.ndarray, ...]]:
    """One epoch of rows in a new order, as whole batches: tuples of arrays of shape (at most ``steps``, batch, …).

    ``arrays`` share their first axis. What does not fill a batch waits for the next epoch's order; a table smaller than
    a batch is one batch.

    >>> rows = np.arange(5)
    >>> [part.shape for (part,) in stacked_batches(np.random.default_rng(0), [rows], batch_size=2)]
    [(2, 2)]
    """
    arrays = list(arrays)
    n = len(arrays[0])
    size = min(batch_size, n)
    order = rng.permutation(n)[: n // size * size].reshape(-1, size)
    for start in range(0, len(order), steps):
        rows = order[start : start + steps]
        yield tuple(array[rows] for array in arrays)


def train(
    model,
    loss: Callable[[tuple], object],
    batches: Callable[[], Iterable[tuple[np.ndarray, ...]]],
    *,
    learning_rate: float,
    n_epochs: int,
    patience: int = 3,
    judge: Callable[[], float] | None = None,
    after_epoch: Callable[[], None] | None = None,
    jit_compile: bool = False,
    tensorboard_dir: str | Path | None = None,
) -> tuple[pd.DataFrame, int]:
    """Minimise ``loss`` by Adam; keep the epoch that ``judge`` likes best, the last one where there is no judge.

    Parameters
    ----------
    model : a built Keras model; its ``losses`` (regularisers) are added to the loss.
    loss : a function of one batch (a tuple of tensors, as ``batches`` gave them without their first axis) to a scalar.
        It calls the model itself, with ``training=True``.
    batches : a function that gives one epoch: tuples of arrays of shape (steps, batch, …), see :func:`stacked_batches`.
        All but ``steps`` is the same in every tuple; several tuples an epoch keep the memory of a wide batch small.
    judge : tells after each epoch how good the model is, higher is better.
    after_epoch : called before ``judge``, to take what was learnt out of the layers; and once more for the epoch kept.
    patience : stop after so many epochs without an improvement by ``judge``.
    jit_compile : let XLA compile the step, which takes longer than a table of the chapters' size trains.
    tensorboard_dir : a folder for loss and validation by epoch, as ``tensorboard --logdir`` reads them (a package of
        its own, not needed here).

    Returns
    -------
    ``history``, a DataFrame by epoch with ``loss`` (mean over the batches, with what ``losses`` add) and, with a judge,
    ``validation``; and the number of the epoch whose weights the model has now.

    Raises ValueError if the loss is no longer finite.
    """
    writer = _tensorboard_writer(tensorboard_dir)
    rows: list[dict] = []
    best, kept, weights, epoch_step = -np.inf, n_epochs, None, None
    for epoch in range(1, n_epochs + 1):
        total, steps = 0.0, 0
        for part in batches():
            if epoch_step is None:
                epoch_step = _compiled_epoch(model, loss, part, learning_rate, jit_compile)
            total += float(epoch_step(*part))
            steps += len(part[0])
        row = {"epoch": epoch, "loss": total / max(1, steps)}
        if not np.isfinite(row["loss"]):
            raise ValueError(f"the loss was {row['loss']} after {epoch} epochs; use a smaller learning_rate.")
        if after_epoch is not None:
            after_epoch()
        if judge is not None:
            row["validation"] = judge()
            if weights is None or row["validation"] > best:
                best, kept, weights = row["validation"], epoch, model.get_weights()
        rows.append(row)
        writer(row)
        if judge is not None and epoch - kept >= patience:
            break
    if weights is not None and kept != rows[-1]["epoch"]:
        model.set_weights(weights)
        if after_epoch is not None:
            after_epoch()
    return pd.DataFrame(rows).set_index("epoch"), kept


def _compiled_epoch(model, loss: Callable, part: tuple[np.ndarray, ...], learning_rate: float, jit_compile: bool):
    """A pass over stacked batches in one call, traced once: the sum of their losses.

    ``Model.fit`` pays for every batch what costs nothing inside a compiled loop. The step is kept from AutoGraph, which
    rewrites the source of what it is given and warns where it cannot; and the function is traced here, once, for the
    shapes it will meet, since TensorFlow takes the fifth model of a session for a loop that traces anew each time.
    """
    import keras
    import tensorflow as tf

    optimizer = keras.optimizers.Adam(learning_rate)
    optimizer.build(model.trainable_variables)

    def one_step(*batch):
        with tf.GradientTape() as tape:
            total = loss(batch)
            if model.losses:
                total += tf.add_n(model.losses)
        optimizer.apply(tape.gradient(total, model.trainable_variables))
        return total

    step = tf.autograph.experimental.do_not_convert(one_step)
    if jit_compile:
        step = tf.function(step, jit_compile=True, autograph=False)

    @tf.function
    def epoch(*arrays):
        total = tf.constant(0.0)
        for i in tf.range(tf.shape(arrays[0])[0]):
            total += step(*(array[i] for array in arrays))
        return total

    return epoch.get_concrete_function(*(tf.TensorSpec([None, *a.shape[1:]], a.dtype) for a in part))


def _tensorboard_writer(folder: str | Path | None) -> Callable[[dict], None]:
    """A function that logs one epoch's row, and does nothing without a folder."""
    if folder is None:
        return lambda row: None
    import tensorflow as tf
    from tensorflow.core.framework.summary_pb2 import SummaryMetadata

    # What tf.summary.scalar writes; it refuses where the viewer is not installed, and only who looks needs that.
    scalar = SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name="scalars"), data_class=1)
    log = tf.summary.create_file_writer(str(folder))

    def write(row: dict) -> None:
        with log.as_default(step=row["epoch"]):
            for name, value in row.items():
                if name != "epoch":
                    tf.summary.write(name, tf.constant(value, tf.float32), metadata=scalar)
        log.flush()

    return write
