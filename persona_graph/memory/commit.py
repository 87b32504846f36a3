"""`Commit`: one step of knowledge, and the fold that makes memories of commits.

Journal and commits are the truth; memories and the personality's timeline are projections of them.
`Knowledge.apply` is one pure step; undo, `as_of` and erase are the same fold over fewer commits.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from persona_graph.conversation import digest_of
from persona_graph.memory.operations import (
    Add,
    Delete,
    Freeze,
    Keep,
    Operation,
    Pin,
    Release,
    SwitchOff,
    Undo,
    Update,
)
from persona_graph.memory.types import KEYED, Kind, Memory, Source
from persona_graph.personality import Observation, Trait
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
    """What stood in the prompt: turn ids, their pictures (`id#digest`) and memory refs (`id@commit`)."""
    sequence: int = -1
    """Its place in the order of commits; the store fills it in."""

    @property
    def turns(self) -> frozenset[str]:
        """Every turn that it was made from: evidence of the whole, of single operations, and what was observed."""
        of_operations = (turn for o in self.operations for turn in getattr(o, "evidence", ()))
        return frozenset((*self.evidence, *of_operations, *(seen.turn for seen in self.observations)))


def commit_id(job: str, turns: Iterable[str]) -> str:
    """A hash of the job and the turns it works from: a replay is the same commit."""
    return digest_of(job, sorted(turns))


def memory_id(commit: str, index: int) -> str:
    """The id of the memory that a commit's operation number `index` adds."""
    return digest_of("memory", commit, str(index))[:16]


Said = tuple[str, str]
"""The field that a text stands in, and the text: "2" is one thing under `core:children` and another elsewhere."""


def said_in(value: Memory | Add | Update) -> Said:
    """What a memory says, or an operation; facts and episodes stand in no field."""
    keyed = value.kind in KEYED and value.key
    return field_name(value.kind, value.key) if value.kind and keyed else "", value.text


@dataclass(frozen=True, slots=True)
class Tombstones:
    """What was erased, without a word of it: ids of turns, memories and images, and digests of memories' texts."""

    user: str = ""
    """Salts the digests, so that those of two users say nothing about each other."""
    ids: frozenset[str] = frozenset()

    def digest(self, field: str, text: str) -> str:
        """What stands for a text; the same for another case or other spaces."""
        return digest_of("said", self.user, field, said_alike(text))

    def of(self, ids: Iterable[str], said: Iterable[Said]) -> Tombstones:
        """These tombstones, and those of more ids and texts."""
        return replace(self, ids=self.ids | frozenset(ids) | frozenset(self.digest(*one) for one in said))

    def cover(self, field: str, text: str) -> bool:
        """Whether a memory that said this was erased."""
        return bool(self.ids) and self.digest(field, text) in self.ids


def said_alike(text: str) -> str:
    """The text in the form in which two that say the same are equal."""
    return " ".join(text.casefold().split())


NOTHING_ERASED = Tombstones()


