"""What the text of a message shows, found once, on writing: `marks(text) -> Mark bits`."""

from __future__ import annotations

import re
from functools import cache

from persona_graph.retrieval.analysis import normalise
from persona_graph.retrieval.languages import LANGUAGES, Language, Mark

_QUESTION = re.compile(r"[?？؟](?:\s|[\"'”’)]|$)|[?？؟]\s*\S{0,12}$")
_DIGITS = re.compile(r"\d")
_TITLE = re.compile(r"《[^》]+》|「[^」]+」|[\"“][^\"“”]{2,60}[\"”]")
# A capital within a sentence; one between a comma and a stop is somebody spoken to ("Thanks, Ana!").
_CAPITAL = re.compile(r"(?<=[^\s.!?:…\"“”] )(?!I\b)([A-Z\u00c0-\u00de\u0391-\u03a9\u0410-\u042f][\w’'-]*)")
_SPOKEN_TO = re.compile(r", [A-Z][\w’'-]*(?=[!?.,])")


def marks(text: str, *, image: bool = False) -> int:
    """The marks of a message's text (`Message.searchable`), as bits of `Mark`."""
    folded = normalise(text).replace("’", "'")
    found = Mark.IMAGE if image else Mark(0)
    if _QUESTION.search(text):
        found |= Mark.QUESTION
    if _DIGITS.search(text):
        found |= Mark.NUMBER
    if _TITLE.search(text) or _names_something(text):
        found |= Mark.NAME
    for language in LANGUAGES:
        for mark, pattern in _patterns(language):
            if pattern.search(folded):
                found |= mark
    return int(found)


@cache
def _patterns(language: Language) -> tuple[tuple[Mark, re.Pattern[str]], ...]:
    return (
        (Mark.FIRST_PERSON, language.pattern(language.first_person)),
        (Mark.TIME, language.pattern(language.time_words | set(language.relative_days))),
        (Mark.NUMBER, language.pattern(language.number_words)),
    )


def _names_something(text: str) -> bool:
    times = {word for language in LANGUAGES for word in (*language.months, *language.time_words)}
    return any(word.casefold() not in times for word in _CAPITAL.findall(_SPOKEN_TO.sub(",", text)))
