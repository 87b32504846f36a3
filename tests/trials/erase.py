"""Is what was erased gone, and is the rest as if it had never been? `make test-erase`: each kind of erase, endured.

A person's life is told to a store, unique words planted all over it. Then, for each kind of erase: a reader has the
store open; it is erased; the Update stage runs again; every file is searched for every trace, each of which was found
before; and the store is compared with a twin that never saw what was erased. The history is read again and an old
export imported, which must bring nothing back. Once more with a reader that holds a snapshot (the erase is pending,
and finishes by itself), and with the erase in the middle of an update.
"""

from __future__ import annotations

import argparse
import asyncio
import secrets
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from evals.bench import report
from persona_graph import Persona
from persona_graph.conversation import Message, Turn
from persona_graph.memory.store import Unsettled
from persona_graph.service.forgetting import Forgotten
from persona_graph.timerange import TimeRange
from persona_graph.user_id import file_name
from tests.trials import findings, holdings, needles, readers, twins
from tests.trials.children import IMPOSSIBLE, POSSIBLE, Child, Program
from tests.trials.holdings import Holdings
from tests.trials.lives import ANA, BEN, DAY, LATE, MINUTE, START, Life, Scene, live, live_again
from tests.trials.needles import ANY, Needle, Occurrence

CLOSE = 1e-9
"""How far two personalities may stand apart that are the same."""
PATIENCE_S = 60.0
MAY_NAME = {"tombstones", "turns"}
"""Tables that keep ids of what was erased: the tombstones, and the receipts of answers that had read it."""
NONE_OF_THESE = (
    "residue",
    "unlisted_quotes",
    "not_back",
    "not_written_again",
    "came_back",
    "unlike_the_twin",
    "others_touched",
    "broken",
    "unproven_needles",
)
"""Figures that must be 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of erase: what is named, one thing after the other."""

    name: str
    named: tuple[Mapping[str, Any], ...]
    without: frozenset[str] = frozenset()
    """What the client never wrote in the twin's world."""


def kinds(life: Life) -> list[Kind]:
    """One of each kind, of a life."""
    client = frozenset({"fact", "fact now", "same", "field", "field now", "field in vain"})
    memories = tuple({"memory": life.client[name]} for name in ("fact", "field"))
    boat, balloon, *_ = life.pictures
    session = TimeRange(start=START + 20 * DAY, end=START + 20 * DAY + 24 * MINUTE)
    return [
        Kind(name="memory", named=memories, without=client),
        Kind(name="turn", named=({"turn": "c1"},)),
        Kind(name="window", named=({"window": session},)),
        Kind(name="topic", named=({"topic": life.word("topic")},)),
        Kind(name="image", named=({"image": balloon},)),
        Kind(name="user", named=({"everything": True},)),
    ]


@dataclass(slots=True)
class Figures:
    """What one kind of erase came to."""

    erased: int = 0
    needles: int = 0
    needles_found_before: int = 0
    residue: list[str] = field(default_factory=list)
    unlisted_quotes: list[str] = field(default_factory=list)
    not_back: list[str] = field(default_factory=list)
    not_written_again: list[str] = field(default_factory=list)
    came_back: list[str] = field(default_factory=list)
    unlike_the_twin: list[str] = field(default_factory=list)
    others_touched: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    unproven_needles: list[str] = field(default_factory=list)
    personality_difference: float = 0.0
    pending_settled: int = 0
    names_that_stay: Counter[str] = field(default_factory=Counter)
    """Rows of each table that name something erased by its id."""

    def json(self) -> dict[str, Any]:
        """As the last line tells it."""
        return {name: len(value) if isinstance(value, list) else value for name, value in self._every()}

    def told(self) -> Iterator[str]:
        """What is wrong, a sentence each."""
        for name, value in self._every():
            if isinstance(value, list):
                yield from (f"{name}: {sentence}" for sentence in value)

    def _every(self) -> list[tuple[str, Any]]:
        return [(name, getattr(self, name)) for name in self.__slots__]


@dataclass(slots=True)
class Plan:
    """What one kind of erase takes, and how its traces are known; made before anything is erased."""

    kind: Kind
    before: Holdings
    other: Holdings
    turns: frozenset[str]
    memories: frozenset[str]
    """Refs of versions."""
    images: frozenset[str]
    needles: list[Needle]
    quoting: dict[str, set[str]]
    """Turns, and memories the person wrote, that stay and hold a planted word of what goes: with these words."""


