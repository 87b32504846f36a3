"""Persona Graph: an assistant that knows a person for months.

    from persona_graph import Persona

    persona = Persona.open("sqlite:./memory", model="ollama:llama3.2")
    print(persona.chat("ana", "I moved to Lisbon last week.").text)

Names are imported when they are first used, so that `import persona_graph` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from persona_graph.conversation import Image, Message, Role, Text, Turn
    from persona_graph.errors import PersonaError
    from persona_graph.graph.base_store import PersonaBaseStore
    from persona_graph.graph.build import create_persona_graph, create_response_graph, create_update_graph
    from persona_graph.graph.context import PersonaContext
    from persona_graph.graph.middleware import PersonaMiddleware
    from persona_graph.memory.open import open_store
    from persona_graph.memory.store import MemoryStore
    from persona_graph.memory.types import Kind, Memory
    from persona_graph.options import Options
    from persona_graph.personality import BigFive, Trait
    from persona_graph.policy.policy import Policy
    from persona_graph.retrieval.query import Hit, Hits, Query, Target
    from persona_graph.retrieval.retrieve import retrieve
    from persona_graph.service import Persona, Reply
    from persona_graph.timerange import TimeRange

__version__ = "0.1.0"

__all__ = [
    "BigFive",
    "Hit",
    "Hits",
    "Image",
    "Kind",
    "Memory",
    "MemoryStore",
    "Message",
    "Options",
    "Persona",
    "PersonaBaseStore",
    "PersonaContext",
    "PersonaError",
    "PersonaMiddleware",
    "Policy",
    "Query",
    "Reply",
    "Role",
    "Target",
    "Text",
    "TimeRange",
    "Trait",
    "Turn",
    "create_persona_graph",
    "create_response_graph",
    "create_update_graph",
    "open_store",
    "retrieve",
]

_HOMES = {
    "BigFive": "personality",
    "Hit": "retrieval.query",
    "Hits": "retrieval.query",
    "Image": "conversation",
    "Kind": "memory.types",
    "Memory": "memory.types",
    "MemoryStore": "memory.store",
    "Message": "conversation",
    "Options": "options",
    "Persona": "service",
    "PersonaBaseStore": "graph.base_store",
    "PersonaContext": "graph.context",
    "PersonaError": "errors",
    "PersonaMiddleware": "graph.middleware",
    "Policy": "policy.policy",
    "Query": "retrieval.query",
    "Reply": "service",
    "Role": "conversation",
    "Target": "retrieval.query",
    "Text": "conversation",
    "TimeRange": "timerange",
    "Trait": "personality",
    "Turn": "conversation",
    "create_persona_graph": "graph.build",
    "create_response_graph": "graph.build",
    "create_update_graph": "graph.build",
    "open_store": "memory.open",
    "retrieve": "retrieval.retrieve",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'persona_graph' has no attribute {name!r}")
    value = getattr(import_module(f"persona_graph.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
