"""What each feature of a message is worth; written by `evals/bench/fit_weights.py`."""

from __future__ import annotations

from collections.abc import Mapping

WORDS: Mapping[str, float] = {
    "words": 4.88,
    "words_nearby": 5.49,
    "speaker": 1.40,
    "date": 3.61,
    "answer": 1.74,
    "first_person": 0.65,
    "question": -0.47,
    "name": 0.41,
}
"""Without an embedder."""

VECTORS: Mapping[str, float] = {
    "words": 3.04,
    "words_nearby": 4.20,
    "meaning": 3.78,
    "meaning_nearby": 4.80,
    "speaker": 1.40,
    "date": 3.54,
    "answer": 1.60,
    "first_person": 0.66,
    "question": -0.46,
    "name": 0.42,
}
"""With one vector a message."""

TOKENS: Mapping[str, float] = {
    "words": 2.49,
    "tokens": 3.55,
    "tokens_nearby": 5.50,
    "meaning": 1.94,
    "meaning_nearby": 3.68,
    "speaker": 1.38,
    "date": 3.54,
    "answer": 1.51,
    "first_person": 0.46,
    "question": -0.54,
    "name": 0.27,
}
"""With token vectors of the best by the first stage."""
