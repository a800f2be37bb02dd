"""Matching by words: what the customer bought is described in the same words as what she has not seen yet."""

import re
from collections.abc import Iterable

import numpy as np
import pandas as pd
from scipy import sparse

from clvlib.matching.interactions import encode, with_data
from clvlib.matching.lists import Recommender

__all__ = ["ContentMatcher", "words"]

#: Runs of Chinese characters, which know no blanks between words, and words of two or more letters or digits.
_TOKEN = re.compile(r"[\u4e00-\u9fff]+|[^\W\u4e00-\u9fff]{2,}")


def words(text: str) -> list[str]:
    """The words of a product text, in lower case; a run of Chinese characters gives its overlapping pairs.

    Pairs are what search engines index where there is no segmenter: crude, but a text is found again by its words.

    >>> words("Red MUG, 2 pcs 0.5l")
    ['red', 'mug', 'pcs', '5l']
    >>> words("红茶杯 Mug")
    ['红茶', '茶杯', 'mug']
    """
    found = []
    for token in _TOKEN.findall(text.lower()):
        if "\u4e00" <= token[0] <= "\u9fff" and len(token) > 1:
            found.extend(token[place : place + 2] for place in range(len(token) - 1))
        else:
            found.append(token)
    return found


class ContentMatcher(Recommender):
    """Which items read like what she bought? TF-IDF of the product texts, cosine to the customer's profile.

    Weights are fitted on the items alone: how common a word is in the catalogue must not depend on who shops. With
    tf the count of word w in the text, N the number of items and df those that have w, the weight is
    tf * (ln((1 + N) / (1 + df)) + 1), or tf * (ln(N / df) + 1) without ``smooth_idf`` (scikit-learn's definitions);
    each item's vector is scaled to length 1. A profile is the sum of the vectors of what the customer bought, times
    ``quantity``, scaled to length 1; the score is its cosine with an item, and no opinion where no word is shared.

    Items without a purchase, new ones above all, are matched like the others: that is the method's point.

    Parameters
    ----------
    smooth_idf : as above.
    min_items : leave out words that fewer items have; a word of one item matches nothing but that item.
    log_quantity : weigh a purchase by ln(1 + quantity), so that the daily milk does not drown the profile.

    Attributes: ``item_vectors_`` (items, words) CSR, ``words_`` (words,), ``items_`` sorted by id.

    Examples
    --------
    >>> items = pd.DataFrame({"item_id": ["1", "2", "3"], "item_text": ["green tea", "black tea", "tin mug"]})
    >>> bought = pd.DataFrame({"customer_id": ["a"], "item_id": ["1"]})
    >>> ContentMatcher().fit(bought, items).recommend(["a"], n=2)["item_id"].tolist()
    ['2']
    """

    def __init__(self, *, smooth_idf: bool = True, min_items: int = 1, log_quantity: bool = True):
        self.smooth_idf = smooth_idf
        self.min_items = min_items
        self.log_quantity = log_quantity

    def fit(self, interactions: pd.DataFrame, items: pd.DataFrame) -> "ContentMatcher":
        """Learn the words of ``items`` and the profiles of ``interactions``.

        items: ``item_id`` (unique), ``item_text``; a missing text is an empty one. Purchases of items that are not in
        it say nothing. ValueError: what ``encode`` refuses, an id twice, a catalogue without a single word.
        """
        from sklearn.feature_extraction.text import TfidfVectorizer

        twice = int(items["item_id"].duplicated().sum())
        if twice:
            raise ValueError(f"{twice} rows of items repeat an item_id; keep one text an item.")
        catalogue = items.sort_values("item_id")
        vectorizer = TfidfVectorizer(analyzer=words, smooth_idf=self.smooth_idf, min_df=self.min_items)
        try:
            self.item_vectors_ = vectorizer.fit_transform(catalogue["item_text"].fillna("")).tocsr()
        except ValueError as error:
            raise ValueError(
                f"The item_text of {len(items)} items has no word that {self.min_items} of them share ({error}); "
                "map the product's description to item_text or lower min_items."
            ) from error
        self.words_ = vectorizer.get_feature_names_out()
        self._vectorizer = vectorizer
        self._remember(encode(interactions), pd.Index(catalogue["item_id"]))
        self._profiles = self._profiles_of(self.interactions_.values)
        return self

    def _profiles_of(self, values: sparse.csr_array) -> sparse.csr_array:
        from sklearn.preprocessing import normalize

        damped = self.log_quantity and not self.interactions_.explicit
        weights = with_data(values, np.log1p(values.data)) if damped else values
        listed = self._catalogue >= 0
        # normalize leaves a row of zeros as it is: a customer without a word gets no score, not 0/0.
        return normalize(weights[:, listed] @ self.item_vectors_[self._catalogue[listed]])

    def match_table(self, texts: Iterable[str]) -> pd.DataFrame:
        """Cosine of free texts (rows; interests, a search) with every item (columns); 0 where no word is known.

        >>> items = pd.DataFrame({"item_id": ["1", "2"], "item_text": ["green tea", "tin mug"]})
        >>> bought = pd.DataFrame({"customer_id": ["a"], "item_id": ["1"]})
        >>> ContentMatcher().fit(bought, items).match_table(["mug", "gibberish"]).round(2)
                    1     2
        mug       0.0  0.71
        gibberish 0.0  0.00
        """
        texts = list(texts)
        vectors = self._vectorizer.transform(texts)
        return pd.DataFrame((vectors @ self.item_vectors_.T).toarray(), index=texts, columns=self.items_.rename(None))

    def profile_table(self, customers: Iterable, *, n: int = 5) -> pd.DataFrame:
        """The n heaviest words of each customer's profile: ``customer_id``, ``rank``, ``word``, ``weight``.

        KeyError for a customer without interactions.
        """
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

    def _scores(self, customers: np.ndarray, items: np.ndarray) -> np.ndarray:
        scores = (self._profiles[customers] @ self.item_vectors_[items].T).toarray()
        return np.where(scores > 0, scores, np.nan)
