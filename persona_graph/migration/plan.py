"""`Plan`: what a user in TO lacks of the user in FROM, or why nothing may be added (pure).

What TO has must be a beginning of what FROM has: the same turns, or fewer; the first of the commits; some of the
tombstones. Commits are folded in order, so what FROM learned cannot be set behind what TO has learned since.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice, takewhile

from persona_graph.conversation import TurnState
from persona_graph.memory.commit import Commit
from persona_graph.memory.open_job import OpenJob, is_held
from persona_graph.migration.difference import Difference, Part, Way, differences


@dataclass(frozen=True, slots=True, kw_only=True)
class Holdings:
    """What one store has of a user, without the texts of turns."""

    turns: Mapping[str, TurnState]
    """In order."""
    shown: frozenset[str]
    """Digests of the pictures that turns show."""
    jobs: Mapping[str, OpenJob]
    commits: Mapping[str, Commit]
    """In order."""
    stones: frozenset[str]

    def as_of_turns(self) -> Holdings:
        """Without what came after the turns were read, in a store that is in use: a later run brings it."""
        jobs = {id: replace(job, turns=self._known(job)) for id, job in self.jobs.items() if self._known(job)}
        before = takewhile(lambda commit: self.turns.keys() >= set(commit.evidence), self.commits.values())
        return replace(self, jobs=jobs, commits={commit.id: commit for commit in before})

    def _known(self, job: OpenJob) -> tuple[str, ...]:
        return tuple(turn for turn in job.turns if turn in self.turns)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be done."""

    turns: Mapping[str, TurnState]
    """In order, and as they were read; asked ones too that were answered since."""
    commits: tuple[Commit, ...]
    """In order."""
    jobs: tuple[OpenJob, ...]
    """All that FROM has."""
    done: tuple[OpenJob, ...]
    """Jobs that TO has open over turns for which FROM has done them since."""
    jobs_differ: bool
    stones: frozenset[str]
    images: tuple[str, ...]
    already: Mapping[Part, int]
    """What of FROM's TO has."""
    conflicts: tuple[Difference, ...]

    @property
    def empty(self) -> bool:
        """Whether TO has all of it."""
        return not (self.turns or self.commits or self.jobs_differ or self.stones or self.images)

    def arriving_with(self) -> dict[str, list[OpenJob]]:
        """Jobs by the turn that they come with: the last of theirs that is to be copied."""
        place = {turn: number for number, turn in enumerate(self.turns)}
        found: dict[str, list[OpenJob]] = {}
        for job in self.jobs:
            if coming := [turn for turn in job.turns if turn in place]:
                found.setdefault(max(coming, key=place.__getitem__), []).append(job)
        return found


def plan_of(
    user: str, here: Holdings, there: Holdings, *, changed: Collection[Difference], lacking: Mapping[str, bool]
) -> Plan:
    """What to do. `changed` are turns that both have and that differ; `lacking` are pictures that TO's media lacks.

    Of each of these it says whether FROM's media has it.
    """
    images = tuple(digest for digest, held in lacking.items() if held)
    answered = {one.id for one in changed if there.turns[one.id] is not TurnState.ANSWERED}
    turns = {id: state for id, state in here.turns.items() if id not in there.turns or id in answered}
    jobs_found = list(differences(user, Part.JOBS, here.jobs, there.jobs))
    conflicts = [one for one in changed if one.id not in answered]
    conflicts += _more(user, Part.TURNS, here.turns, there.turns)
    conflicts += _out_of_line(user, here.commits, there.commits)
    conflicts += _more(user, Part.TOMBSTONES, here.stones, there.stones)
    conflicts += [
        one for one in jobs_found if one.way is Way.MISSING and not set(here.jobs[one.id].turns) & turns.keys()
    ]
    return Plan(
        turns=turns,
        commits=tuple(commit for id, commit in here.commits.items() if id not in there.commits),
        jobs=tuple(here.jobs.values()),
        done=tuple(_done(here, there)),
        jobs_differ=bool(jobs_found),
        stones=here.stones - there.stones,
        images=images,
        already={
            Part.TURNS: len(here.turns.keys() & there.turns.keys()) - len(answered),
            Part.COMMITS: len(here.commits.keys() & there.commits.keys()),
            Part.JOBS: sum(id in here.jobs and not is_held(job) for id, job in there.jobs.items()),
            Part.TOMBSTONES: len(here.stones & there.stones),
            Part.IMAGES: len(here.shown) - len(lacking),
        },
        conflicts=tuple(conflicts),
    )


def _more(user: str, part: Part, here: Collection[str], there: Collection[str]) -> Iterator[Difference]:
    """What TO has and FROM has not."""
    return (Difference(user=user, part=part, id=id, way=Way.MORE) for id in sorted(set(there) - set(here)))


def _out_of_line(user: str, here: Mapping[str, Commit], there: Mapping[str, Commit]) -> Iterator[Difference]:
    """Commits of TO that are not the first ones of FROM, one by one."""
    for one in differences(user, Part.COMMITS, here, there, ordered=True, ignoring=["sequence"]):
        if one.way is not Way.MISSING:
            yield one
    for id in islice(here, len(there), None):
        if id in there:  # another one should stand before it
            yield Difference(user=user, part=Part.COMMITS, id=id, way=Way.CHANGED, fields=("place",))


def _done(here: Holdings, there: Holdings) -> Iterator[OpenJob]:
    for job in there.jobs.values():
        left = here.jobs[job.id].turns if job.id in here.jobs else ()
        if over := tuple(turn for turn in job.turns if turn not in left):
            yield replace(job, turns=over)
