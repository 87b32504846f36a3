"""`persona ingest`: conversations of the past, from a file into the journal and through the Update stage."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from persona_graph.blocking import background
from persona_graph.cli.edge import FAILED, Json, Model, Store, edge_of, escaped, need_model, open_persona
from persona_graph.cli.views.style import console, counted, errors
from persona_graph.errors import ImageError, InputError

if TYPE_CHECKING:
    from persona_graph.conversation import Image
    from persona_graph.ingest import History
    from persona_graph.service import Persona

INTERRUPTED = 130
"""The exit code of what Ctrl-C stopped."""

SLICE = 16
"""Turns written between two steps of the progress bar."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingested:
    """What became of one history."""

    user: str
    messages: int
    already: int
    """Messages that were here before."""
    updates: int
    memories: int
    parked: int


def ingest(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="LoCoMo, MemoryBank, Persona-MME user_data.json, or our JSONL.")],
    sample: Annotated[
        str | None, typer.Option("--sample", help="Only this person or conversation of the file.")
    ] = None,
    user: Annotated[
        str | None, typer.Option("--user", "-u", help="Into whose memory; named after the file's people otherwise.")
    ] = None,
    no_update: Annotated[
        bool, typer.Option("--no-update", help="Only write the journal; a worker does the rest.")
    ] = False,
    store: Store = None,
    model: Model = None,
    as_json: Json = False,
) -> None:
    """Read past conversations and learn from them. Run it again to go on where it was stopped."""
    from persona_graph.ingest import load

    settings = edge_of(ctx).settings(store=store, model=model, options={"updates": "off"})
    if not no_update:
        need_model(settings, "; --no-update only keeps the messages")
    found = load(file, sample=sample)
    if user is not None and len(found.histories) > 1:
        names = ", ".join(history.name for history in found.histories[:8])
        raise InputError(
            f"{file.name} holds {len(found.histories)} people ({names}); pick one with --sample, or leave --user out"
        )
    for warning in (w for history in found.histories for w in history.warnings):
        errors.print(f"[yellow]warning:[/] {escaped(warning)}", soft_wrap=True)
    try:
        with open_persona(settings) as persona, _progress() as progress:
            done = [_one(persona, user or h.user_hint, h, progress, update=not no_update) for h in found.histories]
    except KeyboardInterrupt:
        errors.print("stopped; run the same command again to go on")
        raise typer.Exit(INTERRUPTED) from None
    _tell(done, as_json=as_json, update=not no_update)
    if any(result.parked for result in done):
        raise typer.Exit(FAILED)


def _one(persona: Persona, user: str, history: History, progress: Progress, *, update: bool) -> Ingested:
    if history.profile:
        persona.set_profile(user, history.profile, at=history.turns[0].at if history.turns else None)
    written = _write(persona, user, history, progress)
    flushed = _learn(persona, user, progress) if update else None
    return Ingested(
        user=user,
        messages=history.messages,
        already=history.messages - written,
        updates=flushed.done if flushed else 0,
        memories=len(persona.memories(user)),
        parked=len(flushed.parked) if flushed else 0,
    )


def _write(persona: Persona, user: str, history: History, progress: Progress) -> int:
    """Write the turns slice by slice; how many messages were new."""
    turns = history.with_images(_images(persona, user, history)) if history.pictures else history.turns
    task = progress.add_task(f"{user}: messages", total=history.messages)
    new = 0
    for start in range(0, len(turns), SLICE):
        part = turns[start : start + SLICE]
        written = set(persona.record(user, part))
        new += _messages(turn for turn in part if turn.id in written)
        progress.advance(task, _messages(part))
    return new


def _learn(persona: Persona, user: str, progress: Progress) -> Any:
    """Run the Update stage over what waits."""
    waiting = sum(not job.parked for job in background.run(persona.engine.store.jobs(user)))
    task = progress.add_task(f"{user}: updates", total=waiting)
    return persona.flush(user, close_sessions=True, on_job=lambda *_: progress.advance(task))


def _images(persona: Persona, user: str, history: History) -> dict[Path, Image]:
    """The pictures that are usable, kept as the user's media; the others stay captions, and are named."""
    kept: dict[Path, Image] = {}
    for path in dict.fromkeys(picture.path for picture in history.pictures):
        try:
            kept[path] = background.run(persona.engine.media.put(user, path.read_bytes()))
        except (ImageError, OSError) as error:
            errors.print(f"[yellow]warning:[/] {escaped(f'{path.name} is left out: {error}')}", soft_wrap=True)
    return kept


def _messages(turns: Any) -> int:
    return sum(len(turn.messages) for turn in turns)


def _progress() -> Progress:
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=errors)


def _tell(done: list[Ingested], *, as_json: bool, update: bool) -> None:
    if as_json:
        rows = {r.user: {"messages": r.messages, "already": r.already, "updates": r.updates} for r in done}
        for result in done:
            rows[result.user] |= {"memories": result.memories, "parked": result.parked}
        console.print_json(json.dumps(rows, ensure_ascii=False))
        return
    for r in done:
        here = f", {r.already} of them here already" if r.already else ""
        learned = (
            f"; {counted(r.updates, 'update')} done, {counted(r.memories, 'memory', 'memories')}"
            if update
            else "; updates wait for `persona worker`"
        )
        failed = f", {r.parked} failed (`persona problems -u {r.user}`)" if r.parked else ""
        console.print(
            f"{r.user}: {counted(r.messages, 'message')}{here}{learned}{failed}.", markup=False, soft_wrap=True
        )
    for r in done:
        if r.memories:
            console.print(f"look: persona show memories -u {shlex.quote(r.user)}", markup=False, soft_wrap=True)
