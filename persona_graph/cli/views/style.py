"""The consoles, their colours, and how times and windows are written."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, tzinfo
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.highlighter import JSONHighlighter
from rich.json import JSON
from rich.segment import Segment
from rich.table import Table
from rich.text import Text
from rich.theme import Theme

from persona_graph.timerange import TimeRange

THEME = Theme(
    {
        "you": "bold cyan",
        "persona": "bold green",
        "think": "italic dim",
        "retrieve": "yellow",
        "faint": "dim",
        "good": "green",
        "bad": "bold red",
        "head": "bold",
        "semantic": "magenta",
        "episodic": "blue",
        "procedural": "yellow",
        "core": "cyan",
        "image": "green",
        "turn": "white",
    }
)


_OBEYED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""What a terminal does instead of showing it: control characters and changes of direction; and halves of characters."""


class _Console(Console):
    """Shows what others wrote and never obeys it. Its JSON keeps every letter where the output cannot: as an escape."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(shown(segment.text), segment.style)

    def print_json(self, json: str | None = None, **how: Any) -> None:
        whole = JSON(json or "null", ensure_ascii=not self.encoding.startswith("utf"), **how)
        escaped = _OBEYED.sub(lambda found: f"\\u{ord(found[0]):04x}", whole.text.plain)
        self.print(JSONHighlighter()(Text(escaped, no_wrap=True)), soft_wrap=True)


def shown(text: str) -> str:
    """Text with a replacement character for everything that a terminal would obey."""
    return _OBEYED.sub("\ufffd", text)


console = _Console(theme=THEME, highlight=False)
"""What a command tells."""

errors = _Console(theme=THEME, highlight=False, stderr=True)
"""What goes wrong, and progress beside `--json`."""

LABEL_WIDTH = 9

NARROW = ("id", "score", "when")
"""Columns of a sheet whose lines are not broken."""


def labelled(label: str, content: RenderableType, *, style: str = "faint") -> Table:
    """A line of a conversation: a label at the left, what belongs to it wrapped at its right."""
    grid = Table.grid(padding=(0, 1))
    grid.add_column(justify="right", width=LABEL_WIDTH, no_wrap=True)
    grid.add_column(overflow="fold")
    grid.add_row(Text(label, style), content)
    return grid


def sheet(*columns: str, title: str = "") -> Table:
    """An empty table with light lines."""
    table = Table(title=title or None, title_justify="left", title_style="head", box=None, padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(column, header_style="faint", overflow="fold", no_wrap=column in NARROW)
    return table


def when(moment: datetime | None, zone: tzinfo) -> str:
    """`Fri 2024-03-08 18:30` in the configured zone; nothing for None."""
    return moment.astimezone(zone).strftime("%a %Y-%m-%d %H:%M") if moment is not None else ""


def day(moment: datetime | None, zone: tzinfo) -> str:
    """`2024-03-08` in the configured zone; an open end is an ellipsis."""
    return moment.astimezone(zone).strftime("%Y-%m-%d") if moment is not None else "…"


def days(window: TimeRange, zone: tzinfo) -> str:
    """`2024-03-01 → 2024-03-08`, to the day."""
    return f"{day(window.start, zone)} → {day(window.end, zone)}"


def span(window: TimeRange, zone: tzinfo) -> str:
    """`2024-03-01 → 2024-03-08`, or `any time`; the half-open end is shown as it is where it has a clock time."""
    if not window.bounded:
        return "any time"
    return f"{_edge(window.start, zone)} → {_edge(window.end, zone)}"


def counted(count: int, noun: str, plural: str = "") -> str:
    """`1 update`, `2 updates`."""
    return f"{count} {noun}" if count == 1 else f"{count} {plural or noun + 's'}"


def short(identifier: str) -> str:
    """An id as one reads it: its first eight characters."""
    return identifier[:8]


def one_line(text: str) -> str:
    """Text without line breaks."""
    return " ".join(text.split())


def _edge(moment: datetime | None, zone: tzinfo) -> str:
    if moment is None:
        return "…"
    local = moment.astimezone(zone)
    return local.strftime("%Y-%m-%d" if (local.hour, local.minute) == (0, 0) else "%Y-%m-%d %H:%M")
