"""One table per language; everything that knows a particular language stands in one of them."""

from __future__ import annotations

from persona_graph.retrieval.languages.chinese import CHINESE
from persona_graph.retrieval.languages.english import ENGLISH
from persona_graph.retrieval.languages.language import Language, Mark

LANGUAGES: tuple[Language, ...] = (ENGLISH, CHINESE)

__all__ = ["LANGUAGES", "Language", "Mark"]
