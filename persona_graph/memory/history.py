"""`Step`: one commit with what each of its operations did to memory, and whether that still stands (pure).

A commit says what was wanted; what it did depends on what was held then: a pinned memory is not changed by a model,
and what was undone did nothing. The commits are folded once more, an operation at a time, to see.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from persona_graph.memory.commit import NOTHING_ERASED, Commit, Knowledge, Tombstones, effective
from persona_graph.memory.operations import Add, Delete, Freeze, Keep, Operation, Pin, Release, SwitchOff, Undo, Update
from persona_graph.memory.types import Memory


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """One operation of a commit and what it did."""

    place: int
    """Which of the commit's operations, counted from 0: what `undo` takes."""
    operation: Operation
    before: Memory | None = None
    """The version that it replaced; of what changed nothing, the memory that it names."""
    after: Memory | None = None
    """The version that it made or changed; None when memory stayed as it was."""
    undone: bool = False

    @property
    def in_vain(self) -> bool:
        """Whether it wanted something and changed nothing: the person holds what it would have changed."""
        by_name = isinstance(self.operation, Freeze | SwitchOff | Release | Undo)
        return self.after is None and not self.undone and not by_name


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A commit and what it did; without what changed nothing by itself (`Keep`)."""

    commit: Commit
    done: tuple[Done, ...]
    undone: bool

    @property
    def empty(self) -> bool:
        """Whether nothing was learned: no operation, and no trait that was seen."""
        return not self.done and all(seen.scores.neutral for seen in self.commit.observations)


def steps(commits: Iterable[Commit], tombstones: Tombstones = NOTHING_ERASED) -> list[Step]:
    """Every commit in order with what it did."""
    ordered = list(commits)
    stands = {commit.id: commit for commit in effective(ordered)}
    knowledge = Knowledge(tombstones=tombstones)
    return [_step(commit, stands.get(commit.id), knowledge) for commit in ordered]


def _step(commit: Commit, stands: Commit | None, knowledge: Knowledge) -> Step:
    done: list[Done] = []
    for place, operation in enumerate(commit.operations):
        if isinstance(operation, Keep):
            continue
        if stands is None or isinstance(stands.operations[place], Keep):
            done.append(Done(place=place, operation=operation, before=_named(operation, knowledge), undone=True))
        else:
            done.append(_done(commit, place, operation, knowledge))
    return Step(commit=commit, done=tuple(done), undone=stands is None)


def _done(commit: Commit, place: int, operation: Operation, knowledge: Knowledge) -> Done:
    alone = tuple(operation if at == place else Keep() for at in range(len(commit.operations)))
    changed = knowledge.apply(replace(commit, operations=alone))
    if not changed:
        return Done(place=place, operation=operation, before=_named(operation, knowledge))
    after = changed[-1]
    versions = knowledge.versions[after.id]
    replaced = isinstance(operation, Add | Update) and len(versions) > 1
    return Done(place=place, operation=operation, before=versions[-2] if replaced else None, after=after)


def _named(operation: Operation, knowledge: Knowledge) -> Memory | None:
    """The memory that an operation names, as it is held."""
    match operation:
        case Update() | Delete() | Pin():
            held = knowledge.versions.get(operation.id)
        case SwitchOff() | Release():
            held = knowledge.versions.get(operation.what)
        case _:
            held = None
    return held[-1] if held else None
