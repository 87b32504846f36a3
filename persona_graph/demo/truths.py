"""What the demo claims, checked against the store and the receipts; a demo that cannot fail shows nothing (pure)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from persona_graph.conversation import Role, Turn
from persona_graph.demo.person import Person, Temper
from persona_graph.demo.script import Question, month_of
from persona_graph.memory.operations import range_from_json
from persona_graph.memory.types import Memory
from persona_graph.personality import NEUTRAL, BigFive, PersonalityPoint
from persona_graph.receipt import read_set
from persona_graph.timerange import TimeRange

MOVED = 0.2
"""How far a trait has to go before we say that it moved."""

ROUNDING = 0.01
"""Receipts hold rounded figures; the parts of a score add up to it within this."""


@dataclass(frozen=True, slots=True)
class Truth:
    """One thing that has to be so."""

    name: str
    holds: bool
    says: str
    """What was found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A question with what came of it."""

    question: Question
    text: str
    receipt: Mapping[str, Any]

    @property
    def right(self) -> bool:
        """Whether the answer holds what it has to."""
        return self.question.expects.casefold() in self.text.casefold()

    @property
    def searches(self) -> list[Mapping[str, Any]]:
        """What was looked up."""
        return [step["search"] for step in self.receipt["steps"] if "search" in step]


def remembered(asked: Asked) -> Truth:
    """The answer holds what was told months ago, and it was looked up."""
    name, expects = f"recalls the {asked.question.about}", asked.question.expects
    if not asked.right:
        return Truth(name, False, f"the answer {asked.text!r} does not say {expects!r}")
    return Truth(name, bool(asked.searches), f"{expects!r}, looked up in memory")


def changed(asked: Asked, person: Person, history: Sequence[Memory]) -> Truth:
    """The new value is answered; the old one is kept as history and no longer held."""
    name = "answers with the new preference"
    old, new = person.drink.casefold(), person.new_drink.casefold()
    if not asked.right:
        return Truth(name, False, f"the answer {asked.text!r} does not say {person.new_drink!r}")
    held = [m for m in history if m.current and new in m.text.casefold()]
    closed = [m for m in history if not m.current and old in m.text.casefold() and m.event.end is not None]
    stale = [
        m
        for m in history
        if m.current and m.kind != "episodic" and old in m.text.casefold() and new not in m.text.casefold()
    ]
    if not held or not closed or stale:
        return Truth(name, False, f"memory holds {len(held)} new, {len(closed)} closed and {len(stale)} stale versions")
    return Truth(name, True, f"{person.new_drink!r}; {person.drink!r} was true until {closed[-1].event.end:%Y-%m-%d}")


def bounded(asked: Asked, turns: Mapping[str, Turn], memories: Mapping[str, Memory]) -> Truth:
    """A search was bounded to the month asked for, and brought nothing from outside it."""
    assert asked.question.month is not None  # only asked of questions about a month
    start, end = month_of(asked.question.month)
    month, name = TimeRange(start=start, end=end), f"searches within {start:%B %Y} alone"
    if not asked.right:
        return Truth(name, False, f"the answer {asked.text!r} does not say {asked.question.expects!r}")
    inside = [s for s in asked.searches if range_from_json(s["window"]) == month]
    if not inside:
        return Truth(name, False, f"no search has the window {start:%Y-%m-%d} to {end:%Y-%m-%d}")
    hits = [hit for search in inside for hit in search["hits"]]
    outside = [hit["id"] for hit in hits if not _within(hit, month, turns, memories)]
    if outside or not hits:
        return Truth(name, False, f"{len(hits)} hits, {len(outside)} of them from outside")
    return Truth(name, True, f"{len(hits)} hits, none from outside, and {asked.question.expects!r} among them")


def moved(person: Person, timeline: Sequence[PersonalityPoint], turns: Mapping[str, Turn], since: datetime) -> Truth:
    """Both moods left their mark, the late one after `since`, and the words kept stand in what was said."""
    name = "the personality has moved"
    before = [p.vector for p in timeline if p.observation.at < since] or [BigFive()]
    peak = max(_along(person.early, vector) for vector in before)
    gain = _along(person.late, timeline[-1].vector) - _along(person.late, before[-1]) if timeline else 0.0
    if peak < MOVED or gain < MOVED:
        return Truth(name, False, f"{person.early.trait} went {peak:+.2f}, then {person.late.trait} {gain:+.2f}")
    quotes = [(word, point.observation.turn) for point in timeline for word in point.observation.words]
    false = [w for w, turn in quotes if w.casefold() not in turns[turn].said_by(Role.PERSON).casefold()]
    if not quotes or false:
        return Truth(name, False, f"{len(quotes)} words kept, {len(false)} of them never said")
    signs = ("+" if person.early.sign > 0 else "−"), ("+" if person.late.sign > 0 else "−")
    told = f"{person.early.trait} {signs[0]}{peak:.2f} at first, then {person.late.trait} {signs[1]}{gain:.2f}"
    return Truth(name, True, f"{told}; {len(quotes)} quotes")


def explained(asked: Asked, turns: Mapping[str, Turn], memories: Mapping[str, Memory]) -> Truth:
    """Everything that the receipt names exists, and it says what it cost."""
    name, refs = "the receipt explains the answer", read_set(asked.receipt)
    lost = [ref for ref in refs if ref not in turns and ref not in memories]
    hits = [hit for search in asked.searches for hit in search["hits"]]
    unexplained = [hit["id"] for hit in hits if abs(sum(hit["parts"].values()) - hit["score"]) > ROUNDING]
    holds = bool(refs) and bool(hits) and not lost and not unexplained
    found = f"{len(refs)} things read, {len(lost)} unknown; {len(hits)} scores, {len(unexplained)} unexplained"
    return Truth(name, holds, found)


def _within(
    hit: Mapping[str, Any], month: TimeRange, turns: Mapping[str, Turn], memories: Mapping[str, Memory]
) -> bool:
    """By the hit's own time: a memory's event interval, a message's moment, an episode's turns."""
    if hit.get("turns"):
        return all(turns[turn].at in month for turn in hit["turns"])
    if "ref" in hit:
        return month.overlaps(memories[hit["ref"]].event)
    return turns[hit["turn"]].at in month


def _along(temper: Temper, vector: BigFive) -> float:
    """How far a vector lies from the middle, the way this mood goes."""
    return float(temper.sign * (getattr(vector, temper.trait.value) - NEUTRAL))


def failures(truths: Sequence[Truth]) -> Iterator[str]:
    """A sentence for each that does not hold."""
    for truth in truths:
        if not truth.holds:
            yield f"the demo failed: {truth.name}: {truth.says}"
