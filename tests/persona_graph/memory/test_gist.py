"""What two sentences have in common: the same said otherwise, the opposite, and what one has but one of."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_graph.memory.gist import claim_of, gist_of


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Likes black coffee", "User really likes the black coffee."),
        ("Loves black coffee", "Likes black coffee"),
        ("Does not like coffee", "Dislikes coffee"),
        ("Their dog is called Rufus", "My dog is called Rufus!"),
        ("Mag Kaffee sehr", "Mag Kaffee"),
        ("Le gusta mucho el café", "Le gusta el café"),
        ("Aime vraiment le café", "Aime le café"),
        ("我很喜欢喝咖啡", "用户喜欢喝咖啡。"),
    ],
)
def test_the_same_said_otherwise_is_the_same(one: str, other: str) -> None:
    assert gist_of(one) == gist_of(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Has a cat", "Has cats"),
        ("Lives in Porto", "Lived in Porto"),
        ("Moved to Porto", "Moved from Porto"),
        ("Knows C++", "Knows C"),
        ("Likes tea", "Likes tea with milk"),
        ("Ana likes Ben", "Ben likes Ana"),
        ("Prefers tea to coffee", "Prefers coffee to tea"),
        ("Likes jazz", "Would like jazz"),
        ("Their sister lives in Porto", "Their brother lives in Porto"),
        ("喜欢狗", "喜欢猫"),
    ],
)
def test_a_word_that_matters_makes_it_another(one: str, other: str) -> None:
    assert gist_of(one) != gist_of(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Likes coffee", "Does not like coffee any more"),
        ("Likes coffee", "No longer likes the coffee"),
        ("Loves coffee", "Hates coffee"),
        ("Drinks coffee", "Stopped drinking coffee"),
        ("Has pets", "Has no pets"),
        ("Is a vegetarian", "Isn't a vegetarian"),
        ("Has been to Rome", "Has never been to Rome"),
        ("Mag Kaffee", "Mag nicht mehr: Kaffee"),
        ("Trinkt Kaffee", "Trinkt keinen Kaffee mehr"),
        ("Le gusta el café", "Ya no le gusta el café"),
        ("Le gusta el café", "Odia el café"),
        ("Aime le café", "N'aime plus le café"),
        ("喜欢咖啡", "不再喜欢咖啡"),
        ("喜欢咖啡", "讨厌咖啡"),
    ],
)
def test_the_opposite_has_the_same_terms_and_denies(one: str, other: str) -> None:
    assert gist_of(one).terms == gist_of(other).terms
    assert gist_of(one).denies != gist_of(other).denies


@pytest.mark.parametrize(
    "text", ["味道不错", "不过很忙", "差不多一样", "No sugar, not even a bit", "Doesn't dislike tea"]
)
def test_words_that_look_like_a_denial_or_cancel_each_other_deny_nothing(text: str) -> None:
    assert not gist_of(text).denies


@pytest.mark.parametrize(
    ("one", "other", "surely"),
    [
        ("Lives in Porto with her sister", "Now lives in Braga", True),
        ("Is 34 years old", "Is 35 years old", True),
        ("Their favourite colour is blue", "Their favourite colour is green", True),
        ("Has two cats", "Has three cats", True),
        ("Works as a nurse", "Works as a baker", False),
        ("Their dog is called Rufus", "Their dog is called Max", False),
        ("Wohnt in Berlin", "Wohnt in Köln", True),
        ("Vive en Madrid", "Vive en Sevilla", True),
        ("Habite à Paris", "Habite à Lyon", True),
        ("住在上海", "现在住在北京", True),
    ],
)
def test_what_one_has_but_one_of_excludes_another(one: str, other: str, surely: bool) -> None:
    first, second = claim_of(one), claim_of(other)
    assert first is not None
    assert second is not None
    assert first.about == second.about
    assert first.excludes(second)
    assert first.surely is surely


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Lives in Porto", "Lives in Porto, Portugal"),
        ("Lives in Porto with her sister", "Lives in Porto near the river"),
        ("Lives in Porto", "Lives in a small flat"),
        ("Lives in Porto", "Used to live in Braga"),
        ("Lives in Porto", "Their sister lives in Braga"),
        ("Their favourite colour is blue", "Their favourite band is green"),
        ("Has two cats", "Has two cats and a dog"),
        ("Has two cats", "Has 2 cats"),
        ("Likes tea", "Likes coffee"),
        ("Has a dog", "Has a cat"),
        ("住在上海", "住在一个小公寓"),
    ],
)
def test_what_may_both_be_excludes_nothing(one: str, other: str) -> None:
    first, second = claim_of(one), claim_of(other)
    assert first is None or second is None or first.about != second.about or not first.excludes(second)


def test_a_longer_sentence_holds_a_shorter_one_only_where_that_says_enough() -> None:
    shelter = gist_of("Maria volunteers at a homeless shelter.")
    assert gist_of("Maria volunteers at a homeless shelter, which she likes").holds(shelter)
    assert not gist_of("Maria never volunteers at a homeless shelter").holds(shelter)
    assert not gist_of("Maria volunteers at a homeless shelter only on Sundays").holds(shelter)
    assert not gist_of("Likes coffee ice cream").holds(gist_of("Likes coffee"))


@given(st.text(max_size=60), st.text(max_size=60))
def test_no_text_is_too_strange(one: str, other: str) -> None:
    assert gist_of(one) == gist_of(one)
    claim_of(one)
    if gist_of(one).holds(gist_of(other)):
        assert set(gist_of(other).terms) <= set(gist_of(one).terms)
