"""A product text as words: what two texts can share."""

import re
import threading
import unicodedata
import warnings
from collections.abc import Collection
from functools import lru_cache

__all__ = ["STOP_WORDS", "words"]

#: Words that hold a sentence together and say nothing of a product. A short list on purpose: long ones hold "full",
#: "top" and "ten", which do.
STOP_WORDS = frozenset(
    re.findall(
        r"\w+",
        "an and are as at be but by for from if in into is it its of on or our so such that the their then these they "
        "this to was we will with you your",
    )
) | frozenset("的了和与及或在是有为等也都而之把被这那其")

#: Chinese characters: the common block, the rarer extension A, and the mark that repeats a character.
_HAN = "\u3005\u3400-\u4dbf\u4e00-\u9fff"
#: Runs of Chinese characters, which know no blanks between words, and words of two or more letters or digits.
_TOKEN = re.compile(rf"[{_HAN}]+|[^\W{_HAN}]{{2,}}")
_CHINESE = re.compile(rf"[{_HAN}]")
#: A segmenter's time and memory grow with the run it is given; a run without an end is cut, and a word may be with it.
_RUN = 2_000


def words(text: str, *, stop_words: Collection[str] = STOP_WORDS) -> list[str]:
    """The words of a product text, in lower case and in their order, repetitions included.

    Letters and digits: runs of two or more. Chinese: the words that jieba finds in a run of characters, in its mode
    for search engines, which gives the shorter words inside a long one too ("coffee" in "coffee cup"); a character
    alone counts as a word. jieba is loaded when the first run of two characters comes along. Forms of one character
    (full width, composed or with a combining accent) are the same (Unicode NFKC).

    stop_words: left out; the default holds English and Chinese function words, ``()`` keeps all.

    >>> words("Red MUG for the 2 pcs 0.5l")
    ['red', 'mug', 'pcs', '5l']
    >>> words("不锈钢保温杯 Mug")
    ['不锈', '不锈钢', '保温', '保温杯', 'mug']
    """
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    found: list[str] = []
    for token in _TOKEN.findall(text.lower()):
        if len(token) > 1 and _CHINESE.match(token):
            for start in range(0, len(token), _RUN):
                found.extend(_segmenter().cut_for_search(token[start : start + _RUN]))
        else:
            found.append(token)
    return [word for word in found if word not in stop_words] if stop_words else found


_LOADING = threading.Lock()


def _segmenter():
    with _LOADING:
        return _loaded_segmenter()


@lru_cache(maxsize=1)
def _loaded_segmenter():
    """A jieba tokenizer of our own, with its dictionary read from the installed package.

    jieba's own way to its dictionary writes and reads a cache in the folder for temporary files, which all users of a
    machine share, by a format that must not come from strangers (marshal), and tells the console about it. Reading
    the dictionary itself costs a second or so once a process, and nothing is left behind.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its patterns are written for older Pythons
        import jieba

    tokenizer = jieba.Tokenizer()
    tokenizer.FREQ, tokenizer.total = tokenizer.gen_pfdict(tokenizer.get_dict_file())
    tokenizer.initialized = True
    return tokenizer
