"""Duplicates by fingerprint against pandas, which looks at every row."""

import numpy as np
import pandas as pd
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from clvlib.transactions import arrays
from clvlib.transactions.arrays import Pile, fingerprint, repeated

_texts = st.sampled_from(
    [
        "",
        "a",
        "b",
        "a long text that differs in the middle 1 only",
        "a long text that differs in the middle 2 only",
        None,
    ]
)
_rows = st.lists(st.tuples(_texts, st.sampled_from([0.0, -0.0, 1.5, 2.0])), min_size=1, max_size=40)


def as_columns(rows):
    texts, values = zip(*rows, strict=True)
    return {"item_text": pa.array(texts, pa.large_string()), "amount": np.array(values)}


@settings(deadline=None)
@given(_rows)
def test_repeated_rows_are_those_pandas_finds(rows):
    columns = as_columns(rows)
    expected = pd.DataFrame({"item_text": columns["item_text"].to_pandas(), "amount": columns["amount"]}).duplicated()
    assert repeated(columns, fingerprint(columns)).tolist() == np.flatnonzero(expected).tolist()


def test_rows_with_equal_fingerprints_are_compared_before_they_are_called_equal():
    columns = {"amount": np.array([1.0, 2.0, 1.0, 2.0])}
    assert repeated(columns, np.zeros(4, np.uint64)).tolist() == [2, 3]


def test_slices_do_not_tear_equal_rows_apart(monkeypatch):
    monkeypatch.setattr(arrays, "_SLICE", 3)
    columns = {"amount": np.array([5.0, 7.0, 5.0, 7.0, 5.0, 7.0, 1.0])}
    assert repeated(columns, fingerprint(columns)).tolist() == [2, 3, 4, 5]


def test_a_fingerprint_does_not_depend_on_how_the_rows_were_cut():
    columns = as_columns([("tea", 1.0), (None, 2.0), ("a pot of tea", 3.0)])
    cut = {name: column[1:] for name, column in columns.items()}
    assert fingerprint(columns)[1:].tolist() == fingerprint(cut).tolist()


def test_a_pile_gives_back_what_was_put_on_it():
    pile = Pile()
    for start in range(0, 100, 2):
        pile.add({"n": np.arange(start, start + 2.0), "s": pa.array([str(start), None], pa.large_string())})
    columns = pile.pop()
    assert columns["n"].tolist() == list(range(100))
    assert columns["s"].to_pylist() == [x for start in range(0, 100, 2) for x in (str(start), None)]
