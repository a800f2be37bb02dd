"""Matching by words: what the customer bought is described in the same words as what she has not seen yet."""

from collections.abc import Collection, Iterable, Mapping

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.exceptions import NotFittedError

from clvlib.matching.interactions import encode
from clvlib.matching.lists import Recommender
from clvlib.matching.neighborhood.top_products import top_products
from clvlib.matching.texts._item_words import ItemWords, catalogue, own_items
from clvlib.matching.texts._profile_weights import check_kinds, choice, purchase_weights, with_customers
from clvlib.matching.texts.text import STOP_WORDS, words

__all__ = ["ContentMatcher", "words"]

#: Pairs of a listed item and an own one that are looked at together by ``because``.
_PAIRS = 200_000


class ContentMatcher(Recommender):
    """Which items read like what she bought? TF-IDF of the products' texts and attributes, cosine to the profile.

    Weights are fitted on the items alone: how common a word is in the catalogue must not depend on who shops. With
    tf the count of word w in the text, N the number of items and df those that have w, the weight is
    tf * (ln((1 + N) / (1 + df)) + 1), or tf * (ln(N / df) + 1) without ``smooth_idf`` (scikit-learn's definitions);
    each item's vector is scaled to length 1. What a word is: :func:`clvlib.matching.texts.text.words`, Chinese
    included. An attribute's value (every column of ``items`` with text or categories, but for ``item_id`` and
    ``item_text``) is one more word, with tf = ``attribute_weight``; what all items share, "unknown" and a gap are none.

    A profile is the sum of the vectors of what the customer bought, each times its weight, scaled to length 1:
    ln(1 + quantity), or ``quantity`` itself without ``log_quantity`` and for ratings, times
    2^(-age / ``half_life_days``), the age being the time from the pair's latest ``timestamp`` to the table's. The
    score is their cosine, times ((1 + buyers) / (1 + buyers of the commonest item))^``popularity_weight``, a prior
    for what many buy: identical texts are else identical items. No opinion where profile and item share no word.

    What has no history: an *item* without a purchase is matched like the others, that is the method's point. A
    *customer* without purchases can state ``interests`` in words; who has neither, and who shares no word with an
    item, gets the bestsellers that :meth:`recommend` fills up with. An item without a word is only listed as one.

    Parameters
    ----------
    smooth_idf : as above.
    min_items : leave out words (and attributes) that fewer items have; a word of one item matches nothing but it.
    log_quantity : weigh a purchase by ln(1 + quantity), so that the daily milk does not drown the profile.
    half_life_days : after so many days a purchase counts half; None counts all alike.
    attribute_weight : as above, 0 leaves the attributes out.
    popularity_weight : as above; 0 is the plain cosine. :meth:`match` knows no prior.
    stop_words : words to leave out, ``()`` for none.

    Attributes: ``item_vectors_`` (items, words) CSR, ``words_`` (words,; attributes as ``column=value``), ``items_``
    sorted by id.

    Examples
    --------
    >>> items = pd.DataFrame({"item_id": ["1", "2", "3"], "item_text": ["green tea", "black tea", "tin mug"]})
    >>> bought = pd.DataFrame({"customer_id": ["a"], "item_id": ["1"]})
    >>> ContentMatcher().fit(bought, items).recommend(["a"], n=2)["item_id"].tolist()
    ['2']
    """

    def __init__(
        self,
        *,
        smooth_idf: bool = True,
        min_items: int = 1,
        log_quantity: bool = True,
        half_life_days: float | None = None,
        attribute_weight: float = 1.0,
        popularity_weight: float = 0.0,
        stop_words: Collection[str] = STOP_WORDS,
    ):
        self.smooth_idf = smooth_idf
        self.min_items = min_items
        self.log_quantity = log_quantity
        self.half_life_days = half_life_days
        self.attribute_weight = attribute_weight
        self.popularity_weight = popularity_weight
        self.stop_words = stop_words

    def fit(
        self,
        interactions: pd.DataFrame,
        items: pd.DataFrame | None = None,
        *,
        interests: Mapping[object, str] | pd.Series | None = None,
    ) -> "ContentMatcher":
        """Learn the words of ``items`` and the profiles of ``interactions``.

        items: ``item_id`` (unique), ``item_text`` and attributes; a missing text is an empty one. Purchases of items
        that are not in it say nothing. None takes the columns ``item_text`` and ``category`` of ``interactions``, the
        first row of each item.
        interests: what customers say they like, a text by ``customer_id``; it weighs as much as one purchase of the
        latest day, and makes customers known who bought nothing yet.

        ValueError, with the number of rows: what ``encode`` refuses, a column missing, an id twice or missing, a text
        that is none, a catalogue without a single word, ids of another kind than those bought, ``half_life_days``
        that is not positive or has no ``timestamp``.
        """
        if not 0 <= self.popularity_weight < np.inf:
            raise ValueError(f"popularity_weight must be finite and not negative, not {self.popularity_weight}.")
        items = catalogue(own_items(interactions) if items is None else items)
        self._item_words = ItemWords(
            items,
            smooth_idf=self.smooth_idf,
            min_items=self.min_items,
            attribute_weight=self.attribute_weight,
            stop_words=self.stop_words,
        )
        self.item_vectors_, self.words_ = self._item_words.vectors, self._item_words.names
        encoded = encode(interactions)
        said = pd.Series(interests if interests is not None else {}, dtype=object)
        if twice := int(said.index.duplicated().sum()):
            raise ValueError(f"{twice} of the interests repeat a customer_id; keep one text a customer.")
        options = {"log_quantity": self.log_quantity, "half_life_days": self.half_life_days}
        weights = purchase_weights(interactions, encoded, **options)
        encoded, weights = with_customers(encoded, weights, pd.Index(said.index))
        self._remember(encoded, pd.Index(items["item_id"]))
        check_kinds(self.items_, encoded.items, self._catalogue)
        listed = np.flatnonzero(self._catalogue >= 0)
        #: Weight of each past purchase, (customers, items of the catalogue); what a profile is made of.
        self._own = sparse.csr_array(
            weights[:, listed] @ choice(self._catalogue[listed], len(self.items_)), dtype=np.float64
        )
        self._profiles = self._profiles_of(said)
        prior = ((1 + self.buyers_) / (1 + self.buyers_.max())) ** self.popularity_weight
        self._listed_vectors = sparse.csr_array((sparse.diags_array(prior) @ self.item_vectors_).T)
        return self

    def match(self, texts: Iterable[str], *, n: int = 10, candidates: Iterable | None = None) -> pd.DataFrame:
        """The n items nearest to each free text (interests, a search), without a table of all pairs.

        candidates: ids of the items that may be listed, by default all. Returns ``text_id`` (the label where
        ``texts`` is a Series, else its place from 0), ``rank``, ``item_id``, ``score``, the cosine; ties go to the
        smaller ``item_id``. A text gets fewer rows, or none, where fewer items share a word with it: nothing is
        filled in. A part of a text between commas that is an attribute's value counts as that attribute too.

        ValueError for n below 1 and for a text that is none; TypeError for one text, of which each letter would be
        taken for a text; NotFittedError before ``fit``.

        >>> items = pd.DataFrame({"item_id": ["1", "2", "3"], "item_text": ["green tea", "tin mug", "mug"]})
        >>> bought = pd.DataFrame({"customer_id": ["a"], "item_id": ["1"]})
        >>> ContentMatcher().fit(bought, items).match(["mug", "gibberish"]).round(2)
           text_id  rank item_id  score
        0        0     1       3   1.00
        1        0     2       2   0.61
        """
        self._check_fitted()
        if n < 1:
            raise ValueError(f"n must be at least 1, not {n}.")
        _check_several(texts)
        texts = texts if isinstance(texts, pd.Series) else pd.Series(list(texts), dtype=object)
        listed = np.arange(len(self.items_))
        if candidates is not None:
            listed = np.flatnonzero(self.items_.isin(list(candidates)))
        vectors = self._item_words.of(texts)
        k = min(n, len(listed))
        if not k or not len(texts):
            columns, scores = np.empty((len(texts), 0), dtype=np.int32), np.empty((len(texts), 0))
        else:
            columns, scores = top_products(vectors, self.item_vectors_[listed].T.tocsr(), k=k)
        row, place = np.nonzero(columns >= 0)
        return pd.DataFrame(
            {
                "text_id": texts.index[row],
                "rank": place + 1,
                "item_id": self.items_[listed[columns[row, place]]],
                "score": scores[row, place].astype(np.float64),
            }
        )

    def match_table(self, texts: Iterable[str]) -> pd.DataFrame:
        """Cosine of free texts (rows; interests, a search) with every item (columns); 0 where no word is known.

        For a few texts: the table is dense. :meth:`match` gives the best items of many.

        >>> items = pd.DataFrame({"item_id": ["1", "2"], "item_text": ["green tea", "tin mug"]})
        >>> bought = pd.DataFrame({"customer_id": ["a"], "item_id": ["1"]})
        >>> ContentMatcher().fit(bought, items).match_table(["mug", "gibberish"]).round(2)
                    1     2
        mug       0.0  0.71
        gibberish 0.0  0.00
        """
        self._check_fitted()
        _check_several(texts)
        texts = list(texts)
        cosine = (self._item_words.of(texts) @ self.item_vectors_.T).toarray()
        return pd.DataFrame(cosine, index=texts, columns=self.items_.rename(None))

    def profile_table(self, customers: Iterable, *, n: int = 5) -> pd.DataFrame:
        """The n heaviest words of each customer's profile: ``customer_id``, ``rank``, ``word``, ``weight``.

        KeyError for a customer without interactions and without interests.
        """
        self._check_fitted()
        asked = pd.Index(customers)
        position = self.interactions_.customers.get_indexer(asked)
        if (position < 0).any():
            raise KeyError(f"{int((position < 0).sum())} of the customers have no interactions.")
        profiles = self._profiles[position].tocoo()
        table = pd.DataFrame(
            {
                "customer_id": asked[profiles.row],
                "position": profiles.row,
                "word": self.words_[profiles.col],
                "weight": profiles.data,
            }
        )
        table = table.sort_values(["position", "weight", "word"], ascending=[True, False, True])
        table.insert(2, "rank", table.groupby("position").cumcount() + 1)
        return table[table["rank"] <= n].drop(columns="position").reset_index(drop=True)

    def because(self, lists: pd.DataFrame) -> pd.Series:
        """The customer's own past item that adds most to each listed item's score; missing where none shares a word.

        lists: ``customer_id``, ``item_id``, one row a place; returns ``item_id`` on its index. What item j adds to
        the score of i is its weight in the profile times the cosine of j and i; an item is never its own reason, and
        of equal reasons the smaller ``item_id`` is taken. ValueError for a missing column.

        >>> items = pd.DataFrame({"item_id": ["1", "2", "3"], "item_text": ["green tea", "black tea", "tin mug"]})
        >>> bought = pd.DataFrame({"customer_id": ["a", "a"], "item_id": ["1", "3"]})
        >>> model = ContentMatcher().fit(bought, items)
        >>> model.because(model.recommend(["a"])).tolist()
        ['1']
        """
        self._check_fitted()
        if absent := [name for name in ("customer_id", "item_id") if name not in lists.columns]:
            raise ValueError(f"The lists need customer_id and item_id; {' and '.join(absent)} is not there.")
        customer = self.interactions_.customers.get_indexer(lists["customer_id"])
        item = self.items_.get_indexer(lists["item_id"])
        best = np.full(len(lists), -1)
        asked = np.flatnonzero((customer >= 0) & (item >= 0))
        n_own = np.diff(self._own.indptr)[customer[asked]]
        for block in np.split(asked, np.flatnonzero(np.diff(np.cumsum(n_own) // _PAIRS)) + 1):
            best[block] = self._heaviest(customer[block], item[block])
        found = np.full(len(lists), None, dtype=object)
        found[best >= 0] = self.items_.to_numpy(dtype=object)[best[best >= 0]]
        return pd.Series(found, index=lists.index, name="because", dtype=object)

    def _heaviest(self, customer: np.ndarray, item: np.ndarray) -> np.ndarray:
        """Position of the own item that adds most, -1 without one; shapes (b,)."""
        own = self._own[customer]
        pair = np.repeat(np.arange(len(customer)), np.diff(own.indptr))
        shared = self.item_vectors_[own.indices].multiply(self.item_vectors_[item[pair]]).sum(axis=1)
        adds = np.where(own.indices == item[pair], 0.0, own.data * np.asarray(shared).ravel())
        order = np.lexsort((own.indices, -adds, pair))
        order = order[adds[order] > 0]
        row, first = np.unique(pair[order], return_index=True)
        best = np.full(len(customer), -1)
        best[row] = own.indices[order[first]]
        return best

    def _has_operands(self) -> bool:
        return True

    def _operands(self, customers: np.ndarray) -> tuple[sparse.csr_array, sparse.csr_array]:
        return self._profiles[customers], self._listed_vectors

    def _scores(self, customers: np.ndarray, items: np.ndarray) -> np.ndarray:
        scores = (self._profiles[customers] @ self._listed_vectors[:, items]).toarray()
        return np.where(scores > 0, scores, np.nan)

    def _check_fitted(self) -> None:
        if not hasattr(self, "interactions_"):
            raise NotFittedError(f"This {type(self).__name__} has learnt nothing yet; call fit first.")

    def _profiles_of(self, said: pd.Series) -> sparse.csr_array:
        from sklearn.preprocessing import normalize

        profiles = self._own @ self.item_vectors_
        if len(said):
            once = np.log(2) if self.log_quantity and not self.interactions_.explicit else 1.0
            place = self.interactions_.customers.get_indexer(said.index)
            profiles = profiles + once * (choice(place, profiles.shape[0]).T @ self._item_words.of(said))
        # normalize leaves a row of zeros as it is: a customer without a word gets no score, not 0/0.
        return sparse.csr_array(normalize(profiles))


def _check_several(texts: Iterable[str]) -> None:
    if isinstance(texts, str):
        raise TypeError("texts are a list of texts, as in ['green tea'], not one text.")
