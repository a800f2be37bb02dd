"""How long does it take to find the ten products that read most like each customer's profile?

    python benchmarks/text_matching.py [n_profiles ...]

As many profiles as product texts, 10,000 and 100,000 of each by default, in TF-IDF weights of length 1 over words that
are as unevenly common as Zipf has it: about ten words a text and twenty a profile. First from ready matrices to the ten
largest cosines of each profile, with the memory each way takes beyond its input; then from texts to lists, which
every way begins by reading the texts into the same kind of matrix. Scores must agree to 1e-5, items wherever scores are
not tied to that.

sparse_dot_topn (two threads, as we take) is the engine of string_grouper; scikit-learn's way is the product a block of
rows at a time and a partial sort of each row.
"""

import ctypes
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from _side_by_side import Way, conditions, markdown, side_by_side
from scipy import sparse
from sklearn.feature_extraction.text import TfidfTransformer, TfidfVectorizer
from sklearn.metrics.pairwise import linear_kernel
from sparse_dot_topn import sp_matmul_topn

from clvlib.matching import ContentMatcher
from clvlib.matching.neighborhood.top_products import top_products

K = 10
N_WORDS = 50_000
Found = tuple[np.ndarray, np.ndarray]


def counts(n_rows: int, mean: int, random_state: int) -> sparse.csr_array:
    """How often each text has each word; the i-th commonest word is drawn with a probability like 1 / (i + 30)."""
    rng = np.random.default_rng(random_state)
    odds = 1 / (np.arange(N_WORDS) + 30)
    length = 1 + rng.poisson(mean - 1, n_rows)
    word = rng.choice(N_WORDS, size=length.sum(), p=odds / odds.sum())
    row = np.repeat(np.arange(n_rows), length)
    return sparse.coo_array((np.ones(len(row)), (row, word)), shape=(n_rows, N_WORDS)).tocsr()


def matrices(n: int) -> tuple[sparse.csr_array, sparse.csr_array]:
    """Profiles (n, words) and texts (words, n), rows of the former and columns of the latter of length 1."""
    texts = counts(n, 11, 0)
    weigh = TfidfTransformer().fit(texts)
    profiles = weigh.transform(counts(n, 20, 1))
    return sparse.csr_array(profiles), sparse.csr_array(weigh.transform(texts).T.tocsr())


def topn(profiles: sparse.csr_array, texts: sparse.csr_array) -> Found:
    found = sp_matmul_topn(sparse.csr_matrix(profiles), sparse.csr_matrix(texts), top_n=K, sort=True, n_threads=2)
    columns, scores = np.full((profiles.shape[0], K), -1), np.zeros((profiles.shape[0], K))
    row = np.repeat(np.arange(profiles.shape[0]), np.diff(found.indptr))
    place = np.arange(len(row)) - found.indptr[row]
    columns[row, place], scores[row, place] = found.indices, found.data
    return columns, scores


def in_blocks(profiles: sparse.csr_array, texts: sparse.csr_array, block: int = 500) -> Found:
    by_text, parts = texts.T.tocsr(), []
    for start in range(0, profiles.shape[0], block):
        scores = linear_kernel(profiles[start : start + block], by_text)
        best = np.argpartition(-scores, K - 1, axis=1)[:, :K]
        value = np.take_along_axis(scores, best, axis=1)
        order = np.argsort(-value, axis=1, kind="stable")
        parts.append((np.take_along_axis(best, order, axis=1), np.take_along_axis(value, order, axis=1)))
    columns, scores = (np.concatenate(part) for part in zip(*parts, strict=True))
    return np.where(scores > 0, columns, -1), scores


def same(theirs: Found, ours: Found) -> None:
    np.testing.assert_allclose(theirs[1], ours[1], atol=1e-5)
    clear = (ours[1] > 0) & (np.abs(np.diff(ours[1], axis=1, append=0)) > 1e-5)
    clear &= np.abs(np.diff(ours[1], axis=1, prepend=2)) > 1e-5
    clear[:, -1] = False  # tied perhaps with what is no longer listed
    assert (theirs[0] == ours[0])[clear].all()


