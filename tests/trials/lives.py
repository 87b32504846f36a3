"""`Life`: a history with words planted in it, told to a store in phases, with the person's and a client's acts.

The same life can be told again without some of its turns: that is the twin who never lived through them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image as Pillow

from persona_graph import Kind, Persona
from persona_graph.conversation import Block, Image, Message, Role, Text, Turn
from persona_graph.jobs.extract_semantic import SemanticInput
from persona_graph.jobs.infer_personality import Inferred, PersonalityInput
from persona_graph.memory.commit import Commit, memory_id
from persona_graph.memory.operations import Add, Operation, Update
from persona_graph.memory.types import Memory, Source
from persona_graph.options import Options, Updates
from persona_graph.policy.offline.policy import OfflinePolicy
from persona_graph.policy.policy import Completion
from tests.trials.embeddings import PlantedEmbeddings
from tests.trials.planting import Planting

START = datetime(2024, 1, 1, 9, tzinfo=UTC)
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
ANA, BEN = "ana", "ben"
LATE = "late"
"""Id of a turn that is told while something is being erased."""


class Clock:
    """A clock that stands until it is moved."""

    now = START

    def __call__(self) -> datetime:
        return self.now


class Rules(OfflinePolicy):
    """The rules, but that every turn shows something of the person, with the words that show it."""

    meanwhile: Callable[[], Awaitable[None]] | None = None
    """Done once, while a job over the turn `LATE` is at work."""

    async def ask(self, job: Any, given: Any, *, on_delta: Any = None) -> Completion[Any]:
        """Do a job."""
        done = await super().ask(job, given, on_delta=on_delta)
        if isinstance(given, PersonalityInput):
            said = " ".join(given.turn.said_by(Role.PERSON).split())
            value = Inferred(scores=replace(done.value.scores, openness=4.0), words=(said[:120],))
            return replace(done, value=value)
        if isinstance(given, SemanticInput) and given.turn.id == LATE:
            done = replace(done, value=(*done.value, _all_that_was_read(given)))
            if self.meanwhile is not None:
                meanwhile, self.meanwhile = self.meanwhile, None
                await meanwhile()
        return done


def _all_that_was_read(given: SemanticInput) -> Add:
    """A fact that carries every word of the prompt, as a model's may."""
    said = [message.searchable for turn in given.recent for message in turn.messages]
    known = [" ".join((memory.text, *memory.keywords)) for memory in given.known]
    return Add(kind=Kind.SEMANTIC, text=" | ".join((*said, *known)), evidence=(LATE,))


@dataclass(slots=True)
class Scene:
    """An open store with a clock and a policy."""

    folder: Path
    clock: Clock = field(default_factory=Clock)
    rules: Rules = field(default_factory=Rules)

    def open(self) -> Persona:
        """A `Persona` over the folder."""
        return Persona.open(
            f"sqlite:{self.folder}",
            policy=self.rules,
            embeddings=PlantedEmbeddings(),
            options=Options(updates=Updates.OFF),
            clock=self.clock,
        )


Act = Callable[[Persona], Awaitable[None]]


