"""The words of a text that say something, as they are written, for search and for summaries."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from functools import cache

from persona_graph.policy.offline.language import Language
from persona_graph.retrieval.analysis import analyse, query_terms

_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
_HAN = re.compile(r"[\u3400-\u9fff]{2,}")


def keywords_of(texts: Iterable[str], language: Language, most: int = 8) -> tuple[str, ...]:
    """The words that say most, the most frequent first, then in order; each once, whatever its ending."""
    found: Counter[str] = Counter()
    written: dict[str, str] = {}
    for text in texts:
        for word, term in _words(text, language):
            found[term] += 1
            written.setdefault(term, word)
    return tuple(written[term] for term, _ in found.most_common(most))


def content_terms(text: str, language: Language) -> dict[str, float]:
    """Search term -> how much it says, without the words that are everywhere in the language."""
    common = _common_terms(language)
    return {term: weight for term, weight in query_terms(text).items() if term not in common}


@cache
def _common_terms(language: Language) -> frozenset[str]:
    # Where no spaces part words, the pairs of a common word may be part of another.
    words = language.common if language.spaced else ()
    return frozenset(term for word in words for term in analyse(word))


def _words(text: str, language: Language) -> list[tuple[str, str]]:
    terms = content_terms(text, language)
    if not language.spaced:
        return [(term, term) for term in analyse(text) if terms.get(term, 0) == 1]
    plain = ((word, analyse(word.removesuffix("'s"))) for word in _WORD.findall(text))
    return [
        (word.removesuffix("'s"), own[0]) for word, own in plain if own and terms.get(own[0], 0) == 1 and len(word) > 1
    ]
