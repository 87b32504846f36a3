"""A command line over a store of its own, answered by rules."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from persona_graph.cli.app import app
from persona_graph.cli.views.style import console, errors

Run = Callable[..., Result]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the store; model, user and zone are configured."""
    folder = tmp_path / "memory"
    monkeypatch.setenv("PERSONA_STORE", f"sqlite:{folder}")
    monkeypatch.setenv("PERSONA_MODEL", "offline")
    monkeypatch.setenv("PERSONA_USER", "ana")
    monkeypatch.setenv("PERSONA_TIMEZONE", "Europe/Berlin")
    # The consoles are made on import, at a width that the test runner may have set for itself.
    for each in (console, errors):
        monkeypatch.setattr(each, "width", 160)
    return folder


@pytest.fixture
def run(store: Path) -> Run:
    """`run("show", "profile")`: one command; its exit code, output and errors."""

    def call(*arguments: str, says: str | None = None) -> Result:
        return CliRunner().invoke(app, list(arguments), input=says)

    return call


@pytest.fixture
def history(tmp_path: Path) -> Path:
    """A file of our own format: two sessions, a month apart."""
    file = tmp_path / "ana.jsonl"
    file.write_text(
        '{"at": "2024-03-05 18:30", "user": "I live in Porto and I work as a nurse.", "assistant": "Noted."}\n'
        '{"at": "2024-03-05 18:32", "user": "I love black coffee.", "assistant": "Noted."}\n'
        '{"at": "2024-04-09 08:00", "user": "I\'ve switched from black coffee to green tea.", "assistant": "Noted."}\n',
        encoding="utf-8",
    )
    return file


@pytest.fixture
def ingested(run: Run, history: Path) -> Run:
    """The command line after a file was read."""
    result = run("ingest", str(history), "--user", "ana")
    assert result.exit_code == 0, result.output
    return run
