"""The person's own hand: what is corrected, held and released, and what undo takes back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from persona_graph import Kind, Persona
from persona_graph.blocking import background
from persona_graph.conversation import Message, Role, Turn
from persona_graph.errors import InputError, NotFound
from persona_graph.memory.commit import Commit, commit_id
from persona_graph.memory.operations import Add, Operation
from persona_graph.memory.types import Memory
from persona_graph.timerange import TimeRange

MARCH, JUNE = datetime(2024, 3, 5, tzinfo=UTC), datetime(2024, 6, 1, tzinfo=UTC)


@pytest.fixture
def persona(tmp_path: Path) -> Iterator[Persona]:
    with Persona.open(f"sqlite:{tmp_path}", clock=lambda: JUNE) as persona:
        said = Message.of(Role.PERSON, "We talked about tea.")
        persona.record("ana", [Turn(id="a1", at=MARCH, session="s", messages=(said,))])
        yield persona


def learn(persona: Persona, operation: Operation) -> Memory:
    """What a model made of the turn in March."""
    name = commit_id(repr(operation), ["a1"])
    commit = Commit(id=name, job="test", at=MARCH, operations=(operation,), evidence=("a1",))
    background.run(persona.engine.store.commit("ana", commit))
    (made,) = [memory for memory in persona.memories("ana") if memory.commit == name]
    return made


@pytest.mark.parametrize(
    "event",
    [TimeRange(start=MARCH), TimeRange(start=datetime(2010, 1, 1, tzinfo=UTC), end=MARCH), TimeRange(end=MARCH)],
)
def test_a_correction_takes_over_the_time_of_what_was_wrong(persona: Persona, event: TimeRange) -> None:
    wrong = learn(persona, Add(kind=Kind.SEMANTIC, text="Lives in Porto", event=event))
    right = persona.correct("ana", wrong.id, "Lives in Braga")
    assert right.event == wrong.event == event
    assert (right.believed.start, right.pinned, right.evidence) == (JUNE, True, ())


def test_a_corrected_episode_keeps_its_turns(persona: Persona) -> None:
    day = TimeRange(start=MARCH, end=datetime(2024, 3, 6, tzinfo=UTC))
    wrong = learn(persona, Add(kind=Kind.EPISODIC, text="A talk about coffee", event=day))
    right = persona.correct("ana", wrong.id, "A talk about tea")
    assert (right.event, right.evidence) == (day, ("a1",))


def test_a_field_and_the_memory_in_it_are_released_by_either_name(persona: Persona) -> None:
    home = learn(persona, Add(kind=Kind.CORE, key="Home", text="Porto"))
    for hold in (persona.pin, persona.switch_off):
        hold("ana", home.id)
        persona.release("ana", "core:home")
    for hold in (persona.freeze, persona.switch_off):
        hold("ana", "core:HOME")
        persona.release("ana", home.id)
    (now,) = persona.memories("ana")
    found = persona.personality("ana")
    assert (now.pinned, now.off, dict(found.frozen), found.off) == (False, False, {}, frozenset())
    with pytest.raises(InputError, match="neither pinned, frozen nor switched off"):
        persona.release("ana", "core:home")


def test_an_undo_that_would_change_nothing_is_refused(persona: Persona) -> None:
    home = learn(persona, Add(kind=Kind.CORE, key="home", text="Porto"))
    pinned = persona.pin("ana", home.id)
    first = persona.undo("ana", pinned, operation=0)
    with pytest.raises(InputError, match="undone already"):
        persona.undo("ana", pinned, operation=0)
    persona.undo("ana", first)
    again = persona.undo("ana", pinned)
    for operation in (None, 0):
        with pytest.raises(InputError, match="undone already"):
            persona.undo("ana", pinned, operation=operation)
    persona.undo("ana", again)
    with pytest.raises(NotFound, match="nothing was learned since"):
        persona.undo("ana", since=datetime(2024, 7, 1, tzinfo=UTC))
    assert [memory.pinned for memory in persona.memories("ana")] == [True]


@pytest.mark.parametrize("what", [5, None, True, b"core:name", ["core:name"], {"a": 1}], ids=repr)
def test_what_is_no_name_is_refused_by_every_hand(persona: Persona, what: Any) -> None:
    for do in (persona.freeze, persona.switch_off, persona.release, persona.pin):
        if do != persona.pin or isinstance(what, int | bytes | None):
            with pytest.raises(InputError, match="is no text|is no id"):
                do("ana", what)
    for named, text in ((what, "right"), ("core:name", what)):
        with pytest.raises(InputError, match="is no text"):
            persona.correct("ana", named, text)
    assert persona.history("ana") == []


@pytest.mark.parametrize("fields", [{"": "x"}, {" ": "x"}, {"name": ""}, {"name": " "}, {5: "x"}], ids=repr)
def test_a_field_without_a_name_or_a_value_is_refused(persona: Persona, fields: Any) -> None:
    with pytest.raises(InputError):
        persona.set_profile("ana", fields)
    assert persona.history("ana") == []
