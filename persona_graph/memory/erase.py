"""Erase: what has to go so that nothing made from the erased is left, and what is to be done again (pure).

A commit goes when it was made from an erased turn, when one stood in its prompt, or when its prompt held a memory
whose commit goes: the words may have passed on. Its job runs again over what remains. A commit of an erased memory
loses the operations that speak of it. The person's own commits stay: they are the person's words, not ours.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from persona_graph.conversation import Block, Image, Message, Turn
from persona_graph.memory.commit import Commit, Tombstones, fold, memory_id, said_alike
from persona_graph.memory.operations import Add, Keep, Operation, Undo
from persona_graph.memory.types import Kind, Memory, Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Erase:
    """What a person wants to be gone, by id; pictures by digest, wherever they stand."""

    turns: frozenset[str] = frozenset()
    memories: frozenset[str] = frozenset()
    images: frozenset[str] = frozenset()

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Consequences:
    """What an erase does to the commits."""

    gone: frozenset[str]
    """Ids of commits."""
    edited: tuple[Commit, ...]
    """Commits that lose operations or evidence and stay."""
    again: tuple[Again, ...]
    said: frozenset[str]
    """Every text that any commit had for an erased memory, in the form of `said_alike`."""


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
    """Somebody else still reads the file, so old bytes lie in its log until the next try."""


def consequences(
    what: Erase, changed: Collection[str], commits: Sequence[Commit], versions: Sequence[Memory]
) -> Consequences:
    """Which commits go, stay with less, or are made anew.

    `changed` are the turns that lose a picture, `versions` all that is and was remembered.
    """
    lost = _Lost.of(what, commits, versions)
    touched = what.turns | frozenset(changed)
    gone: set[str] = set()
    edited: list[Commit] = []
    again: list[Again] = []
    for commit in commits:
        if commit.source is Source.PERSON or not _tainted(commit, touched, gone, lost):
            if (left := _without(commit, lost)) != commit:
                edited.append(left)
            continue
        gone.add(commit.id)
        turns = tuple(turn for turn in commit.evidence if turn not in what.turns)
        if turns:
            again.append(Again(commit=commit.id, job=commit.job, turns=turns))
    return Consequences(gone=frozenset(gone), edited=tuple(edited), again=tuple(again), said=lost.texts)


def versions_after(follows: Consequences, commits: Iterable[Commit], tombstones: Tombstones) -> list[Memory]:
    """All that is and was remembered once an erase is done, before any job has run again."""
    edited = {commit.id: commit for commit in follows.edited}
    left = (edited.get(commit.id, commit) for commit in commits if commit.id not in follows.gone)
    return [memory for held in fold(left, tombstones=tombstones).versions.values() for memory in held]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lost:
    """What is erased, with all the forms in which a memory stands in commits."""

    what: Erase
    fields: frozenset[tuple[Kind, str]]
    """Keys of erased fields that are held now: every operation that names one speaks of the field."""
    made: frozenset[tuple[str, Kind, str]]
    """Commits that gave an erased field a value, with its kind and key."""
    texts: frozenset[str]
    """What was said of erased memories, in the form of `said_alike`: another memory that says the same goes too."""
    refs: frozenset[str]
    """Versions that say it."""

    @classmethod
    def of(cls, what: Erase, commits: Iterable[Commit], versions: Sequence[Memory]) -> _Lost:
        mine = [memory for memory in versions if memory.id in what.memories]
        fields = frozenset((m.kind, m.key.casefold()) for m in mine if m.key and m.current)
        made = frozenset((m.commit, m.kind, m.key.casefold()) for m in mine if m.key)
        plain = cls(what=what, fields=fields, made=made, texts=frozenset(), refs=frozenset())
        spoken = (o for c in commits for place, o in enumerate(c.operations) if plain.speaks_of(c, place, o))
        said = {getattr(operation, "text", "") for operation in spoken} | {memory.text for memory in mine}
        texts = frozenset(said_alike(text) for text in said if text.strip())
        refs = (m.ref for m in versions if m.source is not Source.PERSON and said_alike(m.text) in texts)
        return replace(plain, texts=texts, refs=frozenset(refs))

    def speaks_of(self, commit: Commit, place: int, operation: Operation) -> bool:
        """Whether an operation is about an erased memory, or says what one said."""
        if memory_id(commit.id, place) in self.what.memories:
            return True
        if isinstance(operation, Add):
            field = (operation.kind, operation.key.casefold())
            if field in self.fields or (commit.id, *field) in self.made:
                return True
        if (getattr(operation, "id", "") or getattr(operation, "what", "")) in self.what.memories:
            return True
        # The person's own words are no inference; they are listed instead.
        return commit.source is not Source.PERSON and said_alike(getattr(operation, "text", "")) in self.texts


def _tainted(commit: Commit, turns: frozenset[str], gone: set[str], lost: _Lost) -> bool:
    if not (turns.isdisjoint(commit.turns) and turns.isdisjoint(commit.read) and lost.refs.isdisjoint(commit.read)):
        return True
    refs = (ref.partition("@") for ref in commit.read if "@" in ref)
    return any(made in gone or memory in lost.what.memories for memory, _, made in refs)


def _without(commit: Commit, lost: _Lost) -> Commit:
    """The commit without what it says of erased memories, and without naming erased turns as evidence."""
    operations = tuple(_kept(commit, place, o, lost) for place, o in enumerate(commit.operations))
    evidence = tuple(turn for turn in commit.evidence if turn not in lost.what.turns)
    return replace(commit, operations=operations, evidence=evidence)


def _kept(commit: Commit, place: int, operation: Operation, lost: _Lost) -> Operation:
    if isinstance(operation, Undo | Keep):
        return operation
    if lost.speaks_of(commit, place, operation):
        return Keep()
    less: dict[str, Any] = {}
    for name, ids in (("evidence", lost.what.turns), ("images", lost.what.images)):
        held = getattr(operation, name, ())
        if not ids.isdisjoint(held):
            less[name] = tuple(one for one in held if one not in ids)
    return replace(operation, **less) if less else operation


def without_images(turn: Turn, digests: Collection[str]) -> Turn:
    """The turn with nothing left of these pictures but the place where they stood."""
    return replace(turn, messages=tuple(_bare(message, digests) for message in turn.messages))


def _bare(message: Message, digests: Collection[str]) -> Message:
    blocks: list[Block] = []
    for block in message.blocks:
        gone = isinstance(block, Image) and block.digest in digests
        blocks.append(Image(digest="") if gone else block)
    return replace(message, blocks=tuple(blocks))


def rests_on(receipt_reads: Collection[str], what: Erase, gone: Collection[str]) -> bool:
    """Whether an answer read anything that is erased: a turn, a memory, or a version whose commit went."""
    for read in receipt_reads:
        memory, _, made = read.partition("@")
        if read in what.turns or memory in what.memories or made in gone:
            return True
    return False


def came_back(before: Iterable[Memory], after: Iterable[Memory]) -> tuple[Memory, ...]:
    """Versions that are held now and were history before."""
    held: Mapping[str, Memory] = {memory.ref: memory for memory in before}
    return tuple(m for m in after if m.current and (old := held.get(m.ref)) is not None and not old.current)