class Trial:
    """One kind of erase, on copies of one told life."""

    def __init__(self, kind: Kind, life: Life, told: Path, folder: Path) -> None:
        self.kind, self.life, self.told, self.folder = kind, life, told, folder
        self.figures = Figures()

    async def run(self) -> Figures:
        """All of it."""
        async with self._copied("plan").open() as persona:
            self.plan = await self._planned(persona)
        self.figures.needles = len(self.plan.needles)
        self.figures.unproven_needles = needles.unfound(self.plan.needles, self.told, self.told / _file())
        self.figures.needles_found_before = self.figures.needles - len(self.figures.unproven_needles)
        await self._erased_and_compared()
        await self._erased_while_a_snapshot_is_held()
        await self._erased_during_an_update()
        return self.figures

    def _copied(self, name: str) -> Scene:
        shutil.copytree(self.told, self.folder / name)
        scene = Scene(self.folder / name)
        scene.clock.now = START + 100 * DAY
        return scene

    async def _forget(self, persona: Persona, *, dry_run: bool = False) -> list[Forgotten]:
        return [await persona.aforget(ANA, **named, dry_run=dry_run) for named in self.kind.named]

    # the plan

    async def _planned(self, persona: Persona) -> Plan:
        store = persona.engine.store
        before, other = await holdings.read(store, ANA), await holdings.read(store, BEN)
        receipts = await self._forget(persona, dry_run=True)
        plan = Plan(
            kind=self.kind,
            before=before,
            other=other,
            turns=frozenset(turn for receipt in receipts for turn in receipt.turns),
            memories=frozenset(memory for receipt in receipts for memory in receipt.memories),
            images=frozenset(image for receipt in receipts for image in receipt.images),
            needles=[],
            quoting={},
        )
        named = {memory.partition("@")[0] for memory in plan.memories} if not plan.turns | plan.images else set()
        gone = plan.turns | plan.images | named | {ANY}
        vanishing: set[str] = set()
        errors = [job.error for job in before.jobs]
        for name, word in self.life.planting.words.items():
            found = [*needles.occurrences(word, before.turns, before.commits, before.versions, errors)]
            if not found:
                self.figures.unproven_needles.append(f"{name} stands nowhere")
            elif all(one.erased_by & gone or self._takes_all for one in found):
                vanishing.add(word)
                shown = [*(m.searchable for m in before.versions), *_searchable(before.turns, ())]
                indexed = _holds("\n".join(shown), [word])
                plan.needles += needles.of_word(name, word) if indexed else [needles.of_text(name, word)]
            else:
                _note_quotes(plan.quoting, word, found, gone)
        plan.needles += self._of_texts(plan, vanishing)
        return plan

    @property
    def _takes_all(self) -> bool:
        return "everything" in self.kind.named[0]

    def _of_texts(self, plan: Plan, vanishing: Collection[str]) -> Iterator[Needle]:
        """Traces of whole texts, of what was made from them, of vectors and pictures."""
        kept = "\n".join(_searchable(plan.other.turns, ()) + _searchable(plan.before.turns, plan.turns))
        going = [(t, n, m) for t in plan.before.turns for n, m in enumerate(t.messages) if _goes(plan, t, m)]
        for turn, _, message in going:
            texts = [message.text] * (turn.id in plan.turns) + [image.caption for image in message.images]
            yield from (needles.of_text(f"text of {turn.id}", text) for text in texts if text and text not in kept)
        made = [m for m in plan.before.versions if m.ref in plan.memories and _holds(m.searchable, vanishing)]
        for text in sorted({memory.text for memory in made if _holds(memory.text, vanishing)}):
            yield needles.of_text("text of a memory", text)
        others = b"".join(path.read_bytes() for path in (self.told / "users").glob(f"{file_name(BEN)}*"))
        # Of a message that stays and loses a picture, some words stay too; their token vectors are the same.
        whole = [(turn.id, place) for turn, place, m in going if turn.id in plan.turns or not m.text]
        yield from needles.of_vectors(self.told / _file(), whole, [m.searchable for m in made], others)
        for digest in sorted(plan.images):
            yield needles.of_picture("picture", self.life.pictures[digest])
            if self.kind.name != "image":  # its tombstone is its digest
                yield needles.of_text("digest of a picture", digest)

    # erased, while somebody looks on; compared with the twin; told again

    async def _erased_and_compared(self) -> None:
        scene, figures, plan = self._copied("erased"), self.figures, self.plan
        with _beside(readers.look_on, scene.folder, ANA) as reader:
            async with scene.open() as persona:
                old = await persona.aexport(ANA, self.folder / "export")
                receipts = await self._forget(persona)
                self._check_receipts(receipts)
                await self._updated(persona)
                figures.residue += needles.found(plan.needles, scene.folder)
                await self._check_others(persona)
                after = await holdings.read(persona.engine.store, ANA)
                figures.broken += findings.of_holdings(after).every
                if self._takes_all:
                    figures.came_back += _left(after)
                else:
                    await self._compare(after, receipts)
                    await self._tell_again(persona, old)
                    figures.came_back += needles.found(plan.needles, scene.folder)
                    again = await holdings.read(persona.engine.store, ANA)
                    figures.came_back += self._returned(again)
            figures.broken += [failure.what for failure in [*reader.stop()] if not isinstance(failure, str)]
        figures.residue += needles.found(plan.needles, scene.folder)
        if not self._takes_all:
            figures.names_that_stay.update(needles.names_that_stay(scene.folder / _file(), plan.turns | plan.images))
            figures.broken += [f"ids of the erased stand in {t}" for t in figures.names_that_stay.keys() - MAY_NAME]
        figures.broken += [s for path in (scene.folder / "users").glob("*.db") for s in findings.of_file(path).every]
        shutil.rmtree(old)

    async def _updated(self, persona: Persona) -> None:
        """The Update stage, what was given up before among it."""
        async with asyncio.timeout(PATIENCE_S):
            await persona.aretry(ANA)
            await persona.aflush(ANA, close_sessions=True)

    def _check_receipts(self, receipts: Sequence[Forgotten]) -> None:
        figures, plan = self.figures, self.plan
        turns = {turn for receipt in receipts for turn in receipt.turns}
        memories = {memory for receipt in receipts for memory in receipt.memories}
        images = {image for receipt in receipts for image in receipt.images}
        figures.erased = len(turns) + len(memories) + len(images)
        if [turns, memories, images] != [set(plan.turns), set(plan.memories), set(plan.images)]:
            figures.broken.append("the erase did something else than it told before")
        figures.broken += [f"pending, though nobody reads: {one}" for receipt in receipts for one in receipt.pending]
        listed: dict[str, set[str]] = {}
        for receipt in receipts:
            for name, words in (*receipt.quotes.items(), *receipt.quoting_memories.items()):
                listed.setdefault(name, set()).update(word.casefold() for word in words)
        for name, planted in plan.quoting.items():
            figures.unlisted_quotes += [
                f"{word} in {name}" for word in planted if not _named(word, listed.get(name, ()))
            ]

    async def _check_others(self, persona: Persona) -> None:
        store = persona.engine.store
        if await holdings.read(store, BEN) != self.plan.other:
            self.figures.others_touched.append("the other user's memory is another")
        users = [BEN] if self._takes_all else [ANA, BEN]
        if sorted(await store.users()) != users:
            self.figures.others_touched.append("the users are not those that there must be")

    async def _compare(self, after: Holdings, receipts: Sequence[Forgotten]) -> None:
        figures, plan = self.figures, self.plan
        scene = Scene(self.folder / "twin")
        await live_again(self.life, scene, after.turns, self.kind.without)
        async with scene.open() as twin:
            other = await holdings.read(twin.engine.store, ANA)
        by_hand = {m.text for m in plan.before.current if m.source.value == "person"}
        found = twins.difference(after, other, plan.before, by_hand)
        figures.personality_difference = max(figures.personality_difference, found.personality)
        figures.not_back += found.not_back
        figures.not_written_again += found.not_written_again
        figures.unlike_the_twin += found.other
        returned = {memory.ref for receipt in receipts for memory in receipt.back}
        superseded = {memory.ref for memory in plan.before.versions if not memory.current} - plan.memories
        figures.not_back += [f"{m.text} (the receipt)" for m in other.current if m.ref in superseded - returned]

    async def _tell_again(self, persona: Persona, old: Path) -> None:
        """Read the same history again, and import what was exported before the erase."""
        for data in self.life.pictures.values():
            await persona.engine.media.put(ANA, data)
        written = await persona.arecord(ANA, self.plan.before.turns)
        self.figures.came_back += [f"turn {turn} was written again" for turn in written]
        await self._updated(persona)
        if await persona.aimport(ANA, old):
            self.figures.came_back.append("an old export brought turns back")
        await self._updated(persona)

    def _returned(self, held: Holdings) -> Iterator[str]:
        yield from (f"turn {turn.id}" for turn in held.turns if turn.id in self.plan.turns)
        named = {named["memory"] for named in self.kind.named if "memory" in named}
        yield from (f"memory {memory.text}" for memory in held.versions if memory.id in named)

    # erased under difficulties

    async def _erased_while_a_snapshot_is_held(self) -> None:
        scene, figures = self._copied("held"), self.figures
        async with scene.open() as persona:
            with _beside(readers.hold, scene.folder / _file()) as reader:
                receipts = await self._forget(persona)
                pending = [sentence for receipt in receipts for sentence in receipt.pending]
                if not pending and not self._takes_all:
                    figures.broken.append("nothing is pending, though a reader holds the old bytes")
                working = asyncio.create_task(persona.awork(idle_s=0.05))
                await asyncio.sleep(0.2)
                reader.stop()
            deadline = time.monotonic() + PATIENCE_S
            while await persona.engine.store.unsettled(ANA) != Unsettled() and time.monotonic() < deadline:
                await asyncio.sleep(0.05)
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)
            figures.pending_settled += bool(pending)
            figures.residue += [f"{one}, held" for one in needles.found(self.plan.needles, scene.folder)]

    async def _erased_during_an_update(self) -> None:
        scene, figures = self._copied("running"), self.figures
        async with scene.open() as persona:
            erased: list[Forgotten] = []

            async def forget() -> None:
                erased.extend(await self._forget(persona))

            scene.rules.meanwhile = forget
            await persona.arecord(ANA, [self._late()])
            await self._updated(persona)
            after = await holdings.read(persona.engine.store, ANA)
            if not erased:
                figures.broken.append("no update was running when it was erased")
            figures.came_back += [f"{one}, running" for one in needles.found(self.plan.needles, scene.folder)]
            figures.came_back += self._returned(after)
            if self._takes_all:
                figures.came_back += _left(after) + [
                    str(p.name) for p in (scene.folder / "users").glob(f"{file_name(ANA)}*")
                ]
            elif not any(commit.job == "extract_semantic" and commit.evidence == (LATE,) for commit in after.commits):
                figures.not_written_again.append("the job that was running")
            figures.broken += findings.of_holdings(after).every

    def _late(self) -> Turn:
        """A turn that comes late, in the hour after what is erased, so that its job has that in the prompt."""
        near = {"memory": "z0", "turn": "c1", "window": "c5", "topic": "e1", "image": "f0", "user": "z0"}[
            self.kind.name
        ]
        turn = next(turn for turn in self.plan.before.turns if turn.id == near)
        return replace(
            self.life.told("z1", 0, "I love the sea."), id=LATE, at=turn.at + timedelta(minutes=25), session=LATE
        )


