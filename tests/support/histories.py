"""Hypothesis strategies for histories of commits that name memories made by those before them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from persona_graph.memory.commit import Commit, memory_id
from persona_graph.memory.operations import Add, Delete, Freeze, Keep, Operation, Pin, Release, Undo, Update
from persona_graph.memory.types import KEYED, Kind, Source
from persona_graph.timerange import ALWAYS, TimeRange

START = datetime(2024, 1, 1, tzinfo=UTC)
DAYS = st.integers(0, 60).map(lambda days: START + timedelta(days=days))
TEXTS = st.sampled_from(["tea", "coffee", "water", "lives in Oslo", "Женщина"])
KEYS = st.sampled_from(["name", "Name", "job", "goal"])


# Strategies are made once, and name memories by number until it is known which there are.
EVENTS = st.tuples(st.none() | DAYS, st.none() | DAYS).map(
    lambda e: ALWAYS if e[0] and e[1] and e[1] < e[0] else TimeRange(start=e[0], end=e[1])
)
NUMBERS = st.integers(0, 30).map(str)
HELD = st.sampled_from(["core:name", "procedural:goal", "openness"])
OPERATIONS: st.SearchStrategy[Operation] = st.one_of(
    st.builds(Add, kind=st.sampled_from(Kind), text=TEXTS, event=EVENTS),
    st.builds(Add, kind=st.sampled_from(sorted(KEYED)), text=TEXTS, key=KEYS, event=EVENTS),
    st.builds(Update, id=NUMBERS, text=TEXTS, event=EVENTS),
    st.builds(Delete, id=NUMBERS),
    st.builds(Pin, id=NUMBERS),
    st.builds(Release, what=NUMBERS),
    st.builds(Freeze, what=HELD, value=st.none() | st.just(0.0)),
    st.builds(Release, what=HELD),
    st.just(Keep()),
)
UNDOS = st.tuples(st.booleans(), st.integers(0, 30))
STEPS = st.tuples(DAYS, st.sampled_from(Source), st.lists(OPERATIONS, min_size=1, max_size=3), st.none() | UNDOS)

Step = tuple[datetime, Source, list[Operation], tuple[bool, int] | None]


def _history(steps: list[Step], *, undo: bool = True) -> list[Commit]:
    commits: list[Commit] = []
    known: list[str] = []
    for number, (at, source, operations, taken_back) in enumerate(steps):
        named = tuple(_naming(operation, known) for operation in operations)
        if undo and commits and taken_back is not None:
            target = commits[taken_back[1] % len(commits)]
            named = (Undo(commit=target.id) if taken_back[0] else Undo(since=target.at),)
        commits.append(Commit(id=f"c{number}", job="any", at=at, source=source, operations=named))
        known += [memory_id(f"c{number}", i) for i, o in enumerate(named) if isinstance(o, Add)]
    return commits


def _naming(operation: Operation, known: list[str]) -> Operation:
    """The operation with the name of a memory in place of its number."""
    if isinstance(operation, Update | Delete | Pin) and known:
        return replace(operation, id=known[int(operation.id) % len(known)])
    if isinstance(operation, Release) and operation.what.isdigit() and known:
        return replace(operation, what=known[int(operation.what) % len(known)])
    return operation


HISTORIES = st.lists(STEPS, max_size=12).map(_history)
PLAIN = st.lists(STEPS, max_size=12).map(lambda steps: _history(steps, undo=False))
IN_ORDER = st.lists(STEPS, max_size=12).map(lambda s: _history(sorted(s, key=lambda step: step[0]), undo=False))
