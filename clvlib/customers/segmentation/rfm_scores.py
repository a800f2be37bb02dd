"""How lately, how often, how much: three scores a customer, and the limits in days, purchases and currency behind them.

A score is a place among *these* customers, cut at quantiles. Logs are full of ties (most customers of most shops have
bought once), and a quantile may fall into the middle of a tie. Equal customers keep one score here: a score that no
customer can have stays empty, and :attr:`RFMScores.limits_` shows it, instead of equal customers parted by chance.
"""

import numpy as np
import pandas as pd

from clvlib.customers.segmentation._summary import recency_frequency_money

__all__ = ["RFMScores", "rfm_scores"]

_SCORES = ("recency_score", "frequency_score", "monetary_score")


def rfm_scores(summary: pd.DataFrame, *, n_bins: int = 5) -> pd.DataFrame:
    """Where does each customer stand among the others, by last purchase, number of purchases, and money?

    ``RFMScores(n_bins=n_bins).fit(summary).transform(summary)``: see :class:`RFMScores`, which keeps the limits and
    scores later customers by them.

    >>> summary = pd.DataFrame({
    ...     "customer_id": [*"abcde"], "days_since_last_purchase": [3, 80, 20, 300, 9],
    ...     "frequency": [6, 0, 2, 0, 0], "total_spend": [240.0, 15.0, 90.0, 30.0, 400.0]})
    >>> rfm_scores(summary)
      customer_id  recency_score  frequency_score  monetary_score  rfm
    0           a              5                5               4  554
    1           b              2                1               1  211
    2           c              3                4               3  343
    3           d              1                1               2  112
    4           e              4                1               5  415
    """
    return RFMScores(n_bins=n_bins).fit(summary).transform(summary)


class RFMScores:
    """Scores 1 (worst) to ``n_bins`` (best) by quantiles; ``fit`` sets the limits, ``transform`` scores by them.

    The summary has one row a customer and the columns ``days_since_last_purchase`` (or ``recency``, ``T``,
    ``time_unit_days``, of which it is made), ``frequency`` (repeat purchase days) and ``total_spend`` in currency (or
    ``monetary_value``, which is 0 for everybody who bought once: total spend tells those apart).

    The limits are the quantiles 1/n_bins, 2/n_bins, … (linear interpolation, as in ``pandas.qcut``), intervals closed
    on the right: the score is 1 + the number of limits that the value exceeds; for days, where few are good, ``n_bins``
    - the number of limits exceeded. So equal values have equal scores, the lowest frequency has score 1 however many
    customers share it, and the latest day has score ``n_bins``. A column without any difference gives everybody
    that one score, 1 or (days) ``n_bins``: among equals nobody stands out. Scores are relative: in a dying shop, too,
    somebody has a recency score of 5; read ``limits_``.

    n_bins: 2 to 9, so that ``rfm`` has a digit a score.

    ``fit`` sets ``limits_``, a table with one row a score and column: ``score_of``, ``column``, ``score``, ``above``
    (exclusive), ``to`` (inclusive; in days, purchase days or currency) and ``customers``, zero where a tie left a
    score empty.

    Source: Hughes, Strategic Database Marketing (1994), who cuts into fifths; ties are this house's rule.

    ValueError: no rows, a missing column, a value that is missing, infinite or no number, a negative frequency or
    number of days, a customer twice with different numbers (the same row again is a bootstrap's doing), n_bins
    outside 2..9, ``transform`` before ``fit``.

    >>> summary = pd.DataFrame({"days_since_last_purchase": [5.0, 5, 5, 5, 400], "frequency": [0.0, 0, 0, 0, 0],
    ...                         "total_spend": [10.0, 20, 30, 40, 50]})
    >>> scores = RFMScores().fit(summary)
    >>> scores.transform(summary)["rfm"].tolist()
    ['511', '512', '513', '514', '115']
    >>> later = summary.assign(total_spend=[55.0, 0, 0, 0, 0])
    >>> scores.transform(later)["monetary_score"].tolist()
    [5, 1, 1, 1, 1]
    """

    def __init__(self, *, n_bins: int = 5) -> None:
        self.n_bins = n_bins

    def fit(self, summary: pd.DataFrame) -> "RFMScores":
        if isinstance(self.n_bins, bool) or not isinstance(self.n_bins, int | np.integer) or not 2 <= self.n_bins <= 9:
            raise ValueError(f"n_bins must be a whole number from 2 to 9, not {self.n_bins!r}; 5 is usual")
        columns = recency_frequency_money(summary)
        shares = np.arange(1, self.n_bins) / self.n_bins
        self.cuts_ = {name: np.quantile(columns[name], shares) for name in columns}
        self.limits_ = self._limits(columns)
        return self

    def transform(self, summary: pd.DataFrame) -> pd.DataFrame:
        """The scores by the limits of ``fit``: ``customer_id`` (if there), the three scores (int64) and ``rfm``, text.

        ``rfm`` is the three digits one after the other; ``attrs["n_bins"]`` says what the best of them is. The rows and
        their index stay as they are in ``summary``.
        """
        if not hasattr(self, "cuts_"):
            raise ValueError("these scores have no limits yet; call fit(summary) first")
        columns = recency_frequency_money(summary)
        if list(columns) != list(self.cuts_):
            raise ValueError(
                f"the limits were set on {', '.join(self.cuts_)} and this summary of {len(columns)} rows has "
                f"{', '.join(columns)}; score both on the same column of money"
            )
        scores = self._scores(columns)
        if "customer_id" in summary:
            scores.insert(0, "customer_id", summary["customer_id"])
        code = (scores[list(_SCORES)] @ np.array([100, 10, 1])).to_numpy()
        cell, which = np.unique(code, return_inverse=True)  # few cells, many customers: text is made once a cell
        scores["rfm"] = pd.Series(cell.astype(str), dtype="str").take(which).set_axis(scores.index)
        scores.attrs["n_bins"] = int(self.n_bins)
        return scores

    def _scores(self, columns: pd.DataFrame) -> pd.DataFrame:
        scores = {}
        for score, (name, cuts) in zip(_SCORES, self.cuts_.items(), strict=True):
            exceeded = np.searchsorted(cuts, columns[name].to_numpy(), side="left")  # limits strictly below the value
            scores[score] = self.n_bins - exceeded if score == "recency_score" else 1 + exceeded
        return pd.DataFrame(scores, index=columns.index)

    def _limits(self, columns: pd.DataFrame) -> pd.DataFrame:
        scores, rows = self._scores(columns), []
        for score, (name, cuts) in zip(_SCORES, self.cuts_.items(), strict=True):
            edges = [-np.inf, *cuts, np.inf]
            count = np.bincount(scores[score], minlength=self.n_bins + 1)
            for value in range(1, self.n_bins + 1):
                step = self.n_bins - value if score == "recency_score" else value - 1
                rows.append((score, name, value, edges[step], edges[step + 1], int(count[value])))
        return pd.DataFrame(rows, columns=["score_of", "column", "score", "above", "to", "customers"])
