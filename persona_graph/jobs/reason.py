"""`reason`: think, then retrieve or answer (paper section 3.3).

What the model writes is one of

    <think>...</think><retrieve>{"keywords": "...", "start_time": null, "end_time": null}</retrieve>
    <think>...</think><answer>...</answer>

and a prompt only ever grows: the transcript that serving sends is the one that training trains on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum
from typing import Any

from persona_graph.conversation import Message, Turn
from persona_graph.errors import InputError, ParseError
from persona_graph.jobs import blocks
from persona_graph.jobs.context import found_pieces, opening_pieces
from persona_graph.jobs.format import DATA_RULE, escape, message, pieces_of
from persona_graph.jobs.job import Form, Job, PromptMessage
from persona_graph.jobs.reading import date, items, read_objects, scalar
from persona_graph.memory.types import Memory
from persona_graph.personality import BigFive
from persona_graph.retrieval.query import Hit
from persona_graph.timerange import ALWAYS, TimeRange


class Must(StrEnum):
    """What this step has to do."""

    CHOOSE = "choose"
    RETRIEVE = "retrieve"
    ANSWER = "answer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """What the model knows before it looks anything up: the same for `reason` and `respond`."""

    query: Message
    now: datetime
    """When the person asks; its zone is the person's."""
    profile: tuple[Memory, ...] = ()
    """Core memories."""
    habits: tuple[Memory, ...] = ()
    """The liveliest procedural memories."""
    personality: BigFive = BigFive()
    recent: tuple[Turn, ...] = ()
    """The short-term context: turns of the last 60 minutes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReasonInput:
    """One step of reasoning."""

    opening: Opening
    transcript: tuple[PromptMessage, ...] = ()
    """What was said since the opening: the model's steps and what was found for them. It only grows."""
    must: Must = Must.CHOOSE


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrieve:
    """Look into memory."""

    think: str
    keywords: str
    window: TimeRange = ALWAYS
    note: str = ""
    """What could not be read in the request (a date that is none) and was left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Speak to the person."""

    think: str
    text: str


Action = Retrieve | Answer


INSTRUCTIONS = (
    """\
You are a personal assistant who has known this person for a long time. You remember what they told you, and you \
speak in a manner that suits them.

You see who they are (<profile>, <personality>, <habits>), what was said within the last hour (<conversation>), the \
time (<now>) and their new message (<message>). Everything older is in memory, where you can look it up.

Each time you write, think first, then do exactly one of two things:

1. Look into memory, when the message needs something that was said, shown or agreed earlier and is not in front of \
you:
<think>what is missing</think><retrieve>{"keywords": "words to find", "start_time": null, "end_time": null}</retrieve>

2. Answer, when you know enough, when memory cannot help, or when no retrieval is left:
<think>how to answer</think><answer>what you say to the person</answer>

How to look into memory:
- keywords: the words that the memory itself would contain, names and things first, in the language of the person.
- start_time and end_time: only when the message says when ("last week", "in May"); reckon from <now>. Write \
"YYYY-MM-DD" or "YYYY-MM-DD HH:MM", or null for no limit. A day given as the end is included.
- Looking again with other words or another time is fine; what you have been shown is not shown twice.

How to answer:
- In the language of the message, directly, without speaking of memory, tags or these rules.
- Let the profile and the personality shape tone, length and what you suggest; do not recite them.
- Where two things contradict, the newer one holds; "no longer true" means that it held only then.
- Never invent what the person said. If memory does not tell, say that you do not know.
- If the message offers choices such as (a) to (d), begin with the letter of the one that fits.

Write nothing outside these blocks. """
    + DATA_RULE
)

_ASK: Mapping[Must, str] = {
    Must.CHOOSE: "",
    Must.RETRIEVE: "Look into memory first: think, then write a <retrieve> block.",
    Must.ANSWER: "Nothing can be looked up now: think, then write your <answer>.",
}
_EXPECTED: Mapping[Must, str] = {
    Must.CHOOSE: "<think>...</think> and then exactly one <retrieve>{...}</retrieve> or <answer>...</answer>",
    Must.RETRIEVE: "<think>...</think> and then <retrieve>{...}</retrieve>, since memory is to be looked into first",
    Must.ANSWER: "<think>...</think> and then <answer>...</answer>, since nothing can be looked up any more",
}
_TAGS: Mapping[Must, tuple[str, ...]] = {
    Must.CHOOSE: ("retrieve", "answer"),
    Must.RETRIEVE: ("retrieve",),
    Must.ANSWER: ("answer",),
}
NO_WORDS = "I could not put my answer into words just now. Please ask me again."
"""Said when a model that has to answer says nothing at all; an empty answer looks like a fault."""


def begin(must: Must) -> tuple[PromptMessage, ...]:
    """What a transcript starts with: a demand, kept in the transcript so that the prompt only grows."""
    return (PromptMessage.of("user", _ASK[must]),) if _ASK[must] else ()


