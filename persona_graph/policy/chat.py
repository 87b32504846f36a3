"""`ChatPolicy`: does the jobs with any LangChain chat model.

The model's output is held to its form where the server can do that; elsewhere it is text, with one
repair turn when it cannot be read. Calls that fail for the moment are tried again.
"""

from __future__ import annotations

import asyncio
import copy
import random
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Literal, Self, TypeVar, cast

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage
from langchain_core.runnables import RunnableConfig

from persona_graph.errors import MalformedOutput, ModelUnavailable, ParseError
from persona_graph.jobs.format import repair
from persona_graph.jobs.job import Job, PromptMessage
from persona_graph.policy.authors import authors
from persona_graph.policy.failures import diagnose
from persona_graph.policy.images import MAX_PIXELS
from persona_graph.policy.per_loop import PerLoop
from persona_graph.policy.policy import Completion, Usage
from persona_graph.policy.wire import Constrain, Heard, Media, address, call_options, model_name, offered, to_langchain

Given = TypeVar("Given")
Made = TypeVar("Made")

NOSTREAM = "nostream"
"""LangGraph's tag for models whose tokens stay out of its `messages` stream: the graph emits its own."""
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.5, 60.0


class ChatPolicy:
    """A policy over a chat model."""

    def __init__(
        self,
        model: BaseChatModel | Callable[[], BaseChatModel],
        *,
        name: str | None = None,
        constrain: Constrain = "auto",
        prompts: Mapping[str, str] | None = None,
        dialect: Literal["ours", "authors"] = "ours",
        media: Media | None = None,
        sees_images: bool = True,
        max_pixels: int = MAX_PIXELS,
        timeout_s: float = 120.0,
        max_retries: int = 3,
        limit_tokens: bool = True,
        tokens: bool = False,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """`model` may be a function that makes one; each event loop then has its own, with its own connections.

        `timeout_s` is the longest silence: of a whole answer, or between two pieces of a streamed one.

        `sees_images=False` gives captions to a model that reads text alone; `limit_tokens=False` leaves
        the length of outputs to the server; `tokens=True` asks vLLM for token ids and log-probabilities.
        """
        self._model = model if isinstance(model, BaseChatModel) else model()
        self._here: Callable[[], BaseChatModel] = (
            (lambda: self._model) if isinstance(model, BaseChatModel) else PerLoop(model)
        )
        self._name = name or model_name(self._model)
        self._constrain: Constrain = offered(self._model) if constrain == "auto" else constrain
        self._prompts, self._dialect = dict(prompts or {}), dialect
        self._media, self._sees_images, self._max_pixels = media, sees_images, max_pixels
        self._timeout_s, self._max_retries = timeout_s, max_retries
        self._limit_tokens, self._tokens = limit_tokens, tokens
        self._sleep, self._jitter = sleep, jitter

    @property
    def name(self) -> str:
        """The model's id."""
        return self._name

    def with_media(self, media: Media) -> Self:
        """The same policy, reading images of one user."""
        other = copy.copy(self)
        other._media = media
        return other

    async def ask(
        self, job: Job[Given, Made], given: Given, *, on_delta: Callable[[str], None] | None = None
    ) -> Completion[Made]:
        """Do a job; on text that cannot be read, ask once more.

        What a failed try has streamed is never taken back: a second try streams only what continues it,
        and `Completion.value` is what holds.
        """
        job = authors(job) if self._dialect == "authors" else job
        prompt = job.render(given, self._prompts.get(job.name, job.instructions))
        voice = _Voice(on_delta, lambda so_far: job.spoken(so_far, given)) if on_delta and job.streams else None
        call = _Call(
            options=call_options(
                self._model,
                job.form(given),
                self._constrain,
                name=job.name,
                max_tokens=job.max_tokens if self._limit_tokens else 0,
                tokens=self._tokens,
            ),
            config={"tags": [NOSTREAM], "run_name": job.name},
            voice=voice,
        )
        first = await self._say(prompt, call)
        try:
            value = job.parse(first.heard.text, given)
        except ParseError as error:
            said = (_assistant(first.heard.text), repair(error))
        else:
            return _completion(value, (_assistant(first.heard.text),), first, first.usage)
        second = await self._say((*prompt, *said), call)
        try:
            value = job.parse(second.heard.text, given)
        except ParseError as error:
            raise MalformedOutput(
                f"{self._where} gave no readable output for {job.name}, even when asked again: {error}",
                second.heard.text,
            ) from error
        return _completion(value, (*said, _assistant(second.heard.text)), second, first.usage + second.usage)

    async def _say(self, prompt: Sequence[PromptMessage], call: _Call) -> _Said:
        """One call, tried again while that may help.

        Raises: ModelUnavailable.
        """
        messages = await to_langchain(prompt, self._media if self._sees_images else None, self._max_pixels)
        for attempt in range(self._max_retries + 1):
            started = time.perf_counter()
            try:
                heard = await (self._stream(messages, call) if call.voice else self._invoke(messages, call))
            except Exception as error:
                # Providers raise what they like; `diagnose` sorts it.
                failure = diagnose(error)
                wait_s = failure.after_s if failure.after_s is not None else self._backoff_s(attempt)
                if not failure.again or attempt == self._max_retries or wait_s > _LONGEST_WAIT_S:
                    later = f" and asks to wait {wait_s:.0f} s" if wait_s > _LONGEST_WAIT_S else ""
                    raise ModelUnavailable(f"{self._where} {failure.sentence}{later}") from error
                await self._sleep(wait_s)
            else:
                return _Said(heard, (time.perf_counter() - started) * 1e3)
        raise AssertionError("the last attempt returns or raises")

    async def _invoke(self, messages: list[BaseMessage], call: _Call) -> Heard:
        heard = Heard()
        async with asyncio.timeout(self._timeout_s):
            heard.take(await self._here().ainvoke(messages, call.config, **call.options))
        return heard

    async def _stream(self, messages: list[BaseMessage], call: _Call) -> Heard:
        heard, voice = Heard(), cast(_Voice, call.voice)
        async with aclosing(cast(Any, self._here().astream(messages, call.config, **call.options))) as stream:
            while True:
                async with asyncio.timeout(self._timeout_s):
                    chunk = await anext(stream, None)
                if chunk is None:
                    return heard.close()
                heard.take(chunk)
                voice.hear(heard.text)

    def _backoff_s(self, attempt: int) -> float:
        return min(_LONGEST_WAIT_S, _FIRST_WAIT_S * float(2**attempt) * (1 + self._jitter()))

    @property
    def _where(self) -> str:
        at = address(self._model)
        return f"the model {self._name}{f' at {at}' if at else ''}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Call:
    options: Mapping[str, Any]
    config: RunnableConfig
    voice: _Voice | None


@dataclass(frozen=True, slots=True)
class _Said:
    heard: Heard
    milliseconds: float

    @property
    def usage(self) -> Usage:
        return Usage(
            calls=1,
            input_tokens=self.heard.input_tokens,
            output_tokens=self.heard.output_tokens,
            milliseconds=self.milliseconds,
        )


class _Voice:
    """Passes on what the person may see, each letter once, whatever is tried again."""

    def __init__(self, on_delta: Callable[[str], None], spoken: Callable[[str], str]) -> None:
        self._on_delta, self._spoken, self._shown = on_delta, spoken, ""

    def hear(self, so_far: str) -> None:
        """Take the whole text so far."""
        shown = self._spoken(so_far)
        if len(shown) > len(self._shown) and shown.startswith(self._shown):
            self._on_delta(shown[len(self._shown) :])
            self._shown = shown


def _assistant(text: str) -> PromptMessage:
    # Some servers refuse an empty message.
    return PromptMessage.of("assistant", text or "(nothing)")


def _completion(value: Made, said: tuple[PromptMessage, ...], last: _Said, usage: Usage) -> Completion[Made]:
    heard = last.heard
    return Completion(
        value=value,
        raw=heard.text,
        said=said,
        usage=usage,
        token_ids=tuple(heard.token_ids) or None,
        logprobs=tuple(heard.logprobs) or None,
    )
