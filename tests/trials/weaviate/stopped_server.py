"""The server stops in mid-turn, and starts again: answers go on, receipts say so, turns wait and come through once.

The model is a script that stops, kills or starts the server while it is asked: between the question and the answer,
between two looks into memory, between a look and the answer.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from evals.bench.weaviate.server import WeaviateServer
from persona_graph import Options, Persona
from persona_graph.conversation import TurnState
from persona_graph.errors import StoreAway
from persona_graph.jobs.reason import Must
from persona_graph.options import Updates
from persona_graph.personality import Trait
from persona_graph.policy.policy import Completion
from persona_graph.policy.scripted import ScriptedPolicy
from persona_graph.update.outbox import TURN_JOBS
from tests.trials import findings, holdings
from tests.trials.weaviate.part import Figures, Part

USER = "ana"
LOOK = '<think>look</think><retrieve>{"keywords": "tea", "start_time": null, "end_time": null}</retrieve>'
NEUTRAL = json.dumps({trait.value: 3 for trait in Trait} | {"words": []})
LOOKS = 2
"""How often the script looks into memory before it answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """What becomes of the server in one turn."""

    name: str
    before: str = ""
    """What is done to it before the turn."""
    at: Mapping[int, Sequence[str]] = field(default_factory=dict)
    """What is done to it while the model is asked for the nth time, from 0."""
    after: str = ""
    missed: bool = True
    """Whether the answer had to go without some of memory, which its receipt has to say."""


FATES = (
    Fate(name="stopped between question and answer", at={0: ("stop",)}, after="start"),
    Fate(name="stopped between two looks", at={1: ("stop",)}, after="start"),
    Fate(name="stopped before the answer is written", at={LOOKS: ("stop",)}, after="start", missed=False),
    Fate(name="killed between two looks and back before the answer", at={1: ("kill",), 2: ("start",)}),
    Fate(name="away when the turn came, back in the middle", before="stop", at={0: ("start",)}),
    Fate(name="stopped and started while the model thinks", at={0: ("stop", "start")}, missed=False),
)


class Hand(ScriptedPolicy):
    """The script, with a hand on the server."""

    def __init__(self, server: WeaviateServer) -> None:
        super().__init__(_script)
        self._server, self.fate, self._asked = server, Fate(name="nothing"), 0

    def meet(self, fate: Fate) -> None:
        """What becomes of the server in the next turn."""
        self.fate, self._asked = fate, 0

    async def ask(self, job: Any, given: Any, *, on_delta: Callable[[str], None] | None = None) -> Completion[Any]:
        """Do to the server what is due, then answer."""
        if job.name == "reason":
            for act in self.fate.at.get(self._asked, ()):
                await self.do(act)
            self._asked += 1
        return await super().ask(job, given, on_delta=on_delta)

    async def do(self, act: str) -> None:
        """Stop, kill or start the server."""
        if act:
            await asyncio.to_thread(getattr(self._server, act))


def _script(job: Any, given: Any) -> str:
    if job.name == "reason":
        looked = sum("<retrieve>" in message.text for message in given.transcript)
        if looked < LOOKS and given.must is not Must.ANSWER:
            return LOOK.replace("tea", f"tea {looked}")
        return f"<think>enough</think><answer>You said {given.opening.query.text}.</answer>"
    if job.name == "segment_episodes":
        return json.dumps({"topics": [{"summary": "a talk", "keywords": [], "turns": ["1"]}]})
    return {"infer_personality": NEUTRAL, "extract_semantic": '{"operations": []}'}.get(
        job.name, '{"set": [], "remove": []}'
    )


class Clock:
    """Goes on by a minute with each turn."""

    def __init__(self) -> None:
        self.now = datetime(2024, 6, 1, 9, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def tick(self) -> None:
        """A minute later."""
        self.now += timedelta(minutes=1)


def tried(folder: Path, fates: Sequence[Fate]) -> Figures:
    """One turn for each fate, and one in between; then everything is looked up in the server."""
    with WeaviateServer() as server:
        return asyncio.run(_talk(server, folder, fates))


async def _talk(server: WeaviateServer, folder: Path, fates: Sequence[Fate]) -> Figures:
    hand, clock = Hand(server), Clock()
    said: list[str] = []
    took: dict[str, float] = {}
    answers, silent, told_for_nothing = 0, list[str](), list[str]()
    persona = Persona.open(
        server.url,
        policy=hand,
        options=Options(updates=Updates.OFF),
        media=folder / "media",
        clock=clock,
    )
    async with persona:
        for number, fate in enumerate(fates):
            for one in (Fate(name="nothing", missed=False), fate):
                clock.tick()
                hand.meet(one)
                await hand.do(one.before)
                text = f"number {number}, {one.name}"
                started = time.perf_counter()
                reply = await persona.achat(USER, text)
                took[one.name] = time.perf_counter() - started
                said.append(text)
                answers += reply.text == f"You said {text}."
                away = bool(reply.receipt.get("away"))
                silent += [one.name] * (one.missed and not away)
                told_for_nothing += [one.name] * (away and not one.missed)
                await hand.do(one.after)
                await _until_back(persona)
        spooled = len(list((folder / "spool").rglob("*.json")))
        hand.meet(Fate(name="nothing"))
        await persona.aflush(USER, close_sessions=True)
        held = await holdings.read(persona.engine.store, USER)
        left = len(list((folder / "spool").rglob("*.json")))
    texts = Counter(turn.messages[0].text for turn in held.turns)
    wrong = findings.of_holdings(held)
    whole = [t for t in held.turns if t.state is TurnState.ANSWERED and len(t.messages) == 2]
    done = Counter((commit.job, commit.evidence) for commit in held.commits)
    missing = [job for turn in held.turns for job in TURN_JOBS if not done[job, (turn.id,)]]
    return {
        "turns": len(said),
        "answers": answers,
        "receipts_that_do_not_say_so": silent,
        "receipts_that_say_so_for_nothing": told_for_nothing,
        "waited_in_the_spool_at_the_end": spooled,
        "left_in_the_spool": left,
        "lost": len([text for text in said if not texts[text]]) + len(held.turns) - len(whole),
        "doubled": sum(times - 1 for times in texts.values()) + sum(n - 1 for n in done.values()) + len(wrong.doubled),
        "in_order": [turn.messages[0].text for turn in held.turns] == said,
        "jobs_missing": len(missing),
        "jobs_open": len(held.jobs),
        "seconds_by_turn": took,
    }


async def _until_back(persona: Persona) -> None:
    """Wait until memory is there again, and until the program asks for it again."""
    for _ in range(600):
        try:
            await persona.aturns(USER, newest=1)
            if not persona.engine.outage.lasts:
                return
        except StoreAway:
            pass
        await asyncio.sleep(0.1)


def broken(figures: Figures) -> list[str]:
    """Which figures break a promise."""
    zero = ("receipts_that_do_not_say_so", "left_in_the_spool", "lost", "doubled", "jobs_missing", "jobs_open")
    found = [name for name in zero if figures[name]]
    found += ["answers"] * (figures["answers"] != figures["turns"])
    return found + ["in_order"] * (not figures["in_order"])


PART = Part(
    name="stopped-server",
    what="the server stops in mid-turn and starts again",
    run=lambda folder, _seed: tried(folder, FATES),
    broken=broken,
)