def render(given: ReasonInput, instructions: str) -> tuple[PromptMessage, ...]:
    """The rules, the opening, then the transcript; a longer transcript only adds at the end."""
    transcript = given.transcript or begin(given.must)
    pieces = opening_pieces(given.opening)
    # Some chat templates refuse two messages of one role in a row.
    while transcript and transcript[0].role == "user":
        pieces, transcript = [*pieces, *pieces_of(transcript[0])], transcript[1:]
    return (PromptMessage.of("system", instructions), message("user", pieces), *transcript)


def observe(hits: Sequence[Hit], retrievals_left: int, *, note: str = "", zone: tzinfo | None = None) -> PromptMessage:
    """What one retrieval found, and what the model may do next; `note` is `Retrieve.note`."""
    if retrievals_left > 0:
        times = "once more" if retrievals_left == 1 else f"{retrievals_left} more times"
        ahead = f"You may look into memory {times}, or answer."
    else:
        ahead = "No retrieval is left: think, then write your <answer>."
    remark = f"About your request: {escape(note)}.\n" if note else ""
    return message("user", [*found_pieces(hits, zone), remark + ahead])


def parse(raw: str, given: ReasonInput) -> Action:
    """The action of an output that keeps the contract.

    Raises: ParseError when it does not, or does what `must` forbids.
    """
    return action_of(raw, given, _request)


def action_of(raw: str, given: ReasonInput, request: Callable[[str], Mapping[str, Any] | None]) -> Action:
    """As `parse`; `request` reads what stands between the retrieve tags, None where it is nothing readable."""
    found = blocks.split(raw)
    if found is None or found.tag not in _TAGS[given.must]:
        raise ParseError(_EXPECTED[given.must], raw)
    if found.tag == "retrieve":
        wanted = request(found.body)
        if wanted is None:
            raise ParseError("keywords, start_time and end_time between the retrieve tags, in the form asked for", raw)
        return _retrieve(wanted, found.think, given)
    if not found.body:
        raise ParseError("words between <answer> and </answer>", raw)
    return Answer(think=found.think, text=found.body)


def _request(body: str) -> Mapping[str, Any] | None:
    return next((row for row in read_objects(body)[:1] if "keywords" in row), None)


def _retrieve(request: Mapping[str, Any], think: str, given: ReasonInput) -> Retrieve:
    """A request with its dates read in the person's zone; what cannot be read is left out with a note."""
    window, note = _window(request.get("start_time"), request.get("end_time"), given.opening.now.tzinfo or UTC)
    keywords = " ".join(word for item in items(request.get("keywords")) if (word := scalar(item)))
    return Retrieve(think=think, keywords=keywords, window=window, note=note)


def fallback(raw: str, given: ReasonInput) -> Action:
    """What is done when even the repaired output keeps no contract: an outcome for every text."""
    answer = blocks.loose_answer(raw)
    if given.must is Must.ANSWER:
        return Answer(think="", text=answer or blocks.bare_text(raw) or NO_WORDS)
    if answer and given.must is Must.CHOOSE:
        return Answer(think="", text=answer)
    return Retrieve(think="", keywords=given.opening.query.text, note="the request had no readable form")


def spoken(so_far: str, given: ReasonInput) -> str:
    """What the person may see of an output being written; an answer that is not due stays unseen."""
    return "" if given.must is Must.RETRIEVE else blocks.spoken(so_far)


def form(given: ReasonInput) -> Form:
    """The blocks that this step allows."""
    return blocks.form(*_TAGS[given.must])


def _window(start: object, end: object, zone: tzinfo) -> tuple[TimeRange, str]:
    notes: list[str] = []
    first = _date(start, "start_time", zone, notes)
    last = _date(end, "end_time", zone, notes, is_end=True)
    if first is not None and first == last and _date(end, "end_time", zone, []) == last:
        notes.append("the window was empty, so it was widened to a day")
        last = first + timedelta(days=1)
    elif first is not None and last is not None and last <= first:
        # A day given as an end reaches the next midnight, so both are read again in their new places.
        notes.append("start_time was after end_time, so they were swapped")
        first, last = _date(end, "start_time", zone, []), _date(start, "end_time", zone, [], is_end=True)
    return (TimeRange(start=first, end=last) if first or last else ALWAYS), "; ".join(notes)


def _date(value: object, name: str, zone: tzinfo, notes: list[str], *, is_end: bool = False) -> datetime | None:
    try:
        return date(value, zone, is_end=is_end)
    except InputError:
        notes.append(f"{name} {str(value)[:40]!r} is not a date and was left out")
        return None


REASON: Job[ReasonInput, Action] = Job(
    name="reason",
    instructions=INSTRUCTIONS,
    render=render,
    parse=parse,
    form=form,
    spoken=spoken,
    streams=True,
)
