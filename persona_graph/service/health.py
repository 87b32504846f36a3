"""Memory health: a look at one user's memory that changes nothing, and its cure in one commit."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import timedelta

from persona_graph.blocking import blocking
from persona_graph.engine import Engine
from persona_graph.memory.commit import Commit
from persona_graph.memory.finding import UNUSED_AFTER, UNUSED_ANSWERS, Ailment, Checkup, Finding, Sure, remedies
from persona_graph.memory.health import examine
from persona_graph.memory.types import Source

JOB = "health"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cured:
    """What a cure did."""

    checkup: Checkup
    """As it stood before."""
    findings: tuple[Finding, ...]
    """Those whose remedy was taken."""
    commit: str = ""
    """Its id, for an `Undo`; empty where there was nothing to do."""

    @property
    def gone(self) -> frozenset[str]:
        """Ids of the memories that were taken out."""
        return frozenset[str]().union(*(finding.gone for finding in self.findings))


class Health:
    """The part of `Persona` that looks after memory itself."""

    engine: Engine

    async def ahealth(
        self,
        user: str,
        *,
        ailments: Collection[Ailment] = frozenset(Ailment),
        unused_after: timedelta = UNUSED_AFTER,
        unused_answers: int = UNUSED_ANSWERS,
    ) -> Checkup:
        """What is wrong with a user's memory, each with its remedy. Only reads.

        A memory counts as unused when it is older than `unused_after` and none of at least `unused_answers`
        answers since then looked at it.
        """
        store = self.engine.store
        versions, turns, standing = await asyncio.gather(
            store.memories(user, history=True), store.turns(user), store.standing(user)
        )
        # Thousands of memories take a second, which the loop does not have.
        return await asyncio.to_thread(
            examine,
            versions,
            turns,
            standing.frozen,
            now=self.engine.clock(),
            ailments=ailments,
            unused_after=unused_after,
            unused_answers=unused_answers,
        )

    health = blocking(ahealth)

    async def acure(
        self,
        user: str,
        *,
        sure: Sure = Sure.LIKELY,
        ailments: Collection[Ailment] = frozenset(Ailment),
        unused_after: timedelta = UNUSED_AFTER,
        unused_answers: int = UNUSED_ANSWERS,
    ) -> Cured:
        """Take the remedies that are at least so sure, in one commit that an `Undo` takes back.

        What the person wrote, pinned or froze stays as it is.
        """
        checkup = await self.ahealth(user, ailments=ailments, unused_after=unused_after, unused_answers=unused_answers)
        findings = tuple(found for found in checkup.findings if found.remedy and found.sure.at_least(sure))
        if not findings:
            return Cured(checkup=checkup, findings=())
        commit = Commit(
            id=self.engine.new_id(),
            job=JOB,
            at=self.engine.clock(),
            source=Source.CLIENT,
            operations=remedies(findings),
            read=_read(findings),
        )
        stored = await self.engine.store.commit(user, commit)
        return Cured(checkup=checkup, findings=findings, commit=stored.id)

    cure = blocking(acure)


def _read(findings: Iterable[Finding]) -> tuple[str, ...]:
    """What was judged, and the turns on which that rests which stays: are they erased, what went comes back."""
    read: dict[str, None] = {}
    for finding in findings:
        for memory in finding.memories:
            read[memory.ref] = None
            if memory.id not in finding.gone:
                read.update(dict.fromkeys(memory.evidence))
    return tuple(read)
