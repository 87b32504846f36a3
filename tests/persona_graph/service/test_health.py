"""A user's health over a real store: looking changes nothing, a cure is one commit, and an undo takes it back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from persona_graph import Persona
from persona_graph.conversation import Message, Role, Turn
from persona_graph.memory.commit import Commit
from persona_graph.memory.finding import Ailment, Sure
from persona_graph.memory.operations import Add, Delete, Undo
from persona_graph.memory.types import Kind, Memory, Source

START = datetime(2024, 1, 1, tzinfo=UTC)
NOW = START + timedelta(days=400)


@pytest.fixture
async def persona(tmp_path: Path) -> AsyncIterator[Persona]:
    opened = Persona.open(f"sqlite:{tmp_path}", model="offline", clock=lambda: NOW)
    yield opened
    await opened.aclose()


async def tell(persona: Persona, number: int, text: str) -> str:
    """Something said on a day, and the memory that the model made of it; the turn's id."""
    at, name = START + timedelta(days=number), f"t{number}"
    messages = (Message.of(Role.PERSON, text), Message.of(Role.ASSISTANT, "Noted."))
    await persona.engine.store.append("ana", [Turn(id=name, at=at, session=name, messages=messages)])
    operations = (Add(kind=Kind.SEMANTIC, text=text),)
    commit = Commit(id=f"c{number}", job="extract_semantic", at=at, operations=operations, evidence=(name,))
    await persona.engine.store.commit("ana", commit)
    return name


async def texts(persona: Persona) -> list[str]:
    return [memory.text for memory in await persona.amemories("ana")]


async def everything(persona: Persona) -> list[Memory]:
    return await persona.amemories("ana", history=True)


TOLD = ("Likes coffee", "Lives in Porto", "Likes coffee.", "Lives in Braga", "Has a dog")


@pytest.fixture
async def muddled(persona: Persona) -> Persona:
    """A user who said a thing twice, and has moved."""
    for number, text in enumerate(TOLD):
        await tell(persona, number, text)
    return persona


async def test_of_an_unknown_user_there_is_nothing_to_find(persona: Persona) -> None:
    assert (await persona.ahealth("nobody")).findings == ()
    assert (await persona.acure("nobody")).commit == ""


async def test_looking_changes_nothing(muddled: Persona) -> None:
    before = await everything(muddled)
    checkup = await muddled.ahealth("ana")
    assert [finding.what.value for finding in checkup.findings] == ["duplicates", "contradictions"]
    assert (checkup.memories, checkup.turns, checkup.answers) == (5, 5, 0)
    assert await everything(muddled) == before


async def test_a_cure_is_one_commit_that_an_undo_takes_back(muddled: Persona) -> None:
    store, before = muddled.engine.store, await everything(muddled)
    cured = await muddled.acure("ana")
    assert await texts(muddled) == ["Likes coffee.", "Lives in Braga", "Has a dog"]
    *_, commit = await store.commits("ana")
    assert (commit.id, commit.job, commit.source) == (cured.commit, "health", Source.CLIENT)
    assert {o.id for o in commit.operations if isinstance(o, Delete)} == cured.gone
    undo = (Undo(commit=cured.commit),)
    await store.commit("ana", Commit(id="undo", job="person", at=NOW, source=Source.PERSON, operations=undo))
    assert await everything(muddled) == before


async def test_a_second_cure_writes_nothing(muddled: Persona) -> None:
    await muddled.acure("ana")
    commits = await muddled.engine.store.commits("ana")
    assert (await muddled.acure("ana")).commit == ""
    assert await muddled.engine.store.commits("ana") == commits


async def test_what_was_taken_out_stays_as_history(muddled: Persona) -> None:
    await muddled.acure("ana")
    (porto,) = [memory for memory in await everything(muddled) if memory.text == "Lives in Porto"]
    assert porto.believed.end == NOW
    assert "Lives in Porto" in [m.text for m in await muddled.amemories("ana", as_of=NOW - timedelta(days=1))]


async def test_what_is_pinned_or_corrected_stays(muddled: Persona) -> None:
    coffee, porto = (await muddled.amemories("ana"))[:2]
    await muddled.apin("ana", coffee.id)
    await muddled.acorrect("ana", porto.id, "Lives in Faro")
    await muddled.arelease("ana", porto.id)
    await muddled.acure("ana", sure=Sure.POSSIBLE)
    assert sorted(await texts(muddled)) == ["Has a dog", "Likes coffee", "Lives in Faro"]


async def test_only_what_is_named_is_looked_for(muddled: Persona) -> None:
    cured = await muddled.acure("ana", ailments=[Ailment.CONTRADICTIONS])
    assert [finding.what for finding in cured.checkup.findings] == [Ailment.CONTRADICTIONS]
    assert await texts(muddled) == ["Likes coffee", "Likes coffee.", "Lives in Braga", "Has a dog"]


async def test_what_is_only_possible_is_left_unless_asked_for(persona: Persona) -> None:
    await tell(persona, 0, "Works as a nurse")
    await tell(persona, 1, "Works as a baker")
    assert (await persona.acure("ana")).commit == ""
    assert (await persona.acure("ana", sure=Sure.POSSIBLE)).commit
    assert await texts(persona) == ["Works as a baker"]


async def test_when_what_stays_is_erased_what_went_for_it_comes_back(muddled: Persona) -> None:
    await muddled.acure("ana")
    await muddled.aforget("ana", turn="t2")
    assert await texts(muddled) == ["Likes coffee", "Lives in Porto", "Lives in Braga", "Has a dog"]
    await muddled.acure("ana")
    assert await texts(muddled) == ["Likes coffee", "Lives in Braga", "Has a dog"]


async def test_evidence_that_was_never_there_is_found(persona: Persona) -> None:
    await tell(persona, 0, "Has a dog")
    groundless = (Add(kind=Kind.SEMANTIC, text="Has a boat", evidence=("elsewhere",)),)
    await persona.engine.store.commit("ana", Commit(id="c", job="client", at=START, operations=groundless))
    (finding,) = (await persona.ahealth("ana")).findings
    assert (finding.what, finding.memories[0].text) == (Ailment.EVIDENCE, "Has a boat")


async def test_what_answers_read_is_used(persona: Persona) -> None:
    await tell(persona, 0, "Likes coffee")
    await tell(persona, 1, "Collects stamps of the nineteenth century")
    for _ in range(3):
        await persona.achat("ana", "Do I like coffee?")
    found = await persona.ahealth("ana", ailments=[Ailment.UNUSED], unused_answers=3)
    assert found.answers == 3
    assert [finding.memories[0].text for finding in found.findings] == ["Collects stamps of the nineteenth century"]


async def test_one_users_health_never_touches_anothers(muddled: Persona) -> None:
    before = await everything(muddled)
    assert (await muddled.acure("bea")).commit == ""
    assert await everything(muddled) == before


async def test_the_loop_goes_on_while_it_looks(muddled: Persona) -> None:
    beats = 0

    async def beat() -> None:
        nonlocal beats
        while True:
            beats += 1
            await asyncio.sleep(0)

    heart = asyncio.create_task(beat())
    await muddled.ahealth("ana")
    heart.cancel()
    assert beats > 1


def test_a_bound_user_has_it_too(tmp_path: Path) -> None:
    with Persona.open(f"sqlite:{tmp_path}", model="offline") as persona:
        ana = persona.user("ana")
        assert ana.health().findings == ()
        assert ana.cure().commit == ""
