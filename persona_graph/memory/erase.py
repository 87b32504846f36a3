"""Erase: what has to go so that nothing made from the erased is left, and what is to be done again (pure).

A commit goes when it was made from an erased turn, when one stood in its prompt, or when its prompt held a memory
whose commit goes: the words may have passed on. Its job runs again over what remains, unless the person took it back.
A commit of an erased memory loses the operations that speak of it, or say the same. The person's own commits stay:
they are the person's words, not ours.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from persona_graph.conversation import Block, Image, Message, Turn
from persona_graph.memory.commit import Commit, Said, Tombstones, effective, field_name, fold, memory_id, said_in
from persona_graph.memory.operations import Add, Freeze, Keep, Operation, Release, SwitchOff, Undo, Update
from persona_graph.memory.types import KEYED, Memory, Source
from persona_graph.retrieval.analysis import analyse


@dataclass(frozen=True, slots=True, kw_only=True)
class Erase:
    """What a person wants to be gone, by id; pictures by digest, wherever they stand."""

    turns: frozenset[str] = frozenset()
    memories: frozenset[str] = frozenset()
    images: frozenset[str] = frozenset()
    operations: frozenset[tuple[str, int]] = frozenset()
    """(commit, place) of what was said and made no memory, or one that was taken back."""

    @property
    def ids(self) -> frozenset[str]:
        """All of them: what tombstones are set for."""
        return self.turns | self.memories | self.images


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """A job that has to be done again, over the turns that remain."""

    commit: str
    """The commit that went."""
    job: str
    turns: tuple[str, ...]
    place: int = -1
    """The sequence of the commit that went: what the person did after it holds for the new one too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """What an erase takes out, by the names that read sets and receipts have for it."""

    turns: frozenset[str] = frozenset()
    """Those that go, and those that lose a picture."""
    memories: frozenset[str] = frozenset()
    versions: frozenset[str] = frozenset()
    """Refs of the versions that go because a memory that says the same does."""
    commits: set[str] = field(default_factory=set)

    def touches(self, read: Iterable[str]) -> bool:
        """Whether any of these was read: a turn, a memory, or a version whose commit goes."""
        for name in read:
            memory, _, made = name.partition("@")
            if name in self.turns or name in self.versions or memory in self.memories or made in self.commits:
                return True
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Consequences:
    """What an erase does to the commits."""

    reach: Reach
    """Its `commits` are gone."""
    edited: tuple[Commit, ...]
    """Commits that lose operations or evidence and stay."""
    again: tuple[Again, ...]
    images: frozenset[str]
    """Digests of pictures that no turn shows any more."""
    tombstones: Tombstones
    """Those that were set before, and those of this erase."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """What an erase did."""

    turns: tuple[str, ...] = ()
    memories: tuple[str, ...] = ()
    """Refs of the versions that are gone."""
    back: tuple[Memory, ...] = ()
    """Memories that are held again, since what had superseded them is gone."""
    again: tuple[Again, ...] = ()
    images: tuple[str, ...] = ()
    """Digests that no turn shows any more; `Media` still has to remove them."""
    pending: bool = False
    """Somebody else still reads the file, so old bytes lie in it until the next try."""


def picture(turn: str, digest: str) -> str:
    """What read sets and tombstones call a picture in a turn: the turn may stay when the picture goes."""
    return f"{turn}#{digest}"


def pictures_of(turn: Turn) -> tuple[str, ...]:
    """Those of a turn."""
    return tuple(picture(turn.id, image.digest) for image in turn.images if image.digest)


def shown_in(turns: Iterable[Turn]) -> frozenset[str]:
    """Digests of the pictures that turns show."""
    return frozenset(image.digest for turn in turns for image in turn.images if image.digest)


def consequences(
    what: Erase,
    turns: Iterable[Turn],
    commits: Sequence[Commit],
    versions: Collection[Memory],
    tombstones: Tombstones,
    still_said: Callable[[Collection[str]], Collection[str]],
) -> Consequences:
    """Which commits go, stay with less, or are made anew.

    `turns` are all that go or show a picture, as they are before; `versions` all that is and was remembered.
    `still_said` tells which search terms stand in turns that stay.
    """
    turns = list(turns)
    named = _Named.of(what, turns, versions)
    said = [*map(said_in, named.versions), *(said for commit in commits for said in named.said_by(commit))]
    stones = tombstones.of((*what.ids, *named.pictures), said)
    reach = Reach(
        turns=what.turns | named.changed,
        memories=what.memories,
        versions=frozenset(m.ref for m in versions if m.source is not Source.PERSON and stones.cover(*said_in(m))),
    )
    in_force = {commit.id: commit for commit in effective(commits)}
    kept: list[Commit] = []
    again: list[Again] = []
    for commit in commits:
        if commit.source is Source.PERSON or not (reach.touches(commit.turns) or reach.touches(commit.read)):
            kept.append(commit)
            continue
        reach.commits.add(commit.id)
        left = tuple(turn for turn in commit.evidence if turn not in what.turns)
        if left and commit.id in in_force:  # what the person took back is not done again
            again.append(Again(commit=commit.id, job=commit.job, turns=left, place=commit.sequence))
    stones = stones.of((), _taken_back((c for c in commits if c.id in reach.commits), in_force, kept))
    names = _telling_names(what, turns, versions, reach, still_said)
    named = replace(named, empty=named.empty | names)
    edited = [(commit, named.less(commit, reach, stones)) for commit in kept]
    return Consequences(
        reach=reach,
        edited=tuple(less for commit, less in edited if less != commit),
        again=tuple(again),
        images=named.unshown,
        tombstones=stones,
    )


def commits_after(follows: Consequences, commits: Iterable[Commit]) -> list[Commit]:
    """The commits once an erase is done, before any job has run again."""
    edited = {commit.id: commit for commit in follows.edited}
    return [edited.get(commit.id, commit) for commit in commits if commit.id not in follows.reach.commits]


def versions_after(follows: Consequences, commits: Iterable[Commit]) -> list[Memory]:
    """All that is and was remembered then."""
    knowledge = fold(commits_after(follows, commits), tombstones=follows.tombstones)
    return [memory for held in knowledge.versions.values() for memory in held]


def _taken_back(gone: Iterable[Commit], in_force: Mapping[str, Commit], kept: Iterable[Commit]) -> Iterator[Said]:
    """What the person took back of commits that go, one operation at a time: their jobs must not bring it back."""
    still = {said for commit in kept for operation in commit.operations for said in _said_by(operation)}
    for commit in gone:
        left = in_force.get(commit.id, commit)
        for operation, stands in zip(commit.operations, left.operations, strict=True):
            if operation != stands:
                yield from (said for said in _said_by(operation) if said not in still)


def _telling_names(
    what: Erase,
    turns: Iterable[Turn],
    versions: Iterable[Memory],
    reach: Reach,
    still_said: Callable[[Collection[str]], Collection[str]],
) -> frozenset[str]:
    """Names of fields that are empty now and hold a word that was said in erased turns alone.

    A job names a habit after what it is about; what the person holds under such a name would keep the word.
    """
    gone, stay = set[str](), set[str]()
    for memory in versions:
        if memory.kind in KEYED and memory.key:
            lost = memory.commit in reach.commits or memory.id in reach.memories or memory.ref in reach.versions
            (gone if lost else stay).add(field_name(memory.kind, memory.key))
    told = {t for turn in turns if turn.id in what.turns for m in turn.messages for t in analyse(m.searchable)}
    terms = {name: told.intersection(analyse(name.partition(":")[2])) for name in gone - stay}
    said = frozenset(still_said(sorted(frozenset().union(*terms.values()))))
    return frozenset(name for name, own in terms.items() if own - said)


def _said_by(operation: Operation) -> tuple[Said, ...]:
    return (said_in(operation),) if isinstance(operation, Add | Update) else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Named:
    """What an erase names, in the words of operations."""

    what: Erase
    versions: tuple[Memory, ...]
    """Of the memories that go."""
    changed: frozenset[str]
    """Turns that lose a picture."""
    pictures: tuple[str, ...]
    unshown: frozenset[str]
    """Digests of the pictures that no turn shows any more."""
    fields: frozenset[str]
    """Fields of the memories that go."""
    elsewhere: frozenset[tuple[str, str]]
    """(commit, field) where another memory had a version, before or after."""
    empty: frozenset[str]
    """Fields that no other memory ever had: what the person holds of them goes too."""

    @classmethod
    def of(cls, what: Erase, turns: Iterable[Turn], versions: Collection[Memory]) -> _Named:
        turns = list(turns)
        kept = [turn for turn in turns if turn.id not in what.turns]
        shown = shown_in(turns) | what.images
        changed = [turn for turn in kept if not what.images.isdisjoint(shown_in([turn]))]
        named = [memory for memory in versions if memory.id in what.memories]
        others = [memory for memory in versions if memory.id not in what.memories]
        fields, elsewhere = frozenset(name for _, name in _fields(named)), _fields(others)
        return cls(
            what=what,
            versions=tuple(named),
            changed=frozenset(turn.id for turn in changed),
            pictures=tuple(picture(t.id, d) for t in changed for d in sorted(shown_in([t]) & what.images)),
            unshown=shown - (shown_in(kept) - what.images),
            fields=fields,
            elsewhere=elsewhere,
            empty=fields - {name for _, name in elsewhere},
        )

    def said_by(self, commit: Commit) -> Iterator[Said]:
        """What a commit says of the memories that go, in force or not."""
        for place, operation in enumerate(commit.operations):
            if self.speaks(commit, place, operation):
                yield from _said_by(operation)

    def speaks(self, commit: Commit, place: int, operation: Operation) -> bool:
        """Whether an operation is about a memory that goes, or is named itself."""
        if (commit.id, place) in self.what.operations:
            return True
        match operation:
            case Add() if operation.kind in KEYED and operation.key:
                name = field_name(operation.kind, operation.key)
                own = name in self.fields and (commit.id, name) not in self.elsewhere
                return own or memory_id(commit.id, place) in self.what.memories
            case Add():
                return memory_id(commit.id, place) in self.what.memories
            case Freeze() | SwitchOff() | Release():
                return operation.what in self.what.memories or operation.what in self.empty
            case Undo():
                return False
            case _:
                return operation.id in self.what.memories

    def less(self, commit: Commit, reach: Reach, tombstones: Tombstones) -> Commit:
        """A commit that stays, without what it says or shows of the erased, and without naming it."""
        operations = tuple(self._kept(commit, place, o, reach, tombstones) for place, o in enumerate(commit.operations))
        seen = (one for one in commit.observations if one.turn not in self.what.turns)
        return replace(
            commit,
            operations=operations,
            observations=tuple(replace(one, words=()) if one.turn in self.changed else one for one in seen),
            evidence=tuple(turn for turn in commit.evidence if turn not in self.what.turns),
            read=tuple(name for name in commit.read if name in self.changed or not reach.touches([name])),
        )

    def _kept(self, commit: Commit, place: int, operation: Operation, reach: Reach, stones: Tombstones) -> Operation:
        if self.speaks(commit, place, operation) or _covered(commit, operation, stones):
            return Keep()
        if isinstance(operation, Undo):
            # Another operation may come to stand there when the job runs again.
            return Keep() if operation.operation is not None and operation.commit in reach.commits else operation
        less: dict[str, Any] = {}
        for name, lost in (("evidence", self.what.turns), ("images", self.unshown)):
            held = getattr(operation, name, ())
            if not lost.isdisjoint(held):
                less[name] = tuple(one for one in held if one not in lost)
        return replace(operation, **less) if less else operation


def _fields(versions: Iterable[Memory]) -> frozenset[tuple[str, str]]:
    return frozenset((m.commit, field_name(m.kind, m.key)) for m in versions if m.kind in KEYED and m.key)


def _covered(commit: Commit, operation: Operation, tombstones: Tombstones) -> bool:
    """Whether inference says what was erased; the person may say it again."""
    said = _said_by(operation) if commit.source is not Source.PERSON else ()
    return any(tombstones.cover(*one) for one in said)


def without_erased(commit: Commit, tombstones: Tombstones) -> Commit:
    """A new commit without what inference would bring back; a place whose memory was erased stays empty.

    A job that runs again over the same turns makes a commit of the same id, whose places name memories.
    """
    if commit.source is Source.PERSON or not tombstones.ids:
        return commit
    operations: list[Operation] = []
    for operation in commit.operations:
        while isinstance(operation, Add) and memory_id(commit.id, len(operations)) in tombstones.ids:
            operations.append(Keep())
        again = isinstance(operation, Update | Keep) and operation.id in tombstones.ids
        operations.append(Keep() if again or _covered(commit, operation, tombstones) else operation)
    return replace(commit, operations=tuple(operations))


def without_images(turn: Turn, digests: Collection[str]) -> Turn:
    """The turn with nothing left of these pictures but the place where they stood."""
    return replace(turn, messages=tuple(_bare(message, digests) for message in turn.messages))


def _bare(message: Message, digests: Collection[str]) -> Message:
    blocks: list[Block] = []
    for block in message.blocks:
        gone = isinstance(block, Image) and block.digest in digests
        blocks.append(Image(digest="") if gone else block)
    return replace(message, blocks=tuple(blocks))


def came_back(before: Iterable[Memory], after: Iterable[Memory]) -> tuple[Memory, ...]:
    """Versions that are held now and were history before."""
    held: Mapping[str, Memory] = {memory.ref: memory for memory in before}
    return tuple(m for m in after if m.current and (old := held.get(m.ref)) is not None and not old.current)
