"""The twin: a store that never saw what was erased. An erase and its updates must lead to where the twin stands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from persona_graph.memory.types import Memory
from persona_graph.personality import PersonalityPoint
from tests.trials.holdings import Holdings


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """How a store after an erase differs from the twin."""

    personality: float
    """The largest of any score at any point of the timeline; infinite where the timelines differ in turns."""
    not_back: list[str]
    """What the twin holds, had been superseded by what was erased, and is not held again."""
    not_written_again: list[str]
    """Work that the twin has and the store has not."""
    other: list[str]
    """Memories that only one of them holds, for no reason given."""


def difference(after: Holdings, twin: Holdings, before: Holdings, by_hand: Collection[str]) -> Difference:
    """Compare; `by_hand` are texts that the person said of memories that the twin never had."""
    ours, theirs = _held(after.current), _held(twin.current)
    was_history = {memory.text for memory in before.versions} - {memory.text for memory in before.current}
    lacking, surplus = theirs - ours, ours - theirs
    return Difference(
        personality=max(_apart(after.points, twin.points), _apart(after.points[-1:], twin.points[-1:])),
        not_back=[_told(one) for one in lacking if one[2] in was_history],
        not_written_again=sorted(_work(twin) - _work(after)),
        other=[f"the twin alone holds {_told(one)}" for one in lacking if one[2] not in was_history]
        + [f"the twin does not hold {_told(one)}" for one in surplus if one[2] not in by_hand]
        + [f"the twin never did {work}" for work in sorted(_work(after) - _work(twin))],
    )


def _held(memories: Iterable[Memory]) -> Counter[tuple[str, str, str, bool, bool]]:
    return Counter((m.kind.value, m.key.casefold(), m.text, m.pinned, m.off) for m in memories)


def _told(held: tuple[str, str, str, bool, bool]) -> str:
    kind, key, text, pinned, off = held
    return f"{kind} {key}: {text}{' (pinned)' * pinned}{' (off)' * off}"


def _work(held: Holdings) -> set[str]:
    """The jobs that were done, by name and turns."""
    return {f"{commit.job} over {sorted(commit.evidence)}" for commit in held.commits if commit.evidence}


def _apart(ours: tuple[PersonalityPoint, ...], theirs: tuple[PersonalityPoint, ...]) -> float:
    if [(point.observation.turn, point.m) for point in ours] != [(point.observation.turn, point.m) for point in theirs]:
        return float("inf")
    pairs = (
        pair
        for one, other in zip(ours, theirs, strict=True)
        for pair in zip(one.vector.scores, other.vector.scores, strict=True)
    )
    return max((abs(one - other) for one, other in pairs), default=0.0)
