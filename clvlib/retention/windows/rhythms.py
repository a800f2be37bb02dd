"""Simulated customers of whom only the order of their purchases tells who returns: a test of who claims to read it."""

from typing import NamedTuple

import numpy as np
import pandas as pd

__all__ = ["RhythmLog", "make_rhythms"]


class RhythmLog(NamedTuple):
    """Simulated purchases in which only the order of time tells who returns; see :func:`make_rhythms`.

    lines: ``customer_id``, ``timestamp``, ``amount``. snapshot_dates: three midnights, to train, calibrate and test.
    probability: by customer, the true chance to return within seven days of the customer's own date.
    """

    lines: pd.DataFrame
    snapshot_dates: pd.DatetimeIndex
    probability: pd.Series


def make_rhythms(n_customers: int = 1000, *, warm: float = 0.4, cold: float = 0.1, random_state: int) -> RhythmLog:
    """Histories on which a model of sums must fail: can a model of sequences find an order that is certainly there?

    Each customer has three purchases before a snapshot date, and is seen at one date only. The last one lies 1 to 25
    days back, the first 140 to 160 days before it. The one in the middle is what differs: 35 to 45 days before the last
    one (the rhythm quickens) or after the first one (it slows down). Then the customer returns within seven days with
    probability ``warm`` or ``cold``. Number, amounts, first and last purchase, and everything in the last 30 days have
    the same distribution in both kinds.

    n_customers: at *each* of the three dates, 240 days apart. One more customer, ``"end"``, buys on the last day, so
    that the log covers the last outcome whoever returns. ValueError: fewer than 2, or a chance outside [0, 1].

    >>> log = make_rhythms(500, random_state=0)
    >>> len(log.lines["customer_id"].unique()), sorted(log.probability.unique().tolist())
    (1501, [0.1, 0.4])
    """
    if isinstance(n_customers, bool) or not isinstance(n_customers, (int, np.integer)) or n_customers < 2:
        raise ValueError(f"n_customers must be a whole number of at least 2, not {n_customers!r}")
    if not (0 <= warm <= 1 and 0 <= cold <= 1):
        raise ValueError(f"warm and cold are probabilities between 0 and 1, not {warm!r} and {cold!r}")
    rng = np.random.default_rng(random_state)
    dates = pd.date_range("2023-01-01", periods=3, freq="240D") + pd.Timedelta(days=240)
    n = 3 * n_customers
    cut = np.repeat(np.arange(3), n_customers)
    quickens = rng.random(n) < 0.5
    last = rng.integers(1, 26, n)
    first = last + rng.integers(140, 161, n)
    short = rng.integers(35, 46, n)
    middle = np.where(quickens, last + short, first - short)
    probability = np.where(quickens, warm, cold)
    returns = rng.random(n) < probability
    customer = np.char.add("r", np.char.zfill(np.arange(n).astype(str), 6))
    ago = np.concatenate([first, middle, last, -rng.integers(0, 7, n)[returns]])
    who = np.concatenate([np.arange(n)] * 3 + [np.flatnonzero(returns)])
    moment = (
        dates.to_numpy()[cut[who]]
        - ago.astype("timedelta64[D]")
        + rng.integers(8, 20, len(who)).astype("timedelta64[h]")
    )
    # a closing line keeps the last outcome window inside the log whoever returned
    lines = pd.DataFrame(
        {"customer_id": customer[who], "timestamp": moment, "amount": rng.lognormal(3, 0.5, len(who)).round(2)}
    )
    end = pd.DataFrame({"customer_id": ["end"], "timestamp": [dates[-1] + pd.Timedelta(days=7)], "amount": [1.0]})
    lines = pd.concat([lines, end], ignore_index=True).sort_values(["timestamp", "customer_id"], ignore_index=True)
    return RhythmLog(lines, dates, pd.Series(probability, index=customer))
