"""`python -m persona_graph`: the command line."""

from __future__ import annotations

from persona_graph.cli import main

if __name__ == "__main__":
    main()