@dataclass(slots=True)
class Life:
    """A life from a seed."""

    seed: int
    planting: Planting = field(init=False)
    word: Callable[[str], str] = field(init=False)
    proper: Callable[[str], str] = field(init=False)
    phases: list[list[Turn]] = field(init=False)
    """What is told, in the order in which it is; between the phases all updates are made."""
    pictures: dict[str, bytes] = field(default_factory=dict)
    """By digest."""
    client: dict[str, str] = field(default_factory=dict)
    """Ids of the memories that a client wrote, by name."""

    def __post_init__(self) -> None:
        self.planting = Planting(self.seed)
        self.word, self.proper = self.planting.word, self.planting.proper
        self.phases = [self._before() + self._secret(), self._after(), []]
        for name in ("fact", "field", "same"):
            self.client[name] = memory_id(f"client-{name}", 0)

    def picture(self, name: str) -> str:
        """Digest of a picture of noise."""
        out = BytesIO()
        Pillow.frombytes("RGB", (24, 24), self.planting.noise(name, 24 * 24 * 3)).save(out, "PNG")
        digest = sha256(out.getvalue()).hexdigest()
        self.pictures[digest] = out.getvalue()
        return digest

    def told(self, id: str, day: float, text: str, answer: str = "", *more: Block | Message) -> Turn:
        blocks = ((Text(text),) if text else ()) + tuple(one for one in more if not isinstance(one, Message))
        said = [Message(role=Role.PERSON, blocks=blocks, speaker="Ana")]
        said += [one for one in more if isinstance(one, Message)]
        said.append(Message.of(Role.ASSISTANT, answer or "I see."))
        return Turn(id=id, at=START + day * DAY + 4 * int(id[1:]) * MINUTE, session=f"s-{id[0]}", messages=tuple(said))

    def _session(self, name: str, day: float, *said: str) -> list[Turn]:
        return [self.told(f"{name}{number}", day, text) for number, text in enumerate(said)]

    def _before(self) -> list[Turn]:
        return [
            *self._session(
                "a",
                0,
                "My name is Ana and I live in Porto.",
                "I work as a nurse.",
                "My dog is called Rex.",
                "I love jazz.",
            ),
            *self._session(
                "b",
                10,
                "I love chess and I hate liver.",
                "I speak French and Dutch.",
                "My favourite colour is green.",
                "Every morning I swim in the river.",
                "I love rowing with friends at a party.",
                "I want to learn Greek.",
            ),
        ]

    def _secret(self) -> list[Turn]:
        """One session that nobody shall know of, and what later quotes it."""
        w, caption = self.word, f"a boat called {self.proper('caption')}"
        told = (
            f"I moved to {self.proper('home')}. My dog is called {self.proper('dog')} now. "
            f"I love {w('thing')} more than {w('quoted by a turn')}."
        )
        guest = Message(role=Role.PERSON, blocks=(Text(f"Hello from {w('guest')}!"),), speaker=self.proper("speaker"))
        secret = [
            self.told("c0", 20, "Something happened today."),
            self.told(
                "c1",
                20,
                told,
                f"Noted: {w('answer')}.",
                Image(digest=self.picture("boat"), caption=caption),
                guest,
            ),
            self.told(
                "c2", 20, f"Every evening I meet {self.proper('habit')} at the harbour. I want to buy {w('goal')}."
            ),
            self.told("c3", 20, f"我最喜欢的颜色是{self.planting.han('colour')}。"),
            self.told(
                "c4",
                20,
                f"I'm worried about {w('worry')} and {self.planting.cyrillic('russian')}; so is {w('quoted by hand')}.",
            ),
            self.told("c5", 20, f"I am very organised, says {w('undone by hand')}, and {w('quoted in a picture')}."),
        ]
        return [
            *secret,
            *self._session("d", 30, "I love tea.", f"What was it about {w('quoted by a turn')}?", "I have two cats."),
        ]

    def _after(self) -> list[Turn]:
        w, topic = self.word, self.word("topic")
        balloon = Image(digest=self.picture("balloon"), caption=f"a balloon over {self.proper('balloon')}")
        again = replace(balloon, caption=f"the balloon of {self.proper('balloon again')}")
        kept = Image(digest=self.picture("kept"), caption=f"lunch with {w('quoted in a picture')}")
        return [
            *self._session(
                "e", 40, "I work as a baker now.", f"The {topic} of {w('topic place')} begins soon.", "I hate rain."
            ),
            self.told("f0", 50, "", f"What a {w('answer to a picture')}!", balloon),
            self.told("f1", 50, f"It was {w('beside the picture')} up there."),
            self.told("f2", 50, f"I think of {self.proper('balloon')} a lot.", "", kept),
            self.told("g0", 60, f"The {topic} went well; I love {w('topic thing')}."),
            self.told("g1", 60, "Here it is again.", "", again, kept),
            self.told("g2", 60, "I have a new bicycle."),
            *self._session(
                "h", 65, "I love the theatre.", f"Where is the {w('quoted of a client')}?", "I hate onions."
            ),
        ]

    def receipts(self, memories: Sequence[Memory]) -> list[Turn]:
        """Answers whose model had something in its prompt and thought of it, in words that nobody else says."""
        made_of = {turn: memory.ref for memory in memories for turn in memory.evidence if memory.kind is Kind.SEMANTIC}
        read = {"c1": "thought", "c4": "thought of worry", "e1": "thought of topic", "f0": "thought of balloon"}
        turns = [self._answered(f"i{n}", [turn], self.word(name)) for n, (turn, name) in enumerate(read.items())]
        turns.append(self._answered("i4", [made_of["c1"]], self.word("thought of a memory")))
        refs = [memory.ref for memory in memories if memory.id in (self.client["fact"], self.client["field"])]
        turns += [
            self._answered(f"i{5 + n}", [ref], self.word(f"thought of client {n}"))
            for n, ref in enumerate(sorted(refs))
        ]
        return turns

    def _answered(self, id: str, read: list[str], thought: str) -> Turn:
        said = {"role": "assistant", "text": f"<think>about {thought}</think>"}
        found = {"target": "semantic", "score": 1.0, "parts": {}}
        hits = [found | {"id": ref.partition("@")[0], "ref": ref} for ref in read if "@" in ref]
        search = {
            "keywords": f"{thought} too",
            "terms": {thought: 1.0},
            "window": {},
            "milliseconds": 1.0,
            "hits": hits,
        }
        step = {"job": "reason", "act": "retrieve", "said": [said], "search": search}
        receipt = {"opening": {"recent": [turn for turn in read if "@" not in turn]}, "steps": [step]}
        return replace(self.told(id, 70, f"And how are you, {id}?"), receipt=receipt)

    # what the person and a client do between the phases

    def acts(self, without: Collection[str] = ()) -> list[list[Act]]:
        """After each phase; without those of the client's memories named."""
        w = self.word
        hand: list[Act] = [
            lambda p: _if_held(p, "Likes jazz", p.apin),
            lambda p: _if_held(p, "Dislikes liver", p.aswitch_off),
            lambda p: _done(p.afreeze(ANA, "extraversion", 4.0)),
            lambda p: _if_held(p, f"Likes {w('thing')}", lambda user, id: p.acorrect(user, id, "Likes the opera")),
            lambda p: _done(p.acorrect(ANA, "core:nickname", f"the one of {w('quoted by hand')}")),
            lambda p: self._undone(p, "Likes chess", f"Likes {w('undone by hand')}"),
            self._freeze_the_habit,
        ]
        fact = Add(
            kind=Kind.SEMANTIC, text=f"keeps {w('client')} and {w('quoted of a client')}", keywords=(w("keyword"),)
        )
        now = Update(
            id=self.client["fact"],
            kind=Kind.SEMANTIC,
            text=f"sold {w('client now')}",
            keywords=(self.planting.han("keyword han"),),
        )
        key = f"secret {w('key')}"
        client: dict[str, tuple[Operation, ...]] = {
            "fact": (fact,),
            "fact now": (now,),
            "same": (Add(kind=Kind.SEMANTIC, text=now.text),),
            "field": (Add(kind=Kind.PROCEDURAL, key=key, text=f"plans {w('field')}"),),
            "field now": (Add(kind=Kind.PROCEDURAL, key=key, text=f"dreams of {w('field now')}"),),
            "field in vain": (Add(kind=Kind.PROCEDURAL, key=key, text=f"forgets {w('field in vain')}"),),
            "plain": (Add(kind=Kind.SEMANTIC, text="plays the violin"),),
        }
        told = [self._told(name, operations) for name, operations in client.items() if name not in without]
        if "field" not in without:  # what comes after it is refused, and stands in its commit all the same
            told.insert(5, lambda p: _done(p.afreeze(ANA, f"procedural:{key}")))
        return [hand, told, []]

    def _told(self, name: str, operations: tuple[Operation, ...]) -> Act:
        commit = Commit(
            id=f"client-{name}", job="client", at=START + 66 * DAY, source=Source.CLIENT, operations=operations
        )
        return lambda persona: _done(persona.engine.store.commit(ANA, commit))

    async def _freeze_the_habit(self, persona: Persona) -> None:
        """Hold a field that a job named after what it is about."""
        for memory in await persona.amemories(ANA, kinds=[Kind.PROCEDURAL]):
            if self.planting.words["habit"].casefold() in memory.key.casefold():
                await persona.afreeze(ANA, f"procedural:{memory.key}")

    async def _undone(self, persona: Persona, text: str, wrong: str) -> None:
        await _if_held(persona, text, lambda user, id: persona.acorrect(user, id, wrong))
        await persona.aundo(ANA, (await persona.engine.store.commits(ANA))[-1].id)


