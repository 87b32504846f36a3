"""`Commit`: one step of knowledge, and the fold that makes memories of commits.

Journal and commits are the truth; memories and the personality's timeline are projections of them.
`Knowledge.apply` is one pure step; undo, `as_of` and erase are the same fold over fewer commits.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from persona_graph.conversation import digest_of
from persona_graph.memory.operations import Add, Delete, Freeze, Keep, Operation, Pin, Release, Undo, Update
from persona_graph.memory.types import KEYED, Kind, Memory, Source
from persona_graph.personality import Observation
from persona_graph.timerange import TimeRange


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """The operations and observations that one cause produced."""

    id: str
    job: str
    """What caused it: a job's name, or `person`, `client`, `profile`."""
    at: datetime
    """Belief time: the `at` of the newest evidence turn, or the clock for what a person did by hand."""
    source: Source = Source.MODEL
    operations: tuple[Operation, ...] = ()
    observations: tuple[Observation, ...] = ()
    evidence: tuple[str, ...] = ()
    """Ids of the turns it works from; a commit whose evidence is gone is refused."""
    read: tuple[str, ...] = ()
    """What stood in the prompt: turn ids and memory refs (`id@version`)."""
    sequence: int = -1
    """Its place in the order of commits; the store fills it in."""


def commit_id(job: str, turns: Iterable[str]) -> str:
    """A hash of the job and the turns it works from: a replay is the same commit."""
    return digest_of(job, sorted(turns))


def memory_id(commit: str, index: int) -> str:
    """The id of the memory that a commit's operation number `index` adds."""
    return digest_of("memory", commit, str(index))[:16]


@dataclass(slots=True)
class Knowledge:
    """Memories by id, each with its versions in order; and what the person has frozen."""

    versions: dict[str, list[Memory]] = field(default_factory=dict)
    frozen: dict[str, float | None] = field(default_factory=dict)

    @classmethod
    def of(cls, memories: Iterable[Memory], frozen: Mapping[str, float | None] | None = None) -> Knowledge:
        """Knowledge that holds exactly these versions."""
        held: dict[str, list[Memory]] = {}
        for memory in sorted(memories, key=lambda m: m.version):
            held.setdefault(memory.id, []).append(memory)
        return cls(versions=held, frozen=dict(frozen or {}))

    def current(self, memory: str) -> Memory | None:
        """The version of a memory that we hold now."""
        held = self.versions.get(memory)
        return held[-1] if held and held[-1].current else None

    def keyed(self, kind: Kind, key: str) -> Memory | None:
        """The current memory of a keyed kind with this key."""
        folded = key.casefold()
        for held in self.versions.values():
            last = held[-1]
            if last.kind is kind and last.current and last.key.casefold() == folded:
                return last
        return None

    def apply(self, commit: Commit) -> tuple[Memory, ...]:
        """Take one step; returns every version that is new or changed. `Undo` is the fold's matter, not a step's."""
        changed: dict[str, Memory] = {}
        for index, operation in enumerate(commit.operations):
            for memory in self._step(commit, index, operation):
                changed[memory.ref] = memory
        return tuple(changed.values())

    def _step(self, commit: Commit, index: int, operation: Operation) -> list[Memory]:
        match operation:
            case Add():
                held = self.keyed(operation.kind, operation.key) if operation.kind in KEYED and operation.key else None
                if held is not None:
                    return self._supersede(commit, held, operation)
                if self._locked(commit, operation.kind, operation.key):
                    return []
                return self._store(_first(commit, index, operation))
            case Update():
                held = self.current(operation.id)
                return self._supersede(commit, held, operation) if held is not None else []
            case Delete():
                held = self.current(operation.id)
                if held is None or self._vetoed(commit, held):
                    return []
                return self._store(_closed(held, commit.at, commit.at))
            case Pin():
                held = self.current(operation.id)
                return self._store(replace(held, pinned=True)) if held is not None else []
            case Freeze():
                self.frozen[operation.what] = operation.value
                return []
            case Release():
                self.frozen.pop(operation.what, None)
                held = self.current(operation.what)
                return self._store(replace(held, pinned=False)) if held is not None and held.pinned else []
            case Keep() | Undo():
                return []

    def _supersede(self, commit: Commit, held: Memory, new: Add | Update) -> list[Memory]:
        if self._vetoed(commit, held):
            return []
        if (held.text, held.keywords, held.images) == (new.text, new.keywords or held.keywords, new.images):
            return []  # the same value again is no new version
        began = new.event.start or commit.at
        old = _closed(held, commit.at, began)
        made = Memory(
            id=held.id,
            version=held.version + 1,
            kind=held.kind,
            text=new.text,
            keywords=new.keywords,
            key=held.key,
            event=TimeRange(start=began, end=new.event.end if (new.event.end or began) > began else None),
            believed=TimeRange(start=old.believed.end),  # not before the old one, should a commit come late
            images=new.images,
            pinned=held.pinned,
            source=commit.source,
            evidence=new.evidence or commit.evidence,
            commit=commit.id,
        )
        return self._store(old) + self._store(made)

    def _vetoed(self, commit: Commit, held: Memory) -> bool:
        return commit.source is not Source.PERSON and (held.pinned or self._locked(commit, held.kind, held.key))

    def _locked(self, commit: Commit, kind: Kind, key: str) -> bool:
        return commit.source is not Source.PERSON and bool(key) and f"{kind}:{key.casefold()}" in self.frozen

    def _store(self, memory: Memory) -> list[Memory]:
        held = self.versions.setdefault(memory.id, [])
        if held and held[-1].version == memory.version:
            held[-1] = memory
        else:
            held.append(memory)
        return [memory]


