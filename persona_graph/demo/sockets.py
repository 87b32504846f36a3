"""Counts internet sockets: every AF_INET or AF_INET6 socket that this process opens, whoever opens it."""

from __future__ import annotations

import socket
import sys
from typing import Any

INTERNET = (socket.AF_INET, socket.AF_INET6)

_opened: list[str] = []
_watching = False


def watch() -> None:
    """Begin to count; cannot be undone, as the interpreter's audit hooks cannot."""
    global _watching
    if not _watching:
        _watching = True
        sys.addaudithook(_hear)
        # urllib3, which comes with langchain-core by way of LangSmith, opens an IPv6 socket on the loopback when it
        # is imported, to see whether there is IPv6. The demo has no use for either, so it says that there is none.
        socket.has_ipv6 = False


def opened() -> int:
    """How many internet sockets were opened since `watch`."""
    return len(_opened)


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    # CPython raises this for every socket object, before the system call.
    if event == "socket.__new__" and arguments[1] in INTERNET:
        _opened.append(str(arguments[1]))
