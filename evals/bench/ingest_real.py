"""Does a real conversation survive a kill? `make ingest-real`: LoCoMo conv-26 through journal, outbox and Update stage.

`persona ingest` runs in a process of its own. It is killed with SIGKILL when half of the messages are written, run
again and killed when half of the updates are done, run once more, and must end with every message once and every
update once. All figures are counted from the store itself: messages by their ids in the file, updates by the turns
that the commits of each job rest on.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from evals.bench import report
from evals.bench.questions import message_ids
from persona_graph.conversation import Turn
from persona_graph.ingest import History, load
from persona_graph.memory.open import open_store
from persona_graph.memory.store import MemoryStore
from persona_graph.update.outbox import SESSION_JOBS, TURN_JOBS

PROJECT = Path(__file__).resolve().parents[2]
SAMPLE, USER = "conv-26", "caroline"
PATIENCE_S = 600.0


def start(data: Path, sample: str, url: str) -> subprocess.Popen[bytes]:
    """`persona ingest` in a child process; its progress bar is ours to see."""
    options = ["--sample", sample, "--user", USER, "--store", url, "--model", "offline"]
    command = [sys.executable, "-m", "persona_graph", "ingest", str(data), *options]
    return subprocess.Popen(command, cwd=PROJECT, env=os.environ | {"PYTHONUNBUFFERED": "1"})


def expected(turns: Iterable[Turn]) -> dict[str, list[frozenset[str]]]:
    """For each update job the groups of turns that one commit each must rest on: a turn, or a session."""
    sessions: dict[str, set[str]] = {}
    for turn in turns:
        sessions.setdefault(turn.session, set()).add(turn.id)
    single = [frozenset({id}) for ids in sessions.values() for id in ids]
    whole = [frozenset(ids) for ids in sessions.values()]
    return dict.fromkeys(TURN_JOBS, single) | dict.fromkeys(SESSION_JOBS, whole)


async def messages_in(store: MemoryStore) -> int:
    """How many messages are written."""
    return sum(len(turn.messages) for turn in await store.turns(USER))


async def updates_in(store: MemoryStore) -> int:
    """How many updates are done."""
    return len(await store.commits(USER))


async def killed_half_way(
    child: subprocess.Popen[bytes], url: str, progress: Callable[[MemoryStore], Awaitable[int]], half: int
) -> int:
    """Watch the store from this process, SIGKILL the child when it is half done; how far it was.

    Raises: RuntimeError when the child ends before or takes too long.
    """
    store, deadline = open_store(url), time.monotonic() + PATIENCE_S
    try:
        while await progress(store) < half:
            if child.poll() is not None:
                raise RuntimeError(f"ingest ended with {child.returncode} before it was half done")
            if time.monotonic() > deadline:
                raise RuntimeError(f"ingest was not half done after {PATIENCE_S:.0f} s")
            await asyncio.sleep(0.002)
        child.kill()
        child.wait()
        return await progress(store)
    finally:
        child.kill()
        await store.close()


async def counted(url: str, history: History) -> dict[str, Any]:
    """What the store holds, against what the file and the rules of the outbox say it must."""
    store = open_store(url)
    try:
        turns, commits = await store.turns(USER), await store.commits(USER)
        memories, jobs = await store.memories(USER), await store.jobs(USER)
    finally:
        await store.close()
    kept = Counter(message.outside_id for turn in turns for message in turn.messages)
    in_file = Counter(message_ids(history))
    messages = balance(in_file, kept)
    wanted = Counter((job, group) for job, groups in expected(history.turns).items() for group in groups)
    done = Counter((c.job, frozenset(c.evidence)) for c in commits if c.job in (*TURN_JOBS, *SESSION_JOBS))
    updates = balance(wanted, done)
    return {
        "messages": kept.total(),
        "messages_in_file": in_file.total(),
        "updates": done.total(),
        "updates_expected": wanted.total(),
        "memories": len(memories),
        "memories_by_kind": dict(Counter(memory.kind.value for memory in memories)),
        "lost": messages[0] + updates[0],
        "doubled": messages[1] + updates[1],
        "open_jobs": len(jobs),
        "same_commit_twice": sum(count - 1 for count in Counter(c.id for c in commits).values()),
    }


def balance(wanted: Mapping[Any, int], held: Mapping[Any, int]) -> tuple[int, int]:
    """(how many are missing, how many are too many)"""
    lost, extra = Counter(wanted), Counter(held)
    lost.subtract(held)
    extra.subtract(wanted)
    return (+lost).total(), (+extra).total()


async def measure(data: Path, sample: str, folder: Path) -> dict[str, Any]:
    """Ingest, kill, resume, count; then once more, which must change nothing."""
    (history,) = load(data, sample=sample).histories
    url, total = f"sqlite:{folder / 'memory'}", sum(map(len, expected(history.turns).values()))
    report.say(f"{sample}: {history.messages} messages, {total} updates to make; killed half way through each")
    started = time.perf_counter()
    written = await killed_half_way(start(data, sample, url), url, messages_in, history.messages // 2)
    report.say(f"killed with {written} messages written; resuming")
    done = await killed_half_way(start(data, sample, url), url, updates_in, total // 2)
    report.say(f"killed with {done} updates done; resuming")
    wait_for(start(data, sample, url))
    seconds = time.perf_counter() - started
    figures = await counted(url, history)
    report.say("once more: everything is there already")
    wait_for(start(data, sample, url))
    again = await counted(url, history)
    same: Sequence[str] = ("messages", "updates", "memories", "lost", "doubled")
    return {
        **figures,
        "killed_at_messages": written,
        "killed_at_updates": done,
        "seconds": seconds,
        "changed_by_one_more_run": sum(figures[name] != again[name] for name in same),
    }


def wait_for(child: subprocess.Popen[bytes]) -> None:
    """Let a child end. Raises: RuntimeError when it fails."""
    if child.wait(PATIENCE_S) != 0:
        raise RuntimeError(f"ingest ended with {child.returncode}")


def main() -> int:
    """Run, print the table and the line of JSON; 1 when anything was lost or doubled."""
    parser = argparse.ArgumentParser(prog="ingest-real", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="a LoCoMo file")
    parser.add_argument("--sample", default=SAMPLE, help="which conversation")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="persona-ingest-") as folder:
        figures = asyncio.run(measure(given.data.resolve(), given.sample, Path(folder)))
    report.show("ingest, killed half way and resumed", ["", ""], figures.items())
    report.finish(figures)
    return int(bool(figures["lost"] or figures["doubled"]))


if __name__ == "__main__":
    sys.exit(main())
