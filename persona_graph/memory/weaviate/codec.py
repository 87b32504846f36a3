"""Turns, messages, commits and memories as things of a tenant, and back (pure)."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from persona_graph.codec import commit_from_json, commit_to_json
from persona_graph.conversation import Message, Role, Turn, TurnState
from persona_graph.memory.commit import Commit, field_name
from persona_graph.memory.json_rows import memory_of, memory_row, message_rows, messages_of
from persona_graph.memory.open_job import OpenJob
from persona_graph.memory.row_ids import microseconds, moment
from persona_graph.memory.types import KEYED, Memory
from persona_graph.memory.weaviate import schema
from persona_graph.memory.weaviate.things import (
    COMMIT,
    GONE,
    JOB,
    MESSAGE,
    STATE,
    STONE,
    TURN,
    VERSION,
    Found,
    Thing,
    digits,
    dump,
    load,
    name_of,
    uid,
)
from persona_graph.retrieval.analysis import analyse
from persona_graph.retrieval.marks import marks
from persona_graph.retrieval.token_vectors import StoredTokens

PENDING, SHOWS, PICTURED, UNEMBEDDED, CURRENT = "pending", "shows", "pictured", "unembedded", "current"
"""Tags: a turn with work left, a turn or a message with a picture, a text without its vector, a version in force."""

NAMES, STANDING, EMBEDDER, OWNER = (uid(STATE, name) for name in ("names", "standing", "embedder", "owner"))
"""Single things: who talks, what commits add up to, whose vectors are held, whose tenant it is."""

TURN_FIELDS = (schema.TAGS, schema.ROW, schema.BODY, schema.JOBS)
WHOLE_TURN = (*TURN_FIELDS, schema.RECEIPT)


# turns


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """A turn's place on an open job: the outbox stands on the turns themselves, so one write makes both durable."""

    job: OpenJob
    """Without its turns."""
    opened: int
    """When it was put there, in nanoseconds: the newest says how long the job waits."""


def turn_id(turn: str) -> UUID:
    """The id of the thing that a turn is."""
    return uid(TURN, turn)


def turn_hex(turn: str) -> str:
    """The same, hexadecimal."""
    return digits(TURN, turn)


def turn_thing(turn: Turn, row: int, tickets: Sequence[Ticket], *, pending: bool) -> Thing:
    """A turn; `pending` until its messages are indexed and its jobs done."""
    body = {
        "id": turn.id,
        "at": turn.at.isoformat(),
        "session": turn.session,
        "state": turn.state,
        "messages": message_rows(turn.messages),
    }
    shows = any(image.digest for image in turn.images)
    tags = [
        TURN,
        own_tag(turn_hex(turn.id)),
        session_tag(turn.session),
        *([PENDING] if pending else ()),
        *([SHOWS] if shows else ()),
    ]
    return Thing(
        id=turn_id(turn.id),
        tags=tuple(tags),
        row=row,
        body=body,
        more={schema.RECEIPT: dump(dict(turn.receipt)), schema.JOBS: tickets_text(turn.id, tickets)},
    )


def turn_of(found: Found, ordinal: int = -1) -> Turn:
    """The turn; without its receipt where that was not asked for."""
    body = found.body
    return Turn(
        id=body["id"],
        at=datetime.fromisoformat(body["at"]),
        session=body["session"],
        messages=messages_of(body["messages"]),
        state=TurnState(body["state"]),
        receipt=load(found.properties.get(schema.RECEIPT) or "{}"),
        ordinal=ordinal,
    )


def is_turn(found: Found) -> bool:
    """Whether it is a turn, and not one of its messages, where tags were not asked for: no terms, and another body."""
    return schema.TERMS not in found.properties and isinstance(found.body, dict)


def gone_thing(turn: str) -> Thing:
    """What stands in the place of an erased turn, so that nobody can put it there again."""
    return Thing(id=turn_id(turn), tags=(GONE,))


