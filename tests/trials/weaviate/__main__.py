"""`make test-weaviate`: everything that a real Weaviate is tried with, on servers that it starts and stops itself.

`--only NAME` runs a part alone, more than once for more of them. The last line is JSON.
"""

from __future__ import annotations

import argparse
import importlib.util
import secrets
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

from evals.bench.report import finish, say, show
from evals.bench.weaviate.server import MISSING, binary
from tests.trials.children import IMPOSSIBLE, POSSIBLE
from tests.trials.weaviate import cluster, confined_key, killed_server, round_trip, shared, stopped_server, suite
from tests.trials.weaviate.part import Figures, Part, Skipped

PARTS: Sequence[Part] = (
    suite.CONTRACT_PART,
    suite.OWN_PART,
    suite.DEMO_PART,
    stopped_server.PART,
    killed_server.PART,
    shared.CRASH,
    shared.PROCESSES,
    shared.TENANTS,
    confined_key.PART,
    cluster.PART,
    round_trip.PART,
)
NOT_HERE = {
    "test-erase": "it searches the store's files for erased bytes; Weaviate keeps them until it compacts its own",
    "migrations in test-crash": "there is no older schema on a server",
}
"""Trials of the embedded store that make no sense here."""


def main() -> int:
    """Run the parts; 1 when a promise is broken."""
    parser = argparse.ArgumentParser(prog="test-weaviate", description=__doc__)
    parser.add_argument("--only", action="append", choices=[part.name for part in PARTS], help="this part alone")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6), help="what is random is drawn from it")
    given = parser.parse_args()
    if (why := _why_not()) is not None:
        say(f"skipped: {why}")
        finish({"run": 0, "skipped": {"everything": why}})
        return 0
    say(f"seed {given.seed}")
    figures: Figures = {"run": 0, "skipped": {} if given.only else dict(NOT_HERE), "broken": {}, "seed": given.seed}
    for part in PARTS:
        if given.only is None or part.name in given.only:
            _run(part, given.seed, figures)
    finish(figures)
    return int(bool(figures["broken"]))


def _why_not() -> str | None:
    if not POSSIBLE:
        return IMPOSSIBLE
    if importlib.util.find_spec("weaviate") is None:
        return "needs the extra: pip install 'persona-graph[weaviate]'"
    return MISSING if binary() is None else None


def _run(part: Part, seed: int, figures: Figures) -> None:
    say(f"{part.name}: {part.what}")
    started = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix=f"persona-{part.name}-", ignore_cleanup_errors=True) as folder:
        try:
            found = part.run(Path(folder), seed)
        except Skipped as why:
            figures["skipped"][part.name] = str(why)
            say(f"{part.name}: skipped: {why}")
            return
        except Exception:  # a rim: one part that breaks keeps no other from being tried
            say(traceback.format_exc())
            figures["broken"][part.name] = ["it did not end"]
            return
    found["seconds"] = time.perf_counter() - started
    figures["run"] += found.pop("run", 1)
    figures["skipped"] |= found.pop("skipped", {})
    figures[part.name] = found
    if broken := part.broken(found):
        figures["broken"][part.name] = broken
    show(part.what, ["", ""], found.items())


if __name__ == "__main__":
    sys.exit(main())
