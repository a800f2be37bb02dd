"""Will they be back? Snapshots of recent behaviour, a probability of returning, and rules that act on it."""

from clvlib.retention.acting.actions import Action, break_even_effect, break_even_probability, realised_profit
from clvlib.retention.acting.policies import effect_sensitivity, flip_effects, policy_table
from clvlib.retention.acting.rules import RangeAudit, RuleAudit, audit_over_range, audit_rule
from clvlib.retention.acting.thresholds import BestThreshold, best_threshold
from clvlib.retention.duration.hazard import DiscreteTimeHazard, survival_check
from clvlib.retention.duration.lifetimes import lifetime_table
from clvlib.retention.duration.survival import logrank_p_value, survival_curve, survival_table
from clvlib.retention.models._design import SeparationWarning
from clvlib.retention.models.baselines import ActiveLately, BaseRate
from clvlib.retention.models.boosted import BoostedReturnModel
from clvlib.retention.models.following import follow_level
from clvlib.retention.models.learning_curve import customers_needed, learning_curve
from clvlib.retention.models.logistic import ReturnModel, logistic_probability
from clvlib.retention.models.recurrent import CELLS, SequenceModel
from clvlib.retention.windows.rhythms import RhythmLog, make_rhythms
from clvlib.retention.windows.sequences import (
    CHANNELS,
    WeeklySequences,
    shuffled_weeks,
    weekly_sequences,
    window_totals,
)
from clvlib.retention.windows.snapshots import FEATURES, snapshot_dates, snapshot_table, varying_features
from clvlib.retention.windows.splits import SnapshotSplit, customer_draw, split_snapshots

__all__ = [
    "CELLS",
    "CHANNELS",
    "FEATURES",
    "Action",
    "ActiveLately",
    "BaseRate",
    "BestThreshold",
    "BoostedReturnModel",
    "DiscreteTimeHazard",
    "RangeAudit",
    "ReturnModel",
    "RhythmLog",
    "RuleAudit",
    "SeparationWarning",
    "SequenceModel",
    "SnapshotSplit",
    "WeeklySequences",
    "audit_over_range",
    "audit_rule",
    "best_threshold",
    "break_even_effect",
    "break_even_probability",
    "customer_draw",
    "customers_needed",
    "effect_sensitivity",
    "flip_effects",
    "follow_level",
    "learning_curve",
    "lifetime_table",
    "logistic_probability",
    "logrank_p_value",
    "make_rhythms",
    "policy_table",
    "realised_profit",
    "shuffled_weeks",
    "snapshot_dates",
    "snapshot_table",
    "split_snapshots",
    "survival_check",
    "survival_curve",
    "survival_table",
    "varying_features",
    "weekly_sequences",
    "window_totals",
]
