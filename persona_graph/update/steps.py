"""The five jobs of the Update stage: what each reads (`gather`) and what its result commits (`keep`).

claim -> gather -> (a model, an agent outside or a person does the job) -> submit -> commit
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from persona_graph.conversation import Role, Turn
from persona_graph.engine import Engine
from persona_graph.errors import NotFound
from persona_graph.jobs.extract_semantic import EXTRACT_SEMANTIC, SemanticInput
from persona_graph.jobs.infer_personality import INFER_PERSONALITY, Inferred, PersonalityInput
from persona_graph.jobs.job import Job
from persona_graph.jobs.segment_episodes import SEGMENT_EPISODES, EpisodesInput
from persona_graph.jobs.update_core import UPDATE_CORE, CoreInput
from persona_graph.jobs.update_procedural import UPDATE_PROCEDURAL, ProceduralInput
from persona_graph.memory.commit import Commit, commit_id
from persona_graph.memory.erase import pictures_of
from persona_graph.memory.open_job import OpenJob
from persona_graph.memory.operations import ModelOperation, Operation
from persona_graph.memory.paper import append_only, rewrite_whole
from persona_graph.memory.types import Kind, Memory, Source
from persona_graph.options import Options
from persona_graph.personality import Observation
from persona_graph.retrieval.query import Query, Target
from persona_graph.retrieval.retrieve import retrieve
from persona_graph.timerange import MOMENT, TimeRange
from persona_graph.tokens import fitted, within_budget

KNOWN_SHOWN = 8
"""How many facts near a turn the model may update; more would make it touch what the turn is not about."""

Kept = tuple[tuple[Operation, ...], tuple[Observation, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One job of the stage."""

    job: Job[Any, Any]
    gather: Callable[[Engine, str, Sequence[Turn]], Awaitable[Any]]
    """(engine, user, the job's turns) -> the job's input."""
    keep: Callable[[Any, Any, Options], Kept]
    """(the job's input, its result, options) -> operations and observations. Pure."""
    read: Callable[[Any], tuple[str, ...]]
    """The job's input -> names of the turns, pictures and memories that stand in its prompt. Pure."""


async def gather(engine: Engine, user: str, job: OpenJob) -> Any:
    """The input of an open job. Raises: NotFound when all its turns are gone."""
    turns = await engine.store.turns(user, ids=job.turns)
    if not turns:
        raise NotFound(f"the turns of job {job.name} are gone")
    return await STEPS[job.name].gather(engine, user, turns)


async def submit(
    engine: Engine, user: str, job: OpenJob, given: Any, value: Any, source: Source = Source.MODEL
) -> Commit:
    """Commit the result of a job, whoever did it, and take the job off the outbox.

    Raises: NotFound when a turn of its evidence is gone.
    """
    step = STEPS[job.name]
    operations, observations = step.keep(given, value, engine.options)
    commit = Commit(
        id=commit_id(job.name, job.turns),
        job=job.name,
        at=job.at,
        source=source,
        operations=operations,
        observations=observations,
        evidence=tuple(job.turns),
        read=step.read(given),
    )
    return await engine.store.commit(user, commit, job)


# what the jobs read


async def _around(engine: Engine, user: str, turn: Turn) -> tuple[Turn, ...]:
    """The turns of the last 60 minutes before a turn, within the budget."""
    window = TimeRange(start=turn.at - engine.options.session_gap + MOMENT, end=turn.at + MOMENT)
    near = await engine.store.turns(user, window=window, newest=50, receipts=False)
    before = [other for other in near if other.ordinal < turn.ordinal]
    return within_budget(before, engine.options.context_tokens)


def _session(engine: Engine, turns: Sequence[Turn]) -> tuple[Turn, ...]:
    return fitted(turns, engine.options.session_tokens)


async def _of_kind(engine: Engine, user: str, kind: Kind) -> tuple[Memory, ...]:
    return tuple(await engine.store.memories(user, kinds=(kind,)))


async def _personality_input(engine: Engine, user: str, turns: Sequence[Turn]) -> PersonalityInput:
    (turn,) = fitted(turns[-1:], engine.options.message_tokens)
    if engine.options.personality_from_query_alone:
        return PersonalityInput(turn=turn, zone=engine.zone)
    recent, profile = await asyncio.gather(_around(engine, user, turn), _of_kind(engine, user, Kind.CORE))
    return PersonalityInput(turn=turn, recent=recent, profile=profile, zone=engine.zone)


