"""What customers are worth: discounting, and what acquisition cohorts really brought."""

from clvlib.value.beta_geo import BetaGeoModel
from clvlib.value.cohorts import (
    CohortCurve,
    CohortValues,
    cohort_values,
    forecast_table,
    realised_path,
    realised_values,
)
from clvlib.value.conformal import ConformalIntervals
from clvlib.value.discounting import (
    DAYS_PER_YEAR,
    annual_rate,
    cash_flow_table,
    discount_factors,
    implied_rate,
    margin_multiple,
    payback_period,
    period_rate,
    present_value,
)
from clvlib.value.gamma_gamma import GammaGammaModel
from clvlib.value.modified_beta_geo import ModifiedBetaGeoModel
from clvlib.value.nbd import NBDModel
from clvlib.value.posterior import ParameterPosterior, PosteriorWarning, parameter_posterior
from clvlib.value.purchase_model import FitWarning, PurchaseModel

__all__ = [
    "DAYS_PER_YEAR",
    "BetaGeoModel",
    "CohortCurve",
    "CohortValues",
    "ConformalIntervals",
    "FitWarning",
    "GammaGammaModel",
    "ModifiedBetaGeoModel",
    "NBDModel",
    "ParameterPosterior",
    "PosteriorWarning",
    "PurchaseModel",
    "annual_rate",
    "cash_flow_table",
    "cohort_values",
    "discount_factors",
    "forecast_table",
    "implied_rate",
    "margin_multiple",
    "parameter_posterior",
    "payback_period",
    "period_rate",
    "present_value",
    "realised_path",
    "realised_values",
]
