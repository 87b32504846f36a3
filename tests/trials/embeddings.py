"""`PlantedEmbeddings`: vectors of texts and tokens that no other text and no other word has."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from langchain_core.embeddings import Embeddings
from numpy.typing import NDArray

from persona_graph.retrieval.analysis import analyse
from persona_graph.retrieval.token_vectors import TokenVectors

DIMENSIONS = 64
OWN = 0.2
"""How far a text's vector stands from that of its words."""


class PlantedEmbeddings(Embeddings):
    """Hashed words, as in `embeddings="hash"`, and a little of the text's own."""

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """A vector for each text."""
        return [self.embed_query(text) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        """The vector of one text."""
        words = [_noise(term) for term in analyse(text)] or [_noise("")]
        return [float(value) for value in np.mean(words, axis=0) + OWN * _noise(f"text {text}")]

    async def embed_tokens(self, texts: Sequence[str]) -> list[TokenVectors]:
        """A vector for each word of each text."""
        return [self._tokens(text) for text in texts]

    def _tokens(self, text: str) -> TokenVectors:
        words = tuple(text.split()) or ("",)
        return TokenVectors(words=words, vectors=np.array([_noise(word) for word in words], np.float32))


def _noise(name: str) -> NDArray[np.float64]:
    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")
    return np.random.default_rng(seed).standard_normal(DIMENSIONS)
