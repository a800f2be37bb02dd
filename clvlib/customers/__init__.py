"""Who are the customers, and where in their life are they? Stages, cohorts, key figures, segments, tiers."""

from clvlib.customers.judging.choices import choice_table
from clvlib.customers.judging.migration import migration_table, movers_table
from clvlib.customers.judging.next_period import next_period_gain
from clvlib.customers.judging.profiles import WHAT_TO_DO, distinctive_items, profile_lines, segment_profiles
from clvlib.customers.judging.redrawn import continued_histories, redrawn_histories
from clvlib.customers.judging.stability import Agreement, TierNoise, bootstrap_agreement, tier_noise
from clvlib.customers.lifecycle.cohorts import CohortTriangles, cohort_triangles
from clvlib.customers.lifecycle.funnels import (
    CUSTOMER_STEPS,
    ESHOP_STEPS,
    ONLINE_SHOPPERS_STEPS,
    customer_funnel,
    session_funnel,
)
from clvlib.customers.lifecycle.kpis import KPIS, kpi_table
from clvlib.customers.lifecycle.stages import (
    STAGES,
    STATES,
    lifecycle_stages,
    revenue_threshold,
    stage_history,
    stage_table,
)
from clvlib.customers.lifecycle.transitions import (
    NOT_YET,
    forecast_scores,
    transition_counts,
    transition_matrix,
    transition_table,
    value_by_state,
)
from clvlib.customers.segmentation.cluster_count import choose_n_clusters, picked_n_clusters
from clvlib.customers.segmentation.cluster_features import ClusterFeatures, cluster_features
from clvlib.customers.segmentation.clusters import CustomerClusters
from clvlib.customers.segmentation.rfm_scores import RFMScores, rfm_scores
from clvlib.customers.segmentation.segments import SEGMENTS, Segment, named_segments, segment_grid
from clvlib.customers.segmentation.tiers import TIERS, ValueTiers, value_tiers
from clvlib.customers.silence.flags import flag_table
from clvlib.customers.silence.inactivity import inactivity_curve, inactivity_threshold, own_thresholds
from clvlib.customers.wording import interval_text

__all__ = [
    "CUSTOMER_STEPS",
    "ESHOP_STEPS",
    "KPIS",
    "NOT_YET",
    "ONLINE_SHOPPERS_STEPS",
    "SEGMENTS",
    "STAGES",
    "STATES",
    "TIERS",
    "WHAT_TO_DO",
    "Agreement",
    "ClusterFeatures",
    "CohortTriangles",
    "CustomerClusters",
    "RFMScores",
    "Segment",
    "TierNoise",
    "ValueTiers",
    "bootstrap_agreement",
    "choice_table",
    "choose_n_clusters",
    "cluster_features",
    "cohort_triangles",
    "continued_histories",
    "customer_funnel",
    "distinctive_items",
    "flag_table",
    "forecast_scores",
    "inactivity_curve",
    "inactivity_threshold",
    "interval_text",
    "kpi_table",
    "lifecycle_stages",
    "migration_table",
    "movers_table",
    "named_segments",
    "next_period_gain",
    "own_thresholds",
    "picked_n_clusters",
    "profile_lines",
    "redrawn_histories",
    "revenue_threshold",
    "rfm_scores",
    "segment_grid",
    "segment_profiles",
    "session_funnel",
    "stage_history",
    "stage_table",
    "tier_noise",
    "transition_counts",
    "transition_matrix",
    "transition_table",
    "value_by_state",
    "value_tiers",
]
