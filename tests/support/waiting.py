"""Waiting for what happens in another process."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

DONE_S = 30.0


def eventually(true: Callable[[], bool]) -> bool:
    """Whether it becomes true."""
    deadline = time.monotonic() + DONE_S
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def alive(number: int) -> bool:
    """Whether a process runs; one that has ended and that no one has asked about does not."""
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{number}/stat")
    return not state.exists() or state.read_text(encoding="utf-8").rsplit(")", 1)[1].split()[0] != "Z"
