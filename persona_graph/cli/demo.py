"""`persona demo`: watch the assistant learn a person, stop, start again and remember. No model, no network."""

from __future__ import annotations

import json
import random
import shlex
import subprocess
import sys
import tempfile
import time
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from persona_graph.cli import STARTED
from persona_graph.cli.edge import FAILED
from persona_graph.cli.views.style import console, errors
from persona_graph.errors import InputError

if TYPE_CHECKING:
    from persona_graph.demo.person import Person


def demo(
    seed: Annotated[int | None, typer.Option("--seed", help="Draws the person; a random one otherwise.")] = None,
    keep: Annotated[Path | None, typer.Option("--keep", help="Keep the memory in this new folder.")] = None,
    store: Annotated[
        str | None, typer.Option("--store", help="Try it on this store, a Weaviate say; it is left as it was.")
    ] = None,
    recall: Annotated[Path | None, typer.Option("--recall", hidden=True)] = None,
) -> None:
    """See the whole loop in seconds: learn, stop, start again, recall. Every claim is checked."""
    from persona_graph.demo import sockets

    sockets.watch()
    from persona_graph.demo.person import draw

    person = draw(seed if seed is not None else random.SystemRandom().randrange(10_000))
    if recall is not None:
        from persona_graph.demo import recall as second

        raise typer.Exit(0 if second.recall(person, recall, store) else FAILED)
    if keep is not None and store is not None:
        raise InputError("--keep names a folder for the memory, and --store a store that is left as it was; give one")
    with _folder(keep) as name:
        report = _both(person, Path(name), store, kept=keep is not None)
    if keep is not None:
        kept = shlex.quote(f"sqlite:{keep / 'memory'}")
        console.print(f"persona show memories --store {kept} -u {person.user}", soft_wrap=True, markup=False)
    console.print(json.dumps(report), soft_wrap=True, markup=False, highlight=False)
    if not report["recalled"]:
        raise typer.Exit(FAILED)


def _both(person: Person, folder: Path, store: str | None, *, kept: bool) -> dict[str, Any]:
    """Run the first process here and the second beside it."""
    from persona_graph.demo import sockets, stage
    from persona_graph.demo.learn import learn

    stays = "" if kept else " for this run" if store else " for this run; --keep FOLDER keeps it"
    stage.opening(person, store or str(folder), stays)
    learn(person, folder, store)
    second = [sys.executable, "-m", "persona_graph", "demo", "--seed", str(person.seed), "--recall", str(folder)]
    code = subprocess.run([*second, *(["--store", store] if store else [])], check=False).returncode
    return _report(person, folder, store, code, sockets.opened())


def _report(person: Person, folder: Path, store: str | None, code: int, own_sockets: int) -> dict[str, Any]:
    from persona_graph.demo import stage
    from persona_graph.demo.recall import RECALLED
    from persona_graph.demo.script import sessions
    from persona_graph.demo.truths import Truth, failures

    path = folder / RECALLED
    found: dict[str, Any] = {"truths": [], "inet_sockets": 0}
    if path.is_file():
        found = json.loads(path.read_text(encoding="utf-8"))
    total = own_sockets + found["inet_sockets"]
    truths = [Truth(**row) for row in found["truths"]]
    if store is None:
        # Windows has no socket pair: an event loop there wakes itself through one on the loopback.
        silent = total == 0 or sys.platform == "win32"
        truths.append(Truth("no internet socket", silent, f"{total} opened"))
    if code and all(truth.holds for truth in truths):
        truths.append(Truth("the second process ends well", False, f"it ended with exit code {code}"))
    stage.chapter("What was checked")
    stage.verdict(truths)
    for line in failures(truths):
        errors.print(f"[bad]{line}[/]", soft_wrap=True)
    return {
        "seed": person.seed,
        "seconds": round(time.monotonic() - STARTED, 2),
        "recalled": all(truth.holds for truth in truths),
        "checks": len(truths),
        "sessions": len(sessions(person)),
        "turns": found.get("turns", 0),
        "memories": found.get("memories", 0),
        "inet_sockets": total,
    }


def _folder(keep: Path | None) -> AbstractContextManager[str]:
    if keep is None:
        # SQLite's files may be held a moment longer on Windows.
        return tempfile.TemporaryDirectory(prefix="persona-demo-", ignore_cleanup_errors=True)
    if keep.exists() and any(keep.iterdir()):
        raise InputError(f"the folder {keep.name!r} is not empty; name a new one")
    keep.mkdir(parents=True, exist_ok=True)
    return nullcontext(str(keep))
