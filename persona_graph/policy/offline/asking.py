"""`Asked`: what a message asks, read once, and what to look for in memory because of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from persona_graph.jobs.reason import Opening
from persona_graph.policy.offline.choices import Choice, choices_of
from persona_graph.policy.offline.facts import kind_of
from persona_graph.policy.offline.keywords import content_terms, keywords_of
from persona_graph.policy.offline.language import Language, Slot
from persona_graph.policy.offline.languages import language_of
from persona_graph.policy.offline.sentences import sentences, words_of
from persona_graph.policy.offline.window import window_of, without_dates
from persona_graph.retrieval.analysis import analyse
from persona_graph.timerange import ALWAYS, TimeRange

_MOST_KEYWORDS = 12
_MOST_MEMBERS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A question and what would answer it."""

    text: str
    timeless: str
    """The text without the dates it names."""
    language: Language
    slots: frozenset[Slot]
    """What kinds of facts are asked for; empty when that cannot be told."""
    thing: str
    """What the fact is of: "dog"."""
    kind: str
    """What kind of value is asked for: "drink"."""
    terms: Mapping[str, float]
    specific: frozenset[str]
    """Terms that an answer must share: those that only name the slot or kind are not among them."""
    window: TimeRange
    of_us: bool
    """Whether the assistant's own words are asked for."""
    choices: tuple[Choice, ...]
    now: datetime

    @property
    def past(self) -> bool:
        """Whether it asks about a time that is over."""
        return self.window.end is not None and self.window.end <= self.now

    @property
    def keywords(self) -> str:
        """What to look for first."""
        named = [word for choice in self.choices for word in keywords_of((choice.text,), self.language, 4)]
        return _joined((*keywords_of((self.timeless,), self.language), *self._vocabulary(), *named)) or self.text

    @property
    def other_words(self) -> str:
        """What to look for when that found nothing: words that an answer may have instead."""
        members = self.language.kinds.get(self.kind, ())[:_MOST_MEMBERS]
        return _joined((self.thing, self.kind, *members, *self._vocabulary())) or self.keywords

    def _vocabulary(self) -> tuple[str, ...]:
        words = (self.language.vocabulary.get(slot, "") for slot in sorted(self.slots))
        return tuple(dict.fromkeys(word for each in words for word in each.split()))


def asked_of(opening: Opening) -> Asked | None:
    """What the message asks; None when it states or greets."""
    text = words_of(opening.query)
    recent = "\n".join(turn.messages[0].text for turn in opening.recent[-1:])
    language = language_of(text, recent, *(memory.text for memory in opening.profile))
    stem, choices = choices_of(text)
    asking = " ".join(s.text for s in sentences(stem, language) if s.asks)
    if not asking and not choices:
        return None
    return _asked(asking or stem, language, choices, opening.now)


def _asked(text: str, language: Language, choices: tuple[Choice, ...], now: datetime) -> Asked:
    slots, thing, asking = _slots(text, language)
    kind = kind_of(text, language)
    timeless = without_dates(text, now, language)
    terms = content_terms(timeless, language)
    named = " ".join((asking, *(language.vocabulary.get(slot, "") for slot in slots), kind))
    dated = window_of(text, now, language, ahead=bool(language.times.future.search(text)))
    without = set(analyse(named)) - set(analyse(thing))
    return Asked(
        text=text,
        timeless=timeless,
        language=language,
        slots=slots,
        thing=thing,
        kind=kind,
        terms=terms,
        specific=frozenset(term for term, weight in terms.items() if weight == 1 and term not in without),
        window=dated if dated.bounded else ALWAYS,
        of_us=bool(language.asks_us.search(text)),
        choices=choices,
        now=now,
    )


def _slots(text: str, language: Language) -> tuple[frozenset[Slot], str, str]:
    """What the first pattern that fits asks for, of what, and in which words."""
    for pattern, slots in language.asks:
        if match := pattern.search(text):
            thing = next((group for group in match.groups() if group), "")
            return slots, thing.strip(), match[0]
    return frozenset(), "", ""


def _joined(words: tuple[str, ...]) -> str:
    """Keywords on one line, each once, without marks that JSON or our tags give a meaning."""
    plain = (re.sub(r'["\\<>\s]+', " ", word).strip() for word in words)
    return " ".join(list(dict.fromkeys(word for word in plain if word))[:_MOST_KEYWORDS])
