"""Words of product texts: Latin, Chinese by jieba, function words, Unicode, texts that never end."""

import logging
import pickle
import subprocess
import sys

import pytest

from clvlib.datasets._words import _COLOURS, _STYLES, _WORDS
from clvlib.matching.texts.text import STOP_WORDS, _loaded_segmenter, words


def test_latin_words_have_two_letters_or_more_and_keep_order_and_repetitions():
    assert words("Kettle & MUG, mug 2 pcs 0.5l Ø") == ["kettle", "mug", "mug", "pcs", "5l"]
    assert words("") == words(" \n\t!!") == words("☕ 🍵") == []


def test_function_words_say_nothing_and_can_be_kept():
    assert words("The mug for the tea and the milk") == ["mug", "tea", "milk"]
    assert words("the mug", stop_words=()) == ["the", "mug"]
    assert words("保温杯的盖子") == ["保温", "保温杯", "盖子"]
    assert words("of the and 的和") == []
    assert not STOP_WORDS & {"full", "top", "ten", "set", "large", "bottle"}


def test_chinese_is_cut_into_its_words_and_not_into_pairs():
    found = words("不锈钢保温杯")
    assert {"不锈钢", "保温杯"} <= set(found)
    assert not {"钢保", "温杯"} & set(found)  # pairs across and inside of words, which are none
    assert words("杯") == ["杯"]
    assert words("Mug红色杯") == ["mug", "红色", "杯"]


def test_the_words_of_the_simulated_shop_are_found_inside_its_texts():
    styles, colours = _STYLES["zh"].split(", "), _COLOURS["zh"].split(", ")
    for style, colour in zip(styles * 2, colours, strict=False):
        assert words(f"{style}{colour}茶壶") == [style, colour, "茶壶"]
    nouns = [noun for of in _WORDS["zh"].values() for noun in of.split(", ")]
    whole = [noun in words("经典白色" + noun) for noun in nouns]
    assert sum(whole) / len(whole) > 0.6  # the others fall into shorter words: 喂鸟器 is in no dictionary


def test_a_shorter_word_finds_the_longer_one_that_holds_it():
    assert "咖啡" in words("陶瓷咖啡杯")


def test_forms_of_one_character_are_the_same_nfkc():
    assert words("ＭＵＧ") == ["mug"]
    assert words("cafe\u0301") == words("café") == ["café"]


@pytest.mark.parametrize("piece", ["mug ", "a", "不锈钢保温杯", "杯", "杯 ", "\x00\u202e<b>"])
def test_a_text_of_a_million_bytes_is_read(piece):
    text = piece * (1_000_000 // len(piece.encode()))
    assert len(words(text)) <= len(text)


def test_a_long_run_is_cut_without_losing_a_character():
    assert "".join(words("杯" * 4_001, stop_words=())).count("杯") >= 4_001


def test_jieba_is_loaded_by_chinese_texts_only_silently_and_leaves_no_file(tmp_path):
    code = (
        "import sys, clvlib.matching.texts.content as c; c.words('green tea 茶'); assert 'jieba' not in sys.modules; "
        "print(c.words('保温杯')); assert 'jieba' in sys.modules"
    )
    run = subprocess.run(
        [sys.executable, "-W", "error", "-X", "utf8", "-c", code],
        env={"TMPDIR": str(tmp_path), "PATH": ""},
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    assert run.stdout.strip() == "['保温', '保温杯']"
    assert run.stderr == ""
    assert list(tmp_path.iterdir()) == []


def test_the_segmenter_is_our_own_and_says_nothing(caplog):
    import jieba

    with caplog.at_level(logging.DEBUG):
        _loaded_segmenter.cache_clear()
        words("保温杯")
    assert not caplog.records
    before = words("经典白色茶壶")
    jieba.add_word("经典白色")  # what somebody else teaches jieba is not ours
    assert words("经典白色茶壶") == before
    assert pickle.loads(pickle.dumps(words)) is words