def fold(commits: Iterable[Commit], *, as_of: datetime | None = None) -> Knowledge:
    """The knowledge that these commits make, in their order; `as_of` leaves out what was learned after it.

    An `Undo` takes back the commits it names, wherever it stands; an undone `Undo` has no effect.
    """
    kept = [c for c in commits if as_of is None or c.at <= as_of]
    gone = undone(kept)
    knowledge = Knowledge()
    for commit in kept:
        if commit.id not in gone:
            knowledge.apply(commit)
    return knowledge


def undone(commits: Iterable[Commit]) -> frozenset[str]:
    """Ids of the commits that a later `Undo` takes back; the newest undo is read first, so undoing an undo works."""
    ordered = list(commits)
    gone: set[str] = set()
    for place in range(len(ordered) - 1, -1, -1):
        commit = ordered[place]
        if commit.id in gone:
            continue
        for operation in commit.operations:
            if isinstance(operation, Undo):
                gone.update(
                    earlier.id
                    for earlier in ordered[:place]
                    if earlier.id == operation.commit or (operation.since is not None and earlier.at >= operation.since)
                )
    return frozenset(gone)


def _first(commit: Commit, index: int, new: Add) -> Memory:
    return Memory(
        id=memory_id(commit.id, index),
        version=1,
        kind=new.kind,
        text=new.text,
        keywords=new.keywords,
        key=new.key,
        event=_since(new.event, commit.at),
        believed=TimeRange(start=commit.at),
        images=new.images,
        source=commit.source,
        evidence=new.evidence or commit.evidence,
        commit=commit.id,
    )


def _since(event: TimeRange, at: datetime) -> TimeRange:
    """An event of unknown beginning began when we heard of it, or at some time before it ended."""
    if event.start is not None or (event.end is not None and event.end <= at):
        return event
    return TimeRange(start=at, end=event.end)


def _closed(memory: Memory, believed_end: datetime, event_end: datetime) -> Memory:
    """The version as history. An episode happened when it happened: only facts, habits and fields stop being true."""
    believed_start = memory.believed.start
    believed = TimeRange(start=believed_start, end=max(believed_end, believed_start or believed_end))
    if memory.kind is Kind.EPISODIC or (memory.event.end is not None and memory.event.end <= event_end):
        return replace(memory, believed=believed)
    start = memory.event.start
    return replace(memory, believed=believed, event=TimeRange(start=start, end=max(event_end, start or event_end)))
