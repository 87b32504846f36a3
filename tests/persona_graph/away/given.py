"""A person who talks to a store that can be away, and what is left in the end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from persona_graph import Options, Persona
from persona_graph.conversation import Turn
from persona_graph.jobs.job import Job
from persona_graph.jobs.reason import Must
from persona_graph.media import FolderMedia
from persona_graph.memory.sqlite.store import SqliteStore
from persona_graph.options import Updates
from persona_graph.personality import Trait
from persona_graph.policy.scripted import ScriptedPolicy
from tests.support.away_store import AwayStore

NOW = datetime(2024, 6, 1, 9, 0, tzinfo=UTC)


NEUTRAL = json.dumps({trait.value: 3 for trait in Trait} | {"words": []})


TURN_JOBS = ["infer_personality", "extract_semantic"]


SESSION_JOBS = ["segment_episodes", "update_procedural", "update_core"]


def script(job: Job[Any, Any], given: Any) -> str:
    """A model that looks once when it is asked to look, answers with what it heard, and finds nothing to learn."""
    if job.name == "reason":
        words = given.opening.query.text
        if words.startswith("look") and not given.transcript and given.must is not Must.ANSWER:
            return '<think>look</think><retrieve>{"keywords": "tea", "start_time": null, "end_time": null}</retrieve>'
        return f"<think>enough</think><answer>You said {words}.</answer>"
    return {
        "respond": "Plainly said.",
        "infer_personality": NEUTRAL,
        "extract_semantic": '{"operations": []}',
        "segment_episodes": json.dumps({"topics": [{"summary": "a talk", "keywords": [], "turns": ["1"]}]}),
    }.get(job.name, '{"set": [], "remove": []}')


@dataclass
class Home:
    """One machine: its folder, its clock, and the server that it talks to."""

    folder: Path
    server: AwayStore = field(init=False)
    now: datetime = NOW
    talked: int = 0
    """Calls that the server has had when all was said."""

    def __post_init__(self) -> None:
        self.server = AwayStore(SqliteStore(self.folder / "server"))

    def open(self, said: Any = script, **options: Any) -> Persona:
        """A process: a `Persona` over the same server and the same spool."""
        policy = said if hasattr(said, "ask") else ScriptedPolicy(said)
        given = Options(**({"updates": Updates.OFF} | options))
        media = FolderMedia(self.folder / "here" / "media")
        return Persona.open(self.server, policy=policy, media=media, options=given, clock=lambda: self.now)

    @property
    def spooled(self) -> list[Path]:
        """Files that wait."""
        return sorted((self.folder / "here" / "spool").rglob("*.json"))

    async def held(self, user: str = "ana") -> list[Turn]:
        """What the server really has."""
        return await self.server.inner.turns(user)

    async def work(self, user: str = "ana") -> list[tuple[str, tuple[str, ...]]]:
        """The jobs that wait there, with their turns."""
        return [(job.name, job.turns) for job in await self.server.inner.jobs(user)]


def said(turns: Sequence[Turn]) -> list[list[str]]:
    return [[message.text for message in turn.messages] for turn in turns]


def exchange(*words: str) -> list[list[str]]:
    return [[each, f"You said {each}."] for each in words]


async def until(true: Callable[[], Any], within_s: float = 20.0) -> None:
    async with asyncio.timeout(within_s):
        while not true():
            await asyncio.sleep(0.01)