async def _done(doing: Awaitable[Any]) -> None:
    await doing


async def _if_held(persona: Persona, text: str, act: Callable[[str, str], Awaitable[Any]]) -> None:
    """Do something to the memory that says this, if there is one."""
    for memory in await persona.amemories(ANA):
        if memory.text == text:
            await act(ANA, memory.id)


async def live(life: Life, scene: Scene) -> None:
    """Tell the whole life to an empty store."""
    async with scene.open() as persona:
        for data in life.pictures.values():
            await persona.engine.media.put(ANA, data)
        await persona.arecord(BEN, [replace(turn, id=f"ben {turn.id}") for turn in life.phases[0][:4]])
        await persona.aflush(BEN, close_sessions=True)
        for number, (turns, acts) in enumerate(zip(life.phases, life.acts(), strict=True)):
            if number == 2:
                turns = life.receipts(await persona.amemories(ANA, history=True))
                life.phases[2] = turns
            await _phase(persona, scene, turns, acts)
        await _talk(persona)
        await _park(life, persona)


async def _phase(persona: Persona, scene: Scene, turns: Sequence[Turn], acts: Sequence[Act]) -> None:
    if turns:
        scene.clock.now = max(turn.at for turn in turns) + DAY
        await persona.arecord(ANA, turns)
        await persona.aflush(ANA, close_sessions=True)
    for act in acts:
        await act(persona)
    await persona.aflush(ANA)


