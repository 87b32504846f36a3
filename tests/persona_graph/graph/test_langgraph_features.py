"""What users of LangGraph do with a graph: nest it, stream it, interrupt and resume it, run many at once."""

from __future__ import annotations

import asyncio
import json
import logging
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AnyMessage, HumanMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.graph import END, START, MessagesState, StateGraph

from persona_graph import Kind, Options, Persona, create_persona_graph, create_response_graph, create_update_graph
from persona_graph.conversation import TurnState
from persona_graph.errors import ModelUnavailable
from persona_graph.graph import build
from persona_graph.jobs.job import Job
from persona_graph.memory.commit import Commit
from persona_graph.memory.operations import Add
from persona_graph.options import Updates
from persona_graph.policy.chat import ChatPolicy
from persona_graph.policy.scripted import ScriptedPolicy
from tests.support.job_inputs import GOOD
from tests.support.scripted_model import ScriptedModel

NOW = datetime(2024, 6, 1, 9, 0, tzinfo=UTC)
HI: Any = {"messages": [("user", "Which tea do I like?")]}
ANA: Any = {"configurable": {"user_id": "ana", "thread_id": "1"}}
RETRIEVE = '<think>look</think><retrieve>{"keywords": "tea", "start_time": null, "end_time": null}</retrieve>'
ANSWER = "<think>enough</think><answer>Mint tea it is.</answer>"
Open = Callable[..., Persona]


def says(*texts: str) -> ScriptedPolicy:
    left = list(texts)

    def script(job: Job[Any, Any], _given: Any) -> str:
        if job.name not in ("reason", "respond"):
            return GOOD[job.name]
        return left.pop(0) if len(left) > 1 else left[0]

    return ScriptedPolicy(script)


@pytest.fixture
def persona(tmp_path: Path) -> Open:
    def make(policy: Any, **options: Any) -> Persona:
        options = {"updates": Updates.OFF} | options
        return Persona.open(f"sqlite:{tmp_path}", policy=policy, options=Options(**options), clock=lambda: NOW)

    return make


async def remember(persona: Persona, text: str) -> None:
    commit = Commit(id=text, job="t", at=NOW - timedelta(days=3), operations=(Add(kind=Kind.SEMANTIC, text=text),))
    await persona.engine.store.commit("ana", commit)


def nested(inner: Any) -> Any:
    """A user's graph with ours inside: shared keys pass by name, ours that theirs lacks stay inside."""

    def polish(state: MessagesState) -> dict[str, list[AnyMessage]]:
        last = state["messages"][-1]
        return {"messages": [last.model_copy(update={"content": f"{last.text} Enjoy!"})]}

    builder = StateGraph(MessagesState)
    builder.add_node("persona", inner)
    builder.add_node("polish", polish)
    builder.add_edge(START, "persona")
    builder.add_edge("persona", "polish")
    builder.add_edge("polish", END)
    return builder


# subgraphs


@pytest.mark.parametrize("create", [create_response_graph, create_persona_graph])
async def test_a_graph_of_ours_is_a_node_of_the_users(persona: Open, create: Callable[[Persona], Any]) -> None:
    async with persona(says(RETRIEVE, ANSWER), updates=Updates.INLINE) as it:
        graph = nested(create(it).compile()).compile()
        out = await graph.ainvoke(HI, ANA)
        (turn,) = await it.aturns("ana")
    assert [m.text for m in out["messages"]] == ["Which tea do I like?", "Mint tea it is. Enjoy!"]
    assert set(out) == {"messages"}
    assert turn.state is TurnState.ANSWERED


def test_a_subgraph_runs_sync_with_the_parents_checkpointer(persona: Open) -> None:
    with persona(says(ANSWER)) as it:
        graph = nested(create_persona_graph(it).compile()).compile(checkpointer=InMemorySaver())
        for count in (2, 4):
            assert len(graph.invoke(HI, ANA)["messages"]) == count
        assert [turn.state for turn in it.turns("ana")] == [TurnState.ANSWERED] * 2


async def test_a_subgraph_keeps_its_events_under_its_namespace(persona: Open) -> None:
    async with persona(says(ANSWER)) as it:
        graph = nested(create_persona_graph(it).compile()).compile()
        parts = [part async for part in graph.astream(HI, ANA, stream_mode="custom", subgraphs=True)]
    assert parts[-1][1]["type"] == "answer"
    assert parts[-1][0][0].startswith("persona:")


async def test_the_update_graph_is_a_node_too(persona: Open) -> None:
    async with persona(says(ANSWER)) as it:
        await it.achat("ana", "Hi")
        graph = StateGraph(dict).add_node("learn", create_update_graph(it).compile())  # type: ignore[type-var]
        await graph.add_edge(START, "learn").compile().ainvoke({}, ANA)
        jobs = await it.engine.store.jobs("ana")
    assert {job.name for job in jobs}.isdisjoint({"infer_personality", "extract_semantic"})


# streams


