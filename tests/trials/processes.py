"""Do several processes share one user? `make test-processes`: two writers, a reader and a worker for a minute.

One writer chats, the other records exchanges that happened elsewhere; the reader searches and looks at memories,
personality and receipts; the worker runs the Update stage. Each is a process with the same store open. Then the
outbox is emptied, and everything that was acknowledged is looked up in the store. POSIX only.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import random
import secrets
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import quantiles
from typing import Any

from evals.bench import report
from persona_graph import Message, Role, Turn
from persona_graph.update.outbox import TURN_JOBS
from tests.trials import findings, holdings
from tests.trials.children import IMPOSSIBLE, POSSIBLE, Child, Failed, Line
from tests.trials.errands import said
from tests.trials.findings import Findings
from tests.trials.holdings import Holdings
from tests.trials.place import Place

USER = "ana"
SECONDS = 60.0
ACKNOWLEDGED_PER_SECOND = 1000 / 60
PAUSE_S = 0.03
"""A writer's pause between two turns, on average, so that the worker keeps up nearly."""
SESSION = 12
"""How many recorded turns make a session, which the next one closes."""
NONE_OF_THESE = ("lost", "errors", "disorder", "doubled", "corrupt")
"""Figures that promise a zero."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A turn was acknowledged."""

    writer: str
    turn: str
    text: str
    milliseconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """Something was read."""

    what: str
    milliseconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job of the Update stage was done."""

    name: str


# the four programs


async def chat(line: Line, place: Place, seed: int, pause_s: float) -> None:
    """Talk."""
    rng = random.Random(f"{seed} chat")
    async with place.persona() as persona:
        for number in itertools.takewhile(lambda _: not line.told_to_stop(), itertools.count()):
            text = said(rng, f"chat {number}")

            async def write(text: str = text) -> str:
                return (await persona.achat(USER, text)).turn

            await _write(line, "chat", text, write)
            await asyncio.sleep(rng.uniform(0, 2 * pause_s))


async def record(line: Line, place: Place, seed: int, pause_s: float) -> None:
    """Write down exchanges that happened elsewhere."""
    rng = random.Random(f"{seed} record")
    async with place.persona() as persona:
        for number in itertools.takewhile(lambda _: not line.told_to_stop(), itertools.count()):
            text = said(rng, f"record {number}")
            messages = Message.of(Role.PERSON, text), Message.of(Role.ASSISTANT, "Noted.")
            session = f"elsewhere-{number // SESSION}"
            turn = Turn(id=f"record-{number}", at=datetime.now(UTC), session=session, messages=messages)

            async def write(turn: Turn = turn) -> str:
                (written,) = await persona.arecord(USER, [turn])
                return written

            await _write(line, "record", text, write)
            await asyncio.sleep(rng.uniform(0, 2 * pause_s))


async def _write(line: Line, writer: str, text: str, write: Callable[[], Awaitable[str]]) -> None:
    started = time.perf_counter()
    try:
        turn = await write()
    except Exception as error:  # a rim: the parent counts it, the writer goes on
        line.tell(Failed(what=f"{writer}: {error!r}"))
    else:
        line.tell(Written(writer=writer, turn=turn, text=text, milliseconds=_since(started)))


async def read(line: Line, place: Place, seed: int) -> None:
    """Look at everything, again and again."""
    rng = random.Random(f"{seed} read")
    async with place.persona() as persona:
        while not await persona.aturns(USER, newest=1) and not line.told_to_stop():
            await asyncio.sleep(0.01)
        looks: dict[str, Callable[[], Awaitable[object]]] = {
            "search": lambda: persona.asearch(USER, said(rng, "")),
            "memories": lambda: persona.amemories(USER),
            "personality": lambda: persona.apersonality(USER),
            "receipt": lambda: persona.areceipt(USER),
        }
        for what, look in itertools.cycle(looks.items()):
            if line.told_to_stop():
                return
            started = time.perf_counter()
            try:
                await look()
            except Exception as error:  # a rim: the parent counts it, the reader goes on
                line.tell(Failed(what=f"{what}: {error!r}"))
            else:
                line.tell(Read(what=what, milliseconds=_since(started)))


async def work(line: Line, place: Place, idle_s: float) -> None:
    """Be a worker."""
    async with place.persona() as persona:
        await persona.awork(
            idle_s=idle_s, until=line.told_to_stop, on_job=lambda _, job, done: line.tell(Job(name=job.name))
        )


async def finish(line: Line, place: Place) -> None:
    """Do what is left."""
    async with place.persona() as persona:
        await persona.aflush(USER, close_sessions=True, on_job=lambda _, job, done: line.tell(Job(name=job.name)))


def _since(started: float) -> float:
    return (time.perf_counter() - started) * 1e3


# the trial


def share(folder: Path, *, seconds: float, seed: int, pause_s: float = PAUSE_S, server: str = "") -> dict[str, Any]:
    """Run the trial in an empty folder, or on a server; its figures. Each broken promise is printed."""
    store, started = Place(folder / "store", server), time.perf_counter()
    with ExitStack() as stack:
        writers = [stack.enter_context(Child.start(program, store, seed, pause_s)) for program in (chat, record)]
        reader = stack.enter_context(Child.start(read, store, seed))
        worker = stack.enter_context(Child.start(work, store, 0.2))
        children = [*writers, reader, worker]
        news = _listened(children, seconds)
        for child in children:
            news += child.stop()
    report.say("stopped; doing what is left")
    with Child.start(finish, store) as last:
        left = last.last_words()
    held = asyncio.run(_held(store))
    found = compare(held, [one for one in news if isinstance(one, Written)])
    for path in (store.folder / "users").glob("*.db"):
        found.add(findings.of_file(path))
    errors = [failed.what for child in [*children, last] for failed in child.failures]
    findings.tell([*found.every, *(f"error: {error}" for error in errors)])
    return _figures(news, held, found) | {
        "errors": len(errors),
        "left_for_the_end": sum(isinstance(one, Job) for one in left),
        "seconds": time.perf_counter() - started,
        "seed": seed,
    }


def _listened(children: Iterable[Child], seconds: float) -> list[Any]:
    """What children tell in a time."""
    deadline, news, shown = time.monotonic() + seconds, list[Any](), 0.0
    while (left := deadline - time.monotonic()) > 0:
        for child in children:
            news += child.listen(min(left, 0.01))
        if seconds - left - shown >= 10:
            shown = seconds - left
            counts = [sum(isinstance(one, kind) for one in news) for kind in (Written, Read, Job)]
            report.say("{} turns written, {} reads, {} jobs done".format(*counts))
    return news


async def _held(place: Place) -> Holdings:
    store = place.store()
    held = await holdings.read(store, USER)
    await store.close()
    return held


def compare(held: Holdings, written: Sequence[Written]) -> Findings:
    """What was acknowledged and is not in the store, or not in its place; the outbox has been emptied."""
    found = findings.of_holdings(held)
    there = {turn.id: turn for turn in held.turns}
    found.lost += [f"turn {one.turn} is not there as it was told" for one in written if not _kept(one, there)]
    found.lost += [f"{job} of turn {turn} was not done" for turn, job in findings.undone_work(held)]
    found.lost += [f"{job.name} over {', '.join(job.turns)} is still open" for job in held.jobs]
    for writer in sorted({one.writer for one in written}):
        own = [one.turn for one in written if one.writer == writer]
        found.disorder += _order(writer, own, held)
    return found


def _kept(one: Written, there: Mapping[str, Turn]) -> bool:
    return one.turn in there and there[one.turn].messages[0].text == one.text


def _order(writer: str, own: Sequence[str], held: Holdings) -> Iterator[str]:
    """Whether a writer's turns, and the jobs that follow each, stand in the order in which they were written."""
    places = {turn: place for place, turn in enumerate(own)}
    stand = [places[turn.id] for turn in held.turns if turn.id in places]
    if stand != sorted(stand):
        yield f"the turns of {writer} do not stand in the order in which they were written"
    done = [
        (places[commit.evidence[0]], TURN_JOBS.index(commit.job))
        for commit in held.commits
        if commit.job in TURN_JOBS and commit.evidence[0] in places
    ]
    if done != sorted(done):
        yield f"the jobs after the turns of {writer} were not done in their order"


