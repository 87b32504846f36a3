"""A migration leaves two equal stores, wherever it was stopped, and says of each thing that differs which it is."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from typer.testing import CliRunner, Result

from persona_graph.cli.app import app
from persona_graph.conversation import Message, Role, Turn, TurnState
from persona_graph.engine import Engine
from persona_graph.errors import StoreError
from persona_graph.media import FolderMedia
from persona_graph.memory.commit import Commit
from persona_graph.memory.open_job import OpenJob
from persona_graph.memory.store import MemoryStore
from persona_graph.memory.types import Source
from persona_graph.migration import Moved, Part, compare, migrate
from persona_graph.migration.difference import Difference, Way
from persona_graph.migration.plan import Holdings, plan_of
from persona_graph.service import Persona
from tests.support.lived import START, Clock, everything, lived, opened

WRITES = ("append", "reschedule", "finish", "commit", "rebuild", "erase", "settle", "bury", "drop_vectors")


class Stumbling:
    """A store that fails at the nth call that writes, before it has written or just after."""

    def __init__(self, store: MemoryStore, at: int, *, after: bool) -> None:
        self.store, self.left, self.after = store, at, after

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.store, name)
        if name not in WRITES:
            return method

        async def call(*given: Any, **named: Any) -> Any:
            self.left -= 1
            if self.left == 0 and not self.after:
                raise StoreError("the store is away")
            done = await method(*given, **named)
            if self.left == 0:
                raise StoreError("the store is away")
            return done

        return call


async def moved(here: Engine, there: Engine, *users: str) -> list[Moved]:
    """Move users, and tell nobody."""
    return [one async for one in migrate(here, there, users or ("ana",), lambda *_: None)]


@asynccontextmanager
async def two(tmp_path: Path, turns: int = 20) -> AsyncIterator[tuple[Persona, Persona]]:
    """A person of every kind of thing in one store, and an empty store."""
    clock = Clock()
    async with opened(tmp_path / "here", clock) as here, opened(tmp_path / "there", clock) as there:
        await lived(here, turns)
        store, now = here.engine.store, clock.now
        jobs = await store.jobs("ana")
        await store.reschedule("ana", replace(jobs[0], attempts=4, parked=True, error="no such model"))
        await store.reschedule("ana", replace(jobs[1], attempts=1, error="no answer", not_before=now))
        await store.claim("ana", worker="w", now=now, until=now + timedelta(seconds=20))
        said = (Message.of(Role.PERSON, "Are you there?"),)
        for name, state in (("asked", TurnState.ASKED), ("failed", TurnState.FAILED)):
            turn = Turn(id=name, at=now, session="s", messages=said, state=state, receipt={"policy": "x"})
            await store.append("ana", [turn])
        yield here, there


async def whole(persona: Persona) -> dict[str, Any]:
    """Everything that is to arrive; who holds a job is a matter of the moment, and vectors are made anew."""
    found = await everything(persona, "ana")
    jobs = [replace(job, claimed_until=None, claimed_by="") for job in found["jobs"]]
    return {**found, "jobs": jobs, "found": [id for id, _ in found["found"]]}


async def test_a_person_who_moves_there_and_back_is_the_same(tmp_path: Path) -> None:
    async with two(tmp_path, 60) as (here, there), opened(tmp_path / "back", Clock()) as back:
        before = await whole(here)
        assert all(before[name] for name in ("turns", "jobs", "commits", "memories", "timeline", "erased", "pictures"))
        assert before["standing"].frozen
        (to,) = await moved(here.engine, there.engine)
        (fro,) = await moved(there.engine, back.engine)
        assert (to.differences, fro.differences) == ((), ())
        assert to.copied == {part: to.counts[part] for part in to.copied}
        assert await whole(there) == before
        assert await whole(back) == before
        assert await whole(here) == before


async def test_a_second_run_writes_nothing(tmp_path: Path) -> None:
    async with two(tmp_path) as (here, there):
        await moved(here.engine, there.engine)
        store = cast(MemoryStore, Stumbling(there.engine.store, 1, after=False))
        (again,) = await moved(here.engine, replace(there.engine, store=store))
        assert (again.copied, again.differences) == ({}, ())
        assert again.already == {part: again.counts[part] for part in again.already}


@pytest.mark.slow
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
async def test_a_run_that_stops_at_any_step_is_finished_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: bool
) -> None:
    monkeypatch.setattr("persona_graph.migration.compare.BATCH", 3)
    monkeypatch.setattr("persona_graph.migration.move.BATCH", 3)
    async with two(tmp_path, 13) as (here, there):
        before, store, stops = await whole(here), there.engine.store, 0
        done: list[Moved] = []
        while not done:
            stops += 1
            await store.remove_user("ana")
            failing = replace(there.engine, store=cast(MemoryStore, Stumbling(store, stops, after=after)))
            try:
                done = await moved(here.engine, failing)
            except StoreError:
                now = there.engine.clock() + timedelta(hours=2)
                if len(await store.commits("ana")) < len(before["commits"]):
                    assert await store.claim("ana", worker="w", now=now, until=now + timedelta(seconds=1)) is None
                (again,) = await moved(here.engine, there.engine)
                assert again.differences == (), stops
                assert await whole(there) == before, stops
        assert done[0].differences == ()
        assert stops > len(before["commits"]) + len(before["turns"]) // 3


async def test_what_the_source_learned_since_is_added(tmp_path: Path) -> None:
    async with two(tmp_path) as (here, there):
        await moved(here.engine, there.engine)
        store, clock = here.engine.store, cast(Clock, here.engine.clock)
        (asked,) = await store.turns("ana", ids=["asked"])
        answer = Message.of(Role.ASSISTANT, "I am.")
        await here.arecord("ana", [replace(asked, messages=(*asked.messages, answer), state=TurnState.ANSWERED)])
        said = (Message.of(Role.PERSON, "I moved to Faro."), Message.of(Role.ASSISTANT, "I see."))
        await here.arecord("ana", [Turn(id="new", at=clock.now, session="", messages=said)])
        clock.now += timedelta(minutes=5)
        await here.aretry("ana")
        await here.aflush("ana")
        (again,) = await moved(here.engine, there.engine)
        assert again.differences == ()
        assert again.copied[Part.TURNS] == 2
        assert await whole(there) == await whole(here)


async def test_somebody_who_is_used_in_the_new_store_is_left_as_is(tmp_path: Path) -> None:
    async with two(tmp_path) as (here, there):
        await moved(here.engine, there.engine)
        await there.aretry("ana")
        await there.aflush("ana", close_sessions=True)
        await there.achat("ana", "I like it here.")
        before = await whole(there)
        (again,) = await moved(here.engine, there.engine)
        assert again.refused
        assert {one.part for one in again.differences} == {Part.TURNS, Part.COMMITS, Part.JOBS}
        assert again.already[Part.TURNS] == again.counts[Part.TURNS]
        assert await whole(there) == before


async def test_what_only_the_new_store_has_is_not_there_already(tmp_path: Path) -> None:
    said = (Message.of(Role.PERSON, "Hi"),)
    async with opened(tmp_path / "here", Clock()) as here, opened(tmp_path / "there", Clock()) as there:
        for side, ids in ((here, "ab"), (there, "cd")):
            await side.engine.store.append("ana", [Turn(id=id, at=START, session="", messages=said) for id in ids])
        (one,) = await moved(here.engine, there.engine)
    assert one.refused
    assert (one.counts[Part.TURNS], one.already[Part.TURNS]) == (2, 0)


async def test_what_was_forgotten_since_is_no_quiet_leftover(tmp_path: Path) -> None:
    async with two(tmp_path) as (here, there):
        await moved(here.engine, there.engine)
        await here.aforget("ana", turn="turn-2")
        (again,) = await moved(here.engine, there.engine)
        assert again.refused
        assert Difference(user="ana", part=Part.TURNS, id="turn-2", way=Way.MORE) in again.differences


async def test_somebody_who_has_forgotten_all_takes_the_tombstones_along(tmp_path: Path) -> None:
    clock = Clock()
    async with opened(tmp_path / "here", clock) as here, opened(tmp_path / "there", clock) as there:
        await here.engine.store.append(
            "ana", [Turn(id="t", at=START, session="", messages=(Message.of(Role.PERSON, "Hi"),))]
        )
        await here.aforget("ana", turn="t")
        (one,) = await moved(here.engine, there.engine)
        assert one.differences == ()
        assert "t" in (await there.engine.store.tombstones("ana")).ids


Harm = Callable[[sqlite3.Connection], object]

HARMS: dict[str, tuple[Harm, set[tuple[Part, Way, tuple[str, ...]]]]] = {
    "a turn's receipt": (
        lambda db: db.execute("UPDATE turns SET receipt = '{}' WHERE id = 'turn-2'"),
        {(Part.TURNS, Way.CHANGED, ("receipt",))},
    ),
    "a turn's words": (
        lambda db: db.execute("UPDATE turns SET messages = replace(messages, 'espresso', 'tea') WHERE id = 'turn-1'"),
        {(Part.TURNS, Way.CHANGED, ("messages",))},
    ),
    "a commit": (
        lambda db: db.execute("DELETE FROM commits WHERE sequence = (SELECT max(sequence) FROM commits)"),
        {(Part.COMMITS, Way.MISSING, ())},
    ),
    "a job's error": (
        lambda db: db.execute("UPDATE jobs SET error = 'another' WHERE parked"),
        {(Part.JOBS, Way.CHANGED, ("error",))},
    ),
    "a job": (lambda db: db.execute("DELETE FROM jobs WHERE parked"), {(Part.JOBS, Way.MISSING, ())}),
    "a tombstone": (
        lambda db: db.execute("DELETE FROM tombstones WHERE id = 'turn-7'"),
        {(Part.TOMBSTONES, Way.MISSING, ())},
    ),
    "a memory": (
        lambda db: db.execute("UPDATE versions SET body = replace(body, 'Braga', 'Lisbon')"),
        {(Part.MEMORIES, Way.CHANGED, ("text",))},
    ),
    "what is held": (lambda db: db.execute("DELETE FROM frozen"), {(Part.STANDING, Way.CHANGED, ("frozen",))}),
}


@pytest.mark.parametrize("harm", HARMS)
async def test_a_difference_is_named(tmp_path: Path, harm: str) -> None:
    async with two(tmp_path) as (here, there):
        await moved(here.engine, there.engine)
        do, expected = HARMS[harm]
        (path,) = (tmp_path / "there" / "users").glob("*.db")
        with sqlite3.connect(path) as db:
            do(db)
        db.close()
        found = (await compare.compare(here.engine, there.engine, "ana", lambda *_: None)).differences
        assert {(one.part, one.way, one.fields) for one in found} == expected
        assert not any(word in one.sentence for one in found for word in ("espresso", "Braga", "Lisbon", "another"))


async def test_a_picture_that_is_missing_or_another_is_named(tmp_path: Path) -> None:
    async with two(tmp_path, 60) as (here, there):
        await moved(here.engine, there.engine)
        one, other, *_ = sorted(path for path in (tmp_path / "there" / "media").rglob("*") if path.is_file())
        one.unlink()
        other.write_bytes(b"another")
        found = (await compare.compare(here.engine, there.engine, "ana", lambda *_: None)).differences
        ways = {(item.id, item.part, item.way) for item in found}
        assert ways == {(one.name, Part.IMAGES, Way.MISSING), (other.name, Part.IMAGES, Way.CHANGED)}
        (again,) = await moved(here.engine, there.engine)  # what is missing is added
        assert [item.id for item in again.differences] == [other.name]
        nowhere = replace(here.engine, media=FolderMedia(tmp_path / "nowhere"))
        await there.engine.store.remove_user("ana")
        await there.engine.media.remove_user("ana")
        (lost,) = await moved(nowhere, there.engine)
        assert {item.way for item in lost.differences} == {Way.LOST}
        assert (lost.copied[Part.IMAGES], lost.already[Part.IMAGES]) == (0, 0)


class Busy:
    """A store in which something happens before its nth reading."""

    def __init__(self, store: MemoryStore, at: int, happen: Callable[[], Awaitable[object]]) -> None:
        self.store, self.left, self.happen = store, at, happen

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.store, name)
        if name not in ("turns", "jobs", "commits", "tombstones"):
            return method

        async def call(*given: Any, **named: Any) -> Any:
            self.left -= 1
            if self.left == 0:
                await self.happen()
            return await method(*given, **named)

        return call


@pytest.mark.parametrize("what", ["says", "answers", "learns", "says and learns"])
async def test_a_source_that_goes_on_meanwhile_loses_nothing(tmp_path: Path, what: str) -> None:
    async with two(tmp_path, 13) as (here, there):
        for at in range(1, 8):  # turns, jobs, commits, tombstones, turns to copy; then both are compared
            said = (Message.of(Role.PERSON, f"I like {at} cats."), Message.of(Role.ASSISTANT, "I see."))
            turn = Turn(id=f"new-{at}", at=START + timedelta(days=500 + at), session="", messages=said)

            async def happen(turn: Turn = turn) -> None:
                if what != "learns":
                    await here.arecord("ana", [turn])
                if "learns" in what:
                    cast(Clock, here.engine.clock).now += timedelta(minutes=1)  # whoever held a job is gone
                    await here.aflush("ana")
                    await here.aset_profile("ana", {"home": f"house {turn.id}"})  # a commit that rests on no turn

            if what == "answers":
                await here.engine.store.append("ana", [replace(turn, messages=said[:1], state=TurnState.ASKED)])
            elif what == "learns":
                await here.arecord("ana", [turn])
            await there.engine.store.remove_user("ana")
            source = replace(here.engine, store=cast(MemoryStore, Busy(here.engine.store, at, happen)))
            (first,) = await moved(source, there.engine)
            assert not first.refused, at
            (last,) = await moved(here.engine, there.engine)
            assert last.differences == (), at
            assert await whole(there) == await whole(here), at


# the command


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["migrate", *arguments], env={"COLUMNS": "160"})


@pytest.fixture
def stores(tmp_path: Path) -> tuple[str, str]:
    here, there = f"sqlite:{tmp_path / 'here'}", f"sqlite:{tmp_path / 'there'}"
    with Persona.open(here, model="offline") as persona:
        for user in ("ana", "bo", "eve"):
            persona.set_profile(user, {"name": user})
    return here, there


def test_the_command_moves_all_or_those_named_and_tells_in_one_line(stores: tuple[str, str]) -> None:
    first = run(*stores, "--user", "ana", "-u", "bo", "--json")
    assert first.exit_code == 0, first.output
    (line,) = first.stdout.splitlines()
    assert json.loads(line) == {
        **{"users": 2, "turns": 0, "commits": 2, "memories": 2, "jobs": 0, "tombstones": 0, "images": 0},
        **{"copied": 2, "already_there": 0, "different": 0},
    }
    rest = run(*stores)
    assert rest.exit_code == 0
    assert "Both are the same." in rest.stdout
    with Persona.open(stores[1]) as persona:
        assert set(persona.users()) == {"ana", "bo", "eve"}


def test_one_place_for_both_ones_pictures_is_told(tmp_path: Path) -> None:
    urls = (f"sqlite:{tmp_path / 'a'}", f"sqlite:{tmp_path / 'b'}")
    album = str(tmp_path / "album")
    told = "who is forgotten in one loses them in both"
    assert told in run(*urls, "--from-media", album, "--to-media", album).stderr
    assert told not in run(*urls, "--to-media", album).stderr


def test_pictures_go_from_and_to_where_they_are_said_to_be(tmp_path: Path) -> None:
    async def make() -> None:
        async with two(tmp_path, 30):
            pass

    asyncio.run(make())
    (tmp_path / "here" / "media").rename(tmp_path / "album")
    urls = f"sqlite:{tmp_path / 'here'}", f"sqlite:{tmp_path / 'there'}"
    assert run(*urls).exit_code == 1
    done = run(*urls, "--from-media", str(tmp_path / "album"), "--to-media", str(tmp_path / "new"), "--json")
    assert done.exit_code == 0, done.output
    names = [sorted(p.name for p in (tmp_path / at).rglob("*") if p.is_file()) for at in ("album", "new")]
    assert names[0] == names[1] != []


def test_a_difference_is_a_sentence_and_exit_code_1(stores: tuple[str, str]) -> None:
    run(*stores)
    with Persona.open(stores[1]) as persona:
        persona.set_profile("ana", {"home": "Porto"})
        persona.set_profile("ana", {"pet": "a cat"})
    result = run(*stores, "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["different"] == 2
    assert sum("is in TO and not in FROM." in line for line in result.stderr.splitlines()) == 2
    (sentence,) = [line for line in result.stderr.splitlines() if line.startswith("ana is")]
    assert result.stderr.startswith(sentence)  # no bar is left before it
    assert "nothing was changed" in sentence
    assert "erases all that it has of ana" in sentence
    assert "migrate from TO back to FROM" in sentence
    assert "Porto" not in result.output


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--user", "nobody"], "there is no user 'nobody'"),
        (["--user", " "], "a user id is a string"),
        (["{here}/../here"], "FROM and TO are the same store"),
        (["mongo://here"], "no store is known for 'mongo://here'"),
        (["--to-media", "no://where"], "names no place for pictures"),
    ],
    ids=["unknown", "blank", "same", "url", "media"],
)
def test_what_cannot_be_is_one_sentence(stores: tuple[str, str], arguments: list[str], says: str) -> None:
    given = [argument.format(here=stores[0]) for argument in arguments]
    result = run(stores[0], *([] if len(given) == 1 else [stores[1]]), *given)
    assert result.exit_code == 2
    assert says in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert not Path(stores[1].removeprefix("sqlite:")).exists()


def test_nobody_to_move_is_said(tmp_path: Path) -> None:
    result = run(f"sqlite:{tmp_path / 'none'}", f"sqlite:{tmp_path / 'there'}")
    assert result.exit_code == 2
    assert "there is nobody in the store to move from" in result.stderr


# the plan


def test_a_gap_among_commits_is_no_beginning() -> None:
    commits = {id: Commit(id=id, job="person", at=START, source=Source.PERSON) for id in "abc"}
    one = OpenJob(id="j", name="x", turns=("t",), at=START, rank=0, not_before=START)
    here = Holdings(
        turns={"t": TurnState.ANSWERED}, shown=frozenset(), jobs={"j": one}, commits=commits, stones=frozenset()
    )
    gap = replace(here, commits={id: commits[id] for id in "ac"})
    assert [d.id for d in plan_of("ana", here, gap, changed=[], lacking={}).conflicts] == ["c"]
    done = replace(here, jobs={})
    assert [d.part for d in plan_of("ana", here, done, changed=[], lacking={}).conflicts] == [Part.JOBS]
    begun = replace(here, turns={}, jobs={}, commits={"a": commits["a"]})
    plan = plan_of("ana", here, begun, changed=[], lacking={})
    assert (plan.conflicts, [c.id for c in plan.commits], plan.arriving_with()) == ((), ["b", "c"], {"t": [one]})
