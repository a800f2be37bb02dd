"""How good is a top-N list? Each metric with its denominator, one value a customer, and the tables made of them.

A list arrives ranked: who makes it states how ties are broken (:mod:`clvlib.matching`: the higher score first, then
the smaller ``item_id``). Nothing here reads a score.
"""

from clvlib.metrics.ranking.at_k import (
    average_precision_at_k,
    graded_ndcg_at_k,
    hit_rate_at_k,
    ndcg_at_k,
    precision_at_k,
    recall_at_k,
    reciprocal_rank_at_k,
)
from clvlib.metrics.ranking.beyond_hits import average_popularity, catalogue_coverage, novelty, popularity_bias
from clvlib.metrics.ranking.tables import comparison_table, group_table, ranking_table

__all__ = [
    "average_popularity",
    "average_precision_at_k",
    "catalogue_coverage",
    "comparison_table",
    "graded_ndcg_at_k",
    "group_table",
    "hit_rate_at_k",
    "ndcg_at_k",
    "novelty",
    "popularity_bias",
    "precision_at_k",
    "ranking_table",
    "recall_at_k",
    "reciprocal_rank_at_k",
]
