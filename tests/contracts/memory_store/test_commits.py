"""Commits: stored once, and what is held is their fold at every moment."""

from __future__ import annotations

from dataclasses import replace

import pytest

from persona_graph.errors import NotFound
from persona_graph.memory.commit import Commit, fold
from persona_graph.memory.operations import Add, Freeze, Pin, Release, Undo, Update
from persona_graph.memory.store import MemoryStore, Vectors
from persona_graph.memory.types import Kind, Source
from tests.contracts.memory_store.given import (
    DAY,
    NOON,
    fact,
    history,
    job,
    remembered,
    seen,
    take,
    texts,
    turn,
    unit,
)


async def test_a_commit_is_stored_projected_and_finishes_its_job_in_one_step(store: MemoryStore) -> None:
    await store.append("ana", [turn("one")], [job("a", "one")])
    held = await take(store)
    made = fact("c", "likes tea", evidence=("one",), read=("one", "m@1"))
    stored = await store.commit("ana", made, held)
    assert replace(stored, sequence=-1) == made
    assert await store.commits("ana") == [stored]
    assert texts(await store.memories("ana")) == ["likes tea"]
    assert await store.jobs("ana") == []


async def test_the_first_commit_of_an_id_wins(store: MemoryStore) -> None:
    await store.append("ana", [turn("one")], [job("a", "one")])
    first = await store.commit("ana", fact("c", "likes tea"))
    assert await store.commit("ana", fact("c", "likes coffee"), job("a", "one")) == first
    assert texts(await store.memories("ana")) == ["likes tea"]
    assert await store.jobs("ana") == []


async def test_a_commit_whose_evidence_is_gone_is_refused_whole(store: MemoryStore) -> None:
    await store.append("ana", [turn("one")], [job("a", "one")])
    with pytest.raises(NotFound, match="gone"):
        await store.commit("ana", fact("c", "likes tea", evidence=("one", "gone")), job("a", "one"))
    assert await store.commits("ana") == []
    assert await store.memories("ana") == []
    assert len(await store.jobs("ana")) == 1


async def test_what_is_held_is_the_fold_of_the_commits_at_every_moment(store: MemoryStore) -> None:
    await history(store)
    commits = await store.commits("ana")
    assert [commit.id for commit in commits] == ["c0", "c1", "c2", "c3", "c4"]
    assert [commit.sequence for commit in commits] == sorted(commit.sequence for commit in commits)
    whole = [memory for versions in fold(commits).versions.values() for memory in versions]
    assert sorted(await store.memories("ana", history=True), key=lambda m: m.ref) == sorted(whole, key=lambda m: m.ref)
    assert texts(await store.memories("ana")) == ["Ana Maria"]
    for days in range(9):
        then = fold(commits, as_of=NOON + days * DAY)
        expected = {m.ref: m for versions in then.versions.values() for m in versions if m.current}
        assert {m.ref: m for m in await store.memories("ana", as_of=NOON + days * DAY)} == expected


async def test_undo_brings_back_what_was_superseded_and_can_be_undone(store: MemoryStore) -> None:
    await history(store)
    held = {memory.ref: memory for memory in await store.memories("ana", history=True)}
    taken_back = Undo(since=NOON + 6 * DAY)
    undo = Commit(id="u", job="person", at=NOON + 9 * DAY, source=Source.PERSON, operations=(taken_back,))
    await store.commit("ana", undo)
    assert texts(await store.memories("ana")) == ["lives in Rome", "Ana"]
    assert await remembered(store, "rome") == ["lives in Rome"]
    assert await remembered(store, "oslo") == []
    again = replace(undo, id="v", operations=(Undo(commit="u"),))
    await store.commit("ana", again)
    assert {memory.ref: memory for memory in await store.memories("ana", history=True)} == held
    assert texts(await store.memories("ana", as_of=NOON + 6 * DAY)) == ["Ana", "lives in Oslo"]


async def test_pins_and_freezes_outlast_the_model(store: MemoryStore) -> None:
    await store.commit("ana", fact("c", "likes tea"))
    (tea,) = await store.memories("ana")
    by_hand = Commit(
        id="p",
        job="person",
        at=NOON,
        source=Source.PERSON,
        operations=(Pin(id=tea.id), Freeze(what="openness", value=4.5), Freeze(what="core:name")),
    )
    await store.commit("ana", by_hand)
    assert dict((await store.standing("ana")).frozen) == {"openness": 4.5, "core:name": None}
    tries = (Update(id=tea.id, text="hates tea"), Add(kind=Kind.CORE, key="Name", text="Bob"))
    await store.commit("ana", Commit(id="m", job="update_core", at=NOON + DAY, operations=tries))
    assert [(m.text, m.pinned) for m in await store.memories("ana")] == [("likes tea", True)]
    lifted = replace(by_hand, id="r", operations=(Release(what=tea.id), Release(what="core:name")))
    await store.commit("ana", lifted)
    await store.commit("ana", Commit(id="n", job="update_core", at=NOON + DAY, operations=tries))
    assert sorted(texts(await store.memories("ana"))) == ["Bob", "hates tea"]
    assert dict((await store.standing("ana")).frozen) == {"openness": 4.5}


async def test_a_rebuild_changes_nothing(store: MemoryStore) -> None:
    await store.append("ana", [turn("t0", 0)])
    await store.commit("ana", seen("t0", 0))
    await history(store)
    texts_without = await store.unembedded("ana", 99)
    await store.put_vectors("ana", "f", [Vectors(ref=u.ref, vector=unit(i)) for i, u in enumerate(texts_without)])
    before = [await store.memories("ana", history=True), await store.personality("ana"), await store.standing("ana")]
    await store.rebuild("ana")
    assert before == [
        await store.memories("ana", history=True),
        await store.personality("ana"),
        await store.standing("ana"),
    ]
    assert await store.unembedded("ana", 99) == []
