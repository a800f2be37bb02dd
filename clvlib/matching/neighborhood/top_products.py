"""The k largest entries of each row of a sparse product, without ever holding the product.

Nearest neighbours, lists for all customers and texts that match are all this one question. Two ways to one result:
scipy's product a block of rows at a time, which needs nothing to be compiled; and for large products the kernel of
:mod:`clvlib.matching.neighborhood._top_kernel`, which adds in the same order and gives the same digits.
"""

import sys
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from scipy import sparse

__all__ = ["Sizes", "block_rows", "top_columns", "top_of_rows", "top_products"]

#: Cells of a dense block of scores: 32 MB of float64, however many rows are asked for.
_CELLS = 4_000_000
#: What scipy's way takes, in seconds for a multiply-add and for a cell of the product, as orders of magnitude.
_SECONDS = 1e-8, 1.5e-8
#: From so many seconds on the kernel is the way: while numba and the kernel have to be loaded or even compiled first,
#: for a single product and for all of a process together, and after that.
_LOADING, _LOADING_TOGETHER, _LOADED = 1.0, 3.0, 0.01
#: What scipy's way has taken in this process so far, by the same estimate.
_spent = [0.0]
#: Two threads, as the kernel waits for memory more than it computes; never more than the pieces are worth.
_THREADS = 2


class Sizes(NamedTuple):
    """What turns a product of rows into their similarity: the measure ("cosine" or "jaccard") and, a row each, the
    squared norms or the numbers of values, float64.

    cosine: product / sqrt(left_a right_c); jaccard: product / (left_a + right_c - product).
    """

    measure: str
    left: np.ndarray
    right: np.ndarray


