"""`persona problems` and `persona retry`: updates that were given up, and a second chance for them."""

from __future__ import annotations

import json

import typer
from rich.text import Text

from persona_graph.cli.edge import FAILED, Json, Model, Store, User, edge_of, need_model, open_persona
from persona_graph.cli.views.style import console, sheet, short, when


def problems(ctx: typer.Context, user: User = None, store: Store = None, as_json: Json = False) -> None:
    """Show updates of memory whose model kept failing, with the errors. Exit code 1 when there are any."""
    settings = edge_of(ctx).settings(user=user, store=store, embeddings="none")
    with open_persona(settings) as persona:
        found = persona.problems(settings.user)
    if as_json:
        rows = [{"id": job.id, "job": job.name, "turns": list(job.turns), "error": job.error} for job in found]
        console.print_json(json.dumps(rows, ensure_ascii=False))
    elif found:
        table = sheet("job", "id", "turns", "since", "tried", "error")
        for job in found:
            turns, at = str(len(job.turns)), when(job.at, settings.zone)
            table.add_row(job.name, short(job.id), turns, at, str(job.attempts), Text(job.error))
        console.print(table)
        console.print("\n`persona retry` takes them up again.", style="faint")
    else:
        console.print("No problems.")
    if found:
        raise typer.Exit(FAILED)


def retry(ctx: typer.Context, user: User = None, store: Store = None, model: Model = None) -> None:
    """Take up again the updates that were given up, and wait for them."""
    settings = edge_of(ctx).settings(user=user, store=store, model=model, options={"updates": "off"})
    need_model(settings)
    with open_persona(settings) as persona:
        count = persona.retry(settings.user)
        if not count:
            console.print("There is nothing to retry.")
            return
        flushed = persona.flush(settings.user)
    console.print(f"{count} taken up, {flushed.done} done, {len(flushed.parked)} given up again.")
    if flushed.parked:
        raise typer.Exit(FAILED)
