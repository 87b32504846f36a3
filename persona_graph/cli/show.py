"""`persona show`: profile, memories, personality, receipts and users."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from persona_graph.cli.edge import (
    AsOf,
    Json,
    Sentences,
    Store,
    User,
    edge_of,
    moment_of,
    need_user,
    one_id,
    open_persona,
)
from persona_graph.cli.views.style import console
from persona_graph.memory.types import Kind

app = typer.Typer(cls=Sentences, help="Show what is remembered, and why something was said.", no_args_is_help=True)


@app.command()
def profile(
    ctx: typer.Context, as_of: AsOf = None, user: User = None, store: Store = None, as_json: Json = False
) -> None:
    """Who the person is: core memory, with what is pinned, held and off."""
    _memories(ctx, [Kind.CORE], as_of, user, store, as_json=as_json, history=False)


@app.command()
def memories(
    ctx: typer.Context,
    kind: Annotated[list[Kind] | None, typer.Option("--kind", "-k", help="May be repeated; all otherwise.")] = None,
    history: Annotated[
        bool, typer.Option("--history", help="Every version, with when it was true and believed.")
    ] = False,
    as_of: AsOf = None,
    user: User = None,
    store: Store = None,
    as_json: Json = False,
) -> None:
    """Everything that is remembered, or was, with what is pinned, held and off."""
    _memories(ctx, kind, as_of, user, store, as_json=as_json, history=history)


@app.command()
def personality(
    ctx: typer.Context,
    png: Annotated[
        Path | None, typer.Option("--png", help="Draw the timeline into this file (the plots extra).")
    ] = None,
    as_of: AsOf = None,
    user: User = None,
    store: Store = None,
    as_json: Json = False,
) -> None:
    """The Big-Five vector: where it is, how it got there, by which words, and which traits are held or off."""
    from persona_graph.cli.views.personality import bars, lines, movements

    settings = edge_of(ctx).settings(user=user, store=store, embeddings="none")
    with open_persona(settings) as persona:
        need_user(persona, settings.user)
        found = persona.personality(settings.user, as_of=moment_of(as_of, settings.zone))
    if png is not None:
        from persona_graph.cli.views.plot import save_timeline

        save_timeline(found.timeline, png, settings.zone, title=f"Personality of {settings.user}")
        console.print(f"Wrote {png}.", soft_wrap=True, markup=False)
    elif as_json:
        console.print_json(json.dumps(_personality_json(found)))
    else:
        console.print(bars(found.vector, frozen=found.frozen, off=found.off))
        if not found.timeline:
            console.print("\nnothing yet: it moves with what the person says", style="faint")
        else:
            console.print(Text(f"\nTimeline over {len(found.timeline)} observations\n", "head"), lines(found.timeline))
            console.print(Text("\nWhat moved it\n", "head"), movements(found.timeline, settings.zone))


@app.command()
def receipt(
    ctx: typer.Context,
    turn: Annotated[str | None, typer.Argument(help="A turn's id; the newest answer otherwise.")] = None,
    user: User = None,
    store: Store = None,
    as_json: Json = False,
) -> None:
    """What an answer read, from when, why, and what it cost."""
    settings = edge_of(ctx).settings(user=user, store=store, embeddings="none")
    with open_persona(settings) as persona:
        if turn is not None:
            turn = one_id(turn, (one.id for one in persona.turns(settings.user)), "turn")
        found = persona.receipt(settings.user, turn)
        if as_json:
            console.print_json(json.dumps(found, ensure_ascii=False))
        else:
            print_receipt(persona, settings.user, found, settings.zone)


@app.command()
def users(ctx: typer.Context, store: Store = None, as_json: Json = False) -> None:
    """Everybody who has a memory in this store."""
    settings = edge_of(ctx).settings(store=store, embeddings="none")
    with open_persona(settings) as persona:
        found = sorted(persona.users())
    if as_json:
        console.print_json(json.dumps(found, ensure_ascii=False))
    else:
        console.print("\n".join(found) or "Nobody yet.", markup=False)


def print_receipt(persona: Any, user: str, receipt: Any, zone: Any) -> None:
    """A receipt with the words it points to."""
    from persona_graph.cli.views.receipt import receipt_view

    if not receipt:
        console.print("That turn has no receipt: it was not answered here.", style="faint")
        return
    by_ref = {memory.ref: memory for memory in persona.memories(user, history=True)}
    turns = {turn.id: turn for turn in persona.turns(user)}
    console.print(receipt_view(receipt, by_ref, turns, zone))


def _memories(
    ctx: typer.Context,
    kinds: list[Kind] | None,
    as_of: str | None,
    user: str | None,
    store: str | None,
    *,
    as_json: bool,
    history: bool,
) -> None:
    from persona_graph.cli.views.memories import empty_fields, memory_json, memory_table

    settings = edge_of(ctx).settings(user=user, store=store, embeddings="none")
    with open_persona(settings) as persona:
        need_user(persona, settings.user)
        moment = moment_of(as_of, settings.zone)
        found = persona.memories(settings.user, kinds=kinds, history=history, as_of=moment)
        by_hand = persona.personality(settings.user, as_of=moment)
    if as_json:
        console.print_json(json.dumps([memory_json(memory) for memory in found], ensure_ascii=False))
    elif found:
        found.sort(key=lambda memory: (list(Kind).index(memory.kind), memory.key, memory.id, memory.version))
        console.print(memory_table(found, settings.zone, history=history, frozen=by_hand.frozen))
        if empty := empty_fields(found, by_hand.frozen, by_hand.off, kinds or list(Kind)):
            console.print(empty)
    else:
        yet = "nothing yet: the profile is written an hour after the last message of a session"
        console.print(yet if kinds == [Kind.CORE] and as_of is None else "nothing found", style="faint")


def _personality_json(found: Any) -> dict[str, Any]:
    from persona_graph.personality import TRAITS, BigFive

    def named(vector: BigFive) -> dict[str, float]:
        return {trait.value: round(score, 4) for trait, score in zip(TRAITS, vector.scores, strict=True)}

    return {
        "vector": named(found.vector),
        "frozen": dict(found.frozen),
        "off": sorted(found.off),
        "timeline": [
            {
                "at": point.observation.at.isoformat(),
                "turn": point.observation.turn,
                "observed": named(point.observation.scores),
                "words": list(point.observation.words),
                "m": point.m,
                "vector": named(point.vector),
            }
            for point in found.timeline
        ],
    }
