"""LangGraph's `InMemoryStore(index=...)`: its own semantic search, one namespace a person."""

from __future__ import annotations

from collections.abc import Sequence

from evals.bench.peers.peer import Corpus, Vectors, by_sample
from evals.bench.questions import Question
from evals.bench.vectors import GivenVectors


def search(corpora: Sequence[Corpus], questions: Sequence[Question], vectors: Vectors, k: int) -> list[list[str]]:
    """For each question the ids of the k items that the store's search returns."""
    from langgraph.store.memory import InMemoryStore

    embed = GivenVectors(vectors)
    store = InMemoryStore(index={"dims": embed.dimensions, "embed": embed, "fields": ["text"]})
    found: list[list[str]] = [[] for _ in questions]
    for corpus, places in by_sample(corpora, questions):
        for id, text in zip(corpus.ids, corpus.texts, strict=True):
            store.put((corpus.sample,), id, {"text": text})
        for place in places:
            items = store.search((corpus.sample,), query=questions[place].text, limit=k)
            found[place] = [item.key for item in items]
    return found
