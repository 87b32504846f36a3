"""The person's veto: what they pin, correct, freeze, switch off or undo holds, whatever a model tries."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from persona_graph.errors import InputError, NotFound
from persona_graph.jobs.job import Job
from persona_graph.memory.commit import Commit, fold
from persona_graph.memory.operations import Add, SwitchOff, Update
from persona_graph.memory.types import Kind, Memory, Source
from persona_graph.options import Options, Search, Updates
from persona_graph.personality import Trait
from persona_graph.policy.scripted import ScriptedPolicy
from persona_graph.service import Persona

START = datetime(2024, 1, 1, 12, tzinfo=UTC)


class Clock:
    """Stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def persona(tmp_path: Path, clock: Clock) -> AsyncIterator[Persona]:
    off = Options(updates=Updates.OFF)
    async with Persona.open(f"sqlite:{tmp_path}", model="offline", options=off, clock=clock) as opened:
        yield opened


async def learn(persona: Persona, text: str, at: datetime = START, **more: Any) -> Memory:
    """A fact, or a field where a key is given, that inference found."""
    kind = Kind.CORE if "key" in more else Kind.SEMANTIC
    operation = Update(text=text, **more) if "id" in more else Add(kind=kind, text=text, **more)
    name = f"{text} {at} {more}".encode().hex()
    await persona.engine.store.commit("ana", Commit(id=name, job="extract_semantic", at=at, operations=(operation,)))
    return next(m for m in await persona.amemories("ana") if m.text == text)


async def texts(persona: Persona, **more: Any) -> list[str]:
    return sorted(memory.text for memory in await persona.amemories("ana", **more))


async def test_a_correction_is_pinned_and_keeps_what_was_believed_before(persona: Persona, clock: Clock) -> None:
    fact = await learn(persona, "lives in Rome")
    clock.now += timedelta(days=1)
    right = await persona.acorrect("ana", fact.id, "lives in Oslo")
    assert (right.text, right.pinned, right.source) == ("lives in Oslo", True, Source.PERSON)
    await persona.engine.store.commit(
        "ana",
        Commit(
            id="m", job="j", at=clock.now + timedelta(days=9), operations=(Update(id=fact.id, text="lives in Bonn"),)
        ),
    )
    assert await texts(persona) == ["lives in Oslo"]
    assert await texts(persona, as_of=START) == ["lives in Rome"]
    assert await texts(persona, history=True) == ["lives in Oslo", "lives in Rome"]


async def test_a_field_is_corrected_by_its_name_known_or_not(persona: Persona) -> None:
    await learn(persona, "Rome", key="Home")
    assert (await persona.acorrect("ana", "core:home", "Oslo")).key == "Home"
    job = await persona.acorrect("ana", "core:job", "nurse")
    assert (job.kind, job.key, job.pinned) == (Kind.CORE, "job", True)
    assert await texts(persona) == ["Oslo", "nurse"]


async def test_a_correction_outlives_what_it_corrected(persona: Persona) -> None:
    turn = (await persona.achat("ana", "I live in Rome.")).turn
    await persona.aflush("ana", close_sessions=True)
    (fact,) = [m for m in await persona.amemories("ana", kinds=[Kind.SEMANTIC]) if "Rome" in m.text]
    await persona.acorrect("ana", fact.id, "lives in Oslo")
    await persona.aforget("ana", turn=turn)
    await persona.aflush("ana", close_sessions=True)
    (kept,) = await persona.amemories("ana")
    assert (kept.id, kept.text) == (fact.id, "lives in Oslo")
    assert await texts(persona, history=True) == ["lives in Oslo"]


