"""Forgetting: a memory, a turn, a period, a topic, a picture or the whole person, with the receipt of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

from persona_graph.blocking import blocking
from persona_graph.conversation import Turn
from persona_graph.engine import Engine
from persona_graph.errors import InputError, NotFound
from persona_graph.memory.commit import Commit, Tombstones, fold, memory_id
from persona_graph.memory.erase import (
    Consequences,
    Erase,
    came_back,
    commits_after,
    consequences,
    versions_after,
    without_images,
)
from persona_graph.memory.history import steps
from persona_graph.memory.mentions import quoting, speaking_of
from persona_graph.memory.operations import Add, Update, searchable_in
from persona_graph.memory.store import Unsettled
from persona_graph.memory.types import Kind, Memory
from persona_graph.retrieval.analysis import analyse
from persona_graph.timerange import TimeRange
from persona_graph.update import drain
from persona_graph.update.delivery import deliver
from persona_graph.update.outbox import reopened


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgotten:
    """The receipt of an erase: ids and figures, for what is gone has no words any more."""

    meant: tuple[str, ...] = ()
    """Ids of the turns, memories and pictures that were named, or speak of the topic; all else follows from them."""
    turns: tuple[str, ...] = ()
    memories: tuple[str, ...] = ()
    """Refs (`id@commit`) of the versions of memories that are gone."""
    back: tuple[Memory, ...] = ()
    """Memories that are held again: what had superseded them is gone."""
    again: tuple[str, ...] = ()
    """Jobs whose work rested on it, or had it in the prompt: they run once more over what remains."""
    images: tuple[str, ...] = ()
    """Digests of pictures that are gone."""
    pending: tuple[str, ...] = ()
    """What could not be done at once, a sentence each; the worker goes on trying."""
    quotes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Turns that were kept and hold rare words of what is gone, with these words: for the person to decide.

    Those that tell most come first.
    """
    quoting_memories: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Memories that were kept and do the same, in any of their versions, by id."""
    everything: bool = False
    dry_run: bool = False
    """Nothing was done: this is what would be."""


class Forgetting:
    """The part of `Persona` that forgets."""

    engine: Engine

    async def aforget(
        self,
        user: str,
        *,
        memory: str | None = None,
        turn: str | None = None,
        window: TimeRange | None = None,
        topic: str | None = None,
        image: str | None = None,
        everything: bool = False,
        dry_run: bool = False,
    ) -> Forgotten:
        """Erase one memory, one turn, all turns of a window, all that speaks of a topic, a picture, or the user.

        The bytes go, from the journal, commits, memories, indexes, vectors and pictures. What was made from it goes
        too, and is made again from what remains; what it had superseded comes back. `dry_run` only tells.

        Raises: InputError when nothing or more than one thing is named, NotFound when it does not exist.
        """
        named = (memory, turn, window, topic, image)
        if sum(one is not None for one in named) + everything != 1:
            raise InputError("name one thing to forget: a memory, a turn, a window, a topic, an image or everything")
        if everything:
            return await self._everything(user, dry_run=dry_run)
        await deliver(self.engine, user)  # what waits in the spool is looked through too, and gone from there
        what = await self._meant(user, memory, turn, window, topic, image)
        turns = await self.engine.store.turns(user)
        versions = await self.engine.store.memories(user, history=True, off=True)
        commits = await self.engine.store.commits(user)
        stones = await self.engine.store.tombstones(user)
        kept = {t.id: _text(without_images(t, what.images)) for t in turns if t.id not in what.turns}
        said_there = {term for text in kept.values() for term in analyse(text)}
        follows = consequences(what, turns, commits, versions, stones, said_there.intersection)
        said = _said(what, turns, versions, commits)
        done = _would(what, follows, turns, commits, versions) if dry_run else await self._erase(user, what)
        left = _by_memory(commits_after(follows, commits), follows.tombstones)
        return replace(
            done,
            meant=tuple(sorted(what.ids)),
            # Keywords name what a memory is about; among memories they would find every one of its kind.
            quotes=quoting([*said, *_keywords(what, versions)], kept),
            quoting_memories=quoting(said, left),
        )

    forget = blocking(aforget)

    async def _erase(self, user: str, what: Erase) -> Forgotten:
        store, now = self.engine.store, self.engine.clock()
        erased = await store.erase(user, what, at=now, reopen=partial(reopened, now=now))
        settled = await drain.settle(self.engine, user)
        left = Unsettled() if settled else await store.unsettled(user)
        self.engine.spool.forget(user, what.turns)  # what was set aside there, or came this moment
        self.engine.wake(user)
        return Forgotten(
            turns=erased.turns,
            memories=erased.memories,
            back=erased.back,
            again=tuple(again.job for again in erased.again),
            images=erased.images,
            pending=_pending(left),
        )

    async def _everything(self, user: str, *, dry_run: bool) -> Forgotten:
        store, spool = self.engine.store, self.engine.spool
        turns, memories = await store.turns(user, receipts=False), await store.memories(user, history=True, off=True)
        waiting = [entry.turn for entry in await spool.entries(user)]
        if not dry_run:
            async with spool.held(user):  # else a delivery that is on its way brings the user back
                spool.remove_user(user)
                await self.engine.media.remove_user(user)
                await store.remove_user(user)
        turns = list({turn.id: turn for turn in (*turns, *waiting)}.values())
        return Forgotten(
            turns=tuple(turn.id for turn in turns),
            memories=tuple(memory.ref for memory in memories),
            images=tuple(sorted({image.digest for turn in turns for image in turn.images if image.digest})),
            everything=True,
            dry_run=dry_run,
        )

    async def _meant(
        self,
        user: str,
        memory: str | None,
        turn: str | None,
        window: TimeRange | None,
        topic: str | None,
        image: str | None,
    ) -> Erase:
        """What a person names, as ids. Raises: NotFound."""
        store = self.engine.store
        if memory is not None:
            known = await store.memories(user, ids=[memory], history=True, off=True)
            if not known and not any(id == memory for id, *_ in _in_vain(await store.commits(user))):
                raise NotFound(f"there is no memory {memory!r}")
            return Erase(memories=frozenset({memory}))
        turns = await store.turns(user, ids=None if turn is None else [turn], receipts=False)
        if turn is not None:
            if not turns:
                raise NotFound(f"there is no turn {turn!r}")
            return Erase(turns=frozenset({turn}))
        if image is not None:
            if not any(picture.digest == image for t in turns for picture in t.images):
                raise NotFound(f"there is no image {image!r}")
            return Erase(images=frozenset({image}))
        if topic is not None:
            return await self._about(user, topic, turns)
        inside = frozenset(t.id for t in turns if window is not None and t.at in window)
        if not inside:
            raise NotFound("nothing was said in that window")
        return Erase(turns=inside)

    async def _about(self, user: str, topic: str, turns: list[Turn]) -> Erase:
        """Turns that speak of a topic, and what is remembered of it besides.

        Of an episode those turns go that say it; all of them where none does in its words. What was said by hand and
        undone is there too: undoing that would bring it back.
        """
        versions = await self.engine.store.memories(user, history=True, off=True)
        told = speaking_of(topic, {turn.id: _text(turn) for turn in turns})
        refs = speaking_of(topic, {memory.ref: memory.searchable for memory in versions})
        found = [memory for memory in versions if memory.ref in refs]
        by_other_words = [m for m in found if m.kind is Kind.EPISODIC and told.isdisjoint(m.evidence)]
        episodes = {turn for memory in by_other_words for turn in memory.evidence}
        erased = told | (episodes & {turn.id for turn in turns})
        rest = {m.id for m in found if not erased.intersection(m.evidence)}
        in_vain = {place: text for _, place, text in _in_vain(await self.engine.store.commits(user))}
        unheld = frozenset(place for place, text in in_vain.items() if speaking_of(topic, {"": text}))
        if not erased and not rest and not unheld:
            raise NotFound(f"nothing that is remembered speaks of {topic!r}")
        return Erase(turns=erased, memories=frozenset(rest), operations=unheld)


def _pending(left: Unsettled) -> tuple[str, ...]:
    reasons = {
        "another program is reading this memory, or the disk is full; until then old bytes lie in it": left.old_bytes,
        "the folder of pictures cannot be written; until then they lie there": bool(left.images),
    }
    return tuple(reason for reason, holds in reasons.items() if holds)


def _text(turn: Turn) -> str:
    return "\n".join(message.searchable for message in turn.messages)


def _would(
    what: Erase, follows: Consequences, turns: list[Turn], commits: list[Commit], versions: list[Memory]
) -> Forgotten:
    after = versions_after(follows, commits)
    left = {memory.ref for memory in after}
    return Forgotten(
        turns=tuple(t.id for t in turns if t.id in what.turns),
        memories=tuple(memory.ref for memory in versions if memory.ref not in left),
        back=came_back(versions, after),
        again=tuple(again.job for again in follows.again),
        images=tuple(sorted(follows.images)),
        dry_run=True,
    )


def _said(what: Erase, turns: list[Turn], versions: list[Memory], commits: list[Commit]) -> list[str]:
    """The words that go: of turns, with the names of those who talk nowhere else, of memories and captions."""
    gone, kept = ([t for t in turns if (t.id in what.turns) is erased] for erased in (True, False))
    captions = [image.caption for turn in turns for image in turn.images if image.digest in what.images]
    of_memories = [memory.text for memory in versions if memory.id in what.memories]
    in_vain = [text for _, place, text in _in_vain(commits) if place in what.operations]
    return [*map(_text, gone), *(_speakers(gone) - _speakers(kept)), *of_memories, *captions, *in_vain]


def _keywords(what: Erase, versions: list[Memory]) -> list[str]:
    return [" ".join(memory.keywords) for memory in versions if memory.id in what.memories]


def _speakers(turns: list[Turn]) -> set[str]:
    return {message.speaker for turn in turns for message in turn.messages}


def _in_vain(commits: list[Commit]) -> Iterator[tuple[str, tuple[str, int], str]]:
    """What was said and made no version that stands: memory, (commit, place), words."""
    for step in steps(commits):
        for done in step.done:
            said = done.operation
            if done.after is None and isinstance(said, Add | Update):
                memory = said.id if isinstance(said, Update) else memory_id(step.commit.id, done.place)
                yield memory, (step.commit.id, done.place), searchable_in(said)


def _by_memory(commits: list[Commit], tombstones: Tombstones) -> dict[str, str]:
    """The words of each memory in all its versions, those that were taken back included."""
    held = [
        (m.id, m.searchable) for versions in fold(commits, tombstones=tombstones).versions.values() for m in versions
    ]
    texts: dict[str, str] = {}
    for id, words in (*held, *((id, words) for id, _, words in _in_vain(commits))):
        texts[id] = f"{texts.get(id, '')}\n{words}"
    return texts
