"""Answers go on without memory, and say so."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest
from langchain_core.messages import HumanMessage
from langgraph.checkpoint.memory import InMemorySaver

from persona_graph import create_persona_graph
from persona_graph.conversation import Message, Role, Turn
from persona_graph.errors import ModelUnavailable, StoreAway
from persona_graph.jobs.job import Job
from persona_graph.jobs.reason import Must
from persona_graph.policy.scripted import ScriptedPolicy
from persona_graph.receipt import was_away
from tests.persona_graph.away.given import NOW, Home, exchange, said, script
from tests.support.away_store import AwayStore, Fate


async def test_an_answer_goes_on_without_memory_and_says_so(home: Home) -> None:
    events: list[Any] = []
    async with home.open() as it:
        home.server.away()
        reply = await it.achat("ana", "hello", on_event=events.append)
    assert reply.text == "You said hello."
    assert reply.receipt["away"] is reply.receipt["opening"]["away"] is True
    assert [event["type"] for event in events if event["type"] != "delta"] == ["away", "think", "answer"]
    assert home.server.calls == ["turns", "memories", "standing"]  # what is away is not waited for twice in a turn
    assert len(home.spooled) == 1


async def test_with_memory_there_nothing_speaks_of_it(home: Home) -> None:
    async with home.open() as it:
        reply = await it.achat("ana", "look for tea")
    assert not was_away(reply.receipt)
    assert "away" not in json.dumps(reply.receipt)
    assert not (home.folder / "here" / "spool").exists()


async def test_memory_that_goes_between_two_steps_leaves_an_answer(home: Home) -> None:
    policy, events = ScriptedPolicy(script), list[Any]()
    async with home.open(policy) as it:
        home.server.away(Fate.REFUSED, "speakers")
        reply = await it.achat("ana", "look for tea", on_event=events.append)
    search = reply.receipt["steps"][0]["search"]
    assert (search["hits"], search["away"], reply.receipt["away"]) == ([], True, True)
    assert "away" not in reply.receipt["opening"]
    assert [event["type"] for event in events if event["type"] != "delta"][:3] == ["think", "retrieve", "away"]
    (_, first), (_, second) = policy.asked
    assert second.must is Must.ANSWER
    assert "memory cannot be reached" in second.transcript[-1].text
    assert said(await home.held()) == [["look for tea"]]
    assert len(home.spooled) == 1


async def test_one_shot_answers_go_on_too(home: Home) -> None:
    async with home.open(reasoning=False) as it:
        home.server.away()
        assert (await it.achat("ana", "hello")).text == "Plainly said."


async def test_a_conversation_goes_on_from_what_waits_here(home: Home) -> None:
    policy = ScriptedPolicy(script)
    async with home.open(policy) as it:
        home.server.away()
        await it.achat("ana", "hello")
        await it.achat("bo", "my secret")
        await it.achat("ana", "and again")
    assert said(policy.asked[-1][1].opening.recent) == exchange("hello")


async def test_a_run_that_only_reads_writes_nothing(home: Home) -> None:
    async with home.open() as it:
        home.server.away()
        await it.achat("ana", "hello", read_only=True)
    assert home.spooled == []


async def test_waiting_for_memory_is_not_repeated_by_every_turn(home: Home) -> None:
    class Slow(AwayStore):
        async def _meet(self, name: str, asked: Any) -> Any:
            await asyncio.sleep(0.5)
            return await super()._meet(name, asked)

    home.server = Slow(home.server.inner)
    home.server.away()
    async with home.open() as it:
        await it.achat("ana", "hello")
        asked = len(home.server.calls)
        await it.achat("bo", "hello")
        assert len(home.server.calls) == asked


async def test_what_is_asked_of_memory_itself_is_refused_in_one_sentence(home: Home) -> None:
    async with home.open() as it:
        reply = await it.achat("ana", "hello")
        home.server.away()
        for asked in (
            it.amemories("ana"),
            it.ahistory("ana"),
            it.areceipt("ana"),
            it.asearch("ana", "tea"),
            it.aanswer_without("ana", reply.turn),
            it.aflush("ana"),
            it.aforget("ana", everything=True),
            it.arecord("ana", [Turn(id="t", at=NOW, session="", messages=(Message.of(Role.PERSON, "hm"),))]),
        ):
            with pytest.raises(StoreAway, match="does not answer"):
                await asked


async def test_an_answer_without_goes_on_when_memory_goes_after_the_question_was_read(home: Home) -> None:
    async with home.open() as it:
        reply = await it.achat("ana", "look for tea")
        home.server.away(Fate.REFUSED, "memories")
        again = await it.aanswer_without("ana", reply.turn)
    assert again.text == "You said look for tea."
    assert again.receipt["away"] is True


async def test_a_message_whose_model_fails_too_waits_and_is_answered_again(home: Home) -> None:
    down = [True]

    def model(job: Job[Any, Any], given: Any) -> str:
        if down[0]:
            raise ModelUnavailable("the model does not answer")
        return script(job, given)

    home.server.away()
    async with home.open(model) as it:
        with pytest.raises(ModelUnavailable):
            await it.achat("ana", "hello")
        turn = await it.aunanswered("ana")
        down[0] = False
        assert (await it.aanswer_again("ana", turn)).text == "You said hello."
        assert await it.aunanswered("ana") == ""
        home.server.back()
        await it.aflush("ana")
    assert said(await home.held()) == exchange("hello")


async def test_a_run_resumed_from_a_checkpoint_goes_on_with_the_messages_that_it_holds(home: Home) -> None:
    config: Any = {"configurable": {"thread_id": "1"}}
    context: Any = {"user": "ana"}
    saver = InMemorySaver()
    async with home.open() as it:
        graph = create_persona_graph(it).compile(checkpointer=saver, interrupt_before=["reason"])
        await graph.ainvoke({"messages": [HumanMessage("hello")]}, config, context=context)
    home.now += timedelta(minutes=5)
    home.server.away()
    async with home.open() as it:
        graph = create_persona_graph(it).compile(checkpointer=saver)
        out = await graph.ainvoke(None, config, context=context)
        assert out["messages"][-1].text == "You said hello."
        home.server.back()
        await it.aflush("ana")
    (turn,) = await home.held()
    assert said([turn]) == exchange("hello")
    assert (turn.at, bool(turn.session)) == (NOW, True)
