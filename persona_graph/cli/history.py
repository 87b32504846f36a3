"""`persona history` and `persona undo`: every step of knowledge, and taking steps back."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from persona_graph.blocking import background
from persona_graph.cli.edge import Json, Store, User, edge_of, need_user, one_id, open_persona
from persona_graph.cli.views.style import console, counted, short
from persona_graph.timerange import parse_time

if TYPE_CHECKING:
    from persona_graph.memory.history import Step
    from persona_graph.memory.types import Memory
    from persona_graph.personality import BigFive
    from persona_graph.service import Persona

NEWEST = 20
"""Steps that are shown unless `--limit` says otherwise."""


def history(
    ctx: typer.Context,
    limit: Annotated[
        int | None, typer.Option("--limit", "-n", min=1, help=f"How many, the newest; {NEWEST} otherwise, in JSON all.")
    ] = None,
    user: User = None,
    store: Store = None,
    as_json: Json = False,
) -> None:
    """Every step by which memory came about: when, whose word, what it did, and on which turns it rests."""
    from persona_graph.cli.views.history import history_view, step_json

    settings = edge_of(ctx).settings(user=user, store=store, embeddings="none")
    with open_persona(settings) as persona:
        need_user(persona, settings.user)
        found = steps_of(persona, settings.user)
        turns = {turn.id: turn for turn in persona.turns(settings.user)}
    newest = found[-(limit or (len(found) if as_json else NEWEST)) :] if found else []
    if as_json:
        console.print_json(json.dumps([step_json(step) for step in newest], ensure_ascii=False))
    elif newest:
        if earlier := len(found) - len(newest):
            console.print(f"… {earlier} earlier; --limit {len(found)} shows all\n", style="faint")
        console.print(history_view(newest, turns, settings.zone))
    else:
        console.print("nothing yet: memory is written after the first turn", style="faint")


def undo(
    ctx: typer.Context,
    commit: Annotated[
        str | None,
        typer.Argument(metavar="COMMIT", help="A step's id, or how it begins; `persona history` shows them."),
    ] = None,
    operation: Annotated[
        int | None, typer.Option("--operation", help="Only this operation of the step, counted from 0.")
    ] = None,
    since: Annotated[
        str | None, typer.Option("--since", help="All that was learned since this date or time, instead of one step.")
    ] = None,
    user: User = None,
    store: Store = None,
    as_json: Json = False,
) -> None:
    """Take back one step, one operation of it, or all since a date. An undo is a step too and can be undone."""
    settings = edge_of(ctx).settings(user=user, store=store, embeddings="none")
    moment = parse_time(since, settings.zone) if since is not None else None
    with open_persona(settings) as persona:
        need_user(persona, settings.user)
        taken = None
        if commit is not None:
            taken = one_id(commit, (one.id for one in persona.history(settings.user)), "commit")
        before = Held.of(persona, settings.user)
        done = persona.undo(settings.user, taken, operation=operation, since=moment)
        after = Held.of(persona, settings.user)
    gone, back = before.without(after), after.without(before)
    if as_json:
        from persona_graph.cli.views.memories import memory_json

        told = {"commit": done, "gone": [memory_json(m) for m in gone], "held": [memory_json(m) for m in back]}
        console.print_json(json.dumps(told, ensure_ascii=False))
    else:
        _tell(before, after, gone, back, settings.zone)
        takes_back(done, "brings it back")


@dataclass(frozen=True, slots=True)
class Held:
    """What is held at one moment."""

    memories: tuple[Memory, ...]
    personality: BigFive

    @classmethod
    def of(cls, persona: Persona, user: str) -> Held:
        """What is held now."""
        return cls(tuple(persona.memories(user)), persona.personality(user).vector)

    def without(self, other: Held) -> list[Memory]:
        """Versions that are not held, or not in the same way, at the other moment."""
        return [memory for memory in self.memories if memory not in other.memories]


def steps_of(persona: Persona, user: str) -> list[Step]:
    """Every step of a user's knowledge."""
    from persona_graph.memory.history import steps

    return steps(persona.history(user), background.run(persona.engine.store.tombstones(user)))


def takes_back(commit: str, does: str = "takes this back") -> None:
    """Say how to undo what was done."""
    console.print(f"`persona undo {short(commit)}` {does}.", style="faint")


def _tell(before: Held, after: Held, gone: list[Memory], back: list[Memory], zone: Any) -> None:
    from persona_graph.cli.views.personality import bars
    from persona_graph.cli.views.things import listing, memory_row

    again = {memory.ref for memory in back}
    lost = [memory for memory in gone if memory.ref not in again]
    console.print("Undone." if gone or back or before.personality != after.personality else "Undone; nothing changed.")
    for title, memories in ((f"No longer held: {counted(len(lost), 'memory', 'memories')}", lost), ("Held now", back)):
        if memories:
            console.print(Text(title, "head"))
            console.print(listing(memory_row(memory, zone) for memory in memories))
    if before.personality != after.personality:
        console.print(Text("Personality", "head"))
        console.print(bars(after.personality, before.personality))
