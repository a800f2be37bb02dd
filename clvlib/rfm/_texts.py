"""Short texts by rank: no table of texts, no sorting, where ids are written like numbers, as most are.

``C000123`` is a common head and a few places with ten letters each: a number in mixed radix, whose order is the order
of the texts.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import pandas as pd
import pyarrow as pa

from clvlib.rfm._scan import read_only

__all__ = ["short_texts"]

_SAMPLE = 1000
# Less is done before a second thread has begun.
THREADED_FROM = 3_000_000


def short_texts(ids: pa.LargeStringArray) -> tuple[np.ndarray, int, Callable[[np.ndarray], pa.Array]] | None:
    """Codes in the order of the texts, how many there can be, and the way back; None where the texts are too long.

    Texts that share a head and have one to eight bytes behind it, none of them missing.
    """
    from clvlib.rfm import _text_kernels as kernels

    offsets = read_only(np.frombuffer(ids.buffers()[1], np.int64)[ids.offset : ids.offset + len(ids) + 1])
    data = read_only(np.frombuffer(ids.buffers()[2], np.uint8)[: offsets[-1]])
    if len(data) < 8:
        return None
    words = read_only(np.ndarray(len(data) - 7, "<u8", data, 0, (1,)))
    head = read_only(_common_head(ids))
    keys = np.empty(len(ids), np.uint64)
    edges = np.linspace(0, len(ids), (2 if len(ids) >= THREADED_FROM else 1) + 1).astype(np.int64).tolist()
    parts = list(pairwise(edges))
    with ThreadPoolExecutor(len(parts)) as pool:
        bits = list(pool.map(lambda part: kernels.pack(words, data, offsets, *part, head, keys), parts))
        one, every, no_digit = (np.array(column, np.uint64) for column in zip(*bits, strict=True))
        if not one.all():
            return None
        varying = int(np.bitwise_or.reduce(one) ^ np.bitwise_and.reduce(every))
        no_digit = int(np.bitwise_or.reduce(no_digit))
        alphabets = _alphabets(keys, varying, no_digit, kernels.used)
        n_numbers = 1
        for alphabet in alphabets.values():
            n_numbers *= len(alphabet)
        if n_numbers > 4 * len(ids):
            return _hashed(keys, head)
        places = np.array([8 * place for place in alphabets], np.uint64)
        worth = _worth(list(alphabets.values()))
        known, codes = np.zeros(n_numbers, np.uint64), keys.view(np.int64)  # a key is not needed after its number
        list(pool.map(lambda part: kernels.fold(keys, *part, places, worth, codes, known), parts))
    if n_numbers <= len(ids) // 2:
        return codes, n_numbers, lambda rows: _spelt(known[rows], head)
    there = known != 0
    rank = np.cumsum(there) - 1
    known = known[there]
    np.take(rank, codes, out=codes, mode="clip")
    return codes, len(known), lambda rows: _spelt(known[rows], head)


def _common_head(ids: pa.Array) -> np.ndarray:
    """What a sample of the texts begins with, as bytes; the shortest one keeps a byte of its own."""
    rows = np.linspace(0, len(ids) - 1, _SAMPLE).astype(np.int64)
    texts = [text.encode() for text in ids.take(pa.array(rows)).to_pylist()]
    low, high = min(texts), max(texts)
    same = next((place for place, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), len(low))
    shortest = min(map(len, texts))
    longest = max(map(len, texts))
    # no longer than it must be: the next text may differ earlier
    return np.frombuffer(low[: max(0, min(same, shortest - 1, longest - 8))], np.uint8)


def _alphabets(keys: np.ndarray, varying: int, no_digit: int, used: Callable) -> dict[int, np.ndarray]:
    """The bytes that can occur at each place that is not the same in all keys, in their order."""
    places = [place for place in range(8) if varying >> 8 * place & 255]
    mixed = [place for place in places if no_digit >> 8 * place & 128]
    seen = np.zeros((len(mixed), 256), bool)
    if mixed:
        used(keys, np.array([8 * place for place in mixed], np.uint64), seen)
    digits = np.arange(48, 58)
    return {place: np.flatnonzero(seen[mixed.index(place)]) if place in mixed else digits for place in places}


def _worth(alphabets: list[np.ndarray]) -> np.ndarray:
    """What a byte adds to the number, by place; the first place counts most."""
    worth, unit = np.zeros((len(alphabets), 256), np.int64), 1
    for number in reversed(range(len(alphabets))):
        worth[number, alphabets[number]] = np.arange(len(alphabets[number])) * unit
        unit *= len(alphabets[number])
    return worth


def _hashed(keys: np.ndarray, head: np.ndarray) -> tuple[np.ndarray, int, Callable[[np.ndarray], pa.Array]]:
    """Where there are too many numbers for a table of them: a hash table, and the few that occur sorted."""
    place, known = pd.factorize(keys)
    order = np.argsort(known.byteswap())  # the first letter counts most
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    known = known[order]
    return rank[place], len(known), lambda rows: _spelt(known[rows], head)


def _spelt(keys: np.ndarray, head: np.ndarray) -> pa.Array:
    """Keys as texts again."""
    letters = np.ascontiguousarray(keys).astype("<u8").view(np.uint8).reshape(-1, 8)
    length = 8 - np.argmax(letters[:, ::-1] != 0, axis=1)
    longest = length.max(initial=0)
    letters = np.hstack([np.broadcast_to(head, (len(keys), len(head))), letters[:, :longest]])
    if (length != longest).any():
        letters = letters[np.arange(letters.shape[1]) < (length + len(head))[:, None]]
    offsets = np.concatenate([[0], np.cumsum(length + len(head))])
    buffers = [None, pa.py_buffer(offsets.astype(np.int64)), pa.py_buffer(np.ascontiguousarray(letters))]
    return pa.Array.from_buffers(pa.large_string(), len(keys), buffers)
