"""`persona search`: what memory finds, and why."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from persona_graph.cli.edge import (
    AsOf,
    From,
    Json,
    Store,
    To,
    User,
    edge_of,
    moment_of,
    need_user,
    open_persona,
    window_of,
)
from persona_graph.cli.views.style import console
from persona_graph.errors import InputError
from persona_graph.retrieval.query import DEFAULT_LIMITS, Target


def search(
    ctx: typer.Context,
    text: Annotated[str, typer.Argument(help="What to look for, in your own words.")],
    start: From = None,
    end: To = None,
    kind: Annotated[
        list[Target] | None,
        typer.Option("--kind", "-k", help="What to search, may be repeated; all but core otherwise."),
    ] = None,
    as_of: AsOf = None,
    limit: Annotated[int | None, typer.Option("--limit", "-n", min=1, help="How many of each kind.")] = None,
    user: User = None,
    store: Store = None,
    as_json: Json = False,
) -> None:
    """Search memory by words, kind and time, with the parts of each score."""
    from persona_graph.cli.views.memories import hit_json, hit_table, listed

    settings = edge_of(ctx).settings(user=user, store=store)
    if not text.strip():
        raise InputError("there is nothing to look for; write some words")
    window = window_of(start, end, settings.zone)
    limits = {t: limit or DEFAULT_LIMITS.get(t, 5) for t in kind or (*DEFAULT_LIMITS, Target.TURN)}
    with open_persona(settings) as persona:
        need_user(persona, settings.user)
        hits = persona.search(
            settings.user, text, window=window, limits=limits, as_of=moment_of(as_of, settings.zone)
        ).hits
    once = {(hit.target, hit.id): hit for hit in reversed(hits)}  # an image may have been sent more than once
    found = sorted(reversed(once.values()), key=listed)
    if as_json:
        console.print_json(json.dumps([hit_json(hit) for hit in found], ensure_ascii=False))
    elif found:
        console.print(hit_table(found, settings.zone))
    else:
        console.print("nothing found", style="faint")
