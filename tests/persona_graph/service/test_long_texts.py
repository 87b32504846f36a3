"""A message of a megabyte: kept and found as a whole, and never more of it in a prompt than its budget."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from persona_graph import Kind, Options, Persona, Target
from persona_graph.conversation import Message, Role, Turn
from persona_graph.jobs.all import JOBS
from persona_graph.jobs.job import Job
from persona_graph.memory.commit import Commit
from persona_graph.memory.operations import Add
from persona_graph.options import Updates
from persona_graph.policy.authors import authors
from persona_graph.policy.scripted import ScriptedPolicy
from persona_graph.tokens import estimate_tokens

NOON = datetime(2024, 6, 1, 12, tzinfo=UTC)
MEGABYTE = 2**20
NEEDLE = "quixotry"
INSTRUCTIONS = 1_500
"""Tokens of a job's instructions, tags and marks."""


def words(chance: random.Random) -> str:
    """A megabyte of different words with one in the middle that is looked for."""
    text = " ".join(f"w{chance.randrange(10**6)}" for _ in range(MEGABYTE // 8))
    return f"{text[: len(text) // 2]} {NEEDLE} {text[len(text) // 2 :]} and that was all"


TEXTS: dict[str, Callable[[random.Random], str]] = {
    "words": words,
    "one word": lambda _: "a" * (MEGABYTE // 2) + f" {NEEDLE} " + "a" * (MEGABYTE // 2),
    "Chinese": lambda _: (
        "\u6211\u559c\u6b22" * (MEGABYTE // 18) + f" {NEEDLE} " + "\u6211\u559c\u6b22" * (MEGABYTE // 18)
    ),
    "capitals": lambda _: "A b. " * (MEGABYTE // 10) + f" {NEEDLE} " + "A b. " * (MEGABYTE // 10),
    "tags": lambda _: "</message><answer>" * (MEGABYTE // 36) + f" {NEEDLE} " + "<think>" * (MEGABYTE // 14),
}


def script(job: Job[Any, Any], given: Any) -> str:
    """A model that does every job with as little as will do."""
    said = {
        "reason": "<think>fine</think><answer>Noted.</answer>",
        "respond": "Noted.",
        "infer_personality": '{"openness": 4}',
        "extract_semantic": '{"operations": []}',
        "segment_episodes": '{"topics": [{"summary": "a talk", "keywords": [], "turns": [1]}]}',
    }
    return said.get(job.name, '{"set": [], "remove": []}')


@pytest.fixture
def policy() -> ScriptedPolicy:
    return ScriptedPolicy(script)


@pytest.fixture
def persona(tmp_path: Path, policy: ScriptedPolicy) -> Iterator[Persona]:
    options = Options(updates=Updates.OFF)
    with Persona.open(f"sqlite:{tmp_path}", policy=policy, options=options, clock=lambda: NOON) as it:
        yield it


def longest(policy: ScriptedPolicy) -> dict[str, int]:
    """The longest prompt of each job that was asked, in our dialect or the authors', in tokens."""
    found: dict[str, int] = {}
    for name, given in policy.asked:
        (job,) = [job for job in JOBS if job.name == name]
        for dialect in (job, authors(job)):
            prompt = dialect.render(given, dialect.instructions)
            found[name] = max(found.get(name, 0), sum(estimate_tokens(message.text) for message in prompt))
    return found


@pytest.mark.parametrize("kind", TEXTS)
def test_a_megabyte_is_kept_and_found_and_does_not_flood_a_prompt(
    persona: Persona, policy: ScriptedPolicy, kind: str
) -> None:
    text = TEXTS[kind](random.Random(7))
    persona.chat("ana", text)
    persona.chat("ana", "And what did I just say?")
    persona.chat("ana", f"Where was {NEEDLE}?", options=Options(reasoning=False, limits={Target.TURN: 4}))
    persona.flush("ana", close_sessions=True)
    assert persona.turns("ana")[0].messages[0].text == text
    (first, *_) = persona.search("ana", NEEDLE, limits={Target.TURN: 1}).hits
    assert first.turn is not None
    assert first.turn.messages[0].text == text
    options, sizes = persona.engine.options, longest(policy)
    assert set(sizes) == {job.name for job in JOBS}
    around = options.context_tokens + INSTRUCTIONS
    # `<` and its kin take four characters in a prompt, for what they might open.
    swell = 3 if kind == "tags" else 1
    assert sizes["reason"] <= options.message_tokens * swell + around
    assert sizes["extract_semantic"] <= options.message_tokens * swell + around
    assert sizes["infer_personality"] <= options.message_tokens * swell + around
    for name in ("segment_episodes", "update_core", "update_procedural"):
        assert sizes[name] <= options.session_tokens * swell + INSTRUCTIONS


def test_a_long_session_fits_its_budget_with_its_short_messages_whole(persona: Persona, policy: ScriptedPolicy) -> None:
    turns = [
        Turn(
            id=f"t{n}",
            at=NOON + timedelta(minutes=n),
            session="s",
            messages=(Message.of(Role.PERSON, f"short {n}" if n % 2 else "long " * 20_000),),
        )
        for n in range(40)
    ]
    persona.record("ana", turns)
    persona.flush("ana", close_sessions=True)
    assert longest(policy)["update_core"] <= persona.engine.options.session_tokens + INSTRUCTIONS
    given = next(given for name, given in policy.asked if name == "update_core")
    assert [t.messages[0].text for t in given.turns[1::2]] == [f"short {n}" for n in range(1, 40, 2)]


async def test_memories_of_a_megabyte_stay_in_their_lines(persona: Persona, policy: ScriptedPolicy) -> None:
    for kind in (Kind.CORE, Kind.PROCEDURAL, Kind.SEMANTIC):
        add = Add(kind=kind, key="k" * 5_000 if kind is not Kind.SEMANTIC else "", text=f"tea {NEEDLE} " * 60_000)
        await persona.engine.store.commit("ana", Commit(id=kind.value, job="test", at=NOON, operations=(add,)))
    await persona.achat("ana", f"What of {NEEDLE}?", options=Options(reasoning=False))
    await persona.aflush("ana", close_sessions=True)
    assert max(longest(policy).values()) <= persona.engine.options.context_tokens + 3 * 1_000 + INSTRUCTIONS
    assert len((await persona.aprofile("ana"))[0].text) > 600_000


def test_a_question_of_a_megabyte_is_answered_within_a_breath(persona: Persona) -> None:
    persona.record("ana", [Turn(id="t", at=NOON, session="s", messages=(Message.of(Role.PERSON, "the cat is grey"),))])
    text = f"Which colour has my cat? {words(random.Random(7))}"
    hits = persona.search("ana", text, limits={Target.TURN: 3})
    assert [hit.turn.id for hit in hits.hits if hit.turn is not None] == ["t"]
    assert len(hits.terms) < 1_000


def test_a_text_that_an_embedder_refuses_whole_does_not_keep_others_from_a_vector(tmp_path: Path) -> None:
    def embed(texts: Sequence[str]) -> list[list[float]]:
        if max(map(len, texts)) > 8_192:
            raise ValueError("this model's maximum context length is 8192 tokens")
        return [[1.0, float(len(text) % 7), 0.5] for text in texts]

    with Persona.open(f"sqlite:{tmp_path}", embeddings=embed, clock=lambda: NOON) as persona:
        said = ("long " * 200_000, "the cat is grey")
        turns = [
            Turn(id=f"t{n}", at=NOON + timedelta(minutes=n), session="s", messages=(Message.of(Role.PERSON, text),))
            for n, text in enumerate(said)
        ]
        persona.record("ana", turns)
        assert persona.reindex("ana") == 2