@dataclass(slots=True)
class Knowledge:
    """Memories by id, each with its versions in order; and what the person holds or has switched off."""

    versions: dict[str, list[Memory]] = field(default_factory=dict)
    frozen: dict[str, float | None] = field(default_factory=dict)
    """Traits and fields (`core:KEY`), with a trait's value."""
    off: set[str] = field(default_factory=set)
    """Traits and fields that are left out of answers."""
    tombstones: Tombstones = NOTHING_ERASED
    """What inference must not bring back."""

    @classmethod
    def of(
        cls,
        memories: Iterable[Memory],
        frozen: Mapping[str, float | None] | None = None,
        off: Iterable[str] = (),
        tombstones: Tombstones = NOTHING_ERASED,
    ) -> Knowledge:
        """Knowledge that holds exactly these versions."""
        held: dict[str, list[Memory]] = {}
        for memory in sorted(memories, key=lambda m: m.version):
            held.setdefault(memory.id, []).append(memory)
        return cls(versions=held, frozen=dict(frozen or {}), off=set(off), tombstones=tombstones)

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
                return self._add(commit, index, operation)
            case Update():
                return self._update(commit, index, operation)
            case Delete():
                held = self.current(operation.id)
                if held is None or self._vetoed(commit, held) or _older(commit, held):
                    return []
                return self._store(_closed(held, commit.at, commit.at))
            case Pin():
                held = self.current(operation.id)
                return self._store(replace(held, pinned=True)) if held is not None else []
            case Freeze():
                self.frozen[operation.what] = operation.value
                return []
            case SwitchOff():
                return self._switch_off(operation.what)
            case Release():
                return self._release(operation.what)
            case Keep() | Undo():
                return []

    def _add(self, commit: Commit, index: int, new: Add) -> list[Memory]:
        id = memory_id(commit.id, index)
        held = self.keyed(new.kind, new.key) if new.kind in KEYED and new.key else None
        if self._erased(commit, id, said_in(new)):
            return []
        if id in self.versions:
            return []  # its job ran again, and the person has said since what is right of what it made before
        if held is not None:
            return self._supersede(commit, index, held, new)
        return self._begin(commit, id, new.kind, new.key, new)

    def _update(self, commit: Commit, index: int, new: Update) -> list[Memory]:
        held = self.current(new.id)
        if held is None and new.kind in KEYED and new.key:
            held = self.keyed(new.kind, new.key)  # what it replaced was erased and made anew under another id
        if self._erased(commit, new.id, said_in(new if held is None else replace(held, text=new.text))):
            return []
        if held is not None:
            return self._supersede(commit, index, held, new)
        if new.kind is None or new.id in self.versions:
            return []
        return self._begin(commit, new.id, new.kind, new.key, new)

    def _begin(self, commit: Commit, id: str, kind: Kind, key: str, new: Add | Update) -> list[Memory]:
        if self._locked(commit, kind, key):
            return []
        off = bool(key) and field_name(kind, key) in self.off
        return self._store(replace(_first(commit, id, kind, key, new), off=off))

    def _supersede(self, commit: Commit, index: int, held: Memory, new: Add | Update) -> list[Memory]:
        if self._vetoed(commit, held):
            return []
        if (held.text, held.keywords, held.images) == (new.text, new.keywords or held.keywords, new.images):
            return []  # the same value again is no new version
        if _older(commit, held):
            past = memory_id(commit.id, index)
            return [] if past in self.versions else self._store(_past(commit, past, self.versions[held.id], new))
        again = held.commit == commit.id  # one commit makes at most one version of a memory
        event = _since(new.event, commit.at)
        began = event.start or commit.at
        old = _closed(held, commit.at, began)
        made = Memory(
            id=held.id,
            version=held.version + (not again),
            kind=held.kind,
            text=new.text,
            keywords=new.keywords,
            key=held.key,
            event=event if event.start is None or event.end != event.start else TimeRange(start=event.start),
            # not before the old one, should a commit come late
            believed=TimeRange(start=held.believed.start if again else old.believed.end),
            images=new.images,
            pinned=held.pinned,
            off=held.off,
            source=commit.source,
            evidence=new.evidence or commit.evidence,
            commit=commit.id,
        )
        return ([] if again else self._store(old)) + self._store(made)

    def _switch_off(self, what: str) -> list[Memory]:
        held = self.current(what)
        if held is None and (is_trait(what) or ":" in what):
            self.off.add(what)
            held = self._field(what)
        return self._store(replace(held, off=True)) if held is not None else []

    def _release(self, what: str) -> list[Memory]:
        self.frozen.pop(what, None)
        self.off.discard(what)
        held = self.current(what) or self._field(what)
        if held is None or not (held.pinned or held.off):
            return []
        return self._store(replace(held, off=False, pinned=held.pinned and what != held.id))

    def _field(self, what: str) -> Memory | None:
        """The memory that a field's name (`core:KEY`) means now."""
        kind, found, key = what.partition(":")
        return self.keyed(Kind(kind), key) if found and kind in KEYED else None

    def _vetoed(self, commit: Commit, held: Memory) -> bool:
        by_person = commit.source is Source.PERSON
        return not by_person and (held.pinned or held.off or self._locked(commit, held.kind, held.key))

    def _locked(self, commit: Commit, kind: Kind, key: str) -> bool:
        name = field_name(kind, key)
        return commit.source is not Source.PERSON and bool(key) and (name in self.frozen or name in self.off)

    def _erased(self, commit: Commit, memory: str, said: Said) -> bool:
        """Whether inference would bring back what the person had erased; the person may say it again."""
        stones = self.tombstones
        return commit.source is not Source.PERSON and (memory in stones.ids or stones.cover(*said))

    def _store(self, memory: Memory) -> list[Memory]:
        held = self.versions.setdefault(memory.id, [])
        if held and held[-1].version == memory.version:
            held[-1] = memory
        else:
            held.append(memory)
        return [memory]


