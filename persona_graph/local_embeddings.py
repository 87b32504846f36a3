"""Local embeddings through sentence-transformers (the `embeddings` extra); never reaches the network.

Weights are those on this machine: a folder, or a model in the Hugging Face cache. Besides one vector a
text it gives one a token, which ranking uses as a second stage (`TokenEmbeddings`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import numpy as np
from langchain_core.embeddings import Embeddings
from numpy.typing import NDArray

from persona_graph.errors import ConfigurationError
from persona_graph.retrieval.token_vectors import TokenVectors

DEFAULT_MODEL = "sentence-transformers/all-MiniLM-L6-v2"
BATCH = 64


class MissingWeights(ConfigurationError):
    """The model's weights are not on this machine."""


class LocalEmbeddings(Embeddings):
    """LangChain's `Embeddings` and our `TokenEmbeddings`, from weights on this machine."""

    def __init__(self, model: str = DEFAULT_MODEL, *, threads: int = 1) -> None:
        """Load a model's name or folder. Raises: ConfigurationError, MissingWeights."""
        try:
            import torch
            from sentence_transformers import SentenceTransformer
        except ImportError as error:
            hint = "pip install 'persona-graph[embeddings]'"
            raise ConfigurationError(f"local embeddings need the embeddings extra: {hint}") from error
        # More threads than idle cores wait for one another and cost several times the time.
        torch.set_num_threads(threads)
        try:
            self._model: Any = SentenceTransformer(model, device="cpu", local_files_only=True)
        except (OSError, ValueError) as error:
            raise MissingWeights(
                f"the weights of {model!r} are not on this machine; fetch them once (hf download {model}) "
                "or name a folder that holds them (local:FOLDER)"
            ) from error

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """One unit vector a text."""
        vectors = self._model.encode(texts, batch_size=BATCH, normalize_embeddings=True, show_progress_bar=False)
        return [[float(value) for value in vector] for vector in np.asarray(vectors)]

    def embed_query(self, text: str) -> list[float]:
        """The unit vector of one text."""
        return self.embed_documents([text])[0]

    async def embed_tokens(self, texts: Sequence[str]) -> list[TokenVectors]:
        """The last layer's vector of every token, with the word that it belongs to."""
        return await asyncio.to_thread(self._embed_tokens, list(texts))

    def _embed_tokens(self, texts: list[str]) -> list[TokenVectors]:
        features = self._model.encode(texts, output_value="token_embeddings", batch_size=BATCH, show_progress_bar=False)
        return [self._of_words(text, np.asarray(rows)) for text, rows in zip(texts, features, strict=True)]

    def _of_words(self, text: str, rows: NDArray[np.float32]) -> TokenVectors:
        encoding = self._model.tokenizer(text, truncation=True, max_length=self._model.max_seq_length)
        places = range(min(len(rows), len(encoding["input_ids"])))
        spans = [(at, encoding.token_to_word(at)) for at in places]
        kept = [(at, encoding.word_to_chars(word)) for at, word in spans if word is not None]
        return TokenVectors(
            words=tuple(text[span.start : span.end] for _, span in kept),
            vectors=np.asarray(rows[[at for at, _ in kept]], np.float32),
        )
