"""A store whose server is away: answers go on without memory and say so; no turn is lost, none is kept twice."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.language_models.fake_chat_models import FakeMessagesListChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langgraph.checkpoint.memory import InMemorySaver
from pydantic import Field
from rich.console import Console
from typer.testing import CliRunner

from persona_graph import Options, Persona, PersonaMiddleware, create_persona_graph
from persona_graph.cli.app import app
from persona_graph.cli.chat import Conversation, finish
from persona_graph.cli.views.receipt import receipt_view
from persona_graph.conversation import Message, Role, Turn, TurnState
from persona_graph.errors import ConfigurationError, ModelUnavailable, StoreAway
from persona_graph.jobs.job import Job
from persona_graph.jobs.reason import Must
from persona_graph.media import FolderMedia
from persona_graph.memory.sqlite.store import SqliteStore
from persona_graph.options import Updates
from persona_graph.personality import Trait
from persona_graph.policy.scripted import ScriptedPolicy
from persona_graph.receipt import was_away
from persona_graph.settings import load_settings
from persona_graph.update.worker import Worker
from tests.support.away_store import AwayStore, Fate

NOW = datetime(2024, 6, 1, 9, 0, tzinfo=UTC)
NEUTRAL = json.dumps({trait.value: 3 for trait in Trait} | {"words": []})
TURN_JOBS = ["infer_personality", "extract_semantic"]
SESSION_JOBS = ["segment_episodes", "update_procedural", "update_core"]


def script(job: Job[Any, Any], given: Any) -> str:
    """A model that looks once when it is asked to look, answers with what it heard, and finds nothing to learn."""
    if job.name == "reason":
        words = given.opening.query.text
        if words.startswith("look") and not given.transcript and given.must is not Must.ANSWER:
            return '<think>look</think><retrieve>{"keywords": "tea", "start_time": null, "end_time": null}</retrieve>'
        return f"<think>enough</think><answer>You said {words}.</answer>"
    return {
        "respond": "Plainly said.",
        "infer_personality": NEUTRAL,
        "extract_semantic": '{"operations": []}',
        "segment_episodes": json.dumps({"topics": [{"summary": "a talk", "keywords": [], "turns": ["1"]}]}),
    }.get(job.name, '{"set": [], "remove": []}')


@dataclass
class Home:
    """One machine: its folder, its clock, and the server that it talks to."""

    folder: Path
    server: AwayStore = field(init=False)
    now: datetime = NOW
    talked: int = 0
    """Calls that the server has had when all was said."""

    def __post_init__(self) -> None:
        self.server = AwayStore(SqliteStore(self.folder / "server"))

    def open(self, said: Any = script, **options: Any) -> Persona:
        """A process: a `Persona` over the same server and the same spool."""
        policy = said if hasattr(said, "ask") else ScriptedPolicy(said)
        given = Options(**({"updates": Updates.OFF} | options))
        media = FolderMedia(self.folder / "here" / "media")
        return Persona.open(self.server, policy=policy, media=media, options=given, clock=lambda: self.now)

    @property
    def spooled(self) -> list[Path]:
        """Files that wait."""
        return sorted((self.folder / "here" / "spool").rglob("*.json"))

    async def held(self, user: str = "ana") -> list[Turn]:
        """What the server really has."""
        return await self.server.inner.turns(user)

    async def work(self, user: str = "ana") -> list[tuple[str, tuple[str, ...]]]:
        """The jobs that wait there, with their turns."""
        return [(job.name, job.turns) for job in await self.server.inner.jobs(user)]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def said(turns: Sequence[Turn]) -> list[list[str]]:
    return [[message.text for message in turn.messages] for turn in turns]


def exchange(*words: str) -> list[list[str]]:
    return [[each, f"You said {each}."] for each in words]


# the answer


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


# what waits, and how it comes through


async def test_twenty_turns_while_away_are_delivered_once_in_order_and_learnt(home: Home) -> None:
    words = [f"message {n}" for n in range(20)]
    async with home.open() as it:
        await it.achat("ana", "before")
        home.server.away()
        for word in words:
            home.now += timedelta(minutes=1)
            reply = await it.achat("ana", word)
            assert reply.receipt["away"] is True
        assert len(home.spooled) == 20
        home.server.back()
        await it.aflush("ana", close_sessions=True)
        turns, commits = await home.held(), await it.ahistory("ana")
    assert said(turns) == exchange("before", *words)
    assert len({turn.session for turn in turns}) == 1
    assert [c.job for c in commits] == TURN_JOBS * 21 + SESSION_JOBS
    assert len({c.id for c in commits}) == len(commits)
    assert all(turn.receipt["away"] for turn in turns[1:])
    assert list((home.folder / "here" / "spool").iterdir()) == []


async def test_the_next_turn_delivers_what_waits_and_knows_it(home: Home) -> None:
    policy = ScriptedPolicy(script)
    async with home.open(policy) as it:
        home.server.away()
        await it.achat("ana", "hello")
        home.server.back()
        home.now += timedelta(minutes=1)
        reply = await it.achat("ana", "again")
        assert not was_away(reply.receipt)
    turns = await home.held()
    assert said(turns) == exchange("hello", "again")
    assert turns[0].session == turns[1].session
    assert reply.receipt["opening"]["recent"] == [turns[0].id]
    assert home.spooled == []


async def test_sessions_are_told_by_the_times_when_they_are_delivered(home: Home) -> None:
    async with home.open() as it:
        await it.achat("ana", "one")
        home.server.away()
        for minutes in (10, 90, 10):
            home.now += timedelta(minutes=minutes)
            await it.achat("ana", f"after {minutes}")
        home.server.back()
        await it.aflush("ana")
        sessions = [turn.session for turn in await home.held()]
        done = [c.job for c in await it.ahistory("ana")]
    assert sessions[0] == sessions[1] != sessions[2] == sessions[3]
    assert done.count("segment_episodes") == 1  # that of the session which the third message closed


async def test_an_answer_whose_question_is_there_already_joins_it(home: Home) -> None:
    async with home.open() as it:
        home.server.away(Fate.REFUSED, "append")
        home.server.fate = lambda n, name: Fate.REFUSED if home.server.calls.count("append") > 1 else Fate.ANSWERED
        await it.achat("ana", "hello")
        (asked,) = await home.held()
        assert asked.state is TurnState.ASKED
        home.server.back()
        await it.aflush("ana")
    (turn,) = await home.held()
    assert (turn.state, turn.session, turn.id) == (TurnState.ANSWERED, asked.session, asked.id)


@pytest.mark.parametrize("nth", [1, 2])
async def test_a_write_that_arrived_though_nobody_said_so_is_not_made_twice(home: Home, nth: int) -> None:
    def fate(_number: int, name: str) -> Fate:
        return Fate.UNKNOWN if name == "append" and home.server.calls.count("append") == nth else Fate.ANSWERED

    async with home.open() as it:
        home.server.fate = fate
        await it.achat("ana", "hello")
        assert len(home.spooled) == 1
        jobs = await home.work()
        home.server.back()
        await it.aflush("ana")
        commits = await it.ahistory("ana")
    assert said(await home.held()) == exchange("hello")
    assert [name for name, _ in jobs] == ([] if nth == 1 else [*TURN_JOBS, *SESSION_JOBS])
    assert [c.job for c in commits] == TURN_JOBS
    assert home.spooled == []


async def test_a_delivery_whose_answer_did_not_come_is_repeated_and_changes_nothing(home: Home) -> None:
    async with home.open() as it:
        home.server.away()
        await it.achat("ana", "hello")
        home.server.away(Fate.UNKNOWN, "append")
        with pytest.raises(StoreAway):
            await it.aflush("ana")
        assert (said(await home.held()), len(home.spooled)) == (exchange("hello"), 1)
        home.server.back()
        await it.aflush("ana")
        commits = await it.ahistory("ana")
    assert said(await home.held()) == exchange("hello")
    assert [c.job for c in commits] == TURN_JOBS


async def test_a_new_process_finds_what_an_older_one_left(home: Home) -> None:
    home.server.away()
    async with home.open() as it:
        await it.achat("ana", "hello")
    home.server.back()
    async with home.open() as it:
        assert it.engine.spool.users() == ["ana"]
        await it.aflush("ana")
    assert said(await home.held()) == exchange("hello")


async def test_a_question_whose_process_was_killed_waits_as_asked(home: Home) -> None:
    async def killed(*_args: Any, **_more: Any) -> Any:
        raise KeyError("killed")

    home.server.away()
    policy = ScriptedPolicy(script)
    policy.ask = killed  # type: ignore[method-assign]
    async with home.open(policy) as it:
        with pytest.raises(KeyError):
            await it.achat("ana", "hello")
    home.server.back()
    async with home.open() as it:
        await it.aflush("ana")
        (turn,) = await home.held()
        assert (turn.state, await home.work()) == (TurnState.ASKED, [])
        await it.aanswer_again("ana", await it.aunanswered("ana"))
        await it.aflush("ana")
        assert [c.job for c in await it.ahistory("ana")] == TURN_JOBS
    assert said(await home.held()) == exchange("hello")


async def test_two_that_deliver_at_once_deliver_once(home: Home) -> None:
    async with home.open() as it, home.open() as other:
        home.server.away()
        for n in range(5):
            home.now += timedelta(minutes=1)
            await it.achat("ana", f"message {n}")
        home.server.back()
        await asyncio.gather(it.aflush("ana"), other.aflush("ana"))
        commits = await it.ahistory("ana")
    assert said(await home.held()) == exchange(*(f"message {n}" for n in range(5)))
    assert [c.job for c in commits] == TURN_JOBS * 5


@pytest.mark.parametrize(
    "content", [b"", b"{", b'{"user": "ana", "since": "x", "turn": {"secret": 1}}', b"[1]", b"\xff"]
)
async def test_what_cannot_be_read_is_kept_aside_and_named_without_its_words(
    home: Home, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with home.open() as it:
        home.server.away()
        await it.achat("ana", "hello")
        (sound,) = home.spooled
        broken = sound.with_name(f"0-{'0' * 32}.json")
        broken.write_bytes(content)
        home.server.back()
        await it.aflush("ana")
    assert said(await home.held()) == exchange("hello")
    assert broken.with_suffix(".aside").read_bytes() == content
    assert broken.stem in caplog.text
    assert "secret" not in caplog.text


async def test_a_spool_of_another_user_is_nobodys(home: Home) -> None:
    async with home.open() as it:
        home.server.away()
        await it.achat("ana", "hello")
        await it.achat("bo", "hi")
        ana, bo = (next(f for f in home.spooled if json.loads(f.read_bytes())["user"] == u) for u in ("ana", "bo"))
        ana.rename(bo.with_name(ana.name))
        home.server.back()
        for user in ("ana", "bo"):
            await it.aflush(user)
    assert said(await home.held("bo")) == exchange("hi")
    assert await home.held("ana") == []


# forgetting


async def test_a_user_who_is_forgotten_does_not_come_back_from_the_spool(home: Home) -> None:
    async with home.open() as it:
        await it.achat("ana", "hello")
        home.server.away()
        reply = await it.achat("ana", "again")
        home.server.back()
        assert reply.turn in (await it.aforget("ana", everything=True, dry_run=True)).turns
        assert reply.turn in (await it.aforget("ana", everything=True)).turns
        assert list((home.folder / "here" / "spool").iterdir()) == []
        await it.aflush("ana")
        assert await it.ausers() == []


async def test_a_delivery_on_its_way_does_not_bring_back_who_is_forgotten(home: Home) -> None:
    gate, reached = asyncio.Event(), asyncio.Event()

    class Slow(AwayStore):
        async def append(self, user: str, turns: Any, jobs: Any = ()) -> tuple[str, ...]:
            reached.set()
            await gate.wait()
            return await super().append(user, turns, jobs)

    async with home.open() as it:
        home.server.away()
        await it.achat("ana", "hello")
    home.server = Slow(home.server.inner)
    async with home.open() as it:
        flushing = asyncio.create_task(it.aflush("ana"))
        await reached.wait()
        forgetting = asyncio.create_task(it.aforget("ana", everything=True))
        await asyncio.sleep(0.1)
        assert not forgetting.done()
        gate.set()
        await asyncio.gather(flushing, forgetting)
    assert await home.held() == []
    assert home.spooled == []


async def test_a_turn_is_forgotten_while_it_waits(home: Home) -> None:
    async with home.open() as it:
        home.server.away()
        first = await it.achat("ana", "my secret is here")
        home.now += timedelta(minutes=1)
        await it.achat("ana", "hello")
        home.server.back()
        assert (await it.aforget("ana", turn=first.turn)).turns == (first.turn,)
        await it.aflush("ana")
    assert said(await home.held()) == exchange("hello")
    assert not [file for file in home.folder.rglob("*") if file.is_file() and b"my secret" in file.read_bytes()]


async def test_an_answer_that_waits_does_not_bring_back_the_question_that_was_erased(home: Home) -> None:
    async with home.open() as it:
        home.server.fate = lambda _n, name: (
            Fate.REFUSED if name == "append" and home.server.calls.count("append") == 2 else Fate.ANSWERED
        )
        reply = await it.achat("ana", "my secret is here")
        (waiting,) = home.spooled
        copy = waiting.read_bytes()
        await it.aforget("ana", turn=reply.turn)
        waiting.parent.mkdir(parents=True)
        waiting.write_bytes(copy)  # as a backup or a power cut brings it back
        await it.aflush("ana")
    assert await home.held() == []
    assert home.spooled == []


# the worker


async def until(true: Callable[[], Any], within_s: float = 20.0) -> None:
    async with asyncio.timeout(within_s):
        while not true():
            await asyncio.sleep(0.01)


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


# other doors


class Model(FakeMessagesListChatModel):
    """Says what it is given, and keeps what it was shown."""

    seen: list[list[BaseMessage]] = Field(default_factory=list)

    def bind_tools(self, tools: Any, **_kwargs: Any) -> Any:
        return self

    def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> Any:
        self.seen.append(messages)
        return super()._generate(messages, *args, **kwargs)


@pytest.mark.parametrize("updates", [Updates.OFF, Updates.INLINE])
async def test_an_agent_goes_on_without_memory_and_its_exchange_is_kept(home: Home, updates: Updates) -> None:
    config: Any = {"configurable": {"user_id": "ana"}}
    call = {"name": "search_memory", "args": {"query": "tea"}, "id": "1", "type": "tool_call"}
    model = Model(responses=[AIMessage("", tool_calls=[call]), AIMessage("I cannot look just now.")])
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


# all together


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


# where it lies


def test_the_spool_lies_beside_the_images_or_where_it_is_told(tmp_path: Path) -> None:
    media = FolderMedia(tmp_path / "media")
    store = SqliteStore(tmp_path / "s")
    assert Persona.open(f"sqlite:{tmp_path}").engine.spool.folder == tmp_path / "spool"
    assert Persona.open(store, media=media).engine.spool.folder == tmp_path / "spool"
    assert Persona.open(store, media=media, spool=tmp_path / "x").engine.spool.folder == tmp_path / "x"


def test_a_store_without_a_local_folder_needs_one_for_the_spool(tmp_path: Path) -> None:
    class Elsewhere:
        """Images on another machine."""

    media: Any = Elsewhere()
    with pytest.raises(ConfigurationError, match="spool=FOLDER"):
        Persona.open(SqliteStore(tmp_path), media=media)
