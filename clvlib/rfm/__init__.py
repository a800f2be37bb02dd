"""From a transaction log to one row a customer: how often, how lately, how long, for how much."""

from clvlib.rfm.summary import rfm_summary

__all__ = ["rfm_summary"]
