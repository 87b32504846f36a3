"""`VLLMChat`: a chat model served by vLLM that keeps the token ids vLLM returns (`return_token_ids`)."""

from __future__ import annotations

from typing import Any

from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_openai import ChatOpenAI


class VLLMChat(ChatOpenAI):
    """`ChatOpenAI` drops fields that OpenAI does not have; token ids are handed on in the message's metadata."""

    def _convert_chunk_to_generation_chunk(
        self, chunk: dict[str, Any], default_chunk_class: type, base_generation_info: dict[str, Any] | None
    ) -> ChatGenerationChunk | None:
        made = super()._convert_chunk_to_generation_chunk(chunk, default_chunk_class, base_generation_info)
        ids = _token_ids(chunk)
        if made is not None and ids:
            made.generation_info = {**(made.generation_info or {}), "token_ids": ids}
        return made

    def _create_chat_result(self, response: Any, generation_info: dict[str, Any] | None = None) -> ChatResult:
        made = super()._create_chat_result(response, generation_info)
        ids = _token_ids(response if isinstance(response, dict) else response.model_dump())
        if ids:
            made.generations[0].message.response_metadata["token_ids"] = ids
        return made


def _token_ids(response: dict[str, Any]) -> list[int]:
    choices = response.get("choices") or [{}]
    return list(choices[0].get("token_ids") or [])
