"""Whatever is said, done by hand, undone and erased, in any order: the store believes what a simple model believes."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from persona_graph.conversation import Message, Role, Turn
from persona_graph.memory.commit import Commit
from persona_graph.memory.erase import Erase
from persona_graph.memory.operations import Add, Delete, Freeze, Operation, Pin, Release, SwitchOff, Undo, Update
from persona_graph.memory.sqlite.store import SqliteStore
from persona_graph.memory.store import MemoryStore
from persona_graph.memory.types import KEYED, Kind, Source
from persona_graph.memory.weaviate.store import WeaviateStore
from tests.support.simple_model import SimpleModel

START = datetime(2024, 1, 1, tzinfo=UTC)
DAYS = st.integers(0, 20).map(lambda days: START + timedelta(days=days))
TEXTS = st.sampled_from(["tea", "coffee", "water", "Tea", "lives in Oslo"])
KEYS = st.sampled_from(["name", "Name", "job"])
FIELDS = st.sampled_from(["core:name", "procedural:job", "openness"])
PICK = st.integers(0, 30)
PICKED = PICK.map(str)
OPERATIONS: st.SearchStrategy[Operation] = st.one_of(
    st.builds(Add, kind=st.just(Kind.SEMANTIC), text=TEXTS),
    st.builds(Add, kind=st.sampled_from(sorted(KEYED)), text=TEXTS, key=KEYS),
    st.builds(Update, id=PICKED, text=TEXTS, kind=st.none() | st.just(Kind.SEMANTIC)),
    st.builds(Delete, id=PICKED),
    st.builds(Pin, id=PICKED),
    st.builds(Freeze, what=FIELDS),
    st.builds(SwitchOff, what=PICKED | FIELDS),
    st.builds(Release, what=PICKED | FIELDS),
)
BY_MODEL = st.tuples(st.just("model"), DAYS, st.lists(OPERATIONS, min_size=1, max_size=3), PICK, PICK)
BY_PERSON = st.tuples(st.just("person"), DAYS, st.lists(OPERATIONS, min_size=1, max_size=2), PICK, PICK)
UNDO = st.tuples(st.just("undo"), DAYS, PICK, st.sampled_from(["whole", "part", "since"]))
ERASE = st.tuples(st.just("erase"), st.sampled_from(["turn", "turns", "memory"]), PICK)
HISTORY = st.lists(st.one_of(BY_MODEL, BY_MODEL, BY_MODEL, BY_PERSON, UNDO, ERASE), max_size=14)


@settings(max_examples=100, deadline=None)
@given(history=HISTORY, moment=DAYS)
def test_any_history_is_believed_as_a_simple_model_believes_it(
    tmp_path_factory: pytest.TempPathFactory, history: list[tuple[object, ...]], moment: datetime
) -> None:
    asyncio.run(_lived(SqliteStore(tmp_path_factory.mktemp("store")), history, moment))


@pytest.mark.weaviate
@pytest.mark.network
@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=HISTORY, moment=DAYS)
def test_weaviate_believes_it_too(weaviate_url: str, history: list[tuple[object, ...]], moment: datetime) -> None:
    pytest.importorskip("weaviate", reason="needs the extra: pip install 'persona-graph[weaviate]'")
    asyncio.run(_lived(WeaviateStore(f"{weaviate_url}&collection=AnyHistory"), history, moment))


async def _lived(store: MemoryStore, history: list[tuple[object, ...]], moment: datetime) -> None:
    model = SimpleModel()
    await store.remove_user("ana")
    turns = [f"t{number}" for number in range(6)]
    await store.append("ana", [_turn(name, number) for number, name in enumerate(turns)])
    model.turns = list(turns)
    for number, step in enumerate(history):
        match step:
            case ("model" | "person" as who, datetime() as at, list() as operations, int() as pick, int() as read):
                await _commit(store, model, f"c{number}", who, at, operations, pick, read)
            case ("undo", datetime() as at, int() as pick, str() as how):
                await _undo(store, model, f"c{number}", at, pick, how)
            case ("erase", str() as what, int() as pick):
                await _erase(store, model, what, pick)
        await _agree(store, model, None)
        assert [turn.id for turn in await store.turns("ana")] == model.turns
        assert {commit.id for commit in await store.commits("ana")} == {commit.id for commit in model.commits}
    await _agree(store, model, moment)
    before = sorted(await store.memories("ana", history=True, off=True), key=lambda m: m.ref)
    await store.rebuild("ana")
    assert sorted(await store.memories("ana", history=True, off=True), key=lambda m: m.ref) == before
    await store.close()


def _turn(name: str, number: int) -> Turn:
    at = START + timedelta(days=3 * number)
    return Turn(id=name, at=at, session="s", messages=(Message.of(Role.PERSON, f"something {name}"),))


async def _commit(
    store: MemoryStore,
    model: SimpleModel,
    id: str,
    who: str,
    at: datetime,
    operations: list[Operation],
    pick: int,
    read: int,
) -> None:
    known = [memory for memory in await store.memories("ana", history=True, off=True)]
    named = tuple(_naming(operation, [memory.id for memory in known]) for operation in operations)
    if who == "person":
        commit = Commit(id=id, job="person", at=at, source=Source.PERSON, operations=named)
    else:
        evidence = (model.turns[pick % len(model.turns)],) if model.turns else ()
        reads = [*model.turns, *(memory.ref for memory in known)]
        seen = tuple(reads[(read + step) % len(reads)] for step in range(read % 3)) if reads else ()
        commit = Commit(id=id, job="job", at=at, operations=named, evidence=evidence, read=seen)
    await store.commit("ana", commit)
    model.take(commit)


def _naming(operation: Operation, known: list[str]) -> Operation:
    """The operation with the name of a memory in place of its number."""
    for name in ("id", "what"):
        number = getattr(operation, name, "")
        if number.isdigit() and known:
            return replace(operation, **{name: known[int(number) % len(known)]})  # type: ignore[arg-type]
    return operation


async def _undo(store: MemoryStore, model: SimpleModel, id: str, at: datetime, pick: int, how: str) -> None:
    if not model.commits:
        return
    target = model.commits[pick % len(model.commits)]
    undo = {
        "whole": Undo(commit=target.id),
        "part": Undo(commit=target.id, operation=pick % len(target.operations)),
        "since": Undo(since=target.at),
    }[how]
    commit = Commit(id=id, job="person", at=at, source=Source.PERSON, operations=(undo,))
    await store.commit("ana", commit)
    model.commits.append(commit)


async def _erase(store: MemoryStore, model: SimpleModel, what: str, pick: int) -> None:
    known = sorted({memory.id for memory in await store.memories("ana", history=True, off=True)})
    memories = {known[pick % len(known)]} if what == "memory" and known else set()
    place = pick % len(model.turns) if model.turns else 0
    turns = set(model.turns[place : place + 1 + (what == "turns")]) if what != "memory" else set()
    erase = Erase(turns=frozenset(turns), memories=frozenset(memories))
    await store.erase("ana", erase, at=START, reopen=lambda _again, _newest: None)
    model.erase(turns, memories)


async def _agree(store: MemoryStore, model: SimpleModel, as_of: datetime | None) -> None:
    held = await store.memories("ana", off=True, as_of=as_of)
    expected = model.believes(as_of)
    assert {m.id: (m.text, m.kind, m.key, m.pinned, m.off) for m in held} == {
        id: (one.text, one.kind, one.key, one.pinned, one.off) for id, one in expected.items()
    }
    off_now = {id for id, one in model.believes().items() if one.off}
    shown = {id for id, one in expected.items() if not one.off and id not in off_now}
    assert {memory.id for memory in await store.memories("ana", as_of=as_of)} == shown
