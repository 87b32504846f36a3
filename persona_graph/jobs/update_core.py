"""`update_core`: what a closed session changes in the person's profile; the result is `ModelOperation`s."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import tzinfo

from persona_graph.conversation import Turn
from persona_graph.jobs.format import DATA_RULE, conversation, fields, prompt
from persona_graph.jobs.job import Form, Job, PromptMessage
from persona_graph.jobs.keyed import SCHEMA, changes, operations
from persona_graph.memory.operations import ModelOperation
from persona_graph.memory.types import Kind, Memory


@dataclass(frozen=True, slots=True, kw_only=True)
class CoreInput:
    """The profile as it is and the closed session."""

    profile: tuple[Memory, ...]
    turns: tuple[Turn, ...]
    zone: tzinfo | None = None
    """The person's; the turns' own where it is not known."""


INSTRUCTIONS = (
    """\
You keep the profile of a person (<profile>): who they are, in short fields such as name, age, home, family, job, \
health, interests, values, and how they wish to be talked to. A conversation (<session>) is over. Write what it \
changes in the profile.

- "set": fields that are new or have another value now, each with its whole new value. Use the key that the profile \
has already; for a new field, a short English key in lower_snake_case.
- "remove": keys of fields that no longer hold at all.
- A field that is not mentioned stays. Do not repeat what is unchanged.
- Only lasting things that the person says of themselves; no moods, no single events, nothing that only the assistant \
says, nothing guessed.
- Values in the language the person writes in, at most a sentence or two.

Write one JSON object and nothing else; with nothing to change, {"set": [], "remove": []}:
{"set": [{"key": "job", "value": "..."}], "remove": []}

"""
    + DATA_RULE
)

_KEPT = frozenset({"name"})
"""Fields that a model may change and never remove: nobody stops having a name."""


def render(given: CoreInput, instructions: str) -> tuple[PromptMessage, ...]:
    """The profile, then the session."""
    return prompt(
        instructions, [*fields(given.profile, "profile"), *conversation(given.turns, given.zone, tag="session")]
    )


def parse(raw: str, given: CoreInput) -> tuple[ModelOperation, ...]:
    """What changes, as operations; `(Keep(),)` when nothing does.

    Raises: ParseError when there is no object of changes.
    """
    return revise(changes(raw), given)


def revise(wanted: tuple[dict[str, str], list[str]], given: CoreInput) -> tuple[ModelOperation, ...]:
    """Operations for what to set and what to remove."""
    kept = [key for key in wanted[1] if core_key(key) not in _KEPT]
    return operations(Kind.CORE, given.profile, given.turns, (wanted[0], kept), core_key)


def core_key(text: str) -> str:
    """A field's key: lower case, words joined by underscores, in any script: `Favourite food` -> `favourite_food`."""
    return re.sub(r"[^\w]+", "_", text.strip().casefold()).strip("_")


UPDATE_CORE: Job[CoreInput, tuple[ModelOperation, ...]] = Job(
    name="update_core",
    instructions=INSTRUCTIONS,
    render=render,
    parse=parse,
    form=lambda _given: Form(schema=SCHEMA),
)
