"""What Keras models share: whole batches in a new order, the best epoch kept, logs where asked for."""

import numpy as np
import pytest

from clvlib.neural import layer_seed, stacked_batches, train


def one_weight():
    import keras

    start = keras.initializers.Constant(0.0)
    return keras.Sequential(
        [keras.Input((1,)), keras.layers.Dense(1, use_bias=False, kernel_initializer=start, name="w")]
    )


def squared_error_to(model, target):
    return lambda batch: ((model(batch[0], training=True) - target) ** 2)[0, 0]


def ones(steps=5):
    return lambda: [(np.ones((steps, 1, 1), dtype=np.float32),)]


def test_every_row_is_in_at_most_one_batch_and_only_the_rest_waits():
    rows = np.arange(10)
    parts = list(stacked_batches(np.random.default_rng(0), [rows, rows * 2], batch_size=3, steps=2))
    assert [one.shape for one, _ in parts] == [(2, 3), (1, 3)]
    met = np.concatenate([one.ravel() for one, _ in parts])
    assert len(set(met)) == 9
    assert all((two == 2 * one).all() for one, two in parts)


def test_a_table_smaller_than_a_batch_is_one_batch():
    assert [part.shape for (part,) in stacked_batches(np.random.default_rng(0), [np.arange(3)], batch_size=8)] == [
        (1, 3)
    ]


def test_seeds_of_layers_and_states_differ():
    assert len({layer_seed(state, number) for state in range(20) for number in range(20)}) == 400


def test_it_descends_to_the_minimum():
    model = one_weight()
    history, kept = train(model, squared_error_to(model, 2.0), ones(20), learning_rate=0.1, n_epochs=10)
    assert model.get_weights()[0].item() == pytest.approx(2.0, abs=0.05)
    assert history.index.tolist() == list(range(1, 11))
    assert kept == 10
    assert "validation" not in history


def test_the_epoch_the_judge_likes_best_is_kept_and_taken_out_again():
    model = one_weight()
    seen = []
    history, kept = train(
        model,
        squared_error_to(model, 3.0),
        ones(),
        learning_rate=0.1,
        n_epochs=50,
        patience=4,
        judge=lambda: -abs(seen[-1] - 1.5),
        after_epoch=lambda: seen.append(model.get_weights()[0].item()),
    )
    assert kept == history["validation"].idxmax() < 50
    assert len(history) == kept + 4
    assert seen[-1] == seen[kept - 1] == model.get_weights()[0].item()


def test_a_loss_that_is_not_finite_ends_it_with_a_remedy():
    model = one_weight()
    with pytest.raises(ValueError, match="smaller learning_rate"):
        train(model, squared_error_to(model, float("inf")), ones(), learning_rate=0.1, n_epochs=3)


def test_losses_are_logged_for_tensorboard_where_asked(tmp_path):
    import tensorflow as tf

    model = one_weight()
    history, _ = train(
        model, squared_error_to(model, 2.0), ones(), learning_rate=0.1, n_epochs=3, tensorboard_dir=tmp_path / "log"
    )
    (file,) = (tmp_path / "log").iterdir()
    logged = {}
    for record in tf.data.TFRecordDataset(str(file)):
        event = tf.compat.v1.Event.FromString(record.numpy())
        for value in event.summary.value:
            logged[event.step] = (
                value.tag,
                tf.make_ndarray(value.tensor).item(),
                value.metadata.plugin_data.plugin_name,
            )
    assert {step: row[1] for step, row in logged.items()} == pytest.approx(history["loss"].to_dict(), rel=1e-6)
    assert {(row[0], row[2]) for row in logged.values()} == {("loss", "scalars")}
