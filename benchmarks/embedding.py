"""How long does the embedding model train until it errs no more than a given amount?

    python benchmarks/embedding.py [n_ratings ...]

Simulated ratings from 1 to 5 (rank 10 and noise; 943 customers and 1,682 items for 100,000 ratings, 6,040 and 3,706
for a million), a fifth of them kept apart. The model is the same in every row: a dot product of 32 dimensions with
biases, squared error. What differs is how it is trained: our compiled epoch; Keras's ``fit`` as document 000 calls it,
with NumPy arrays, batches of 32 and Adam as it comes; and the same ``fit`` with our batches and learning rate. Each
trains for the fewest epochs that bring it under the error named in the table; all must be there, or the run stops.
Importing TensorFlow is not timed; building and compiling the model is.
"""

import sys
from collections.abc import Callable, Iterator
from functools import partial

import keras
import numpy as np
import pandas as pd
import tensorflow
from _side_by_side import Way, conditions, markdown, side_by_side

from clvlib.matching import DotProductEmbedding

#: Ratings -> (customers, items).
SIZES = {100_000: (943, 1_682), 1_000_000: (6_040, 3_706)}

#: Error to reach, as a share of the standard deviation of the ratings kept apart.
SHARE = 0.9


def simulated(n: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Ratings to learn from and ratings kept apart."""
    n_customers, n_items = SIZES[n]
    rng = np.random.default_rng(0)
    p, q = rng.normal(size=(n_customers, 10)), rng.normal(size=(n_items, 10))
    bias, item_bias = 0.4 * rng.normal(size=n_customers), 0.5 * rng.normal(size=n_items)
    pair = rng.choice(n_customers * n_items, n, replace=False)
    customer, item = np.divmod(pair, n_items)
    mean = 3.5 + bias[customer] + item_bias[item] + 0.2 * np.einsum("ij,ij->i", p[customer], q[item])
    rating = np.clip(np.round(mean + 0.8 * rng.normal(size=n)), 1, 5)
    table = pd.DataFrame({"customer_id": customer, "item_id": item, "rating": rating})
    return table[: n * 4 // 5], table[n * 4 // 5 :]


def clvlib(past: pd.DataFrame, later: pd.DataFrame, n_epochs: int) -> float:
    model = DotProductEmbedding(n_epochs=n_epochs, batch_size=2_048, l2=0.1, random_state=0).fit(past)
    return error(model.predict(later), later)


def keras_fit(past: pd.DataFrame, later: pd.DataFrame, n_epochs: int, *, batch_size: int, rate: float) -> float:
    n_customers, n_items = (int(pd.concat([past, later])[name].max()) + 1 for name in ("customer_id", "item_id"))
    customer, item = keras.Input((1,), dtype="int32"), keras.Input((1,), dtype="int32")

    def of(ids, size: int, width: int):
        return keras.layers.Flatten()(keras.layers.Embedding(size, width)(ids))

    product = keras.layers.Dot(axes=1)([of(customer, n_customers, 32), of(item, n_items, 32)])
    model = keras.Model([customer, item], product + of(customer, n_customers, 1) + of(item, n_items, 1))
    model.compile(keras.optimizers.Adam(rate), "mse")
    mean = past["rating"].mean()
    model.fit(ids(past), (past["rating"] - mean).to_numpy(), epochs=n_epochs, batch_size=batch_size, verbose=0)
    return error(model.predict(ids(later), batch_size=50_000, verbose=0)[:, 0] + mean, later)


def ids(table: pd.DataFrame) -> list[np.ndarray]:
    return [table[name].to_numpy(dtype="int32")[:, None] for name in ("customer_id", "item_id")]


def error(predicted: np.ndarray, later: pd.DataFrame) -> float:
    return float(np.sqrt(np.mean((np.asarray(predicted) - later["rating"].to_numpy()) ** 2)))


Trainer = Callable[[pd.DataFrame, pd.DataFrame, int], float]

WAYS: dict[str, Trainer] = {
    "clvlib, one compiled epoch": clvlib,
    "Keras fit, batches of 32, as the document has it": partial(keras_fit, batch_size=32, rate=1e-3),
    "Keras fit, batches of 2,048, Adam 0.01": partial(keras_fit, batch_size=2_048, rate=1e-2),
}


def epochs_needed(trainer: Trainer, past: pd.DataFrame, later: pd.DataFrame, limit: float) -> int:
    """The fewest of at most 12 epochs that bring it to the limit."""
    for n_epochs in range(1, 13):
        if trainer(past, later, n_epochs) <= limit:
            return n_epochs
    raise SystemExit(f"{trainer} does not come under an error of {limit:.3f} in 12 epochs")


def main(sizes: list[int]) -> Iterator[str]:
    keras.utils.set_random_seed(0)
    tensorflow.get_logger().setLevel("ERROR")  # each model is a new one, which it takes for a mistake
    for n in sizes:
        past, later = simulated(n)
        limit = round(SHARE * float(later["rating"].std()), 3)
        needed = {name: epochs_needed(trainer, past, later, limit) for name, trainer in WAYS.items()}
        ways = [
            Way(f"{name}, epochs: {needed[name]}", partial(trainer, past, later, needed[name]))
            for name, trainer in WAYS.items()
        ]

        def same(found: float, ours: float, limit: float = limit) -> None:
            # a seed of its own moves the last epoch a little
            assert max(found, ours) <= limit * 1.005, f"errors {found:.4f} and {ours:.4f}, limit {limit:.3f}"

        timings = side_by_side(ways, rounds=3 if n <= 100_000 else 1, same=same)
        yield markdown(f"{n:,} ratings to an error of {limit:.3f}", timings)


if __name__ == "__main__":
    print(conditions("keras"))
    for table in main([int(n) for n in sys.argv[1:]] or [100_000]):
        print(f"\n{table}", flush=True)
