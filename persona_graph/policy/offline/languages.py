"""The languages that the rules know, and which of them a text is in."""

from __future__ import annotations

import re

from persona_graph.policy.offline.chinese import CHINESE
from persona_graph.policy.offline.english import ENGLISH
from persona_graph.policy.offline.french import FRENCH
from persona_graph.policy.offline.german import GERMAN
from persona_graph.policy.offline.language import Language
from persona_graph.policy.offline.spanish import SPANISH

LANGUAGES: tuple[Language, ...] = (ENGLISH, GERMAN, SPANISH, FRENCH, CHINESE)

_HAN = re.compile(r"[\u4e00-\u9fff]")
_KANA = re.compile(r"[\u3040-\u30ff]")
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")


def language_of(*texts: str) -> Language:
    """The language of the first text that shows one; English where none does."""
    for text in texts:
        if _HAN.search(text) and not _KANA.search(text):
            return CHINESE
        words = [word.casefold().replace("’", "'") for word in _WORD.findall(text)]
        count, language = max(
            ((sum(word in each.common for word in words), each) for each in LANGUAGES if each.spaced),
            key=lambda pair: pair[0],
        )
        if count:
            return language
    return ENGLISH
