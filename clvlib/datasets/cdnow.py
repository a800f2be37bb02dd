"""CDNOW: the repeat buying of everybody who first bought at an online music shop in the first quarter of 1997."""

import numpy as np
import pandas as pd

from clvlib.datasets._installed import installed_file
from clvlib.datasets.dataset import Dataset, Source, sha256_of
from clvlib.transactions import read_transactions

__all__ = ["load_cdnow"]

_URL = "https://www.brucehardie.com/datasets/"


def load_cdnow(sample: bool = True) -> Dataset:
    """CDNOW purchases from 1997-01-01 to 1998-06-30, one line a customer, day and order.

    Parameters
    ----------
    sample
        The 1/10 systematic sample of 2,357 customers and 6,919 lines on which Fader, Hardie and Lee (2005) and most
        of the literature after them report; else the whole cohort of 23,570 customers and 69,659 lines.

    Returns
    -------
    Dataset
        Lines with ``customer_id`` (the five digits of the full file, also in the sample), ``timestamp`` (a date
        without a time; the zone is not stated), ``amount`` in USD and ``quantity`` (CDs). The 21 exact duplicates
        and the 8 lines of zero dollars of the sample (255 and 80 in the full file) stay in: the published figures
        hold only with them. There are no items.

    Notes
    -----
    The files are part of the distribution ``lifetimes``, which is never imported.

    >>> data = load_cdnow()
    >>> data.lines["customer_id"].nunique(), len(data.lines), data.label
    (2357, 6919, 'CDNOW 1/10 sample - real customers')
    """
    file = "CDNOW_sample.txt" if sample else "CDNOW_master.txt"
    path = installed_file("lifetimes", f"lifetimes/datasets/{file}")
    names = ["customer_id", "timestamp", "quantity", "amount"]
    if sample:
        names.insert(1, "sample_id")
    raw = pd.read_csv(
        path,
        sep=r"\s+",
        names=names,
        skiprows=0 if sample else 1,
        dtype={"customer_id": "str", "sample_id": "str", "timestamp": "str", "quantity": np.float64},
    )
    raw["timestamp"] = pd.to_datetime(raw["timestamp"], format="%Y%m%d")
    ledger = read_transactions(raw[["customer_id", "timestamp", "amount", "quantity"]], currency="USD")
    source = Source(
        name="cdnow" if sample else "cdnow_full",
        title="CDNOW 1/10 sample" if sample else "CDNOW",
        kind="real",
        origin=(
            "Customers who first bought at CDNOW in the first quarter of 1997 (Fader and Hardie 2001), "
            "published by Bruce Hardie; file taken from the distribution lifetimes 0.11.3"
        ),
        licence="no formal licence; published openly for research, distributed with lifetimes (MIT)",
        sha256=sha256_of(path),
        url=_URL,
    )
    return Dataset(source=source, ledger=ledger)
