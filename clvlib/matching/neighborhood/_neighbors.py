"""What ``UserKNN`` and ``ItemKNN`` share: fitting, prediction, who is nearest."""

import numpy as np
import pandas as pd
from scipy import sparse

from clvlib.matching.interactions import checked_pairs, encode
from clvlib.matching.lists import Recommender, checked_whole
from clvlib.matching.neighborhood._dense import DenseInteractions, DenseSimilarity, encode_dense
from clvlib.matching.neighborhood.similarity import Similarity, check_options, row_means
from clvlib.matching.neighborhood.top_products import block_rows

__all__ = ["Neighbors"]

#: Neighbour-and-pair combinations looked at together in predict: 80 MB.
_COMBINATIONS = 2_000_000


class Neighbors(Recommender):
    """What the two sides share; ``_rows_and_their_columns`` says what is compared: customers, or items."""

    def __init__(
        self,
        *,
        similarity: str = "cosine",
        n_neighbors: int | None = 20,
        co_rated: bool | None = None,
        centred: bool = True,
        shrinkage: float = 0.0,
        half_life_days: float | None = None,
    ):
        self.similarity = similarity
        self.n_neighbors = n_neighbors
        self.co_rated = co_rated
        self.centred = centred
        self.shrinkage = shrinkage
        self.half_life_days = half_life_days

    def fit(self, interactions: pd.DataFrame):
        """Learn from a table with ``customer_id``, ``item_id`` and ``rating`` or ``quantity``.

        Instead of the table: a sparse matrix of quantities, or a dense array of ratings of dtype uint8 where 0 means
        not rated, both of shape (customers, items) and with row and column numbers for ids.

        ValueError: what ``encode`` refuses; an unknown similarity; a centred similarity for purchases, which have
        no mean liking to deviate from; ``n_neighbors`` below 1; a negative ``shrinkage``.
        """
        checked_whole("n_neighbors", self.n_neighbors, none="all")
        check_options(self.similarity, self.shrinkage)
        dense = isinstance(interactions, np.ndarray)
        if dense and self.half_life_days is not None:
            raise ValueError("half_life_days needs a table with a column timestamp, not an array.")
        data = encode_dense(interactions) if dense else encode(interactions, half_life_days=self.half_life_days)
        centred_measure = self.similarity in ("pearson", "adjusted_cosine")
        if centred_measure and not data.explicit:
            raise ValueError(
                f"similarity={self.similarity!r} compares ratings; for purchases take 'cosine' or 'jaccard'."
            )
        self._remember(data)
        options = {
            "similarity": self.similarity,
            "co_rated": centred_measure if self.co_rated is None else self.co_rated,
            "shrinkage": self.shrinkage,
        }
        self._left_of = self._nearest_of_all = None
        if isinstance(data, DenseInteractions):
            self._similarity = DenseSimilarity(self._rows_of_array(interactions), **options)
            self._row_mean, self._column_mean = self._similarity.row_mean, self._similarity.column_mean
            self._mean = self._similarity.row_total.sum() / data.buyers.sum()
            # The work is done here, as for purchases: where all is rated, these are the neighbours of every prediction.
            if self.n_neighbors is not None:
                self._nearest_of_all = self._similarity.nearest(self.n_neighbors)
            return self
        self._matrix, self._by_column = self._rows_and_their_columns(data.values)
        self._similarity = Similarity(self._matrix, self._by_column, **options)
        if data.explicit:
            self._row_mean, self._column_mean = row_means(self._matrix), row_means(self._by_column)
            self._mean = self._matrix.data.mean()
            if data.aged is not None:
                self._left_of = self._rows_and_their_columns(data.aged)[1].data
        return self

    def neighbors_table(self, n_neighbors: int | None = None) -> pd.DataFrame:
        """Who is nearest to whom: the ``n_neighbors`` (by default the model's) most similar of each row.

        Returns ``customer_id`` (UserKNN) or ``item_id`` (ItemKNN), ``rank`` from 1, ``neighbor_id``, ``similarity``;
        similarities above 0 only, the higher first, of equal ones the smaller id.
        """
        self._check_fitted()
        checked_whole("n_neighbors", n_neighbors, none="the model's")
        names, nearest = self._row_ids(), self._nearest(n_neighbors or self.n_neighbors)
        row = np.repeat(np.arange(len(names)), np.diff(nearest.indptr))
        order = np.lexsort((nearest.indices, -nearest.data, row))
        return pd.DataFrame(
            {
                self._row_name: names[row],
                "rank": np.arange(len(row)) - nearest.indptr[row] + 1,
                "neighbor_id": names[nearest.indices[order]],
                "similarity": nearest.data[order],
            }
        )

    def _nearest(self, n_neighbors: int | None) -> sparse.csr_array:
        if self._nearest_of_all is not None and n_neighbors == self.n_neighbors:
            return self._nearest_of_all
        return self._similarity.nearest(n_neighbors)

    def similarity_table(self, ids=None) -> pd.DataFrame:
        """Similarities of the compared customers (UserKNN) or items (ItemKNN), labelled by id.

        ``ids`` picks some, by default all: a dense square, so ask for few. A similarity to itself is 1. KeyError for an
        id that was not in the fitted table.
        """
        self._check_fitted()
        names = self._row_ids()
        chosen = names if ids is None else pd.Index(ids)
        rows = names.get_indexer(chosen)
        if (rows < 0).any():
            raise KeyError(
                f"{int((rows < 0).sum())} of the ids were not in the fitted table: {list(chosen[rows < 0][:3])}"
            )
        table = self._similarity.block(rows)[:, rows]
        np.fill_diagonal(table, 1.0)
        return pd.DataFrame(table, index=chosen, columns=chosen)

    def predict(self, pairs: pd.DataFrame) -> pd.Series:
        """The rating each customer would give each item; for a pair that was rated too, its own rating left out.

        pairs: ``customer_id``, ``item_id``. Returns a Series ``rating`` on the index of ``pairs``, never NaN:
        without a usable neighbour the row's mean (the customer's for UserKNN, the item's for ItemKNN), then the
        column's, then the mean of all ratings. ValueError if the fitted table had no ratings.
        """
        self._check_fitted()
        if not self.interactions_.explicit:
            raise ValueError("predict needs a table with ratings; for purchases call recommend.")
        pairs = checked_pairs(pairs)
        customer = self.interactions_.customers.get_indexer(pairs["customer_id"])
        item = self.interactions_.items.get_indexer(pairs["item_id"])
        row, column = self._rows_and_columns(customer, item)
        said = self._by_neighbors(row, column)
        for mean, position in ((self._row_mean, row), (self._column_mean, column)):
            # Who rated nothing, or what nobody rated, has no mean either.
            said = np.where(np.isnan(said) & (position >= 0), mean[position], said)
        return pd.Series(np.where(np.isnan(said), self._mean, said), index=pairs.index, name="rating")

    def _by_neighbors(self, row: np.ndarray, column: np.ndarray) -> np.ndarray:
        """What usable neighbours say of each pair, NaN where there is none."""
        result = np.full(len(row), np.nan)
        pairs = np.flatnonzero((row >= 0) & (column >= 0))
        pairs = pairs[np.argsort(row[pairs], kind="stable")]
        raters = self._raters_of(column[pairs])
        chunk = np.cumsum(raters) // _COMBINATIONS
        # A row's similarities are one dense line; as many lines at a time as a block may hold.
        lines = np.cumsum(np.diff(row[pairs], prepend=-1) > 0) // block_rows(len(self._row_mean))
        cuts = np.flatnonzero(np.diff(chunk, prepend=-1) | np.diff(lines, prepend=-1))
        for part in np.split(pairs, cuts[1:]) if len(pairs) else []:
            value, usable = self._weigh(row[part], column[part])
            result[part[usable]] = value[usable]
        return result

    def _raters_of(self, column: np.ndarray) -> np.ndarray:
        """How many neighbours may have each column."""
        if isinstance(self._similarity, DenseSimilarity):
            return np.full(len(column), len(self._row_mean))
        return np.diff(self._by_column.indptr)[column]

    def _weigh(self, row: np.ndarray, column: np.ndarray):
        """Weighted mean over the neighbours that have the column; a flat list of (pair, neighbour) combinations."""
        unique, line = np.unique(row, return_inverse=True)
        alike = self._similarity.block(unique)
        if isinstance(self._similarity, DenseSimilarity):
            different, at = np.unique(column, return_inverse=True)
            first, rows, ratings = self._similarity.raters(different)
        else:
            first, at, rows, ratings = self._by_column.indptr, column, self._by_column.indices, self._by_column.data
        start, stop = first[at], first[at + 1]
        count = stop - start
        pair = np.repeat(np.arange(len(row)), count)
        place = np.arange(len(pair)) - np.repeat(np.cumsum(count) - count, count) + np.repeat(start, count)
        neighbor, rating = rows[place], ratings[place]
        left = np.ones(len(place)) if self._left_of is None else self._left_of[place]
        weight = alike[line[pair], neighbor]
        kept = np.flatnonzero(self._usable(weight))
        kept = kept[np.lexsort((neighbor[kept], -weight[kept], pair[kept]))]
        if self.n_neighbors is not None:
            kept = kept[np.arange(len(kept)) - np.searchsorted(pair[kept], pair[kept]) < self.n_neighbors]
        # Time weakens what a rating says, not how alike its row is: it comes after the choice of neighbours.
        pair, neighbor, rating, weight = pair[kept], neighbor[kept], rating[kept], weight[kept] * left[kept]
        value = rating - self._row_mean[neighbor] if self.centred else rating
        total = np.bincount(pair, weights=np.abs(weight), minlength=len(row))
        mean = np.divide(
            np.bincount(pair, weights=weight * value, minlength=len(row)),
            total,
            out=np.zeros(len(row)),
            where=total > 0,
        )
        return mean + self._row_mean[row] if self.centred else mean, total > 0

    def _usable(self, weight: np.ndarray) -> np.ndarray:
        """A mean with negative weights is no mean; deviations may count against."""
        return np.isfinite(weight) & (weight != 0 if self.centred else weight > 0)

    def _scores(self, customers: np.ndarray, items: np.ndarray) -> np.ndarray:
        if not self.interactions_.explicit:
            return super()._scores(customers, items)
        return self._scores_of_ratings(customers, items)

    def _scores_of_ratings(self, customers: np.ndarray, items: np.ndarray) -> np.ndarray:
        every_pair = np.repeat(customers, len(items)), np.tile(items, len(customers))
        # A fall-back of predict is no opinion: such places are filled with bestsellers, behind what neighbours say.
        return self._by_neighbors(*self._rows_and_columns(*every_pair)).reshape(len(customers), len(items))

    def _has_operands(self) -> bool:
        return not self.interactions_.explicit
