"""The second process: opens the same store months later, asks, and checks every answer."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from datetime import UTC, timedelta
from pathlib import Path

from rich.text import Text

from persona_graph.cli.views.personality import bars, lines, movements
from persona_graph.cli.views.receipt import receipt_view
from persona_graph.cli.views.turn import TurnView
from persona_graph.demo import sockets, stage, truths
from persona_graph.demo.clock import StoryClock
from persona_graph.demo.learn import LEARNED, open_demo
from persona_graph.demo.person import Person
from persona_graph.demo.script import asked_at, questions, sessions
from persona_graph.demo.truths import Asked, Truth
from persona_graph.service import Persona

RECALLED = "recalled.json"
"""What this process found, for the first one to report."""


def recall(person: Person, folder: Path, store: str | None = None) -> bool:
    """Ask, show, check; whether everything holds. A store of somebody's is left without the person."""
    first = json.loads((folder / LEARNED).read_text(encoding="utf-8"))
    clock = StoryClock(asked_at(person))
    stage.chapter("A new process")
    stage.told(f"Process {os.getpid()} opens the store that process {first['pid']} left, {clock():%B %Y}.")
    with open_demo(folder, clock, store) as persona:
        try:
            asked = _ask(persona, person, clock)
            found = [
                Truth("a new process", first["pid"] != os.getpid(), f"{os.getpid()}, not {first['pid']}"),
                *_check(persona, person, asked),
            ]
        finally:
            if store is not None:
                persona.forget(person.user, everything=True)
    report = {"truths": [asdict(truth) for truth in found], "inet_sockets": sockets.opened(), **first}
    (folder / RECALLED).write_text(json.dumps(report), encoding="utf-8")
    return all(truth.holds for truth in found)


def _ask(persona: Persona, person: Person, clock: StoryClock) -> list[Asked]:
    """Every question in a conversation of its own, so that each has to be looked up."""
    asked = []
    for question in questions(person):
        stage.said(question.text)
        with TurnView(stage.stage(), UTC) as view:
            reply = persona.chat(person.user, question.text, on_event=view)
        asked.append(Asked(question=question, text=reply.text, receipt=reply.receipt))
        clock.move(clock() + timedelta(hours=2))
    return asked


def _check(persona: Persona, person: Person, asked: list[Asked]) -> list[Truth]:
    history = persona.memories(person.user, history=True)
    memories, turns = {m.ref: m for m in history}, {t.id: t for t in persona.turns(person.user)}
    pet, new, before, window = asked
    stage.chapter("Why the last answer: its receipt")
    stage.stage().print(Text(), receipt_view(window.receipt, memories, turns, UTC))
    change = sessions(person)[3].begins
    _show_personality(persona, person)
    timeline = persona.personality(person.user).timeline
    return [
        truths.remembered(pet),
        truths.changed(new, person, history),
        truths.bounded(before, turns, memories),
        truths.bounded(window, turns, memories),
        truths.moved(person, timeline, turns, change),
        truths.explained(window, turns, memories),
    ]


def _show_personality(persona: Persona, person: Person) -> None:
    change = sessions(person)[3].begins
    before, now = persona.personality(person.user, as_of=change), persona.personality(person.user)
    console = stage.stage()
    stage.chapter(f"The personality, {change:%B %Y} (○) and now (●)")
    console.print(Text(), bars(now.vector, before.vector))
    console.print(Text("\nFrom the first turn to the last\n", "head"), lines(now.timeline))
    console.print(Text("\nWhat moved it\n", "head"), movements(now.timeline, UTC))