def session_tag(session: str) -> str:
    """The tag of what belongs to a session."""
    return f"session:{name_of(session)}"


def tickets_text(turn: str, tickets: Iterable[Ticket]) -> str:
    """A turn's tickets as a property, with its id."""
    rows = [
        {
            "id": ticket.job.id,
            "name": ticket.job.name,
            "at": microseconds(ticket.job.at),
            "rank": ticket.job.rank,
            "not_before": microseconds(ticket.job.not_before),
            "opened": ticket.opened,
        }
        for ticket in tickets
    ]
    return dump({"turn": turn, "tickets": rows})


def ticketed_turn(found: Found) -> str:
    """Whose tickets they are: the turn's id."""
    return str(load(found.properties[schema.JOBS])["turn"])


def tickets_of(found: Found) -> list[Ticket]:
    """The tickets of a turn that was read."""
    return [
        Ticket(
            job=OpenJob(
                id=row["id"],
                name=row["name"],
                turns=(),
                at=moment(row["at"]),
                rank=row["rank"],
                not_before=moment(row["not_before"]),
            ),
            opened=row["opened"],
        )
        for row in load(found.properties[schema.JOBS])["tickets"]
    ]


# messages


class Card(NamedTuple):
    """What ranking needs of a message besides its terms."""

    session: str
    """A short name of the session."""
    number: int
    """Which message of its session it is, from 0."""
    speaker: str
    role: int
    """0 person, 1 assistant."""
    marks: int
    turn: str
    """The turn's thing, hexadecimal."""
    place: int
    """Which message of the turn."""
    images: int
    at: int
    """Microseconds."""


def message_things(turn: Turn, row: int, number: int) -> list[Thing]:
    """The messages of a turn as search sees them; `number` is the place of the first in its session."""
    return [_message_thing(turn, message, row, number, place) for place, message in enumerate(turn.messages)]


def _message_thing(turn: Turn, message: Message, row: int, number: int, place: int) -> Thing:
    session, text = name_of(turn.session), message.searchable
    card = Card(
        session=session,
        number=number + place,
        speaker=message.speaker,
        role=int(message.role is Role.ASSISTANT),
        marks=marks(text, image=bool(message.images)),
        turn=turn_hex(turn.id),
        place=place,
        images=len(message.images),
        at=microseconds(turn.at),
    )
    tags = [MESSAGE, turn_tag(card.turn), slot_tag(session, card.number), session_tag(turn.session)]
    tags += [PICTURED] if message.images else []
    tags += [UNEMBEDDED] if text.strip() else []
    return Thing(
        id=message_id(turn.id, place),
        tags=tuple(tags),
        row=row + place,
        terms=terms_of(text),
        body=card,
    )


def message_id(turn: str, place: int) -> UUID:
    """The id of the thing that a message is."""
    return uid(MESSAGE, turn, str(place))


def card_of(found: Found) -> Card:
    """The card of a message that was read."""
    return Card(*found.body)


def turn_tag(turn: str) -> str:
    """The tag of what belongs to a turn, by the hexadecimal id of its thing."""
    return f"turn:{turn}"


def own_tag(turn: str) -> str:
    """The tag of the turn itself: so it is read together with its messages."""
    return f"own:{turn}"


def slot_tag(session: str, number: int) -> str:
    """The tag of a place in a session, by which neighbours are found."""
    return f"slot:{session}:{number}"


def terms_of(text: str) -> str:
    """What is indexed of a text; each term once."""
    return " ".join(dict.fromkeys(analyse(text)))


def tokens_text(tokens: NDArray[np.int8]) -> str:
    """Quantised token vectors as a property."""
    return f"{tokens.shape[1]}:{base64.b64encode(np.ascontiguousarray(tokens, np.int8).tobytes()).decode()}"


def tokens_of(text: str) -> NDArray[np.int8]:
    """(k, d') the token vectors that `tokens_text` wrote."""
    width, _, data = text.partition(":")
    return np.frombuffer(base64.b64decode(data), np.int8).reshape(-1, int(width))


