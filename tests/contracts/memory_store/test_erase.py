"""Erasing turns and memories: all that was made from them goes, and does not come back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from persona_graph.conversation import TurnState
from persona_graph.errors import NotFound
from persona_graph.memory.commit import Commit
from persona_graph.memory.operations import Add, Delete, Freeze, Undo, Update
from persona_graph.memory.store import Lookup, MemoryStore
from persona_graph.memory.types import Kind, Source
from tests.contracts.memory_store.given import (
    DAY,
    NOON,
    SAID,
    by_hand,
    core,
    embed,
    erase,
    fact,
    found,
    job,
    seen,
    take,
    texts,
    turn,
    unit,
)


async def the(store: MemoryStore, text: str) -> str:
    """Id of the memory that says or said this."""
    return next(memory.id for memory in await store.memories("ana", history=True, off=True) if memory.text == text)


def said_in(commits: Sequence[Commit]) -> list[str]:
    return [o.text for commit in commits for o in commit.operations if isinstance(o, Add | Update)]


async def test_removed_turns_take_along_what_rests_on_them_and_bring_back_what_that_superseded(
    store: MemoryStore,
) -> None:
    await store.append("ana", [turn("a", 0, "rome", speaker="Ana"), turn("b", 1, "oslo", speaker="Li")])
    await store.append("ana", [turn("c", 2, "tea")], [job("j", "b", "c"), job("k", "b")])
    core = Add(kind=Kind.CORE, key="home", text="Rome")
    await store.commit("ana", Commit(id="c0", job="update_core", at=NOON, operations=(core,), evidence=("a",)))
    core = replace(core, text="Oslo")
    await store.commit("ana", Commit(id="c1", job="update_core", at=NOON + DAY, operations=(core,), evidence=("b",)))
    await store.commit("ana", fact("c2", "read b", NOON + 2 * DAY, evidence=("c",), read=("b",)))
    await store.commit("ana", fact("c3", "likes tea", NOON + 2 * DAY, evidence=("c",)))
    await store.commit("ana", seen("b", 1))
    await store.commit("ana", seen("c", 2))
    await embed(store)
    await store.find_messages("ana", Lookup(vector=unit(0), fingerprint="f"))
    erased = await erase(store, "b", "unknown")
    assert (erased.turns, [m.text for m in erased.back], erased.pending) == (("b",), ["Rome"], False)
    assert [(again.commit, again.turns) for again in erased.again] == [("c2", ("c",))]
    assert [(t.id, t.ordinal) for t in await store.turns("ana")] == [("a", 0), ("c", 1)]
    assert await found(store, Lookup(terms=("oslo",))) == []
    assert sorted(texts(await store.memories("ana", history=True))) == ["Rome", "likes tea"]
    assert {commit.id for commit in await store.commits("ana")} == {"c0", "c3", "p-c"}
    assert [(p.observation.turn, p.m) for p in await store.personality("ana")] == [("c", 1)]
    assert {j.id: j.turns for j in await store.jobs("ana")} == {"j": ("c",), "again c2": ("c",)}
    assert await store.speakers("ana") == ("Ana",)
    c = await store.find_messages("ana", Lookup(terms=("rome", "oslo"), vector=unit(2), fingerprint="f"))
    assert (c.total, c.frequency.tolist(), c.position.tolist()) == (2, [1, 0], [0, 1])
    assert c.cosine == pytest.approx([0, 1])
    with pytest.raises(NotFound):
        await store.commit("ana", fact("late", "x", evidence=("b",)))


async def test_what_says_the_same_goes_with_a_memory_and_is_not_said_again(store: MemoryStore) -> None:
    await store.append("ana", [turn(name, day) for day, name in enumerate("abcd")])
    await store.commit("ana", fact("c0", "likes tea", evidence=("a",)))
    await store.commit("ana", fact("c1", "Likes  TEA", NOON + DAY, evidence=("b",)))
    await store.commit("ana", by_hand("c2", Add(kind=Kind.SEMANTIC, text="likes tea")))
    other = next(m for m in await store.memories("ana") if m.text == "Likes  TEA")
    await store.commit("ana", fact("c3", "told of tea", NOON + 2 * DAY, evidence=("c",), read=(other.ref,)))
    erased = await erase(store, memories=[await the(store, "likes tea")])
    assert (len(erased.memories), [again.commit for again in erased.again]) == (3, ["c3"])
    assert said_in(await store.commits("ana")) == ["likes tea"]  # the person's own words stay
    await store.commit("ana", fact("c4", "likes tea", NOON + 3 * DAY, evidence=("d",)))
    assert said_in(await store.commits("ana")) == ["likes tea"]
    assert [memory.source for memory in await store.memories("ana")] == [Source.PERSON]


async def test_a_field_goes_alone_and_with_what_the_person_held_of_it(store: MemoryStore) -> None:
    operations = (core("children", "2"), core("rooms", "2"), core("home", "Rome"))
    await store.commit("ana", Commit(id="c0", job="update_core", at=NOON, operations=operations))
    ended = Commit(id="c1", job="update_core", at=NOON + DAY, operations=(Delete(id=await the(store, "Rome")),))
    await store.commit("ana", ended)
    again = Commit(id="c2", job="update_core", at=NOON + 2 * DAY, operations=(core("home", "Oslo"),))
    await store.commit("ana", again)
    await store.commit("ana", by_hand("c3", Freeze(what="core:children"), Freeze(what="core:home")))
    children = next(memory.id for memory in await store.memories("ana") if memory.key == "children")
    await erase(store, memories=[children, await the(store, "Rome")])
    assert {(memory.key, memory.text) for memory in await store.memories("ana")} == {("rooms", "2"), ("home", "Oslo")}
    assert set((await store.standing("ana")).frozen) == {"core:home"}
    late = Commit(id="c4", job="update_core", at=NOON + 3 * DAY, operations=(core("children", "2"), core("age", "2")))
    await store.commit("ana", late)
    assert {memory.key for memory in await store.memories("ana")} == {"rooms", "home", "age"}


async def test_a_job_that_runs_again_finds_its_places_taken_by_no_tombstone(store: MemoryStore) -> None:
    await store.append("ana", [turn("a")])
    await store.commit("ana", fact("c0", "is Ana"))
    (name,) = await store.memories("ana")
    facts = (Add(kind=Kind.SEMANTIC, text="likes tea"), Add(kind=Kind.SEMANTIC, text="has a dog"))
    work = Commit(id="c1", job="extract_semantic", at=NOON, operations=facts, evidence=("a",), read=(name.ref,))
    await store.commit("ana", work)
    await erase(store, memories=[await the(store, "likes tea")])
    await erase(store, memories=[name.id])
    await store.commit("ana", replace(work, operations=facts[1:], read=()))
    assert texts(await store.memories("ana")) == ["has a dog"]
    next_one = fact("c2", "walks it", NOON + DAY, read=tuple(m.ref for m in await store.memories("ana")))
    await store.commit("ana", next_one)
    assert texts(await store.memories("ana")) == ["has a dog", "walks it"]


async def test_a_turns_id_may_look_like_a_version(store: MemoryStore) -> None:
    await store.append("ana", [turn("<1@mail>"), turn("b", 1)])
    await erase(store, "b")
    await store.commit("ana", fact("c0", "likes tea", evidence=("<1@mail>",), read=("<1@mail>",)))
    assert texts(await store.memories("ana")) == ["likes tea"]


async def test_what_the_person_took_back_is_not_done_again(store: MemoryStore) -> None:
    await store.append("ana", [turn(name, day) for day, name in enumerate("abc")])
    whole, part = (fact(name, f"fact {name}", NOON, evidence=("a", "b")) for name in ("c0", "c1"))
    two = (*part.operations, Add(kind=Kind.SEMANTIC, text="likes tea"))
    await store.commit("ana", whole)
    await store.commit("ana", replace(part, operations=two))
    await store.commit("ana", by_hand("c2", Undo(commit="c0"), Undo(commit="c1", operation=1)))
    erased = await erase(store, "a")
    assert [again.commit for again in erased.again] == ["c1"]
    again = replace(part, id="c3", operations=(two[1], two[0]), evidence=("b",))
    await store.commit("ana", again)
    assert texts(await store.memories("ana")) == ["fact c1"]


async def test_work_that_the_person_did_keeps_their_words_and_nothing_of_the_erased(store: MemoryStore) -> None:
    await store.append("ana", [turn("a"), turn("b", 1)])
    await store.commit("ana", fact("c0", "lives in Rome", evidence=("a",)))
    (home,) = await store.memories("ana")
    mine = replace(
        by_hand("c1", Add(kind=Kind.SEMANTIC, text="likes tea", evidence=("a", "b")), evidence=("a", "b")),
        observations=(seen("a", 0).observations[0], seen("b", 1).observations[0]),
        read=("a", "b", home.ref),
    )
    await store.commit("ana", mine)
    await erase(store, "a")
    (left,) = await store.commits("ana")
    assert (left.turns, left.read, said_in([left])) == (frozenset("b"), ("b",), ["likes tea"])
    assert [point.observation.turn for point in await store.personality("ana")] == ["b"]


async def test_jobs_lose_the_erased_turns_and_tell_no_error_of_before(store: MemoryStore) -> None:
    await store.append("ana", [turn("a"), turn("b", 1), turn("c", 2)])
    jobs = [job("j", "a", "b", at=NOON + DAY), replace(job("k", "a", at=NOON), parked=True, error="it said: b")]
    await store.append("ana", [turn("d", 3)], [replace(one, turns=(*one.turns, "d")) for one in jobs])
    running = await take(store)
    assert running is not None
    await erase(store, "b", "d")
    await store.reschedule("ana", replace(running, attempts=1, error="it said: b"))
    held = {one.id: one for one in await store.jobs("ana")}
    assert {name: (one.turns, one.at) for name, one in held.items()} == {"j": (("a",), NOON), "k": (("a",), NOON)}
    assert not any("it said" in one.error for one in held.values())
    again = await take(store, NOON + DAY)
    assert again is not None
    await store.reschedule("ana", replace(again, error="no answer"))
    assert [one.error for one in await store.jobs("ana") if one.id == again.id] == ["no answer"]


ROLE_ONLY = {"role": "assistant", "text": ""}


async def test_an_answer_that_was_given_while_its_reading_was_erased_keeps_no_words_of_it(store: MemoryStore) -> None:
    receipt = {"opening": {"recent": ["a"]}, "steps": [SAID]}
    asked = turn("b", 1, state=TurnState.ASKED)
    await store.append("ana", [turn("a"), asked])
    await erase(store, "a")
    await store.append("ana", [replace(asked, state=TurnState.ANSWERED, receipt=receipt)])
    (answered,) = await store.turns("ana")
    assert answered.receipt == {"opening": {"recent": ["a"]}, "steps": [SAID | {"said": [ROLE_ONLY]}], "scrubbed": True}


async def test_what_another_store_erased_is_erased_here_too(store: MemoryStore) -> None:
    await store.append("ana", [turn("a"), turn("b", 1)])
    await store.commit("ana", fact("c0", "lives in Rome", evidence=("a", "b")))
    await store.commit("ana", fact("c1", "likes tea", NOON + DAY, evidence=("b",)))
    elsewhere = (await store.tombstones("ana")).of(["a"], [("", "Likes tea")])
    erased = await store.bury("ana", elsewhere.ids, at=NOON, reopen=lambda again, _at: job("again", *again.turns))
    assert (erased.turns, texts(await store.memories("ana", history=True))) == (("a",), [])
    assert {one.id: one.turns for one in await store.jobs("ana")} == {"again": ("b",)}
    assert said_in(await store.commits("ana")) == []
