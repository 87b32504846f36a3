"""`persona export` and `persona import`: a user as a folder of JSON lines and images."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from persona_graph.cli.edge import Store, User, edge_of, open_persona
from persona_graph.cli.views.style import console, counted
from persona_graph.errors import NotFound


def export(
    ctx: typer.Context,
    folder: Annotated[Path, typer.Argument(help="A new or empty folder.")],
    user: User = None,
    store: Store = None,
) -> None:
    """Write all that a user has into a folder."""
    settings = edge_of(ctx).settings(user=user, store=store, embeddings="none")
    with open_persona(settings) as persona:
        if settings.user not in persona.users():
            raise NotFound(f"there is nothing of {settings.user!r} to export; `persona show users` lists who is here")
        written = persona.export(settings.user, folder)
    console.print(f"Wrote all of {settings.user!r} into {written}.", soft_wrap=True, markup=False)


def import_(
    ctx: typer.Context,
    folder: Annotated[Path, typer.Argument(help="What `persona export` wrote.")],
    user: User = None,
    store: Store = None,
) -> None:
    """Read an exported user into this store; what is here already stays."""
    settings = edge_of(ctx).settings(user=user, store=store, embeddings="none")
    with open_persona(settings) as persona:
        count = persona.import_(settings.user, folder)
    console.print(
        f"Read {counted(count, 'new turn')} into the memory of {settings.user!r}.", soft_wrap=True, markup=False
    )
