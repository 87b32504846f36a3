"""Comparing a user in two stores: both are read, kind by kind and turns batch by batch; every difference is named."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from persona_graph.engine import Engine
from persona_graph.errors import NotFound
from persona_graph.memory.erase import shown_in
from persona_graph.migration.difference import Difference, Part, Way, differences
from persona_graph.migration.plan import Holdings, Plan, plan_of
from persona_graph.personality import PersonalityPoint

BATCH = 200
"""Turns that are read and written in one step, with their receipts."""

Tell = Callable[[str, int, int], None]
"""Told what is done, how many of it, of how many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """What two stores have of a user."""

    counts: Mapping[Part, int]
    """In FROM."""
    differences: tuple[Difference, ...]


async def compare(here: Engine, there: Engine, user: str, tell: Tell) -> Compared:
    """Compare all that is told through the store and the media."""
    ours, theirs = await holdings(here, user), await holdings(there, user)
    found = list(differences(user, Part.TURNS, _alone(ours.turns), _alone(theirs.turns), ordered=True))
    common = [id for id in ours.turns if id in theirs.turns]
    # How many stand before a turn says nothing new where some are missing.
    found += await changed_turns(here, there, user, common, tell, ignoring=["ordinal"] if found else [])
    found += differences(user, Part.COMMITS, ours.commits, theirs.commits, ordered=True, ignoring=["sequence"])
    found += differences(user, Part.JOBS, ours.jobs, theirs.jobs, ordered=True)
    found += differences(user, Part.TOMBSTONES, _alone(sorted(ours.stones)), _alone(sorted(theirs.stones)))
    found += await _pictures(here, there, user, sorted(ours.shown), tell)
    memories = [
        {f"{memory.id} version {memory.version}": memory for memory in versions}
        for versions in [await side.store.memories(user, history=True, off=True) for side in (here, there)]
    ]
    found += differences(user, Part.MEMORIES, *memories)
    points = [_by_turn(await side.store.personality(user)) for side in (here, there)]
    found += differences(user, Part.PERSONALITY, *points, ordered=True)
    standing = [{"": await side.store.standing(user)} for side in (here, there)]
    found += differences(user, Part.STANDING, *standing)
    counts = {**_counts(ours), Part.MEMORIES: len(memories[0])}
    return Compared(counts=counts, differences=tuple(found))


async def look(here: Engine, there: Engine, user: str, tell: Tell) -> tuple[Plan, Mapping[Part, int]]:
    """What TO lacks, and what FROM has."""
    ours, theirs = (await holdings(here, user)).as_of_turns(), await holdings(there, user)
    common = [id for id in ours.turns if id in theirs.turns]
    changed = await changed_turns(here, there, user, common, tell, ignoring=["ordinal"])
    away = [digest for digest in sorted(ours.shown) if await _picture(there, user, digest) is None]
    lacking = {digest: await _picture(here, user, digest) is not None for digest in away}
    return plan_of(user, ours, theirs, changed=changed, lacking=lacking), _counts(ours)


async def holdings(engine: Engine, user: str) -> Holdings:
    """What a store has of a user.

    In this order: an open job that is read after the turns and before the commits is done by a commit, or is here.
    """
    store = engine.store
    turns = await store.turns(user, receipts=False)
    states, shown = {turn.id: turn.state for turn in turns}, shown_in(turns)
    del turns
    jobs = {job.id: replace(job, claimed_until=None, claimed_by="") for job in await store.jobs(user)}
    commits = {commit.id: commit for commit in await store.commits(user)}
    return Holdings(turns=states, shown=shown, jobs=jobs, commits=commits, stones=(await store.tombstones(user)).ids)


async def changed_turns(
    here: Engine, there: Engine, user: str, ids: Sequence[str], tell: Tell, *, ignoring: Collection[str]
) -> list[Difference]:
    """Turns that are in both and differ."""
    found: list[Difference] = []
    for start in range(0, len(ids), BATCH):
        part = ids[start : start + BATCH]
        ours, theirs = [{t.id: t for t in await side.store.turns(user, ids=part)} for side in (here, there)]
        found += differences(user, Part.TURNS, ours, theirs, ignoring=ignoring)
        tell("comparing turns", start + len(part), len(ids))
    return found


async def _pictures(here: Engine, there: Engine, user: str, digests: Sequence[str], tell: Tell) -> list[Difference]:
    found: list[Difference] = []
    for number, digest in enumerate(digests, 1):
        ours, theirs = await _picture(here, user, digest), await _picture(there, user, digest)
        if ours is None and theirs is None:
            found.append(Difference(user=user, part=Part.IMAGES, id=digest, way=Way.LOST))
        else:
            sides = ({} if data is None else {digest: data} for data in (ours, theirs))
            found += differences(user, Part.IMAGES, *sides)
        tell("comparing pictures", number, len(digests))
    return found


async def _picture(engine: Engine, user: str, digest: str) -> bytes | None:
    """The bytes of a picture; None where this media has none of that name."""
    try:
        return await engine.media.get(user, digest)
    except NotFound:
        return None


def _by_turn(points: Iterable[PersonalityPoint]) -> dict[str, PersonalityPoint]:
    """By what they observe; a turn that is observed more than once has a number behind it."""
    found: dict[str, PersonalityPoint] = {}
    seen: dict[str, int] = {}
    for point in points:
        turn = point.observation.turn
        seen[turn] = seen.get(turn, 0) + 1
        found[turn if seen[turn] == 1 else f"{turn} ({seen[turn]})"] = point
    return found


def _alone(ids: Iterable[str]) -> dict[str, None]:
    """Ids of which only the presence and the order count."""
    return dict.fromkeys(ids)


def _counts(of: Holdings) -> dict[Part, int]:
    return {
        Part.TURNS: len(of.turns),
        Part.COMMITS: len(of.commits),
        Part.JOBS: len(of.jobs),
        Part.TOMBSTONES: len(of.stones),
        Part.IMAGES: len(of.shown),
    }
