"""Texts as vectors: `open_embeddings(spec)` gives an `Embedder`, or None to search by words alone.

A spec is `"none"`, `"hash"` (tests), `"local"` or `"local:MODEL"` (the `embeddings` extra),
`"provider:model"` (LangChain), any LangChain `Embeddings`, or a callable `list[str] -> list[vector]`,
sync or async. An embedder is known by its fingerprint, the vector of a fixed sentence, so that vectors
of two models are never compared.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from persona_graph.errors import ConfigurationError, EmbeddingError
from persona_graph.retrieval.analysis import analyse
from persona_graph.retrieval.token_vectors import TokenEmbeddings, TokenSpace

if TYPE_CHECKING:
    from langchain_core.embeddings import Embeddings


logger = logging.getLogger(__name__)

EmbedNow = Callable[[Sequence[str]], list[list[float]]]
EmbedLater = Callable[[Sequence[str]], Awaitable[list[list[float]]]]
EmbeddingsSpec: TypeAlias = "str | Embeddings | EmbedNow | EmbedLater | Embedder | None"

PROBE = "Every morning she feeds the grey cat, then cycles to the harbour in the rain."
"""The fixed sentence whose vector tells models apart."""


class Embedder:
    """One embedding model: unit vectors, a fingerprint, and token vectors where the model gives them."""

    def __init__(self, embeddings: Embeddings, *, name: str = "") -> None:
        self.name = name or type(embeddings).__name__
        self.tokens: TokenEmbeddings | None = embeddings if hasattr(embeddings, "embed_tokens") else None
        self._embeddings = embeddings
        self._fingerprint = ""
        self._space: TokenSpace | None = None

    async def fingerprint(self) -> str:
        """What tells this model from others; the model is asked once."""
        if not self._fingerprint:
            self._fingerprint = fingerprint_of(await self.embed_query(PROBE))
        return self._fingerprint

    async def token_space(self) -> TokenSpace | None:
        """How this model's token vectors are made small; None where it gives none."""
        if self._space is None and self.tokens is not None:
            self._space = await TokenSpace.of(self.tokens)
        return self._space

    async def embed_query(self, text: str) -> NDArray[np.float32]:
        """(d,) unit vector of a question. Raises: EmbeddingError."""
        return _unit(await _asked(self._embeddings.aembed_query(text), self.name))

    async def embed_documents(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(n, d) unit vectors of texts to remember. Raises: EmbeddingError."""
        vectors = _unit(await _asked(self._embeddings.aembed_documents(list(texts)), self.name))
        if len(vectors) != len(texts):
            raise EmbeddingError(f"the embedder {self.name} gave {len(vectors)} vectors for {len(texts)} texts")
        return vectors


def open_embeddings(spec: EmbeddingsSpec) -> Embedder | None:
    """The embedder that a spec names; None for `None`, `"none"`, and for `"local"` without its weights.

    Raises: ConfigurationError when the spec names nothing that is installed.
    """
    if spec is None or spec == "none":
        return None
    if isinstance(spec, Embedder):
        return spec
    if spec == "hash":
        return Embedder(_hash_embeddings(), name="hash")
    if isinstance(spec, str) and (spec == "local" or spec.startswith("local:")):
        return _open_local(spec.partition(":")[2])
    if isinstance(spec, str) and ":" not in spec:
        raise ConfigurationError(
            f"{spec!r} names no embeddings; write none, hash, local, local:MODEL or provider:model"
        )
    from langgraph.store.base.embed import ensure_embeddings

    try:
        return Embedder(ensure_embeddings(spec), name=spec if isinstance(spec, str) else "")
    except (ImportError, ValueError) as error:
        hint = "pip install langchain and the provider's package, for example langchain-openai"
        raise ConfigurationError(f"embeddings {spec!r} cannot be opened: {error}; {hint}") from error


def fingerprint_of(vector: NDArray[np.float32]) -> str:
    """Dimensions, then which components are largest and their signs: steady under rounding and small noise."""
    size = np.sort(np.abs(vector))[::-1][:24]
    gaps = size[4:-1] - size[5:]
    kept = int(np.argmax(gaps)) + 5 if len(gaps) else len(size)
    strongest = np.sort(np.argsort(-np.abs(vector), kind="stable")[:kept])
    signs = "".join(f"{i}{'+' if vector[i] > 0 else '-'}" for i in strongest)
    return f"{len(vector)}-{hashlib.sha256(signs.encode()).hexdigest()[:12]}"


def _open_local(model: str) -> Embedder | None:
    from persona_graph.local_embeddings import DEFAULT_MODEL, LocalEmbeddings, MissingWeights

    try:
        return Embedder(LocalEmbeddings(model or DEFAULT_MODEL), name=f"local:{model or DEFAULT_MODEL}")
    except MissingWeights as missing:
        logger.warning("%s; searching by words alone", missing)
        return None


def _hash_embeddings() -> Embeddings:
    from langchain_core.embeddings import Embeddings as Base

    class HashEmbeddings(Base):
        """Analysed terms hashed into 256 dimensions: for tests, no meaning beyond shared words."""

        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            return [self.embed_query(text) for text in texts]

        def embed_query(self, text: str) -> list[float]:
            vector = [0.0] * 256
            for term in analyse(text) or [""]:
                sha = hashlib.sha256(term.encode()).digest()
                vector[sha[0]] += 1.0 if sha[1] % 2 else -1.0
            return vector

    return HashEmbeddings()


async def _asked(answer: Awaitable[Any], name: str) -> Any:
    # The embedder is somebody else's code: whatever it raises becomes the one error of this boundary.
    try:
        return await answer
    except Exception as error:
        raise EmbeddingError(f"the embedder {name} failed: {type(error).__name__}: {error}") from error


def _unit(vectors: Any) -> NDArray[np.float32]:
    array: NDArray[np.float32] = np.asarray(vectors, dtype=np.float32)
    if not np.isfinite(array).all():
        raise EmbeddingError("the embedder gave numbers that are not finite")
    length = np.linalg.norm(array, axis=-1, keepdims=True)
    return np.asarray(array / np.where(length == 0, 1, length), dtype=np.float32)
