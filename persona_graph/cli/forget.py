"""`persona forget`: a memory, a turn, a period, or a person."""

from __future__ import annotations

import json
from datetime import tzinfo
from typing import TYPE_CHECKING, Annotated, Any

import typer

from persona_graph.cli.edge import From, Json, Store, To, User, Yes, edge_of, need_user, open_persona, window_of
from persona_graph.cli.views.style import console, counted, one_line, short, when
from persona_graph.errors import InputError, NotFound

if TYPE_CHECKING:
    from persona_graph.memory.types import Memory
    from persona_graph.service import Persona


def forget(
    ctx: typer.Context,
    memory: Annotated[str | None, typer.Option("--memory", help="A memory's id, or how it begins.")] = None,
    turn: Annotated[str | None, typer.Option("--turn", help="A turn's id, with what rests on it.")] = None,
    start: From = None,
    end: To = None,
    everything: Annotated[bool, typer.Option("--everything", help="All that this user has.")] = False,
    user: User = None,
    store: Store = None,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Forget one memory, one turn, a period (--from, --to) or everything of a user."""
    settings = edge_of(ctx).settings(user=user, store=store, embeddings="none")
    period = start is not None or end is not None
    if sum((memory is not None, turn is not None, period, everything)) != 1:
        raise InputError("name one thing to forget: --memory ID, --turn ID, --from and --to, or --everything")
    with open_persona(settings) as persona:
        what: dict[str, Any] = {}
        if memory is not None:
            what["memory"], question = _one_memory(persona, settings.user, memory)
        elif turn is not None:
            what["turn"], question = _one_turn(persona, settings.user, turn, settings.zone)
        elif period:
            what["window"] = window_of(start, end, settings.zone)
            count = len(persona.turns(settings.user, window=what["window"]))
            typed = " ".join(f"{word} {day}" for word, day in (("from", start), ("to", end)) if day is not None)
            question = f"{counted(count, 'turn')} {typed} and what rests on {'it' if count == 1 else 'them'}"
        else:
            need_user(persona, settings.user)
            what["everything"] = True
            question = f"everything of the user {settings.user!r}"
        if not yes:
            typer.confirm(f"Forget {question}?", abort=True)
        same = _same_words(persona, settings.user, what["memory"]) if memory is not None else []
        gone = persona.forget(settings.user, **what)
    if as_json:
        report = {"turns": list(gone.turns), "memories": list(gone.memories), "everything": gone.everything}
        report |= {"same_words": same} if memory is not None else {}
        console.print_json(json.dumps(report))
    else:
        console.print(_told(gone))
        if same:
            rests = "rests" if len(same) == 1 else "rest"
            others = counted(len(same), "other memory", "other memories")
            console.print(f"{others} {rests} on the same words: {', '.join(map(short, same))}", soft_wrap=True)


def _one_memory(persona: Persona, user: str, begins: str) -> tuple[str, str]:
    """The one current memory whose id begins so, and how to call it. Raises: NotFound, InputError."""
    found = [memory for memory in persona.memories(user) if memory.id.startswith(begins)]
    if not found:
        raise NotFound(
            f"{user!r} has no current memory whose id begins with {begins!r}; `persona show memories` lists them"
        )
    if len(found) > 1:
        raise InputError(f"{len(found)} memories begin with {begins!r}; write more of the id")
    return found[0].id, f"the memory “{one_line(found[0].text)}”"


def _same_words(persona: Persona, user: str, memory: str) -> list[str]:
    """The other current memories that hold half of its words, or some of them from the same turn."""
    held = persona.memories(user)
    (gone,) = [m for m in held if m.id == memory]
    words, turns = _words(gone), set(gone.evidence)
    same = []
    for other in held:
        shared = len(words & _words(other))
        if other.id != memory and shared and (2 * shared >= len(words) or turns & set(other.evidence)):
            same.append(other.id)
    return same


def _words(memory: Memory) -> frozenset[str]:
    from persona_graph.retrieval.analysis import query_terms

    return frozenset(query_terms(memory.text))


def _one_turn(persona: Persona, user: str, begins: str, zone: tzinfo) -> tuple[str, str]:
    """The one turn whose id begins so, and how to call it. Raises: NotFound, InputError."""
    found = [turn for turn in persona.turns(user) if turn.id.startswith(begins)]
    if not found:
        raise NotFound(
            f"{user!r} has no turn whose id begins with {begins!r}; `persona search --kind turn --json` names them"
        )
    if len(found) > 1:
        raise InputError(f"{len(found)} turns begin with {begins!r}; write more of the id")
    said = one_line(found[0].messages[0].searchable)[:80]
    return found[0].id, f"the turn of {when(found[0].at, zone)}, “{said}”, and what rests on it"


def _told(gone: Any) -> str:
    if gone.everything:
        return "Everything is forgotten."
    if gone.turns:
        turns, memories = counted(len(gone.turns), "turn"), counted(len(gone.memories), "memory", "memories")
        return f"Forgotten: {turns}, and {memories} that rested on {'it' if len(gone.turns) == 1 else 'them'}."
    return "Forgotten."
