"""The command line, `persona`."""

from __future__ import annotations

from persona_graph.cli.app import app


def main() -> None:
    """What the console script and `python -m persona_graph` run."""
    app(prog_name="persona")


__all__ = ["app", "main"]
