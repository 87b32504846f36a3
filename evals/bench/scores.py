"""Evidence recall, and how sure a difference between two systems is."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from evals.bench.questions import ADVERSARIAL, Question

DEPTHS = (5, 10, 20)
RESAMPLES = 10_000

Found = Sequence[Sequence[str]]
"""For each question the ids found, best first."""


def recalls(questions: Sequence[Question], found: Found, k: int) -> NDArray[np.float64]:
    """(n,) the share of each question's evidence among its first k messages, in percent."""
    pairs = zip(questions, found, strict=True)
    return np.array([100 * len(q.evidence.intersection(ids[:k])) / len(q.evidence) for q, ids in pairs], np.float64)


def where(questions: Sequence[Question], wanted: Callable[[int], bool]) -> NDArray[np.bool_]:
    """(n,) which questions are of a wanted category."""
    return np.array([wanted(question.category) for question in questions], dtype=bool)


def answerable(questions: Sequence[Question]) -> NDArray[np.bool_]:
    """(n,) categories 1 to 4."""
    return where(questions, lambda category: category != ADVERSARIAL)


def mean(values: NDArray[np.float64], chosen: NDArray[np.bool_]) -> float | None:
    """The mean over the chosen questions; None when there are none."""
    return float(values[chosen].mean()) if chosen.any() else None


def difference(ours: NDArray[np.float64], theirs: NDArray[np.float64], seed: int = 0) -> list[float]:
    """[mean, low, high] of ours - theirs over the same questions: paired bootstrap, 95 %."""
    gaps = ours - theirs
    rng = np.random.default_rng(seed)
    means = np.array([gaps[rng.integers(0, len(gaps), len(gaps))].mean() for _ in range(RESAMPLES)])
    low, high = np.percentile(means, (2.5, 97.5))
    return [float(gaps.mean()), float(low), float(high)]
