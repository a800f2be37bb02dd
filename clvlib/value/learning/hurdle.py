"""Over the hurdle of buying at all, and then how far? Two different models for the two parts of an amount."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from clvlib.value.learning._fitting import chain_maker
from clvlib.value.learning.supervised import SupervisedModel

__all__ = ["HurdleModel"]


class HurdleModel(SupervisedModel):
    """Two models for two questions: who gets over the hurdle of buying at all, and how much do those spend who do?

    purchase, spend: each one of :data:`ESTIMATORS`. All rows know whether; only buyers know how much, so that the
    second question has a fraction of the rows and gets the stiffer model by default. Other parameters as
    :class:`SupervisedModel`, whose two-part target uses one kind for both.
    """

    def __init__(self, *, purchase: str = "gradient_boosting", spend: str = "linear_regression", **options) -> None:
        super().__init__(purchase, target="two_part", **options)
        self.purchase = purchase
        self.spend = spend

    def probability(self, features: pd.DataFrame) -> np.ndarray:
        """Chance of a purchase within the horizon, shape (n_rows,)."""
        return self.model_.probability(features[self.features_].to_numpy(dtype=float))

    def expected_spend(self, features: pd.DataFrame) -> np.ndarray:
        """Expected amount within the horizon of who buys at all, shape (n_rows,)."""
        return self.model_.spend(features[self.features_].to_numpy(dtype=float))

    def _maker(self, options: dict, n_features: int | None, *, classify: bool) -> Callable:
        return chain_maker(
            self.purchase if classify else self.spend,
            options if classify else {},
            classify=classify,
            missing=self.missing,
            n_features=n_features,
            random_state=self.random_state,
        )