@pytest.mark.parametrize("act", ["apin", "aswitch_off", "acorrect"])
async def test_what_the_person_holds_outlives_an_erase_that_has_it_made_anew(persona: Persona, act: str) -> None:
    first = (await persona.achat("ana", "My name is Ana and I live in Porto.")).turn
    await persona.achat("ana", "I love espresso, and I work as a nurse.")
    await persona.aflush("ana", close_sessions=True)
    facts = {}
    for kind, text in ((Kind.SEMANTIC, "espresso"), (Kind.CORE, "nurse")):  # of one turn; of the whole session
        held = next(m for m in await persona.amemories("ana", kinds=[kind]) if text in m.text.casefold())
        facts[kind] = held
        await getattr(persona, act)("ana", held.id, *(["put right"] if act == "acorrect" else []))
    assert (await persona.aforget("ana", turn=first)).again
    await persona.aflush("ana", close_sessions=True)
    fact = next(m for m in await persona.amemories("ana", kinds=[Kind.SEMANTIC]) if m.id == facts[Kind.SEMANTIC].id)
    (job,) = [m for m in await persona.amemories("ana", kinds=[Kind.CORE]) if m.key == facts[Kind.CORE].key]
    standing = await persona.engine.store.standing("ana")
    if act == "aswitch_off":
        assert (fact.off, job.off) == (True, True)
        assert f"core:{job.key}" in standing.off
    else:
        assert fact.pinned
        assert f"core:{job.key}" in standing.frozen
        assert (fact.text == job.text == "put right") is (act == "acorrect")


async def test_what_is_switched_off_is_kept_and_used_nowhere(persona: Persona) -> None:
    fact, home = await learn(persona, "likes tea"), await learn(persona, "Oslo", key="home")
    await persona.aswitch_off("ana", fact.id)
    await persona.aswitch_off("ana", "core:Home")
    await persona.aswitch_off("ana", "openness")
    assert [(m.text, m.off) for m in await persona.amemories("ana")] == [("likes tea", True), ("Oslo", True)]
    store = persona.engine.store
    assert await store.memories("ana") == await store.memories("ana", as_of=START + timedelta(days=9)) == []
    assert (await persona.asearch("ana", "tea")).hits == ()
    assert (await persona.asearch("ana", "tea", as_of=START)).hits == ()
    await learn(persona, "Bonn", at=START + timedelta(days=1), key="other")
    change = (Update(id=fact.id, text="likes mud"), Add(kind=Kind.CORE, key="home", text="Bonn"))
    await store.commit("ana", Commit(id="model", job="j", at=START + timedelta(days=2), operations=change))
    assert await texts(persona) == ["Bonn", "Oslo", "likes tea"]
    for what in (fact.id, "core:home", "openness"):
        await persona.arelease("ana", what)
    assert {m.id for m in await store.memories("ana")} >= {fact.id, home.id}
    assert (await persona.asearch("ana", "tea")).hits != ()


async def test_a_trait_that_is_frozen_or_off_stays_so_at_every_later_moment(persona: Persona, clock: Clock) -> None:
    clock.now += timedelta(days=1)
    await persona.afreeze("ana", "openness", 4.5)
    clock.now += timedelta(days=1)
    await persona.aswitch_off("ana", "openness")
    for day, value in ((0, 3.0), (1, 4.5), (2, 3.0)):
        then = await persona.apersonality("ana", as_of=START + timedelta(days=day))
        assert then.vector.openness == value
    now = await persona.apersonality("ana")
    assert (now.vector.openness, dict(now.frozen), now.off) == (3.0, {"openness": 4.5}, frozenset({"openness"}))


async def test_undo_takes_back_a_commit_one_operation_or_all_since(persona: Persona, clock: Clock) -> None:
    store = persona.engine.store
    facts = tuple(Add(kind=Kind.SEMANTIC, text=text) for text in ("one", "two"))
    await store.commit("ana", Commit(id="c", job="j", at=START, operations=facts))
    await learn(persona, "later", at=START + timedelta(days=5))
    clock.now += timedelta(days=9)
    undone = await persona.aundo("ana", "c", operation=0)
    assert await texts(persona) == ["later", "two"]
    await persona.aundo("ana", undone)
    assert await texts(persona) == ["later", "one", "two"]
    await persona.aundo("ana", since=START + timedelta(days=1))
    assert await texts(persona) == ["one", "two"]  # both undos were made since, so they are taken back too
    await persona.aundo("ana", "c")
    assert await texts(persona) == []
    assert await texts(persona, as_of=START + timedelta(days=8)) == ["later", "one", "two"]


