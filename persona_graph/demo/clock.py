"""A clock that stands where the story is."""

from __future__ import annotations

from datetime import datetime


class StoryClock:
    """Called like the real clock; moved by hand."""

    def __init__(self, now: datetime) -> None:
        self._now = now

    def __call__(self) -> datetime:
        return self._now

    def move(self, to: datetime) -> None:
        """Go on to a later moment."""
        self._now = max(self._now, to)
