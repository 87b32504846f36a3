"""What a run of the graphs carries from node to node."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any

from langchain_core.messages import AnyMessage
from langgraph.channels import UntrackedValue
from langgraph.graph.message import add_messages
from typing_extensions import TypedDict

from persona_graph.conversation import Turn
from persona_graph.jobs.job import PromptMessage
from persona_graph.jobs.reason import Action, Opening
from persona_graph.memory.open_job import OpenJob
from persona_graph.options import Options
from persona_graph.receipt import Json
from persona_graph.retrieval.query import Hits


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A turn in the making. It lives in memory alone: a checkpoint holds no memory text."""

    user: str
    options: Options
    read_only: bool
    turn: Turn
    opening: Opening
    session_is_new: bool = False
    previous_session: str = ""
    transcript: tuple[PromptMessage, ...] = ()
    steps: tuple[Json, ...] = ()
    """Receipts of the calls and searches so far."""
    shown: frozenset[str] = field(default_factory=frozenset)
    """Ids that the model has seen in this turn, or is to answer without."""
    as_of: datetime | None = None
    """For an answer of the past that is given once more: only what was believed then is read."""
    retrievals: int = 0
    action: Action | None = None
    loaded_ms: float = 0.0
    away: bool = False
    """The store's server did not answer in this turn: it is not asked again, and the turn waits in the spool."""
    unknown: bool = False
    """It was away before anything was known of the person."""


class ResponseInput(TypedDict):
    """What the response graph takes: the conversation; its trailing human messages are the question."""

    messages: Annotated[list[AnyMessage], add_messages]


class ResponseOutput(TypedDict):
    """What the response graph gives."""

    messages: Annotated[list[AnyMessage], add_messages]
    turn: str
    """The turn's id in the journal."""
    receipt: dict[str, Any]
    """What was read and why."""


class ResponseState(ResponseOutput, total=False):
    """In between."""

    draft: str
    """The answer until it is written; at `interrupt_before=["answer"]` a person may change it."""
    work: Annotated[Work, UntrackedValue]
    hits: Annotated[Hits, UntrackedValue]
    """What the one retrieval found, when the answer comes without reasoning."""


class UpdateInput(TypedDict, total=False):
    """What the update graph takes: nothing; the user stands in the context."""

    close_sessions: bool
    """Treat the open session as closed."""


class UpdateOutput(TypedDict, total=False):
    """What the update graph gives."""

    done: int
    """Jobs done in this run."""


class UpdateState(UpdateInput, UpdateOutput, total=False):
    """In between."""

    job: Annotated[OpenJob | None, UntrackedValue]
