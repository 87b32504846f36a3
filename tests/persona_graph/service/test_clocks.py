"""Clocks that run backwards, stand still or are put forward and back twice a year, and zones far from ours."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from persona_graph import Kind, Options, Persona
from persona_graph.conversation import Message, Role, Turn
from persona_graph.errors import InputError
from persona_graph.jobs.job import Job
from persona_graph.options import Updates
from persona_graph.policy.scripted import ScriptedPolicy
from persona_graph.timerange import EARLIEST, LATEST, TimeRange
from persona_graph.update import drain

NOON = datetime(2024, 6, 1, 12, tzinfo=UTC)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
BERLIN = ZoneInfo("Europe/Berlin")
"""At 01:00 UTC on 2024-03-31 its clocks jump from 02:00 to 03:00, on 2024-10-27 they fall from 03:00 to 02:00."""


class Clock:
    """A clock that stands until it is moved."""

    now = NOON

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def opened(tmp_path: Path, clock: Clock) -> Callable[..., Persona]:
    def make(zone: tzinfo = UTC, **said: Any) -> Persona:
        usual = {
            "reason": "<think>fine</think><answer>Noted.</answer>",
            "infer_personality": '{"openness": 4}',
            "extract_semantic": '{"operations": []}',
            "segment_episodes": '{"topics": [{"summary": "a talk", "keywords": [], "turns": [1]}]}',
        } | said

        def script(job: Job[Any, Any], _given: Any) -> str:
            return str(usual.get(job.name, '{"set": [], "remove": []}'))

        policy, options = ScriptedPolicy(script), Options(updates=Updates.OFF)
        return Persona.open(f"sqlite:{tmp_path}", policy=policy, options=options, clock=clock, zone=zone)

    return make


def turn(name: str, at: datetime) -> Turn:
    return Turn(id=name, at=at, session="", messages=(Message.of(Role.PERSON, f"words of {name}"),))


def shown(persona: Persona) -> list[str]:
    """Which turns stood in the last prompt of `reason`."""
    policy = persona.engine.policy
    assert isinstance(policy, ScriptedPolicy)
    opening = next(given.opening for name, given in reversed(policy.asked) if name == "reason")
    return [each.messages[0].text for each in opening.recent]


async def sessions(persona: Persona) -> list[list[str]]:
    """What was said, session by session."""
    found: dict[str, list[str]] = {}
    for each in await persona.aturns("ana"):
        found.setdefault(each.session, []).append(each.messages[0].text)
    return list(found.values())


@pytest.mark.parametrize("back", [timedelta(0), MINUTE, 59 * MINUTE])
async def test_a_clock_that_is_put_back_a_little_keeps_the_conversation_together(
    opened: Callable[..., Persona], clock: Clock, back: timedelta
) -> None:
    async with opened() as it:
        await it.achat("ana", "one")
        clock.now -= back
        await it.achat("ana", "two")
        assert shown(it) == ["one"]
        assert await sessions(it) == [["one", "two"]]


async def test_a_clock_that_is_put_back_a_year_begins_anew(opened: Callable[..., Persona], clock: Clock) -> None:
    async with opened() as it:
        await it.achat("ana", "one")
        clock.now -= timedelta(days=365)
        for text in ("two", "three"):
            await it.achat("ana", text)
        assert shown(it) == ["two"]
        assert await sessions(it) == [["two", "three"], ["one"]]
        assert [t.ordinal for t in await it.aturns("ana")] == [0, 1, 2]
        assert (await it.aflush("ana", close_sessions=True)).parked == ()


@pytest.mark.parametrize("back", [timedelta(days=2), timedelta(days=400)])
async def test_what_was_claimed_or_put_off_on_a_clock_that_was_ahead_does_not_wait_for_it(
    opened: Callable[..., Persona], clock: Clock, back: timedelta
) -> None:
    async with opened(infer_personality="nothing that can be read") as it:
        for user in ("ana", "bob"):
            await it.achat(user, "hello")
        claimed = await it.engine.store.claim("ana", worker="killed", now=clock.now, until=clock.now + MINUTE)
        assert claimed is not None
        await drain.drain(it.engine, "bob", worker="w")
        assert [job.attempts for job in await it.engine.store.jobs("bob")] == [1, 0, 0, 0, 0]
    clock.now -= back
    async with opened() as it:
        for user in ("ana", "bob"):
            assert (await it.aflush(user)).done == 5  # its session is over too


async def test_a_time_that_is_given_holds_though_others_follow_it(opened: Callable[..., Persona], clock: Clock) -> None:
    async with opened() as it:
        await it.achat("ana", "later")
        await it.achat("ana", "earlier", at=NOON - 30 * MINUTE)
        assert shown(it) == []
        assert [t.at for t in await it.aturns("ana")] == [NOON - 30 * MINUTE, NOON]


async def test_turns_of_one_moment_keep_their_order(opened: Callable[..., Persona]) -> None:
    names = [f"t{number}" for number in range(20)]
    async with opened() as it:
        await it.arecord("ana", [turn(name, NOON) for name in names[:10]])
        await it.arecord("ana", [turn(name, NOON) for name in names[10:]])
        found = await it.aturns("ana")
        assert [t.id for t in found] == names
        assert [t.ordinal for t in found] == list(range(20))
        assert len({t.session for t in found}) == 1
        inside = await it.asearch("ana", "words", window=TimeRange(start=NOON, end=NOON + MINUTE))
        assert inside.hits == ()  # turns are not searched unless asked for
        assert len(await it.aturns("ana", window=TimeRange(start=NOON, end=NOON + timedelta(microseconds=1)))) == 20


async def test_turns_are_recorded_in_any_order(opened: Callable[..., Persona]) -> None:
    times = [NOON, NOON - timedelta(days=365), NOON + MINUTE, NOON - timedelta(days=365) + MINUTE]
    async with opened() as it:
        await it.arecord("ana", [turn(f"t{n}", at) for n, at in enumerate(times)])
        assert await sessions(it) == [["words of t1", "words of t3"], ["words of t0", "words of t2"]]


@pytest.mark.parametrize(
    ("first", "second", "together"),
    [
        ("2024-03-31 01:55", "2024-03-31 03:05", True),  # ten minutes, an hour and ten on the clock
        ("2024-03-31 01:30", "2024-03-31 03:29", True),
        ("2024-03-31 01:30", "2024-03-31 03:30", False),
        ("2024-10-27 02:50", "2024-10-27 02:10 again", True),  # twenty minutes, less than nothing on the clock
        ("2024-10-27 01:55", "2024-10-27 02:05 again", False),
        ("2024-10-27 02:30", "2024-10-27 02:30 again", False),
        ("2024-10-27 02:30", "2024-10-27 02:29 again", True),
    ],
)
async def test_an_hour_of_silence_is_an_hour_while_clocks_change(
    opened: Callable[..., Persona], first: str, second: str, together: bool
) -> None:
    times = [
        datetime.fromisoformat(text.removesuffix(" again")).replace(tzinfo=BERLIN, fold=int("again" in text))
        for text in (first, second)
    ]
    async with opened(BERLIN) as it:
        await it.arecord("ana", [turn("t0", times[0]), turn("t1", times[1])])
        assert len(await sessions(it)) == (1 if together else 2)
    async with opened(BERLIN) as it:
        for at in times:
            await it.achat("bob", "hello", at=at)
        assert shown(it) == (["hello"] if together else [])
        assert [t.at for t in await it.aturns("bob")] == [at.astimezone(UTC) for at in times]


async def test_a_window_over_both_clock_changes_finds_what_lies_in_it(opened: Callable[..., Persona]) -> None:
    hours = [datetime(2024, month, day, tzinfo=UTC) + n * HOUR for month, day in ((3, 30), (10, 26)) for n in range(48)]
    async with opened(BERLIN) as it:
        await it.arecord("ana", [turn(at.isoformat(), at) for at in hours])
        for first, last, count in (
            ("2024-03-31", "2024-03-31", 23),
            ("2024-10-27", "2024-10-27", 25),
            ("2024-03-31", "2024-10-27", 23 + 2 + 22 + 25),
        ):
            found = await it.aturns("ana", window=TimeRange.parse(first, last, BERLIN))
            inside = [at for at in hours if first <= f"{at.astimezone(BERLIN):%Y-%m-%d}" <= last]
            assert [t.at for t in found] == inside
            assert len(inside) == count


@pytest.mark.parametrize("zone", ["America/Los_Angeles", "Asia/Tokyo", "Europe/Berlin", "Pacific/Kiritimati"])
@pytest.mark.parametrize("day", ["2024-01-15", "2024-07-15"])
async def test_the_day_of_a_fact_is_a_day_of_the_persons_calendar(
    opened: Callable[..., Persona], zone: str, day: str
) -> None:
    fact = {"do": "add", "text": "Ana moved to Porto.", "keywords": ["move"], "when": day, "picture": False}
    async with opened(ZoneInfo(zone), extract_semantic=json.dumps({"operations": [fact]})) as it:
        await it.achat("ana", "I moved.", at=datetime(2024, 8, 1, 23, 30, tzinfo=UTC))
        await it.aflush("ana")
        (memory,) = await it.amemories("ana", kinds=(Kind.SEMANTIC,))
        assert memory.event.start is not None
        assert f"{memory.event.start.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M}" == f"{day} 00:00"
        policy = it.engine.policy
        assert isinstance(policy, ScriptedPolicy)
        given = next(given for name, given in policy.asked if name == "extract_semantic")
        assert given.now == datetime(2024, 8, 1, 23, 30, tzinfo=UTC)
        assert given.now.tzinfo == ZoneInfo(zone)


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Etc/GMT+12", "UTC"])
@pytest.mark.parametrize("at", [EARLIEST, LATEST])
async def test_the_ends_of_the_calendar_are_times_like_others(
    opened: Callable[..., Persona], clock: Clock, zone: str, at: datetime
) -> None:
    async with opened(ZoneInfo(zone)) as it:
        reply = await it.achat("ana", "yesterday, tomorrow, last year", at=at)
        await it.aflush("ana", close_sessions=True)
        assert [t.id for t in await it.aturns("ana", window=TimeRange(start=at))] == [reply.turn]
        assert await it.asearch("ana", "last year", as_of=at, window=TimeRange(end=at)) is not None
        clock.now = at
        await it.achat("ana", "again")
        assert len(await it.aturns("ana")) == 2


@pytest.mark.parametrize(
    "at",
    [datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=BERLIN), datetime(2024, 1, 1)],  # noqa: DTZ001
)
async def test_a_turn_off_the_calendar_or_without_a_zone_is_refused(
    opened: Callable[..., Persona], at: datetime
) -> None:
    async with opened() as it:
        with pytest.raises(InputError, match="a turn's time"):
            await it.achat("ana", "hello", at=at)
        assert await it.aturns("ana") == []


@pytest.mark.parametrize("as_of", [datetime(2024, 1, 1), "2024-01-01", 5], ids=repr)  # noqa: DTZ001
async def test_a_belief_time_without_a_zone_is_refused(opened: Callable[..., Persona], as_of: Any) -> None:
    async with opened() as it:
        await it.achat("ana", "hello")
        for ask in (it.amemories, it.aprofile, it.apersonality, it.asearch):
            with pytest.raises(InputError, match="time zone"):
                await ask("ana", as_of=as_of)
        with pytest.raises(InputError, match="time zone"):
            await it.aundo("ana", since=as_of)
