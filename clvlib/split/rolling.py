"""Would each model have been right, had we asked it at several moments of the past? The race every model runs in."""

import sys
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pandas as pd

from clvlib.split.door import checked_lines, checked_models, covers, end_of, moments, whole

__all__ = ["Backtest", "Contender", "backtest", "rolling_origins"]


class Contender(Protocol):
    """What :func:`backtest` asks of a model: one method. What it has to say of its last run it leaves in ``notes_``."""

    def fit_predict(self, calibration: pd.DataFrame, *, cut: pd.Timestamp, horizon_days: int) -> pd.DataFrame:
        """Learn from ``calibration`` and forecast the ``horizon_days`` days from ``cut`` on.

        Returns one row a customer: ``customer_id`` and ``expected_amount`` (currency, undiscounted), and where the
        model has them ``expected_purchases`` (days with a purchase), ``amount_p05`` and ``amount_p95``.
        """


@dataclass(frozen=True)
class Backtest:
    """What the contenders said, what happened, and how each run went.

    Attributes
    ----------
    predictions
        One row an ``origin``, ``model`` and ``customer_id``: ``expected_amount``, ``expected_purchases``,
        ``amount_p05``, ``amount_p95`` (missing where a model has none), ``holdout_amount`` (currency, returns
        deducted) and ``holdout_frequency`` (days with a purchase) of the same ``horizon_days``. Ordered by origin,
        model as given, customer.
    runs
        One row an ``origin`` and ``model``: ``customers``, ``seconds`` and ``cpu_seconds`` to fit and predict,
        ``failed``, and ``note``: why it failed, or what it warned of.
    horizon_days
        The length of every holdout.
    """

    predictions: pd.DataFrame
    runs: pd.DataFrame
    horizon_days: int


def rolling_origins(lines: pd.DataFrame, *, n_origins: int, horizon_days: int, step_days: int) -> pd.DatetimeIndex:
    """The last ``n_origins`` midnights, ``step_days`` apart, that leave ``horizon_days`` whole days for a holdout.

    In order of time. With ``step_days`` below ``horizon_days`` the holdouts overlap, and are not so many separate
    pieces of evidence. In a log with a time zone the days are that zone's, of 23 or 25 hours where its clocks change.
    Raises ValueError if a number is not whole and positive, a ``timestamp`` is none, or the first origin would have no
    line before it.

    Examples
    --------
    >>> lines = pd.DataFrame({"timestamp": pd.to_datetime(["2024-01-01", "2024-03-31"])})
    >>> rolling_origins(lines, n_origins=2, horizon_days=30, step_days=30).strftime("%Y-%m-%d").tolist()
    ['2024-02-01', '2024-03-02']
    """
    n_origins, step_days = whole("n_origins", n_origins), whole("step_days", step_days)
    horizon_days, lines = whole("horizon_days", horizon_days), checked_lines(lines, ("timestamp",))
    timestamp, last = lines["timestamp"], _last_origin(lines, horizon_days)
    origins = pd.DatetimeIndex([last - pd.DateOffset(days=step_days * i) for i in range(n_origins)][::-1])
    if not (timestamp < origins[0]).any():
        raise ValueError(
            f"{n_origins} origins {step_days} days apart with a holdout of {horizon_days} days begin at "
            f"{origins[0].date()}, but {covers(lines)}. Use fewer origins or a shorter horizon."
        )
    return origins


