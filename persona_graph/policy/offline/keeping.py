"""What a closed session changes in the profile (`update_core`) and in habits and goals (`update_procedural`).

Habits and goals are kept in the person's own words, between quotation marks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from persona_graph.jobs.update_core import CoreInput
from persona_graph.jobs.update_procedural import ProceduralInput
from persona_graph.memory.types import Memory
from persona_graph.policy.offline.facts import Fact, facts_in
from persona_graph.policy.offline.keywords import content_terms, keywords_of
from persona_graph.policy.offline.language import CORE, Language, Slot
from persona_graph.policy.offline.sentences import Sentence, quoted, statements, trimmed

KEY_WORDS = 3
SAME_HABIT = 0.5
"""Share of words from which two habits are one."""
FAMILY = "family"

Changes = dict[str, Any]


def profile_changes(given: CoreInput) -> Changes:
    """The fields that the session sets, in the job's form; family members join those known."""
    held = {memory.key: memory.text for memory in given.profile}
    values = dict(held)
    for fact in facts_in(statements(given.turns)):
        if fact.slot in CORE:
            values[fact.slot] = fact.value
        elif fact.slot is Slot.CALLED and _is_relative(fact):
            values[FAMILY] = _with_member(values.get(FAMILY, ""), fact)
    pinned = {memory.key for memory in given.profile if memory.pinned}
    return _changes(values, held, pinned)


def habit_changes(given: ProceduralInput) -> Changes:
    """The habits and goals that the session sets and those it ends, in the job's form."""
    held = {memory.key: memory.text for memory in given.habits}
    pinned = {memory.key for memory in given.habits if memory.pinned}
    values = dict(held)
    removed: list[str] = []
    for sentence in statements(given.turns):
        if sentence.language.given_up.search(sentence.text):
            removed += [key for key in _alike(sentence, given.habits) if key not in pinned]
        elif key := _key_of(sentence, given.habits):
            values[key] = f"“{quoted(trimmed(sentence.text))}”"
    gone = [key for key in dict.fromkeys(removed) if values.get(key) == held.get(key)]
    return _changes(values, held, pinned) | {"remove": gone}


def _changes(values: Mapping[str, str], held: Mapping[str, str], pinned: set[str]) -> Changes:
    new = [(key, value) for key, value in values.items() if held.get(key) != value and key not in pinned]
    return {"set": [{"key": str(key), "value": value} for key, value in new], "remove": []}


def _is_relative(fact: Fact) -> bool:
    return bool(set(fact.thing.casefold().split()) & fact.language.relatives) or fact.thing in fact.language.relatives


def _with_member(family: str, fact: Fact) -> str:
    """The family with this member, who takes the place of one in the same relation."""
    relation = " ".join(word for word in fact.thing.split() if word.casefold() not in fact.language.common)
    members = [member for member in family.split("; ") if member and not member.startswith(f"{relation} ")]
    return "; ".join([*members, f"{relation} {fact.value}"])


def _key_of(sentence: Sentence, held: Sequence[Memory]) -> str:
    """The key of the habit or goal that a sentence tells: that of the known one it repeats, or one of its words."""
    language = sentence.language
    goal = bool(language.goal.search(sentence.text))
    if not goal and not language.habit.search(sentence.text):
        return ""
    words = keywords_of((sentence.text,), language, KEY_WORDS)
    first = language.phrases.goal_key if goal else language.phrases.habit_key
    new = " ".join((first, *(word.casefold() for word in words))) if words else ""
    return next(iter(_alike(sentence, held)), new)


def _alike(sentence: Sentence, held: Sequence[Memory]) -> list[str]:
    """Keys of known habits that share most of their words with the sentence."""
    return [memory.key for memory in held if _share(memory.text, sentence.text, sentence.language) >= SAME_HABIT]


def _share(one: str, other: str, language: Language) -> float:
    first, second = set(content_terms(one, language)), set(content_terms(other, language))
    return len(first & second) / max(1, min(len(first), len(second)))
