"""Token vectors: made small, matched token by token, and joined to the ranking."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence

import numpy as np
import pytest

from persona_graph.retrieval.question import read_question
from persona_graph.retrieval.token_vectors import DIMENSIONS, SCALE, StoredTokens, TokenSpace, TokenVectors


class WordVectors:
    """A token embedder that gives each word a fixed random vector, and all words one common direction."""

    async def embed_tokens(self, texts: Sequence[str]) -> list[TokenVectors]:
        return [self.of(text) for text in texts]

    def of(self, text: str) -> TokenVectors:
        words = tuple(text.replace("?", " ?").split())
        rows = [self._vector(word.lower()) for word in words]
        return TokenVectors(words=words, vectors=np.array(rows, np.float32).reshape(len(words), 128))

    def _vector(self, word: str) -> list[float]:
        seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:8], "big")
        return list(np.random.default_rng(seed).standard_normal(128) + 3)


EMBEDDER = WordVectors()


@pytest.fixture(scope="module")
def space() -> TokenSpace:
    return asyncio.run(TokenSpace.of(EMBEDDER))


def test_the_space_of_an_embedder_is_the_same_each_time(space: TokenSpace) -> None:
    again = asyncio.run(TokenSpace.of(EMBEDDER))
    assert np.array_equal(space.mean, again.mean)
    assert np.array_equal(space.directions, again.directions)


def test_only_words_that_say_something_are_kept_each_as_a_unit_vector_of_small_integers(space: TokenSpace) -> None:
    stored = space.stored(EMBEDDER.of("We went to the pottery workshop"))
    assert stored.dtype == np.int8
    assert stored.shape == (3, DIMENSIONS)
    assert np.linalg.norm(stored.astype(np.float32) / SCALE, axis=1) == pytest.approx(1, abs=0.05)


def test_a_text_without_tokens_is_kept_as_none(space: TokenSpace) -> None:
    assert space.stored(EMBEDDER.of("")).shape == (0, DIMENSIONS)


def test_the_same_word_matches_fully_and_another_hardly(space: TokenSpace) -> None:
    stored = {
        7: space.stored(EMBEDDER.of("pottery")),
        3: space.stored(EMBEDDER.of("lake house")),
        5: np.zeros((0, 96), np.int8),
    }
    match = space.match(EMBEDDER.of("pottery"), StoredTokens.of(stored))
    assert match.rows.tolist() == [3, 7]
    assert match.similarity[0, 1] == pytest.approx(1, abs=0.02)
    assert match.similarity[0, 0] < 0.6


def test_messages_without_token_vectors_match_nothing(space: TokenSpace) -> None:
    match = space.match(EMBEDDER.of("pottery"), StoredTokens.of({7: space.stored(EMBEDDER.of("pottery"))}))
    assert match.spread(np.array([3, 7, 9]))[0].tolist() == pytest.approx([0, match.similarity[0, 0], 0])
    empty = space.match(EMBEDDER.of("pottery"), StoredTokens.of({}))
    assert empty.spread(np.array([3, 7])).tolist() == [[0, 0]]


def test_the_pieces_of_a_word_share_its_importance(space: TokenSpace) -> None:
    question = read_question("pottery workshop")
    match = space.match(
        EMBEDDER.of("pottery workshop workshop"), StoredTokens.of({7: space.stored(EMBEDDER.of("pottery"))})
    )
    importance = match.importance(question, np.array([2, 3], np.float32))
    assert importance.tolist() == [2, 1.5, 1.5]