async def _talk(persona: Persona) -> None:
    for hour, question in enumerate(("What is my dog called?", "Where do I live?")):
        await persona.achat(ANA, question, at=START + 80 * DAY + hour * timedelta(hours=3))
    await persona.aflush(ANA, close_sessions=True)


async def _park(life: Life, persona: Persona) -> None:
    """Leave a job that was given up, with an error that quotes what its model said."""
    store, last = persona.engine.store, START + 90 * DAY
    await persona.arecord(ANA, [replace(life.told("z0", 90, "I love the mountains."), at=last)])
    job = await store.claim(ANA, worker="trial", now=last + 20 * DAY, until=last + 21 * DAY)
    assert job is not None
    error = f"expected JSON, received 'about {life.word('error')}'"
    await store.reschedule(ANA, replace(job, attempts=4, parked=True, error=error))
    await persona.aflush(ANA, close_sessions=True)


async def live_again(life: Life, scene: Scene, turns: Sequence[Turn], without: Collection[str]) -> None:
    """Tell the life to the twin: these turns and no others, and what was done besides."""
    held = {turn.id: turn for turn in turns}
    shown = {image.digest for turn in turns for image in turn.images}
    async with scene.open() as persona:
        for digest, data in life.pictures.items():
            if digest in shown:
                await persona.engine.media.put(ANA, data)
        for phase, acts in zip(life.phases, life.acts(without), strict=True):
            left = [held.pop(turn.id) for turn in phase if turn.id in held]
            await _phase(persona, scene, left, acts)
        for turn in held.values():  # the talks, and what came last
            await _phase(persona, scene, [turn], [])
