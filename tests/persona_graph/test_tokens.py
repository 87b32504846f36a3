"""Budgets: what does not fit is shown as its beginning and its end, and the longest texts give way first."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from persona_graph.conversation import Image, Message, Role, Text, Turn
from persona_graph.tokens import LEAST, estimate_tokens, excerpt, fitted, shortened, turn_cost, within_budget

NOON = datetime(2024, 6, 1, 12, tzinfo=UTC)
MARK = 12
"""Tokens that the mark of an omission takes at most."""


def turn(number: int, *texts: str) -> Turn:
    said = tuple(Message.of(Role.PERSON, text) for text in texts)
    return Turn(id=f"t{number}", at=NOON + timedelta(minutes=number), session="s", messages=said)


def test_a_text_that_fits_is_left_alone() -> None:
    assert excerpt("a" * 400, 100) == "a" * 400
    assert excerpt("\u6211" * 100, 100) == "\u6211" * 100
    turns = (turn(1, "short", "a" * 40), turn(2, "b"))
    assert fitted(turns, 100) == turns
    assert shortened(turns[0].messages[0], 10) == turns[0].messages[0]


def test_of_a_longer_one_both_ends_stand_and_what_is_missing_is_counted() -> None:
    text = "begin " + "x" * 10_000 + " end"
    shown = excerpt(text, 100)
    assert shown.startswith("begin x")
    assert shown.endswith("x end")
    first, missing, last = re.split(r"\n\[\.\.\. (\d+) characters left out \.\.\.\]\n", shown)
    assert len(first) + int(missing) + len(last) == len(text)


@given(st.text(alphabet="ab \u00e9\u6211\U0001f600\ud800", max_size=400), st.integers(1, 120))
def test_an_excerpt_keeps_its_budget(text: str, tokens: int) -> None:
    assert estimate_tokens(excerpt(text, tokens, mark="")) <= tokens + 2


lengths = st.lists(st.lists(st.integers(0, 3000), min_size=1, max_size=3), max_size=12)


@given(lengths, st.integers(1, 4000))
def test_turns_that_are_fitted_keep_their_budget_and_the_short_ones_stay_whole(
    sizes: list[list[int]], tokens: int
) -> None:
    turns = [turn(n, *("x" * size for size in row)) for n, row in enumerate(sizes)]
    texts = sum(len(row) for row in sizes)
    shown = fitted(turns, tokens)
    assert [t.id for t in shown] == [t.id for t in turns]
    assert sum(map(turn_cost, shown)) <= max(tokens, texts * LEAST) + texts * (MARK + 2)
    share = max(LEAST, tokens // max(texts, 1))
    for before, after in zip(turns, shown, strict=True):
        for one, other in zip(before.messages, after.messages, strict=True):
            assert one == other or estimate_tokens(one.text) > share


def test_a_long_caption_gives_way_too() -> None:
    picture = Image(digest="d" * 64, caption="c" * 9_000)
    message = Message(role=Role.PERSON, blocks=(Text("what is it?"), picture))
    shown = shortened(message, 200)
    assert shown.blocks[0] == Text("what is it?")
    assert len(shown.images[0].caption) < 1_000
    assert shown.images[0].digest == picture.digest


def test_the_newest_turns_are_taken_and_one_that_is_too_long_is_cut() -> None:
    turns = [turn(1, "x" * 400), turn(2, "x" * 4_000), turn(3, "x" * 200)]
    assert [t.id for t in within_budget(turns, 100)] == ["t3"]
    (only,) = within_budget(turns[:2], 100)
    assert only.id == "t2"
    assert turn_cost(only) <= 100 + MARK
    assert within_budget([], 100) == ()