def backtest(
    models: Mapping[str, Contender],
    lines: pd.DataFrame,
    *,
    origins: Iterable,
    horizon_days: int,
    progress: bool = False,
) -> Backtest:
    """Would each model have been right, had we asked it at several moments of the past?

    At each origin every contender gets a copy of its own of the lines *before* the origin and nothing else, and
    forecasts the money of the ``horizon_days`` days from the origin on. Leak-safe by construction: what a contender
    does not hold it cannot peek at, and not even a categorical column's list of categories or the frame's ``attrs``
    remember later lines. Origins are run in order of time, so what a contender keeps in itself is of the past. Only a
    column that was computed with later lines before it came here could still tell; no split can see that.

    All are judged on the same customers, those with a purchase (a line with ``amount`` >= 0) before the origin,
    whether they come back or not, and on the same money.

    Parameters
    ----------
    models : contenders by name; a model of :mod:`clvlib.value` without ``fit_predict`` needs its wrap.
    lines : ``customer_id``, ``timestamp``, ``amount`` and whatever else the contenders read; any order. An Arrow or
        Polars table is taken as pandas.
    origins : midnights, as :func:`rolling_origins` gives them, or one; without a zone, those of the log's zone.
    horizon_days : a whole number of days; every holdout must lie inside the log.
    progress : show a bar on stderr, if that is a terminal.

    Returns
    -------
    Backtest
        A contender that raises, leaves customers out, invents some, or returns no number for one is recorded in
        ``runs`` with the reason and has no predictions at that origin; the others go on. Warnings of a contender
        become its note.

    Raises
    ------
    TypeError
        ``lines`` is no table, or ``models`` is no mapping or holds what cannot ``fit_predict``.
    ValueError
        A column of ``lines`` is lacking, of the wrong kind or missing a value; ``horizon_days`` is no whole number; no
        model, no origin, one that is no date, of another zone, twice or not at midnight; a holdout that reaches beyond
        the log; nobody who bought before an origin, or a holdout in which none of them spent anything, so that there
        is nothing to measure.

    Examples
    --------
    >>> class Nothing:
    ...     def fit_predict(self, calibration, *, cut, horizon_days):
    ...         return pd.DataFrame({"customer_id": calibration["customer_id"].unique(), "expected_amount": 0.0})
    >>> lines = pd.DataFrame({"customer_id": ["a", "b", "a"], "amount": [5.0, 3.0, 2.0],
    ...                       "timestamp": pd.to_datetime(["2024-01-01", "2024-01-03", "2024-01-09"])})
    >>> race = backtest({"nothing": Nothing()}, lines, origins=["2024-01-05"], horizon_days=5)
    >>> race.predictions[["customer_id", "expected_amount", "holdout_amount", "holdout_frequency"]]
      customer_id  expected_amount  holdout_amount  holdout_frequency
    0           a              0.0             2.0                1.0
    1           b              0.0             0.0                0.0
    """
    models, horizon_days, lines = checked_models(models), whole("horizon_days", horizon_days), checked_lines(lines)
    cuts = _checked_origins(origins, lines, horizon_days)
    lines = lines.copy(deep=False)
    lines.attrs = {}
    holdouts = {cut: _holdout(lines, cut, horizon_days) for cut in cuts}
    predictions, runs = [], []
    with _progress_bar(len(cuts) * len(models), shown=progress) as advance:
        for cut in cuts:
            known = lines[(lines["timestamp"] < cut).to_numpy()]
            for name, model in models.items():
                table, run = _run(model, known, holdouts[cut], cut, horizon_days)
                runs.append({"origin": cut, "model": name, "customers": len(holdouts[cut]), **run})
                if table is not None:
                    predictions.append(table.assign(origin=cut, model=name)[_PREDICTED])
                advance()
    table = pd.concat(predictions, ignore_index=True) if predictions else pd.DataFrame(columns=_PREDICTED)
    return Backtest(table, pd.DataFrame(runs), horizon_days)


_FORECASTS = ("expected_amount", "expected_purchases", "amount_p05", "amount_p95")
_PREDICTED = ["origin", "model", "customer_id", *_FORECASTS, "holdout_amount", "holdout_frequency"]


def _checked_origins(origins: Iterable, lines: pd.DataFrame, horizon_days: int) -> list[pd.Timestamp]:
    cuts = moments(origins, lines)
    if not cuts:
        raise ValueError("A race needs an origin, and origins is empty; rolling_origins finds some.")
    if len(set(cuts)) < len(cuts):
        raise ValueError(f"{len(cuts) - len(set(cuts))} of {len(cuts)} origins are given twice; give each once.")
    last = _last_origin(lines, horizon_days)
    for cut in cuts:
        if cut != cut.normalize():
            raise ValueError(f"The origin {cut} is not a midnight, and purchases count by the day; use {cut.date()}.")
        if cut > last:
            raise ValueError(
                f"A holdout of {horizon_days} days from {cut.date()} ends after the log; {covers(lines)}. "
                f"The last origin it leaves room for is {last.date()}."
            )
    return cuts


def _last_origin(lines: pd.DataFrame, horizon_days: int) -> pd.Timestamp:
    """The last midnight that leaves ``horizon_days`` whole days of the log."""
    end, first = end_of(lines), lines["timestamp"].min()
    if horizon_days > (end.tz_localize(None) - first.tz_localize(None)).days:
        raise ValueError(
            f"A holdout of {horizon_days} days is no shorter than the log; {covers(lines)}. Use a shorter one."
        )
    return end - pd.DateOffset(days=horizon_days)


