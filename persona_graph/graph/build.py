"""The graphs, wired: `create_response_graph`, `create_update_graph`, `create_persona_graph`.

Each takes a `Persona` (or an `Engine`) and returns an uncompiled `StateGraph`, so that you add your own
checkpointer, store and interrupts:

    graph = create_persona_graph(Persona.open("sqlite:memory", model="ollama:llama3.2")).compile()
    graph.invoke({"messages": [("user", "I moved to Lisbon.")]}, context={"user": "ana"})
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Coroutine
from functools import cache
from typing import TYPE_CHECKING, Any

from langchain_core.runnables import Runnable, RunnableConfig
from langgraph.graph import END, START, StateGraph

from persona_graph.blocking import background
from persona_graph.engine import Engine
from persona_graph.graph import response, update
from persona_graph.graph.context import Emit, PersonaContext, current_context, current_emit
from persona_graph.graph.state import (
    ResponseInput,
    ResponseOutput,
    ResponseState,
    UpdateInput,
    UpdateOutput,
    UpdateState,
)
from persona_graph.options import Updates
from persona_graph.update.steps import STEPS

if TYPE_CHECKING:
    from persona_graph.service import Persona

Node = Callable[[Engine, PersonaContext, Emit, Any], Coroutine[Any, Any, dict[str, Any]]]
Route = Callable[[Any], str]
Graph = StateGraph[Any, Any, Any, Any]


def create_response_graph(persona: Persona | Engine) -> Graph:
    """The Response stage. Takes `messages`; gives `messages` with the answer, `turn` and `receipt`.

    The Update stage is left to a worker.
    """
    builder = _response(_engine(persona))
    builder.add_edge("answer", END)
    return builder


def _response(engine: Engine) -> Graph:
    """The Response stage up to `answer`."""
    builder: Graph = StateGraph(
        ResponseState, context_schema=PersonaContext, input_schema=ResponseInput, output_schema=ResponseOutput
    )
    for node in (response.load, response.reason, response.retrieve, response.respond, response.answer):
        builder.add_node(node.__name__, _Node(engine, node))
    builder.add_edge(START, "load")
    builder.add_conditional_edges("load", _Route(response.after_load), ["reason", "retrieve"])
    builder.add_conditional_edges("reason", _Route(response.after_reason), ["retrieve", "answer"])
    builder.add_conditional_edges("retrieve", _Route(response.after_retrieve), ["reason", "respond"])
    builder.add_edge("respond", "answer")
    return builder


def create_update_graph(persona: Persona | Engine) -> Graph:
    """The Update stage of one user: does every job that is due, then ends. Gives `done`, how many."""
    engine = _engine(persona)
    builder: Graph = StateGraph(
        UpdateState, context_schema=PersonaContext, input_schema=UpdateInput, output_schema=UpdateOutput
    )
    builder.add_node("claim", _Node(engine, update.claim))
    builder.add_edge(START, "claim")
    for name in STEPS:
        builder.add_node(name, _Node(engine, update.work))
        builder.add_edge(name, "claim")
    builder.add_conditional_edges("claim", _Route(update.after_claim), [*STEPS, END])
    return builder


def create_persona_graph(persona: Persona | Engine) -> Graph:
    """Both stages: the answer, then the Update stage in the run (`updates="inline"`) or off its path."""
    engine = _engine(persona)
    builder = _response(engine)
    builder.add_node("update", _Node(engine, _update_inline))
    builder.add_conditional_edges("answer", _Route(_after_answer), ["update", END])
    builder.add_edge("update", END)
    return builder


async def _update_inline(engine: Engine, context: PersonaContext, emit: Emit, state: Any) -> dict[str, Any]:
    graph = create_update_graph(engine).compile()
    # The answer is given; what is to be learned from it waits until memory is back.
    await engine.outage.attempt(graph.ainvoke({}, context=context, config={"recursion_limit": 10_000}))
    return {}


def _after_answer(state: ResponseState) -> str:
    work = state["work"]
    return "update" if work.options.updates is Updates.INLINE and not work.read_only else END


def _engine(persona: Persona | Engine) -> Engine:
    return persona if isinstance(persona, Engine) else persona.engine


class _Node(Runnable[Any, Any]):
    """A node that runs under `ainvoke` on the caller's loop and under `invoke` on the background loop."""

    def __init__(self, engine: Engine, node: Node) -> None:
        self.name = node.__name__
        self._engine, self._node = engine, node

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None, **_kwargs: Any) -> dict[str, Any]:
        """Run the node."""
        return await self._node(self._engine, current_context(), current_emit(), input)

    def invoke(self, input: Any, config: RunnableConfig | None = None, **_kwargs: Any) -> dict[str, Any]:
        """Run the node and wait."""
        return background.run(self.ainvoke(input, config))


class _Route(Runnable[Any, str]):
    """A route; as a plain function LangGraph would send it through a thread, which costs more than it does."""

    def __init__(self, route: Route) -> None:
        self.name = route.__name__.strip("_")
        self._route = route

    def invoke(self, input: Any, config: RunnableConfig | None = None, **_kwargs: Any) -> str:
        """Choose the next node."""
        return self._route(input)

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None, **_kwargs: Any) -> str:
        """Choose the next node."""
        return self._route(input)


async def response_graph() -> Any:
    """For `langgraph.json`: the Response stage with the settings of the environment, compiled."""
    return await asyncio.to_thread(_served, create_response_graph)


async def update_graph() -> Any:
    """For `langgraph.json`: the Update stage with the settings of the environment, compiled."""
    return await asyncio.to_thread(_served, create_update_graph)


async def persona_graph() -> Any:
    """For `langgraph.json`: both stages with the settings of the environment, compiled."""
    return await asyncio.to_thread(_served, create_persona_graph)


_serving = threading.Lock()


def _served(create: Callable[[Engine], Graph]) -> Any:
    """A server asks for its graphs anew for each run; opening the store and its worker once a process is enough."""
    with _serving:
        return _compiled(create)


@cache
def _compiled(create: Callable[[Engine], Graph]) -> Any:
    return create(_from_settings()).compile()


@cache
def _from_settings() -> Engine:
    from persona_graph.service import Persona
    from persona_graph.settings import load_settings

    return Persona.from_settings(load_settings(os.environ)).engine
