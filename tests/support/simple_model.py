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


@dataclass
class SimpleModel:
    """Turns, commits, and the names and texts that may not come back."""

    turns: list[str] = field(default_factory=list)
    commits: list[Commit] = field(default_factory=list)
    buried: set[str] = field(default_factory=set)
    buried_texts: set[str] = field(default_factory=set)
    cleared: set[tuple[str, int]] = field(default_factory=set)
    """(commit, place) of operations that an erase of a memory took out."""
    texts: dict[tuple[str, str], str] = field(default_factory=dict)
    """What a commit gave a memory for a text, of all that is believed now or was."""
    made: dict[tuple[str, str], Known] = field(default_factory=dict)
    """What a commit made of a memory."""

    def believes(self, as_of: datetime | None = None) -> dict[str, Known]:
        """Current memories by id."""
        known: dict[str, Known] = {}
        gone: set[str] = set()
        held: set[str] = set()
        self.texts, self.made = {}, {}
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
        if person or not (_locked(new, held) or self._buried(id, text)):
            new.off = bool(key) and f"off {_name(new)}" in held
            known[id] = self.made[(id, commit.id)] = new
            self.texts[(id, commit.id)] = text

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
        if text == old.text or (not person and (_locked(old, held) or self._buried(id, text))):
            return
        if not person and commit.at < old.since:
            past = memory_id(commit.id, place)  # news of an older time
            self.texts[(past, commit.id)] = text
            gone.add(past)
            return
        since = old.since if old.commit == commit.id else max(commit.at, old.since)
        known[id] = self.made[(id, commit.id)] = Known(old.kind, old.key, text, since, commit.id, old.pinned, old.off)
        self.texts[(id, commit.id)] = text

    def _buried(self, id: str, text: str) -> bool:
        return id in self.buried or text.casefold() in self.buried_texts

    def _switch(self, known: dict[str, Known], held: set[str], what: str) -> None:
        if what in known:
            known[what].off = True
        elif ":" in what or what == "openness":
            held.add(f"off {what}")
            for one in known.values():
                one.off = one.off or _name(one) == what

    def erase(self, turns: set[str], memories: set[str]) -> None:
        """What was made from the turns goes, and what was made from that; of the memories no word stays."""
        known = self.believes()
        fields = {("", one.kind, one.key.casefold()) for id, one in known.items() if id in memories and one.key}
        fields |= {(made, o.kind, o.key.casefold()) for (id, made), o in self.made.items() if id in memories and o.key}
        texts = {text.casefold() for (id, _), text in self.texts.items() if id in memories}
        texts |= {
            getattr(o, "text", "").casefold() for c, place, o in self._every() if _of(c, place, o, memories, fields)
        }
        tainted: set[str] = set()
        for commit in self.commits:
            reads = {read.partition("@") for read in commit.read}
            by_memory = any(
                made in tainted or memory in memories or self._said(memory, made, texts)
                for memory, at, made in reads
                if at
            )
            if commit.source is not Source.PERSON and (turns & {*commit.evidence, *commit.read} or by_memory):
                tainted.add(commit.id)
        for commit, place, operation in self._every():
            same = commit.source is not Source.PERSON and getattr(operation, "text", "").casefold() in texts - {""}
            if same or _of(commit, place, operation, memories, fields):
                self.cleared.add((commit.id, place))
        self.commits = [commit for commit in self.commits if commit.id not in tainted]
        self.turns = [turn for turn in self.turns if turn not in turns]
        self.buried |= turns | memories
        self.buried_texts |= texts - {""}

    def _every(self) -> list[tuple[Commit, int, Operation]]:
        return [(commit, place, o) for commit in self.commits for place, o in enumerate(commit.operations)]

    def _said(self, id: str, made: str, texts: set[str]) -> bool:
        by_person = any(commit.id == made and commit.source is Source.PERSON for commit in self.commits)
        return not by_person and self.texts.get((id, made), "").casefold() in texts - {""}


def _of(
    commit: Commit, place: int, operation: Operation, memories: set[str], fields: set[tuple[str, Kind, str]]
) -> bool:
    if isinstance(operation, Undo):
        return False
    named = {memory_id(commit.id, place), getattr(operation, "id", ""), getattr(operation, "what", "")}
    if isinstance(operation, Add):
        key = operation.key.casefold()
        if fields & {("", operation.kind, key), (commit.id, operation.kind, key)}:
            return True
    return bool(named & memories)


def _keyed(known: dict[str, Known], kind: Kind, key: str) -> str | None:
    return next((id for id, one in known.items() if one.kind is kind and one.key.casefold() == key.casefold()), None)


def _name(one: Known) -> str:
    return f"{one.kind}:{one.key.casefold()}" if one.key else ""


def _locked(one: Known, held: set[str]) -> bool:
    name = _name(one)
    return one.pinned or one.off or (bool(name) and (name in held or f"off {name}" in held))
