"""`Language`: everything the rules know about one language, as one table; the engine knows none.

A rule reads a clause ("I live in Porto") and says it in two ways: as the memory writes it ("Lives in
Porto") and to the person ("you live in Porto"). Both are templates, so a memory can be read back.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

from persona_graph.personality import Trait


class Slot(StrEnum):
    """What a fact is about; it decides which older fact a new one replaces."""

    NAME = "name"
    AGE = "age"
    HOME = "home"
    ORIGIN = "origin"
    JOB = "job"
    EMPLOYER = "employer"
    LANGUAGES = "languages"
    DIET = "diet"
    FAMILY = "family"
    CALLED = "called"
    FAVOURITE = "favourite"
    LIKES = "likes"
    DISLIKES = "dislikes"
    PREFERS = "prefers"
    STOPPED = "stopped"
    HAS = "has"
    IS = "is"
    PLANS = "plans"


CORE = frozenset(
    {Slot.NAME, Slot.AGE, Slot.HOME, Slot.ORIGIN, Slot.JOB, Slot.EMPLOYER, Slot.LANGUAGES, Slot.DIET, Slot.FAMILY}
)
"""Slots that are fields of the profile, under their own name."""
TASTE = frozenset({Slot.LIKES, Slot.DISLIKES, Slot.PREFERS, Slot.STOPPED})
"""Slots that say what the person thinks of something; a newer one about the same thing replaces the older."""
SINGLE = frozenset(
    {Slot.NAME, Slot.AGE, Slot.HOME, Slot.ORIGIN, Slot.JOB, Slot.EMPLOYER, Slot.CALLED, Slot.FAVOURITE, Slot.IS}
)
"""Slots that hold one value (of each thing)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """How one kind of fact is said. The pattern's groups `thing`, `value` and `old` fill the templates."""

    slot: Slot
    pattern: re.Pattern[str]
    note: str
    """As the memory writes it."""
    second: str
    """To the person, within a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cue:
    """Words that show a trait: +1 much of it, -1 little."""

    trait: Trait
    sign: int
    pattern: re.Pattern[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """How a language names times."""

    months: Mapping[str, int]
    doubtful: frozenset[str] = frozenset()
    """Month names that are other words too; they count with a day, a year or `opener`."""
    opener: re.Pattern[str]
    """Ends right before a month that is meant as one ("in")."""
    relative: Mapping[str, tuple[str, int]]
    """Pattern -> unit (day, week, month, year) and how many of them from now."""
    ago: re.Pattern[str]
    """Groups `n` and `unit`."""
    units: Mapping[str, str]
    """Beginning of a unit's name -> unit."""
    numbers: Mapping[str, int]
    weekdays: tuple[str, ...]
    """Patterns, Monday first."""
    before: re.Pattern[str]
    """Ends right before a date that is an end."""
    after: re.Pattern[str]
    before_follows: re.Pattern[str] = re.compile(r"(?!)")
    """The same where the word follows the date."""
    after_follows: re.Pattern[str] = re.compile(r"(?!)")
    once: re.Pattern[str]
    """The past without a date: "used to"."""
    future: re.Pattern[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Phrases:
    """What the rules say. `{fact}` is a fact told to the person, `{day}` a date."""

    hello: str
    rules: str
    """That this is a program of rules, said at first contact and whenever it is asked."""
    thanks: str
    warm: str
    """Opens the acknowledgement for an outgoing or warm person; `{fact}`."""
    plain: str
    calm: str
    """The same for a person who worries."""
    heard: str
    """Nothing to note in what was said."""
    kept: str
    """A habit or goal: `{quote}`."""
    comfort: str
    """To someone who worries in this very message."""
    known: str
    """What the profile says: `{fact}`."""
    told: str
    """`{day}`, `{fact}`."""
    told_sometime: str
    quoted: str
    """`{day}`, `{quote}`."""
    advised: str
    """What the assistant said: `{day}`, `{quote}`."""
    talked: str
    """`{day}`, `{quote}`: a topic."""
    habit: str
    past: str
    """Added when a fact no longer holds."""
    noted: str
    """A memory that no template reads: `{quote}`."""
    unknown: str
    unknown_then: str
    """Nothing found, with a window in the question."""
    doubt: str
    """Added to a choice without evidence."""
    day: str
    """`{day}`, `{month}`, `{year}`."""
    months: tuple[str, ...]
    habit_key: str
    """What the key of a habit begins with."""
    goal_key: str
    mirrored: str = "{said}."
    """Something told that no rule makes a fact of, said back: `{said}`."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Language:
    """One language. Compared by identity."""

    code: str
    spaced: bool = True
    common: frozenset[str]
    """Words that are everywhere in it: they betray the language and say nothing."""
    clause: re.Pattern[str]
    """Where a sentence falls into clauses."""
    elided: re.Pattern[str] = re.compile(r"(?!)")
    """How a clause begins that leaves out "I", said in the clause before it."""
    subject: str = ""
    """The word it leaves out."""
    tail: re.Pattern[str]
    """What a value may end in that does not belong to it ("now", "very much", "last week")."""
    vague: re.Pattern[str]
    """A value that says nothing outside its place ("that feeling")."""
    swap: Mapping[str, str] = field(default_factory=dict)
    """First person -> as a memory writes it."""
    address: Mapping[str, str] = field(default_factory=dict)
    """As a memory writes it -> to the person."""
    mirror: Mapping[str, str] = field(default_factory=dict)
    """First person -> second person, for saying a whole sentence back; empty where that takes more than words."""
    rules: tuple[Rule, ...]
    asks: tuple[tuple[re.Pattern[str], frozenset[Slot]], ...]
    """What a question asks for; a group `thing` names the thing."""
    vocabulary: Mapping[Slot, str] = field(default_factory=dict)
    """Words by which a fact of a slot is looked for; keywords of the memory."""
    kinds: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Kind ("drink") -> its members and names, the commonest first: a new taste replaces one of the same kind."""
    relatives: frozenset[str] = frozenset()
    """Words for members of the family."""
    question: re.Pattern[str]
    """A sentence that asks although it may lack a question mark."""
    asks_us: re.Pattern[str]
    """A question about what the assistant said."""
    asks_who: re.Pattern[str]
    """Who or what are you?"""
    greeting: re.Pattern[str]
    thanking: re.Pattern[str]
    habit: re.Pattern[str]
    goal: re.Pattern[str]
    given_up: re.Pattern[str]
    """A habit or goal that ends."""
    cues: tuple[Cue, ...]
    times: Times
    phrases: Phrases

    @cached_property
    def words(self) -> re.Pattern[str]:
        """Finds the pronouns of `swap`, `address` and `mirror`."""
        known = {*self.swap, *self.address, *self.mirror}
        union = "|".join(sorted(map(re.escape, known), key=len, reverse=True)) or "(?!)"
        return re.compile(rf"\b(?:{union})\b" if self.spaced else f"(?:{union})", re.IGNORECASE)

    def as_note(self, text: str) -> str:
        """First person to note: "my sister" -> "their sister"."""
        return self._replaced(text, self.swap)

    def as_address(self, text: str) -> str:
        """Note to second person: "their sister" -> "your sister"."""
        return self._replaced(text, self.address)

    def mirrored(self, text: str) -> str:
        """A sentence said back: "I found my keys" -> "you found your keys"; unchanged where it names nobody of us."""
        return self._replaced(text, self.mirror)

    def _replaced(self, text: str, table: Mapping[str, str]) -> str:
        return self.words.sub(lambda match: table.get(match[0].casefold(), match[0]), text)


def pattern(text: str) -> re.Pattern[str]:
    """A pattern that does not mind case; spaces stand for any white space."""
    return re.compile(re.sub(r" (?![*+?{])", r"\\s+", text), re.IGNORECASE)


def rule(slot: Slot, text: str, note: str, second: str) -> Rule:
    """A rule whose pattern is written with `<thing>`, `<value>` and `<old>`."""
    return Rule(slot=slot, pattern=pattern(_GROUP.sub(_group, text)), note=note, second=second)


def cue(trait: Trait, sign: int, text: str) -> Cue:
    """A cue from a pattern's text."""
    return Cue(trait=trait, sign=sign, pattern=pattern(text))


_GROUP = re.compile(r"(?<!\?P)<(thing|value|old)>")


def _group(match: re.Match[str]) -> str:
    return rf"(?P<{match[1]}>\S(?:.*\S)?)" if match[1] == "value" else rf"(?P<{match[1]}>\S+(?:\s\S+){{0,3}}?)"
