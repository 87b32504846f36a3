"""`extract_semantic`: facts and preferences that one turn tells of the person; the result is `ModelOperation`s."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any

from persona_graph.conversation import Turn
from persona_graph.errors import InputError, ParseError
from persona_graph.jobs.format import (
    DATA_RULE,
    conversation,
    digests,
    fact,
    fields,
    handle_of,
    prompt,
    section,
    stamp,
    with_handles,
)
from persona_graph.jobs.job import Form, Job, PromptMessage
from persona_graph.jobs.reading import date, flag, read_objects, rows, scalar, words
from persona_graph.memory.operations import Add, Delete, Keep, ModelOperation, Update
from persona_graph.memory.types import Kind, Memory
from persona_graph.timerange import ALWAYS, TimeRange


@dataclass(frozen=True, slots=True, kw_only=True)
class SemanticInput:
    """The turn with its answer, what stands before it, and the facts already known that it may touch."""

    turn: Turn
    recent: tuple[Turn, ...] = ()
    profile: tuple[Memory, ...] = ()
    known: tuple[Memory, ...] = ()
    """Current semantic memories near this turn; the model may update or delete them."""
    zone: tzinfo | None = None
    """The person's; the turn's own where it is not known."""

    @property
    def now(self) -> datetime:
        """When the person spoke; its zone is the person's."""
        return self.turn.at.astimezone(self.zone) if self.zone is not None else self.turn.at


INSTRUCTIONS = (
    """\
You keep the memory of a personal assistant. Read the newest exchange (<exchange>) and decide what it tells about \
the person that will matter later: facts of their life, people and things in it, plans, preferences, opinions, what \
they ask the assistant to do from now on, and what a picture they show tells about them.

<known> holds facts already remembered, each with a handle such as [m1]. <profile> and <conversation> help to \
understand; take facts from <exchange> alone.

What to write:
- {"do": "add"} for something new and lasting. One fact a sentence, understandable on its own: names instead of \
"he" or "there", dates instead of "yesterday" (reckon from <now>).
- {"do": "update"} with the handle when a known fact has changed, was corrected or is contradicted: "text" is the \
whole fact as it is now, "when" is when it began to hold.
- {"do": "delete"} with the handle when a known fact is wrong or the person wants it forgotten.
- Nothing for small talk, for questions that tell nothing of the person, and for what is known already.
- Only what the person says, shows or confirms. What the assistant says or suggests is no fact about the person.
- Write in the language the person writes in.
- "keywords": the few words by which one would look for it. "when": the date it happened or began to hold as \
"YYYY-MM-DD", or null. "picture": true if the fact is about a picture in the exchange.

Write one JSON object and nothing else; with nothing to do, {"operations": []}:
{"operations": [
 {"do": "add", "text": "...", "keywords": ["..."], "when": null, "picture": false},
 {"do": "update", "memory": "m1", "text": "...", "keywords": ["..."], "when": "2024-05-31", "picture": false},
 {"do": "delete", "memory": "m2"}]}

"""
    + DATA_RULE
)

_MOST = 12
"""More operations than one turn can tell are a model running away."""
_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "operations": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "do": {"type": "string", "enum": ["add", "update", "delete", "keep"]},
                    "memory": {"type": ["string", "null"]},
                    "text": {"type": ["string", "null"]},
                    "keywords": {"type": "array", "items": {"type": "string"}},
                    "when": {"type": ["string", "null"]},
                    "picture": {"type": "boolean"},
                },
                "required": ["do", "memory", "text", "keywords", "when", "picture"],
                "additionalProperties": False,
            },
        }
    },
    "required": ["operations"],
    "additionalProperties": False,
}


def render(given: SemanticInput, instructions: str) -> tuple[PromptMessage, ...]:
    """What is known, then the exchange."""
    zone = given.now.tzinfo
    known = [fact(memory, zone, handle=handle) for handle, memory in with_handles(given.known).items()]
    pieces = [
        *fields(given.profile, "profile"),
        *section("known", known),
        *conversation(given.recent, zone),
        f"<now>{stamp(given.now)}</now>\n",
        *conversation([given.turn], zone, tag="exchange"),
    ]
    return prompt(instructions, pieces)


def parse(raw: str, given: SemanticInput) -> tuple[ModelOperation, ...]:
    """The operations, handles replaced by ids; one that names no known fact or says nothing is left out.

    Raises: ParseError when the text holds no operations at all.
    """
    found = read_objects(raw)
    listed = next((row["operations"] for row in found if "operations" in row), None)
    if listed is None:
        listed = [row for row in found if "do" in row]
        if not listed:
            raise ParseError('a JSON object {"operations": [...]}', raw)
    made: dict[str, ModelOperation] = {}
    for row in rows(listed):
        operation = _operation(row, given)
        if operation is not None:
            # The first word on a memory, and on a sentence, holds.
            made.setdefault(operation.text.casefold() if isinstance(operation, Add) else operation.id, operation)
    return tuple(made.values())[:_MOST] or (Keep(),)


def _operation(row: Mapping[str, Any], given: SemanticInput) -> Add | Update | Delete | None:
    do, text, evidence = scalar(row.get("do")).casefold(), scalar(row.get("text")), (given.turn.id,)
    if do == "add":
        if not text or text.casefold() in {memory.text.casefold() for memory in given.known}:
            return None
        return Add(
            kind=Kind.SEMANTIC,
            text=text,
            keywords=words(row.get("keywords")),
            event=since(row.get("when"), given.now.tzinfo),
            images=digests([given.turn]) if flag(row.get("picture")) else (),
            evidence=evidence,
        )
    held = with_handles(given.known).get(handle_of(row.get("memory")))
    if held is None:
        return None
    if do == "delete":
        return Delete(id=held.id, evidence=evidence)
    if do != "update" or not text or text == held.text:
        return None
    return Update(
        id=held.id,
        kind=held.kind,
        text=text,
        keywords=words(row.get("keywords")),
        event=since(row.get("when"), given.now.tzinfo),
        images=digests([given.turn]) if flag(row.get("picture")) else held.images,
        evidence=evidence,
    )


def since(value: object, zone: tzinfo | None) -> TimeRange:
    """From a date on; unknown where there is none, and then the fold takes the turn's time."""
    try:
        start: datetime | None = date(value, zone)
    except InputError:
        start = None
    return TimeRange(start=start) if start is not None else ALWAYS


EXTRACT_SEMANTIC: Job[SemanticInput, tuple[ModelOperation, ...]] = Job(
    name="extract_semantic",
    instructions=INSTRUCTIONS,
    render=render,
    parse=parse,
    form=lambda _given: Form(schema=_SCHEMA),
)
