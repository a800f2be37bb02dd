"""How much better does a recommender look when what it is judged on is drawn at random, and not bought later?"""

from collections.abc import Callable, Mapping

import pandas as pd
from sklearn.base import clone

from clvlib.matching.judging.holdout import HoldoutTask, holdout_task
from clvlib.matching.lists import Recommender
from clvlib.metrics.ranking import comparison_table
from clvlib.split import Split, random_split, temporal_split

__all__ = ["LEAK_PROTOCOLS", "leak_table"]

#: Ways to hold out, the leaky one first.
LEAK_PROTOCOLS: tuple[str, str] = ("at random", "later period")


def leak_table(
    models: Mapping[str, Recommender | Callable[[pd.DataFrame], Recommender]],
    lines: pd.DataFrame,
    *,
    calibration_end,
    holdout_end=None,
    min_customers: int,
    n: int,
    baseline: str,
    random_state: int,
    exclude_seen: bool = True,
    level: float = 0.95,
    measure: str = "ndcg",
) -> pd.DataFrame:
    """The same models and the same log, held out in two ways: what does the random split flatter?

    ``at random``
        As many purchases as the later period has, drawn from the whole log. A model has then seen what the customer
        bought afterwards, what became a bestseller, and the rest of the basket.
    ``later period``
        :func:`clvlib.split.temporal_split`: learnt before the cut, judged after it. The only one that could have been
        done on the day.

    What is drawn follows the question. Lists of new items (``exclude_seen``) are judged on first purchases: whole pairs
    of customer and item are dealt, as many as the later period has first purchases. Lists that may repeat are judged
    on all purchases: single lines are dealt, as many as the later period has, so that a pair can be on both sides.

    Parameters
    ----------
    models : by name, an unfitted model (it is cloned and fitted on ``customer_id``, ``item_id``, ``quantity``,
        ``amount``, ``timestamp``), or a function that takes this table and returns a fitted model.
    lines : the log.
    calibration_end, holdout_end : of the temporal split.
    min_customers : an item may be listed if so many customers of the part that is learnt bought it.
    n, baseline, level, measure : as :func:`clvlib.metrics.ranking.comparison_table`.
    exclude_seen : the setting of all lists. :class:`~clvlib.matching.BuyAgain` needs False.
    random_state : of the deal and of the intervals.

    Returns
    -------
    DataFrame indexed by ``protocol`` (:data:`LEAK_PROTOCOLS`) and ``method``: the columns of ``comparison_table``, and
    ``customers`` and ``pairs`` that the protocol is judged on. The two are judged on different customers and numbers
    of pairs, since a random draw reaches customers who never came back; so compare who wins and by how much, and read
    ``table["ndcg"].unstack("protocol")`` as what a paper, and what the shop would have seen.

    Raises
    ------
    ValueError : as the splits, :func:`~clvlib.matching.holdout_task` and ``comparison_table``.

    Examples
    --------
    >>> from clvlib.datasets import make_shop
    >>> from clvlib.matching import Popularity
    >>> table = leak_table({"bestsellers": Popularity()}, make_shop(n_customers=200, random_state=1).lines,
    ...                    calibration_end="2024-06-01", min_customers=2, n=10, baseline="bestsellers", random_state=0)
    >>> table.index.get_level_values("protocol").tolist()
    ['at random', 'later period']
    """
    temporal = temporal_split(lines, calibration_end=calibration_end, holdout_end=holdout_end)
    known = lines[(lines["timestamp"] < temporal.holdout_end).to_numpy()]
    later = holdout_task(temporal, min_customers=min_customers)
    dealt = holdout_task(_dealt(known, temporal, exclude_seen, random_state), min_customers=min_customers)
    tables = {}
    for protocol, task in zip(LEAK_PROTOCOLS, (dealt, later), strict=True):
        relevant = task.first_purchase if exclude_seen else task.any_purchase
        if relevant.empty:
            raise ValueError(f"Nobody buys anything new in the holdout ({protocol}); use exclude_seen=False.")
        table = comparison_table(
            _lists(models, task, relevant, n, exclude_seen), relevant, n=n, baseline=baseline, measure=measure,
            n_catalogue=len(task.candidates), level=level, random_state=random_state,
        )  # fmt: skip
        tables[protocol] = table.assign(customers=relevant["customer_id"].nunique(), pairs=len(relevant))
    return pd.concat(tables, names=["protocol"])


def _dealt(known: pd.DataFrame, temporal: Split, exclude_seen: bool, random_state: int) -> Split:
    """A random split that holds out as much as the temporal one."""
    if not exclude_seen:
        share = len(temporal.holdout) / len(known)
        return random_split(known, holdout_share=share, random_state=random_state, whole_pairs=False)
    bought = known[(known["amount"] > 0) & known["item_id"].notna()]
    pairs = bought.sort_values("timestamp").drop_duplicates(["customer_id", "item_id"])
    share = float((pairs["timestamp"] >= temporal.calibration_end).mean())
    return random_split(bought, holdout_share=share, random_state=random_state)


def _lists(models: Mapping, task: HoldoutTask, relevant: pd.DataFrame, n: int, exclude_seen: bool) -> dict:
    """What each model lists for the customers who are judged."""
    asked = relevant["customer_id"].unique()
    fitted = {
        name: clone(model).fit(task.past) if hasattr(model, "fit") else model(task.past)
        for name, model in models.items()
    }
    return {name: model.recommend(asked, n=n, exclude_seen=exclude_seen) for name, model in fitted.items()}
