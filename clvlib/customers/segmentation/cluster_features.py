"""What a cluster analysis may look at: recency, frequency and money, logged and scaled, and what had to be dropped."""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from clvlib.customers.segmentation._summary import checked_numbers, checked_table, recency_frequency_money

__all__ = ["ClusterFeatures", "cluster_features"]

_PREFIX = "log_"


def cluster_features(summary: pd.DataFrame, *, features: Sequence[str] | None = None) -> pd.DataFrame:
    """The features of :class:`ClusterFeatures` with centre and scale of this very summary.

    >>> summary = pd.DataFrame({"days_since_last_purchase": [1.0, 30, 365], "frequency": [0.0, 0, 0],
    ...                         "total_spend": [10.0, 100, 1000]})
    >>> table = cluster_features(summary)
    >>> table.round(2)
       log_days_since_last_purchase  log_total_spend
    0                         -1.25            -1.22
    1                          0.04            -0.01
    2                          1.20             1.23
    >>> table.attrs["dropped"]
    ['frequency']
    """
    return ClusterFeatures(features=features).fit(summary).transform(summary)


class ClusterFeatures:
    """Logged and scaled features; ``fit`` learns centre and scale, ``transform`` applies them to whoever comes later.

    Distances are what clusters are made of. Days, purchases and currency have long tails and different units, so that
    raw distances would be those of the few largest spenders: each column becomes sign(x) log(1 + \\|x\\|) (a net spend
    below zero stays below zero) and is scaled to mean 0 and standard deviation 1. That equal weight of recency,
    frequency and money is a choice, and another choice gives other clusters.

    summary: one row a customer, as for :class:`clvlib.customers.RFMScores`. features: other columns to take instead;
    by default ``days_since_last_purchase``, ``frequency``, and ``total_spend`` or ``monetary_value``. A table that has
    been through here already (all its columns begin with ``log_``) is taken as it is.

    ``fit`` sets ``features_`` (names of the columns used), ``dropped_`` (those that are the same for all, and could
    tell nobody apart), ``center_`` and ``scale_`` (of the logs, shape (n_features,)). ``transform`` returns a table
    with the index of ``summary`` and a column ``log_…`` a feature; its ``attrs["dropped"]`` repeats ``dropped_``.

    ValueError: what :class:`clvlib.customers.RFMScores` refuses, a column in ``features`` that is not there or stands
    there twice, no column that differs between customers.
    """

    def __init__(self, *, features: Sequence[str] | None = None) -> None:
        self.features = features

    def fit(self, summary: pd.DataFrame) -> "ClusterFeatures":
        self.scaled_before_ = _is_scaled(summary)
        logs = self._logs(summary)
        differ = np.ptp(logs.to_numpy(), axis=0) > 1e-12  # less is the noise of a sum, not a difference of customers
        self.features_ = [name for name, keep in zip(logs, differ, strict=True) if keep]
        self.dropped_ = [name for name, keep in zip(logs, differ, strict=True) if not keep]
        if not self.features_:
            raise ValueError(
                f"nothing to cluster by: {', '.join(self.dropped_)} are the same for all {len(logs)} customers; "
                "use more customers, or other features"
            )
        kept = logs[self.features_].to_numpy()
        n = len(self.features_)
        self.center_ = np.zeros(n) if self.scaled_before_ else kept.mean(axis=0)
        self.scale_ = np.ones(n) if self.scaled_before_ else kept.std(axis=0)
        return self

    def transform(self, summary: pd.DataFrame) -> pd.DataFrame:
        """The features of these customers on the scale of those of ``fit``, shape (n_customers, n_features)."""
        if not hasattr(self, "features_"):
            raise ValueError("these features have no scale yet; call fit(summary) first")
        if _is_scaled(summary) != self.scaled_before_:
            raise ValueError(
                "fit and later tables must be of one kind: either customer summaries, or features that are scaled "
                "already (their columns begin with log_)"
            )
        logs = self._logs(summary)
        absent = [name for name in self.features_ if name not in logs]
        if absent:
            raise ValueError(f"the summary of {len(logs)} rows has no {', '.join(absent)}, which fit had")
        scaled = (logs[self.features_] - self.center_) / self.scale_
        table = scaled if self.scaled_before_ else scaled.add_prefix(_PREFIX)
        table.attrs["dropped"] = list(self.dropped_)
        return table

    def natural(self, summary: pd.DataFrame) -> pd.DataFrame:
        """The columns before the logarithm, in days, purchase days and currency, checked."""
        if _is_scaled(summary):
            return checked_numbers(checked_table(summary), list(summary))
        if self.features is None:
            return recency_frequency_money(summary)
        if not isinstance(self.features, Iterable):
            raise ValueError(f"features must name columns, as in features=['total_spend'], not {self.features!r}")
        names = [self.features] if isinstance(self.features, str) else list(self.features)
        table = checked_table(summary)
        absent = [str(name) for name in names if name not in table]
        if absent:
            raise ValueError(
                f"the summary of {len(table)} rows has no {', '.join(absent)}; it has {', '.join(map(str, table))}"
            )
        if not names or len(set(names)) < len(names):
            raise ValueError(f"features={names} must name at least one column, and each once")
        return checked_numbers(table, names)

    def _logs(self, summary: pd.DataFrame) -> pd.DataFrame:
        columns = self.natural(summary)
        return columns if _is_scaled(summary) else np.sign(columns) * np.log1p(columns.abs())


def _is_scaled(table: pd.DataFrame) -> bool:
    return (
        isinstance(table, pd.DataFrame)
        and bool(len(table.columns))
        and all(str(name).startswith(_PREFIX) for name in table.columns)
    )
