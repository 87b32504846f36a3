"""How many things hold a term, read off the scores of a search by words: each is a sum over the terms held (pure).

With `b` near nothing and each term once in a text, the server's BM25 gives a term `idf / (1 + k1)` wherever it stands.
What is no whole number of things was reckoned otherwise, and says nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

K1 = 1.2
NEAR = 0.1
"""How far from a whole number a count may come out."""


def counts_of(
    scored: Iterable[tuple[Sequence[int], float]], things: int, counted: Mapping[int, int] | None = None
) -> dict[int, int]:
    """For numbered terms the count of things that hold them; `scored` are the terms held and the score of texts.

    `counted` are counts that are known.
    """
    known = {term: _score(count, things) for term, count in (counted or {}).items()}
    left = sorted({(tuple(held), score) for held, score in scored}, key=lambda one: len(one[0]))
    solved = True
    while solved:
        solved, later = False, []
        for held, score in left:
            new = [term for term in held if term not in known]
            if len(new) == 1:
                known[new[0]] = score - sum(known[term] for term in held if term != new[0])
                solved = True
            elif new:
                later.append((held, score))
        left = later
    told = {term: score for term, score in known.items() if score > 0 and term not in (counted or {})}
    counts = {term: count_of(score, things) for term, score in told.items()}
    return {term: round(n) for term, n in counts.items() if 0.5 < n <= things and abs(n - round(n)) < NEAR}


def guesses_of(
    scored: Sequence[tuple[Sequence[int], float]], things: int, counted: Mapping[int, int], terms: Iterable[int]
) -> dict[int, int]:
    """For terms of which scores do not tell the count a guess: each gives its share of what is left of a score.

    What no text holds gives no more than the least score, or it would have been found.
    """
    known = {term: _score(count, things) for term, count in counted.items()}
    most = dict.fromkeys(terms, min((score for _, score in scored), default=_score(1, things)))
    for held, score in scored:
        new = [term for term in held if term in most]
        share = (score - sum(known.get(term, 0.0) for term in held)) / max(len(new), 1)
        most |= {term: min(most[term], share) for term in new}
    return {term: min(max(round(count_of(score, things)), 1), things) for term, score in most.items()}


def _score(count: int, things: int) -> float:
    """What a text is given for a term that so many hold: BM25's `ln(1 + (N - n + 0.5) / (n + 0.5))`, `k1` applied."""
    return math.log1p((things - count + 0.5) / (count + 0.5)) / (1 + K1)


def count_of(score: float, things: int) -> float:
    """The `n` of it: how many hold the one term of a text with this score."""
    return (things + 1) / math.exp((1 + K1) * score) - 0.5 if score > 0 else things