def _note_quotes(quoting: dict[str, set[str]], word: str, found: Iterable[Occurrence], gone: Collection[str]) -> None:
    """A word that goes in one place and stays in another must be told of."""
    said = {"said", "caption", "speaker", "memory"}
    found = list(found)
    if any(one.where in said and one.erased_by & set(gone) for one in found):
        for one in found:
            if not one.erased_by & set(gone) and one.where in ("said", "caption", "hand"):
                quoting.setdefault(one.owner, set()).add(word)


def _named(word: str, listed: Iterable[str]) -> bool:
    """Whether a word is among those that a receipt names; of words without spaces it names parts."""
    folded = word.casefold()
    return any(one in folded or folded in one for one in listed)


def _goes(plan: Plan, turn: Turn, message: Message) -> bool:
    """Whether a message goes, or loses a picture."""
    return turn.id in plan.turns or any(image.digest in plan.images for image in message.images)


def _searchable(turns: Iterable[Turn], without: Collection[str]) -> list[str]:
    return [message.searchable for turn in turns if turn.id not in without for message in turn.messages]


def _holds(text: str, words: Iterable[str]) -> bool:
    return any(word.casefold() in text.casefold() for word in words)


def _left(held: Holdings) -> list[str]:
    """What is left of a user of whom nothing must be."""
    return [*(f"turn {turn.id}" for turn in held.turns), *(f"memory {memory.text}" for memory in held.versions)]


