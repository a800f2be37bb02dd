"""The toy inputs of the five documents, and the figures they print about them.

The documents are named S0 to S4 (see :mod:`clvlib.datasets.documents`). Nothing of their wording is here, only
the numbers a reader needs to recompute them. Arrays are read-only: one of the documents' listings overwrites its
own input (S0 §5.2.1), so take a ``.copy()`` before changing one. Figures stand as the strings that were printed,
since the number of printed digits is what says how exactly they can be checked.
"""

import numpy as np
import pandas as pd

__all__ = [
    "CASH_FLOWS",
    "CHURN_METRICS",
    "CLV_METRICS",
    "DISCOUNT_RATE",
    "INTERESTS",
    "ITEM_FEATURES",
    "PRINTED",
    "RATINGS_3X4",
    "RATINGS_5X5",
    "RETENTION_BETAS",
    "RETENTION_FEATURES",
    "RETENTION_HIGH",
    "RETENTION_LOW",
    "TRAINING_TRIPLETS",
    "ratings_table",
]


def _read_only(rows) -> np.ndarray:
    array = np.array(rows)
    array.flags.writeable = False
    return array


#: S0 §4.3 and §5.2.1: ratings of 3 users (rows) for 4 items (columns), 1 to 5. **0 means not rated**: the
#: document recommends the item that user 1 has at 0, and yet lets zeros count as ratings in its formulas.
RATINGS_3X4: np.ndarray = _read_only([[5, 3, 0, 1], [4, 0, 5, 4], [1, 4, 3, 2]])

#: S4 §5.2: ratings of 5 users (rows) for 5 items (columns), 1 to 5. Every cell is rated, **nothing is missing**.
RATINGS_5X5: np.ndarray = _read_only(
    [[3, 4, 2, 5, 1], [4, 5, 3, 2, 5], [2, 4, 5, 3, 4], [5, 3, 2, 4, 5], [1, 2, 4, 3, 5]]
)

#: S0 §5.2.2: what each of 3 users is interested in; one word each, so that matching is matching words.
INTERESTS: tuple[str, ...] = ("electronics", "books", "sports")

#: S0 §5.2.2: what each of 4 items is.
ITEM_FEATURES: tuple[str, ...] = ("electronics", "books", "clothing", "sports")

#: S0 §5.2.3: the nine rows the neural network is trained on: user id (1 to 3), item id (1 to 4), rating. Ids are
#: **counted from 1**; a rating of 0 is used **as a rating**. The pair (1, 1) occurs twice, and most rows contradict
#: :data:`RATINGS_3X4`.
TRAINING_TRIPLETS: np.ndarray = _read_only(
    [[1, 1, 5], [2, 2, 3], [1, 3, 0], [2, 4, 1], [3, 1, 4], [1, 2, 0], [2, 3, 5], [3, 4, 4], [1, 1, 1]]
)

#: S1 §4.3: one customer's purchases in months 1, 2 and 3, in yuan. Gross: the formula asks for net income.
CASH_FLOWS: tuple[float, ...] = (100.0, 50.0, 20.0)

#: S1 §4.3: the discount rate of the same example, per *period*, and the periods are months.
DISCOUNT_RATE: float = 0.1

#: S3 §4.3: intercept and slopes of the logistic retention model, in the order of :data:`RETENTION_FEATURES`.
RETENTION_BETAS: tuple[float, ...] = (0.5, 0.2, 0.1, 0.1)

#: S3 §4.3: the model's features, all counted over 30 days and so never negative; return is asked for 7 days later.
#: The document gives no unit for the browsing time: minutes are our reading.
RETENTION_FEATURES: tuple[str, ...] = ("logins", "purchases", "browsing_minutes")

#: S3 §4.3: below this probability of staying a customer gets a coupon.
RETENTION_LOW: float = 0.5

#: S3 §4.3: above this probability of staying a customer gets extra care.
RETENTION_HIGH: float = 0.8

#: S2 §5.4: test metrics of the two classifiers of "CLV", as printed.
CLV_METRICS: dict[str, dict[str, str]] = {
    "logistic regression": {"accuracy": "0.85625", "recall": "0.78125", "f1": "0.81667"},
    "neural network": {"accuracy": "0.875", "recall": "0.85938", "f1": "0.86429"},
}

#: S3 §5.4: test metrics of the retention model, as printed.
CHURN_METRICS: dict[str, str] = {"accuracy": "0.85", "recall": "0.82"}

#: Every other figure of the documents that can be checked, by name.
PRINTED: dict[str, str] = {
    "s12": "0.9747",  # S0 §4.3, cosine of users 1 and 2
    "s13": "0.2236",  # S0 §4.3, weight of user 3 as it appears in the prediction
    "prediction_user1_item3": "2.5",  # S0 §4.3
    "scores_user1": "2.5 0. 0. 0.",  # S0 §5.4, one score an item, from item 1
    "favourite_item_user1": "2",  # S0 §5.4, what the text reads from those scores
    "cltv": "145.45",  # S1 §4.3
}


def ratings_table(matrix, *, zero_is_missing: bool) -> pd.DataFrame:
    """A rating matrix as a table with one row for each rating.

    Parameters
    ----------
    matrix : array of shape (n_users, n_items)
        Ratings; row ``u`` is the user with id ``u + 1``, column ``i`` the item with id ``i + 1``: the documents
        count from 1.
    zero_is_missing : bool
        Whether a 0 says "not rated" (the row is left out) or is a rating of 0.

    Returns
    -------
    DataFrame with ``customer_id``, ``item_id`` (text) and ``rating`` (float), ordered by user and item.

    Raises
    ------
    ValueError
        If ``matrix`` does not have two dimensions.

    Examples
    --------
    >>> len(ratings_table(RATINGS_3X4, zero_is_missing=True)), len(ratings_table(RATINGS_3X4, zero_is_missing=False))
    (10, 12)
    """
    ratings = np.asarray(matrix, dtype=float)
    if ratings.ndim != 2:
        raise ValueError(f"matrix needs two dimensions (users, items) but has {ratings.ndim}: pass one row a user")
    users, items = np.indices(ratings.shape)
    table = pd.DataFrame(
        {
            "customer_id": (users.ravel() + 1).astype(str),
            "item_id": (items.ravel() + 1).astype(str),
            "rating": ratings.ravel(),
        }
    ).astype({"customer_id": "str", "item_id": "str"})
    return table[table["rating"] != 0].reset_index(drop=True) if zero_is_missing else table
