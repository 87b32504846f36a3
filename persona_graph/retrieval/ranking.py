"""From candidates to an order: a linear sum of features, with every part kept for the receipt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from persona_graph.retrieval.candidates import MemoryCandidates, MessageCandidates
from persona_graph.retrieval.dates import overlap
from persona_graph.retrieval.features import (
    NEARBY,
    WINDOW,
    Column,
    Surroundings,
    coverage,
    message_features,
    rarity,
    token_features,
)
from persona_graph.retrieval.question import Question
from persona_graph.retrieval.token_vectors import TokenMatch
from persona_graph.retrieval.weights import TOKENS, VECTORS, WORDS

RERANK_DEPTH = 100
"""How many of the best by the first stage are compared token by token."""

MEMORY_WEIGHTS: Mapping[str, float] = {"words": 1.0, "meaning": 1.0, "date": 0.3}
"""Set by hand: the parts are all shares between 0 and 1."""

SCORE_STEPS = 1e6
"""Scores that differ by less are equal."""

EVIDENCE = ("words", "words_nearby", "meaning", "tokens", "date")
"""A candidate is found by at least one of these; the other features only help to order what is found."""


PASSAGES = frozenset(
    name.removesuffix(NEARBY) for weights in (WORDS, VECTORS) for name in weights if name.endswith(NEARBY)
)
"""Features that look at the whole passage too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """Scores of candidates, and the order of those that were found."""

    order: NDArray[np.intp]
    """Indices into the candidates: what is eligible and was found, best first."""
    scores: Column
    """(n,) the sum of the parts."""
    parts: Mapping[str, Column]
    """(n,) what each feature adds."""
    features: Mapping[str, Column] = field(default_factory=dict)
    """(n,) the features themselves, for a second stage."""
    around: Surroundings | None = None
    """Where the candidates stand, for a second stage of messages."""

    def parts_of(self, index: int) -> dict[str, float]:
        """The parts of one candidate's score that are not zero, for receipts."""
        values = {name: round(float(column[index]), 4) for name, column in self.parts.items()}
        return {name: value for name, value in values.items() if value}


def rank_messages(question: Question, candidates: MessageCandidates, *, by_speaker: bool = True) -> Ranking:
    """Rank messages by words and, where there are vectors, by meaning.

    `by_speaker` False ignores who speaks: better where a question may name the wrong person.
    """
    around = Surroundings.of(candidates)
    features = message_features(question, candidates, nearby=PASSAGES, by_speaker=by_speaker, around=around)
    ranking = _ranked(features, WORDS if candidates.cosine is None else VECTORS, candidates.eligible)
    return replace(ranking, around=around)


def rerank(question: Question, candidates: MessageCandidates, ranking: Ranking, tokens: TokenMatch) -> Ranking:
    """The second stage: those with token vectors (`rows_to_rerank`) anew, all others behind them as they stood."""
    places = np.minimum(np.searchsorted(candidates.rows, tokens.rows), len(candidates.rows) - 1)
    near = places[candidates.rows[places] == tokens.rows]
    if len(near) == len(candidates.rows):
        more = token_features(question, candidates, tokens, ranking.around)
        return _ranked({**ranking.features, **more}, TOKENS, candidates.eligible)
    part = replace(
        candidates,
        rows=candidates.rows[near],
        session=candidates.session[near],
        position=candidates.position[near],
        eligible=candidates.eligible[near],
    )
    features = {name: column[near] for name, column in ranking.features.items()}
    best = _ranked({**features, **token_features(question, part, tokens)}, TOKENS, part.eligible)
    others = np.ones(len(candidates.rows), np.bool_)
    others[near] = False
    behind = ranking.order[others[ranking.order]]
    scores = _spread(best.scores, near, len(candidates.rows))
    parts = {name: _spread(column, near, len(candidates.rows)) for name, column in best.parts.items()}
    return Ranking(order=np.concatenate((near[best.order], behind)), scores=scores, parts=parts)


def _spread(column: Column, places: NDArray[np.intp], count: int) -> Column:
    whole = np.zeros(count, np.float32)
    whole[places] = column
    return whole


def rows_to_rerank(ranking: Ranking, candidates: MessageCandidates, depth: int = RERANK_DEPTH) -> list[int]:
    """The rows whose token vectors decide the top: the best by the first stage and their neighbours; of few all."""
    if len(candidates.rows) <= depth:
        return [int(row) for row in candidates.rows]
    position = candidates.position
    kept = np.zeros(len(position), np.bool_)
    best = ranking.order[:depth]
    for offset in (0, *(offset for offset, _ in WINDOW)):
        wanted = position[best] + offset
        places = np.minimum(np.searchsorted(position, wanted), len(position) - 1)
        kept[places[position[places] == wanted]] = True
    rows: list[int] = candidates.rows[kept].tolist()
    return rows


def rank_memories(question: Question, candidates: MemoryCandidates) -> Ranking:
    """Rank memories: the share of the question's rare words that they hold, nearness in meaning, dates."""
    importance = np.asarray(question.weights, np.float32) * rarity(candidates.frequency, candidates.total)
    features = {"words": coverage(candidates.hits.astype(np.float32), importance) * _brevity(candidates)}
    if candidates.cosine is not None:
        features["meaning"] = np.maximum(candidates.cosine, 0).astype(np.float32)
    if question.anchors:  # else nothing of any memory has to be looked at
        features["date"] = overlap([memory.event for memory in candidates.memories], question.anchors)
    return _ranked(features, MEMORY_WEIGHTS, np.ones(len(candidates.memories), np.bool_))


def _brevity(candidates: MemoryCandidates) -> Column:
    """Near 1 for a text of average length or less, less for a long one, which holds more words by chance."""
    lengths = candidates.lengths
    average = max(float(lengths.mean()), 1.0) if len(lengths) else 1.0
    return np.asarray(1 / (1 + 0.25 * np.maximum(lengths / average - 1, 0)), np.float32)


def _ranked(features: Mapping[str, Column], weights: Mapping[str, float], eligible: NDArray[np.bool_]) -> Ranking:
    parts = {name: features[name] * np.float32(weight) for name, weight in weights.items() if name in features}
    scores = np.zeros(len(eligible), np.float32)
    for column in parts.values():
        scores += column
    found = eligible & np.any([features[name] > 0 for name in EVIDENCE if name in features], axis=0)
    order = np.flatnonzero(found)
    # One whole number each: of equals, the earliest comes first, and no stable (slower) sort is needed.
    keys = -np.rint(scores[order] * SCORE_STEPS).astype(np.int64) * (len(scores) + 1) + order
    order = order[np.argsort(keys)]
    return Ranking(order=order, scores=scores, parts=parts, features=features)
