"""Workers, agents, the command line and whole conversations while memory comes and goes."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, HumanMessage
from rich.console import Console
from typer.testing import CliRunner

from persona_graph import Persona, PersonaMiddleware
from persona_graph.cli.app import app
from persona_graph.cli.chat import Conversation, finish
from persona_graph.cli.views.receipt import receipt_view
from persona_graph.errors import StoreAway
from persona_graph.options import Updates
from persona_graph.settings import load_settings
from persona_graph.update.worker import Worker
from tests.persona_graph.away.given import TURN_JOBS, Home, said, until
from tests.support.away_store import Fate
from tests.support.tool_model import ToolModel


async def test_the_worker_of_a_chat_delivers_and_learns_by_itself(home: Home) -> None:
    async with home.open(updates=Updates.BACKGROUND) as it:
        home.server.away()
        await it.achat("ana", "hello")
        await asyncio.sleep(0.1)
        home.server.back()
        async with asyncio.timeout(20):
            while [c.job for c in await home.server.inner.commits("ana")] != TURN_JOBS:
                await asyncio.sleep(0.02)
    assert home.spooled == []


async def test_a_worker_asks_ever_more_seldom_and_says_it_once(home: Home, caplog: pytest.LogCaptureFixture) -> None:
    home.server.away()
    async with home.open() as it:
        worker = Worker(it.engine, idle_s=0.01)
        worker.start()
        await asyncio.sleep(1.0)
        assert 3 <= len(home.server.calls) <= 12
        assert caplog.text.count("memory is away") == 1
        home.server.back()
        worker.wake("ana")
        await until(lambda: "memory is back" in caplog.text)
        await worker.stop()
    assert {record.levelno for record in caplog.records} == {logging.WARNING}
    assert len(caplog.records) == 2


@pytest.mark.parametrize("call", ["turns", "memories", "commit", "claim", "rest", "unsettled", "jobs"])
@pytest.mark.parametrize("fate", [Fate.REFUSED, Fate.UNKNOWN])
async def test_a_job_at_work_when_memory_goes_is_no_failed_attempt(home: Home, call: str, fate: Fate) -> None:
    async with home.open(retry_delays_s=(), claim_s=5.0) as it:
        await it.achat("ana", "hello")
        home.server.away(fate, call)
        with pytest.raises(StoreAway):
            await it.aflush("ana")
        jobs = await home.server.inner.jobs("ana")
        assert [job for job in jobs if job.attempts or job.parked or job.error] == []
        home.server.back()
        home.now += timedelta(seconds=6)
        await it.aflush("ana")
        assert [c.job for c in await it.ahistory("ana")] == TURN_JOBS


async def test_inline_updates_do_not_take_the_answer_away(home: Home) -> None:
    async with home.open(updates=Updates.INLINE) as it:
        home.server.away(Fate.REFUSED, "claim")
        assert (await it.achat("ana", "hello")).text == "You said hello."
        home.server.back()
        home.now += timedelta(minutes=1)
        await it.achat("ana", "again")
        assert [c.job for c in await it.ahistory("ana")] == TURN_JOBS * 2


@pytest.mark.parametrize("updates", [Updates.OFF, Updates.INLINE])
async def test_an_agent_goes_on_without_memory_and_its_exchange_is_kept(home: Home, updates: Updates) -> None:
    config: Any = {"configurable": {"user_id": "ana"}}
    call = {"name": "search_memory", "args": {"query": "tea"}, "id": "1", "type": "tool_call"}
    model = ToolModel(responses=[AIMessage("", tool_calls=[call]), AIMessage("I cannot look just now.")])
    home.server.away()
    async with home.open(updates=updates) as it:
        agent = create_agent(model, middleware=[PersonaMiddleware(it)])
        out = await agent.ainvoke({"messages": [HumanMessage("Which tea?")]}, config)
        assert out["messages"][-1].text == "I cannot look just now."
        assert "memory cannot be reached" in model.seen[0][0].text
        assert "memory cannot be reached" in str(model.seen[1][-1].text)
        home.server.back()
        await it.aflush("ana")
        assert [c.job for c in await it.ahistory("ana")] == TURN_JOBS
    assert said(await home.held()) == [["Which tea?", "I cannot look just now."]]


def test_a_conversation_on_the_command_line_goes_on(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    settings = load_settings({}, None, {"user": "ana", "model": "scripted"})
    home.server.away()
    with home.open() as it:
        Conversation(it, settings).say("hello")
        finish(it, settings)
    out = capsys.readouterr().out
    assert "memory cannot be reached; the answer goes on without it" in out
    assert "You said hello." in out
    assert "what you said is kept on this machine and delivered when it is back" in " ".join(out.split())


async def test_a_receipt_says_that_memory_was_away(home: Home) -> None:
    home.server.away()
    async with home.open() as it:
        receipt = (await it.achat("ana", "hello")).receipt
    console = Console(width=120)
    with console.capture() as shown:
        console.print(receipt_view(receipt, {}, {}, UTC))
    assert "Memory could not be reached then; the answer went on without it." in shown.get()


@pytest.mark.parametrize(
    "command", [["show", "memories"], ["history"], ["search", "tea"], ["forget", "--everything", "--yes"]]
)
def test_a_command_that_asks_memory_ends_in_one_sentence(
    home: Home, command: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    home.server.away()
    monkeypatch.setattr(Persona, "from_settings", lambda _settings: home.open())
    result = CliRunner().invoke(app, [*command, "--user", "ana"])
    assert result.exit_code == 1, result.output
    assert result.stderr.strip() == "error: the memory server at away.test does not answer."


def test_a_worker_told_to_work_once_delivers_what_waits(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    home.server.away()
    with home.open() as it:
        it.chat("ana", "hello")
    home.server.back()
    monkeypatch.setattr(Persona, "from_settings", lambda _settings: home.open())
    result = CliRunner().invoke(app, ["worker", "--once", "--model", "scripted"])
    assert "Stopped after 2 jobs." in result.stdout, result.output


async def test_an_export_holds_what_waited(home: Home, tmp_path: Path) -> None:
    async with home.open() as it:
        home.server.away()
        await it.achat("ana", "hello")
        home.server.back()
        await it.aexport("ana", tmp_path / "out")
        assert await it.aimport("bo", tmp_path / "out") == 1
        (turn,) = await it.aturns("bo")
    assert turn.receipt["away"] is True


@pytest.mark.parametrize("fate", [Fate.REFUSED, Fate.UNKNOWN])
async def test_wherever_memory_goes_nothing_is_lost_and_nothing_doubled(tmp_path: Path, fate: Fate) -> None:
    """A conversation of two sessions, with memory gone from the n-th call on, for one call or for many."""
    undisturbed = Home(tmp_path / "undisturbed")
    expected = await conversation(undisturbed)
    calls, talk = undisturbed.server.calls, undisturbed.talked
    for n in (*range(talk), *range(talk, len(calls), 5)):  # the Update stage makes the same calls for each job
        home, lasts = Home(tmp_path / str(n)), (1, 100)[n % 2]
        home.server.fate = lambda number, _name, n=n, lasts=lasts: (  # type: ignore[misc]
            fate if n <= number < n + lasts else Fate.ANSWERED
        )
        assert await conversation(home) == expected, f"call {n}: {calls[n]}"
        assert home.spooled == []


async def conversation(home: Home) -> Any:
    """What the server has after it: words, states, which turns share a session, and what was learnt from which."""
    async with home.open(claim_s=5.0) as it:
        for minutes, words in ((0, "hello"), (10, "look for tea"), (90, "look again")):
            home.now += timedelta(minutes=minutes)
            assert (await it.achat("ana", words)).text == f"You said {words}."
    home.talked = len(home.server.calls)
    async with home.open(claim_s=5.0, retry_delays_s=()) as it:  # another process
        for _ in range(200):
            try:
                await it.aflush("ana", close_sessions=True)
                break
            except StoreAway:
                home.now += timedelta(seconds=6)  # claims run out
    turns, commits = await home.held(), await home.server.inner.commits("ana")
    place = {turn.id: n for n, turn in enumerate(turns)}
    first = {turn.session: place[turn.id] for turn in reversed(turns)}
    assert await home.work() == []
    learnt = sorted((c.job, [place[turn] for turn in c.evidence]) for c in commits)
    return said(turns), [turn.state for turn in turns], [first[turn.session] for turn in turns], learnt