def _figures(news: Sequence[Any], held: Holdings, found: Findings) -> dict[str, Any]:
    written = [one for one in news if isinstance(one, Written)]
    looked = [one for one in news if isinstance(one, Read)]
    writes, reads = [one.milliseconds for one in written], [one.milliseconds for one in looked]
    return {
        "acknowledged": len(written),
        "lost": len(found.lost),
        "disorder": len(found.disorder),
        "doubled": len(found.doubled),
        "corrupt": len(found.corrupt),
        "reads": len(reads),
        "updates": len(held.commits),
        "write_p50_ms": _percentile(writes, 50),
        "write_p95_ms": _percentile(writes, 95),
        "read_p50_ms": _percentile(reads, 50),
        "read_p95_ms": _percentile(reads, 95),
        "longest_read_ms": max(reads, default=None),
        "longest_write_ms": max(writes, default=None),
        "read_p95_ms_by_kind": {
            what: _percentile([one.milliseconds for one in looked if one.what == what], 95)
            for what in sorted({one.what for one in looked})
        },
        "written_by": {
            writer: sum(one.writer == writer for one in written) for writer in sorted({one.writer for one in written})
        },
    }


def _percentile(values: Sequence[float], percent: int) -> float | None:
    return quantiles(values, n=100)[percent - 1] if len(values) > 1 else None


def broken(figures: Mapping[str, Any], seconds: float) -> list[str]:
    """Which figures break a promise."""
    few = figures["acknowledged"] < ACKNOWLEDGED_PER_SECOND * seconds
    return [name for name in NONE_OF_THESE if figures[name]] + ["acknowledged"] * few


def main() -> int:
    """Run, print the table and the line of JSON; 1 when a promise is broken."""
    parser = argparse.ArgumentParser(prog="test-processes", description=__doc__)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="how long they work")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6), help="what is said is drawn from it")
    given = parser.parse_args()
    if not POSSIBLE:
        report.say(f"skipped: {IMPOSSIBLE}")
        return 0
    report.say(f"seed {given.seed}, {given.seconds:.0f} s: two writers, a reader, a worker, one user")
    with tempfile.TemporaryDirectory(prefix="persona-processes-") as folder:
        figures = share(Path(folder), seconds=given.seconds, seed=given.seed)
    report.show("one user, four processes", ["", ""], figures.items())
    report.finish(figures)
    return int(bool(broken(figures, given.seconds)))


if __name__ == "__main__":
    sys.exit(main())
