"""`update_procedural`: habits and goals that a closed session shows; the result is `ModelOperation`s."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import tzinfo

from persona_graph.conversation import Turn
from persona_graph.jobs.format import DATA_RULE, conversation, fields, prompt
from persona_graph.jobs.job import Form, Job, PromptMessage
from persona_graph.jobs.keyed import SCHEMA, changes, operations
from persona_graph.memory.operations import ModelOperation
from persona_graph.memory.types import Kind, Memory


@dataclass(frozen=True, slots=True, kw_only=True)
class ProceduralInput:
    """The habits and goals as they are and the closed session."""

    habits: tuple[Memory, ...]
    turns: tuple[Turn, ...]
    profile: tuple[Memory, ...] = ()
    zone: tzinfo | None = None
    """The person's; the turns' own where it is not known."""


INSTRUCTIONS = (
    """\
You keep a list of a person's habits and goals (<habits>): what they do again and again, how they like to work or be \
helped, what they are working towards and how far they have come. A conversation (<session>) is over. Write what it \
changes in the list; <profile> helps to understand it.

- "set": habits and goals that are new or have moved on, each with its whole new text: one sentence with the how \
often, when, or by when, if it is known. Use the key that the list has already; for a new one, a short name.
- "remove": keys of what the person has given up or finished.
- What is not mentioned stays. Do not repeat what is unchanged.
- Only what the person says or does; a thing done once is no habit, a suggestion of the assistant is no goal.
- Texts in the language the person writes in.

Write one JSON object and nothing else; with nothing to change, {"set": [], "remove": []}:
{"set": [{"key": "morning run", "value": "..."}], "remove": []}

"""
    + DATA_RULE
)


def render(given: ProceduralInput, instructions: str) -> tuple[PromptMessage, ...]:
    """Profile and habits, then the session."""
    known = [*fields(given.profile, "profile"), *fields(given.habits, "habits")]
    return prompt(instructions, [*known, *conversation(given.turns, given.zone, tag="session")])


def parse(raw: str, given: ProceduralInput) -> tuple[ModelOperation, ...]:
    """What changes, as operations; `(Keep(),)` when nothing does.

    Raises: ParseError when there is no object of changes.
    """
    return revise(changes(raw), given)


def revise(wanted: tuple[dict[str, str], list[str]], given: ProceduralInput) -> tuple[ModelOperation, ...]:
    """Operations for what to set and what to remove."""
    return operations(Kind.PROCEDURAL, given.habits, given.turns, wanted, habit_key)


def habit_key(text: str) -> str:
    """A habit's key: lower case, single spaces."""
    return " ".join(text.casefold().replace("_", " ").split())


UPDATE_PROCEDURAL: Job[ProceduralInput, tuple[ModelOperation, ...]] = Job(
    name="update_procedural",
    instructions=INSTRUCTIONS,
    render=render,
    parse=parse,
    form=lambda _given: Form(schema=SCHEMA),
)
