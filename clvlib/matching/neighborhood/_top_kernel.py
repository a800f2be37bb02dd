"""The kernel behind ``top_products``, compiled by numba; loaded only where a product is large.

One dense line of sums at a time: adding into it costs less than any bookkeeping of what was touched, but where that is
very little. The k largest are found without sorting: maxima of short blocks of columns, of these the k-th largest,
which the k-th score cannot be below, and then only the few blocks that reach it.
"""

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

__all__ = ["COSINE", "JACCARD", "PRODUCT", "WIDTH", "keep_block", "keep_rows"]

#: What is made of the sum of a pair: the sum; over the root of both sizes; over both sizes less the sum.
PRODUCT, COSINE, JACCARD = 0, 1, 2

#: Columns of a block: with a length that is known to the compiler its maximum is a handful of vector instructions.
WIDTH = 16
# How far below the bound a candidate is still weighed in float64: what float32 and one rounded root can be off by.
_SLACK = 1.0 - 1e-6
# Where fewer sums than one in so many are added to, it is quicker to know which these are than to look at all.
_FEW = 16
# The right rows lie anywhere in memory: so many places ahead the first lines of the coming one are asked for. Without,
# waiting for memory takes most of the time where the matrix exceeds the caches.
_AHEAD, _LINES = 4, 4


@njit(cache=True, nogil=True, fastmath={"nnan", "nsz"})
def _block_maxima(measure, sums, own, scale, maxima):
    """The largest score of each block, at least 0. Block b has the columns b, b + n_blocks, b + 2 n_blocks, ...

    Blocks lie side by side, not one after another, so that one instruction looks at the next columns of many blocks.
    """
    n_blocks, zero = len(maxima), sums[0] * 0
    if measure == PRODUCT:
        for block in range(n_blocks):
            largest = zero
            for step in range(WIDTH):
                value = sums[step * n_blocks + block]
                largest = value if value > largest else largest
            maxima[block] = largest
    elif measure == COSINE:
        for block in range(n_blocks):
            largest = zero
            for step in range(WIDTH):
                value = sums[step * n_blocks + block] * scale[step * n_blocks + block]
                largest = value if value > largest else largest
            maxima[block] = largest
    else:
        for block in range(n_blocks):
            largest = zero
            for step in range(WIDTH):
                value = sums[step * n_blocks + block]
                value /= own + scale[step * n_blocks + block] - value
                largest = value if value > largest else largest
            maxima[block] = largest


@njit(cache=True, nogil=True)
def _reached_by_kth(maxima, k, work):
    """A bound that the k-th largest score reaches: the k-th largest of maxima, taken together in groups."""
    group = max(1, len(maxima) // max(4 * k, 512))
    n = len(maxima) // group
    if n < k:
        return maxima[0] * 0
    for place in range(n):
        work[place] = maxima[place]
    for member in range(1, group):
        for place in range(n):
            value = maxima[member * n + place]
            work[place] = value if value > work[place] else work[place]
    low, high, wanted = 0, n - 1, k - 1
    while low < high:
        pivot = work[(low + high) >> 1]
        left, right = low, high
        while left <= right:
            while work[left] > pivot:
                left += 1
            while work[right] < pivot:
                right -= 1
            if left <= right:
                work[left], work[right] = work[right], work[left]
                left += 1
                right -= 1
        if wanted <= right:
            high = right
        elif wanted >= left:
            low = left
        else:
            break
    return work[wanted]


@intrinsic
def _prefetch(typingctx, array, position):
    """Ask for ``array[position]`` to be brought near, to be read; computes nothing and may lie outside."""

    def codegen(context, builder, signature, args):
        data = context.make_array(signature.args[0])(context, builder, args[0]).data
        address = builder.bitcast(builder.gep(data, [args[1]]), ir.IntType(8).as_pointer())
        flag = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [address.type, flag, flag, flag])
        function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        builder.call(function, [address, flag(0), flag(3), flag(1)])
        return context.get_dummy_value()

    return types.void(array, types.intp), codegen


@njit(cache=True, nogil=True)
def _accumulate(indices, data, right_start, right_indices, right_data, sums):
    """Add the rows of the right matrix that one row of the left has; a right_data of length 0 stands for ones."""
    kind = sums.dtype.type
    ones = len(right_data) == 0
    line, data_line = 64 // right_indices.itemsize, 64 // right_data.itemsize
    for place in range(len(indices)):
        if place + _AHEAD < len(indices):
            coming = right_start[indices[place + _AHEAD]]
            for near in range(_LINES):
                _prefetch(right_indices, coming + near * line)
                if not ones:
                    _prefetch(right_data, coming + near * data_line)
        weight, row = kind(data[place]), indices[place]
        other = right_indices[right_start[row] : right_start[row + 1]]
        if ones:
            for at in range(len(other)):
                sums[other[at]] += weight
        else:
            value = right_data[right_start[row] : right_start[row + 1]]
            for at in range(len(other)):
                sums[other[at]] += weight * kind(value[at])


@njit(cache=True, nogil=True)
def _before(score, column, other_score, other_column):
    return score > other_score or (score == other_score and column < other_column)


@njit(cache=True, nogil=True)
def _insert(score, column, columns, scores):
    """Put ``column`` at its place among the best of a row, of which the last one goes; equal scores by column."""
    k = len(scores)
    if not (score > scores[k - 1] or (score == scores[k - 1] and 0 <= column < columns[k - 1])):
        return
    place = k - 1
    while place > 0 and (columns[place - 1] < 0 or _before(score, column, scores[place - 1], columns[place - 1])):
        scores[place], columns[place] = scores[place - 1], columns[place - 1]
        place -= 1
    scores[place], columns[place] = score, column


