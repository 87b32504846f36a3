"""All commands of `persona`, and the options that stand before them."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated

import typer

from persona_graph.cli import (
    chat,
    demo,
    doctor,
    forget,
    hand,
    history,
    ingest,
    migrate,
    problems,
    rebuild,
    replay,
    search,
    show,
    transfer,
    worker,
)
from persona_graph.cli.edge import Edge, Sentences
from persona_graph.cli.views.style import console

app = typer.Typer(
    cls=Sentences,
    help="An assistant that learns a person over months, and remembers.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)

TRY, TALK, LOOK, HAND, KEEP = "Try it", "Talk and learn", "Look", "Set right", "Keep and let go"

app.command("demo", rich_help_panel=TRY)(demo.demo)
app.command("doctor", rich_help_panel=TRY)(doctor.doctor)
app.command("chat", rich_help_panel=TALK)(chat.chat)
app.command("ingest", rich_help_panel=TALK)(ingest.ingest)
app.command("worker", rich_help_panel=TALK)(worker.worker)
app.command("problems", rich_help_panel=TALK)(problems.problems)
app.command("retry", rich_help_panel=TALK)(problems.retry)
app.command("search", rich_help_panel=LOOK)(search.search)
app.add_typer(show.app, name="show", rich_help_panel=LOOK)
app.command("history", rich_help_panel=LOOK)(history.history)
app.command("answer-without", rich_help_panel=LOOK)(replay.answer_without)
app.command("correct", rich_help_panel=HAND)(hand.correct)
app.command("pin", rich_help_panel=HAND)(hand.pin)
app.command("freeze", rich_help_panel=HAND)(hand.freeze)
app.command("off", rich_help_panel=HAND)(hand.off)
app.command("release", rich_help_panel=HAND)(hand.release)
app.command("undo", rich_help_panel=HAND)(history.undo)
app.command("forget", rich_help_panel=KEEP)(forget.forget)
app.command("export", rich_help_panel=KEEP)(transfer.export)
app.command("import", rich_help_panel=KEEP)(transfer.import_)
app.command("migrate", rich_help_panel=KEEP)(migrate.migrate)
app.command("rebuild", rich_help_panel=KEEP)(rebuild.rebuild)
app.command("reindex", rich_help_panel=KEEP)(rebuild.reindex)


def _version(wanted: bool) -> None:
    if wanted:
        try:
            console.print(f"persona-graph {version('persona-graph')}")
        except PackageNotFoundError:
            console.print("persona-graph (not installed, run from its folder)")
        raise typer.Exit


@app.callback()
def root(
    ctx: typer.Context,
    config: Annotated[Path | None, typer.Option("--config", help="A settings file; PERSONA_CONFIG otherwise.")] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks and log what happens.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Keep settings and debugging for the command that follows."""
    ctx.obj = Edge(config=config, debug=debug)
    if debug:
        import logging

        logging.basicConfig(level=logging.DEBUG, format="%(levelname)s %(name)s: %(message)s")
