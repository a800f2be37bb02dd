"""A catalogue as a matrix of TF-IDF weights, and later texts in the same words."""

from collections.abc import Collection, Iterable
from functools import partial

import numpy as np
import pandas as pd
from scipy import sparse

from clvlib.matching.texts.text import words

__all__ = ["ItemWords", "catalogue", "own_items"]

#: What an attribute says of an item when it says nothing.
_NOTHING = frozenset({"", "unknown", "nan", "none", "<na>"})
_PARTS = r"[,;，、；|\n]"


class ItemWords:
    """TF-IDF of ``items`` (``item_id`` unique and sorted, ``item_text`` without gaps), see ``ContentMatcher``.

    ``vectors``: (items, words) CSR, rows of length 1 or 0. ``names``: (words,), attributes as ``column=value``.
    """

    def __init__(
        self,
        items: pd.DataFrame,
        *,
        smooth_idf: bool,
        min_items: int,
        attribute_weight: float,
        stop_words: Collection[str],
    ):
        if min_items < 1:
            raise ValueError(f"min_items must be at least 1, not {min_items}.")
        if not attribute_weight >= 0 or attribute_weight == np.inf:
            raise ValueError(f"attribute_weight must be finite and not negative, not {attribute_weight}.")
        from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer

        self._attribute_weight = attribute_weight
        # Shops repeat themselves: a text that many items share is read once.
        text, distinct = pd.factorize(items["item_text"])
        self._counter = CountVectorizer(analyzer=partial(words, stop_words=frozenset(stop_words)))
        try:
            counts = self._counter.fit_transform(distinct).tocsr()[text]
            names = self._counter.get_feature_names_out()
        except ValueError:  # not one word: CountVectorizer's "empty vocabulary"
            self._counter, counts, names = None, sparse.csr_array((len(items), 0)), np.array([], dtype=object)
        carried = np.bincount(counts.indices, minlength=len(names))
        self._kept = np.flatnonzero(carried >= min_items)
        attributes, named, self._values = _attribute_columns(items, min_items if attribute_weight > 0 else np.inf)
        self.names = np.concatenate([names[self._kept], np.array(named, dtype=object)])
        if not len(self.names):
            raise ValueError(
                f"The item_text of {len(items)} items has no word that {min_items} of them share; map the product's "
                "description to item_text or lower min_items."
            )
        both = sparse.hstack([counts[:, self._kept], attribute_weight * attributes], format="csr")
        self._transformer = TfidfTransformer(smooth_idf=smooth_idf)
        self.vectors = sparse.csr_array(self._transformer.fit_transform(both))
        self.vectors.sort_indices()

    def of(self, texts: Iterable[str]) -> sparse.csr_array:
        """Vectors of ``texts``, shape (texts, words), rows of length 1, or 0 where the catalogue has no such word.

        A part between commas that is an attribute's value counts as that attribute too.
        """
        texts = [_as_text(text) for text in texts]
        counts = sparse.csr_array((len(texts), len(self._kept)))
        if self._counter is not None and texts:
            counts = self._counter.transform(texts)[:, self._kept]
        both = sparse.hstack([counts, self._attribute_weight * self._attributes_named_in(texts)], format="csr")
        return sparse.csr_array(self._transformer.transform(both)) if texts else both

    def _attributes_named_in(self, texts: list[str]) -> sparse.csr_array:
        shape = (len(texts), len(self._values))
        if not texts or not self._values:
            return sparse.csr_array(shape)
        parts = pd.Series(texts, dtype=object).str.split(_PARTS, regex=True).explode().str.strip().str.casefold()
        named = pd.DataFrame({"row": parts.index, "value": parts.to_numpy()}).drop_duplicates()
        named = named.merge(pd.DataFrame({"value": self._values, "column": np.arange(shape[1])}), on="value")
        return sparse.csr_array((np.ones(len(named)), (named["row"], named["column"])), shape=shape)


def own_items(interactions: pd.DataFrame) -> pd.DataFrame:
    """The items as the interactions describe them."""
    columns = [name for name in ("item_id", "item_text", "category") if name in interactions.columns]
    if "item_text" not in columns:
        raise ValueError("There is no table of items, and the interactions have no column item_text; pass items.")
    return interactions.dropna(subset=columns[:1])[columns].drop_duplicates("item_id")


def catalogue(items: pd.DataFrame) -> pd.DataFrame:
    """Sorted by id, every text a string."""
    for column in ("item_id", "item_text"):
        if column not in items.columns:
            raise ValueError(f"The table of items needs a column {column}; there are {', '.join(map(str, items))}.")
    if items.empty:
        raise ValueError("The table of items is empty: there is nothing to match.")
    if missing := int(items["item_id"].isna().sum()):
        raise ValueError(f"{missing} of {len(items)} items have no item_id; drop these rows first.")
    if twice := int(items["item_id"].duplicated().sum()):
        raise ValueError(f"{twice} rows of items repeat an item_id; keep one text an item.")
    text = items["item_text"].astype(object)
    text = text.where(text.notna(), "")
    if strange := int((~text.map(lambda value: isinstance(value, str))).sum()):
        raise ValueError(f"{strange} of {len(items)} values of item_text are no text; turn them into strings first.")
    return items.assign(item_text=text).sort_values("item_id").reset_index(drop=True)


def _as_text(text: object) -> str:
    if isinstance(text, str):
        return text
    if pd.isna(text):
        return ""
    raise ValueError(f"Texts are strings, but one is a {type(text).__name__} ({text!r}).")


def _attribute_columns(items: pd.DataFrame, min_items: float) -> tuple[sparse.csr_array, list[str], list[str]]:
    """1 where an item has an attribute's value: shape (items, values), the values' names, and the values.

    Every column of text or categories but ``item_id`` and ``item_text`` is an attribute. What all items share says
    nothing, nor does "unknown" or a gap.
    """
    found, names, said = [sparse.csr_array((len(items), 0))], [], []
    for column in items.columns.drop(["item_id", "item_text"]):
        if not isinstance(items[column].dtype, pd.CategoricalDtype | pd.StringDtype) and items[column].dtype != object:
            continue
        value = items[column].astype(object).where(items[column].notna(), "").astype(str).str.strip().str.casefold()
        code, values = pd.factorize(value.where(~value.isin(_NOTHING)), sort=True)
        carried = np.bincount(code[code >= 0], minlength=len(values))
        kept = np.flatnonzero((carried >= min_items) & (carried < len(items)))
        row = np.flatnonzero(code >= 0)
        shape = (len(items), len(values))
        found.append(sparse.csr_array((np.ones(len(row)), (row, code[row])), shape=shape)[:, kept])
        names.extend(f"{column}={values[place]}" for place in kept)
        said.extend(values[kept])
    return sparse.hstack(found, format="csr"), names, said
