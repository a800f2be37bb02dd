"""What would each customer like next? Interactions in, top-N lists out.

Models read a table with ``customer_id``, ``item_id`` and ``rating`` (explicit) or ``quantity`` (purchases); a pair
without a row is missing, not zero. All give lists by :meth:`~clvlib.matching.lists.Recommender.recommend`.
"""

from clvlib.matching.content import ContentMatcher
from clvlib.matching.embedding import DotProductEmbedding
from clvlib.matching.holdout import HoldoutTask, holdout_task
from clvlib.matching.interactions import interactions_table
from clvlib.matching.markov import MarkovChain
from clvlib.matching.neighbors import ItemKNN, UserKNN
from clvlib.matching.popularity import BuyAgain, Popularity
from clvlib.matching.sequences import events_table, planted_order, shuffle_order

__all__ = [
    "BuyAgain",
    "ContentMatcher",
    "DotProductEmbedding",
    "HoldoutTask",
    "ItemKNN",
    "MarkovChain",
    "Popularity",
    "UserKNN",
    "events_table",
    "holdout_task",
    "interactions_table",
    "planted_order",
    "shuffle_order",
]
