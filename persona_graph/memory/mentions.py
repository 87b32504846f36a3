"""Which texts speak of what is to be forgotten (pure): for a person to decide about, never erased by themselves."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping

from persona_graph.retrieval.analysis import analyse, query_terms, spelled

FEW = 5
"""A word that so many of the kept texts hold, or a hundredth of them, is rare enough to give away what was erased."""

DATE = re.compile(r"\d{1,2}|(?:19|20)\d\d")
"""A day or a year says when, which gives nothing away."""


def quoting(erased: Iterable[str], kept: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """Of the kept texts, by name, those that hold rare words of the erased ones, with these words as they stand.

    Those that tell most come first.
    """
    told = {term for text in erased for term, weight in query_terms(text).items() if weight >= 1}
    told -= {term for term in told if DATE.fullmatch(term)}
    held = {name: {term: word for term, word in spelled(text) if term in told} for name, text in kept.items()}
    frequency = Counter(term for terms in held.values() for term in terms)
    most = max(FEW, len(kept) // 100)
    rare = {name: {t: w for t, w in terms.items() if frequency[t] <= most} for name, terms in held.items()}
    telling = sorted((name for name in rare if rare[name]), key=lambda name: -sum(1 / frequency[t] for t in rare[name]))
    return {name: tuple(sorted(set(rare[name].values()))) for name in telling}


def speaking_of(topic: str, texts: Mapping[str, str]) -> frozenset[str]:
    """Names of the texts that hold every word of a topic that says something."""
    wanted = set(query_terms(topic))
    return frozenset(name for name, text in texts.items() if wanted and wanted.issubset(analyse(text)))