async def test_custom_events(persona: Open) -> None:
    async with persona(says(RETRIEVE, ANSWER)) as it:
        graph = create_persona_graph(it).compile()
        events = [event async for event in graph.astream(HI, ANA, stream_mode="custom")]
        again = list(await asyncio.to_thread(lambda: list(graph.stream(HI, ANA, stream_mode="custom"))))
    assert [e["type"] for e in events] == [
        "think",
        "retrieve",
        "found",
        "delta",
        "delta",
        "delta",
        "delta",
        "think",
        "answer",
    ]
    assert events[-1]["text"] == again[-1]["text"] == "Mint tea it is."


async def test_updates_name_the_nodes_in_order(persona: Open) -> None:
    async with persona(says(RETRIEVE, ANSWER), updates=Updates.INLINE) as it:
        graph = create_persona_graph(it).compile()
        parts = [part async for part in graph.astream(HI, ANA, stream_mode="updates")]
        again = await asyncio.to_thread(lambda: list(graph.stream(HI, ANA, stream_mode="updates")))
    assert [name for part in parts for name in part] == ["load", "reason", "retrieve", "reason", "answer", "update"]
    assert [name for part in again for name in part] == ["load", "reason", "answer", "update"]
    assert again[2]["answer"]["messages"][0].text == "Mint tea it is."


async def test_messages_stream_the_answer_and_no_thinking(persona: Open) -> None:
    model = ScriptedModel(script=[RETRIEVE, ANSWER, ANSWER])
    async with persona(ChatPolicy(model)) as it:
        graph = create_persona_graph(it).compile()
        parts: Any = [part async for part in graph.astream(HI, ANA, stream_mode="messages")]
        again: Any = await asyncio.to_thread(lambda: list(graph.stream(HI, ANA, stream_mode="messages")))
    for streamed in (parts, again):
        assert [(m.text, meta["langgraph_node"]) for m, meta in streamed] == [("Mint tea it is.", "answer")]


# interrupts


@pytest.mark.parametrize("fresh", [False, True], ids=["same graph", "fresh graph"])
@pytest.mark.parametrize("node", ["reason", "retrieve", "answer"])
async def test_an_interrupted_run_is_finished(persona: Open, node: str, fresh: bool) -> None:
    saver = InMemorySaver()
    policy = says(RETRIEVE, ANSWER)
    async with persona(policy) as it:
        await remember(it, "likes mint tea")
        first = create_persona_graph(it).compile(checkpointer=saver, interrupt_before=[node])
        waiting = await first.ainvoke(HI, ANA)
        assert len(waiting["messages"]) == 1
        assert (await first.aget_state(ANA)).next == (node,)
        if fresh:
            first = create_persona_graph(it).compile(checkpointer=saver)
        out = await first.ainvoke(None, ANA)
        while (await first.aget_state(ANA)).next:
            out = await first.ainvoke(None, ANA)
        (turn,) = await it.aturns("ana")
    assert [message.text for message in turn.messages] == ["Which tea do I like?", "Mint tea it is."]
    assert turn.state is TurnState.ANSWERED
    assert out["messages"][-1].text == "Mint tea it is."
    assert out["receipt"] == turn.receipt
    if node == "answer":
        assert [step["act"] for step in turn.receipt["steps"]] == ["retrieve", "answer"]
        assert len(policy.asked) == 2


def test_an_interrupted_run_is_finished_sync(persona: Open) -> None:
    with persona(says(ANSWER)) as it:
        graph = create_response_graph(it).compile(checkpointer=InMemorySaver(), interrupt_before=["answer"])
        graph.invoke(HI, ANA)
        assert graph.invoke(None, ANA)["messages"][-1].text == "Mint tea it is."


async def test_without_reasoning_a_resumed_run_still_knows_what_it_found(persona: Open) -> None:
    saver, policy = InMemorySaver(), says("Mint.")
    async with persona(policy, reasoning=False) as it:
        await remember(it, "likes mint tea")
        graph = create_response_graph(it).compile(checkpointer=saver, interrupt_before=["respond"])
        await graph.ainvoke(HI, ANA)
        out = await graph.ainvoke(None, ANA)
    assert out["messages"][-1].text == "Mint."
    assert [hit.memory.text for hit in policy.asked[0][1].hits] == ["likes mint tea"]


async def test_a_person_may_change_the_draft(persona: Open) -> None:
    async with persona(says(ANSWER)) as it:
        graph = create_persona_graph(it).compile(checkpointer=InMemorySaver(), interrupt_before=["answer"])
        await graph.ainvoke(HI, ANA)
        assert (await graph.aget_state(ANA)).values["draft"] == "Mint tea it is."
        await graph.aupdate_state(ANA, {"draft": "Black tea."})
        out = await graph.ainvoke(None, ANA)
        (turn,) = await it.aturns("ana")
    assert out["messages"][-1].text == turn.messages[-1].text == "Black tea."


async def test_the_next_turn_of_a_thread_starts_anew(persona: Open) -> None:
    second = "<think>enough</think><answer>Black tea.</answer>"
    async with persona(says(ANSWER, second)) as it:
        graph = create_persona_graph(it).compile(checkpointer=InMemorySaver(), interrupt_before=["answer"])
        texts = []
        for question in ("Morning?", "Evening?"):
            await graph.ainvoke({"messages": [HumanMessage(question)]}, ANA)
            texts.append((await graph.ainvoke(None, ANA))["messages"][-1].text)
    assert texts == ["Mint tea it is.", "Black tea."]


