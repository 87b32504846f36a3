"""How a prompt travels to a LangChain chat model, and how what comes back is gathered."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from persona_graph.conversation import Image, Text
from persona_graph.errors import NotFound
from persona_graph.jobs.job import Form, PromptMessage
from persona_graph.policy.failures import CutStream
from persona_graph.policy.images import data_uri

Constrain = Literal["auto", "vllm", "json_schema", "none"]
Media = Callable[[str], Awaitable[bytes]]
_ROLES: dict[str, type[BaseMessage]] = {"system": SystemMessage, "user": HumanMessage, "assistant": AIMessage}


async def to_langchain(prompt: Iterable[PromptMessage], media: Media | None, max_pixels: int) -> list[BaseMessage]:
    """The prompt as LangChain messages; images are inlined where they stand."""
    return [_ROLES[each.role](content=await _content(each, media, max_pixels)) for each in prompt]


async def _content(message: PromptMessage, media: Media | None, max_pixels: int) -> str | list[str | dict[str, Any]]:
    if not message.images or media is None:
        return message.text
    parts: list[str | dict[str, Any]] = []
    for block in message.blocks:
        uri = await _uri(block, media, max_pixels) if isinstance(block, Image) else None
        if uri is not None:
            parts.append({"type": "image_url", "image_url": {"url": uri}})
        else:
            parts.append(
                {"type": "text", "text": block.text if isinstance(block, Text) else f"[image: {block.caption}]"}
            )
    return parts


async def _uri(image: Image, media: Media, max_pixels: int) -> str | None:
    """The image inlined; None when its bytes are gone (erased) or unreadable, and then its caption stands for it."""
    try:
        return await data_uri(await media(image.digest), max_pixels)
    except (NotFound, OSError):
        return None


def address(model: BaseChatModel) -> str:
    """Where the model is served, without user or password; empty when the model does not tell."""
    from urllib.parse import urlsplit

    client = getattr(model, "root_async_client", None)
    url = str(getattr(client, "base_url", None) or getattr(model, "base_url", None) or "")
    parts = urlsplit(url if "//" in url else f"//{url}")
    return f"{parts.hostname or ''}{f':{parts.port}' if parts.port else ''}"


def model_name(model: BaseChatModel) -> str:
    """What the model calls itself."""
    for attribute in ("model_name", "model", "model_id"):
        if isinstance(name := getattr(model, attribute, None), str) and name:
            return name
    return type(model).__name__


def offered(model: BaseChatModel) -> Constrain:
    """Which constraints a model's server is known to offer."""
    kind = type(model).__name__
    if kind == "VLLMChat":
        return "vllm"
    return "json_schema" if kind == "ChatOllama" or address(model) == "api.openai.com" else "none"


def call_options(
    model: BaseChatModel, form: Form, constrain: Constrain, *, name: str, max_tokens: int, tokens: bool
) -> dict[str, Any]:
    """Keyword arguments of one model call: what holds the output to its form, how long it may be."""
    options: dict[str, Any] = {}
    body: dict[str, Any] = {}
    if constrain == "vllm" and (structured := _structured(form)):
        body["structured_outputs"] = structured
    elif constrain == "json_schema" and form.schema is not None:
        if type(model).__name__ == "ChatOllama":
            options["format"] = dict(form.schema)
        else:
            schema = {"name": name, "schema": dict(form.schema), "strict": True}
            # In the body, and not as the client's own argument: that one parses, and fails on text cut at its length.
            body["response_format"] = {"type": "json_schema", "json_schema": schema}
    if constrain == "vllm" and tokens:
        body["return_token_ids"] = True
        options["logprobs"] = True
    if body:
        options["extra_body"] = {**(getattr(model, "extra_body", None) or {}), **body}
    if max_tokens and getattr(model, "max_tokens", 0) is None:
        options["max_tokens"] = max_tokens
    return options


def _structured(form: Form) -> dict[str, Any]:
    """vLLM's `structured_outputs`: the structural tag before the regex, since it allows `<` in an answer."""
    if form.structural_tag is not None:
        return {"structural_tag": json.dumps(form.structural_tag)}
    if form.schema is not None:
        return {"json": dict(form.schema)}
    return {"regex": form.regex} if form.regex is not None else {}


@dataclass(slots=True)
class Heard:
    """What one call gives, piece by piece."""

    text: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    token_ids: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    _openai: bool = False
    _finished: bool = False

    def take(self, message: BaseMessage) -> None:
        """Add a message or a chunk of one."""
        self.text += str(message.text)
        usage = getattr(message, "usage_metadata", None) or {}
        self.input_tokens += usage.get("input_tokens", 0)
        self.output_tokens += usage.get("output_tokens", 0)
        about = message.response_metadata
        self.token_ids += about.get("token_ids") or []
        self.logprobs += [row["logprob"] for row in (about.get("logprobs") or {}).get("content") or []]
        self._openai |= about.get("model_provider") == "openai"
        self._finished |= bool(about.get("finish_reason"))

    def close(self) -> Heard:
        """The whole. Raises: CutStream when a server that says when it is done has not said so."""
        if self._openai and not self._finished:
            raise CutStream("the stream ended early")
        return self
