"""Who are the customers, and where in their life are they? Stages, cohorts, key figures, segments, tiers."""

from clvlib.customers.cohorts import CohortTriangles, cohort_triangles
from clvlib.customers.flags import flag_table
from clvlib.customers.inactivity import inactivity_curve, inactivity_threshold, own_thresholds
from clvlib.customers.kpis import KPIS, kpi_table
from clvlib.customers.rfm_scores import RFMScores, rfm_scores
from clvlib.customers.segments import SEGMENTS, Segment, named_segments, segment_grid
from clvlib.customers.tiers import TIERS, ValueTiers, value_tiers

__all__ = [
    "KPIS",
    "SEGMENTS",
    "TIERS",
    "CohortTriangles",
    "RFMScores",
    "Segment",
    "ValueTiers",
    "cohort_triangles",
    "flag_table",
    "inactivity_curve",
    "inactivity_threshold",
    "kpi_table",
    "named_segments",
    "own_thresholds",
    "rfm_scores",
    "segment_grid",
    "value_tiers",
]
