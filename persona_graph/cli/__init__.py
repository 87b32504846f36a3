"""The command line, `persona`."""

from __future__ import annotations

import io
import sys
import time

STARTED = time.monotonic()
"""When this program started, but for the interpreter itself."""


def main() -> None:
    """What the console script and `python -m persona_graph` run."""
    from persona_graph.cli.app import app  # after the clock is read

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a sign that the terminal lacks is no reason to stop

    app(prog_name="persona")
