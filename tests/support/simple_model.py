"""A simple model of what a store believes: no versions, no intervals, everything counted anew for each question.

It knows memories by id with their present text, reads the commits from the first one on, and takes erases and undos
for what people mean by them. The real fold and the real erase have to agree with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from persona_graph.memory.commit import Commit, memory_id
from persona_graph.memory.operations import (
    Add,
    Delete,
    Freeze,
    Operation,
    Pin,
    Release,
    SwitchOff,
    Undo,
    Update,
)
from persona_graph.memory.types import KEYED, Kind, Source

Said = tuple[str, str]
"""The field that a text stands in, and the text."""


@dataclass
class Known:
    """One memory as it is believed."""

    kind: Kind
    key: str
    text: str
    since: datetime
    commit: str
    pinned: bool = False
    off: bool = False

    @property
    def field(self) -> str:
        """Its field, for keyed kinds."""
        return _field(self.kind, self.key)

    @property
    def said(self) -> Said:
        """What it says."""
        return self.field, self.text.casefold()


@dataclass
class SimpleModel:
    """Turns, commits, and the names and texts that may not come back."""

    turns: list[str] = field(default_factory=list)
    commits: list[Commit] = field(default_factory=list)
    buried: set[str] = field(default_factory=set)
    buried_texts: set[Said] = field(default_factory=set)
    cleared: set[tuple[str, int]] = field(default_factory=set)
    """(commit, place) of operations that an erase of a memory took out."""
    made: dict[tuple[str, str], Known] = field(default_factory=dict)
    """What a commit made of a memory, of all that is believed now or was."""

    def believes(self, as_of: datetime | None = None) -> dict[str, Known]:
        """Current memories by id."""
        known: dict[str, Known] = {}
        gone: set[str] = set()
        held: set[str] = set()
        self.made = {}
        for commit, place, operation in self._steps(as_of):
            self._do(known, gone, held, commit, place, operation)
        return known

    def _steps(self, as_of: datetime | None) -> Iterator[tuple[Commit, int, Operation]]:
        commits = [c for c in self.commits if as_of is None or c.at <= as_of]
        undone, parts = self._undone(commits)
        for commit in commits:
            for place, operation in enumerate(commit.operations):
                if commit.id not in undone and not {(commit.id, place)} & (parts | self.cleared):
                    yield commit, place, operation

    def _undone(self, commits: list[Commit]) -> tuple[set[str], set[tuple[str, int]]]:
        undone: set[str] = set()
        parts: set[tuple[str, int]] = set()
        for number, commit in reversed(list(enumerate(commits))):
            for operation in commit.operations if commit.id not in undone else ():
                if isinstance(operation, Undo) and operation.since is not None:
                    undone |= {c.id for c in commits[:number] if c.at >= operation.since}
                elif isinstance(operation, Undo) and operation.operation is not None:
                    parts.add((operation.commit, operation.operation))
                elif isinstance(operation, Undo):
                    undone.add(operation.commit)
        return undone, parts

    def _do(
        self,
        known: dict[str, Known],
        gone: set[str],
        held: set[str],
        commit: Commit,
        place: int,
        operation: Operation,
    ) -> None:
        person = commit.source is Source.PERSON
        match operation:
            case Add(kind=kind, key=key) if kind in KEYED and key and (same := _keyed(known, kind, key)):
                self._replace(known, gone, held, commit, place, same, operation.text, person)
            case Add(kind=kind, key=key):
                self._begin(known, held, commit, memory_id(commit.id, place), kind, key, operation.text, person)
            case Update(id=id) if id in known:
                self._replace(known, gone, held, commit, place, id, operation.text, person)
            case Update(id=id, kind=kind) if kind is not None and id not in gone:
                self._begin(known, held, commit, id, kind, operation.key, operation.text, person)
            case Delete(id=id) if id in known:
                if person or not (_locked(known[id], held) or commit.at < known[id].since):
                    gone.add(id)
                    del known[id]
            case Pin(id=id) if id in known:
                known[id].pinned = True
            case Freeze() | SwitchOff() | Release():
                self._hold(known, held, operation)

    def _hold(self, known: dict[str, Known], held: set[str], operation: Freeze | SwitchOff | Release) -> None:
        what = operation.what
        if isinstance(operation, Freeze):
            held.add(what)
        elif isinstance(operation, SwitchOff):
            self._switch(known, held, what)
        else:
            held -= {what, f"off {what}"}
            for id, one in known.items():
                if what in (id, _name(one)):
                    one.off, one.pinned = False, one.pinned and what != id

    def _begin(
        self,
        known: dict[str, Known],
        held: set[str],
        commit: Commit,
        id: str,
        kind: Kind,
        key: str,
        text: str,
        person: bool,
    ) -> None:
        new = Known(kind, key, text, commit.at, commit.id)
        if person or not (_locked(new, held) or self._buried(id, new)):
            new.off = bool(key) and f"off {_name(new)}" in held
            known[id] = self.made[(id, commit.id)] = new

    def _replace(
        self,
        known: dict[str, Known],
        gone: set[str],
        held: set[str],
        commit: Commit,
        place: int,
        id: str,
        text: str,
        person: bool,
    ) -> None:
        old = known[id]
        since = old.since if old.commit == commit.id else max(commit.at, old.since)
        new = Known(old.kind, old.key, text, since, commit.id, old.pinned, old.off)
        if text == old.text or (not person and (_locked(old, held) or self._buried(id, new))):
            return
        if not person and commit.at < old.since:
            past = memory_id(commit.id, place)  # news of an older time
            self.made[(past, commit.id)] = new
            gone.add(past)
            return
        known[id] = self.made[(id, commit.id)] = new

    def _buried(self, id: str, new: Known) -> bool:
        return id in self.buried or new.said in self.buried_texts

    def _switch(self, known: dict[str, Known], held: set[str], what: str) -> None:
        if what in known:
            known[what].off = True
        elif ":" in what or what == "openness":
            held.add(f"off {what}")
            for one in known.values():
                one.off = one.off or _name(one) == what

    def take(self, commit: Commit) -> None:
        """Take in a commit, without what inference says of the erased."""
        self.commits.append(commit)
        self.cleared |= {
            (commit.id, place)
            for place, operation in enumerate(commit.operations)
            if commit.source is not Source.PERSON and _said(operation) & self.buried_texts
        }

    def erase(self, turns: set[str], memories: set[str]) -> None:
        """What was made from the turns goes, and what was made from that; of the memories no word stays."""
        self.believes()
        fields = {one.field for (id, _), one in self.made.items() if id in memories} - {""}
        others = {(made, one.field) for (id, made), one in self.made.items() if id not in memories}
        named = {
            (commit.id, place)
            for commit, place, operation in self._every()
            if _of(commit, place, operation, memories, fields, others)
        }
        texts = {one.said for (id, _), one in self.made.items() if id in memories}
        for commit, place, operation in self._every():
            texts |= _said(operation) if (commit.id, place) in named else set()
        tainted: set[str] = set()
        for commit in self.commits:
            reads = {read.partition("@") for read in commit.read}
            by_memory = any(
                made in tainted or memory in memories or self._says(memory, made, texts)
                for memory, at, made in reads
                if at
            )
            if commit.source is not Source.PERSON and (turns & {*commit.evidence, *commit.read} or by_memory):
                tainted.add(commit.id)
        taken_back = self._taken_back(tainted)
        for commit, place, operation in self._every():
            if (commit.id, place) in named or (commit.source is not Source.PERSON and _said(operation) & texts):
                self.cleared.add((commit.id, place))
        self.commits = [commit for commit in self.commits if commit.id not in tainted]
        self.turns = [turn for turn in self.turns if turn not in turns]
        self.buried |= turns | memories
        self.buried_texts |= texts | taken_back

    def _taken_back(self, tainted: set[str]) -> set[Said]:
        """What the person undid of commits that go, an operation at a time, and nobody else says."""
        undone, parts = self._undone(self.commits)
        single = [o for c, place, o in self._every() if c.id in tainted - undone and (c.id, place) in parts]
        others = [o for commit, _, o in self._every() if commit.id not in tainted]
        return set[Said]().union(*map(_said, single)) - set[Said]().union(*map(_said, others))

    def _every(self) -> list[tuple[Commit, int, Operation]]:
        return [
            (commit, place, o)
            for commit in self.commits
            for place, o in enumerate(commit.operations)
            if (commit.id, place) not in self.cleared
        ]

    def _says(self, id: str, made: str, texts: set[Said]) -> bool:
        by_person = any(commit.id == made and commit.source is Source.PERSON for commit in self.commits)
        one = self.made.get((id, made))
        return not by_person and one is not None and one.said in texts


def _of(
    commit: Commit,
    place: int,
    operation: Operation,
    memories: set[str],
    fields: set[str],
    others: set[tuple[str, str]],
) -> bool:
    if isinstance(operation, Undo):
        return False
    if isinstance(operation, Add):
        field = _field(operation.kind, operation.key)
        if field in fields and (commit.id, field) not in others:
            return True
        return memory_id(commit.id, place) in memories
    if isinstance(operation, Freeze | SwitchOff | Release):
        return operation.what in memories or operation.what in fields - {field for _, field in others}
    return operation.id in memories


def _field(kind: Kind | None, key: str) -> str:
    return f"{kind}:{key.casefold()}" if kind in KEYED and key else ""


def _said(operation: Operation) -> set[Said]:
    if not isinstance(operation, Add | Update):
        return set()
    return {(_field(operation.kind, operation.key), operation.text.casefold())}


def _keyed(known: dict[str, Known], kind: Kind, key: str) -> str | None:
    return next((id for id, one in known.items() if one.kind is kind and one.key.casefold() == key.casefold()), None)


def _name(one: Known) -> str:
    return f"{one.kind}:{one.key.casefold()}" if one.key else ""


def _locked(one: Known, held: set[str]) -> bool:
    name = _name(one)
    return one.pinned or one.off or (bool(name) and (name in held or f"off {name}" in held))
