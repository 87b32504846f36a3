"""`persona correct`, `pin`, `freeze`, `off` and `release`: what a person says of their own memory."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from persona_graph.cli.edge import Json, Store, User, edge_of, need_user, one_thing, open_persona
from persona_graph.cli.history import takes_back
from persona_graph.cli.views.style import console
from persona_graph.errors import InputError
from persona_graph.memory.types import Memory, Source
from persona_graph.personality import TRAITS, Trait

if TYPE_CHECKING:
    from persona_graph.service import Persona

Id = Annotated[str, typer.Argument(metavar="ID", help="A memory's id, or how it begins.")]
Field = Annotated[str, typer.Argument(metavar="WHAT", help="A memory's id, or how it begins; or a field, core:KEY.")]
Thing = Annotated[
    str, typer.Argument(metavar="WHAT", help="A memory's id, or how it begins; a field, core:KEY; or a trait.")
]

ONLY_YOU = "only you change it now"
STILL_SAID = "What was said of it stays said, in the last hour's talk too; forgetting the turn erases that"


def correct(
    ctx: typer.Context,
    what: Field,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What is right.")],
    user: User = None,
    store: Store = None,
    as_json: Json = False,
) -> None:
    """Say what is right, of a memory or a field. It is pinned: nothing that is said later changes it."""

    def do(persona: Persona, user: str, what: str) -> str:
        persona.correct(user, what, text)
        return next(commit.id for commit in reversed(persona.history(user)) if commit.source is Source.PERSON)

    _by_hand(ctx, what, do, f"Corrected, and pinned: {ONLY_YOU}. {STILL_SAID}", user, store, as_json=as_json)


def pin(ctx: typer.Context, memory: Id, user: User = None, store: Store = None, as_json: Json = False) -> None:
    """Hold a memory as it is: only you change it."""
    if ":" in memory:
        raise InputError(f"{memory!r} is a field; `persona freeze {memory}` holds it")
    _by_hand(ctx, memory, lambda p, u, it: p.pin(u, it), f"Pinned: {ONLY_YOU}", user, store, as_json=as_json)


def freeze(
    ctx: typer.Context,
    what: Thing,
    value: Annotated[
        str | None, typer.Argument(metavar="VALUE", help="For a trait, from 1 to 5; where it is now, when left out.")
    ] = None,
    user: User = None,
    store: Store = None,
    as_json: Json = False,
) -> None:
    """Hold a trait, a field or a memory where it is, or a trait at a value."""
    number = _number(value)
    told = f"Held: {ONLY_YOU}"
    _by_hand(ctx, what, lambda p, u, it: p.freeze(u, it, number), told, user, store, traits=True, as_json=as_json)


def off(ctx: typer.Context, what: Thing, user: User = None, store: Store = None, as_json: Json = False) -> None:
    """Leave a memory, a field or a trait out of answers. It is kept, and `persona release` brings it back."""
    told = f"Switched off: it is kept, and answers leave it out. {STILL_SAID}"
    _by_hand(ctx, what, lambda p, u, it: p.switch_off(u, it), told, user, store, traits=True, as_json=as_json)


def release(ctx: typer.Context, what: Thing, user: User = None, store: Store = None, as_json: Json = False) -> None:
    """Lift what pins, holds or switches off a memory, a field or a trait."""
    told = "Released: what is said changes it again, and answers use it"
    _by_hand(ctx, what, lambda p, u, it: p.release(u, it), told, user, store, traits=True, as_json=as_json)


def _by_hand(
    ctx: typer.Context,
    what: str,
    do: Callable[[Persona, str, str], str],
    told: str,
    user: str | None,
    store: str | None,
    *,
    traits: bool = False,
    as_json: bool,
) -> None:
    """Do it to the one thing that is meant; say what became of it and how to undo it."""
    settings = edge_of(ctx).settings(user=user, store=store, embeddings="none", options={"updates": "off"})
    with open_persona(settings) as persona:
        need_user(persona, settings.user)
        ids = [memory.id for memory in persona.memories(settings.user)]
        what = one_thing(what, ids, traits=traits)
        commit = do(persona, settings.user, what)
        memory = _meant(persona.memories(settings.user), what)
        vector = persona.personality(settings.user).vector
    scores = dict(zip(TRAITS, vector.scores, strict=True))
    score = scores[Trait(what)] if what in scores else None
    if as_json:
        _write_json(commit, what, memory, score)
        return
    from persona_graph.cli.views.things import listing, memory_row

    console.print(f"{told}.")
    if memory is not None:
        console.print(listing([memory_row(memory, settings.zone)]))
    else:
        at = f"at {score:.2f}" if score is not None else "nothing is remembered there"
        console.print(f"  {what}, {at}", markup=False)
    takes_back(commit)


def _meant(memories: list[Memory], what: str) -> Memory | None:
    """The memory of that id, or the one in that field."""
    named = what.casefold()
    return next((m for m in memories if what == m.id or (m.key and named == f"{m.kind}:{m.key}".casefold())), None)


def _number(text: str | None) -> float | None:
    try:
        return float(text) if text is not None else None
    except ValueError:
        raise InputError(f"{text!r} is no number; a trait lies between 1 and 5") from None


def _write_json(commit: str, what: str, memory: Memory | None, score: float | None) -> None:
    from persona_graph.cli.views.memories import memory_json

    out: dict[str, Any] = {"commit": commit, "what": what}
    out |= {"memory": memory_json(memory)} if memory is not None else {}
    out |= {"value": round(score, 4)} if score is not None else {}
    console.print_json(json.dumps(out, ensure_ascii=False))