async def _semantic_input(engine: Engine, user: str, turns: Sequence[Turn]) -> SemanticInput:
    (turn,) = fitted(turns[-1:], engine.options.message_tokens)
    recent, profile, near = await asyncio.gather(
        _around(engine, user, turn), _of_kind(engine, user, Kind.CORE), _near(engine, user, turn)
    )
    return SemanticInput(turn=turn, recent=recent, profile=profile, known=near, zone=engine.zone)


async def _near(engine: Engine, user: str, turn: Turn) -> tuple[Memory, ...]:
    """The facts nearest to a turn; then the newest, since what changes may share no word with what it replaces."""
    near = Query(
        user=user,
        text=turn.said_by(Role.PERSON),
        limits={Target.SEMANTIC: KNOWN_SHOWN},
        now=turn.at.astimezone(engine.zone),
    )
    newest = replace(near, text="")
    found = await asyncio.gather(*(retrieve(engine.store, query, engine.embedder) for query in (near, newest)))
    memories = {hit.memory.id: hit.memory for hits in found for hit in hits.hits if hit.memory is not None}
    return tuple(memories.values())[:KNOWN_SHOWN]


async def _episodes_input(engine: Engine, _user: str, turns: Sequence[Turn]) -> EpisodesInput:
    return EpisodesInput(turns=_session(engine, turns), zone=engine.zone)


async def _core_input(engine: Engine, user: str, turns: Sequence[Turn]) -> CoreInput:
    return CoreInput(profile=await _of_kind(engine, user, Kind.CORE), turns=_session(engine, turns), zone=engine.zone)


async def _procedural_input(engine: Engine, user: str, turns: Sequence[Turn]) -> ProceduralInput:
    habits, profile = await asyncio.gather(_of_kind(engine, user, Kind.PROCEDURAL), _of_kind(engine, user, Kind.CORE))
    return ProceduralInput(habits=habits, turns=_session(engine, turns), profile=profile, zone=engine.zone)


# what they keep


def _observation(given: PersonalityInput, inferred: Inferred, _options: Options) -> Kept:
    turn = given.turn
    return (), (Observation(turn=turn.id, at=turn.at, scores=inferred.scores, words=inferred.words),)


def _facts(_given: SemanticInput, operations: tuple[ModelOperation, ...], options: Options) -> Kept:
    return (append_only(operations) if options.append_only_semantic else operations), ()


def _episodes(_given: EpisodesInput, operations: tuple[ModelOperation, ...], _options: Options) -> Kept:
    return operations, ()


def _profile(given: CoreInput, operations: tuple[ModelOperation, ...], options: Options) -> Kept:
    return (rewrite_whole(operations, given.profile) if options.rewrite_whole else operations), ()


def _habits(given: ProceduralInput, operations: tuple[ModelOperation, ...], options: Options) -> Kept:
    return (rewrite_whole(operations, given.habits) if options.rewrite_whole else operations), ()


def _read(*groups: Sequence[Turn | Memory]) -> tuple[str, ...]:
    return tuple(name for group in groups for item in group for name in _names(item))


def _names(item: Turn | Memory) -> tuple[str, ...]:
    return (item.ref,) if isinstance(item, Memory) else (item.id, *pictures_of(item))


STEPS: dict[str, Step] = {
    step.job.name: step
    for step in (
        Step(
            job=INFER_PERSONALITY,
            gather=_personality_input,
            keep=_observation,
            read=lambda g: _read(g.recent, g.profile, (g.turn,)),
        ),
        Step(
            job=EXTRACT_SEMANTIC,
            gather=_semantic_input,
            keep=_facts,
            read=lambda g: _read(g.recent, g.profile, g.known, (g.turn,)),
        ),
        Step(job=SEGMENT_EPISODES, gather=_episodes_input, keep=_episodes, read=lambda g: _read(g.turns)),
        Step(
            job=UPDATE_PROCEDURAL,
            gather=_procedural_input,
            keep=_habits,
            read=lambda g: _read(g.habits, g.turns, g.profile),
        ),
        Step(job=UPDATE_CORE, gather=_core_input, keep=_profile, read=lambda g: _read(g.profile, g.turns)),
    )
}
