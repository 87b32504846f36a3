"""`Language`: everything retrieval knows about one language, as one table."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntFlag
from functools import lru_cache


class Mark(IntFlag):
    """What the text of a message shows, as bits."""

    FIRST_PERSON = 1
    """The speaker talks of themselves."""
    QUESTION = 2
    """It asks something."""
    TIME = 4
    """It says when: a date, a weekday, "yesterday"."""
    NAME = 8
    """It names someone or something: a capital within a sentence, a title in quotes."""
    NUMBER = 16
    """It says how many."""
    IMAGE = 32
    """It carries an image."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Language:
    """One language's words, all of them casefolded. Compared by identity, so that patterns can be cached."""

    code: str
    spaced: bool = True
    """Whether spaces part its words; where they do not, words are found anywhere in the text."""
    stopwords: frozenset[str]
    """Words that say nothing about what is asked; they do not search."""
    weak: frozenset[str] = frozenset()
    """Words that say little; they search at half weight."""
    first_person: frozenset[str] = frozenset()
    second_person: frozenset[str] = frozenset()
    pleasantries: frozenset[str] = frozenset()
    """Openings such as "do you remember" that ask nobody in particular."""
    answers: Mapping[str, Mark] = field(default_factory=dict)
    """Question word -> what an answer to it shows."""
    months: Mapping[str, int] = field(default_factory=dict)
    """Month name -> 1..12."""
    doubtful_months: frozenset[str] = frozenset()
    """Month names that are other words too; they count with a day, a year or a word of `month_openers`."""
    month_openers: frozenset[str] = frozenset()
    time_words: frozenset[str] = frozenset()
    """Words that say when something happens."""
    relative_days: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """"last week" -> first and last day, counted from today."""
    number_words: frozenset[str] = frozenset()

    def pattern(self, words: Iterable[str]) -> re.Pattern[str]:
        """Finds any of the words in casefolded text, the longest first."""
        return _pattern(frozenset(words), self.spaced)


@lru_cache(maxsize=256)
def _pattern(words: frozenset[str], spaced: bool) -> re.Pattern[str]:
    union = "|".join(re.escape(word) for word in sorted(words, key=lambda word: (-len(word), word)))
    if not union:
        return re.compile(r"(?!)")
    return re.compile(rf"\b(?:{union})\b" if spaced else f"(?:{union})")
