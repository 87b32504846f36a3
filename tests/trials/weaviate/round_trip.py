"""A real conversation is ingested, moved from the embedded store to Weaviate and back: all three hold the same."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

from evals.bench.weaviate.server import WeaviateServer
from tests.trials import holdings
from tests.trials.place import Place
from tests.trials.weaviate.part import Figures, Part, Skipped

PROJECT = Path(__file__).parents[3]
DATA = Path(os.environ.get("SHARED") or PROJECT.parent / "shared") / "data" / "locomo" / "locomo_dev.json"
CONVERSATION, USER = "conv-26", "caroline"


def tried(folder: Path, _seed: int) -> Figures:
    """Ingest, there, back."""
    if not DATA.is_file():
        raise Skipped(f"needs the development data at {DATA}: SHARED=folder")
    command = ["ingest", str(DATA), "--sample", CONVERSATION, "--user", USER, "--model", "offline"]
    persona(folder, *command, "--store", f"sqlite:{folder / 'here'}")
    with WeaviateServer() as server:
        return there_and_back(folder, server.url, USER)


def there_and_back(folder: Path, server: str, user: str) -> Figures:
    """Move the store in `folder / "here"` to the server and into `folder / "back"`, by the command."""
    here, media, back = f"sqlite:{folder / 'here'}", ["--to-media", str(folder / "media")], f"sqlite:{folder / 'back'}"
    started = time.perf_counter()
    out = json.loads(persona(folder, "migrate", here, server, *media, "--json"))
    between = time.perf_counter()
    again = json.loads(persona(folder, "migrate", server, back, "--from-media", str(folder / "media"), "--json"))
    ended = time.perf_counter()
    first, last = asyncio.run(_both(folder, user))
    return {
        "turns": len(first.turns),
        "commits": len(first.commits),
        "memories": len(first.versions),
        "different_there": out["different"],
        "different_back": again["different"],
        "equal": first == last,
        "seconds_there": between - started,
        "seconds_back": ended - between,
    }


async def _both(folder: Path, user: str) -> tuple[holdings.Holdings, holdings.Holdings]:
    found = []
    for name in ("here", "back"):
        store = Place(folder / name).store()
        held = await holdings.read(store, user)
        # An erase leaves a gap in the numbers of commits, which a copy counts anew; their order is what counts.
        commits = tuple(replace(commit, sequence=number) for number, commit in enumerate(held.commits))
        found.append(replace(held, commits=commits))
        await store.close()
    return found[0], found[1]


def persona(folder: Path, *arguments: str) -> str:
    """Run a command; its output. Raises: RuntimeError with what it said."""
    done = subprocess.run(
        [sys.executable, "-m", "persona_graph", *arguments],
        cwd=PROJECT,
        env=os.environ | {"XDG_DATA_HOME": str(folder / "data")},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    if done.returncode and not done.stdout.lstrip().startswith("{"):
        raise RuntimeError(f"persona {arguments[0]} ended with {done.returncode}: {done.stderr[-600:]}")
    return done.stdout


def broken(figures: Figures) -> list[str]:
    """Which figures break a promise."""
    return [name for name in ("different_there", "different_back") if figures[name]] + ["equal"] * (
        not figures["equal"]
    )


PART = Part(
    name="round-trip",
    what="a real conversation from the embedded store to Weaviate and back",
    run=tried,
    broken=broken,
)
