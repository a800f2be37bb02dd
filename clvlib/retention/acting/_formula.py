"""A stated logistic formula over the ranges of its features: its ends by interval arithmetic, its points one by one."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

__all__ = ["Formula"]

#: The most grid points that are counted one by one.
_MOST_POINTS = 10_000_000


class Formula:
    """``b0 + b1 x1 + b2 x2 + …`` where each x lies in a range; all results are log-odds.

    ranges: ``(low, high)`` or ``(low, high, step)`` for each coefficient, in a sequence or by name.
    """

    def __init__(self, intercept: float, coefficients: Sequence[float], ranges: Sequence[Any] | Mapping) -> None:
        self.beta = np.atleast_1d(_numbers("coefficients", coefficients))
        self.intercept = float(_numbers("intercept", [intercept])[0])
        if self.beta.ndim != 1 or len(ranges) != len(self.beta) or not len(ranges):
            raise ValueError(f"{len(ranges)} ranges for {self.beta.size} coefficients; give one a feature")
        by_name = ranges if isinstance(ranges, Mapping) else {f"x{i}": box for i, box in enumerate(ranges, 1)}
        self.names = [str(name) for name in by_name]
        self.boxes = [_box(name, box) for name, box in by_name.items()]

    def corners(self) -> tuple[dict[str, float], dict[str, float]]:
        """Where the formula is least, and where it is greatest; the lower end of a feature that does not matter."""
        low, high = {}, {}
        for name, beta, (start, end, _) in zip(self.names, self.beta, self.boxes, strict=True):
            low[name], high[name] = (end, start) if beta < 0 else (start, end if beta > 0 else start)
        return low, high

    def grid(self) -> np.ndarray:
        """Every value of the intercept and the features that have a step, shape (n_points,)."""
        stepped = [(beta, box) for beta, box in zip(self.beta, self.boxes, strict=True) if box[2]]
        counts = [round((end - start) / step) + 1 for _, (start, end, step) in stepped]
        if (n_points := float(np.prod(counts, dtype=float))) > _MOST_POINTS:
            raise ValueError(
                f"the ranges have {n_points:,.0f} grid points, more than {_MOST_POINTS:,}: leave out the step of a "
                "feature, so that points are drawn, or make it larger"
            )
        values = np.array([self.intercept])
        for (beta, (start, end, _)), count in zip(stepped, counts, strict=True):
            values = np.add.outer(values, beta * np.linspace(start, end, count)).ravel()
        return values

    def continuous_ends(self) -> tuple[float, float]:
        """Least and greatest sum of the terms without a step."""
        ends = [sorted((beta * box[0], beta * box[1])) for beta, box in self._continuous()]
        return sum(low for low, _ in ends), sum(high for _, high in ends)

    def continuous_sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Sums of the terms without a step, their features uniform, shape (n,)."""
        total = np.zeros(n)
        for beta, (start, end, _) in self._continuous():
            total += beta * rng.uniform(start, end, n)
        return total

    def _continuous(self) -> list[tuple[float, tuple[float, float, float]]]:
        return [(beta, box) for beta, box in zip(self.beta, self.boxes, strict=True) if not box[2]]


def _numbers(name: str, values: Any) -> np.ndarray:
    try:
        numbers = np.asarray(values, dtype=float)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must be numbers, not {values!r}") from error
    if not np.isfinite(numbers).all():
        raise ValueError(f"{name}: {int((~np.isfinite(numbers)).sum())} of {numbers.size} are NaN or infinite")
    return numbers


def _box(name: Any, box: Any) -> tuple[float, float, float]:
    """low, high and step, 0 for none."""
    numbers = np.atleast_1d(_numbers(f"the range of {name}", box))
    if numbers.shape not in [(2,), (3,)]:
        raise ValueError(f"the range of {name} is (low, high) or (low, high, step), not {box!r}")
    low, high, step = (*numbers.tolist(), 0.0)[:3]
    if low > high:
        raise ValueError(f"the range of {name} ends at {high:g} before it begins at {low:g}; turn it round")
    if len(numbers) == 3 and step <= 0:
        raise ValueError(f"the range of {name} has a step of {step:g}; a step is above 0, or left out")
    if step and abs((high - low) / step - round((high - low) / step)) > 1e-9 * max(1.0, (high - low) / step):
        raise ValueError(f"the range of {name}, {low:g} to {high:g}, is not a whole number of steps of {step:g}")
    return low, high, step
