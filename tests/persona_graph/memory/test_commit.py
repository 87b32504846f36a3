"""Laws of commits: whatever is done in whatever order, the fold and the projection say the same."""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise

from hypothesis import given

from persona_graph.memory.commit import Commit, Knowledge, commit_id, effective, fold
from persona_graph.memory.operations import Freeze, Operation, Pin, Release, Undo, from_json, to_json
from persona_graph.memory.types import Memory, Source
from tests.support.histories import DAYS, HISTORIES, IN_ORDER, OPERATIONS, PLAIN, START


def every(knowledge: Knowledge) -> list[Memory]:
    return [memory for versions in knowledge.versions.values() for memory in versions]


@given(PLAIN)
def test_the_fold_is_one_step_after_another(commits: list[Commit]) -> None:
    knowledge = Knowledge()
    for number, commit in enumerate(commits):
        knowledge.apply(commit)
        assert knowledge == fold(commits[: number + 1])


@given(PLAIN)
def test_a_step_returns_all_it_changed(commits: list[Commit]) -> None:
    kept: dict[str, Memory] = {}
    frozen: dict[str, float | None] = {}
    off: set[str] = set()
    for commit in commits:
        knowledge = Knowledge.of(kept.values(), frozen, off)
        kept.update((memory.ref, memory) for memory in knowledge.apply(commit))
        frozen, off = knowledge.frozen, knowledge.off
    whole = fold(commits)
    assert {memory.ref: memory for memory in every(whole)} == kept
    assert frozen == whole.frozen


@given(HISTORIES)
def test_undo_is_the_fold_without_what_it_takes_back(commits: list[Commit]) -> None:
    assert fold(commits) == fold(effective(commits))
    for commit in commits:
        taken_back = Commit(id="undo", job="person", at=START, operations=(Undo(commit=commit.id),))
        again = Commit(id="redo", job="person", at=START, operations=(Undo(commit="undo"),))
        assert fold([*commits, taken_back, again]) == fold(commits)


@given(HISTORIES, DAYS)
def test_as_of_is_the_fold_of_what_was_known_then(commits: list[Commit], moment: datetime) -> None:
    known = [commit for commit in commits if commit.at <= moment]
    assert fold(commits, as_of=moment) == fold(known)


@given(IN_ORDER, DAYS)
def test_believed_intervals_say_what_was_held_at_a_moment(commits: list[Commit], moment: datetime) -> None:
    held = {(m.id, m.text) for m in every(fold(commits)) if moment in m.believed}
    assert held == {(m.id, m.text) for m in every(fold(commits, as_of=moment)) if m.current}


@given(HISTORIES)
def test_a_key_has_at_most_one_current_memory(commits: list[Commit]) -> None:
    current = [(m.kind, m.key.casefold()) for m in every(fold(commits)) if m.current and m.key]
    assert len(current) == len(set(current))


@given(HISTORIES)
def test_believed_intervals_of_one_memory_never_overlap(commits: list[Commit]) -> None:
    for versions in fold(commits).versions.values():
        assert [memory.version for memory in versions] == list(range(1, len(versions) + 1))
        for older, newer in pairwise(versions):
            assert older.believed.end is not None
            assert newer.believed.start is not None
            assert older.believed.end <= newer.believed.start


@given(HISTORIES)
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


@given(OPERATIONS)
def test_operations_are_json_both_ways(operation: Operation) -> None:
    assert from_json(to_json(operation)) == operation


def test_a_replay_is_the_same_commit_and_other_turns_make_another() -> None:
    assert commit_id("job", ["a", "b"]) == commit_id("job", ["b", "a"])
    assert commit_id("job", ["a", "b"]) != commit_id("job", ["ab"])
    assert commit_id("job", ["a"]) != commit_id("other", ["a"])
