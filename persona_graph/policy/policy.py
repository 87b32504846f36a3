"""The policy seam: one method, `ask(job, input)`.

`ChatPolicy` asks a chat model, `OfflinePolicy` answers by rules. Both parse with the job's own `parse`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar, runtime_checkable

from persona_graph.jobs.job import Job, PromptMessage

Given = TypeVar("Given")
Made = TypeVar("Made")


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What it cost."""

    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    milliseconds: float = 0.0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            calls=self.calls + other.calls,
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            milliseconds=self.milliseconds + other.milliseconds,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion(Generic[Made]):
    """What one `ask` gave."""

    value: Made
    raw: str
    """The model's last text, whole."""
    said: tuple[PromptMessage, ...]
    """What the transcript grows by: the model's text and, where it was repaired, what came before."""
    usage: Usage = Usage()
    token_ids: tuple[int, ...] | None = None
    """Of `raw`, where the server gives them."""
    logprobs: tuple[float, ...] | None = None
    """One a token, where the server gives them."""


class Policy(Protocol):
    """Whatever can do a job."""

    @property
    def name(self) -> str:
        """What receipts call it: the model's id."""
        ...

    async def ask(
        self,
        job: Job[Given, Made],
        given: Given,
        *,
        on_delta: Callable[[str], None] | None = None,
    ) -> Completion[Made]:
        """Do a job. `on_delta` gets pieces of text as they are made, for jobs that stream.

        Raises: ModelUnavailable when no answer comes, MalformedOutput when none can be parsed.
        """
        ...


@runtime_checkable
class SeesImages(Protocol):
    """A policy that can be shown images: they belong to one user, so it is given that user's."""

    def with_media(self, media: Callable[[str], Awaitable[bytes]]) -> Policy:
        """The same policy, reading images by digest through `media`."""
        ...
