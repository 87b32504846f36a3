"""What forgetting does: before it the texts that would go, after it the receipt."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.text import Text

from persona_graph.cli.views.memories import memory_json
from persona_graph.cli.views.style import counted
from persona_graph.cli.views.things import Row, image_row, json_of, listing, memory_row, rows_of
from persona_graph.conversation import Turn
from persona_graph.memory.erase import without_images
from persona_graph.memory.types import Memory

if TYPE_CHECKING:
    from persona_graph.service import Forgotten


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known before anything goes, to give ids their words."""

    turns: Mapping[str, Turn]
    """By id."""
    versions: Mapping[str, Memory]
    """By ref."""

    @property
    def memories(self) -> dict[str, Memory]:
        """By id, the newest version of each."""
        return {memory.id: memory for memory in self.versions.values()}

    def picture(self, digest: str, zone: tzinfo) -> Row | None:
        """The line of a picture, by when it was first shown."""
        shown = ((turn, image) for turn in self.turns.values() for image in turn.images if image.digest == digest)
        return next((image_row(image, turn.at, zone) for turn, image in shown), None)

    def going(self, told: Forgotten) -> list[Turn | Memory]:
        """What goes: turns by time, then memories by kind."""
        turns = [self.turns[id] for id in told.turns if id in self.turns]
        memories = [self.versions[ref] for ref in told.memories if ref in self.versions]
        return [*turns, *sorted(memories, key=lambda m: (m.kind, m.key, m.id, m.version))]

    def made_again(self, told: Forgotten) -> list[Memory]:
        """Of what goes, memories of other turns that only read what goes: these turns are worked on once more."""
        gone = {*told.turns, *told.meant}
        memories = [one for one in self.going(told) if isinstance(one, Memory) and one.id not in gone]
        return [memory for memory in memories if not gone.issuperset(memory.evidence)]

    def quoting(self, told: Forgotten) -> dict[str, Turn | Memory]:
        """What is kept and quotes it, by id, the most telling first, without a word that goes.

        Of a memory it is the newest version that is kept, of a turn what is left of its pictures.
        """
        gone = frozenset(told.memories)
        memories = {memory.id: memory for memory in self.versions.values() if memory.ref not in gone}
        memories |= {memory.id: memory for memory in told.back}
        found: dict[str, Turn | Memory] = {
            id: without_images(self.turns[id], told.images) for id in told.quotes if id in self.turns
        }
        return found | {id: memories[id] for id in told.quoting_memories if id in memories}


def preview(told: Forgotten, known: Known, zone: tzinfo) -> Group:
    """What would go, come back and be made again, and what would be kept though it quotes it."""
    again = known.made_again(told)
    gone = [one for one in known.going(told) if one not in again]
    pictures = [row for digest in told.images if (row := known.picture(digest, zone)) is not None]
    blocks = _block(f"Would go: {amount(gone, told.images)}", [*rows_of(gone, zone), *pictures])
    anew = f"Would go; the other turns that they rest on are worked on again: {amount(again)}"
    blocks += _block(anew, rows_of(again, zone))
    blocks += _block("Would be held again", [memory_row(memory, zone) for memory in told.back])
    if told.again:
        blocks += [Text(), Text(f"Would be done again: {_again(told)}", "head")]
    return Group(*blocks[1:], *_kept(told, known, zone))


def receipt(told: Forgotten, known: Known, zone: tzinfo) -> Group:
    """What went, came back, is to be written again, is pending, and what was kept though it quotes it."""
    blocks: list[RenderableType] = [Text(f"Forgotten: {amount(known.going(told), told.images)}.")]
    blocks += _block("Held again", [memory_row(memory, zone) for memory in told.back])
    if told.again:
        blocks += [Text(), Text(f"To be done again, by the next chat or `persona worker`: {_again(told)}", "head")]
    for sentence in told.pending:
        blocks += [Text(), Text(f"Pending: {sentence}; `persona worker` goes on trying.", "yellow")]
    return Group(*blocks, *_kept(told, known, zone))


def amount(things: Iterable[Turn | Memory], images: Sequence[str] = ()) -> str:
    """`2 turns, 3 memories and 1 picture`; what is none is left out."""
    turns, memories = set[str](), set[str]()
    for thing in things:
        (turns if isinstance(thing, Turn) else memories).add(thing.id)
    counts = ((turns, "turn", ""), (memories, "memory", "memories"), (images, "picture", ""))
    named = [counted(len(some), noun, plural) for some, noun, plural in counts if some]
    return " and ".join(part for part in (", ".join(named[:-1]), *named[-1:]) if part) or "nothing"


def forgotten_json(told: Forgotten, known: Known) -> dict[str, Any]:
    """All of it for scripts; what is gone has ids alone, only a dry run gives its words."""
    words = {**told.quotes, **told.quoting_memories}
    turns: Iterable[Any] = ({"id": id} for id in told.turns)
    memories: Iterable[Any] = ({"id": ref.partition("@")[0], "ref": ref} for ref in told.memories)
    if told.dry_run:
        turns = (json_of(known.turns[id]) for id in told.turns if id in known.turns)
        memories = (json_of(known.versions[ref]) | {"ref": ref} for ref in told.memories if ref in known.versions)
    return {
        "dry_run": told.dry_run,
        "everything": told.everything,
        "turns": list(turns),
        "memories": list(memories),
        "images": list(told.images),
        "back": [memory_json(memory) for memory in told.back],
        "again": list(told.again),
        "pending": list(told.pending),
        "quoting": [
            {"is": "turn" if isinstance(one, Turn) else "memory", **json_of(one), "words": list(words[id])}
            for id, one in known.quoting(told).items()
        ],
    }


def _again(told: Forgotten) -> str:
    jobs = ", ".join(f"{count} {job}" for job, count in Counter(told.again).most_common())
    return f"{counted(len(told.again), 'update')} ({jobs})"


def _kept(told: Forgotten, known: Known, zone: tzinfo) -> list[RenderableType]:
    """What is kept and quotes it, or that there is none."""
    if told.everything:
        return []
    words = {**told.quotes, **told.quoting_memories}
    found = known.quoting(told)
    if not found:
        return [
            Text(),
            Text(f"Nothing that {'stays' if told.dry_run else 'is left'} shares a rare word with it.", "good"),
        ]
    notes = {id: f"({', '.join(words[id])})" for id in found}
    title = f"{'Would stay' if told.dry_run else 'Kept'}, though it shares these words; yours to decide"
    return _block(title, rows_of(list(found.values()), zone, notes), "yellow")


def _block(title: str, rows: Sequence[Row], style: str = "head") -> list[RenderableType]:
    return [Text(), Text(title, style), listing(rows)] if rows else []
