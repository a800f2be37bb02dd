"""Frequent itemsets of long logs, compiled by numba; loaded only for logs longer than any chapter reads."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numba import njit

__all__ = ["mine"]


def mine(basket, n_baskets, item, n_items, min_count, max_length, most):
    """All itemsets of at least ``min_count`` baskets and at most ``max_length`` items, up to about ``most`` of them.

    ``basket`` and ``item`` have one entry a line, item -1 where it is known not to be frequent. Returns ``parent``,
    ``item`` and ``count``: an itemset is that of its parent (-1: none) with one item more, parents before children.

    Bits are held for items only. A prefix keeps the words in which it has any bit, so that a rare one costs little,
    and an item is tried behind it only where every pair of the two has been found frequent.
    """
    basket, item = basket.astype(np.int32, copy=False), item.astype(np.int32, copy=False)
    start, held, in_order = _in_order(basket, n_baskets, item, n_items)
    if not in_order:
        start, held = _by_basket(basket, n_baskets, item, n_items)
    count = np.bincount(held, minlength=n_items)
    order = np.argsort(count, kind="stable")  # the rarest first: its branches are small
    order = order[count[order] >= min_count]
    n_items = len(order)
    rank = np.full(len(count), -1, dtype=np.int32)
    rank[order] = np.arange(n_items)
    parent, last, counts = [np.full(n_items, -1)], [np.arange(n_items)], [count[order]]
    if max_length > 1 and n_items > 1:
        held = rank[held]
        half = int(np.searchsorted(start, start[-1] // 2))
        with ThreadPoolExecutor(2) as pool:
            ends = ((0, half), (half, n_baskets))
            pairs = list(pool.map(lambda end: _pairs(start, held, *end, n_items), ends))
            together = pairs[0] + pairs[1] if n_items > 1 else pairs[0]
            bits = _bits(start, held, n_baskets, n_items)
            # every other root each: neighbours have branches of about the same size
            roots = [np.arange(offset, n_items - 1, 2) for offset in (0, 1)]
            found = list(pool.map(lambda own: _branches(bits, together, own, min_count, max_length, most), roots))
        done = n_items
        for above, item_of, count_of in found:
            # within a branch a parent below n_items is a root
            parent.append(np.where(above < n_items, above, above - n_items + done))
            last.append(item_of)
            counts.append(count_of)
            done += len(above)
    return np.concatenate(parent), order[np.concatenate(last)], np.concatenate(counts)


@njit(cache=True, nogil=True)
def _in_order(basket, n_baskets, item, n_items):
    """As ``_by_basket`` in one pass, for lines in the order of their baskets; whether they were is the third result."""
    start = np.zeros(n_baskets + 1, dtype=np.int64)
    held = np.empty(len(basket), dtype=np.int32)
    seen = np.full(n_items, -1, dtype=np.int32)
    kept, now = 0, -1
    for line in range(len(basket)):
        b = basket[line]
        if b < now:
            return start, held[:0], False
        while now < b:
            now += 1
            start[now] = kept
        one = item[line]
        if one >= 0 and seen[one] != b:
            seen[one] = b
            held[kept] = one
            kept += 1
    start[now + 1 :] = kept
    return start, held[:kept], True


@njit(cache=True, nogil=True)
def _by_basket(basket, n_baskets, item, n_items):
    """Items of each basket, each once: basket b's are ``held[start[b]:start[b + 1]]``."""
    size = np.zeros(n_baskets + 1, dtype=np.int64)
    for line in range(len(basket)):
        if item[line] >= 0:
            size[basket[line] + 1] += 1
    for b in range(n_baskets):
        size[b + 1] += size[b]
    place = size[:-1].copy()
    every = np.empty(size[-1], dtype=np.int32)
    for line in range(len(basket)):
        if item[line] >= 0:
            every[place[basket[line]]] = item[line]
            place[basket[line]] += 1
    start = np.empty(n_baskets + 1, dtype=np.int64)
    seen = np.full(n_items, -1, dtype=np.int64)
    kept = 0
    for b in range(n_baskets):
        begin = size[b]
        start[b] = kept
        for k in range(begin, size[b + 1]):
            one = every[k]
            if seen[one] != b:
                seen[one] = b
                every[kept] = one  # never ahead of k
                kept += 1
    start[n_baskets] = kept
    return start, every[:kept]


