"""What a run is given beside its messages: `PersonaContext`, passed as `context=` to `invoke` and its kin."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

from langgraph.config import get_config, get_stream_writer
from langgraph.runtime import get_runtime
from typing_extensions import TypedDict

from persona_graph.errors import InputError
from persona_graph.options import Options
from persona_graph.personality import Trait
from persona_graph.timerange import parse_time
from persona_graph.user_id import user_id

_FIELDS: Mapping[str, tuple[Any, str]] = {
    "at": (datetime | str | None, "a datetime with a time zone, or a text such as 2024-05-31 18:30"),
    "options": (Options | None, "an Options"),
    "turn": (str, "the id of a turn"),
    "without": (frozenset | set | list | tuple, "a list of ids"),
}


@dataclass(frozen=True, kw_only=True)
class PersonaContext:
    """Who talks, when, and how this one run differs. `context={"user": "ana"}` is enough."""

    user: str = ""
    """The user's id, any string; `configurable.user_id` is read when none is given."""
    at: datetime | str | None = None
    """When the person spoke; the clock's time when None."""
    read_only: bool = False
    """Answer without writing anything."""
    personality: Mapping[str, float] = field(default_factory=dict)
    """Traits to assume in this answer's prompt only."""
    options: Options | None = None
    """Behaviour for this run instead of the Persona's."""
    turn: str = ""
    """Id of an asked or failed turn to answer now; with `read_only`, of an answered one to answer once more."""
    without: frozenset[str] = frozenset()
    """Ids of memories and turns to answer without."""

    def __post_init__(self) -> None:
        if unknown := [name for name in self.personality if name not in set(Trait)]:
            raise InputError(f"{unknown[0]!r} is no trait; they are {', '.join(Trait)}")
        for name, (kind, what) in _FIELDS.items():
            if not isinstance(given := getattr(self, name), kind):
                raise InputError(f"{name} is {repr(given)[:80]}; it is {what}")
        if strange := [id for id in self.without if not isinstance(id, str)]:
            raise InputError(f"without holds {repr(strange[0])[:80]}; it holds ids of memories and turns")
        object.__setattr__(self, "without", frozenset(self.without))  # from JSON it is a list

    @property
    def moment(self) -> datetime | None:
        """`at`, read."""
        return parse_time(self.at) if isinstance(self.at, str) else self.at


class ThinkEvent(TypedDict):
    """What the model thought in a step; sent when the step is whole, so after the pieces of its answer."""

    type: Literal["think"]
    text: str


class RetrieveEvent(TypedDict):
    """The model asks memory; times are ISO or None."""

    type: Literal["retrieve"]
    keywords: str
    start: str | None
    end: str | None


class FoundEvent(TypedDict):
    """What memory gave: `target`, `id`, `score`, `parts` and `text` of each hit."""

    type: Literal["found"]
    hits: list[dict[str, Any]]


class AwayEvent(TypedDict):
    """Memory cannot be reached: the answer goes on without it."""

    type: Literal["away"]


class DeltaEvent(TypedDict):
    """A piece of the answer."""

    type: Literal["delta"]
    text: str


class AnswerEvent(TypedDict):
    """The answer is whole and the turn is written."""

    type: Literal["answer"]
    text: str
    turn: str


Event = ThinkEvent | RetrieveEvent | FoundEvent | AwayEvent | DeltaEvent | AnswerEvent
Emit = Callable[[Event], None]


def current_context() -> PersonaContext:
    """The running graph's context. Raises: InputError when no user is named."""
    context = get_runtime(PersonaContext).context
    if isinstance(context, Mapping):
        context = PersonaContext(**context)
    context = context or PersonaContext()
    user = context.user if context.user != "" else get_config().get("configurable", {}).get("user_id")
    if user is None:
        raise InputError(
            'no user is named; pass context={"user": "ana"} or config={"configurable": {"user_id": "ana"}}'
        )
    return replace(context, user=user_id(user))


def current_emit() -> Emit:
    """Where this run's events go: the custom stream."""
    return get_stream_writer()
