"""What a child does to a store until it is killed: errands of several users side by side, in a seeded mix."""

from __future__ import annotations

import asyncio
import random
import shutil
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from hashlib import sha256
from io import BytesIO
from itertools import count
from typing import Protocol

from PIL import Image as Picture

from persona_graph.conversation import Turn, TurnState
from persona_graph.errors import NotFound
from persona_graph.memory.open_job import OpenJob
from persona_graph.memory.types import Memory
from persona_graph.timerange import TimeRange
from tests.trials.announcements import ERASES, Announcement, Done, Errand, Refused, Started, Updated, moment
from tests.trials.migration import FIXTURE, open_once
from tests.trials.place import Place

KEEPER = "ana"
"""Erases nothing, so that every single update of hers has to stand in the end."""
USERS = (KEEPER, "ben", "../dora", "Zoë 🦊")

SHARES: Mapping[Errand, int] = {
    Errand.CHAT: 64,
    Errand.AGAIN: 8,
    Errand.CORRECT: 5,
    Errand.FORGET_TURN: 7,
    Errand.FORGET_WINDOW: 4,
    Errand.FORGET_MEMORY: 5,
    Errand.FORGET_USER: 2,
    Errand.MIGRATE: 5,
}
"""How often each errand is run, of a hundred; a worker runs beside them."""
CLOSES = 0.3
"""Share of the updates that close sessions."""
PAUSE_S = 0.06
"""How long a user waits between two errands, at most."""
REST_S = 0.1
"""How long the worker rests between two updates, at most."""
WITH_IMAGE = 0.1
WINDOW_TURNS = 5
"""How many turns a window that is erased holds at most."""

SAID = (
    "I live in {place} and I work as a {job}.",
    "My {animal} is called {name}.",
    "I like {thing} and I don't like {other}.",
    "I go {sport} every Monday.",
    "My goal is to learn {sport} this year.",
    "I feel anxious about {thing}, I could not sleep.",
    "The party with {name} was great, I danced until two!",
    "Where do I live, and what is my {animal} called?",
    "What did I say about {thing}?",
    "我喜欢{thing}，我住在{place}。",
)
WORDS: Mapping[str, tuple[str, ...]] = {
    "place": ("Porto", "Lyon", "Graz", "Oslo", "Sofia"),
    "job": ("nurse", "baker", "teacher", "architect"),
    "animal": ("dog", "cat", "parrot"),
    "name": ("Rufus", "Miso", "Olive", "Ziggy", "Juno"),
    "thing": ("green tea", "chess", "old maps", "jazz", "pottery"),
    "other": ("coffee", "crowds", "rain", "mornings"),
    "sport": ("climbing", "swimming", "hiking", "fencing"),
}


class Line(Protocol):
    """Where a child tells what it does."""

    def tell(self, news: object) -> None:
        """Tell it, at once."""
        ...


async def run(line: Line, place: Place, seed: int, first: int, end: int | None, *, migrates: bool) -> None:
    """Run errands from number `first` on, up to `end` where one is given."""
    errands = _Errands(line.tell, place, seed, first, end, migrates=migrates)
    await errands.run()


async def finish(line: Line, place: Place, number: int) -> None:
    """Do all that is left in every outbox."""
    async with place.persona(clock=lambda: moment(number)) as persona:
        for user in USERS:
            await persona.aflush(user, close_sessions=True, on_job=partial(_tell_updated, line.tell))


