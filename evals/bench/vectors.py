"""Vectors made once and looked up after, so that encoding is in nobody's time and the same for all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
from langchain_core.embeddings import Embeddings
from numpy.typing import NDArray

from persona_graph.retrieval.token_vectors import TokenVectors

Vector = NDArray[np.float32]


class Encoder(Protocol):
    """A model with pooled and with token vectors, such as `minilm.MiniLM`."""

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """One vector a text."""
        ...

    async def embed_tokens(self, texts: Sequence[str]) -> list[TokenVectors]:
        """One vector a word piece of each text."""
        ...


class GivenVectors(Embeddings):
    """LangChain `Embeddings` that look a text up, spaces around it aside; a text without a vector is an error."""

    def __init__(self, vectors: Mapping[str, Vector]) -> None:
        self.vectors = {text.strip(): vector for text, vector in vectors.items()}

    @property
    def dimensions(self) -> int:
        """How long the vectors are."""
        return len(next(iter(self.vectors.values())))

    def embed_query(self, text: str) -> list[float]:
        """The vector of a text."""
        return [float(value) for value in self.vectors[text.strip()]]

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """The vectors of texts."""
        return [self.embed_query(text) for text in texts]


class RememberedEmbeddings(Embeddings):
    """An encoder that encodes each text once: LangChain `Embeddings` with our token vectors."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._pooled: dict[str, Vector] = {}
        self._tokens: dict[str, TokenVectors] = {}

    def vectors(self, texts: Sequence[str]) -> dict[str, Vector]:
        """Each text's vector."""
        self.embed_documents(list(texts))
        return {text: self._pooled[text] for text in texts}

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """The vectors of texts; what is new is encoded in one batch."""
        new = [text for text in dict.fromkeys(texts) if text not in self._pooled]
        if new:
            made = self._encoder.embed_documents(new)
            self._pooled.update({text: np.asarray(v, np.float32) for text, v in zip(new, made, strict=True)})
        return [[float(value) for value in self._pooled[text]] for text in texts]

    def embed_query(self, text: str) -> list[float]:
        """The vector of a text."""
        return self.embed_documents([text])[0]

    async def aembed_query(self, text: str) -> list[float]:
        """The vector of a text, without a hop to a thread."""
        return self.embed_query(text)

    async def aembed_documents(self, texts: list[str]) -> list[list[float]]:
        """The vectors of texts, without a hop to a thread."""
        return self.embed_documents(texts)

    async def embed_tokens(self, texts: Sequence[str]) -> list[TokenVectors]:
        """One vector a word piece of each text."""
        new = [text for text in dict.fromkeys(texts) if text not in self._tokens]
        if new:
            self._tokens.update(zip(new, await self._encoder.embed_tokens(new), strict=True))
        return [self._tokens[text] for text in texts]
