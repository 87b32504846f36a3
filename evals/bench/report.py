"""What every bench prints: progress while it runs, a table for people, and one last line of JSON."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

console = Console(highlight=False)
if not console.is_terminal:
    console.width = 120  # a file or a pipe has no width of its own
STARTED = time.perf_counter()


def say(sentence: str) -> None:
    """One line of progress, after the seconds since the start."""
    console.print(f"{time.perf_counter() - STARTED:6.0f} s  {sentence}", markup=False, soft_wrap=True)


def show(title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """A table; floats with one or two decimals, a figure that could not be had as a dash."""
    table = Table(title=title, title_justify="left")
    for place, column in enumerate(columns):
        table.add_column(column, justify="left" if place == 0 else "right", no_wrap=place == 0)
    for row in rows:
        table.add_row(*(cell(value) for value in row))
    console.print(table)


def cell(value: Any) -> str:
    """One figure as text."""
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
    return str(value)


def pair(value: Any) -> str:
    """One figure, or p50 / p95."""
    return " / ".join(f"{part:.2f}" for part in value) if isinstance(value, list) else cell(value)


def finish(figures: Mapping[str, Any]) -> None:
    """Print the last line: every figure, as one line of JSON."""
    print(json.dumps({name: rounded(value) for name, value in figures.items()}, ensure_ascii=False), flush=True)


def rounded(value: Any) -> Any:
    """Floats to three decimals, however deep."""
    if isinstance(value, float):
        return round(value, 3)
    if isinstance(value, Mapping):
        return {name: rounded(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(inner) for inner in value]
    return value
