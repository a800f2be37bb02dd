"""How many customers does a model need before it beats a simpler one? The same race at several sizes of the log."""

import copy
import warnings
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from clvlib.metrics.intervals import bootstrap_interval
from clvlib.retention._checks import check_level, checked_numbers, checked_table, group_codes
from clvlib.retention.models._design import outcome_of
from clvlib.split.door import whole

__all__ = ["customers_needed", "learning_curve"]

#: Probabilities are kept so far from 0 and 1 when a log loss is taken: one sure mistake is not to decide a race.
_LEAST = 1e-6


def learning_curve(
    models: Mapping[str, object],
    train: pd.DataFrame,
    test: pd.DataFrame,
    *,
    sizes: Sequence[int],
    calibrate: pd.DataFrame | None = None,
    reference: str | Sequence[str] | None = None,
    n_repeats: int = 1,
    n_resamples: int = 500,
    level: float = 0.95,
    random_state: int,
) -> pd.DataFrame:
    """What does each model lose on the same later rows when it may learn from ``sizes`` customers only?

    models: by name, not fitted: ``fit(table)``, ``predict_probability(table)`` and, where ``calibrate`` is given,
        ``calibrate(table)``. They are copied, never changed.
    reference: whom the others must beat, one name or several; the first model by default.
    train, calibrate, test: snapshots, one after the other in time, with ``customer_id`` and ``came_back``.
    sizes: numbers of customers, drawn from those of ``train`` and ``calibrate`` together, with all their rows; a
        smaller sample is part of the larger one. ``test`` is always whole.
    n_repeats: how often the customers are drawn anew; losses are means over the draws. The size of all customers is
        one sample and is fitted once.

    Returns one row a reference, size and model, sizes upwards and models in their order:

    ``reference``, ``customers``, ``rows`` (of training, mean over the draws), ``model``;
    ``log_loss`` mean over the rows of ``test``, in nats, and ``roc_auc``, both lower and higher is better;
    ``saved`` the reference's log loss at the same size minus this one's, with ``low`` and ``high`` from drawing the
    *test's customers* anew (rows of one customer together); they hold the fitted models fixed, so that the luck of the
    draw of training customers shows in ``spread`` only;
    ``spread`` standard deviation of ``saved`` over the draws, NaN for a single one;
    ``verdict`` ``reference``, ``better`` (low > 0), ``worse`` (high < 0), ``no difference shown``, or ``not fitted``;
    ``note`` why a model could not be fitted at that size (its own ValueError), what it warned of, or that it was not
    calibrated, since the sample's later rows held one class only.

    ValueError: no model, a reference that is none of them, no size, a size below 1 or above the number of customers,
    one class only or unknown outcomes in ``test``, a table without customers or outcomes.

    >>> from clvlib.retention import BaseRate, ReturnModel
    >>> rng = np.random.default_rng(0)
    >>> orders = rng.poisson(2, 3000) + 1.0
    >>> table = pd.DataFrame({"customer_id": np.arange(3000), "orders": orders,
    ...                       "came_back": rng.random(3000) < orders / 10})
    >>> models = {"base rate": BaseRate(), "logistic": ReturnModel()}
    >>> curve = learning_curve(models, table[:2000], table[2000:], sizes=[100, 2000], random_state=0)
    >>> curve[["customers", "model", "verdict"]].to_dict("split")["data"][-1]
    [2000, 'logistic', 'better']
    """
    everyone = _customers(train, calibrate)
    references = [reference] if isinstance(reference, str) else list(reference or [])
    _check(models, references, sizes, len(everyone))
    n_repeats = whole("n_repeats", n_repeats)
    check_level(level)
    outcome = outcome_of(checked_table(test, "customer_id"))
    rng = np.random.default_rng(random_state)
    groups = group_codes(test["customer_id"], len(test), ordered=True)
    draws = {"groups": groups, "n_resamples": n_resamples, "level": level, "random_state": random_state}
    orders = [rng.permutation(len(everyone)) for _ in range(n_repeats)]
    blocks = {name: [] for name in references or [next(iter(models))]}
    for size in sorted({int(size) for size in sizes}):
        # all customers are one sample, however often they are drawn
        drawn = orders[:1] if size == len(everyone) else orders
        samples = [everyone[order[:size]] for order in drawn]
        tables = [train[train["customer_id"].isin(sample)] for sample in samples]
        later = [None if calibrate is None else calibrate[calibrate["customer_id"].isin(sample)] for sample in samples]
        losses: dict[str, np.ndarray] = {}
        rows = []
        for name, model in models.items():
            told, notes = _forecasts(model, tables, later, test)
            row = {"customers": size, "rows": round(np.mean([len(table) for table in tables])), "model": name}
            if told:
                losses[name] = np.array([_loss(outcome, p) for p in told])
                row |= {"log_loss": losses[name].mean(), "roc_auc": np.mean([roc_auc_score(outcome, p) for p in told])}
            rows.append(row | {"note": "; ".join(dict.fromkeys(notes))})
        for name, block in blocks.items():
            block += [row | _compared(row["model"], name, losses, draws) for row in rows]
    columns = ["customers", "rows", "model", "log_loss", "roc_auc", "saved", "low", "high", "spread", "verdict", "note"]
    table = pd.concat([pd.DataFrame(block).assign(reference=name) for name, block in blocks.items()], ignore_index=True)
    return table.reindex(columns=["reference", *columns])