async def test_an_undone_commit_stays_undone_when_its_job_runs_again(persona: Persona) -> None:
    store = persona.engine.store
    turns = [(await persona.achat("ana", text)).turn for text in ("I live in Rome.", "I like tea.")]
    again = Commit(
        id="c",
        job="j",
        at=START,
        operations=(Add(kind=Kind.SEMANTIC, text="x"),),
        evidence=(turns[1],),
        read=(turns[0],),
    )
    await store.commit("ana", again)
    await persona.aundo("ana", "c")
    await persona.aforget("ana", turn=turns[0])
    await store.commit("ana", replace(again, read=()))
    assert "x" not in await texts(persona)


async def test_history_that_comes_late_does_not_replace_the_present(persona: Persona) -> None:
    now = await learn(persona, "lives in Lisbon", at=START)
    before = START - timedelta(days=300)
    update = Update(id=now.id, kind=Kind.SEMANTIC, text="lives in Porto")
    await persona.engine.store.commit("ana", Commit(id="late", job="j", at=before, operations=(update,)))
    assert await texts(persona) == ["lives in Lisbon"]
    assert await texts(persona, as_of=before) == ["lives in Porto"]
    (past,) = [m for m in await persona.amemories("ana", history=True) if m.text == "lives in Porto"]
    assert (past.event.start, past.event.end) == (before, START)
    found = await persona.asearch("ana", "lives", window=past.event)
    assert {(hit.memory.text, hit.superseded) for hit in found.hits if hit.memory} == {("lives in Porto", True)}


@pytest.mark.parametrize(
    ("act", "given"),
    [
        ("acorrect", ("nothing", "x")),
        ("apin", ("nothing",)),
        ("afreeze", ("nothing",)),
        ("aswitch_off", ("nothing",)),
        ("aundo", ("nothing",)),
    ],
)
async def test_what_does_not_exist_is_not_found(persona: Persona, act: str, given: tuple[str, ...]) -> None:
    with pytest.raises(NotFound, match="nothing"):
        await getattr(persona, act)("ana", *given)


@pytest.mark.parametrize(
    ("act", "given"),
    [
        ("acorrect", ("core:", "x")),
        ("acorrect", ("core:home", "  ")),
        ("afreeze", ("openness", 7.0)),
        ("afreeze", ("core:home", 3.0)),
        ("afreeze", ("semantic:home",)),
        ("aswitch_off", ("episodic:x",)),
        ("arelease", ("openness",)),
        ("arelease", ("nothing",)),
        ("aundo", ()),
    ],
)
async def test_what_makes_no_sense_is_refused_in_a_sentence(persona: Persona, act: str, given: tuple[Any, ...]) -> None:
    with pytest.raises(InputError):
        await getattr(persona, act)("ana", *given)
    assert await persona.ahistory("ana") == []


# fifty sessions of a model that will not leave it alone


def stubborn(job: Job[Any, Any], given: Any) -> str:
    """A model that changes, deletes or overwrites whatever it is shown, in every job, every time."""
    if job.name == "reason":
        return "<think>.</think><answer>Fine.</answer>"
    if job.name == "infer_personality":
        return json.dumps({trait.value: 5 for trait in Trait})
    if job.name == "extract_semantic":
        shown = range(1, len(given.known) + 1)
        tried = [
            {"do": do, "memory": f"m{n}", "text": "lives in Atlantis"} for n in shown for do in ("update", "delete")
        ]
        return json.dumps({"operations": tried})
    if job.name == "segment_episodes":
        return json.dumps({"topics": [{"summary": "Atlantis", "keywords": [], "turns": [1]}]})
    return json.dumps({"set": [{"key": "home", "value": "Atlantis"}], "remove": ["home"]})


