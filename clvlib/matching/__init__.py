"""What would each customer like next? Interactions in, top-N lists out.

Models read a table with ``customer_id``, ``item_id`` and ``rating`` (explicit) or ``quantity`` (purchases); a pair
without a row is missing, not zero. All give lists by :meth:`~clvlib.matching.lists.Recommender.recommend`.
"""

from clvlib.matching.baskets.cross_sell import cross_sell_table, offer_outcomes
from clvlib.matching.baskets.itemsets import basket_table, frequent_itemsets
from clvlib.matching.baskets.offers import bestseller_offers, rule_offers
from clvlib.matching.baskets.rule_recommender import RuleRecommender
from clvlib.matching.baskets.rule_validation import validate_rules
from clvlib.matching.baskets.rules import association_rules
from clvlib.matching.blend import Blend
from clvlib.matching.factors.ease import EASE
from clvlib.matching.factors.factorization import MatrixFactorization
from clvlib.matching.interactions import interactions_table
from clvlib.matching.judging.groups import activity_groups
from clvlib.matching.judging.holdout import HoldoutTask, holdout_task
from clvlib.matching.judging.leak import LEAK_PROTOCOLS, leak_table
from clvlib.matching.judging.oracle import regret_table, true_tastes
from clvlib.matching.neighborhood.co_purchase import CoPurchase
from clvlib.matching.neighborhood.neighbors import ItemKNN, UserKNN
from clvlib.matching.networks.autoencoder import Autoencoder
from clvlib.matching.networks.embedding import DotProductEmbedding
from clvlib.matching.offering.margins import (
    PurchaseProbability,
    add_days_silent,
    add_expected_margin,
    item_margins,
)
from clvlib.matching.offering.reasons import add_reasons
from clvlib.matching.offering.rerank import rerank_by_margin, tradeoff_table
from clvlib.matching.offering.returns import drop_returned
from clvlib.matching.order.attention import SelfAttentionRecommender
from clvlib.matching.order.markov import MarkovChain
from clvlib.matching.order.recurrent import GRURecommender
from clvlib.matching.order.sequences import events_table, planted_order, repeats_by_lag, shuffle_order
from clvlib.matching.popularity import BuyAgain, Popularity
from clvlib.matching.texts.content import ContentMatcher

__all__ = [
    "EASE",
    "LEAK_PROTOCOLS",
    "Autoencoder",
    "Blend",
    "BuyAgain",
    "CoPurchase",
    "ContentMatcher",
    "DotProductEmbedding",
    "GRURecommender",
    "HoldoutTask",
    "ItemKNN",
    "MarkovChain",
    "MatrixFactorization",
    "Popularity",
    "PurchaseProbability",
    "RuleRecommender",
    "SelfAttentionRecommender",
    "UserKNN",
    "activity_groups",
    "add_days_silent",
    "add_expected_margin",
    "add_reasons",
    "association_rules",
    "basket_table",
    "bestseller_offers",
    "cross_sell_table",
    "drop_returned",
    "events_table",
    "frequent_itemsets",
    "holdout_task",
    "interactions_table",
    "item_margins",
    "leak_table",
    "offer_outcomes",
    "planted_order",
    "regret_table",
    "repeats_by_lag",
    "rerank_by_margin",
    "rule_offers",
    "shuffle_order",
    "tradeoff_table",
    "true_tastes",
    "validate_rules",
]
