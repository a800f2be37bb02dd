"""The k largest entries of each row of a sparse product, without ever holding the product.

Nearest neighbours, lists for all customers and texts that match are all this one question. Two ways to one result:
scipy's product a block of rows at a time, which needs nothing to be compiled; and for large products the kernel of
:mod:`clvlib.matching._top_kernel`, which adds in the same order and gives the same digits.
"""

import numpy as np
from scipy import sparse

__all__ = ["block_rows", "top_columns", "top_products"]

#: Cells of a dense block of scores: 32 MB of float64, however many rows are asked for.
_CELLS = 4_000_000


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
    return _by_scipy(left, right, k, exclude)


def block_rows(n_columns: int) -> int:
    """How many rows of ``n_columns`` scores fit into one block.

    >>> block_rows(1_000_000)
    4
    """
    return max(1, _CELLS // max(1, n_columns))


def top_columns(scores: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Row, column and place (from 0) of the n largest scores of each row, best first.

    Ties go to the smaller column; -inf is never listed, so that a row may give fewer than n. ``scores`` has shape
    (rows, columns) without NaN.

    >>> row, column, place = top_columns(np.array([[1.0, 3.0, 3.0, -np.inf]]), 2)
    >>> column.tolist(), place.tolist()
    ([1, 2], [0, 1])
    """
    chosen = scores > -np.inf
    if n < scores.shape[1]:
        chosen &= scores >= _at_most_nth(scores, n)
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
    maxima = scores[:, :whole].reshape(len(scores), -1, width).max(axis=2)
    return np.sort(maxima, axis=1)[:, -n, None]


def _operand(matrix, name: str) -> sparse.csr_array:
    matrix = sparse.csr_array(matrix)
    if matrix.dtype != np.float64:
        matrix = matrix.astype(np.float64)
    bad = int((~np.isfinite(matrix.data)).sum())
    if bad:
        raise ValueError(f"{bad} of {matrix.nnz} values of {name} are missing or infinite; drop or fill them first.")
    return matrix


def _by_scipy(left, right, k, exclude) -> tuple[np.ndarray, np.ndarray]:
    n_rows, n_columns = left.shape[0], right.shape[1]
    columns, scores = np.full((n_rows, k), -1, dtype=np.int32), np.zeros((n_rows, k))
    step = block_rows(n_columns)
    for start in range(0, n_rows if n_columns else 0, step):
        block = (left[start : start + step] @ right).toarray()
        if exclude is not None:
            unwanted = exclude[start : start + step].tocoo()
            block[unwanted.row, unwanted.col] = 0.0
        block[block <= 0] = -np.inf
        row, column, place = top_columns(block, k)
        columns[start + row, place] = column
        scores[start + row, place] = block[row, column]
    return columns, scores
