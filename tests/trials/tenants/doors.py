"""The three doors, and how a call through one of them ends: done, refused in a sentence of ours, or crashed."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import traceback
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from langgraph.store.base import InvalidNamespaceError
from typer.testing import CliRunner

from persona_graph import (
    Persona,
    PersonaBaseStore,
    create_persona_graph,
    create_response_graph,
    create_update_graph,
)
from persona_graph.cli.app import app
from persona_graph.errors import InputError, PersonaError
from persona_graph.jobs.job import Job
from persona_graph.policy.offline.policy import OfflinePolicy
from persona_graph.policy.policy import Completion

PATIENCE_S = 60.0
LONGEST_SENTENCE = 25_000
"""An error may name an id of 10,000 letters, each of which may be told as an escape."""


class Door(StrEnum):
    """Where a call comes in."""

    PYTHON = "python"
    GRAPH = "graph"
    CLI = "cli"
    PROCESS = "process"
    """The command line in a process of its own."""


class Outcome(StrEnum):
    """How a call ends."""

    DONE = "done"
    REFUSED = "refused"
    CRASHED = "crashed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """What came of a call."""

    outcome: Outcome
    value: object = None
    told: str = ""
    """The value or the error as text: all that a caller can see."""


class CommandFailed(Exception):
    """A command that ended neither well nor with the exit code of wrong input."""


class Eyes:
    """The offline policy, and what it is shown: prompts, and the images in them as far as they can be fetched."""

    name = "eyes"

    def __init__(self) -> None:
        self._rules = OfflinePolicy()
        self._media: Callable[[str], Awaitable[bytes]] | None = None
        self.seen: list[object] = []

    def with_media(self, media: Callable[[str], Awaitable[bytes]]) -> Eyes:
        """The same eyes, on one user's images."""
        other = Eyes()
        other._media, other.seen = media, self.seen
        return other

    async def ask(
        self, job: Job[Any, Any], given: Any, *, on_delta: Callable[[str], None] | None = None
    ) -> Completion[Any]:
        """Look, then do the job by rules."""
        for message in job.render(given, ""):
            self.seen.append(message.text)
            for image in message.images:
                if self._media is not None:
                    try:
                        self.seen.append(await self._media(image.digest))
                    except PersonaError as error:
                        self.seen.append(str(error))
        return await self._rules.ask(job, given, on_delta=on_delta)

    def closed(self) -> list[object]:
        """What was seen since the last time."""
        seen, self.seen[:] = list(self.seen), []
        return seen


class Doors:
    """All doors to one store."""

    def __init__(self, persona: Persona, home: Path) -> None:
        self.persona = persona
        self.graphs: Mapping[str, Any] = {
            "persona": create_persona_graph(persona).compile(),
            "response": create_response_graph(persona).compile(),
            "update": create_update_graph(persona).compile(),
        }
        self.store = PersonaBaseStore(persona)
        self._environment = {name: value for name, value in os.environ.items() if not name.startswith("PERSONA_")} | {
            "PERSONA_STORE": f"sqlite:{home}",
            "PERSONA_MODEL": "offline",
            "PERSONA_UPDATES": "off",
            "PERSONA_TIMEZONE": "Europe/Berlin",
            "XDG_CONFIG_HOME": str(home / "nothing"),
            "COLUMNS": "200",
        }

    async def command(self, arguments: Sequence[str], says: str = "") -> str:
        """A command in this process; its output. Raises: InputError where it ends in exit code 2, CommandFailed."""
        runner = CliRunner(env=self._environment)
        result = await asyncio.to_thread(runner.invoke, app, list(arguments), input=says)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return _ended(result.exit_code, result.output)

    async def process(self, arguments: Sequence[str], says: str = "") -> str:
        """A command in a process of its own. Raises: as `command`."""
        done = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", "persona_graph", *arguments],
            input=says.encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=self._environment,
            check=False,
        )
        return _ended(done.returncode, done.stdout.decode("utf-8", "replace"))


def _ended(code: int, output: str) -> str:
    if "Traceback (most recent call last)" in output or code not in (0, 2):
        raise CommandFailed(f"exit code {code}: {output[-2_000:]}")
    if code == 2:
        raise InputError(output)
    return output


async def end(call: Callable[[], Awaitable[Any]]) -> Ended:
    """Make a call and see how it ends."""
    try:
        value = await asyncio.wait_for(call(), PATIENCE_S)
    except (PersonaError, InvalidNamespaceError) as error:
        told = f"{error} {error.__cause__ or ''}"
        if not str(error).strip() or len(str(error)) > LONGEST_SENTENCE:
            return Ended(outcome=Outcome.CRASHED, told=f"no sentence: {type(error).__name__} {told}")
        return Ended(outcome=Outcome.REFUSED, value=error, told=told)
    except Exception as error:  # whatever else leaves a door is what this trial looks for
        where = " < ".join(
            f"{Path(f.filename).name}:{f.lineno}" for f in traceback.extract_tb(error.__traceback__)[:-6:-1]
        )
        return Ended(outcome=Outcome.CRASHED, told=f"{type(error).__name__}: {error} ({where})")
    return Ended(outcome=Outcome.DONE, value=value, told=value if isinstance(value, str) else repr(value))
