"""Will a customer be back? Boosted trees, which find steps and interactions that a logistic model has to be told."""

from collections.abc import Sequence
from numbers import Integral, Real

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

from clvlib.retention._checks import group_codes
from clvlib.retention.models._design import outcome_of
from clvlib.retention.models.calibrated import CalibratedModel

__all__ = ["BoostedReturnModel"]

#: From so many rows on, scikit-learn's threads earn what they cost.
_ROWS_FOR_THREADS = 200_000


class BoostedReturnModel(CalibratedModel):
    """Gradient boosting on a snapshot's features: what a model gains that may bend every curve and mix every feature.

    scikit-learn's :class:`~sklearn.ensemble.HistGradientBoostingClassifier` on the log loss, with small trees and a
    small step, and as many trees as held-back *customers* ask for: with rows held back instead, the same customer
    would stand on both sides, and the trees would go on learning customers by heart. No scaling is needed, and no odds
    ratio comes out: calibrate it like :class:`~clvlib.retention.ReturnModel` and compare it on later rows.

    features: as in ``ReturnModel``. validation_share: of the customers, held back to stop; 0 grows all ``max_iter``
    trees. learning_rate, max_leaf_nodes, min_samples_leaf, max_iter: as in scikit-learn.

    ``fit`` sets ``features_``, ``dropped_``, ``model_``, ``n_iter_`` (trees), ``shift_``, ``slope_``, ``n_rows_``,
    ``n_customers_``. The same seed gives the same trees.

    ValueError: as ``ReturnModel``; also options out of range, a ``validation_share`` that leaves one class only on one
    of the two sides.

    >>> rng = np.random.default_rng(0)
    >>> table = pd.DataFrame({"customer_id": np.arange(3000) // 2, "orders": rng.poisson(3, 3000) + 1.0})
    >>> table["came_back"] = rng.random(3000) < np.where(table["orders"] == 4, 0.8, 0.1)  # a step up and down again
    >>> model = BoostedReturnModel(random_state=0).fit(table)
    >>> model.predict_probability(pd.DataFrame({"orders": [2.0, 4.0, 6.0]})).round(1).tolist()
    [0.1, 0.8, 0.1]
    """

    def __init__(
        self,
        *,
        features: Sequence[str] | None = None,
        validation_share: float = 0.2,
        learning_rate: float = 0.1,
        max_leaf_nodes: int = 8,
        min_samples_leaf: int = 50,
        max_iter: int = 300,
        random_state: int = 0,
    ) -> None:
        self.features = features
        self.validation_share = validation_share
        self.learning_rate = learning_rate
        self.max_leaf_nodes = max_leaf_nodes
        self.min_samples_leaf = min_samples_leaf
        self.max_iter = max_iter
        self.random_state = random_state

    def fit(self, table: pd.DataFrame) -> "BoostedReturnModel":
        if not isinstance(self.validation_share, Real) or not 0 <= self.validation_share < 1:
            raise ValueError(f"validation_share is a share of the customers in [0, 1), got {self.validation_share!r}")
        if isinstance(self.random_state, bool) or not isinstance(self.random_state, Integral) or self.random_state < 0:
            raise ValueError(f"random_state must be a whole number of 0 or more, not {self.random_state!r}")
        outcome = outcome_of(table)
        x = self._choose_features(table, self.features)
        # in the order of ids, so that the order of the rows decides nothing
        customer = group_codes(table.get("customer_id"), len(table), ordered=True)
        n = int(customer.max()) + 1
        held = np.random.default_rng(self.random_state).permutation(n)[: round(self.validation_share * n)]
        back = np.isin(customer, held)
        options = {}
        if len(held):
            for name, side in (("held back", back), ("left to learn from", ~back)):
                if not side.any() or outcome[side].all() or not outcome[side].any():
                    raise ValueError(
                        f"{int(outcome[side].sum())} of {int(side.sum())} rows {name} came back: both kinds are needed "
                        f"on both sides of validation_share={self.validation_share}; use more rows, or 0: no stopping"
                    )
            options = {"X_val": x[back], "y_val": outcome[back]}
        self.model_ = HistGradientBoostingClassifier(
            learning_rate=self.learning_rate,
            max_leaf_nodes=self.max_leaf_nodes,
            min_samples_leaf=self.min_samples_leaf,
            max_iter=self.max_iter,
            early_stopping=bool(len(held)),
            random_state=self.random_state,
        )
        # on tables of this size threads wait for each other longer than they work
        with threadpool_limits(limits=1 if len(x) < _ROWS_FOR_THREADS else None, user_api="openmp"):
            self.model_.fit(x[~back], outcome[~back], **options)
        self.n_iter_ = self.model_.n_iter_
        self.shift_, self.slope_ = 0.0, 1.0
        self.n_rows_, self.n_customers_ = len(x), n
        return self

    def _raw_log_odds(self, x: np.ndarray) -> np.ndarray:
        return self.model_.decision_function(x)
