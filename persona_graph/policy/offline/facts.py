"""`Fact`: one thing a clause says of the person, and what a memory's text says when it is read back."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache

from persona_graph.policy.offline.language import SINGLE, TASTE, Language, Rule, Slot
from persona_graph.policy.offline.languages import LANGUAGES
from persona_graph.policy.offline.sentences import Sentence, trimmed
from persona_graph.retrieval.analysis import analyse

LONGEST_VALUE = 120
LONGEST_CLAUSE = 300
"""In longer ones no fact is looked for: it takes long and finds little."""
_NAME_WORDS = 4
"""A name has no more words than this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One fact, in the person's own words as far as they go."""

    slot: Slot
    thing: str
    value: str
    old: str
    rule: Rule
    language: Language

    @property
    def note(self) -> str:
        """As a memory writes it."""
        text = self._filled(self.rule.note)
        return text[:1].upper() + text[1:]

    @property
    def told(self) -> str:
        """To the person, within a sentence."""
        return self.language.as_address(self._filled(self.rule.second))

    @property
    def kind(self) -> str:
        """What kind of thing it is about ("drink"), where that is known."""
        return kind_of(f"{self.thing} {self.value}", self.language)

    def _filled(self, template: str) -> str:
        return template.format(thing=self.thing, value=self.value, old=self.old)


def facts_in(sentences: Iterable[Sentence]) -> tuple[Fact, ...]:
    """The facts that statements tell, at most one a clause; a later word on the same thing replaces an earlier."""
    found: dict[tuple[Slot, str, str], Fact] = {}
    for sentence in sentences:
        if sentence.asks:
            continue
        for clause in sentence.clauses:
            fact = fact_of(clause, sentence.language)
            if fact is not None:
                found[fact.slot, fact.thing.casefold(), fact.value.casefold()] = fact
    return tuple(found.values())


def fact_of(clause: str, language: Language) -> Fact | None:
    """What the first rule that fits makes of a clause."""
    for each in language.rules if len(clause) <= LONGEST_CLAUSE else ():
        match = each.pattern.search(clause)
        if match is not None and (fact := _made(each, match, language)) is not None:
            return fact
    return None


def fact_of_note(text: str) -> Fact | None:
    """The fact that a memory's text was made from; None for a text of other making."""
    line = trimmed(text)
    for language in LANGUAGES if len(line) <= LONGEST_CLAUSE else ():
        for each in language.rules:
            match = _note_pattern(each).fullmatch(line)
            if match is not None:
                parts = _groups(match)
                parts["thing"] = language.as_note(parts["thing"])
                return Fact(slot=each.slot, rule=each, language=language, **parts)
    return None


def fact_of_field(key: str, value: str, language: Language) -> Fact | None:
    """A profile field as a fact."""
    for each in language.rules:
        if each.slot == key:
            return Fact(slot=each.slot, thing="", value=value, old="", rule=each, language=language)
    return None


def kind_of(text: str, language: Language) -> str:
    """The kind that a word of the text belongs to; the empty string for none."""
    folded = text.casefold()
    words = set(re.findall(r"[\w-]+", folded))
    for kind, members in language.kinds.items():
        if words.intersection(members) if language.spaced else any(member in folded for member in members):
            return kind
    return ""


def same(one: str, other: str) -> bool:
    """Whether two values speak of the same: all words of the shorter stand in the longer."""
    first, second = set(analyse(one)), set(analyse(other))
    return bool(first) and bool(second) and (first <= second or second <= first)


def contradicts(fact: Fact, older: Fact) -> bool:
    """Whether both cannot hold at once."""
    if fact.slot in SINGLE:
        return fact.slot is older.slot and (not fact.thing or same(fact.thing, older.thing))
    if fact.slot not in TASTE or older.slot not in TASTE | {Slot.FAVOURITE}:
        return False
    if older.slot is Slot.FAVOURITE:
        return fact.slot in (Slot.STOPPED, Slot.DISLIKES) and same(fact.value, older.value)
    if same(fact.value, older.value) or (fact.old and same(fact.old, older.value)):
        return True
    return fact.slot is Slot.PREFERS and bool(fact.kind) and fact.kind == older.kind


def _made(rule: Rule, match: re.Match[str], language: Language) -> Fact | None:
    parts = _groups(match)
    if rule.slot is not Slot.PLANS:
        parts["value"] = without_tail(parts["value"], language)
    parts["old"] = without_tail(parts["old"], language)
    parts = {name: language.as_note(text) for name, text in parts.items()}
    if len(parts["value"]) > LONGEST_VALUE or not _says_something(parts["value"], language):
        return None
    if rule.slot in (Slot.NAME, Slot.CALLED) and len(parts["value"].split()) > _NAME_WORDS:
        return None
    return Fact(slot=rule.slot, rule=rule, language=language, **parts)


def without_tail(text: str, language: Language) -> str:
    """A value without the words of time and degree that end it."""
    before = ""
    while text != before:
        before, text = text, trimmed(language.tail.sub("", text))
    return text


def _says_something(value: str, language: Language) -> bool:
    """Whether it is more than "it" or "that thing"."""
    words = re.findall(r"[^\W_]+(?:'[^\W_]+)?", value.casefold())
    return not language.vague.search(value) and any(word not in language.common for word in words)


def _groups(match: re.Match[str]) -> dict[str, str]:
    found = match.groupdict()
    return {name: trimmed(found.get(name) or "") for name in ("thing", "value", "old")}


@cache
def _note_pattern(rule: Rule) -> re.Pattern[str]:
    return re.compile("".join(_note_parts(rule.note)), re.IGNORECASE)


def _note_parts(template: str) -> Iterator[str]:
    for part in re.split(r"(\{\w+\})", template):
        yield rf"(?P<{part[1:-1]}>.+?)" if part.startswith("{") else re.escape(part)
