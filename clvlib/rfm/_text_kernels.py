"""Short texts as integers, compiled by numba; loaded only where a log is a million lines and longer."""

import numpy as np
from numba import njit

__all__ = ["fold", "pack", "used"]

_ZEROS = np.uint64(0x3030303030303030)  # "00000000"
_TO_HIGH = np.uint64(0x7676767676767676)  # lifts a byte of 10 or more to 128 or more
_HIGH = np.uint64(0x8080808080808080)
_ALL = np.uint64(0xFFFFFFFFFFFFFFFF)


@njit(cache=True, nogil=True)
def pack(words, data, offsets, start, stop, head, keys):
    """The up to eight bytes after the common ``head`` of each text, the first one lowest, 0 behind the last.

    words: the text bytes as one uint64 from every byte on. Returns the bits that are set in any key, those that are
    set in all, and the high bit of each byte that is not a digit in every one; all 0 where a text does not fit: it
    has another head, nothing or more than eight bytes behind it, or ends in a zero byte.
    """
    one, every, no_digit = np.uint64(0), _ALL, np.uint64(0)
    skip = len(head)
    for row in range(start, stop):
        begin, end = offsets[row] + skip, offsets[row + 1]
        length = end - begin
        if length < 1 or length > 8 or data[end - 1] == 0:
            return np.uint64(0), np.uint64(0), np.uint64(0)
        for place in range(skip):
            if data[begin - skip + place] != head[place]:
                return np.uint64(0), np.uint64(0), np.uint64(0)
        key = np.uint64(0)
        if begin < len(words):
            key = words[begin] & (_ALL >> np.uint64(64 - 8 * length))
        else:
            for place in range(length):
                key |= np.uint64(data[begin + place]) << np.uint64(8 * place)
        digits = key ^ _ZEROS
        no_digit |= digits | (digits + _TO_HIGH)
        one |= key
        every &= key
        keys[row] = key
    return one, every, no_digit & _HIGH


@njit(cache=True, nogil=True)
def used(keys, places, seen):
    """Which bytes occur at some places of the keys? ``seen`` has a row a place."""
    for row in range(len(keys)):
        for number in range(len(places)):
            seen[number, (keys[row] >> places[number]) & np.uint64(255)] = True


@njit(cache=True, nogil=True)
def fold(keys, start, stop, places, worth, codes, known):
    """Each key's number: what its bytes are worth, added up. ``known`` learns the key of each number."""
    for row in range(start, stop):
        key, code = keys[row], 0
        for number in range(len(places)):
            code += worth[number, (key >> places[number]) & np.uint64(255)]
        codes[row] = code
        known[code] = key
