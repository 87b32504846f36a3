"""A vector for each token instead of one for each text: how they are made small, and how they match.

`TokenSpace` turns an embedder's token vectors into a few bytes; it is found from the embedder's own
vectors of a fixed text (`PROBES`), never from anybody's data, so every store of one embedder shares it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from persona_graph.retrieval.analysis import analyse, says_something
from persona_graph.retrieval.probes import PROBES
from persona_graph.retrieval.question import Question

DIMENSIONS = 96
BLAS_ALONE = 2**18
"""Multiplications up to which OpenBLAS works on one thread."""
SCALE = 127
"""A unit vector's largest possible coordinate, as int8."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenVectors:
    """The tokens of one text."""

    words: tuple[str, ...]
    """(k,) the whole word that each token belongs to."""
    vectors: NDArray[np.float32]
    """(k, d)"""


class TokenEmbeddings(Protocol):
    """An embedder that gives a vector for each token, beside the one for the whole text."""

    async def embed_tokens(self, texts: Sequence[str]) -> list[TokenVectors]:
        """The tokens of each text, in order; special tokens left out."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenSpace:
    """What an embedder's tokens have in common, and the directions in which they differ most."""

    mean: NDArray[np.float32]
    """(d,) lies in every token vector and says nothing."""
    directions: NDArray[np.float32]
    """(d, d') principal directions, at most `DIMENSIONS`."""

    @classmethod
    async def of(cls, embedder: TokenEmbeddings) -> Self:
        """The space of an embedder; the same each time."""
        return cls.found_in(await embedder.embed_tokens(PROBES))

    @classmethod
    def found_in(cls, texts: Sequence[TokenVectors]) -> Self:
        """The space of the tokens of some texts."""
        vectors = np.concatenate([_content(text).vectors for text in texts]).astype(np.float32)
        mean = vectors.mean(axis=0)
        _, _, directions = np.linalg.svd(vectors - mean, full_matrices=False)
        kept = directions[:DIMENSIONS]
        # A direction's sign is arbitrary; its largest coordinate is made positive.
        largest = np.take_along_axis(kept, np.abs(kept).argmax(axis=1)[:, None], axis=1)
        return cls(mean=mean, directions=(kept * np.sign(largest)).T.astype(np.float32))

    def stored(self, tokens: TokenVectors) -> NDArray[np.int8]:
        """(k', d') what is kept of a message: the tokens of words that say something, as small integers."""
        return np.rint(self._reduced(_content(tokens).vectors) * SCALE).astype(np.int8)

    def match(self, question: TokenVectors, stored: StoredTokens) -> TokenMatch:
        """How near the tokens of a question come to those of messages."""
        asked = _content(question)
        similarity = np.zeros((len(asked.words), len(stored.rows)), np.float32)
        if len(stored.rows):
            products = _products(stored.vectors, self._reduced(asked.vectors))
            similarity = np.maximum(np.maximum.reduceat(products, stored.starts, axis=1) / SCALE, 0)
        return TokenMatch(words=asked.words, rows=stored.rows, similarity=similarity)

    def _reduced(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        reduced = (vectors - self.mean) @ self.directions
        lengths = np.linalg.norm(reduced, axis=1, keepdims=True)
        return np.asarray(reduced / np.maximum(lengths, 1e-9), np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredTokens:
    """What is kept of the tokens of several messages, one after the other."""

    rows: NDArray[np.int64]
    """(r,) ascending; messages without tokens are absent."""
    starts: NDArray[np.int64]
    """(r,) where each message's tokens begin."""
    vectors: NDArray[np.int8]
    """(sum of k, d')"""

    @classmethod
    def of(cls, kept: Mapping[int, NDArray[np.int8]]) -> Self:
        """Of what `TokenSpace.stored` gave for each row."""
        rows = sorted(row for row, vectors in kept.items() if len(vectors))
        if not rows:
            return cls(rows=np.empty(0, np.int64), starts=np.empty(0, np.int64), vectors=np.empty((0, 1), np.int8))
        lengths = [len(kept[row]) for row in rows]
        starts = np.cumsum([0, *lengths[:-1]])
        return cls(rows=np.array(rows, np.int64), starts=starts, vectors=np.concatenate([kept[row] for row in rows]))


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenMatch:
    """For each token of a question, the most similar token of each message (MaxSim)."""

    words: tuple[str, ...]
    """(m,) the question's words, one a token."""
    rows: NDArray[np.int64]
    """(r,) ascending."""
    similarity: NDArray[np.float32]
    """(m, r) 0 to 1."""

    def spread(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """(m, n) over these rows; 0 where a row has no token vectors."""
        spread = np.zeros((len(self.words), len(rows)), np.float32)
        if len(self.rows):
            at = np.minimum(np.searchsorted(self.rows, rows), len(self.rows) - 1)
            known = self.rows[at] == rows
            spread[:, known] = self.similarity[:, at[known]]
        return spread

    def importance(self, question: Question, importance: NDArray[np.float32]) -> NDArray[np.float32]:
        """(m,) of each token: that of its word's term, shared among the tokens of the word."""
        known = dict(zip(question.terms, importance.tolist(), strict=True))
        found = [max((known.get(term, 0.0) for term in analyse(word)), default=0.0) for word in self.words]
        shared = [value / self.words.count(word) for word, value in zip(self.words, found, strict=True)]
        return np.array(shared, np.float32)


def _products(stored: NDArray[np.int8], asked: NDArray[np.float32]) -> NDArray[np.float32]:
    """(m, k) of every asked token with every stored one, a slice at a time.

    In one product BLAS would wake a thread on every core, and they spin for longer than all of this takes.
    """
    found = np.empty((len(asked), len(stored)), np.float32)
    step = max(BLAS_ALONE // max(asked.size, 1), 1)
    for start in range(0, len(stored), step):
        piece = stored[start : start + step].astype(np.float32)
        np.matmul(asked, piece.T, out=found[:, start : start + step])
    return found


def _content(tokens: TokenVectors) -> TokenVectors:
    """The tokens of words that say something; all of them where none does."""
    kept = [at for at, word in enumerate(tokens.words) if says_something(word)] or list(range(len(tokens.words)))
    return TokenVectors(words=tuple(tokens.words[at] for at in kept), vectors=tokens.vectors[kept])