def _file() -> Path:
    return Path("users") / f"{file_name(ANA)}.db"


@contextmanager
def _beside(program: Program, *given: object) -> Iterator[Child]:
    """A process that has the store open meanwhile."""
    with Child.start(program, *given) as child:
        while readers.READY not in [news for _, news in child.news]:
            child.listen(1)
            if not child.process.is_alive():
                raise RuntimeError(f"a reader ended: {child.failures}")
        yield child


async def endure(
    folder: Path, *, seed: int, only: Collection[str] = (), say: Callable[[str], None] = report.say
) -> dict[str, Any]:
    """Run the trial in an empty folder; its figures. Each broken promise is printed."""
    started, life = time.perf_counter(), Life(seed)
    await live(life, Scene(folder / "told"))
    say(f"a life of {sum(map(len, life.phases))} turns is told, {len(life.planting.words)} words are planted in it")
    by_kind: dict[str, Figures] = {}
    for kind in kinds(life):
        if only and kind.name not in only:
            continue
        figures = by_kind[kind.name] = await Trial(kind, life, folder / "told", folder / kind.name).run()
        findings.tell([f"{kind.name}: {sentence}" for sentence in figures.told()])
        left = len(figures.residue)
        say(f"{kind.name}: {figures.erased} things erased, {figures.needles} traces looked for, {left} left")
    return _summed(by_kind) | {"seconds": time.perf_counter() - started, "seed": seed}