def fold(
    commits: Iterable[Commit], *, as_of: datetime | None = None, tombstones: Tombstones = NOTHING_ERASED
) -> Knowledge:
    """The knowledge that these commits make, in their order; `as_of` leaves out what was learned after it.

    An `Undo` takes back what it names, wherever it stands; an undone `Undo` has no effect.
    """
    knowledge = Knowledge(tombstones=tombstones)
    for commit in effective(c for c in commits if as_of is None or c.at <= as_of):
        knowledge.apply(commit)
    return knowledge


def effective(commits: Iterable[Commit]) -> tuple[Commit, ...]:
    """The commits without what an `Undo` takes back.

    The newest undo is read first, so undoing an undo works. A commit that is named stays undone when its job runs
    again over the same turns; of `since` only what stood there before counts.
    """
    ordered = list(commits)
    gone: set[str] = set()
    parts: dict[str, set[int]] = {}
    for place in range(len(ordered) - 1, -1, -1):
        if ordered[place].id in gone:
            continue
        for operation in ordered[place].operations:
            if not isinstance(operation, Undo):
                continue
            if operation.since is not None:
                gone.update(earlier.id for earlier in ordered[:place] if earlier.at >= operation.since)
            elif operation.operation is None:
                gone.add(operation.commit)
            else:
                parts.setdefault(operation.commit, set()).add(operation.operation)
    kept = (commit for commit in ordered if commit.id not in gone)
    return tuple(_without(commit, parts.get(commit.id, set())) for commit in kept)


def _without(commit: Commit, places: set[int]) -> Commit:
    """The commit without some of its operations; those after them keep their places, which name what they add."""
    if not places:
        return commit
    left = tuple(Keep() if place in places else o for place, o in enumerate(commit.operations))
    return replace(commit, operations=left)


def _first(commit: Commit, id: str, kind: Kind, key: str, new: Add | Update) -> Memory:
    return Memory(
        id=id,
        version=1,
        kind=kind,
        text=new.text,
        keywords=new.keywords,
        key=key,
        event=_since(new.event, commit.at),
        believed=TimeRange(start=commit.at),
        images=new.images,
        source=commit.source,
        evidence=new.evidence or commit.evidence,
        commit=commit.id,
    )


def _older(commit: Commit, held: Memory) -> bool:
    """Whether a commit tells of a time before what we hold: history that comes late does not replace the present."""
    start = held.believed.start
    return commit.source is not Source.PERSON and start is not None and commit.at < start


def _past(commit: Commit, id: str, versions: list[Memory], new: Add | Update) -> Memory:
    """What history that came late says, as a memory of the past: until the next thing that was held instead."""
    later = min((m for m in versions if m.believed.start and m.believed.start > commit.at), key=_believed_since)
    memory = _first(commit, id, later.kind, later.key, new)
    began = memory.event.start or commit.at
    replaced = later.event.start if later.event.start and later.event.start > began else later.believed.start
    return _closed(memory, later.believed.start or commit.at, replaced or commit.at)


def _believed_since(memory: Memory) -> datetime:
    assert memory.believed.start is not None
    return memory.believed.start


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


def field_name(kind: Kind, key: str) -> str:
    """What a freeze or a switch-off calls a field: `core:home`."""
    return f"{kind}:{key.casefold()}"


def is_trait(what: str) -> bool:
    """Whether a freeze or a switch-off names a trait."""
    return what in set(Trait)
