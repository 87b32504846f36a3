"""Blocks of consecutive ports of this machine, which no two processes of ours take at once."""

from __future__ import annotations

import random
import socket
from contextlib import suppress

BLOCK = 8
FIRST, LAST = 20_000, 32_000
"""Below the ports that systems give to outgoing connections, which would come and go in between."""
TRIES = 200


class PortBlock:
    """A port that is held as long as the block is ours, and `BLOCK - 1` free ones after it.

    Blocks start at multiples of their size, so that two of them overlap whole or not at all: who holds the first
    port has the others to himself, before, between and after the runs of a server on them.
    """

    def __init__(self) -> None:
        for start in random.SystemRandom().sample(range(FIRST, LAST, BLOCK), TRIES):
            with suppress(OSError):
                self._held = _bound(start)
                break
        else:
            raise OSError(f"none of {TRIES} blocks of ports is free")
        self._start = start

    def __getitem__(self, place: int) -> int:
        """Number of a free port, from 0 on."""
        if not 0 <= place < BLOCK - 1:
            raise IndexError(place)
        return self._start + 1 + place

    def release(self) -> None:
        """Leave the block to others."""
        self._held.close()


def _bound(start: int) -> socket.socket:
    """Hold the first port; raises OSError when it or any after it is taken."""
    held = _bind(start, socket.SOCK_STREAM)
    try:
        held.listen()
        for port in range(start + 1, start + BLOCK):
            for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                _bind(port, kind).close()
    except OSError:
        held.close()
        raise
    return held


def _bind(port: int, kind: socket.SocketKind) -> socket.socket:
    made = socket.socket(socket.AF_INET, kind)
    try:
        if kind is socket.SOCK_STREAM:
            # As servers do: a port that was closed a moment ago is free, one on which another listens is not.
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(("", port))
    except OSError:
        made.close()
        raise
    return made