@njit(cache=True, nogil=True)
def _pairs(start, held, begin, end, n_items):
    """How many of the baskets begin..end hold items i < j: ``together[i, j]``, and 0 elsewhere."""
    together = np.zeros((n_items, n_items), dtype=np.int32)
    own = np.empty(n_items, dtype=np.int32)
    for b in range(begin, end):
        n_own = 0
        for k in range(start[b], start[b + 1]):
            if held[k] >= 0:
                own[n_own] = held[k]
                n_own += 1
        for k in range(n_own):
            one = own[k]
            for m in range(k):
                other = own[m]
                together[min(one, other), max(one, other)] += 1
    return together


@njit(cache=True, nogil=True)
def _bits(start, held, n_baskets, n_items):
    """One bit a basket: shape (items, ceil(baskets / 64))."""
    bits = np.zeros((n_items, (n_baskets + 63) // 64), dtype=np.uint64)
    for b in range(n_baskets):
        bit = np.uint64(1) << np.uint64(b & 63)
        for k in range(start[b], start[b + 1]):
            if held[k] >= 0:
                bits[held[k], b >> 6] |= bit
    return bits


@njit(cache=True, nogil=True)
def _ones(x):
    """How many bits are set; compilers know these lines and put the processor's own instruction in their place."""
    x = x - ((x >> np.uint64(1)) & np.uint64(0x5555555555555555))
    x = (x & np.uint64(0x3333333333333333)) + ((x >> np.uint64(2)) & np.uint64(0x3333333333333333))
    x = (x + (x >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return (x * np.uint64(0x0101010101010101)) >> np.uint64(56)


@njit(cache=True, nogil=True)
def _grown(array):
    larger = np.empty(2 * len(array), dtype=array.dtype)
    larger[: len(array)] = array
    return larger


@njit(cache=True, nogil=True)
def _branches(bits, together, roots, min_count, max_length, most):
    """Itemsets of two and more items below the ``roots``: parent (below n_items: a root, else n_items + row), item,
    count."""
    n_items, n_words = bits.shape
    parent, item, count = np.empty(1024, np.int64), np.empty(1024, np.int64), np.empty(1024, np.int64)
    done = 0
    # one level a length of prefix: its siblings still to come, and its words that hold any bit
    depth_most = min(max_length, n_items) + 1
    sibling = np.empty((depth_most, n_items), np.int64)
    number = np.empty((depth_most, n_items), np.int64)
    n_siblings, at = np.zeros(depth_most, np.int64), np.zeros(depth_most, np.int64)
    word = np.empty((min(depth_most, 64), n_words), np.int64)
    prefix = np.empty((min(depth_most, 64), n_words), np.uint64)
    n_held = np.zeros(depth_most, np.int64)
    for root in roots:
        n = 0
        for j in range(root + 1, n_items):
            if together[root, j] >= min_count:
                if done == len(parent):
                    parent, item, count = _grown(parent), _grown(item), _grown(count)
                parent[done], item[done], count[done] = root, j, together[root, j]
                sibling[0, n], number[0, n] = j, n_items + done
                n += 1
                done += 1
        if n < 2 or max_length < 3:
            continue
        n_siblings[0], at[0], depth = n, 0, 0
        held = 0
        for w in range(n_words):
            if bits[root, w]:
                word[0, held], prefix[0, held] = w, bits[root, w]
                held += 1
        n_held[0] = held
        while depth >= 0:
            if at[depth] >= n_siblings[depth] - 1 or done > most:
                depth -= 1
                continue
            p = at[depth]
            at[depth] += 1
            one = sibling[depth, p]
            if depth + 1 == len(word):
                word, prefix = _deeper(word), _deeper(prefix)
            held = 0
            for k in range(n_held[depth]):
                both = prefix[depth, k] & bits[one, word[depth, k]]
                if both:
                    word[depth + 1, held], prefix[depth + 1, held] = word[depth, k], both
                    held += 1
            n_held[depth + 1] = held
            n = 0
            for q in range(p + 1, n_siblings[depth]):
                other = sibling[depth, q]
                if together[one, other] < min_count:
                    continue
                total = np.uint64(0)
                for k in range(held):
                    total += _ones(prefix[depth + 1, k] & bits[other, word[depth + 1, k]])
                if total >= min_count:
                    if done == len(parent):
                        parent, item, count = _grown(parent), _grown(item), _grown(count)
                    parent[done], item[done], count[done] = number[depth, p], other, total
                    sibling[depth + 1, n], number[depth + 1, n] = other, n_items + done
                    n += 1
                    done += 1
            if n > 1 and depth + 4 <= max_length:
                depth += 1
                n_siblings[depth], at[depth] = n, 0
    return parent[:done], item[:done], count[:done]


@njit(cache=True, nogil=True)
def _deeper(levels):
    larger = np.empty((2 * len(levels), levels.shape[1]), dtype=levels.dtype)
    larger[: len(levels)] = levels
    return larger
