"""`TurnView`: one turn while it happens: think, retrieve, what was found, and the answer as it streams."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, tzinfo
from types import TracebackType
from typing import Any, Self

from rich.console import Console, Group
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from persona_graph.cli.views.style import LABEL_WIDTH, labelled, one_line, span
from persona_graph.timerange import TimeRange

FOUND_WIDTH = 110
"""Characters of a found memory that are shown while the turn runs; the receipt shows all."""


class TurnView:
    """Takes a turn's events and shows them; use it as `on_event`, inside `with`.

    An answer streams before the thought that led to it is whole, so what is not final stays in a live region.
    """

    def __init__(self, console: Console, zone: tzinfo) -> None:
        self._console, self._zone = console, zone
        self._answer = ""
        self._live = Live(console=console, transient=True, refresh_per_second=12)

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
            self._live.update(_waiting())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live.is_started:
            self._live.update(Text(""))
            self._live.stop()

    def __call__(self, event: Mapping[str, Any]) -> None:
        """Show one event."""
        match event["type"]:
            case "think" if event["text"].strip():
                self._print(labelled("think", Text(one_line(event["text"]), "think")))
            case "retrieve":
                self._print(labelled("retrieve", self._request(event), style="retrieve"))
            case "found":
                self._print(found(event["hits"]))
            case "away":
                self._print(labelled("", Text("memory cannot be reached; the answer goes on without it", "yellow")))
            case "delta":
                self._answer += event["text"]
                if self._live.is_started:
                    self._live.update(labelled("persona", Text(self._answer), style="persona"))
            case "answer":
                self._answer = ""
                self._print(labelled("persona", Text(event["text"]), style="persona"))

    def _print(self, content: Table) -> None:
        if self._live.is_started and not self._answer:
            self._live.update(_waiting())
        self._console.print(content)

    def _request(self, event: Mapping[str, Any]) -> Text:
        start, end = (datetime.fromisoformat(event[side]) if event[side] else None for side in ("start", "end"))
        window = TimeRange(start=start, end=end)
        line = Text(event["keywords"])
        return line.append("   " + span(window, self._zone), "bold" if window.bounded else "faint")


def found(hits: list[dict[str, Any]]) -> Table:
    """What one retrieval found, a line a hit."""
    if not hits:
        return labelled("", Text("nothing found", "faint"))
    grid = Table.grid(padding=(0, 2, 0, 0), expand=True)
    grid.add_column(no_wrap=True, min_width=10)
    grid.add_column(no_wrap=True, min_width=4)
    grid.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
    for hit in hits:
        text = Text(one_line(hit.get("text", ""))[:FOUND_WIDTH])
        if hit.get("superseded"):
            text.append("  (no longer true)", "faint")
        grid.add_row(Text(hit["target"], hit["target"]), Text(f"{hit['score']:.2f}", "faint"), text)
    return labelled("", grid)


def _waiting() -> Group:
    return Group(labelled("", Spinner("dots", style="faint")))


__all__ = ["LABEL_WIDTH", "TurnView", "found"]
