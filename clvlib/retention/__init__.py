"""Will they be back? Snapshots of recent behaviour, a probability of returning, and rules that act on it."""

from clvlib.retention._design import SeparationWarning
from clvlib.retention.baselines import ActiveLately, BaseRate
from clvlib.retention.boosted import BoostedReturnModel
from clvlib.retention.following import follow_level
from clvlib.retention.hazard import DiscreteTimeHazard, survival_check
from clvlib.retention.learning_curve import customers_needed, learning_curve
from clvlib.retention.lifetimes import lifetime_table
from clvlib.retention.logistic import ReturnModel, logistic_probability
from clvlib.retention.recurrent import CELLS, SequenceModel
from clvlib.retention.rhythms import RhythmLog, make_rhythms
from clvlib.retention.rules import (
    Action,
    BestThreshold,
    RangeAudit,
    RuleAudit,
    audit_over_range,
    audit_rule,
    best_threshold,
    break_even_effect,
    break_even_probability,
    effect_sensitivity,
    flip_effects,
    policy_table,
    realised_profit,
)
from clvlib.retention.sequences import CHANNELS, WeeklySequences, shuffled_weeks, weekly_sequences, window_totals
from clvlib.retention.snapshots import (
    FEATURES,
    SnapshotSplit,
    customer_draw,
    snapshot_dates,
    snapshot_table,
    split_snapshots,
    varying_features,
)
from clvlib.retention.survival import logrank_p_value, survival_curve, survival_table

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
