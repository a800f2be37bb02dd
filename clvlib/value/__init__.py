"""What customers are worth, how sure that is, and which model to believe: chapters 3.1 to 3.4."""

from clvlib.value.cohorts import (
    CohortCurve,
    CohortValues,
    cohort_values,
    forecast_table,
    realised_path,
    realised_values,
)
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
from clvlib.value.histories import history_cells, history_grid
from clvlib.value.learning.features import FEATURES, customer_features
from clvlib.value.learning.high_value import HighValueModel, high_value_threshold, targeting_table
from clvlib.value.learning.hurdle import HurdleModel
from clvlib.value.learning.missing import missing_value_table
from clvlib.value.learning.networks import KerasMLP, RawNetwork
from clvlib.value.learning.snapshots import training_origins, training_snapshots
from clvlib.value.learning.supervised import SupervisedModel, supervised_contenders
from clvlib.value.learning.ziln import ZILNRegressor, zero_inflated_lognormal_loss, zero_inflated_lognormal_mean
from clvlib.value.lifetime_value import customer_lifetime_value
from clvlib.value.new_customer import NewCustomerValue, expected_lifetime_value_new_customer
from clvlib.value.purchases.beta_geo import BetaGeoModel
from clvlib.value.purchases.beta_geo_beta_binom import BetaGeoBetaBinomModel
from clvlib.value.purchases.gamma_gamma import GammaGammaModel
from clvlib.value.purchases.modified_beta_geo import ModifiedBetaGeoModel
from clvlib.value.purchases.nbd import NBDModel
from clvlib.value.purchases.pareto_nbd import ParetoNBDModel
from clvlib.value.purchases.purchase_model import FitWarning, PurchaseModel
from clvlib.value.purchases.shifted_beta_geo import ShiftedBetaGeoModel
from clvlib.value.race.contenders import BuyTillYouDie, ConformalForecast
from clvlib.value.race.leak import leak_meter
from clvlib.value.race.oracle import true_value
from clvlib.value.race.rules_of_thumb import HiatusRule, LastPeriod, MeanBaseline, OwnPastRate, RecencyFrequencyCells
from clvlib.value.saving import ModelFileError, ValueModel, load_model, save_model
from clvlib.value.tracking import tracking_table
from clvlib.value.uncertainty.conformal import ConformalIntervals, ConformalLevel, conformal_level
from clvlib.value.uncertainty.posterior import ParameterPosterior, PosteriorWarning, parameter_posterior
from clvlib.value.uncertainty.predictive import PredictiveIntervals, predictive_intervals, predictive_quantiles

__all__ = [
    "DAYS_PER_YEAR",
    "FEATURES",
    "BetaGeoBetaBinomModel",
    "BetaGeoModel",
    "BuyTillYouDie",
    "CohortCurve",
    "CohortValues",
    "ConformalForecast",
    "ConformalIntervals",
    "ConformalLevel",
    "FitWarning",
    "GammaGammaModel",
    "HiatusRule",
    "HighValueModel",
    "HurdleModel",
    "KerasMLP",
    "LastPeriod",
    "MeanBaseline",
    "ModelFileError",
    "ModifiedBetaGeoModel",
    "NBDModel",
    "NewCustomerValue",
    "OwnPastRate",
    "ParameterPosterior",
    "ParetoNBDModel",
    "PosteriorWarning",
    "PredictiveIntervals",
    "PurchaseModel",
    "RawNetwork",
    "RecencyFrequencyCells",
    "ShiftedBetaGeoModel",
    "SupervisedModel",
    "ValueModel",
    "ZILNRegressor",
    "annual_rate",
    "cash_flow_table",
    "cohort_values",
    "conformal_level",
    "customer_features",
    "customer_lifetime_value",
    "discount_factors",
    "expected_lifetime_value_new_customer",
    "forecast_table",
    "high_value_threshold",
    "history_cells",
    "history_grid",
    "implied_rate",
    "leak_meter",
    "load_model",
    "margin_multiple",
    "missing_value_table",
    "parameter_posterior",
    "payback_period",
    "period_rate",
    "predictive_intervals",
    "predictive_quantiles",
    "present_value",
    "realised_path",
    "realised_values",
    "save_model",
    "supervised_contenders",
    "targeting_table",
    "tracking_table",
    "training_origins",
    "training_snapshots",
    "true_value",
    "zero_inflated_lognormal_loss",
    "zero_inflated_lognormal_mean",
]
