"""The k largest entries of a sparse product: against the dense product, on every path."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from clvlib.matching.neighborhood import top_products as module
from clvlib.matching.neighborhood.top_products import Sizes, top_products


def _dense_answer(left, right, k, exclude=None):
    product = left.toarray() @ right.toarray()
    if exclude is not None:
        product[exclude.toarray() != 0] = 0
    columns, scores = np.full((len(product), k), -1), np.zeros((len(product), k))
    for row, values in enumerate(product):
        best = [column for column in np.argsort(-values, kind="stable")[:k] if values[column] > 0]
        columns[row, : len(best)], scores[row, : len(best)] = best, values[best]
    return columns, scores


def _random(rng, shape, density, whole):
    matrix = sparse.random_array(shape, density=density, rng=rng, format="csr")
    matrix.data = rng.integers(-2, 6, matrix.nnz).astype(float) if whole else rng.normal(0.5, 1, matrix.nnz)
    return matrix


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 12), st.booleans())
def test_the_dense_product_has_the_same_largest_entries(seed, k, masked):
    rng = np.random.default_rng(seed)
    m, p, q = rng.integers(1, 12, 3)
    left, right = _random(rng, (m, p), 0.5, whole=True), _random(rng, (p, q), 0.5, whole=True)
    exclude = sparse.random_array((m, q), density=0.3, rng=rng) if masked else None
    columns, scores = top_products(left, right, k=k, exclude=exclude)
    expected = _dense_answer(left, right, k, exclude)
    assert columns.tolist() == expected[0].tolist()
    assert scores.tolist() == expected[1].tolist()


@pytest.mark.parametrize("measure", [None, "cosine", "jaccard"])
@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("masked", [True, False])
@pytest.mark.parametrize("shape", [(40, 30, 33), (70, 60, 700), (5, 20, 16), (30, 400, 20_000)])
def test_the_kernel_gives_scipys_digits(measure, whole, masked, shape):
    rng = np.random.default_rng(7)
    m, p, q = shape
    # Of the widest, some rows add little enough to write down what they touch, and others do not.
    share = (0.015, 0.01) if q == 20_000 else (0.2, 0.2)
    left, right = _random(rng, (m, p), share[0], whole), _random(rng, (p, q), share[1], whole)
    if measure == "jaccard":
        left.data[:], right.data[:] = 1.0, 1.0
    sizes = measure and Sizes(measure, (left**2).sum(axis=1), (right**2).sum(axis=0))
    exclude = sparse.csr_array(sparse.random_array((m, q), density=0.1, rng=rng)) if masked else None
    for k in (1, 10, 50):
        by_scipy, by_kernel = (way(left, right, k, exclude, sizes) for way in (module._by_scipy, module._by_kernel))
        assert np.array_equal(by_kernel[0], by_scipy[0])
        assert np.array_equal(by_kernel[1], by_scipy[1])


def test_float32_adds_only_where_it_is_exact():
    left, right = sparse.csr_array(np.full((2, 300), 200.0)), sparse.csr_array(np.full((300, 2), 250.0))
    assert module._exact_in_float32(left, right)  # 15,000,000 a sum; 24 bits count to 16,777,216
    assert not module._exact_in_float32(left * 2, right)
    assert not module._exact_in_float32(left, right * 2)  # more than 8 bits
    assert not module._exact_in_float32(left, right * -1)
    assert not module._exact_in_float32(left * 0.0015, right)


def test_small_products_load_no_numba_and_large_ones_do(monkeypatch):
    matrix, ways = sparse.csr_array(np.eye(3)), []
    monkeypatch.setattr(module, "_by_kernel", lambda *_: ways.append("kernel"))
    monkeypatch.setattr(module, "_by_scipy", lambda *_: ways.append("scipy"))
    monkeypatch.setattr(module, "_LOADED", 1.0)
    top_products(matrix, matrix, k=1)
    top_products(sparse.csr_array((100_000, 3)), sparse.csr_array((3, 100_000)), k=1)
    assert ways == ["scipy", "kernel"]


def test_a_stored_zero_excludes_too():
    left, right = sparse.csr_array([[1.0]]), sparse.csr_array([[1.0, 2.0]])
    exclude = sparse.csr_array((np.array([0.0]), (np.array([0]), np.array([1]))), shape=(1, 2))
    assert top_products(left, right, k=1, exclude=exclude)[0].tolist() == [[0]]


def test_any_sparse_format_and_empty_shapes_are_taken():
    one = sparse.coo_matrix([[2]])
    assert top_products(one, one.tocsc(), k=3)[1].tolist() == [[4.0, 0.0, 0.0]]
    assert top_products(sparse.csr_array((0, 3)), sparse.csr_array((3, 4)), k=2)[0].shape == (0, 2)
    assert top_products(sparse.csr_array((2, 3)), sparse.csr_array((3, 0)), k=2)[0].tolist() == [[-1, -1], [-1, -1]]


def test_what_cannot_be_multiplied_is_refused():
    matrix = sparse.csr_array(np.eye(2))
    with pytest.raises(ValueError, match="left has 2 columns and right 3 rows"):
        top_products(matrix, sparse.csr_array((3, 2)), k=1)
    with pytest.raises(ValueError, match="k must be at least 1"):
        top_products(matrix, matrix, k=0)
    with pytest.raises(ValueError, match="exclude has shape"):
        top_products(matrix, matrix, k=1, exclude=sparse.csr_array((1, 2)))
    with pytest.raises(ValueError, match="1 of 1 values of left"):
        top_products(sparse.csr_array([[np.nan, 0.0]]), matrix, k=1)
