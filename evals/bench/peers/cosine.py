"""Plain dense search: the messages nearest to the question by cosine, one numpy matrix a person."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from evals.bench.peers.peer import Corpus, Vectors, by_sample
from evals.bench.questions import Question


def search(corpora: Sequence[Corpus], questions: Sequence[Question], vectors: Vectors, k: int) -> list[list[str]]:
    """For each question the ids of the k nearest messages."""
    found: list[list[str]] = [[] for _ in questions]
    for corpus, places in by_sample(corpora, questions):
        matrix = np.stack([vectors[text] for text in corpus.texts])
        for place in places:
            cosine = matrix @ vectors[questions[place].text]
            found[place] = [corpus.ids[row] for row in np.argsort(-cosine, kind="stable")[:k]]
    return found
