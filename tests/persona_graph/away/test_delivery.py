"""What waits in the spool is delivered once, in order, and never to somebody who is forgotten."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from persona_graph import Persona
from persona_graph.conversation import TurnState
from persona_graph.errors import ConfigurationError, StoreAway
from persona_graph.media import FolderMedia
from persona_graph.memory.sqlite.store import SqliteStore
from persona_graph.policy.scripted import ScriptedPolicy
from persona_graph.receipt import was_away
from tests.persona_graph.away.given import SESSION_JOBS, TURN_JOBS, Home, exchange, said, script
from tests.support.away_store import AwayStore, Fate


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
