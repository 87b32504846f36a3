"""`Part`: one thing that is tried on a real server, and the figures that have to come out of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Figures = dict[str, Any]


class Skipped(Exception):
    """The part makes no sense here; the sentence says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What is tried."""

    name: str
    what: str
    """For people, in a few words."""
    run: Callable[[Path, int], Figures]
    """Given an empty folder and a seed. Raises: Skipped."""
    broken: Callable[[Figures], list[str]]
    """Names of the figures that break a promise."""


def none_of(*names: str) -> Callable[[Figures], list[str]]:
    """All of these have to be zero, or empty."""
    return lambda figures: [name for name in names if figures[name]]


def equal(wanted: Mapping[str, Any]) -> Callable[[Figures], list[str]]:
    """These figures have to be so."""
    return lambda figures: [name for name, value in wanted.items() if figures[name] != value]
