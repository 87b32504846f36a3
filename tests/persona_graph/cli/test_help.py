"""Every command has help, and the README names every command."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from persona_graph.cli.app import app

README = Path(__file__).parents[3] / "README.md"


def commands(group: Any, prefix: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The path of every command under a group."""
    for name, command in group.commands.items():
        path = (*prefix, name)
        if hasattr(command, "commands"):
            yield from commands(command, path)
        else:
            yield path


COMMANDS = list(commands(typer.main.get_command(app)))


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_has_help(path: tuple[str, ...]) -> None:
    result = CliRunner().invoke(app, [*path, "--help"])
    assert result.exit_code == 0
    assert len(result.output.split("Usage:")[1].splitlines()) > 3


@pytest.mark.parametrize("path", [("show", "memories"), ("doctor",), ("rebuild",)], ids=" ".join)
def test_a_store_may_be_on_a_server(path: tuple[str, ...]) -> None:
    told = CliRunner().invoke(app, [*path, "--help"], env={"COLUMNS": "200"}).output
    assert "sqlite:FOLDER or a weaviate URL" in " ".join(told.split())


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_the_readme_names_every_command(path: tuple[str, ...]) -> None:
    assert f"`persona {' '.join(path)}" in README.read_text(encoding="utf-8")


def test_the_commands_are_the_promised_ones() -> None:
    assert {path[0] for path in COMMANDS} == {
        *("demo", "doctor", "chat", "ingest", "worker", "problems", "retry"),
        *("search", "show", "history", "answer-without"),
        *("correct", "pin", "freeze", "off", "release", "undo"),
        *("forget", "export", "import", "migrate", "rebuild", "reindex"),
    }
