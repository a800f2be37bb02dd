"""Can printed test metrics be true? Exact arithmetic on the confusion matrices that could have given them.

Accuracy, recall, precision and F1 of a two-class test are fractions of four whole numbers: TP, FP, FN and TN.
A printed figure leaves an interval for each fraction, and the intervals of one row have to meet in one matrix.

Which matrices count
--------------------
* A figure *as printed*, a string, stands for every value within half a unit of its last digit, both ends
  included, so that it does not matter how ties were rounded. Beyond 15 decimals it is a float printed in full,
  and 1e-15 is added for the rounding of the float itself.
* A metric without a denominator (recall without positives, precision without predicted positives, F1 without
  either) counts as 0, which is what scikit-learn prints after its warning.
* ``TP, FP, FN, TN >= 0`` and their sum n is at least 1. A test set may hold one class only.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction

import numpy as np

__all__ = ["attainable", "implied_base_rate", "same_test_set"]

_METRICS = ("accuracy", "recall", "precision", "f1")


def attainable(
    *,
    accuracy: str | None = None,
    recall: str | None = None,
    precision: str | None = None,
    f1: str | None = None,
    n_max: int = 3000,
) -> list[int]:
    """The test-set sizes for which some confusion matrix gives all printed figures at once.

    Parameters
    ----------
    accuracy, recall, precision, f1 : str, optional
        Figures as printed, shares in [0, 1]: ``"0.80"`` and ``"0.8"`` say different things. At least one.
    n_max : int
        Largest test set looked at, in cases. Time and memory grow with its square and with itself.

    Returns
    -------
    list of int
        Every n in 1..n_max for which there are whole numbers TP + FP + FN + TN = n with (TP + TN)/n, TP/(TP + FN),
        TP/(TP + FP) and 2TP/(2TP + FP + FN) within half a unit of the last printed digit. Empty means that no
        test set of up to ``n_max`` cases can give these figures.

    Raises
    ------
    TypeError
        If a figure is not a string (a float has lost its trailing zeros) or ``n_max`` not a whole number.
    ValueError
        If no figure is given, one is not a decimal number in [0, 1], or ``n_max < 1``.

    Examples
    --------
    137 of 160 right and 50 of 64 positives found, and then F1 is 0.8130:

    >>> 160 in attainable(accuracy="0.85625", recall="0.78125", f1="0.8130")
    True
    >>> attainable(accuracy="0.85625", recall="0.78125", f1="0.81667")
    []
    """
    row = {"accuracy": accuracy, "recall": recall, "precision": precision, "f1": f1}
    matrices = _Matrices(row, n_max=n_max)
    return [n for n, low, _ in matrices.positives() if low.size]


def same_test_set(rows: Iterable[Mapping[str, str]], *, n_max: int = 3000) -> bool:
    """Whether printed rows of metrics can come from one test set: the same n and the same number of positives.

    Parameters
    ----------
    rows : two or more mappings
        Each with one or more of the keys ``accuracy``, ``recall``, ``precision``, ``f1`` and figures as printed;
        one row a model.
    n_max : int
        Largest test set looked at, in cases.

    Returns
    -------
    bool
        True if for some n up to ``n_max`` and some number of positives P = TP + FN every row has a confusion
        matrix of its own with that n and that P. False also where a row is not attainable by itself.

    Raises
    ------
    TypeError, ValueError
        As :func:`attainable`; also for fewer than two rows and for unknown keys.

    Examples
    --------
    >>> same_test_set([{"accuracy": "0.9", "recall": "1.0"}, {"accuracy": "0.8", "recall": "0.5"}], n_max=10)
    True
    >>> same_test_set([{"accuracy": "1.00", "f1": "1.00"}, {"accuracy": "0.90", "recall": "0.00"}], n_max=9)
    False
    """
    rows = list(rows)
    if len(rows) < 2:
        raise ValueError(f"rows has {len(rows)} entries; it takes two or more to share a test set")
    searches = [_Matrices(row, n_max=n_max).positives() for row in rows]
    for found in zip(*searches, strict=True):
        shared = np.ones(found[0][0] + 1, dtype=bool)
        for n, low, high in found:
            # each pair says "any number of positives from low to high": +1 where one begins, -1 behind its end
            steps = np.bincount(low, minlength=n + 2) - np.bincount(high + 1, minlength=n + 2)
            shared &= np.cumsum(steps)[: n + 1] > 0
        if shared.any():
            return True
    return False


def implied_base_rate(*, accuracy: str, recall: str, f1: str) -> tuple[float, float, float]:
    """The share of positives that three printed figures imply, whatever the size of the test set.

    With FP + FN = (1 - A) n and F = 2TP/(2TP + FP + FN), TP/n = F (1 - A) / (2 (1 - F)); divided by the recall,
    the base rate is P/n = F (1 - A) / (2 R (1 - F)).

    Parameters
    ----------
    accuracy, recall, f1 : str
        Figures as printed, shares in [0, 1].

    Returns
    -------
    (low, rate, high) : tuple of float
        The rate at the printed figures, and the least and greatest within half a unit of their last digits. Rows
        of one test set have intervals that meet; where they do not, no size of the test set helps.

    Raises
    ------
    TypeError, ValueError
        As :func:`attainable`; also if the recall may be 0 or F1 may be 1, where the rate is not determined.

    Examples
    --------
    >>> low, rate, high = implied_base_rate(accuracy="0.85625", recall="0.78125", f1="0.81667")
    >>> f"{rate:.4f}, from {low:.4f} to {high:.4f}"
    '0.4098, from 0.4098 to 0.4099'
    """
    (a, r, f), lows, highs = zip(
        *(_interval(name, figure) for name, figure in (("accuracy", accuracy), ("recall", recall), ("f1", f1))),
        strict=True,
    )
    if lows[1] <= 0 or highs[2] >= 1:
        raise ValueError(f"recall {recall} may be 0 or f1 {f1} may be 1: the base rate is then not determined")
    # falling in accuracy and recall, rising in F1
    corners = (highs[0], highs[1], lows[2]), (a, r, f), (lows[0], lows[1], highs[2])
    low, rate, high = (float(F * (1 - A) / (2 * R * (1 - F))) for A, R, F in corners)
    return low, rate, high


class _Matrices:
    """The confusion matrices behind one printed row, as bounds in whole numbers for every TP and every n.

    TP given, recall bounds FN, precision FP and F1 their sum, whatever n is; n given, accuracy bounds the same
    sum. So a matrix exists where intervals of whole numbers meet, and no matrix has to be tried.
    """

    def __init__(self, row: Mapping[str, str | None], *, n_max: int):
        self.n_max = operator.index(n_max)
        if self.n_max < 1:
            raise ValueError(f"n_max is {n_max}; a test set has at least one case")
        unknown = sorted(set(row) - set(_METRICS))
        if unknown:
            raise ValueError(f"unknown metrics {unknown}; known are {list(_METRICS)}")
        bounds = {name: _interval(name, row[name])[1:] for name in _METRICS if row.get(name) is not None}
        if not bounds:
            raise ValueError(f"no figure given; pass at least one of {list(_METRICS)} as printed")
        self.fn = self._beside_tp(bounds.get("recall"), weight=1)
        self.fp = self._beside_tp(bounds.get("precision"), weight=1)
        self.errors = self._beside_tp(bounds.get("f1"), weight=2)
        low, high = bounds.get("accuracy", (Fraction(0), Fraction(1)))
        self.error_share = 1 - high, 1 - low

    def _beside_tp(self, bounds, *, weight: int) -> tuple[np.ndarray, np.ndarray]:
        """Least and greatest x, for TP = 0..n_max, with weight TP/(weight TP + x) within bounds; at most n_max."""
        top = self.n_max
        if bounds is None:
            return np.zeros(top + 1, dtype=int), np.full(top + 1, top)
        low, high = bounds
        least, greatest = [0], [top if low <= 0 else -1]  # TP = 0: the metric is 0, with a denominator or without
        for tp in range(1, top + 1):
            hits = weight * tp
            # x may be larger than every test set: cut before it leaves the range of an array's integers
            least.append(min(max(_ceil(hits * (1 - high) / high), 0), top + 1))
            greatest.append(min(hits * (1 - low) // low, top) if low > 0 else top)
        return np.array(least), np.array(greatest)

    def positives(self) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
        """For n = 1..n_max: n, and the intervals ``[low, high]`` of TP + FN that some matrix of n cases has."""
        for n in range(1, self.n_max + 1):
            tp = np.arange(n + 1)
            (fn_low, fn_high), (fp_low, fp_high), (low, high) = (
                (least[: n + 1], greatest[: n + 1]) for least, greatest in (self.fn, self.fp, self.errors)
            )
            low = np.maximum(low, max(_ceil(n * self.error_share[0]), 0))
            high = np.minimum(np.minimum(high, n * self.error_share[1] // 1), n - tp)
            # FN fits if some FP from fp_low to fp_high brings the sum between low and high
            fn_low = np.maximum(fn_low, low - fp_high)
            fn_high = np.minimum(fn_high, high - fp_low)
            fits = (fn_low <= fn_high) & (low <= high) & (fp_low <= fp_high)
            yield n, (tp + fn_low)[fits], (tp + fn_high)[fits]


def _interval(name: str, figure: str) -> tuple[Fraction, Fraction, Fraction]:
    """Value, least and greatest value behind a printed figure."""
    if not isinstance(figure, str):
        raise TypeError(f"{name} must be a string, as printed, but is a {type(figure).__name__}: {figure!r}")
    if not re.fullmatch(r"[0-9]+\.?[0-9]*|\.[0-9]+", figure) or Fraction(figure) > 1:
        raise ValueError(f"{name} must be a decimal number from 0 to 1 (85% is '0.85'), but is {figure!r}")
    value = Fraction(figure)
    decimals = len(figure.partition(".")[2])
    half = Fraction(1, 2 * 10**decimals)
    if decimals > 15:
        half += Fraction(1, 10**15)
    return value, value - half, value + half


def _ceil(x) -> int:
    return -(-x // 1)
