"""Laws of commits: whatever is done in whatever order, the fold and the projection say the same."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from persona_graph.memory.commit import Commit, Knowledge, commit_id, fold, memory_id, undone
from persona_graph.memory.operations import (
    Add,
    Delete,
    Freeze,
    Keep,
    Operation,
    Pin,
    Release,
    Undo,
    Update,
    from_json,
    to_json,
)
from persona_graph.memory.types import KEYED, Kind, Memory, Source
from persona_graph.timerange import ALWAYS, TimeRange

START = datetime(2024, 1, 1, tzinfo=UTC)
DAYS = st.integers(0, 60).map(lambda days: START + timedelta(days=days))
TEXTS = st.sampled_from(["tea", "coffee", "water", "lives in Oslo", "Женщина"])
KEYS = st.sampled_from(["name", "Name", "job", "goal"])


@st.composite
def events(draw: st.DrawFn) -> TimeRange:
    """No interval, an open one or a closed one."""
    start = draw(st.none() | DAYS)
    end = draw(st.none() | DAYS)
    return ALWAYS if start and end and end < start else TimeRange(start=start, end=end)


@st.composite
def operations(draw: st.DrawFn, known: list[str]) -> Operation:
    """An operation over memories that may exist."""
    name = st.sampled_from(known) if known else st.just("unknown")
    add = st.builds(Add, kind=st.sampled_from(Kind), text=TEXTS, event=events(), keywords=st.just(()))
    keyed = st.builds(Add, kind=st.sampled_from(sorted(KEYED)), text=TEXTS, key=KEYS, event=events())
    update = st.builds(Update, id=name, text=TEXTS, event=events())
    by_id = st.one_of(st.builds(Delete, id=name), st.builds(Pin, id=name), st.builds(Release, what=name))
    held = st.sampled_from(["core:name", "procedural:goal", "openness"])
    freeze = st.one_of(st.builds(Freeze, what=held), st.builds(Release, what=held), st.just(Keep()))
    return draw(st.one_of(add, keyed, keyed, update, update, by_id, freeze))


@st.composite
def histories(draw: st.DrawFn, *, ordered: bool = False, undo: bool = True) -> list[Commit]:
    """Commits that name memories made by those before them; `ordered` ones come by time."""
    commits: list[Commit] = []
    known: list[str] = []
    moments = draw(st.lists(DAYS, max_size=12))
    for number, at in enumerate(sorted(moments) if ordered else moments):
        commit = Commit(
            id=f"c{number}",
            job="any",
            at=at,
            source=draw(st.sampled_from(Source)),
            operations=tuple(draw(st.lists(operations(known), min_size=1, max_size=3))),
        )
        if undo and commits and draw(st.integers(0, 4)) == 0:
            target = draw(st.sampled_from(commits))
            taken_back = draw(st.sampled_from([Undo(commit=target.id), Undo(since=target.at)]))
            commit = replace(commit, operations=(taken_back,))
        known += [memory_id(commit.id, i) for i, o in enumerate(commit.operations) if isinstance(o, Add)]
        commits.append(commit)
    return commits


def every(knowledge: Knowledge) -> list[Memory]:
    return [memory for versions in knowledge.versions.values() for memory in versions]


@given(histories(undo=False))
def test_the_fold_is_one_step_after_another(commits: list[Commit]) -> None:
    knowledge = Knowledge()
    for number, commit in enumerate(commits):
        knowledge.apply(commit)
        assert knowledge == fold(commits[: number + 1])


@given(histories(undo=False))
def test_a_step_needs_only_the_newest_versions_it_returns_all_it_changed(commits: list[Commit]) -> None:
    kept: dict[str, Memory] = {}
    frozen: dict[str, float | None] = {}
    for commit in commits:
        newest = {memory.id: memory for memory in sorted(kept.values(), key=lambda m: m.version)}
        knowledge = Knowledge.of(newest.values(), frozen)
        kept.update((memory.ref, memory) for memory in knowledge.apply(commit))
        frozen = knowledge.frozen
    whole = fold(commits)
    assert {memory.ref: memory for memory in every(whole)} == kept
    assert frozen == whole.frozen


@given(histories())
def test_undo_is_the_fold_without_what_it_takes_back(commits: list[Commit]) -> None:
    gone = undone(commits)
    assert fold(commits) == fold([commit for commit in commits if commit.id not in gone])
    for commit in commits:
        taken_back = Commit(id="undo", job="person", at=START, operations=(Undo(commit=commit.id),))
        again = Commit(id="redo", job="person", at=START, operations=(Undo(commit="undo"),))
        assert fold([*commits, taken_back, again]) == fold(commits)


@given(histories(), DAYS)
def test_as_of_is_the_fold_of_what_was_known_then(commits: list[Commit], moment: datetime) -> None:
    known = [commit for commit in commits if commit.at <= moment]
    assert fold(commits, as_of=moment) == fold(known)


@given(histories(ordered=True, undo=False), DAYS)
def test_believed_intervals_say_what_was_held_at_a_moment(commits: list[Commit], moment: datetime) -> None:
    held = {(m.id, m.text) for m in every(fold(commits)) if moment in m.believed}
    assert held == {(m.id, m.text) for m in every(fold(commits, as_of=moment)) if m.current}


@given(histories())
def test_a_key_has_at_most_one_current_memory(commits: list[Commit]) -> None:
    current = [(m.kind, m.key.casefold()) for m in every(fold(commits)) if m.current and m.key]
    assert len(current) == len(set(current))


@given(histories(ordered=True))
def test_believed_intervals_of_one_memory_never_overlap(commits: list[Commit]) -> None:
    for versions in fold(commits).versions.values():
        assert [memory.version for memory in versions] == list(range(1, len(versions) + 1))
        for older, newer in pairwise(versions):
            assert older.believed.end is not None
            assert newer.believed.start is not None
            assert older.believed.end <= newer.believed.start


@given(histories())
def test_what_is_pinned_or_frozen_changes_only_by_the_persons_hand(commits: list[Commit]) -> None:
    knowledge = Knowledge()
    for commit in commits:
        before = {m.id: m for m in every(knowledge) if m.current}
        frozen = dict(knowledge.frozen)
        knowledge.apply(commit)
        if commit.source is Source.PERSON or any(isinstance(o, Pin | Release | Freeze) for o in commit.operations):
            continue
        for memory in before.values():
            if memory.pinned or (memory.key and f"{memory.kind}:{memory.key.casefold()}" in frozen):
                assert knowledge.current(memory.id) == memory


@given(operations(["m1", "m2"]))
def test_operations_are_json_both_ways(operation: Operation) -> None:
    assert from_json(to_json(operation)) == operation


def test_a_replay_is_the_same_commit_and_other_turns_make_another() -> None:
    assert commit_id("job", ["a", "b"]) == commit_id("job", ["b", "a"])
    assert commit_id("job", ["a", "b"]) != commit_id("job", ["ab"])
    assert commit_id("job", ["a"]) != commit_id("other", ["a"])
