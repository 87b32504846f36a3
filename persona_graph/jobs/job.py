"""A `Job` is a value: a name, what we ask (`render`), what we accept (`parse`), how output may be constrained.

There are seven, one file each; a policy runs any of them without knowing which.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar

from persona_graph.conversation import Block, Image, Text

Given = TypeVar("Given")
Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class PromptMessage:
    """One message of a prompt: text and images in their order."""

    role: Literal["system", "user", "assistant"]
    blocks: tuple[Block, ...]

    @classmethod
    def of(cls, role: Literal["system", "user", "assistant"], *blocks: str | Block) -> PromptMessage:
        """A message of texts and images."""
        return cls(role, tuple(Text(b) if isinstance(b, str) else b for b in blocks))

    @property
    def text(self) -> str:
        """The message as text alone; an image stands as its caption."""
        return "".join(b.text if isinstance(b, Text) else f"[image: {b.caption}]" for b in self.blocks)

    @property
    def images(self) -> tuple[Image, ...]:
        """The images, in order."""
        return tuple(b for b in self.blocks if isinstance(b, Image))


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """How a job's output can be constrained by a server that constrains; each None where it cannot be."""

    regex: str | None = None
    """A regular expression that the whole output matches."""
    structural_tag: Mapping[str, Any] | None = None
    """vLLM's structural tag."""
    schema: Mapping[str, Any] | None = None
    """A JSON schema, for jobs whose output is JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job(Generic[Given, Made]):
    """One call to the model."""

    name: str
    instructions: str
    """What the system message says; a user may replace it (a file `NAME.md` in a prompts folder)."""
    render: Callable[[Given, str], tuple[PromptMessage, ...]]
    """(input, instructions) -> messages. Pure."""
    parse: Callable[[str, Given], Made]
    """(the model's text, input) -> value; raises ParseError. Pure."""
    form: Callable[[Given], Form] = field(default=lambda _given: Form())
    """How this input's output may be constrained."""
    max_tokens: int = 1024
    """Longest output."""
    streams: bool = False
    """Whether a person reads it while it is made."""
    spoken: Callable[[str, Given], str] = field(default=lambda so_far, _given: so_far)
    """(the text so far, input) -> the part of it that the person may see; only grows as the text does. Pure."""
