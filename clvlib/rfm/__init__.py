"""From a transaction log to one row a customer: how often, how lately, how long, for how much, and how old."""

from clvlib.rfm._customers import coded
from clvlib.rfm.ages import AgedLines, CohortAges, age_lines, cohort_ages
from clvlib.rfm.summary import rfm_summary

__all__ = ["AgedLines", "CohortAges", "age_lines", "coded", "cohort_ages", "rfm_summary"]
