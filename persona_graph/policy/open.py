"""`open_policy`: a policy from what a user writes in settings.

openai:gpt-5-mini        vllm:NAME@http://localhost:8000/v1        openai:NAME@https://host/v1
ollama:llama3.2          offline                                   provider:model (langchain)
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from langchain_core.language_models import BaseChatModel

from persona_graph.errors import ConfigurationError
from persona_graph.policy.chat import ChatPolicy
from persona_graph.policy.policy import Policy
from persona_graph.policy.prompts import load_prompts

Make = Callable[[], BaseChatModel]
_FORMS = '"ollama:NAME", "openai:NAME", "vllm:NAME@http://host:8000/v1", "provider:model" or "offline"'


def open_policy(
    spec: str | BaseChatModel | Policy | None,
    *,
    prompts: Mapping[str, str] | Path | str | None = None,
    model_options: Mapping[str, Any] | None = None,
    **chat_options: Any,
) -> Policy:
    """A policy over what `spec` names; `model_options` go to the chat model, `chat_options` to `ChatPolicy`.

    Raises: ConfigurationError with the one command that helps, when something is missing.
    """
    if spec is None:
        raise ConfigurationError(f"no model is configured; name one: {_FORMS}")
    if isinstance(spec, str):
        if spec.strip() == "offline":
            return _offline()
        make, known = _open_model(spec.strip(), float(chat_options.get("timeout_s", 120.0)), dict(model_options or {}))
        model: BaseChatModel | Make = make
        chat_options = {**known, **chat_options}
    elif isinstance(spec, BaseChatModel):
        model = spec
    else:
        return spec
    texts = load_prompts(prompts) if isinstance(prompts, Path | str) else prompts
    return ChatPolicy(model, prompts=texts, **chat_options)


def _offline() -> Policy:
    from persona_graph.policy.offline import OfflinePolicy

    return OfflinePolicy()


def _open_model(spec: str, timeout_s: float, options: dict[str, Any]) -> tuple[Make, dict[str, Any]]:
    """What makes the chat model, and what its server is known for."""
    # An address begins with http, since a model's name may hold an @ of its own.
    found = re.fullmatch(r"([a-z0-9_-]+):(.+?)(?:@(https?://.+))?", spec)
    if found is None:
        raise ConfigurationError(f"{spec!r} names no model; write {_FORMS}")
    provider, name, url = found.groups()
    opener = _OPENERS.get(provider)
    if opener is None:
        return partial(_any, provider, name, url, options), {"name": spec}
    make, known = opener(name, url, timeout_s, options)
    return make, {"name": f"{provider}:{name}", **known}


def _openai(name: str, url: str | None, timeout_s: float, options: dict[str, Any]) -> tuple[Make, dict[str, Any]]:
    given = _over_http(name, url, timeout_s) | options

    def make() -> BaseChatModel:
        chat, http = _openai_parts()
        try:
            return chat.ChatOpenAI(http_async_client=http(), **given)  # type: ignore[no-any-return]
        except Exception as error:
            if url is None:
                raise ConfigurationError("OpenAI asks for a key: export OPENAI_API_KEY=...") from error
            return chat.ChatOpenAI(http_async_client=http(), **given | {"api_key": "EMPTY"})  # type: ignore[no-any-return]

    # OpenAI's reasoning models count their reasoning as output, so a limit would cut their answers.
    return make, {"limit_tokens": url is not None}


def _vllm(name: str, url: str | None, timeout_s: float, options: dict[str, Any]) -> tuple[Make, dict[str, Any]]:
    if url is None:
        raise ConfigurationError(f'vLLM is found by its address: write "vllm:{name}@http://localhost:8000/v1"')
    # A key of OpenAI's is not for whoever answers at this address.
    given = _over_http(name, url, timeout_s) | {"api_key": "EMPTY", "temperature": 0.0} | options

    def make() -> BaseChatModel:
        _, http = _openai_parts()
        chat = importlib.import_module("persona_graph.policy.vllm").VLLMChat
        return chat(http_async_client=http(), **given)  # type: ignore[no-any-return]

    return make, {}


def _ollama(name: str, url: str | None, timeout_s: float, options: dict[str, Any]) -> tuple[Make, dict[str, Any]]:
    # Ollama cuts prompts to its own default window without a word, and ours may be longer.
    given = {"model": name, "base_url": url, "temperature": 0.0, "num_ctx": 8192} | options
    given.setdefault("client_kwargs", {"timeout": timeout_s})
    return (lambda: _part("langchain_ollama", "ollama").ChatOllama(**given)), {}


_OPENERS: Mapping[str, Callable[[str, str | None, float, dict[str, Any]], tuple[Make, dict[str, Any]]]] = {
    "openai": _openai,
    "vllm": _vllm,
    "ollama": _ollama,
}


def _over_http(name: str, url: str | None, timeout_s: float) -> dict[str, Any]:
    # The policy tries again by itself; tries inside tries would wait for minutes.
    return {"model": name, "base_url": url, "timeout": timeout_s, "max_retries": 0, "stream_usage": True}


def _openai_parts() -> tuple[Any, Any]:
    """LangChain's package, and the HTTP client that OpenAI's own package wants."""
    return _part("langchain_openai", "openai"), importlib.import_module("openai").DefaultAsyncHttpxClient


def _any(provider: str, name: str, url: str | None, options: dict[str, Any]) -> BaseChatModel:
    """Whatever LangChain knows by this name."""
    need = f"pip install langchain langchain-{provider.replace('_', '-')}"
    try:
        init = importlib.import_module("langchain.chat_models").init_chat_model
        made = init(name, model_provider=provider, **({"base_url": url} if url else {}), **options)
    except ImportError as error:
        raise ConfigurationError(f"{provider}:{name} needs a package that is not installed: {need}") from error
    except ValueError as error:
        raise ConfigurationError(f"LangChain knows no provider {provider!r}; write {_FORMS}") from error
    if not isinstance(made, BaseChatModel):
        raise ConfigurationError(f"{provider}:{name} is no chat model")
    return made


def _part(module: str, extra: str) -> Any:
    """An optional module, or the one command that installs it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ConfigurationError(f"{extra} models need an extra: pip install 'persona-graph[{extra}]'") from error
