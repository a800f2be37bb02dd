"""Who are the customers, and where in their life are they? Stages, cohorts, key figures, segments, tiers."""

from clvlib.customers.cohorts import CohortTriangles, cohort_triangles
from clvlib.customers.flags import flag_table
from clvlib.customers.inactivity import inactivity_curve, inactivity_threshold, own_thresholds
from clvlib.customers.kpis import KPIS, kpi_table
from clvlib.customers.migration import migration_table, movers_table
from clvlib.customers.redrawn import continued_histories, redrawn_histories
from clvlib.customers.rfm_scores import RFMScores, rfm_scores
from clvlib.customers.segments import SEGMENTS, Segment, named_segments, segment_grid
from clvlib.customers.stability import Agreement, TierNoise, bootstrap_agreement, tier_noise
from clvlib.customers.stages import (
from clvlib.customers.tiers import TIERS, ValueTiers, value_tiers
from clvlib.customers.transitions import (

__all__ = [
    "KPIS",
    "NOT_YET",
    "SEGMENTS",
    "STAGES",
    "STATES",
    "TIERS",
    "CohortTriangles",
    "RFMScores",
    "Segment",
    "ValueTiers",
    "cohort_triangles",
    "flag_table",
    "forecast_scores",
    "inactivity_curve",
    "inactivity_threshold",
    "kpi_table",
    "lifecycle_stages",
    "named_segments",
    "own_thresholds",
    "revenue_threshold",
    "rfm_scores",
    "segment_grid",
    "stage_history",
    "stage_table",
    "transition_counts",
    "transition_matrix",
    "transition_table",
    "value_by_state",
    "value_tiers",
    "migration_table",
    "movers_table",
    "continued_histories",
    "redrawn_histories",
    "Agreement",
    "TierNoise",
    "bootstrap_agreement",
    "tier_noise",
]
