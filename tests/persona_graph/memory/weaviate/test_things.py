"""Things of a tenant: what is written comes back as it was."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_graph.conversation import Image, Message, Role, Text, Turn, TurnState
from persona_graph.memory.open_job import OpenJob
from persona_graph.memory.types import Kind, Memory
from persona_graph.memory.weaviate import codec, schema
from persona_graph.memory.weaviate.things import FIRST, LAST, Found, Thing, dump, hour, hours, load, uid
from persona_graph.timerange import ALWAYS, TimeRange

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
JOB = OpenJob(id="j", name="n", turns=(), at=NOON, rank=2, not_before=NOON)


def read(thing: Thing) -> Found:
    """The thing as a server gives it back."""
    vectors = {name: np.array(vector, np.float32) for name, vector in thing.vectors.items() if vector}
    return Found(key=thing.id.bytes, properties=thing.properties, vectors=vectors)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists))
def test_any_json_comes_back(value: Any) -> None:
    assert load(dump(value)) == value


@pytest.mark.parametrize("value", [2**64, -(2**70), 1e300, float("inf"), float("-inf"), 0.1])
def test_any_number_comes_back_as_it_is(value: float) -> None:
    assert repr(load(dump([value]))) == repr([value])


@pytest.mark.parametrize("text", ["\ud83d\ude00", "\ud800", "a\0b", "~", "\U0001f600", "\u2028"])
def test_any_text_comes_back_and_can_be_sent(text: str) -> None:
    dump(text).encode()
    assert load(dump(text)) == text


def test_times_beyond_the_index_stand_at_its_edges() -> None:
    edges = (0, hour(LAST))
    assert hour(FIRST) == 0
    assert hours(ALWAYS) == edges
    old, far = datetime(34, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)
    assert hours(TimeRange(start=old, end=far)) == edges
    start, end = hours(TimeRange(start=NOON, end=NOON + timedelta(minutes=90)))
    assert end - start == 1


def test_a_turn_comes_back_with_its_tickets() -> None:
    turn = Turn(
        id="t\ud800",
        at=NOON,
        session="s",
        messages=(
            Message(role=Role.PERSON, blocks=(Text("look"), Image(digest="d", caption="a dog")), speaker="Ana"),
            Message.of(Role.ASSISTANT, "nice"),
        ),
        state=TurnState.FAILED,
        receipt={"read": ["x"]},
    )
    tickets = [codec.Ticket(job=JOB, opened=5)]
    found = read(codec.turn_thing(turn, 7, tickets, pending=True))
    assert codec.turn_of(found) == turn
    assert codec.tickets_of(found) == tickets
    assert codec.ticketed_turn(found) == turn.id
    assert {codec.PENDING, codec.SHOWS} <= found.tags
    assert found.row == 7


def test_messages_tell_their_neighbours_places() -> None:
    turn = Turn(id="t", at=NOON, session="s", messages=tuple(Message.of(Role.PERSON, f"tea {n}") for n in range(2)))
    first, second = (codec.card_of(read(thing)) for thing in codec.message_things(turn, 100, 5))
    assert (first.number, second.number, second.place) == (5, 6, 1)
    assert first.session == second.session
    assert first.turn == codec.turn_id("t").hex
    assert len({codec.slot_tag(card.session, card.number) for card in (first, second)}) == 2


def test_a_text_of_nothing_waits_for_no_vector() -> None:
    turn = Turn(id="t", at=NOON, session="s", messages=(Message.of(Role.PERSON, " "), Message.of(Role.PERSON, "tea")))
    blank, said = codec.message_things(turn, 0, 0)
    assert codec.UNEMBEDDED not in blank.tags
    assert codec.UNEMBEDDED in said.tags


def test_a_memory_comes_back_and_its_vector_says_that_it_has_one() -> None:
    memory = Memory(id="m", version=2, kind=Kind.CORE, key="Name", text="Ana", event=TimeRange(start=NOON), commit="c")
    found = read(codec.version_thing(memory))
    assert codec.version_of(found) == memory
    assert {codec.CURRENT, codec.UNEMBEDDED, codec.kind_tag("core")} <= found.tags
    assert {codec.on_tag("core"), codec.now_tag("core")} <= found.tags
    assert codec.now_tag("core") not in read(codec.version_thing(replace(memory, believed=TimeRange(end=NOON)))).tags
    assert codec.on_tag("core") not in read(codec.version_thing(replace(memory, off=True))).tags
    vector = np.array([0.6, 0.8], np.float32)
    with_vector = read(codec.version_thing(memory, vector))
    assert codec.UNEMBEDDED not in with_vector.tags
    assert with_vector.vector == pytest.approx(vector)
    assert list(with_vector.vectors) == [schema.vector_name(2)]


def test_token_vectors_come_back() -> None:
    tokens = np.arange(-6, 6, dtype=np.int8).reshape(4, 3)
    assert (codec.tokens_of(codec.tokens_text(tokens)) == tokens).all()


def test_ids_keep_kinds_and_parts_apart() -> None:
    assert len({uid("a", "b", "c"), uid("a", "bc"), uid("ab", "c"), uid("a", "b"), uid("b", "a")}) == 5


def test_nothing_of_a_thing_without_its_indexes_is_in_one_and_no_text_of_a_projection_stays() -> None:
    turn = Turn(id="t", at=NOON, session="s", messages=(Message.of(Role.PERSON, "hello there"),))
    whole = codec.turn_thing(turn, 7, (), pending=True)
    (message,) = codec.message_things(turn, 7, 0)
    for thing in (whole, message):
        bare = thing.unindexed
        assert (bare.id, bare.tags, bare.terms, bare.event) == (thing.id, (), "", None)
        assert bare.row != thing.row
        assert (bare.vector is None) != (thing.vector is None)
    assert whole.unindexed.body == whole.body
    assert message.unindexed.body is None
