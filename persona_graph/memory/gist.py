"""`Gist`: what a sentence says, for comparing two of them: its terms in order, and whether it denies.

>>> gist_of("Does not like coffee any more.") == gist_of("Dislikes the coffee")
True
>>> gist_of("Likes coffee").denies
False
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from persona_graph.memory.wording import PAST, WORDINGS
from persona_graph.retrieval.analysis import analyse, normalise

MOSTLY = 0.75
"""Share of a sentence from which another that holds it in order says hardly more."""
ENOUGH = 6
"""Words below which one more changes what is said."""
OPENING = 5
"""Words that are a statement of their own where another sentence begins with them."""
_UNSPACED = "\u2e80"
"""From here on a term is a pair of characters, and two of them are about a word."""
_SIGNS = re.compile(r"[+#%&@*=<>$€£¥]")
_MARKS = (_SIGNS, *(wording.articles for wording in WORDINGS))
_TURNS = tuple(turn for wording in WORDINGS for turn in wording.turns)


@dataclass(frozen=True, slots=True)
class Gist:
    """What a sentence says."""

    terms: tuple[str, ...]
    denies: bool = False
    limits: frozenset[str] = frozenset()
    """Words that weaken it."""
    marks: tuple[str, ...] = ()
    """Articles and signs, which tell a cat from cats and C from C++; sorted."""

    def holds(self, other: Gist) -> bool:
        """Whether it says all that the other says, and little else or that first; it is sure, not complete."""
        words = _words(other.terms)
        if words < min(ENOUGH, OPENING) or (self.denies, self.limits) != (other.denies, other.limits):
            return False
        if Counter(other.marks) - Counter(self.marks):
            return False
        length = len(other.terms)
        opens = self.terms[:length] == other.terms and other.terms[-1] < _UNSPACED
        if opens and words >= OPENING and self.terms[length : length + 1] != (PAST,):
            return True
        return words >= ENOUGH and words >= MOSTLY * _words(self.terms) and _in_order(other.terms, self.terms)


@dataclass(frozen=True, slots=True)
class Claim:
    """A sentence that says what one has but one of."""

    about: tuple[str, ...]
    """The terms before it and after it, and which frame it is."""
    value: tuple[str, ...]
    surely: bool
    """False where somebody may well have two."""

    def excludes(self, other: Claim) -> bool:
        """Whether both cannot be: a different beginning, and neither value within the other."""
        mine, others = set(self.value), set(other.value)
        return self.value[0] != other.value[0] and not mine <= others and not others <= mine


def gist_of(text: str) -> Gist:
    """What a sentence says."""
    folded, denies = normalise(text).replace("’", "'"), False
    limits = frozenset(found for wording in WORDINGS for found in wording.limits.findall(folded))
    marks = sorted(found for pattern in _MARKS for found in pattern.findall(folded))
    for turn in _TURNS:
        folded, count = turn.pattern.subn(turn.by, folded)
        denies ^= turn.denies and count % 2 == 1
    for wording in WORDINGS:
        folded = wording.empty.sub("", folded)
    return Gist(tuple(analyse(folded)), denies, limits, tuple(marks))


def claim_of(text: str) -> Claim | None:
    """The first thing it says that can have one value only."""
    line = text.strip(" \t\r\n.。!！\"“”'‘’「」")
    for wording in WORDINGS:
        for number, frame in enumerate(wording.frames):
            match = frame.pattern.match(line)
            if match is None:
                continue
            rest = match.groupdict().get("rest") or ""
            about, value = gist_of(f"{match['about']} {rest}"), gist_of(match["value"])
            if about.terms and value.terms and not (about.denies or value.denies or about.limits):
                return Claim((*about.terms, f"{wording.code}{number}"), value.terms, frame.surely)
    return None


def _words(terms: tuple[str, ...]) -> float:
    return sum(0.5 if term >= _UNSPACED else 1.0 for term in terms)


def _in_order(some: tuple[str, ...], every: tuple[str, ...]) -> bool:
    left = iter(every)
    return all(term in left for term in some)