def from_texts_ours(items: pd.DataFrame, asked: pd.Series) -> Found:
    nobody = pd.DataFrame({"customer_id": ["x"], "item_id": items["item_id"].iloc[:1]})
    found = ContentMatcher().fit(nobody, items).match(asked, n=K)
    columns, scores = np.full((len(asked), K), -1), np.zeros((len(asked), K))
    place = (found["text_id"].to_numpy(), found["rank"].to_numpy() - 1)
    columns[place], scores[place] = items["item_id"].searchsorted(found["item_id"]), found["score"]
    return columns, scores


def from_texts_topn(items: pd.DataFrame, asked: pd.Series) -> Found:
    vectorizer = TfidfVectorizer(token_pattern=r"(?u)\b\w\w+\b").fit(items["item_text"])
    texts = sparse.csr_array(vectorizer.transform(items["item_text"]).T.tocsr())
    return topn(sparse.csr_array(vectorizer.transform(asked)), texts)


def as_texts(matrix: sparse.csr_array) -> pd.Series:
    names = np.array([f"w{number}" for number in range(N_WORDS)], dtype=object)
    said = np.split(names[matrix.indices], matrix.indptr[1:-1])
    return pd.Series([" ".join(of) for of in said])


def megabytes(run: Callable[[], object]) -> str:
    """Memory at its highest while ``run`` runs, beyond what was held before; where the system can tell."""
    try:
        ctypes.CDLL(None).malloc_trim(0)  # what earlier runs gave back to the allocator goes back to the system
        Path("/proc/self/clear_refs").write_text("5")
        before = _status("VmRSS")
    except (OSError, AttributeError):
        return "unknown"
    run()
    return f"{(_status('VmHWM') - before) / 1024:,.0f} MB"


def _status(name: str) -> int:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name + ":"))


def main() -> None:
    sizes = [int(text.replace("_", "")) for text in sys.argv[1:]] or [10_000, 100_000]
    command = " ".join(["benchmarks/text_matching.py", *sys.argv[1:]])
    print(f"{conditions('scikit-learn', 'sparse-dot-topn', 'numba')}; `python {command}`\n")
    for n in sizes:
        profiles, texts = matrices(n)
        adds = int(np.diff(texts.indptr)[profiles.indices].sum())
        ways = [
            Way("clvlib", partial(top_products, profiles, texts, k=K)),
            Way("sparse_dot_topn", partial(topn, profiles, texts)),
        ]
        if n <= 20_000:  # its time grows with the product, which nobody waits for beyond
            ways.append(Way("scikit-learn, blocks of rows", partial(in_blocks, profiles, texts), 1))
        timings = side_by_side(ways, rounds=5 if n <= 20_000 else 2, same=same)
        title = f"{n:,} profiles x {n:,} texts, {adds:,} multiply-adds"
        print(markdown(title, timings) + "\n", flush=True)
        print(
            "Memory beyond the matrices: " + ", ".join(f"{way.name} {megabytes(way.run)}" for way in ways[:2]) + ".\n"
        )
        items = pd.DataFrame(
            {"item_id": [f"{number:07}" for number in range(n)], "item_text": as_texts(counts(n, 11, 0))}
        )
        asked = as_texts(counts(n, 20, 1))
        ways = [
            Way("clvlib", partial(from_texts_ours, items, asked)),
            Way("TfidfVectorizer and sparse_dot_topn", partial(from_texts_topn, items, asked)),
        ]
        print(
            markdown(
                f"the same from texts, {n:,} x {n:,}", side_by_side(ways, rounds=3 if n <= 20_000 else 1, same=same)
            )
            + "\n",
            flush=True,
        )


if __name__ == "__main__":
    main()