@pytest.mark.parametrize("options", [Options(updates=Updates.OFF), Options.paper()], ids=["ours", "paper's writes"])
async def test_a_pinned_fact_survives_fifty_sessions_of_a_model_that_tries_to_change_it(
    tmp_path: Path, clock: Clock, options: Options
) -> None:
    options = replace(options, updates=Updates.OFF, search=Search.HYBRID)
    tried: list[str] = []

    def script(job: Job[Any, Any], given: Any) -> str:
        tried.append(job.name)
        return stubborn(job, given)

    async with Persona.open(
        f"sqlite:{tmp_path}", policy=ScriptedPolicy(script), options=options, clock=clock
    ) as persona:
        pinned, loose = await learn(persona, "lives in Oslo"), await learn(persona, "owns a kayak")
        await persona.apin("ana", pinned.id)
        await persona.acorrect("ana", "core:home", "Oslo")
        await persona.afreeze("ana", Trait.OPENNESS, 2.0)
        for _ in range(50):
            clock.now += timedelta(days=1)
            await persona.achat("ana", "Where do I live?")
            await persona.aflush("ana", close_sessions=True)
        held = {memory.id: memory for memory in await persona.amemories("ana")}
        assert (held[pinned.id].text, held[pinned.id].version, held[pinned.id].pinned) == ("lives in Oslo", 1, True)
        assert [m.text for m in await persona.aprofile("ana") if m.key == "home"] == ["Oslo"]
        assert (await persona.apersonality("ana")).vector.openness == 2.0
        assert tried.count("extract_semantic") == tried.count("update_core") == 50
        if not options.append_only_semantic:
            assert loose.id not in held  # the model had its way where nobody objected


async def test_a_changed_preference_is_answered_with_the_new_value_and_the_old_one_before(
    persona: Persona, clock: Clock
) -> None:
    async def said(text: str) -> str:
        reply = await persona.achat("ana", text)
        await persona.aflush("ana", close_sessions=True)
        return reply.text

    await said("I love espresso.")
    clock.now += timedelta(days=60)
    await said("I've switched from espresso to green tea.")
    clock.now += timedelta(days=1)
    assert "green tea" in await said("What do I like to drink now?")
    before = START + timedelta(days=30)
    then = await persona.asearch("ana", "like drink", as_of=before)
    assert any("espresso" in hit.memory.text.casefold() for hit in then.hits if hit.memory)
    assert not any("green tea" in hit.memory.text.casefold() for hit in then.hits if hit.memory)
    assert "espresso" in (await persona.achat("ana", "What did I like to drink in January 2024?")).text.casefold()


async def test_an_answer_is_given_again_without_what_it_rested_on(persona: Persona, clock: Clock) -> None:
    await persona.achat("ana", "My dog is called Rufus.")
    await persona.aflush("ana", close_sessions=True)
    clock.now += timedelta(days=1)
    reply = await persona.achat("ana", "What is the name of my dog?")
    assert "Rufus" in reply.text
    clock.now += timedelta(days=1)
    await persona.achat("ana", "My dog is called Bella now.")
    await persona.aflush("ana", close_sessions=True)
    before = await persona.aturns("ana")
    same = await persona.aanswer_without("ana", reply.turn)
    assert "Rufus" in same.text
    assert "Bella" not in same.text
    refs = [
        hit["ref"] for step in reply.receipt["steps"] for hit in step.get("search", {}).get("hits", ()) if "ref" in hit
    ]
    turns = [turn.id for turn in before if turn.id != reply.turn]
    without = await persona.aanswer_without("ana", reply.turn, [*refs, *turns])
    assert "Rufus" not in without.text
    assert await persona.aturns("ana") == before


def test_operations_that_only_a_person_may_do_are_known_to_the_fold() -> None:
    off = Commit(id="o", job="person", at=START, source=Source.PERSON, operations=(SwitchOff(what="openness"),))
    assert fold([off]).off == {"openness"}