def top_products(
    left: sparse.sparray | sparse.spmatrix,
    right: sparse.sparray | sparse.spmatrix,
    *,
    k: int,
    exclude: sparse.sparray | sparse.spmatrix | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """For each row of ``left @ right`` its k largest positive entries, the largest first.

    Parameters
    ----------
    left, right : sparse, shapes (m, p) and (p, q), finite values; computed in float64. CSR is taken as it is.
    k : how many entries to keep, at least 1; more than q are never found.
    exclude : sparse, shape (m, q): pairs that are never kept, whatever value is stored there (what a customer has
        already, a row's product with itself). None keeps all.

    Returns
    -------
    columns, scores : int32 and float64, shape (m, k). Of equal scores the smaller column comes first; scores that
    differ in the last digit only, as sums in another order may, are not equal. Where a row has fewer than k positive
    products, the rest is -1 and 0.0.

    Raises ValueError if shapes do not fit, k is below 1 or a value is not finite.

    Examples
    --------
    >>> left = sparse.csr_array([[1.0, 2.0], [0.0, 0.0]])
    >>> right = sparse.csr_array([[1.0, 0.0, 3.0], [1.0, 0.5, 0.0]])
    >>> columns, scores = top_products(left, right, k=2)
    >>> columns.tolist(), scores.tolist()
    ([[0, 2], [-1, -1]], [[3.0, 3.0], [0.0, 0.0]])
    >>> top_products(left, right, k=2, exclude=sparse.csr_array([[1, 0, 0], [0, 0, 0]]))[0].tolist()
    [[2, 1], [-1, -1]]
    """
    left, right = _operand(left, "left"), _operand(right, "right")
    if left.shape[1] != right.shape[0]:
        raise ValueError(f"left has {left.shape[1]} columns and right {right.shape[0]} rows; these must be equal.")
    if k < 1:
        raise ValueError(f"k must be at least 1, not {k}.")
    shape = left.shape[0], right.shape[1]
    if exclude is not None:
        exclude = sparse.csr_array(exclude)
        if exclude.shape != shape:
            raise ValueError(f"exclude has shape {exclude.shape}; the product has {shape}.")
    return top_of_rows(left, right, k, exclude)


def top_of_rows(
    left: sparse.csr_array,
    right: sparse.csr_array,
    k: int,
    exclude: sparse.csr_array | None = None,
    sizes: Sizes | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """As :func:`top_products`, unchecked, of similarities where ``sizes`` are given; takes the quicker way.

    >>> ones = sparse.csr_array([[1.0, 1.0], [0.0, 1.0]])
    >>> sizes = Sizes("jaccard", np.array([2.0, 1.0]), np.array([2.0, 1.0]))
    >>> top_of_rows(ones, ones.T.tocsr(), 2, sizes=sizes)[1].tolist()
    [[1.0, 0.5], [1.0, 0.5]]
    """
    shape = left.shape[0], right.shape[1]
    adds = float(np.diff(right.indptr)[left.indices].sum(dtype=np.float64))
    seconds = _SECONDS[0] * adds + _SECONDS[1] * shape[0] * shape[1]
    loaded = "clvlib.matching.neighborhood._top_kernel" in sys.modules
    worth = seconds > _LOADED if loaded else seconds > _LOADING or seconds + _spent[0] > _LOADING_TOGETHER
    if worth and min(shape) > 0:
        return _by_kernel(left, right, k, exclude, sizes)
    _spent[0] += seconds
    return _by_scipy(left, right, k, exclude, sizes)


def block_rows(n_columns: int) -> int:
    """How many rows of ``n_columns`` scores fit into one block.

    >>> block_rows(1_000_000)
    4
    """
    return max(1, _CELLS // max(1, n_columns))


def top_columns(scores: np.ndarray, n: int, *, above: float = -np.inf) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Row, column and place (from 0) of the n largest scores of each row, best first.

    Ties go to the smaller column; only what is ``above`` is listed, so that a row may give fewer than n. ``scores``
    has shape (rows, columns) without NaN.

    >>> row, column, place = top_columns(np.array([[1.0, 3.0, 3.0, -np.inf]]), 2)
    >>> column.tolist(), place.tolist()
    ([1, 2], [0, 1])
    """
    if n < scores.shape[1]:
        bound = _at_most_nth(scores, n)
        chosen = (scores >= bound) & (scores > above) if (bound <= above).any() else scores >= bound
    else:
        chosen = scores > above
    row, column = np.nonzero(chosen)
    order = np.lexsort((column, -scores[row, column], row))
    row, column = row[order], column[order]
    first = np.searchsorted(row, np.arange(len(scores)))
    place = np.arange(len(row)) - first[row]
    kept = place < n
    return row[kept], column[kept], place[kept]


def _at_most_nth(scores: np.ndarray, n: int) -> np.ndarray:
    """A bound that the n-th largest score of each row reaches, shape (rows, 1).

    The n-th largest of the maxima of stretches of columns: n stretches hold at least n scores as large. Few others
    reach it, and it costs one pass, where a partition of a row full of ties takes ten times as long.
    """
    n_columns = scores.shape[1]
    width = max(1, min(64, n_columns // (2 * n)))
    whole = n_columns // width * width
    maxima = scores[:, :whole].reshape(len(scores), whole // width, width).max(axis=2)
    return np.sort(maxima, axis=1)[:, -n, None]


def _operand(matrix, name: str) -> sparse.csr_array:
    matrix = sparse.csr_array(matrix)
    if matrix.dtype != np.float64:
        matrix = matrix.astype(np.float64)
    bad = int((~np.isfinite(matrix.data)).sum())
    if bad:
        raise ValueError(f"{bad} of {matrix.nnz} values of {name} are missing or infinite; drop or fill them first.")
    return matrix


def _by_scipy(left, right, k, exclude=None, sizes=None) -> tuple[np.ndarray, np.ndarray]:
    n_rows, n_columns = left.shape[0], right.shape[1]
    columns, scores = np.full((n_rows, k), -1, dtype=np.int32), np.zeros((n_rows, k))
    step = block_rows(n_columns)
    for start in range(0, n_rows if n_columns else 0, step):
        product = left[start : start + step] @ right
        if sizes is not None:
            own = np.repeat(sizes.left[start : start + step], np.diff(product.indptr))
            other = sizes.right[product.indices]
            cosine = sizes.measure == "cosine"
            over = np.sqrt(own * other) if cosine else own + other - product.data
            np.divide(product.data, over, out=product.data, where=over > 0)
        block = product.toarray()
        if exclude is not None:
            unwanted = exclude[start : start + step].tocoo()
            block[unwanted.row, unwanted.col] = 0.0
        row, column, place = top_columns(block, k, above=0.0)
        columns[start + row, place] = column
        scores[start + row, place] = block[row, column]
    return columns, scores


def _by_kernel(left, right, k, exclude=None, sizes=None) -> tuple[np.ndarray, np.ndarray]:
    """The same digits: sums are taken in float64 in scipy's order, or in float32 where whole numbers make it exact."""
    from clvlib.matching.neighborhood import _top_kernel

    n_rows, n_columns = left.shape[0], right.shape[1]
    kind = np.float32 if _exact_in_float32(left, right) else np.float64
    padded = n_columns + -n_columns % _top_kernel.WIDTH
    measure, own, other = _top_kernel.PRODUCT, np.ones(n_rows), np.ones(padded)
    scale = np.zeros(padded, kind)
    if sizes is not None:
        own, other[:n_columns] = sizes.left, sizes.right
        measure = _top_kernel.COSINE if sizes.measure == "cosine" else _top_kernel.JACCARD
        if measure == _top_kernel.COSINE:
            # A row without a norm has no products that are not 0.
            scale[:n_columns] = 1 / np.sqrt(np.where(sizes.right > 0, sizes.right, 1.0))
        else:
            scale[:] = other
    columns, scores = np.full((n_rows, k), -1, dtype=np.int32), np.zeros((n_rows, k))
    mask = np.zeros(0, np.int64), np.zeros(0, np.uint32)
    if exclude is not None:
        mask = exclude.indptr.astype(np.int64), _unsigned(exclude.indices)
    operands = _left_arrays(left, kind), _right_arrays(right, np.uint8 if kind == np.float32 else kind)
    step = min(256, max(1, n_rows // 64))

    def keep(first: int) -> None:
        sums = np.zeros(padded, kind)
        last = min(first + step, n_rows)
        _top_kernel.keep_rows(first, last, *operands, mask, measure, own, other, scale, columns, scores, sums)

    with ThreadPoolExecutor(_THREADS) as pool:
        for _ in pool.map(keep, range(0, n_rows, step)):
            pass
    return columns, scores


def _exact_in_float32(left: sparse.csr_array, right: sparse.csr_array) -> bool:
    """Whether no sum can be off: whole numbers, on the right of 8 bits, and no sum beyond what 24 bits count."""
    longest = np.diff(left.indptr).max(initial=0) * 1.0
    for matrix in (right, left):
        largest = 0.0
        for start in range(0, matrix.nnz, _CELLS // 8):
            data = matrix.data[start : start + _CELLS // 8]
            if not np.array_equal(data, np.rint(data)):
                return False
            largest = max(largest, np.abs(data).max())
            if matrix is right and (largest > 255 or data.min() < 0):
                return False
        longest *= largest
    return bool(longest < 2**24)


def _left_arrays(matrix: sparse.csr_array, kind: type) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return matrix.indptr.astype(np.int64), _unsigned(matrix.indices), matrix.data.astype(kind, copy=False)


def _right_arrays(matrix: sparse.csr_array, kind: type) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The right matrix is read again and again: the fewer bytes, the more of it stays in the caches."""
    indices, data = _unsigned(matrix.indices), matrix.data
    if matrix.shape[1] <= 2**16:
        indices = indices.astype(np.uint16)
    data = data[:0] if len(data) and data.min() == data.max() == 1 else data
    return matrix.indptr.astype(np.int64), indices, data.astype(kind, copy=False)


def _unsigned(indices: np.ndarray) -> np.ndarray:
    """Positions as the kernel takes them, without a copy where they have 32 bits."""
    return indices.astype(np.int32, copy=False).view(np.uint32)