def _summed(by_kind: Mapping[str, Figures]) -> dict[str, Any]:
    each = {name: figures.json() for name, figures in by_kind.items()}
    total = {name: sum(one[name] for one in each.values()) for name in _NUMBERS}
    stays = sum((Counter(one["names_that_stay"]) for one in each.values()), Counter[str]())
    worst = max((one["personality_difference"] for one in each.values()), default=0.0)
    return total | {"personality_difference": worst, "names_that_stay": dict(stays), "kinds": each}


_NUMBERS = tuple(name for name in Figures.__slots__ if name != "names_that_stay")


def broken(figures: Mapping[str, Any]) -> list[str]:
    """Which figures break a promise."""
    none = [name for name in NONE_OF_THESE if figures[name]]
    some = [f"{name}: nothing erased" for name, one in figures["kinds"].items() if not one["erased"]]
    return none + some + ["personality_difference"] * (figures["personality_difference"] > CLOSE)


def main() -> int:
    """Run, print the table and the line of JSON; 1 when a promise is broken."""
    parser = argparse.ArgumentParser(prog="test-erase", description=__doc__)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6), help="what the life is drawn from")
    parser.add_argument("--kinds", default="", help="which kinds of erase, parted by commas; all when empty")
    given = parser.parse_args()
    if not POSSIBLE:
        report.say(f"skipped: {IMPOSSIBLE}")
        return 0
    report.say(f"seed {given.seed}")
    with tempfile.TemporaryDirectory(prefix="persona-erase-") as folder:
        figures = asyncio.run(endure(Path(folder), seed=given.seed, only=[*filter(None, given.kinds.split(","))]))
    rows = ([name.replace("_", " "), *(one[name] for one in figures["kinds"].values())] for name in _NUMBERS)
    report.show("erased, each kind", ["", *figures["kinds"]], rows)
    stays = ", ".join(f"{count} rows of {table}" for table, count in figures["names_that_stay"].items())
    report.say(f"what stays are ids, as tombstones and in receipts of answers that had read it: {stays or 'none'}")
    report.finish(figures)
    return int(bool(broken(figures)))


if __name__ == "__main__":
    sys.exit(main())
