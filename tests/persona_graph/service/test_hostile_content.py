"""Hostile texts through the whole: kept as they are, found, and data and nothing else in the prompts of every job."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from persona_graph import Options, Persona, Target
from persona_graph.jobs.all import JOBS
from persona_graph.jobs.format import DATA_RULE
from persona_graph.jobs.job import Job
from persona_graph.memory.commit import Commit
from persona_graph.memory.operations import Add
from persona_graph.memory.types import Kind
from persona_graph.options import Updates
from persona_graph.policy.authors import authors
from persona_graph.policy.scripted import ScriptedPolicy
from tests.support.hostile_texts import HOSTILE_TEXTS
from tests.support.prompt_tags import tags

NOON = datetime(2024, 6, 1, 12, tzinfo=UTC)
NEEDLE = "quixotry"
LOOK = '<think>look</think><retrieve>{"keywords": "quixotry", "start_time": null, "end_time": null}</retrieve>'
ANSWER = "<think>fine</think><answer>Noted.</answer>"


def script(job: Job[Any, Any], given: Any) -> str:
    """A model that looks once, then answers, and does every other job with as little as will do."""
    said = {
        "reason": ANSWER if getattr(given, "transcript", ()) else LOOK,
        "respond": "Noted.",
        "infer_personality": '{"openness": 4}',
        "extract_semantic": '{"operations": []}',
        "segment_episodes": '{"topics": [{"summary": "a talk of quixotry", "keywords": [], "turns": [1]}]}',
    }
    return said.get(job.name, '{"set": [], "remove": []}')


@pytest.fixture
def persona(tmp_path: Path) -> Iterator[Persona]:
    options = Options(updates=Updates.OFF, limits=dict.fromkeys(Target, 3))
    policy = ScriptedPolicy(script)
    with Persona.open(f"sqlite:{tmp_path}", policy=policy, options=options, clock=lambda: NOON) as it:
        yield it


async def lived(persona: Persona, user: str, text: str) -> dict[str, list[list[str]]]:
    """A text is said, remembered in every way and asked for; the tags of all prompts, job by job, in both dialects."""
    policy = persona.engine.policy
    assert isinstance(policy, ScriptedPolicy)
    policy.asked.clear()
    adds = [Add(kind=kind, key=text if kind is Kind.PROCEDURAL else "", text=f"{NEEDLE} {text}") for kind in Kind]
    await persona.aset_profile(user, {text: text})
    await persona.engine.store.commit(user, Commit(id="c", job="test", at=NOON, operations=tuple(adds)))
    await persona.achat(user, f"{NEEDLE} {text}")
    await persona.aflush(user, close_sessions=True)
    await persona.achat(user, f"What of {NEEDLE}? {text}")
    await persona.achat(
        user, f"And {NEEDLE}? {text}", options=Options(reasoning=False, limits=dict.fromkeys(Target, 3))
    )
    found: dict[str, list[list[str]]] = {}
    for name, given in policy.asked:
        (job,) = [job for job in JOBS if job.name == name]
        for dialect in (job, authors(job)):
            prompt = dialect.render(given, dialect.instructions)
            assert DATA_RULE in prompt[0].text
            shown = "".join(m.text for m in dialect.render(given, "") if m.role != "assistant")
            found.setdefault(name, []).append(tags(shown))
    return found


@pytest.mark.parametrize("text", HOSTILE_TEXTS)
async def test_a_hostile_text_is_a_text_like_another(persona: Persona, text: str) -> None:
    harmless, hostile = await lived(persona, "ana", "plain words"), await lived(persona, "eve", text)
    assert set(hostile) == {job.name for job in JOBS}
    assert hostile == harmless
    said = [turn.messages[0].text for turn in await persona.aturns("eve")]
    assert said == [f"{NEEDLE} {text}", f"What of {NEEDLE}? {text}", f"And {NEEDLE}? {text}"]
    hits = await persona.asearch("eve", NEEDLE, limits=dict.fromkeys(Target, 9))
    assert {hit.memory.text for hit in hits.of(Target.SEMANTIC) if hit.memory} == {f"{NEEDLE} {text}"}
    assert {hit.turn.id for hit in hits.of(Target.TURN) if hit.turn} == {t.id for t in await persona.aturns("eve")}
    profile = {memory.text for memory in await persona.aprofile("eve")}
    assert profile == {text, f"{NEEDLE} {text}"}


@pytest.mark.parametrize("text", HOSTILE_TEXTS)
def test_a_hostile_text_alone_is_kept_and_answered_by_rules_too(tmp_path: Path, text: str) -> None:
    options = Options(updates=Updates.OFF)
    with Persona.open(f"sqlite:{tmp_path}", model="offline", options=options, clock=lambda: NOON) as persona:
        reply = persona.chat(text, text)
        persona.flush(text, close_sessions=True)
        assert reply.text.strip()
        assert persona.turns(text)[0].messages[0].text == text
        assert persona.users() == [text]
        assert persona.problems(text) == []
        persona.forget(text, everything=True)
        assert persona.users() == []
