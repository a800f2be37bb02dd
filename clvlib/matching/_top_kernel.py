"""The kernel behind :mod:`clvlib.matching.top_products`, compiled by numba; loaded only where a product is large.

One dense line of sums at a time: adding into it costs less than any bookkeeping of what was touched. The k largest are
found without sorting: maxima of short blocks of columns, of these the k-th largest, which the k-th score cannot be
below, and then only the few blocks that reach it.
"""

import numpy as np
from numba import njit

__all__ = ["COSINE", "JACCARD", "PRODUCT", "WIDTH", "keep_rows"]

#: What is made of the sum of a pair: the sum; over the root of both sizes; over both sizes less the sum.
PRODUCT, COSINE, JACCARD = 0, 1, 2

#: Columns of a block: with a length that is known to the compiler its maximum is a handful of vector instructions.
WIDTH = 16
# How far below the bound a candidate is still weighed in float64: what float32 and one rounded root can be off by.
_SLACK = 1.0 - 1e-6


@njit(cache=True, nogil=True, fastmath={"nnan", "nsz"})
def _block_maxima(measure, sums, own, size, scale, maxima):
    """The largest score of each block, at least 0; of sums a multiple of WIDTH long."""
    zero = sums[0] * 0
    if measure == PRODUCT:
        for block in range(len(sums) // WIDTH):
            largest = zero
            for place in range(block * WIDTH, block * WIDTH + WIDTH):
                value = sums[place]
                largest = value if value > largest else largest
            maxima[block] = largest
    elif measure == COSINE:
        for block in range(len(sums) // WIDTH):
            largest = zero
            for place in range(block * WIDTH, block * WIDTH + WIDTH):
                value = sums[place] * scale[place]
                largest = value if value > largest else largest
            maxima[block] = largest
    else:
        for block in range(len(sums) // WIDTH):
            largest = zero
            for place in range(block * WIDTH, block * WIDTH + WIDTH):
                value = sums[place] / (own + scale[place] - sums[place])
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


@njit(cache=True, nogil=True)
def _accumulate(indices, data, right_start, right_indices, right_data, sums):
    for place in range(len(indices)):
        weight, row = data[place], indices[place]
        other = right_indices[right_start[row] : right_start[row + 1]]
        value = right_data[right_start[row] : right_start[row + 1]]
        for at in range(len(other)):
            sums[other[at]] += weight * value[at]


@njit(cache=True, nogil=True)
def keep_rows(first, last, left, right, exclude, measure, left_size, right_size, scale, columns, scores, sums):
    """Rows ``first`` to ``last`` of the product into ``columns`` and ``scores``, shape (rows, k).

    left, right: (indptr, indices, data) of CSR matrices, indices unsigned, so that none is taken to count from the
    end; exclude: (indptr, indices), an indptr of length 0 for none. left_size, right_size: sizes for COSINE and
    JACCARD; scale: the inverse roots of the right ones for COSINE, themselves for JACCARD. sums, scale: one a column
    and as many more as make blocks whole; sums zeros of the type to add in, left as zeros.
    """
    left_start, left_indices, left_data = left
    right_start, right_indices, right_data = right
    k, n_blocks = columns.shape[1], len(sums) // WIDTH
    maxima, work = np.empty(n_blocks, sums.dtype), np.empty(n_blocks, sums.dtype)
    for row in range(first, last):
        a, b = left_start[row], left_start[row + 1]
        if a == b:
            continue
        _accumulate(left_indices[a:b], left_data[a:b], right_start, right_indices, right_data, sums)
        if len(exclude[0]) > 0:
            for place in range(exclude[0][row], exclude[0][row + 1]):
                sums[exclude[1][place]] = 0
        _block_maxima(measure, sums, sums.dtype.type(left_size[row]), right_size, scale, maxima)
        bound = _reached_by_kth(maxima, k, work)
        own = left_size[row]
        slack = bound * _SLACK
        found = 0
        for block in range(n_blocks):
            if maxima[block] < slack or maxima[block] == 0:
                continue
            for column in range(block * WIDTH, block * WIDTH + WIDTH):
                total = np.float64(sums[column])
                if total <= 0:
                    continue
                if measure == COSINE:
                    if total * scale[column] < slack:
                        continue
                    score = total / np.sqrt(own * right_size[column])
                elif measure == JACCARD:
                    score = total / (own + right_size[column] - total)
                else:
                    score = total
                if found == k and score <= scores[row, k - 1]:
                    continue
                place = min(found, k - 1)
                while place > 0 and scores[row, place - 1] < score:
                    scores[row, place] = scores[row, place - 1]
                    columns[row, place] = columns[row, place - 1]
                    place -= 1
                scores[row, place] = score
                columns[row, place] = column
                found = min(found + 1, k)
        sums[:] = 0
