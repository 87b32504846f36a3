"""The one search of memory: `retrieve(store, query, embedder) -> Hits`. It only reads.

The graph, the CLI, agents outside and the benchmarks all call it. The store finds candidates inside the
window, ranking (pure) orders them, and the best of each target come back with the parts of their scores.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial, reduce
from itertools import islice
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from persona_graph.conversation import Turn
from persona_graph.embeddings import Embedder
from persona_graph.errors import ConfigurationError, NotFound
from persona_graph.memory.store import Lookup, MemoryStore
from persona_graph.memory.types import Kind, Memory
from persona_graph.retrieval.candidates import MemoryCandidates, MessageCandidates
from persona_graph.retrieval.query import Hit, Hits, Query, Target
from persona_graph.retrieval.question import Question, read_question
from persona_graph.retrieval.ranking import Ranking, rank_memories, rank_messages, rerank, rows_to_rerank
from persona_graph.timerange import EARLIEST
from persona_graph.tokens import fitted, turn_cost

Found = TypeVar("Found", MemoryCandidates, MessageCandidates)

MOST_MESSAGES = 64
"""Of episodes too long to be shown whole, so many messages have their turns looked at."""
SHORT_TURN = 64
"""Tokens: whether turns fit is looked at where turns so short would (LoCoMo's take 72 on the average)."""
KIND_OF = {
    Target.CORE: Kind.CORE,
    Target.SEMANTIC: Kind.SEMANTIC,
    Target.EPISODIC: Kind.EPISODIC,
    Target.PROCEDURAL: Kind.PROCEDURAL,
}


async def retrieve(store: MemoryStore, query: Query, embedder: Embedder | None = None) -> Hits:
    """Search one user's memory; targets are searched in parallel.

    Raises: StoreError and its kinds; EmbeddingError; ConfigurationError when `dense_only` has no embedder.
    """
    if query.dense_only and embedder is None:
        raise ConfigurationError("a dense search needs an embedder; open the Persona with embeddings=...")
    try:
        return await _searched(store, query, embedder)
    except NotFound:  # what was found has been erased before it was read: search what is left
        return await _searched(store, query, embedder)


async def _searched(store: MemoryStore, query: Query, embedder: Embedder | None) -> Hits:
    search = await _Search.prepare(store, query, embedder)
    # Messages take more steps than memories, so they begin first; what comes of them stands last.
    parts = [search.messages(t) for t in (Target.IMAGE, Target.TURN) if query.limits.get(t, 0) > 0]
    kinds = frozenset(kind for target, kind in KIND_OF.items() if query.limits.get(target, 0) > 0)
    if kinds:
        parts.append(search.memories(kinds))
    found = await asyncio.gather(*parts)
    hits = tuple(hit for group in reversed(found) for hit in group)
    return Hits(
        hits=hits,
        terms=search.question.terms,
        weights=dict(zip(search.question.terms, search.question.weights, strict=True)),
    )


class _Found(NamedTuple):
    """One candidate on its way to a hit; what is shown only because it lies in the window has no ranking."""

    place: int
    ranking: Ranking | None

    @property
    def score(self) -> float:
        """The sum of the parts."""
        return float(self.ranking.scores[self.place]) if self.ranking is not None else 0.0

    @property
    def parts(self) -> Mapping[str, float]:
        """What the score is the sum of."""
        return self.ranking.parts_of(self.place) if self.ranking is not None else {}


class _Search:
    """One running search: the query, read and embedded once."""

    def __init__(self, store: MemoryStore, query: Query, embedder: Embedder | None, question: Question) -> None:
        self.store, self.query, self.embedder, self.question = store, query, embedder, question
        self.vectors: tuple[NDArray[np.float32], ...] = ()
        self.fingerprint = ""

    @classmethod
    async def prepare(cls, store: MemoryStore, query: Query, embedder: Embedder | None) -> _Search:
        speakers = await store.speakers(query.user)
        words = ("", "") if query.dense_only else (query.text, query.keywords)
        question = read_question(words[0], keywords=words[1], speakers=speakers, now=query.now)
        search = cls(store, query, embedder, question)
        if embedder is not None:
            texts = (query.keywords, query.text) if query.dense_only else (question.dense,)
            wanted = [text for text in texts if text.strip()]
            search.fingerprint = await embedder.fingerprint()
            embedding = [embedder.embed_query(text) for text in wanted]
            search.vectors = tuple([await embedding[0]] if len(embedding) == 1 else await asyncio.gather(*embedding))
        return search

    def lookup(self, vector: NDArray[np.float32] | None, **more: Any) -> Lookup:
        query = self.query
        return Lookup(
            terms=self.question.terms,
            vector=vector,
            fingerprint=self.fingerprint,
            window=query.window,
            as_of=query.as_of,
            exclude=query.exclude if query.back_fill else frozenset(),
            **more,
        )

    async def _best_of(self, find: Callable[[str, Lookup], Coroutine[Any, Any, Found]], **more: Any) -> Found:
        """Candidates with the best cosine of all vectors asked with (one, or two in a dense search)."""
        vectors: tuple[NDArray[np.float32] | None, ...] = self.vectors or (None,)
        if len(vectors) == 1:
            return await find(self.query.user, self.lookup(vectors[0], **more))
        found = await asyncio.gather(*(find(self.query.user, self.lookup(v, **more)) for v in vectors))
        cosines = [c.cosine for c in found if c.cosine is not None]
        if len(cosines) < 2:
            return found[0]
        return replace(found[0], cosine=reduce(np.maximum, cosines))

    async def memories(self, kinds: frozenset[Kind]) -> list[Hit]:
        candidates = await self._best_of(self.store.find_memories, kinds=kinds)
        ranking = _by_cosine(candidates) if self.query.dense_only else rank_memories(self.question, candidates)
        hits: list[Hit] = []
        for target, kind in KIND_OF.items():
            if kind in kinds:
                of_kind = candidates.kinds == kind
                order = self._filled(ranking, of_kind, partial(self._latest, candidates))
                hits += self._take(target, order, candidates.memories)
        episodes = [hit for hit in hits if hit.target is Target.EPISODIC]
        if not episodes or not self.query.turn_tokens:
            return hits
        full = await self._with_turns(episodes)
        return [full.get(hit.id, hit) if hit.target is Target.EPISODIC else hit for hit in hits]

    def _take(self, target: Target, order: Iterable[_Found], memories: Sequence[Memory]) -> list[Hit]:
        """The best k of one kind; a memory that rests only on what is excluded counts as excluded."""
        limit = self.query.limits.get(target, 0)
        hits: list[Hit] = []
        seen: set[str] = set()
        for rank, found in enumerate(order):
            if len(hits) == limit or (not self.query.back_fill and rank >= limit):
                break
            memory = memories[found.place]
            if memory.id in seen or self._excluded(memory):
                continue
            seen.add(memory.id)  # of several versions in one window the best speaks
            score, parts = found.score, found.parts
            hits.append(Hit(target=target, score=score, parts=parts, memory=memory, superseded=not memory.current))
        return hits

    def _filled(
        self, ranking: Ranking, wanted: NDArray[np.bool_], rest: Callable[[], Iterable[int]]
    ) -> Iterator[_Found]:
        """What was found; then, where a window or nothing but a window was asked for, the latest of what lies in it."""
        found = ranking.order[wanted[ranking.order]].tolist()
        for place in found:
            yield _Found(place, ranking)
        if self.query.dense_only or not (self.query.window.bounded or not self.question.terms):
            return
        seen = set(found)
        for place in rest():
            if wanted[place] and place not in seen:
                yield _Found(place, None)

    def _latest(self, candidates: MemoryCandidates) -> list[int]:
        """Places of the memories that began in the window, the latest first; every fact that held then overlaps it."""
        starts = [memory.event.start or EARLIEST for memory in candidates.memories]
        inside = [place for place, start in enumerate(starts) if start in self.query.window]
        return sorted(inside, key=starts.__getitem__, reverse=True)

    def _excluded(self, memory: Memory) -> bool:
        gone = self.query.exclude
        return memory.id in gone or (bool(memory.evidence) and gone.issuperset(memory.evidence))

    async def _ranked_messages(self, **more: Any) -> tuple[MessageCandidates, Ranking]:
        """By words and meaning."""
        candidates = await self._best_of(self.store.find_messages, **more)
        if self.query.dense_only or not len(candidates.rows):
            return candidates, _by_cosine(candidates)
        return candidates, rank_messages(self.question, candidates, by_speaker=self.query.by_speaker)

    async def _best_messages(self, *, images: bool, limit: int) -> tuple[MessageCandidates, Ranking]:
        """The same, the best of them compared token by token."""
        candidates, ranking = await self._ranked_messages(images=images, limit=limit)
        if self.query.dense_only or not len(candidates.rows):
            return candidates, ranking
        space = await self.embedder.token_space() if self.embedder is not None else None
        if space is None or self.embedder is None or self.embedder.tokens is None:
            return candidates, ranking
        rows = rows_to_rerank(ranking, candidates)
        stored = await self.store.token_vectors(self.query.user, rows)
        if not len(stored.rows):
            return candidates, ranking
        (asked,) = await self.embedder.tokens.embed_tokens([self.question.dense])
        tokens = space.match(asked, stored)
        return candidates, rerank(self.question, candidates, ranking, tokens)

    async def messages(self, target: Target) -> list[Hit]:
        images = target is Target.IMAGE
        limit = self.query.limits[target]
        candidates, ranking = await self._best_messages(images=images, limit=limit)
        eligible = candidates.eligible
        best = self._filled(ranking, eligible, lambda: np.flatnonzero(eligible)[::-1].tolist())
        order = list(islice(best, min(limit, len(eligible))))
        if not order:
            return []
        turns = await self.store.messages_at(self.query.user, [int(candidates.rows[f.place]) for f in order])
        if not turns:
            return []  # the user has been erased meanwhile
        hits: list[Hit] = []
        for found, (turn, place) in zip(order, turns, strict=True):
            if turn.id in self.query.exclude:
                continue
            pictures = turn.messages[place].images if images else (None,)
            score, parts = found.score, found.parts
            hits += [Hit(target=target, score=score, parts=parts, turn=turn, message=place, image=p) for p in pictures]
        return [hit for hit in hits if hit.id not in self.query.exclude][:limit]

    async def _with_turns(self, episodes: list[Hit]) -> Mapping[str, Hit]:
        """Each episode with its turns, the best where not all of them fit; all episodes share one budget of tokens."""
        owner = {turn: hit.id for hit in reversed(episodes) for turn in (hit.memory.evidence if hit.memory else ())}
        wanted = frozenset(owner) - self.query.exclude
        turns = await self._all_turns(wanted)
        by_episode: dict[str, list[Turn]] = {}
        for turn in await self._best_turns(wanted) if turns is None else turns:
            by_episode.setdefault(owner[turn.id], []).append(turn)
        return {hit.id: replace(hit, turns=tuple(by_episode.get(hit.id, ()))) for hit in episodes}

    async def _all_turns(self, ids: frozenset[str]) -> list[Turn] | None:
        """Turns by time; None where they do not fit into the budget."""
        query = self.query
        if len(ids) * SHORT_TURN > query.turn_tokens:
            return None
        turns = await self.store.turns(query.user, ids=sorted(ids), receipts=False) if ids else []
        held = [turn for turn in turns if query.as_of is None or turn.at <= query.as_of]
        return held if sum(map(turn_cost, held)) <= query.turn_tokens else None

    async def _best_turns(self, ids: frozenset[str]) -> list[Turn]:
        """Those that fit of the turns that answer best, by time.

        Among the turns of two episodes comparing token by token finds no more evidence (LoCoMo's development
        conversations, within 400 and 1,200 tokens), so it is left out.
        """
        candidates, ranking = await self._ranked_messages(turns=ids)
        rows = [int(row) for row in candidates.rows[ranking.order[:MOST_MESSAGES]]]
        left, kept = self.query.turn_tokens, dict[str, tuple[int, Turn]]()
        for row, (turn, _) in zip(rows, await self.store.messages_at(self.query.user, rows), strict=False):
            cost = turn_cost(turn)
            if turn.id in kept or left <= 0 or (kept and cost > left):
                continue
            kept[turn.id] = row, turn if cost <= left else fitted([turn], left)[0]
            left -= cost
        return [turn for _, turn in sorted(kept.values(), key=lambda one: one[0])]  # rows are in order of time


def _by_cosine(candidates: MessageCandidates | MemoryCandidates) -> Ranking:
    """The order of the vectors alone; what has no vector yet is not found."""
    cosine = candidates.cosine if candidates.cosine is not None else np.zeros(0, np.float32)
    found = cosine != 0
    if isinstance(candidates, MessageCandidates):
        found = found & candidates.eligible
    places = np.flatnonzero(found)
    return Ranking(order=places[np.argsort(-cosine[places], kind="stable")], scores=cosine, parts={"cosine": cosine})
