"""Search terms: stems, character pairs, and what of a question searches."""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_graph.retrieval.analysis import WEAK, analyse, query_terms, says_something, stem


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("Camping in the MOUNTAINS", ["camp", "in", "the", "mountain"]),
        ("Melanie’s café, don't!", ["melani", "cafe", "dont"]),
        ("книгами", ["книг"]),
        ("露营很好", ["露营", "营很", "很好"]),
        ("猫", ["猫"]),
        ("我有2只猫 and 3 dogs", ["我有", "2", "只猫", "and", "3", "dog"]),
        ("ﬁne Ｆｕｌｌ", ["fine", "full"]),
        ("snake_case __ -- ...", ["snake", "case"]),
        ("", []),
    ],
)
def test_terms_are_stems_or_character_pairs(text: str, terms: list[str]) -> None:
    assert analyse(text) == terms


def test_vowel_signs_stay_inside_their_word() -> None:
    assert len(analyse("हिन्दी")) == 1
    assert "ที" in "".join(analyse("ที่บ้าน"))


@given(st.text(max_size=80))
def test_terms_hold_only_letters_digits_and_marks(text: str) -> None:
    for term in analyse(text):
        assert term
        assert all(unicodedata.category(character)[0] in "LNM" for character in term), term


@given(st.text(alphabet=st.characters(min_codepoint=0x4E00, max_codepoint=0x9FA5), max_size=20))
def test_pairs_joined_by_spaces_are_analysed_to_themselves(text: str) -> None:
    terms = analyse(text)
    assert analyse(" ".join(terms)) == terms


@given(st.text(alphabet="abcdefghij xyz", max_size=40))
def test_case_does_not_matter(text: str) -> None:
    assert analyse(text.upper()) == analyse(text)


def test_stopwords_and_talkers_do_not_search_and_weak_words_do_half() -> None:
    found = query_terms("What kind of pottery did Melanie make with the kids?", ["Melanie"])
    assert found == {"kind": WEAK, "potteri": 1.0, "make": WEAK, "kid": 1.0}


def test_a_question_of_nothing_but_stopwords_searches_for_all_its_words() -> None:
    assert query_terms("who is it") == {"who": 1.0, "is": 1.0, "it": 1.0}


def test_chinese_pairs_of_function_words_do_not_search() -> None:
    found = query_terms("我曾经去了博物馆吗")
    assert found["博物"] == 1.0
    assert "我曾" not in found
    assert found["了博"] == 0.5


def test_single_words_say_something_or_nothing() -> None:
    assert says_something("pottery")
    assert not says_something("The")
    assert not says_something("?")


@pytest.fixture
def _threads_that_change_often() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("_threads_that_change_often")
def test_threads_that_analyse_at_once_do_not_mix_their_words() -> None:
    beginnings = ("gener", "photo", "moun", "li")
    texts = [" ".join(f"{beginning}{vowel}izations" for vowel in "aeiou") for beginning in beginnings]
    stem.cache_clear()
    alone = [analyse(text) for text in texts]
    with ThreadPoolExecutor(len(texts)) as pool:
        for _ in range(20):
            stem.cache_clear()
            assert list(pool.map(analyse, texts)) == alone
