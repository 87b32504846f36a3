"""`Place`: where the store of a trial is: in a folder, or on a server with only its pictures and its spool in one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from persona_graph import MemoryStore, Options, Persona, open_store
from persona_graph.engine import Clock, real_clock
from persona_graph.options import Updates


@dataclass(frozen=True, slots=True)
class Place:
    """Travels to child processes."""

    folder: Path
    server: str = ""
    """The URL of a store on a server; without one it is SQLite in the folder."""

    @property
    def url(self) -> str:
        """The store's URL."""
        return self.server or f"sqlite:{self.folder}"

    def store(self) -> MemoryStore:
        """The store alone."""
        return open_store(self.url)

    def persona(self, *, clock: Clock = real_clock, **options: Any) -> Persona:
        """Answered by rules, with no worker of its own."""
        return Persona.open(
            self.url,
            model="offline",
            options=Options(updates=Updates.OFF, **options),
            media=self.folder / "media",
            clock=clock,
        )
