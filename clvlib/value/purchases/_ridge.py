"""Where a likelihood does not end: how a flat direction is named, and kept out of the standard errors."""

from collections.abc import Mapping, Sequence

import numpy as np

from clvlib.value.purchases._maximum_likelihood import Maximum

__all__ = ["covariance_at", "direction"]

#: An eigenvalue of the information in log parameters below this share of the largest is rounding.
_NOISE = 1e-13


def direction(found: Maximum, symbols: Sequence[str], meaning: Mapping[str, str]) -> str:
    """One sentence naming the direction in which the likelihood hardly falls, or "" at a proper maximum.

    The information matrix is in log parameters: its smallest eigenvalue says how sharply the likelihood bends along
    the flattest direction, and :data:`~clvlib.value.purchases._maximum_likelihood.RIDGE` from which standard error on
    it is a ridge.

    meaning: what it means when a set of parameters runs away, by words like "b up", "a down", "r up, alpha up".
    """
    if found.flat is None:
        return ""
    moving = [i for i in np.argsort(-np.abs(found.flat), kind="stable") if abs(found.flat[i]) > 0.3]
    named = " and ".join(
        f"{symbols[i]} ({found.params[i]:.3g}) {'grows' if found.flat[i] > 0 else 'shrinks'}" for i in sorted(moving)
    )
    bend = float(found.flat @ found.information @ found.flat)
    error = 1 / np.sqrt(bend) if bend > _NOISE * np.abs(found.information).max() else np.inf
    endless = found.at_limit.any() or error > 10
    width = "without end" if endless else f"one standard error being a factor of e^{error:.1f}"
    ways = {f"{symbols[i]} {'up' if found.flat[i] > 0 else 'down'}" for i in moving}
    note = next((text for key, text in meaning.items() if set(key.split(", ")) <= ways), "")
    return f"the likelihood hardly changes as {named} ({width}){': ' + note if note else ''}"


def covariance_at(found: Maximum) -> np.ndarray:
    """Inverse observed information on the natural scale; infinite variances for parameters on a flat direction."""
    values, vectors = np.linalg.eigh(found.information)
    sound = values > _NOISE * max(values[-1], 1e-300)
    covariance = (vectors[:, sound] / values[sound]) @ vectors[:, sound].T * np.outer(found.params, found.params)
    for i in np.flatnonzero((np.abs(vectors[:, ~sound]) > 1e-3).any(axis=1)):
        covariance[i, :] = covariance[:, i] = 0.0
        covariance[i, i] = np.inf
    return covariance
