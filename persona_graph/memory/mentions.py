"""Which texts speak of what is to be forgotten (pure): for a person to decide about, never erased by themselves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from persona_graph.retrieval.analysis import analyse, query_terms

FEW = 2
"""A word that so many of the kept texts hold, or a hundredth of them, is rare enough to give away what was erased."""


def quoting(erased: Iterable[str], kept: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """Of the kept texts, by name, those that hold rare words of the erased ones: the name and those words."""
    told = {term for text in erased for term, weight in query_terms(text).items() if weight >= 1}
    held = {name: told.intersection(analyse(text)) for name, text in kept.items()}
    frequency = Counter(term for terms in held.values() for term in terms)
    most = max(FEW, len(kept) // 100)
    rare = {name: tuple(sorted(t for t in terms if frequency[t] <= most)) for name, terms in held.items()}
    return {name: terms for name, terms in rare.items() if terms}


def speaking_of(topic: str, texts: Mapping[str, str]) -> frozenset[str]:
    """Names of the texts that hold every word of a topic that says something."""
    wanted = set(query_terms(topic))
    return frozenset(name for name, text in texts.items() if wanted and wanted.issubset(analyse(text)))