@njit(cache=True, nogil=True)
def _score(measure, total, own, other):
    if measure == COSINE:
        return total / np.sqrt(own * other)
    return total / (own + other - total) if measure == JACCARD else total


@njit(cache=True, nogil=True)
def _touch(indices, data, right_start, right_indices, right_data, sums, touched):
    """As ``_accumulate``, writing down which sums are no longer 0; returns how many. One may be named twice."""
    kind = sums.dtype.type
    n, ones = 0, len(right_data) == 0
    for place in range(len(indices)):
        weight, row = kind(data[place]), indices[place]
        for at in range(right_start[row], right_start[row + 1]):
            column = right_indices[at]
            if sums[column] == 0:
                touched[n] = column
                n += 1
            sums[column] += weight if ones else weight * kind(right_data[at])
    return n


@njit(cache=True, nogil=True)
def _keep_touched(touched, sums, measure, own, right_size, columns, scores):
    for place in range(len(touched)):
        column = np.int64(touched[place])
        total = np.float64(sums[column])
        sums[column] = 0  # if it is named again, it counts once
        if total > 0:
            _insert(_score(measure, total, own, right_size[column]), column, columns, scores)


@njit(cache=True, nogil=True)
def _keep_blocks(maxima, bound, sums, measure, own, right_size, scale, columns, scores):
    k, n_blocks = len(scores), len(maxima)
    root = np.sqrt(own) if measure == COSINE else 1.0  # from a score to what the maxima are of
    slack = bound * _SLACK
    for block in range(n_blocks):
        if maxima[block] < slack or maxima[block] == 0:
            continue
        for column in range(block, len(sums), n_blocks):
            total = np.float64(sums[column])
            if total <= 0 or (measure == COSINE and total * scale[column] < slack):
                continue
            _insert(_score(measure, total, own, right_size[column]), column, columns, scores)
            slack = max(slack, scores[k - 1] * root * _SLACK)


@njit(cache=True, nogil=True)
def keep_rows(first, last, left, right, exclude, measure, left_size, right_size, scale, columns, scores, sums):
    """Rows ``first`` to ``last`` of the product into ``columns`` and ``scores``, shape (rows, k).

    left, right: (indptr, indices, data) of CSR matrices, indices unsigned, so that none is taken to count from the
    end, and data of length 0 on the right for ones; exclude: (indptr, indices), an indptr of length 0 for none.
    left_size, right_size: sizes for COSINE and JACCARD; scale: the inverse roots of the right ones for COSINE,
    themselves for JACCARD. sums, scale: one a column and as many more as make blocks whole; sums zeros of the type to
    add in, left as zeros.
    """
    left_start, left_indices, left_data = left
    right_start, right_indices, right_data = right
    k, n_blocks = columns.shape[1], len(sums) // WIDTH
    maxima, work = np.empty(n_blocks, sums.dtype), np.empty(n_blocks, sums.dtype)
    few = len(sums) // _FEW
    touched = np.empty(few, np.uint32)
    for row in range(first, last):
        indices = left_indices[left_start[row] : left_start[row + 1]]
        data = left_data[left_start[row] : left_start[row + 1]]
        adds = 0
        for place in range(len(indices)):
            adds += right_start[indices[place] + 1] - right_start[indices[place]]
        if adds == 0:
            continue
        n = -1
        if adds <= few:
            n = _touch(indices, data, right_start, right_indices, right_data, sums, touched)
        else:
            _accumulate(indices, data, right_start, right_indices, right_data, sums)
        if len(exclude[0]) > 0:
            for place in range(exclude[0][row], exclude[0][row + 1]):
                sums[exclude[1][place]] = 0
        own = left_size[row]
        if n >= 0:
            _keep_touched(touched[:n], sums, measure, own, right_size, columns[row], scores[row])
            continue
        _block_maxima(measure, sums, sums.dtype.type(own), scale, maxima)
        bound = _reached_by_kth(maxima, k, work)
        _keep_blocks(maxima, bound, sums, measure, own, right_size, scale, columns[row], scores[row])
        sums[:] = 0


@njit(cache=True, nogil=True)
def keep_block(product, first, other_first, jaccard, norm2, inverse, columns, scores):
    """A block of the symmetric square of products into the best of its rows and, off the diagonal, of its columns.

    product: of rows from ``first`` on with rows from ``other_first`` on. norm2: squared norms or, with ``jaccard``,
    numbers of values; inverse: their inverse roots.
    """
    n, m = product.shape
    k = scores.shape[1]
    # The least score that may still enter, of what is compared cell by cell.
    least = np.empty(m, product.dtype)
    for j in range(m):
        least[j] = scores[other_first + j, k - 1] * _SLACK
    diagonal = first == other_first
    for i in range(n):
        row = first + i
        own = norm2[row]
        mine = product.dtype.type(scores[row, k - 1] * _SLACK)
        for j in range(m):
            total = product[i, j]
            if jaccard:
                key = total / product.dtype.type(own + norm2[other_first + j] - total)
            else:
                key = total * inverse[row] * inverse[other_first + j]
            if key > 0 and (key >= mine or (not diagonal and key >= least[j])):
                other = other_first + j
                if other == row:
                    continue
                exact = np.float64(total)
                score = exact / (own + norm2[other] - exact) if jaccard else exact / np.sqrt(own * norm2[other])
                _insert(score, other, columns[row], scores[row])
                mine = product.dtype.type(scores[row, k - 1] * _SLACK)
                if not diagonal:
                    _insert(score, row, columns[other], scores[other])
                    least[j] = scores[other, k - 1] * _SLACK
