"""Plain BM25 by the `rank-bm25` package: words casefolded and stemmed, stopwords left out."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import snowballstemmer

from evals.bench.peers.peer import Corpus, Missing, Vectors, by_sample
from evals.bench.questions import Question

STOPWORDS = frozenset(
    "a about after all also am an and any are as at be because been before being but by can could did do does doing "
    "for from had has have having he her here hers him his how i if in into is it its itself just me more most my no "
    "nor not now of off on once only or other our out over own s same she should so some such t than that the their "
    "them then there these they this those through to too under until up very was we were what when where which while "
    "who whom why will with would you your yours".split()
)

_stemmer = snowballstemmer.stemmer("english")


def search(corpora: Sequence[Corpus], questions: Sequence[Question], vectors: Vectors, k: int) -> list[list[str]]:
    """For each question the ids of the k best messages; `vectors` is not used.

    Raises: Missing when rank-bm25 is not installed.
    """
    del vectors
    try:
        from rank_bm25 import BM25Okapi
    except ImportError as error:
        raise Missing("rank-bm25 is not installed") from error
    found: list[list[str]] = [[] for _ in questions]
    for corpus, places in by_sample(corpora, questions):
        index = BM25Okapi([words(text) for text in corpus.texts])
        for place in places:
            scores = index.get_scores(words(questions[place].text))
            found[place] = [corpus.ids[row] for row in np.argsort(-scores, kind="stable")[:k]]
    return found


def words(text: str) -> list[str]:
    """The stems that count."""
    stems: list[str] = _stemmer.stemWords([w for w in re.findall(r"\w+", text.casefold()) if w not in STOPWORDS])
    return stems
