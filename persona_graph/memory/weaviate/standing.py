"""What commits add up to besides memories: the last point of the personality, what the person holds, and counts.

One thing that is written after each commit. It says how many commits it was made of, so that one which a crash left
out is noticed, and everything projected anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from persona_graph.codec import observation_from_json, observation_to_json
from persona_graph.memory.commit import Commit, Knowledge, effective
from persona_graph.memory.operations import Undo
from persona_graph.memory.row_ids import first_row, microseconds
from persona_graph.memory.store import Standing
from persona_graph.memory.weaviate import reading, schema
from persona_graph.memory.weaviate.codec import STANDING, state_thing
from persona_graph.memory.weaviate.user_space import UserSpace
from persona_graph.personality import BigFive, NeutralPolicy, Observation, PersonalityPoint, timeline

Key = tuple[int, int, int]
"""Row of the turn, sequence of the commit, place in it: the order of observations."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sum:
    """What the commits add up to."""

    commits: int = 0
    sequence: int = 0
    """The highest of them."""
    undos: bool = False
    """Whether any takes something back: what it names may come again."""
    point: PersonalityPoint | None = None
    key: Key | None = None
    """Where that point stands."""
    frozen: Mapping[str, float | None] = field(default_factory=dict)
    off: frozenset[str] = frozenset()

    @property
    def standing(self) -> Standing:
        """As the Protocol has it."""
        return Standing(point=self.point, frozen=self.frozen, off=self.off)


async def read(space: UserSpace) -> Sum:
    """The sum as it was last written."""
    held = await space.tenant.get([STANDING], [schema.BODY])
    return _sum(held[STANDING].body) if STANDING in held else Sum()


async def write(space: UserSpace, whole: Sum) -> None:
    """Keep a sum."""
    await space.tenant.put([state_thing(STANDING, _row(whole))], create=True)


def _row(whole: Sum) -> dict[str, Any]:
    point = whole.point
    return {
        "commits": whole.commits,
        "sequence": whole.sequence,
        "undos": whole.undos,
        "key": whole.key,
        "frozen": dict(whole.frozen),
        "off": sorted(whole.off),
        "point": None
        if point is None
        else {"m": point.m, "vector": point.vector.scores, "seen": observation_to_json(point.observation)},
    }


def _sum(row: Mapping[str, Any]) -> Sum:
    point = row["point"]
    return Sum(
        commits=row["commits"],
        sequence=row["sequence"],
        undos=row["undos"],
        key=None if row["key"] is None else (row["key"][0], row["key"][1], row["key"][2]),
        frozen=row["frozen"],
        off=frozenset(row["off"]),
        point=None
        if point is None
        else PersonalityPoint(
            observation=observation_from_json(point["seen"]), m=point["m"], vector=BigFive(*point["vector"])
        ),
    )


def undoes(commit: Commit) -> bool:
    """Whether it takes something back."""
    return any(isinstance(operation, Undo) for operation in commit.operations)


Placed = tuple[Key, int, Observation]
"""Where an observation stands, its m, and what was seen."""


async def placed(space: UserSpace, commits: Iterable[Commit]) -> list[Placed]:
    """The observations of commits with their m, in order; one of no turn stands where its time puts it."""
    seen = [(commit, place, one) for commit in commits for place, one in enumerate(commit.observations)]
    held = await reading.held_turns(space, {one.turn for *_, one in seen}, [schema.TAGS, schema.ROW])
    keys: list[tuple[Key, Observation]] = []
    for commit, place, one in seen:
        row = held[one.turn].row if one.turn in held else first_row(microseconds(one.at))
        keys.append(((row, commit.sequence, place), one))
    keys.sort(key=lambda entry: entry[0])
    numbers = await reading.ordinals(space, [key[0] for key, _ in keys])
    return [(key, m, one) for (key, one), m in zip(keys, numbers, strict=True)]


def points_of(observed: Sequence[Placed], neutral: NeutralPolicy) -> tuple[PersonalityPoint, ...]:
    """The timeline that placed observations make."""
    return timeline(((seen, m) for _, m, seen in observed), neutral)


async def points(space: UserSpace, commits: Iterable[Commit]) -> list[PersonalityPoint]:
    """The timeline of these commits."""
    return list(points_of(await placed(space, effective(commits)), space.neutral))


async def after(space: UserSpace, before: Sum, commit: Commit, knowledge: Knowledge) -> Sum | None:
    """The sum with one more commit; None where an observation comes late, so that all has to be folded anew."""
    new = await placed(space, [commit])
    point, key = before.point, before.key
    if new:
        if key is not None and key > new[0][0]:
            return None
        start = None if point is None else point.vector
        point, key = timeline(((seen, m) for _, m, seen in new), space.neutral, start)[-1], new[-1][0]
    return Sum(
        commits=before.commits + 1,
        sequence=max(before.sequence, commit.sequence),
        undos=before.undos or undoes(commit),
        point=point,
        key=key,
        frozen=knowledge.frozen,
        off=frozenset(knowledge.off),
    )


async def of(space: UserSpace, commits: Sequence[Commit], knowledge: Knowledge) -> Sum:
    """The sum of all commits."""
    observed = await placed(space, effective(commits))
    made = points_of(observed, space.neutral)
    return Sum(
        commits=len(commits),
        sequence=max((commit.sequence for commit in commits), default=0),
        undos=any(map(undoes, commits)),
        point=made[-1] if made else None,
        key=observed[-1][0] if observed else None,
        frozen=knowledge.frozen,
        off=frozenset(knowledge.off),
    )