class _Errands:
    """The errands of one child."""

    def __init__(
        self,
        tell: Callable[[Announcement], None],
        place: Place,
        seed: int,
        first: int,
        end: int | None,
        *,
        migrates: bool,
    ) -> None:
        self._tell, self._folder, self._seed, self._end = tell, place.folder, seed, end
        self._first = self._now = first
        self._numbers = count(first)
        self._shares = {errand: share for errand, share in SHARES.items() if migrates or errand is not Errand.MIGRATE}
        # Each errand moves the clock of all, so that the claims of a child that was killed soon run out.
        self._persona = place.persona(clock=lambda: moment(self._now))

    async def run(self) -> None:
        """Run all users side by side, each with a worker of their own beside what they do."""
        async with self._persona:
            await asyncio.gather(*(run(user) for user in USERS for run in (self._talk, self._work)))

    async def _talk(self, user: str) -> None:
        rng = random.Random(f"{self._seed} {self._first} {user}")
        shares = {e: share for e, share in self._shares.items() if user != KEEPER or e not in ERASES}
        while (number := self._number()) is not None:
            (errand,) = rng.choices([*shares], [*shares.values()])
            await self._do(errand, user, rng, number)
            await asyncio.sleep(rng.uniform(0, PAUSE_S))

    async def _work(self, user: str) -> None:
        rng = random.Random(f"{self._seed} {self._first} {user} work")
        while (number := self._number()) is not None:
            errand = Errand.CLOSE if rng.random() < CLOSES else Errand.UPDATE
            flush = self._persona.aflush(
                user, close_sessions=errand is Errand.CLOSE, on_job=partial(_tell_updated, self._tell)
            )
            await self._acknowledged(Started(number=number, errand=errand, user=user), flush)
            await asyncio.sleep(rng.uniform(0, REST_S))

    def _number(self) -> int | None:
        """The number of the next errand, which moves the clock; None when it is enough."""
        number = next(self._numbers)
        if self._end is not None and number >= self._end:
            return None
        self._now = number
        return number

    async def _do(self, errand: Errand, user: str, rng: random.Random, number: int) -> None:
        """Run an errand; one that finds nothing to work on becomes a chat."""
        if errand is Errand.MIGRATE:
            return await self._migrate(user, number)
        if errand is Errand.FORGET_USER:
            return await self._acknowledged(
                Started(number=number, errand=errand, user=user), self._persona.aforget(user, everything=True)
            )
        if errand in (Errand.CORRECT, Errand.FORGET_MEMORY) and (memories := await self._persona.amemories(user)):
            return await self._by_hand(errand, user, number, rng.choice(memories))
        if errand in (Errand.AGAIN, Errand.FORGET_TURN, Errand.FORGET_WINDOW):
            turns = await self._persona.engine.store.turns(user, receipts=False)
            asked = [turn for turn in turns if turn.state is TurnState.ASKED]
            if errand is Errand.AGAIN and asked:
                return await self._again(user, number, rng.choice(asked))
            if errand is not Errand.AGAIN and turns:
                return await self._erase(errand, user, rng, number, turns)
        await self._chat(user, rng, number)

    async def _chat(self, user: str, rng: random.Random, number: int) -> None:
        text = said(rng, f"This is number {number}.")
        images = [image_of(number)] if rng.random() < WITH_IMAGE else []
        digest = sha256(images[0]).hexdigest() if images else ""
        self._tell(Started(number=number, errand=Errand.CHAT, user=user, text=text, image=digest))
        reply = await self._persona.achat(user, text, images=images, at=moment(number))
        self._tell(Done(number=number, turn=reply.turn, answer=reply.text))

    async def _again(self, user: str, number: int, turn: Turn) -> None:
        self._tell(Started(number=number, errand=Errand.AGAIN, user=user, turns=(turn.id,)))
        reply = await self._persona.aanswer_again(user, turn.id)
        self._tell(Done(number=number, turn=reply.turn, answer=reply.text))

    async def _by_hand(self, errand: Errand, user: str, number: int, memory: Memory) -> None:
        if errand is Errand.CORRECT:
            text = f"Put right in number {number}."
            what = self._persona.acorrect(user, memory.id, text)
            await self._acknowledged(
                Started(number=number, errand=errand, user=user, memory=memory.id, text=text), what
            )
        else:
            started = Started(number=number, errand=errand, user=user, memory=memory.id)
            await self._acknowledged(started, self._persona.aforget(user, memory=memory.id))

    async def _erase(self, errand: Errand, user: str, rng: random.Random, number: int, turns: list[Turn]) -> None:
        first = rng.randrange(len(turns))
        if errand is Errand.FORGET_TURN:
            ids: tuple[str, ...] = (turns[first].id,)
            what = self._persona.aforget(user, turn=turns[first].id)
        else:
            inside = turns[first : first + rng.randint(1, WINDOW_TURNS)]
            ids = tuple(turn.id for turn in inside)
            window = TimeRange(start=inside[0].at, end=inside[-1].at + (moment(1) - moment(0)) / 2)
            what = self._persona.aforget(user, window=window)
        await self._acknowledged(Started(number=number, errand=errand, user=user, turns=ids), what)

    async def _migrate(self, user: str, number: int) -> None:
        folder = self._folder.parent / "migrated" / str(number)
        shutil.copytree(FIXTURE, folder)
        await self._acknowledged(Started(number=number, errand=Errand.MIGRATE, user=user), open_once(folder))

    async def _acknowledged(self, started: Started, what: Awaitable[object]) -> None:
        self._tell(started)
        try:
            await what
        except NotFound:
            self._tell(Refused(number=started.number))
        else:
            self._tell(Done(number=started.number))


def _tell_updated(tell: Callable[[Announcement], None], user: str, job: OpenJob, done: bool) -> None:
    if done:
        tell(Updated(user=user, job=job.name, turns=job.turns))


def said(rng: random.Random, mark: str) -> str:
    """Something that a person says, with a mark by which it is known."""
    words = {name: rng.choice(choices) for name, choices in WORDS.items()}
    return f"{rng.choice(SAID).format(**words)} {mark}".strip()


def image_of(number: int) -> bytes:
    """A small picture, another one for each number."""
    out = BytesIO()
    Picture.new("RGB", (8, 8), (number % 256, number // 256 % 256, number // 65536 % 256)).save(out, "PNG")
    return out.getvalue()
