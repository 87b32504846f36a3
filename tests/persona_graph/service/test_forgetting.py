"""What an erase tells: before it, what would be; after it, what was, and what was kept that quotes it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from persona_graph import Kind, Options, Persona
from persona_graph.blocking import background
from persona_graph.conversation import Message, Role, Turn
from persona_graph.memory.commit import Commit, commit_id
from persona_graph.memory.mentions import quoting
from persona_graph.memory.operations import Add
from persona_graph.memory.types import Source
from persona_graph.options import Updates

MARCH = datetime(2024, 3, 5, 18, 30, tzinfo=UTC)
SAID = (
    "I live in Porto and I work as a nurse.",
    "I love black coffee.",
    "I've switched from black coffee to green tea.",
    "Porto was lovely in spring.",
)


@pytest.fixture
def persona(tmp_path: Path) -> Iterator[Persona]:
    """Four turns, a month apart, with all that the offline rules make of them."""
    with Persona.open(f"sqlite:{tmp_path}", model="offline", options=Options(updates=Updates.OFF)) as persona:
        turns = [
            Turn(id=f"a{n}", at=MARCH + timedelta(days=30 * n), session="", messages=(Message.of(Role.PERSON, text),))
            for n, text in enumerate(SAID)
        ]
        persona.record("ana", turns)
        persona.flush("ana", close_sessions=True)
        yield persona


def the_memory(persona: Persona, text: str) -> str:
    return next(memory.id for memory in persona.memories("ana", history=True) if memory.text == text)


@pytest.mark.parametrize(
    "what",
    [{"turn": "a0"}, {"turn": "a2"}, {"topic": "coffee"}, {"memory": "Likes black coffee"}, {"everything": True}],
)
def test_a_dry_run_tells_what_the_erase_then_does(persona: Persona, what: dict[str, Any]) -> None:
    if "memory" in what:
        what = {"memory": the_memory(persona, what["memory"])}
    before = persona.history("ana")
    told = persona.forget("ana", **what, dry_run=True)
    assert persona.history("ana") == before
    assert replace(told, dry_run=False) == persona.forget("ana", **what)


def test_what_was_superseded_comes_back(persona: Persona) -> None:
    assert [memory.text for memory in persona.forget("ana", turn="a2", dry_run=True).back] == ["Likes black coffee"]


def test_every_kept_memory_that_quotes_it_is_named_whoever_wrote_it(persona: Persona) -> None:
    mine, yours = (Add(kind=Kind.SEMANTIC, text=text) for text in ("Has a flat in Porto", "Collects port wine"))
    for source, operation in ((Source.CLIENT, mine), (Source.PERSON, yours)):
        commit = Commit(id=commit_id(operation.text, ()), job="test", at=MARCH, source=source, operations=(operation,))
        background.run(persona.engine.store.commit("ana", commit))
    told = persona.forget("ana", memory=the_memory(persona, "Lives in Porto"))
    held = {memory.id: memory.text for memory in persona.memories("ana")}
    named = {held[id]: words for id, words in told.quoting_memories.items()}
    assert named["Has a flat in Porto"] == named["Porto"] == ("porto",)
    assert "Collects port wine" not in named
    assert set(told.quotes) == {"a0", "a3"}


def test_words_are_named_as_they_stand_and_the_most_telling_text_first() -> None:
    kept = {"one": "Remembering January", "two": "10 January 2024: the harbour, and 4711", "none": "Nothing of it"}
    found = quoting(["I remember the harbour of January 10, 2024; my number is 4711."], kept)
    assert list(found.items()) == [("two", ("4711", "harbour", "january")), ("one", ("january", "remembering"))]


def test_what_many_texts_hold_gives_nothing_away() -> None:
    kept = {str(n): "tea" for n in range(6)} | {"cake": "seed cake"}
    assert quoting(["tea and cake"], kept) == {"cake": ("cake",)}