def customers_needed(curve: pd.DataFrame, model: str, *, reference: str | None = None) -> int | None:
    """From how many customers on is ``model`` better than ``reference``, at that size and all larger ones?

    curve: of :func:`learning_curve`; reference: needed where the curve has several. None where the largest size does
    not show it: not within this log. The answer is one of the sizes tried, so the true number may be anywhere between
    it and the size before.

    ValueError: a model or reference that is not in the curve, or the reference itself.

    >>> curve = pd.DataFrame({"customers": [10, 100, 1000], "model": "network", "reference": "logistic",
    ...                       "verdict": ["worse", "better", "better"]})
    >>> customers_needed(curve, "network")
    100
    """
    curve = checked_table(curve, "model", "reference", "customers", "verdict", made_with="learning_curve(models, …)")
    known = list(curve["reference"].unique())
    if reference is None and len(known) == 1:
        reference = known[0]
    own = curve[(curve["model"] == model) & (curve["reference"] == reference)]
    own = own.sort_values("customers", ascending=False)
    if own.empty or model == reference:
        rivals = ", ".join(map(str, curve["model"].unique()))
        raise ValueError(
            f"{model!r} is not compared with {reference!r} in this curve, which has {rivals} against "
            f"{', '.join(map(str, known))}"
        )
    better = (own["verdict"] == "better").cummin()
    return int(own.loc[better, "customers"].min()) if better.any() else None


def _customers(train: pd.DataFrame, calibrate: pd.DataFrame | None) -> np.ndarray:
    parts = [train] if calibrate is None else [train, calibrate]
    names = pd.concat([checked_table(part, "customer_id", "came_back")["customer_id"] for part in parts])
    if names.isna().any():
        raise ValueError(f"customer_id is missing in {int(names.isna().sum())} of {len(names)} rows; drop them first")
    return np.asarray(pd.factorize(names, sort=True)[1])


def _check(models: Mapping, references: list, sizes: Sequence[int], n_customers: int) -> None:
    if not isinstance(models, Mapping) or not models:
        raise ValueError("models must be at least one model by name: {'logistic': ReturnModel(), …}")
    if strange := [name for name in references if name not in models]:
        raise ValueError(f"reference {strange[0]!r} is none of the models {', '.join(map(str, models))}")
    sizes = checked_numbers("sizes", sizes)
    wrong = [
        n for n in sizes if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or not 1 <= n <= n_customers
    ]
    if wrong:
        raise ValueError(f"sizes must be whole numbers from 1 to {n_customers}, the customers there are, not {wrong}")


def _forecasts(model, tables: list, later: list, test: pd.DataFrame) -> tuple[list[np.ndarray], list[str]]:
    """Probabilities of the test rows, one array a draw; none where one of the fits was refused."""
    told, notes = [], []
    for table, recent in zip(tables, later, strict=True):
        fresh = copy.copy(model)  # not deep: a model may hold the sequences of all rows, which no fit changes
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            try:
                fresh.fit(table)
            except ValueError as error:
                return [], [str(error)]
        notes += [str(each.message) for each in said]
        if recent is not None and hasattr(fresh, "calibrate"):
            if recent["came_back"].nunique() == 2:
                fresh.calibrate(recent)
            else:
                notes.append("not calibrated: the later rows of this sample hold one class only")
        told.append(fresh.predict_probability(test))
    return told, notes


def _compared(name: str, reference: str, losses: dict[str, np.ndarray], draws: dict) -> dict:
    """What a model saves against the reference, both fitted to the same customers."""
    if name not in losses or reference not in losses:
        return {"verdict": "not fitted"}
    if name == reference:
        return {"verdict": "reference"}
    saved = losses[reference] - losses[name]
    low, high = bootstrap_interval(saved.mean(axis=0), **draws)
    word = "better" if low > 0 else "worse" if high < 0 else "no difference shown"
    spread = float(saved.mean(axis=1).std(ddof=1)) if len(saved) > 1 else np.nan
    return {"saved": saved.mean(), "low": low, "high": high, "spread": spread, "verdict": word}


def _loss(outcome: np.ndarray, probability: np.ndarray) -> np.ndarray:
    p = np.clip(probability, _LEAST, 1 - _LEAST)
    return -np.where(outcome, np.log(p), np.log1p(-p))
