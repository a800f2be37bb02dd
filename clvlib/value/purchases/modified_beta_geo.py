"""MBG/NBD: as BG/NBD, but customers may also leave straight after their first purchase.

Batislam, Denizel and Filiztekin (2007), Empirical validation and comparison of models for customer base analysis,
International Journal of Research in Marketing 24(3), 201-209; the same model is Hoppe and Wagner's (2007) CBG/NBD.
"""

from clvlib.value.purchases._beta_geo_family import BetaGeoFamily

__all__ = ["ModifiedBetaGeoModel"]


class ModifiedBetaGeoModel(BetaGeoFamily):
    """How often does each customer buy, and are they still one, if one purchase may have been the last?

    While a customer, purchases come at random at a rate ~ Gamma(r, alpha); after *every* purchase, the first included,
    the customer leaves with a probability ~ Beta(a, b). ``probability_alive`` is below 1 for frequency 0 too.

    ``fit`` and predictions as in :class:`clvlib.value.purchases.beta_geo.BetaGeoModel`; the likelihood is that of
    BG/NBD with one more chance to leave.

    >>> import pandas as pd
    >>> summary = pd.DataFrame({"frequency": [0.0], "recency": [0.0], "T": [38.86], "time_unit_days": [7.0]})
    >>> model = ModifiedBetaGeoModel()
    >>> model.params_ = {"r": 0.525, "alpha": 6.183, "a": 0.891, "b": 1.614}
    >>> model.probability_alive(summary).round(3)
    array([0.39])
    """

    _first_chance = 1
