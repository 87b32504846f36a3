"""The first process: five sessions over five months, from which the assistant learns."""

from __future__ import annotations

import json
import os
from datetime import UTC
from pathlib import Path

from persona_graph.cli.views.turn import TurnView
from persona_graph.demo import stage
from persona_graph.demo.clock import StoryClock
from persona_graph.demo.person import Person
from persona_graph.demo.script import Session, sessions
from persona_graph.errors import InputError
from persona_graph.memory.types import Memory
from persona_graph.options import Options, Updates
from persona_graph.service import Persona

LEARNED = "learned.json"
"""What the first process leaves for the second to check, beside the store."""


def open_demo(folder: Path, clock: StoryClock, store: str | None) -> Persona:
    """The store, answered by rules. The Update stage runs when the story says so: the same every time."""
    options = Options(updates=Updates.OFF)
    if store is None:
        return Persona.open(f"sqlite:{folder / 'memory'}", model="offline", options=options, clock=clock)
    return Persona.open(store, model="offline", options=options, clock=clock, media=folder / "media")


def learn(person: Person, folder: Path, store: str | None = None) -> None:
    """Live through all sessions. Raises: InputError when the store knows the person already."""
    clock = StoryClock(person.begins)
    with open_demo(folder, clock, store) as persona:
        if persona.turns(person.user, newest=1):
            raise InputError(f"the store has a user {person.user!r} already; choose another --seed or --store")
        known: dict[str, Memory] = {}
        for number, session in enumerate(sessions(person), start=1):
            stage.heading(number, session)
            _live(persona, person, session, clock)
            known = _tell_learned(persona, person, known)
        report = {"pid": os.getpid(), "turns": len(persona.turns(person.user)), "memories": len(known)}
    (folder / LEARNED).write_text(json.dumps(report), encoding="utf-8")


def _live(persona: Persona, person: Person, session: Session, clock: StoryClock) -> None:
    for at, text in session.messages():
        clock.move(at)
        stage.said(text)
        with TurnView(stage.stage(), UTC) as view:
            persona.chat(person.user, text, on_event=view)
        persona.flush(person.user)
    clock.move(session.over)
    persona.flush(person.user)


def _tell_learned(persona: Persona, person: Person, known: dict[str, Memory]) -> dict[str, Memory]:
    now = {memory.ref: memory for memory in persona.memories(person.user)}
    new = [memory for ref, memory in now.items() if ref not in known]
    stage.learned(new, [memory for ref, memory in known.items() if ref not in now])
    return now