def _holdout(lines: pd.DataFrame, cut: pd.Timestamp, horizon_days: int) -> pd.DataFrame:
    """What the customers known at the cut did after it: one row each, sorted by ``customer_id``."""
    timestamp = lines["timestamp"]
    customers = np.sort(lines.loc[(timestamp < cut) & (lines["amount"] >= 0), "customer_id"].unique().astype(object))
    if not len(customers):
        raise ValueError(f"Nobody bought before {cut.date()}; {covers(lines)}. Use a later origin.")
    inside = (timestamp >= cut) & (timestamp < cut + pd.DateOffset(days=horizon_days))
    after = lines.loc[inside & lines["customer_id"].isin(customers), ["customer_id", "timestamp", "amount"]]
    after = after.astype({"customer_id": object})
    bought = after[after["amount"] >= 0]
    if not (bought["amount"] > 0).any():
        raise ValueError(
            f"None of the {len(customers)} customers known at {cut.date()} spent anything in the {horizon_days} days "
            "after it, so there is nothing to measure. Use a longer horizon or other origins."
        )
    money = after.groupby("customer_id")["amount"].sum()
    days = bought["timestamp"].dt.normalize().groupby(bought["customer_id"]).nunique()
    return pd.DataFrame(
        {
            "customer_id": pd.array(customers, dtype=_plain(lines["customer_id"]).dtype),
            "holdout_amount": money.reindex(customers, fill_value=0.0).to_numpy(dtype=float),
            "holdout_frequency": days.reindex(customers, fill_value=0).to_numpy(dtype=float),
        }
    )


def _run(model: Contender, known: pd.DataFrame, holdout: pd.DataFrame, cut: pd.Timestamp, horizon_days: int):
    """One contender at one origin: its predictions (None if it failed) and how it went."""
    calibration, table, failure = _own_copy(known), None, []
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        wall, cpu = time.perf_counter(), time.process_time()
        try:
            said = model.fit_predict(calibration, cut=cut, horizon_days=horizon_days)
            table = _aligned(said, holdout)
        except Exception as error:  # whatever goes wrong in one contender must not stop the others
            failure = [f"{type(error).__name__}: {error}"]
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    notes = [*failure, *getattr(model, "notes_", ()), *(str(one.message) for one in warned)]
    run = {"seconds": wall, "cpu_seconds": cpu, "failed": bool(failure), "note": " · ".join(dict.fromkeys(notes))}
    return table, run


def _own_copy(known: pd.DataFrame) -> pd.DataFrame:
    """The lines before the cut as if no others had ever been: own memory, own index, own categories."""
    lines = known.reset_index(drop=True).copy()
    return lines.assign(**{name: _plain(lines[name]) for name in lines.select_dtypes("category")})


def _plain(column: pd.Series) -> pd.Series:
    """A categorical column as a plain one, whose dtype knows nothing of rows that are not there."""
    return column.astype(column.cat.categories.dtype) if isinstance(column.dtype, pd.CategoricalDtype) else column


def _aligned(said: pd.DataFrame, holdout: pd.DataFrame) -> pd.DataFrame:
    """What a contender said, one row for each customer of the holdout table, in its order."""
    lacking = [name for name in ("customer_id", "expected_amount") if name not in said]
    if lacking:
        raise ValueError(f"the predictions have no column {' and no '.join(lacking)}")
    place = pd.Index(said["customer_id"].astype(object)).get_indexer_for(holdout["customer_id"].astype(object))
    n = len(holdout)
    if len(place) > n or len(said) > n:
        raise ValueError(f"{len(said)} rows for {n} customers known at the cut: each needs one, and nobody else any")
    if (place < 0).any():
        raise ValueError(f"no prediction for {int((place < 0).sum())} of the {n} customers known at the cut")
    table = said.iloc[place].reset_index(drop=True)
    told = [name for name in _FORECASTS if name in table]
    for name in told:
        bad = int((~np.isfinite(table[name].to_numpy(dtype=float))).sum())
        if bad:
            raise ValueError(f"{name} is NaN or infinite for {bad} of {n} customers")
    forecasts = {name: table[name].to_numpy(dtype=float) if name in told else np.nan for name in _FORECASTS}
    return holdout.assign(**forecasts)


@contextmanager
def _progress_bar(total: int, *, shown: bool) -> Iterator[Callable[[], None]]:
    """What to call after each run; draws a bar where somebody can watch it."""
    if not (shown and sys.stderr.isatty()):
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("race", total=total)
        yield lambda: bar.advance(task)
