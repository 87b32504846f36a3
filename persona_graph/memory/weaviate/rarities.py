"""How many things hold a term, read off the scores of a search by words: each is a sum over the terms held (pure).

With `b` near nothing and each term once in a text, the server's BM25 gives a term `idf / (1 + k1)` wherever it stands.
What is no whole number of things was reckoned otherwise, and says nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

K1 = 1.2
NEAR = 0.1
"""How far from a whole number a count may come out."""


def counts_of(scored: Iterable[tuple[Sequence[int], float]], things: int) -> dict[int, int]:
    """For numbered terms the count of things that hold them; `scored` are the terms held and the score of texts."""
    known: dict[int, float] = {}
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
    counts = {term: _count((1 + K1) * score, things) for term, score in known.items()}
    return {term: round(n) for term, n in counts.items() if 0.5 < n <= things and abs(n - round(n)) < NEAR}


def _count(idf: float, things: int) -> float:
    """The n of `ln(1 + (N - n + 0.5) / (n + 0.5))`."""
    return (things + 1) / math.exp(idf) - 0.5 if idf > 0 else 0.0
