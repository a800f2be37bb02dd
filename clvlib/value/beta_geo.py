"""BG/NBD: customers buy at a steady rate of their own and may leave for good after any repeat purchase.

Fader, Hardie and Lee (2005), "Counting your customers" the easy way, Marketing Science 24(2).
"""

from typing import ClassVar

import numpy as np

from clvlib.value._beta_geo_likelihood import BetaGeoLikelihood
from clvlib.value._summary import Triples
from clvlib.value.purchase_model import PurchaseModel

__all__ = ["BetaGeoModel"]


class BetaGeoModel(PurchaseModel):
    """BG/NBD: purchase rates are Gamma(r, alpha), probabilities to leave after a purchase Beta(a, b), over customers."""

    _symbols = ("r", "alpha", "a", "b")
    _meaning: ClassVar = {
        "a down, b down": "a share a / (a + b) of customers leaves after the first repeat purchase, the others never",
        "a down": "there is no dropout to be seen, the model is NBD",
        "a up, b up": "every customer has the same probability of leaving after a purchase, a / (a + b)",
        "b up": "dropout cannot be told from none",
        "r up, alpha up": "every customer has the same purchase rate, r / alpha",
    }
    _first_chance = 0

    def _compiled(self, triples: Triples) -> BetaGeoLikelihood:
        return BetaGeoLikelihood(triples, first_chance=self._first_chance)

    def _guesses(self, triples: Triples) -> list[np.ndarray]:
        rate = max(triples.weight @ triples.x, 0.5) / max(triples.weight @ triples.T, 1e-9)
        shapes = ((0.5, 0.8, 2.5), (1.0, 1.0, 50.0), (0.3, 0.1, 0.5))
        return [np.array([r, r / (1.3 * rate), a, b]) for r, a, b in shapes]
