"""Who are the customers, and where in their life are they? Stages, cohorts, key figures, segments, tiers."""