# checkpoints


async def test_checkpoints_hold_nothing_that_a_strict_serializer_refuses(
    persona: Open, caplog: pytest.LogCaptureFixture
) -> None:
    # What LANGGRAPH_STRICT_MSGPACK=true makes the default: unknown types are refused with a warning.
    strict = InMemorySaver(serde=JsonPlusSerializer(allowed_msgpack_modules=None))
    with caplog.at_level(logging.WARNING):
        async with persona(says(RETRIEVE, ANSWER), updates=Updates.INLINE) as it:
            await remember(it, "likes mint tea")
            graph = create_persona_graph(it).compile(checkpointer=strict, interrupt_before=["retrieve", "answer"])
            await graph.ainvoke(HI, ANA)
            while (await graph.aget_state(ANA)).next:
                await graph.ainvoke(None, ANA)
            state = await graph.aget_state(ANA)
            history = [snapshot async for snapshot in graph.aget_state_history(ANA)]
    assert state.values["messages"][-1].text == "Mint tea it is."
    assert set(state.values) == {"messages", "turn", "receipt", "draft"}
    assert len(history) > 4
    assert caplog.records == []


# many at once, and failure


async def test_twenty_users_at_once_through_one_graph(persona: Open) -> None:
    def script(job: Job[Any, Any], given: Any) -> str:
        return f"<think>x</think><answer>{given.opening.query.text} to you</answer>"

    async with persona(ScriptedPolicy(script, latency_s=0.05)) as it:
        graph = create_persona_graph(it).compile(checkpointer=InMemorySaver())

        async def one(number: int) -> list[str]:
            config: Any = {"configurable": {"user_id": f"user-{number}", "thread_id": str(number)}}
            for turn in range(2):
                out = await graph.ainvoke({"messages": [("user", f"hello {number}-{turn}")]}, config)
            return [message.text for message in out["messages"]]

        said = await asyncio.gather(*(one(number) for number in range(20)))
        for number in range(20):
            turns = await it.aturns(f"user-{number}")
            assert [m.text for turn in turns for m in turn.messages] == said[number]
            assert said[number][0] == f"hello {number}-0"


@pytest.mark.parametrize("reasoning", [True, False])
async def test_an_unavailable_model_leaves_the_graph_as_an_error_and_the_turn_as_failed(
    persona: Open, reasoning: bool
) -> None:
    down = True

    def script(_job: Job[Any, Any], _given: Any) -> str:
        if down:
            raise ModelUnavailable("the model does not answer")
        return ANSWER if reasoning else "Mint tea it is."

    saver = InMemorySaver()
    async with persona(ScriptedPolicy(script), reasoning=reasoning) as it:
        graph = create_persona_graph(it).compile(checkpointer=saver)
        with pytest.raises(ModelUnavailable, match="does not answer"):
            await graph.ainvoke(HI, ANA)
        (turn,) = await it.aturns("ana")
        assert (turn.state, len(turn.messages)) == (TurnState.FAILED, 1)
        down = False
        out = await graph.ainvoke(None, ANA)  # LangGraph's own way to try again, from the checkpoint
        (turn,) = await it.aturns("ana")
    assert out["messages"][-1].text == "Mint tea it is."
    assert turn.state is TurnState.ANSWERED


# a server


async def test_what_langgraph_json_names_is_opened_once_and_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PERSONA_MODEL", "offline")
    monkeypatch.setenv("PERSONA_STORE", f"sqlite:{tmp_path}")
    monkeypatch.setenv("PERSONA_UPDATES", "off")
    named = json.loads((Path(__file__).parents[3] / "langgraph.json").read_text("utf-8"))["graphs"]
    assert all(path.partition(":")[0] == "./persona_graph/graph/build.py" for path in named.values())
    graphs = {name: await getattr(build, path.partition(":")[2])() for name, path in named.items()}
    try:
        out = await graphs["persona"].ainvoke({"messages": [("user", "I live in Lisbon.")]}, context={"user": "ana"})
        assert (await graphs["update"].ainvoke({}, context={"user": "ana"}))["done"] == 2
        assert await build.persona_graph() is graphs["persona"]
    finally:
        await build._from_settings().store.close()
        build._compiled.cache_clear()
        build._from_settings.cache_clear()
    assert "Lisbon" in out["messages"][-1].text


def test_a_script_that_closes_nothing_ends_quietly(tmp_path: Path) -> None:
    script = (
        "from persona_graph import Persona, create_persona_graph\n"
        f"graph = create_persona_graph(Persona.open({f'sqlite:{tmp_path}'!r}, model='offline')).compile()\n"
        "graph.invoke({'messages': [('user', 'I live in Lisbon.')]}, context={'user': 'ana'})\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=Path(__file__).parents[3], check=False
    )
    assert (ended.returncode, ended.stderr) == (0, "")
