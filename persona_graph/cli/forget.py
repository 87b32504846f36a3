"""`persona forget`: a memory, a turn, a period, a topic, a picture or a person, with a preview and a receipt."""

from __future__ import annotations

import json
from datetime import tzinfo
from typing import TYPE_CHECKING, Annotated, Any

import typer

from persona_graph.cli.edge import From, Json, Store, To, User, Yes, edge_of, need_user, one_id, open_persona, window_of
from persona_graph.cli.views.style import console, counted, errors, one_line, shown, when
from persona_graph.errors import InputError

if TYPE_CHECKING:
    from persona_graph.cli.views.forgotten import Known
    from persona_graph.service import Persona


def forget(
    ctx: typer.Context,
    memory: Annotated[
        str | None, typer.Option("--memory", help="A memory's id, or how it begins: all its versions.")
    ] = None,
    turn: Annotated[str | None, typer.Option("--turn", help="A turn's id, or how it begins.")] = None,
    start: From = None,
    end: To = None,
    topic: Annotated[
        str | None, typer.Option("--topic", help="All that speaks of it, with the turns of its episodes.")
    ] = None,
    image: Annotated[
        str | None, typer.Option("--image", help="A picture's digest, or how it begins, wherever it was shown.")
    ] = None,
    everything: Annotated[bool, typer.Option("--everything", help="All that this user has.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would happen.")] = False,
    user: User = None,
    store: Store = None,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Erase one thing for good, with all that was made from it: shows what that is, asks, and tells what it did."""
    from persona_graph.cli.views.forgotten import forgotten_json, preview, receipt

    settings = edge_of(ctx).settings(user=user, store=store, embeddings="none", options={"updates": "off"})
    period = start is not None or end is not None
    named = {"memory": memory, "turn": turn, "topic": topic, "image": image, "window": period or None}
    if sum(one is not None for one in named.values()) + everything != 1:
        raise InputError(
            "name one thing to forget: --memory ID, --turn ID, --from and --to, --topic TEXT, --image DIGEST "
            "or --everything"
        )
    window = window_of(start, end, settings.zone) if period else None
    with open_persona(settings) as persona:
        need_user(persona, settings.user)
        known = _known(persona, settings.user)
        what = {"everything": True} if everything else {name: one for name, one in named.items() if one is not None}
        what = _whole(what, known) | ({"window": window} if window is not None else {})
        if dry_run or not yes:
            told = persona.forget(settings.user, **what, dry_run=True)
            if not (dry_run and as_json):
                (errors if as_json else console).print(preview(told, known, settings.zone), "")
        if not dry_run:
            if not yes:
                typed = " ".join(f"{word} {day}" for word, day in (("from", start), ("to", end)) if day is not None)
                question = _named(what, known, settings.zone, typed) or f"everything of the user {settings.user!r}"
                typer.confirm(shown(f"Forget {question}?"), abort=True, err=as_json)
            told = persona.forget(settings.user, **what)
    if as_json:
        console.print_json(json.dumps(forgotten_json(told, known), ensure_ascii=False))
    elif not dry_run:
        console.print(receipt(told, known, settings.zone))


def _known(persona: Persona, user: str) -> Known:
    from persona_graph.cli.views.forgotten import Known

    turns = {turn.id: turn for turn in persona.turns(user)}
    return Known(turns=turns, versions={memory.ref: memory for memory in persona.memories(user, history=True)})


def _whole(what: dict[str, Any], known: Known) -> dict[str, Any]:
    """The same with whole ids."""
    ids = {
        "memory": known.memories,
        "turn": known.turns,
        "image": {image.digest for turn in known.turns.values() for image in turn.images},
    }
    return {name: one_id(one, ids[name], name) if name in ids else one for name, one in what.items()}


def _named(what: dict[str, Any], known: Known, zone: tzinfo, typed: str) -> str:
    """How the question calls what is to be forgotten."""
    match what:
        case {"memory": id}:
            return f"the memory “{one_line(known.memories[id].text)}”, in all its versions"
        case {"turn": id}:
            turn = known.turns[id]
            said = one_line(turn.messages[0].searchable)[:80]
            return f"the turn of {when(turn.at, zone)}, “{said}”, and what rests on it"
        case {"window": window}:
            count = sum(turn.at in window for turn in known.turns.values())
            return f"{counted(count, 'turn')} {typed} and what rests on {'it' if count == 1 else 'them'}"
        case {"topic": topic}:
            return f"all that speaks of “{topic}”, and what rests on it"
        case {"image": digest}:
            captions = {i.caption for turn in known.turns.values() for i in turn.images if i.digest == digest}
            return f"the picture “{', '.join(sorted(captions - {''})) or digest[:8]}”, and what rests on it"
        case _:
            return ""
