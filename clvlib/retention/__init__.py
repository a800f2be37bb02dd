"""Will they be back? Snapshots of recent behaviour, a probability of returning, and rules that act on it."""

from clvlib.retention.logistic import ActiveLately, BaseRate, ReturnModel, logistic_probability
from clvlib.retention.rules import (
    Action,
    BestThreshold,
    RuleAudit,
    audit_rule,
    best_threshold,
    break_even_probability,
    effect_sensitivity,
    realised_profit,
)
from clvlib.retention.snapshots import (
    FEATURES,
    SnapshotSplit,
    snapshot_dates,
    snapshot_table,
    split_snapshots,
    varying_features,
)

__all__ = [
    "FEATURES",
    "Action",
    "ActiveLately",
    "BaseRate",
    "BestThreshold",
    "ReturnModel",
    "RuleAudit",
    "SnapshotSplit",
    "audit_rule",
    "best_threshold",
    "break_even_probability",
    "effect_sensitivity",
    "logistic_probability",
    "realised_profit",
    "snapshot_dates",
    "snapshot_table",
    "split_snapshots",
    "varying_features",
]
