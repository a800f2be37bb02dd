"""BG/NBD: customers buy at a steady rate of their own and may leave for good after any repeat purchase.

Fader, Hardie and Lee (2005), "Counting your customers" the easy way: an alternative to the Pareto/NBD model,
Marketing Science 24(2), 275-284. Equations below are theirs.
"""

from clvlib.value.purchases._beta_geo_family import BetaGeoFamily

__all__ = ["BetaGeoModel"]


class BetaGeoModel(BetaGeoFamily):
    """How often does each customer buy, and are they still one? The BG/NBD model.

    While a customer, purchases come at random at a rate ~ Gamma(r, alpha), alpha in the summary's time unit; after
    every *repeat* purchase the customer leaves with a probability ~ Beta(a, b). So who has never bought again is alive
    with certainty (``probability_alive`` 1 for frequency 0): see :class:`ModifiedBetaGeoModel` where that is too kind.

    ``fit(summary)`` reads ``frequency``, ``recency``, ``T`` of :func:`clvlib.rfm.rfm_summary` and maximises equation
    (6); what it sets is said in :class:`clvlib.value.purchases.purchase_model.PurchaseModel`. Expected purchases are
    equations (9) (new) and (10) (with a history), the count distribution equation (8).

    >>> import pandas as pd
    >>> summary = pd.DataFrame({"frequency": [2.0], "recency": [30.43], "T": [38.86], "time_unit_days": [7.0]})
    >>> model = BetaGeoModel()
    >>> model.params_ = {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}
    >>> model.expected_purchases(summary, horizon_days=273).round(3), model.probability_alive(summary).round(3)
    (array([1.226]), array([0.727]))
    """

    _first_chance = 0
