"""`persona rebuild` and `persona reindex`: what is made from journal and commits, or by an embedder, made anew."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from persona_graph.cli.edge import Store, User, edge_of, open_persona
from persona_graph.cli.views.style import console, counted, errors
from persona_graph.service import Persona
from persona_graph.settings import Settings

Everybody = Annotated[bool, typer.Option("--all", help="For all users of the store.")]


def rebuild(ctx: typer.Context, user: User = None, everybody: Everybody = False, store: Store = None) -> None:
    """Make memories, the personality and the index of words anew from what was said and learned. Nothing is lost."""
    settings = edge_of(ctx).settings(user=user, store=store, embeddings="none", options={"updates": "off"})
    with open_persona(settings) as persona:
        users = _users(persona, settings, everybody=everybody)
        with _progress() as progress:
            for one in progress.track(users, description="rebuilding"):
                persona.rebuild(one)
    console.print(f"Rebuilt {counted(len(users), 'user')}.")


def reindex(ctx: typer.Context, user: User = None, everybody: Everybody = False, store: Store = None) -> None:
    """Make all vectors anew with the embedder that is configured, after another one was chosen."""
    settings = edge_of(ctx).settings(user=user, store=store, options={"updates": "off"})
    with open_persona(settings) as persona:
        users = _users(persona, settings, everybody=everybody)
        with _progress() as progress:
            made = sum([persona.reindex(one) for one in progress.track(users, description="reindexing")])
    console.print(f"Made {counted(made, 'vector')} for {counted(len(users), 'user')}.")


def _users(persona: Persona, settings: Settings, *, everybody: bool) -> Sequence[str]:
    return persona.users() if everybody else [settings.user]


def _progress() -> Progress:
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
    # No half of a bar stays before an error, and none is written to a file.
    return Progress(*columns, console=errors, transient=True, disable=not errors.is_interactive)
