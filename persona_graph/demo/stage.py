"""How the demo shows itself: headings, what was learned, and the list of truths."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC

from rich.console import Console
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from persona_graph.cli.views.memories import what
from persona_graph.cli.views.style import console, labelled, when
from persona_graph.demo.person import Person
from persona_graph.demo.script import Session
from persona_graph.demo.truths import Truth
from persona_graph.memory.types import Kind, Memory

WIDEST = 110
"""Columns of the transcript; wider terminals are not filled."""


def stage() -> Console:
    """The console, no wider than one reads with ease."""
    if console.width > WIDEST:
        console.width = WIDEST
    return console


def opening(person: Person, where: str, stays: str) -> None:
    """What this is and what it is not; where memory lies, and for how long."""
    text = Text.assemble(
        ("Persona Graph", "bold"),
        f"   seed {person.seed}\n\n",
        "An assistant learns a person over five months, is stopped, starts again in a new process, and still knows.\n",
        ("No language model speaks here: the answers come from fixed rules, the memory is the real one.", "faint"),
        (f"\nMemory lies in {where}{stays}", "faint"),
    )
    stage().print(Panel(text, border_style="faint", padding=(0, 2)))


def heading(number: int, session: Session) -> None:
    """The title of a session."""
    stage().print()
    stage().rule(
        Text(f"Session {number} · {session.title} · {when(session.begins, UTC)}", "head"), align="left", style="faint"
    )


def said(text: str) -> None:
    """What the person says."""
    stage().print()
    stage().print(labelled("you", Text(text), style="you"))


def learned(new: Sequence[Memory], old: Sequence[Memory]) -> None:
    """What a session added to memory, and what it ended."""
    table = Table.grid(padding=(0, 1))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    order = list(Kind)
    for memory in sorted(new, key=lambda m: order.index(m.kind)):
        table.add_row(Text("+", "good"), Text(memory.kind, memory.kind), what(memory))
    for memory in old:
        table.add_row(Text("−", "bad"), Text(memory.kind, memory.kind), what(memory).append("  (no longer)", "faint"))
    if table.row_count:
        stage().print(Padding(labelled("learned", table, style="good"), (1, 0, 0, 0)))


def chapter(text: str) -> None:
    """A part of the demo."""
    stage().print()
    stage().rule(Text(text, "bold"), characters="━", style="faint")


def told(text: str) -> None:
    """A remark on what comes."""
    stage().print(Padding(Text(text, "faint"), (1, 0, 0, 0)))


def verdict(truths: Iterable[Truth]) -> None:
    """The list of what was checked."""
    table = Table.grid(padding=(0, 2))
    yes, no = ("✓", "✗") if console.encoding.startswith("utf") else ("ok", "NO")
    for truth in truths:
        table.add_row(Text(yes, "good") if truth.holds else Text(no, "bad"), truth.name, Text(truth.says, "faint"))
    stage().print(Padding(table, (1, 0, 1, 2)))
