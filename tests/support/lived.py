"""A person who has lived with the assistant for months, and all that a store has of a user, item by item."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from PIL import Image as Picture

from persona_graph.conversation import Message, Role, Text, Turn
from persona_graph.memory.types import Kind
from persona_graph.options import Options, Updates
from persona_graph.service import Persona

START = datetime(2024, 1, 1, 12, tzinfo=UTC)


class Clock:
    """Stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now = START + timedelta(days=400)

    def __call__(self) -> datetime:
        return self.now


@asynccontextmanager
async def opened(folder: Path, clock: Clock) -> AsyncIterator[Persona]:
    options = Options(updates=Updates.OFF)
    async with Persona.open(f"sqlite:{folder}", model="offline", embeddings="hash", options=options, clock=clock) as it:
        yield it


def picture(number: int) -> bytes:
    out = io.BytesIO()
    Picture.new("RGB", (4, 4), (number % 256, number // 256, 7)).save(out, "PNG")
    return out.getvalue()


LINES = (
    "I live in Porto.",
    "I love espresso.",
    "I go climbing every Tuesday.",
    "Look at this!",
    "Наташа — моя сестра.",
)


LEARNED = 150
"""Turns from which something is learned; rules over a thousand take a minute and say no more."""


async def lived(persona: Persona, turns: int) -> None:
    """A person with turns over months, pictures, a past of corrections, an erased turn and open jobs."""
    made = []
    for number in range(turns):
        at = START + timedelta(hours=7 * number)
        blocks: list[Any] = [Text(f"{LINES[number % len(LINES)]} That was number {number}.")]
        if number % 20 == 3:
            blocks.append(await persona.engine.media.put("ana", picture(number), caption=f"picture {number}"))
        person = Message(role=Role.PERSON, blocks=tuple(blocks), speaker="Ana", outside_id=f"m{number}")
        said = (person, Message.of(Role.ASSISTANT, f"I see, {number}."))
        made.append(Turn(id=f"turn-{number}", at=at, session="", messages=said, receipt={"policy": "x", "steps": []}))
    await persona.arecord("ana", made[: min(LEARNED, turns - 5)])
    await persona.engine.store.append("ana", [replace(turn, session="s") for turn in made[LEARNED:-5]])
    await persona.aflush("ana", close_sessions=True)
    facts = await persona.amemories("ana", kinds=[Kind.SEMANTIC])
    await persona.acorrect("ana", facts[0].id, "lives in Braga")
    await persona.aswitch_off("ana", facts[1].id)
    await persona.afreeze("ana", "openness", 4.0)
    await persona.aundo("ana", (await persona.ahistory("ana"))[3].id)
    await persona.aforget("ana", turn="turn-7")
    await persona.aflush("ana", close_sessions=True)
    await persona.arecord("ana", made[-5:])  # their jobs stay open


async def everything(persona: Persona, user: str) -> dict[str, Any]:
    """All that a store has of a user, item by item."""
    store = persona.engine.store
    turns = await store.turns(user)
    pictures = sorted({image.digest for turn in turns for image in turn.images})
    return {
        "turns": turns,
        "jobs": await store.jobs(user),
        "commits": [replace(commit, sequence=place) for place, commit in enumerate(await store.commits(user))],
        "memories": await store.memories(user, history=True, off=True),
        "then": await store.memories(user, as_of=START + timedelta(days=3)),
        "timeline": await store.personality(user),
        "standing": await store.standing(user),
        "erased": (await store.tombstones(user)).ids,
        "speakers": await store.speakers(user),
        "pictures": [await persona.engine.media.get(user, digest) for digest in pictures],
        "found": [(hit.id, hit.parts) for hit in (await persona.asearch(user, "espresso number 41")).hits],
    }
