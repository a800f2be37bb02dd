"""Data with its papers: every set comes with where it is from, its licence, its hash, and what kind it is.

A :class:`Dataset` holds the ledger of a log (``.lines`` in the vocabulary of :mod:`clvlib.columns`), whatever
other tables the set has (``.tables``) and a :class:`Source` whose ``kind`` says what the customers are:

======== ====================================================================
real     people who bought with their own money
teaching simulated by somebody else for teaching; never counts as real
simulated  made here, with the truth at hand in ``.tables["truth"]``
own      an analyst's own log
======== ====================================================================

``load(name)`` takes one of the names in :data:`AVAILABLE`, the folder of a saved ledger, or a CSV, Parquet
or Excel file whose columns already carry our names. ``status_table``, ``fetch`` and ``check`` are what
``clv data list|fetch|check`` prints.

``load_online_shoppers`` and ``load_eshop_clicks`` give a :class:`SessionLog`: visits to two shops, without customers
and so without a ledger, which is why ``load`` does not take their names.
"""

from clvlib.datasets.catalogue import AVAILABLE, check, fetch, load, status_table
from clvlib.datasets.cdnow import load_cdnow
from clvlib.datasets.complete_journey import load_complete_journey
from clvlib.datasets.dataset import Dataset, Source
from clvlib.datasets.online_retail import load_online_retail
from clvlib.datasets.sessions import SessionLog, load_eshop_clicks, load_online_shoppers
from clvlib.datasets.shop import make_shop

__all__ = [
    "AVAILABLE",
    "Dataset",
    "SessionLog",
    "Source",
    "check",
    "fetch",
    "load",
    "load_cdnow",
    "load_complete_journey",
    "load_eshop_clicks",
    "load_online_retail",
    "load_online_shoppers",
    "make_shop",
    "status_table",
]
