"""What each step did: a commit says what was wanted, the fold says what came of it."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given

from persona_graph.memory.commit import Commit, Tombstones, fold, memory_id
from persona_graph.memory.history import steps
from persona_graph.memory.operations import Add, Delete, Keep, Operation, Pin, Undo, Update
from persona_graph.memory.types import Kind, Source
from tests.support.histories import HISTORIES, START


def commit(number: int, *operations: Operation, source: Source = Source.MODEL) -> Commit:
    return Commit(id=f"c{number}", job="test", at=START + timedelta(days=number), source=source, operations=operations)


TEA = memory_id("c0", 1)
LEARNED = commit(0, Keep(), Add(kind=Kind.SEMANTIC, text="likes tea"), Add(kind=Kind.CORE, key="home", text="Oslo"))


def test_a_step_tells_what_it_made_and_what_that_replaced() -> None:
    switched = commit(1, Update(id=TEA, text="likes coffee"), Add(kind=Kind.CORE, key="Home", text="Bergen"))
    dropped = commit(2, Delete(id=TEA))
    told = [
        [(done.place, done.before and done.before.text, done.after and done.after.text) for done in step.done]
        for step in steps([LEARNED, switched, dropped])
    ]
    assert told == [
        [(1, None, "likes tea"), (2, None, "Oslo")],
        [(0, "likes tea", "likes coffee"), (1, "Oslo", "Bergen")],
        [(0, None, "likes coffee")],
    ]


def test_what_a_model_wanted_of_a_pinned_memory_was_in_vain() -> None:
    pinned, wanted = commit(1, Pin(id=TEA), source=Source.PERSON), commit(2, Update(id=TEA, text="likes coffee"))
    (done,) = steps([LEARNED, pinned, wanted])[-1].done
    assert (done.in_vain, done.undone, done.after, done.before and done.before.text) == (True, False, None, "likes tea")


def test_what_inference_said_of_the_erased_was_in_vain() -> None:
    erased = Tombstones().of((), [("", "Likes tea")])
    assert [done.in_vain for done in steps([LEARNED], erased)[0].done] == [True, False]


def test_what_is_undone_says_so_whole_or_in_part() -> None:
    part, whole = commit(1, Undo(commit="c0", operation=1)), commit(2, Undo(commit="c0"))
    assert [done.undone for done in steps([LEARNED, part])[0].done] == [True, False]
    assert not steps([LEARNED, part])[0].undone
    first, *_, last = steps([LEARNED, part, whole])
    assert (first.undone, last.undone) == (True, False)
    assert not any(done.in_vain for step in (first, last) for done in step.done)


def test_a_step_that_only_kept_what_is_is_empty() -> None:
    assert [step.empty for step in steps([LEARNED, commit(1, Keep())])] == [False, True]


@given(HISTORIES)
def test_the_steps_make_the_versions_that_the_fold_makes(commits: list[Commit]) -> None:
    changed = [done.after for step in steps(commits) for done in step.done if done.after is not None]
    made = {(memory.id, memory.version): memory.text for memory in changed}
    held = [memory for versions in fold(commits).versions.values() for memory in versions]
    assert made == {(memory.id, memory.version): memory.text for memory in held}
