"""The command line, `persona`."""

from __future__ import annotations

import time

STARTED = time.monotonic()
"""When this program started, but for the interpreter itself."""


def main() -> None:
    """What the console script and `python -m persona_graph` run."""
    from persona_graph.cli.app import app  # after the clock is read

    app(prog_name="persona")
