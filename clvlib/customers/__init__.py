"""Who are the customers, and where in their life are they? Stages, cohorts, key figures, segments, tiers."""

from clvlib.customers.cohorts import CohortTriangles, cohort_triangles
from clvlib.customers.kpis import KPIS, kpi_table

__all__ = ["KPIS", "CohortTriangles", "cohort_triangles", "kpi_table"]
