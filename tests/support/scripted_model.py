"""`ScriptedModel`: a LangChain chat model in this process that says what it is given to say, one text a call."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from pydantic import Field


class ScriptedModel(BaseChatModel):
    """Streams word by word; an exception in the script is raised."""

    script: list[Any] = Field(default_factory=list)
    seen: list[list[BaseMessage]] = Field(default_factory=list)

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def _next(self, messages: list[BaseMessage]) -> str:
        self.seen.append(messages)
        said = self.script.pop(0)
        if isinstance(said, Exception):
            raise said
        return str(said)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        text = self._next(messages)
        usage = {"input_tokens": 7, "output_tokens": len(text), "total_tokens": 7 + len(text)}
        message = AIMessage(content=text, usage_metadata=usage)
        return ChatResult(generations=[ChatGeneration(message=message)])

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        text = self._next(messages)
        for place in range(0, len(text), 3):
            yield ChatGenerationChunk(message=AIMessageChunk(content=text[place : place + 3]))
        usage = {"input_tokens": 7, "output_tokens": len(text), "total_tokens": 7 + len(text)}
        yield ChatGenerationChunk(message=AIMessageChunk(content="", usage_metadata=usage))
