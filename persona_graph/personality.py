"""The person's Big-Five vector and how it evolves (paper section 3.2, PEM).

    p <- lambda_m p + (1 - lambda_m) p',   lambda_m = 0.7 - 0.2 cos(pi min(m, 50) / 50)

p starts at 3.0 for each trait; p' are five scores from 1 to 5 inferred from one turn; m is the number
of turns before that turn which still exist. An observation that says nothing (five 3s) changes nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from persona_graph.errors import InputError

NEUTRAL = 3.0


class Trait(StrEnum):
    """The five traits, in the paper's order."""

    OPENNESS = "openness"
    CONSCIENTIOUSNESS = "conscientiousness"
    EXTRAVERSION = "extraversion"
    AGREEABLENESS = "agreeableness"
    NEUROTICISM = "neuroticism"


TRAITS = tuple(Trait)


class NeutralPolicy(StrEnum):
    """When a score of 3 leaves the vector as it is (paper appendix A.1: when all five are 3)."""

    VECTOR = "vector"
    TRAIT = "trait"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class BigFive:
    """Five scores from 1 to 5, in the order O, C, E, A, N."""

    openness: float = NEUTRAL
    conscientiousness: float = NEUTRAL
    extraversion: float = NEUTRAL
    agreeableness: float = NEUTRAL
    neuroticism: float = NEUTRAL

    def __post_init__(self) -> None:
        for trait, score in zip(TRAITS, self.scores, strict=True):
            if not 1.0 <= score <= 5.0:
                raise InputError(f"{trait} is {score}; a trait lies between 1 and 5")

    @property
    def scores(self) -> tuple[float, float, float, float, float]:
        """The five numbers in order."""
        return (self.openness, self.conscientiousness, self.extraversion, self.agreeableness, self.neuroticism)

    @property
    def neutral(self) -> bool:
        """Whether all five are exactly 3."""
        return all(score == NEUTRAL for score in self.scores)

    def evolve(self, observed: BigFive, m: int, policy: NeutralPolicy = NeutralPolicy.VECTOR) -> BigFive:
        """The vector after observing p' in turn m (paper equation of section 3.2)."""
        if policy is NeutralPolicy.VECTOR and observed.neutral:
            return self
        lam = smoothing(m)
        skip = policy is NeutralPolicy.TRAIT
        pairs = zip(self.scores, observed.scores, strict=True)
        return BigFive(*(p if skip and seen == NEUTRAL else lam * p + (1 - lam) * seen for p, seen in pairs))

    def replace(self, given: Mapping[Trait, float]) -> BigFive:
        """The vector with some traits set by hand. Raises: InputError."""
        wrong = [trait for trait, score in given.items() if not isinstance(score, int | float)]
        if wrong:
            raise InputError(f"{wrong[0]} is {given[wrong[0]]!r}; a trait is a number between 1 and 5")
        return BigFive(*(float(given.get(t, s)) for t, s in zip(TRAITS, self.scores, strict=True)))

    def describe(self) -> str:
        """One line a trait for prompts: the number rounded to one decimal, and plain words."""
        return "\n".join(
            f"{trait.value}: {score:.1f} of 5 ({_words(trait, score)})"
            for trait, score in zip(TRAITS, self.scores, strict=True)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What one turn shows of the person's traits (p'), with the words that show it."""

    turn: str
    at: datetime
    scores: BigFive
    words: tuple[str, ...] = ()
    """Short quotes from the turn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonalityPoint:
    """One step of the personality's timeline: what was observed and the vector after it."""

    observation: Observation
    m: int
    vector: BigFive


def smoothing(m: int) -> float:
    """lambda_m: 0.500 at m = 0, 0.700 at 25, 0.900 from 50 on.

    Raises: InputError for a negative m.
    """
    if m < 0:
        raise InputError(f"m counts turns and starts at 0; got {m}")
    return 0.7 - 0.2 * math.cos(math.pi * min(m, 50) / 50)


def timeline(
    observations: Iterable[tuple[Observation, int]],
    policy: NeutralPolicy = NeutralPolicy.VECTOR,
    start: BigFive | None = None,
) -> tuple[PersonalityPoint, ...]:
    """Fold observations, each with its m, in the order given, from `start` (3.0 each)."""
    vector, points = start or BigFive(), []
    for observation, m in observations:
        vector = vector.evolve(observation.scores, m, policy)
        points.append(PersonalityPoint(observation=observation, m=m, vector=vector))
    return tuple(points)


_LEVELS = ((1.8, "very low"), (2.6, "rather low"), (3.4, "balanced"), (4.2, "rather high"), (5.1, "very high"))
_MEANING = {
    Trait.OPENNESS: ("prefers the familiar and concrete", "curious, likes new ideas"),
    Trait.CONSCIENTIOUSNESS: ("spontaneous, dislikes plans", "organised, likes plans and detail"),
    Trait.EXTRAVERSION: ("reserved, likes calm", "outgoing, likes company and energy"),
    Trait.AGREEABLENESS: ("direct, questions things", "warm, considerate"),
    Trait.NEUROTICISM: ("calm, steady under stress", "sensitive, worries easily"),
}


def _words(trait: Trait, score: float) -> str:
    level = next(name for limit, name in _LEVELS if score < limit)
    if level == "balanced":
        return level
    low, high = _MEANING[trait]
    return f"{level}: {low if score < NEUTRAL else high}"