def stored_tokens(texts: Mapping[int, str]) -> StoredTokens:
    """The same of many messages by row; where all lengths allow it their base64 is read as one."""
    kept = {row: text.split(":", 1) for row, text in sorted(texts.items()) if text}
    widths = {width for width, _ in kept.values()}
    data = [part for _, part in kept.values()]
    if len(widths) != 1 or not all(data) or any(part.endswith("=") for part in data):
        return StoredTokens.of({row: tokens_of(text) for row, text in texts.items() if text})
    width = int(widths.pop())
    ends = np.cumsum([len(part) * 3 // 4 // width for part in data])
    vectors = np.frombuffer(base64.b64decode("".join(data)), np.int8).reshape(-1, width)
    return StoredTokens(rows=np.array(list(kept), np.int64), starts=np.concatenate(([0], ends[:-1])), vectors=vectors)


# commits and memories


def commit_thing(commit: Commit) -> Thing:
    """A commit, its sequence as row."""
    return Thing(
        id=uid(COMMIT, commit.id),
        tags=(COMMIT, *(made_tag(commit.job, turn) for turn in commit.evidence)),
        row=commit.sequence,
        body=commit_to_json(commit),
    )


def made_tag(job: str, turn: str) -> str:
    """The tag of the commit in which a job's work over a turn stands."""
    return f"made:{name_of(f'{job}:{turn}')}"


def commit_of(found: Found) -> Commit:
    """The commit that was read."""
    return replace(commit_from_json(found.body), sequence=found.row)


def version_thing(memory: Memory, vector: NDArray[np.float32] | None = None) -> Thing:
    """A version of a memory."""
    tags = [VERSION, memory_tag(memory.id), kind_tag(memory.kind), text_tag(memory.searchable)]
    if memory.kind in KEYED and memory.key:
        tags.append(field_tag(field_name(memory.kind, memory.key)))
    tags += [CURRENT] if memory.current else []
    tags += [] if memory.off else [on_tag(memory.kind)]
    tags += [now_tag(memory.kind)] if memory.current and not memory.off else []
    tags += [UNEMBEDDED] if vector is None and memory.searchable.strip() else []
    start = memory.believed.start
    return Thing(
        id=uid(VERSION, memory.id, str(memory.version)),
        tags=tuple(tags),
        row=microseconds(start) if start is not None else -(2**62),
        event=memory.event,
        terms=terms_of(memory.searchable),
        body=memory_row(memory),
        vector=vector,
    )


def version_of(found: Found) -> Memory:
    """The version that was read."""
    return memory_of(found.body)


def memory_tag(memory: str) -> str:
    """The tag of all versions of a memory."""
    return f"memory:{name_of(memory)}"


def kind_tag(kind: str) -> str:
    """The tag of memories of a kind."""
    return f"kind:{kind}"


def on_tag(kind: str) -> str:
    """The tag of the versions of a kind that are not switched off: one word is the least that a search can ask for."""
    return f"on:{kind}"


def now_tag(kind: str) -> str:
    """The tag of those of them that are in force."""
    return f"now:{kind}"


def field_tag(name: str) -> str:
    """The tag of the versions of a field (`core:KEY`)."""
    return f"field:{name_of(name)}"


def text_tag(text: str) -> str:
    """The tag of versions that say the same, which share a vector."""
    return f"text:{name_of(text)}"


# the rest


def state_thing(id: UUID, body: object) -> Thing:
    """One of the single things."""
    return Thing(id=id, tags=(STATE,), body=body)


def stone_thing(id: str, at: datetime) -> Thing:
    """A tombstone."""
    return Thing(id=uid(STONE, id), tags=(STONE,), body={"id": id, "at": at.isoformat()})


def job_id(job: str) -> UUID:
    """The id of the thing that holds a job's state."""
    return uid(JOB, job)
