"""Who are the customers, and where in their life are they? Stages, cohorts, key figures, segments, tiers."""

from clvlib.customers.cohorts import CohortTriangles, cohort_triangles

__all__ = ["CohortTriangles", "cohort_triangles"]
