"""`Question`: what a query's words say, read once, before anything is looked up."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from persona_graph.retrieval.analysis import analyse, normalise, query_terms
from persona_graph.retrieval.dates import Anchor, anchors
from persona_graph.retrieval.languages import LANGUAGES, Language, Mark
from persona_graph.tokens import excerpt

PERSON, ASSISTANT = 0, 1

_CLAUSES = re.compile(r"[,.;:!?，。；：！？、]")

LONGEST = 500
"""Tokens of a text that search; each term is looked up by itself."""

NICKNAME_LENGTH = 3
"""A name's beginning counts as the name from this length ("Mel" for Melanie)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """All that ranking wants to know of a query."""

    terms: tuple[str, ...]
    """What to look up; the rows of `hits` stand in this order."""
    weights: tuple[float, ...]
    """How much each term says, before its rarity."""
    dense: str
    """What to embed: the words without the names of the talkers, which would drown the rest."""
    named: frozenset[str]
    """Which of the speakers are named."""
    anchors: tuple[Anchor, ...]
    """The dates named."""
    wants: Mark
    """What an answer shows, by the question word."""
    asked_role: int | None
    """Whose words are asked for, "what did I say" or "what did you advise"; None when nobody's."""


def read_question(
    text: str, *, keywords: str = "", speakers: Iterable[str] = (), now: datetime | None = None
) -> Question:
    """Read a person's question and a model's keywords; `speakers` are the talkers in this user's store.

    Of a very long text the beginning and the end are read: there a question stands.
    """
    text, keywords = (excerpt(part, LONGEST, mark="\n") for part in (text, keywords))
    both = "\n".join(part for part in (text, keywords) if part)
    known = [name for name in speakers if name]
    mentioned = _mentioned(both, known)
    weights = query_terms(_plain(text) + "\n" + keywords, mentioned)
    return Question(
        terms=tuple(weights),
        weights=tuple(weights.values()),
        dense=_without(both, mentioned),
        named=frozenset(mentioned.values()),
        anchors=anchors(both, now),
        wants=_wanted(normalise(text)),
        asked_role=_asked_role(_plain(text)),
    )


def _mentioned(text: str, speakers: list[str]) -> dict[str, str]:
    """Each form under which a speaker is named in the text, with the speaker's full name."""
    found: dict[str, str] = {}
    for speaker in speakers:
        forms = {speaker, *speaker.split()}
        forms |= {
            word
            for word in re.findall(r"\b[^\W\d_]+\b", text)
            if word[0].isupper() and len(word) >= NICKNAME_LENGTH and speaker.startswith(word)
        }
        for form in forms:
            if set(analyse(form)) <= set(analyse(text)):
                found[form] = speaker
    return found


def _without(text: str, names: Iterable[str]) -> str:
    for name in sorted(names, key=len, reverse=True):
        text = re.sub(rf"\b{re.escape(name)}\b(?:['’]s)?", " ", text, flags=re.IGNORECASE)
    return " ".join(text.split())


def _wanted(folded: str) -> Mark:
    wanted = Mark(0)
    for language in LANGUAGES:
        for match in language.pattern(language.answers).finditer(folded):
            wanted |= language.answers[match[0]]
    return wanted


def _plain(text: str) -> str:
    """The text, normalised, without openings such as "do you remember"."""
    plain = normalise(text)
    for language in LANGUAGES:
        plain = language.pattern(language.pleasantries).sub(" ", plain)
    return plain


def _asked_role(plain: str) -> int | None:
    """In the last clause that has "I" or "you", the first of them is the one whose words are asked for."""
    for clause in reversed(_CLAUSES.split(plain)):
        for language in LANGUAGES:
            first, second = _talkers(language)
            i, you = first.search(clause), second.search(clause)
            if i is not None and (you is None or i.start() < you.start()):
                return PERSON
            if you is not None:
                return ASSISTANT
    return None


@cache
def _talkers(language: Language) -> tuple[re.Pattern[str], re.Pattern[str]]:
    return language.pattern(language.first_person), language.pattern(language.second_person)
