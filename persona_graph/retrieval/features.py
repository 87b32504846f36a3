"""What speaks for a message: one column a feature, all of them numpy over the whole list of candidates.

A question's words are looked for in a *window*: in the message itself, before it (an answer follows its
question) and after it. Each word counts once, where it stands nearest, so that a long message wins
nothing by repeating one word.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from persona_graph.retrieval.candidates import MessageCandidates
from persona_graph.retrieval.dates import SECONDS_PER_DAY, nearness
from persona_graph.retrieval.languages import Mark
from persona_graph.retrieval.question import Question
from persona_graph.retrieval.token_vectors import TokenMatch

Column = NDArray[np.float32]
"""(n,) one number a candidate."""

WINDOW = ((-1, 0.8), (1, 0.6), (-2, 0.6))
"""Neighbours of a message by position in its session, and what a word found there counts."""
NEARBY = "_nearby"
"""Ends the name of a feature that looks at the whole passage."""
NEARBY_DECAY = 0.9
"""What a good match counts for each message that it stands farther away in the session."""
LEAST_MATCH = 1e-6
"""Less is none."""
ROLE_WEIGHT = np.float32(0.5)
"""Whose words are asked for is less sure from "I" and "you" than from a name."""
SECOND_BITS = 20
"""`rows` hold seconds above these bits."""


def message_features(
    question: Question,
    candidates: MessageCandidates,
    *,
    nearby: frozenset[str],
    by_speaker: bool = True,
    around: Surroundings | None = None,
) -> dict[str, Column]:
    """What the question and the candidates allow to say; `nearby` names the matches wanted of the passage too."""
    around = around or Surroundings.of(candidates)
    importance = np.asarray(question.weights, np.float32) * rarity(candidates.frequency, candidates.total)
    features = {"words": _windowed(candidates.hits.astype(np.float32), importance, around.neighbours)}
    if candidates.cosine is not None:
        features["meaning"] = np.maximum(candidates.cosine, 0).astype(np.float32)
    for name in nearby & features.keys():
        features[name + NEARBY] = _nearby(features[name], around.places)
    features["date"] = nearness((candidates.rows >> SECOND_BITS) // SECONDS_PER_DAY, question.anchors)
    features["speaker"] = _speaker(question, candidates) if by_speaker else _nothing(candidates)
    features["first_person"] = _marked(candidates, Mark.FIRST_PERSON)
    features["question"] = _marked(candidates, Mark.QUESTION)
    features["name"] = _marked(candidates, Mark.NAME)
    features["answer"] = _marked(candidates, question.wants)
    return features


def token_features(
    question: Question, candidates: MessageCandidates, tokens: TokenMatch, around: Surroundings | None = None
) -> dict[str, Column]:
    """What the tokens of the best and of their neighbours add."""
    around = around or Surroundings.of(candidates)
    importance = np.asarray(question.weights, np.float32) * rarity(candidates.frequency, candidates.total)
    weights = tokens.importance(question, importance)
    match = _windowed(tokens.spread(candidates.rows), weights, around.neighbours)
    return {"tokens": match, f"tokens{NEARBY}": _nearby(match, around.places)}


def rarity(frequency: NDArray[np.int64], total: int) -> NDArray[np.float32]:
    """(t,) BM25's inverse document frequency."""
    held = np.minimum(frequency, total)
    return np.log1p((total - held + 0.5) / (held + 0.5)).astype(np.float32)


def coverage(found: NDArray[np.float32], importance: NDArray[np.float32]) -> Column:
    """(n,) the share, 0 to 1, of what is important that was found: (t, n) against (t,)."""
    whole = float(importance.sum())
    return np.asarray(importance @ found / whole if whole > 0 else np.zeros(found.shape[1]), np.float32)


@dataclass(frozen=True, slots=True)
class _Neighbour:
    """For one offset of the window: where each candidate's neighbour stands, and what a word there counts."""

    at: NDArray[np.intp]
    """(n,)"""
    weight: Column
    """(n,) 0 where there is no such neighbour in the session."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where candidates stand among each other: the same for every stage that ranks the same ones."""

    neighbours: list[_Neighbour]
    places: NDArray[np.float64]

    @classmethod
    def of(cls, candidates: MessageCandidates) -> Self:
        """Those of candidates."""
        return cls(_neighbours(candidates), _places(candidates))


def _neighbours(candidates: MessageCandidates) -> list[_Neighbour]:
    position, session = candidates.position, candidates.session
    count = len(position)
    if not count:
        return []
    whole = int(position[-1] - position[0]) == count - 1
    found = []
    for offset, weight in WINDOW:
        at = np.arange(count) + offset if whole else np.searchsorted(position, position + offset)
        at = np.minimum(np.maximum(at, 0), count - 1)
        there = (position[at] == position + offset) & (session[at] == session)
        found.append(_Neighbour(at, there * np.float32(weight)))
    return found


def _windowed(found: NDArray[np.float32], importance: NDArray[np.float32], neighbours: list[_Neighbour]) -> Column:
    """Coverage of the window: each row of `found` counts once, at the best of its places."""
    best = found.copy()
    for neighbour in neighbours:
        there = np.take(found, neighbour.at, axis=1)
        there *= neighbour.weight
        np.maximum(best, there, out=best)
    return coverage(best, importance)


def _places(candidates: MessageCandidates) -> NDArray[np.float64]:
    """(n,) place in the session in steps of `NEARBY_DECAY`'s logarithm, and a step up at each session's start."""
    position, session = candidates.position, candidates.session
    if not len(position):
        return np.zeros(0)
    starts = np.flatnonzero(np.concatenate(([True], session[1:] != session[:-1])))
    lengths = np.diff(starts, append=len(position))
    place = (position - np.repeat(position[starts], lengths)) * -np.log(NEARBY_DECAY)
    # Higher than anything within a session, so that no session is seen from the next.
    step = place.max() - 2 * np.log(LEAST_MATCH)
    return np.asarray(place + np.repeat(np.arange(len(starts)) * step, lengths), np.float64)


def _nearby(match: Column, places: NDArray[np.float64]) -> Column:
    """The best match of the same session, less the farther away it stands: a prior for the whole passage.

    The running maximum of `match * decay**distance` is one of `log(match) + place`.
    """
    height = np.log(np.maximum(match, LEAST_MATCH))
    before = np.maximum.accumulate(height + places) - places
    behind = np.maximum.accumulate((height - places)[::-1])[::-1] + places
    best = np.exp(np.maximum(before, behind))
    return np.asarray(np.where(best > 2 * LEAST_MATCH, best, 0), np.float32)


def _speaker(question: Question, candidates: MessageCandidates) -> Column:
    """1 for the words of the one asked about, -1 for another's; a name says it, else "I" and "you" do."""
    if len(question.named) == 1:
        (name,) = question.named
        if name in candidates.speakers:
            return _sided(candidates.speaker == candidates.speakers.index(name))
    if not question.named and question.asked_role is not None:
        return np.asarray(_sided(candidates.role == question.asked_role) * ROLE_WEIGHT, np.float32)
    return _nothing(candidates)


def _sided(theirs: NDArray[np.bool_]) -> Column:
    """1 where it is theirs, -1 elsewhere."""
    return np.asarray(np.where(theirs, 1, -1), np.float32)


def _marked(candidates: MessageCandidates, mark: Mark) -> Column:
    return np.asarray((candidates.marks & int(mark)) != 0, np.float32)


def _nothing(candidates: MessageCandidates) -> Column:
    return np.zeros(len(candidates.rows), np.float32)
