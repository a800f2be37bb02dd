"""The split that leaks, kept to measure how much: rows dealt at random, whatever their time."""

import numpy as np
import pandas as pd

from clvlib.split.cuts import Split

__all__ = ["random_split"]


def random_split(lines: pd.DataFrame, *, holdout_share: float, random_state: int, whole_pairs: bool = True) -> Split:
    """Deal a log into calibration and holdout by chance. For the leak meter only: never judge a model by it.

    What is learnt lies before, between and after what is checked, so that a model has seen next month's bestsellers,
    and the rest of the basket it is asked for. :func:`clvlib.split.temporal_split` is the honest way;
    :func:`clvlib.matching.leak_table` holds the two against each other.

    Parameters
    ----------
    lines : the log; with ``whole_pairs`` it needs ``customer_id`` and ``item_id``.
    holdout_share : share of the pairs (or lines) dealt to the holdout, rounded to a whole number of them.
    random_state : seed. The draw of pairs depends on which there are, not on the order of the lines.
    whole_pairs : deal all lines of a customer and item to the same side, as a random split of a table of interactions
        does; otherwise every line for itself.

    Returns
    -------
    Split with ``calibration_end`` and ``holdout_end`` missing (NaT): there is no such moment.

    Raises
    ------
    ValueError : a share outside (0, 1), or so small or large that one side is left empty.

    Examples
    --------
    >>> lines = pd.DataFrame({"customer_id": [*"aabb"], "item_id": [*"xxxy"]})
    >>> split = random_split(lines, holdout_share=1 / 3, random_state=0)
    >>> len(split.calibration.merge(split.holdout, on=["customer_id", "item_id"]))
    0
    """
    if not 0 < holdout_share < 1:
        raise ValueError(f"holdout_share is a share between 0 and 1, not {holdout_share}.")
    if whole_pairs:
        customer, _ = pd.factorize(lines["customer_id"], sort=True)
        item, items = pd.factorize(lines["item_id"], sort=True)
        _, unit = np.unique(customer * (len(items) + 1) + item, return_inverse=True)
    else:
        unit = np.arange(len(lines))
    n_units = int(unit.max()) + 1 if len(unit) else 0
    n_held = round(holdout_share * n_units)
    if not 0 < n_held < n_units:
        kind = "pairs of customer and item" if whole_pairs else "lines"
        raise ValueError(
            f"holdout_share={holdout_share} of {n_units} {kind} leaves one side empty; take more customers."
        )
    held = np.zeros(n_units, dtype=bool)
    held[np.random.default_rng(random_state).permutation(n_units)[:n_held]] = True
    rows = held[unit]
    return Split(lines[~rows].reset_index(drop=True), lines[rows].reset_index(drop=True), pd.NaT, pd.NaT)
