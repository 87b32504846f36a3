"""`Findings`: which promises a store breaks, a sentence for each; and the checks that need nothing but the store."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from evals.bench import report
from persona_graph.conversation import Turn, TurnState
from persona_graph.memory.commit import Commit, effective, fold
from persona_graph.memory.json_rows import memory_of, messages_of
from persona_graph.memory.sqlite.text import load
from persona_graph.memory.sqlite.words import Index, terms_of
from persona_graph.personality import PersonalityPoint, timeline
from persona_graph.update.outbox import SESSION_JOBS, TURN_JOBS
from tests.trials.holdings import Holdings

JOBS = (*TURN_JOBS, *SESSION_JOBS)
MOST_TOLD = 40


@dataclass(slots=True)
class Findings:
    """Broken promises."""

    lost: list[str] = field(default_factory=list)
    """What was acknowledged and is not so."""
    doubled: list[str] = field(default_factory=list)
    corrupt: list[str] = field(default_factory=list)
    """Files that are damaged, and projections that are not the fold of the commits."""
    disorder: list[str] = field(default_factory=list)

    def add(self, other: Findings) -> None:
        """Take in what another look found, but nothing twice."""
        for ours, theirs in zip(self._kinds.values(), other._kinds.values(), strict=True):
            ours += [sentence for sentence in theirs if sentence not in ours]

    @property
    def every(self) -> list[str]:
        """All of them."""
        return [f"{kind}: {sentence}" for kind, found in self._kinds.items() for sentence in found]

    @property
    def _kinds(self) -> dict[str, list[str]]:
        return {"lost": self.lost, "doubled": self.doubled, "corrupt": self.corrupt, "disorder": self.disorder}


def tell(sentences: Sequence[str]) -> None:
    """Print what was found; of very many the first."""
    for sentence in sentences[:MOST_TOLD]:
        report.say(sentence)
    if len(sentences) > MOST_TOLD:
        report.say(f"and {len(sentences) - MOST_TOLD} more")


def of_holdings(held: Holdings, *, in_one_step: bool = True) -> Findings:
    """What can be said of one user without knowing what was promised.

    `in_one_step` says whether a commit and the end of its job are: on a server a kill between the two leaves the job
    open, and whoever takes it up finds its commit.
    """
    return Findings(
        lost=[*dangling(held)],
        doubled=[*repeated(held, in_one_step=in_one_step)],
        corrupt=[*unfolded(held)],
        disorder=[*out_of_order(held.turns)],
    )


def repeated(held: Holdings, *, in_one_step: bool) -> Iterator[str]:
    """What is there twice, and work that was done twice or is done and still open."""
    yield from _twice("turn", (turn.id for turn in held.turns))
    yield from _twice("message", (turn.messages[0].searchable for turn in held.turns))
    yield from _twice("commit", (commit.id for commit in held.commits))
    yield from _twice("job", (job.id for job in held.jobs))
    yield from _twice("version", (memory.ref for memory in held.versions))
    yield from _twice("observation", (point.observation.turn for point in held.points))
    work = work_on(held.commits) + (work_waiting(held) if in_one_step else Counter())
    for (turn, job), times in work.items():
        if times > 1:
            yield f"{held.user}: {job} of turn {turn} stands {times} times in commits and open jobs"


def _twice(what: str, names: Iterable[str]) -> Iterator[str]:
    return (f"{what} {name!r} is there {times} times" for name, times in Counter(names).items() if times > 1)


def work_on(commits: Iterable[Commit]) -> Counter[tuple[str, str]]:
    """How often each job (turn, name) was committed."""
    return Counter((turn, commit.job) for commit in commits if commit.job in JOBS for turn in commit.evidence)


def work_waiting(held: Holdings) -> Counter[tuple[str, str]]:
    """How often each job (turn, name) waits in the outbox."""
    return Counter((turn, job.name) for job in held.jobs for turn in job.turns)


def undone_work(held: Holdings) -> list[tuple[str, str]]:
    """Jobs (turn, name) of answered turns that are neither committed nor waiting."""
    there = work_on(held.commits) + work_waiting(held)
    answered = (turn.id for turn in held.turns if turn.state is TurnState.ANSWERED)
    return [(turn, job) for turn in answered for job in JOBS if (turn, job) not in there]


def dangling(held: Holdings) -> Iterator[str]:
    """What rests on a turn that is not there, or on a memory whose commit is not, or is waiting to work on it."""
    ids, made = {turn.id for turn in held.turns}, {commit.id for commit in held.commits}
    for commit in held.commits:
        read = {ref.partition("@")[2] or ref.partition("#")[0] for ref in commit.read}
        if gone := (commit.turns - ids) | (read - ids - made):
            yield f"{held.user}: commit {commit.id} ({commit.job}) rests on what is gone: {sorted(gone)}"
    for job in held.jobs:
        if away := set(job.turns) - ids:
            yield f"{held.user}: job {job.name} waits for turns that are gone: {sorted(away)}"


def unfolded(held: Holdings) -> Iterator[str]:
    """Projections that are not the fold of the commits."""
    knowledge = fold(held.commits, tombstones=held.tombstones)
    versions = {memory.ref: memory for every in knowledge.versions.values() for memory in every}
    if {memory.ref: memory for memory in held.versions} != versions:
        yield f"{held.user}: the versions of memories are not the fold of the commits"
    if {memory.ref: memory for memory in held.current} != {ref: m for ref, m in versions.items() if m.current}:
        yield f"{held.user}: the current memories are not those of the fold"
    if (dict(held.standing.frozen), held.standing.off) != (knowledge.frozen, frozenset(knowledge.off)):
        yield f"{held.user}: what is frozen or switched off is not what the commits say"
    if held.points != _timeline(held):
        yield f"{held.user}: the personality's timeline is not the fold of the observations"
    if held.standing.point != (held.points[-1] if held.points else None):
        yield f"{held.user}: the personality does not stand where its timeline ends"


def _timeline(held: Holdings) -> tuple[PersonalityPoint, ...]:
    places = {turn.id: place for place, turn in enumerate(held.turns)}
    observed = [
        (places[seen.turn], commit.sequence, number, seen)
        for commit in effective(held.commits)
        for number, seen in enumerate(commit.observations)
        if seen.turn in places
    ]
    return timeline((seen, m) for m, _, _, seen in sorted(observed, key=lambda entry: entry[:3]))


def out_of_order(turns: Iterable[Turn]) -> Iterator[str]:
    """Turns that do not stand in the order of their times, or are counted wrong."""
    before = None
    for place, turn in enumerate(turns):
        if before is not None and turn.at < before:
            yield f"turn {turn.id} stands behind a later one"
        if turn.ordinal != place:
            yield f"turn {turn.id} is number {place} and says {turn.ordinal}"
        before = turn.at


def of_file(path: Path) -> Findings:
    """What is damaged in a user's file, which nobody else has open."""
    db = sqlite3.connect(path, isolation_level=None)
    try:
        return Findings(corrupt=[f"{path.name}: {sentence}" for sentence in _damage(db)])
    except sqlite3.DatabaseError as error:
        return Findings(corrupt=[f"{path.name}: {error}"])
    finally:
        db.close()


def _damage(db: sqlite3.Connection) -> Iterator[str]:
    (said,) = db.execute("PRAGMA integrity_check").fetchone()
    if said != "ok":
        yield said
    for index in Index:
        db.execute(f"INSERT INTO {index}_words ({index}_words) VALUES ('integrity-check')")
        if _indexed(db, index) != _written(db, index):
            yield f"the words of the {index} index are not those of the texts"


def _indexed(db: sqlite3.Connection, index: Index) -> set[tuple[int, str]]:
    db.execute(f"CREATE VIRTUAL TABLE temp.{index}_found USING fts5vocab(main, {index}_words, instance)")
    return {(row, term) for row, term in db.execute(f"SELECT doc, term FROM temp.{index}_found")}


def _written(db: sqlite3.Connection, index: Index) -> set[tuple[int, str]]:
    if index is Index.MESSAGES:
        rows = db.execute("SELECT row, messages FROM turns").fetchall()
        texts = {row + place: m.searchable for row, said in rows for place, m in enumerate(messages_of(load(said)))}
    else:
        rows = db.execute("SELECT number, body FROM versions").fetchall()
        texts = {number: memory_of(load(body)).searchable for number, body in rows}
    return {(row, term) for row, text in texts.items() for term in terms_of(text).split()}
