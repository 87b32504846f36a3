"""`OfflinePolicy`: the seven jobs done by rules. It needs no model, no network and no key.

It is what its name says: tables of patterns, deterministic, good for a first run, for tests and for a
demo. It writes the same text that a model is asked for and reads it with the same parsers.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from functools import singledispatch
from typing import Any, TypeVar

from persona_graph.jobs.extract_semantic import SemanticInput
from persona_graph.jobs.infer_personality import PersonalityInput
from persona_graph.jobs.job import Job, PromptMessage
from persona_graph.jobs.reason import ReasonInput
from persona_graph.jobs.respond import RespondInput
from persona_graph.jobs.segment_episodes import EpisodesInput
from persona_graph.jobs.update_core import CoreInput
from persona_graph.jobs.update_procedural import ProceduralInput
from persona_graph.policy.offline import keeping, revise, steps, topics, traits
from persona_graph.policy.policy import Completion, Usage

Given = TypeVar("Given")
Made = TypeVar("Made")

PIECE = 12
"""Characters that a streamed answer grows by."""


class OfflinePolicy:
    """A policy of rules."""

    name = "offline-rules"

    async def ask(
        self,
        job: Job[Given, Made],
        given: Given,
        *,
        on_delta: Callable[[str], None] | None = None,
    ) -> Completion[Made]:
        """Do a job by rules.

        Raises: NotImplementedError for an input that no rule is written for.
        """
        started = time.perf_counter()
        raw = written(given)
        if on_delta is not None and job.streams:
            for piece in _pieces(job.spoken(raw, given)):
                on_delta(piece)
        value = job.parse(raw, given)
        return Completion(
            value=value,
            raw=raw,
            said=(PromptMessage.of("assistant", raw),),
            usage=Usage(milliseconds=(time.perf_counter() - started) * 1e3),
        )


@singledispatch
def written(given: Any) -> str:
    """What the rules write for an input, in the form that its job asks for."""
    raise NotImplementedError(f"no rules are written for {type(given).__name__}")


@written.register
def _(given: ReasonInput) -> str:
    return steps.step(given)


@written.register
def _(given: RespondInput) -> str:
    return steps.answer(given)


@written.register
def _(given: PersonalityInput) -> str:
    return _json(traits.inferred(given))


@written.register
def _(given: SemanticInput) -> str:
    return _json({"operations": revise.operations(given)})


@written.register
def _(given: EpisodesInput) -> str:
    return _json({"topics": topics.topics(given.turns)})


@written.register
def _(given: CoreInput) -> str:
    return _json(keeping.profile_changes(given))


@written.register
def _(given: ProceduralInput) -> str:
    return _json(keeping.habit_changes(given))


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _pieces(text: str) -> Iterator[str]:
    for start in range(0, len(text), PIECE):
        yield text[start : start + PIECE]
