"""`persona migrate`: users from one store to another, and a comparison of the two."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from persona_graph.cli.edge import FAILED, Json, edge_of
from persona_graph.cli.ingest import INTERRUPTED
from persona_graph.cli.views.style import console, counted, errors, sheet
from persona_graph.errors import InputError

if TYPE_CHECKING:
    from persona_graph.migration import Moved
    from persona_graph.service import Persona
    from persona_graph.settings import Settings

PARTS = ("turns", "commits", "memories", "jobs", "tombstones", "images")
"""What the table tells of; memories are made of the commits, not copied."""


def migrate(
    ctx: typer.Context,
    source: Annotated[
        str,
        typer.Argument(metavar="FROM", help="The store to read, sqlite:FOLDER or a weaviate URL; it stays as it is."),
    ],
    target: Annotated[str, typer.Argument(metavar="TO", help="The store to write, named the same way.")],
    user: Annotated[
        list[str] | None, typer.Option("--user", "-u", help="Only this user; may be given more than once.")
    ] = None,
    from_media: Annotated[
        str | None, typer.Option("--from-media", help="Where FROM's pictures are, if not beside it: a folder or URL.")
    ] = None,
    to_media: Annotated[str | None, typer.Option("--to-media", help="The same for TO.")] = None,
    as_json: Json = False,
) -> None:
    """Copy all that users have from one store into another, then compare both. Run it again to go on.

    A user whom TO knows already gets what is missing. One who has been used there since is left as is.
    Exit code 1 when anything differs in the end, each thing with a sentence.
    """
    places = [
        (edge_of(ctx).settings(store=url, embeddings="none").model_copy(update={"model": None}), media)
        for url, media in ((source, from_media), (target, to_media))
    ]
    shared = {media or settings.media for settings, media in places}
    if len(shared) == 1 and None not in shared:
        errors.print(f"note: both keep their pictures in {shared.pop()}: who is forgotten in one loses them in both.")
    try:
        moved = asyncio.run(_migrate(places, user or ()))
    except KeyboardInterrupt:
        errors.print("stopped; run the same command again to go on")
        raise typer.Exit(INTERRUPTED) from None
    for sentence in (sentence for one in moved for sentence in _sentences(one)):
        errors.print(sentence, markup=False, soft_wrap=True)
    _tell(moved, as_json=as_json)
    if any(one.differences for one in moved):
        raise typer.Exit(FAILED)


async def _migrate(places: Iterable[tuple[Settings, str | None]], users: Iterable[str]) -> list[Moved]:
    from persona_graph.media import open_media
    from persona_graph.migration.move import chosen, migrate
    from persona_graph.service import Persona

    async with AsyncExitStack() as stack:
        opened = [Persona.from_settings(s, media=open_media(place) if place else None) for s, place in places]
        here, there = [await stack.enter_async_context(persona) for persona in opened]
        _need_two(here, there)
        wanted = await chosen(here.engine, users)
        with _progress() as progress:
            whole, part = progress.add_task("users", total=len(wanted)), progress.add_task("", total=None)

            def tell(whose: str, what: str, done: int, of: int) -> None:
                progress.update(part, description=f"{whose}: {what}", completed=done, total=of)

            moved = []
            async for one in migrate(here.engine, there.engine, wanted, tell):
                moved.append(one)
                progress.advance(whole)
            progress.update(part, visible=False)
    return moved


def _need_two(here: Persona, there: Persona) -> None:
    """Raises: InputError when both are the same store."""
    one, other = here.engine.home, there.engine.home
    if one is not None and other is not None and one.resolve() == other.resolve():
        raise InputError("FROM and TO are the same store; name two")


def _progress() -> Progress:
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    # No half of a bar stays before an error, and none is written to a file.
    return Progress(*columns, console=errors, transient=True, disable=not errors.is_interactive)


def _sentences(moved: Moved) -> list[str]:
    """What differs; of a user who was left as is, first what can be done."""
    differences = [one.sentence for one in moved.differences]
    if not moved.refused:
        return differences
    return [
        f"{moved.user} is in use in TO, or has forgotten something in one of the two, and nothing was changed. "
        "Where only TO was used since, migrate from TO back to FROM. What was forgotten in one of them, forget in the "
        "other too; or `persona forget --everything` in the one that is to begin anew, which erases all that it has of "
        f"{moved.user}.",
        *differences,
    ]


def _tell(moved: list[Moved], *, as_json: bool) -> None:
    from persona_graph.migration import Part

    columns = [[one.counts for one in moved], [one.copied for one in moved], [one.already for one in moved]]
    rows = {part: [sum(figures.get(Part(part), 0) for figures in column) for column in columns] for part in PARTS}
    different = sum(len(one.differences) for one in moved)
    if as_json:
        figures = {part: total for part, (total, *_) in rows.items()}
        copied, already = (sum(row[place] for row in rows.values()) for place in (1, 2))
        whole = {"users": len(moved), **figures, "copied": copied, "already_there": already, "different": different}
        console.print(json.dumps(whole), markup=False, soft_wrap=True)
        return
    table = sheet("", "in FROM", "copied", "there already", title=counted(len(moved), "user"))
    for part, (total, copied, already) in rows.items():
        made = part == "memories"
        table.add_row(part, str(total), "made anew" if made else str(copied), "" if made else str(already))
    console.print(table)
    console.print(f"\n{counted(different, 'difference')} between FROM and TO." if different else "\nBoth are the same.")
