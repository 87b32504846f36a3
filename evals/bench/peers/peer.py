"""What every rival gets: the same texts, the same vectors, the same questions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evals.bench.questions import Question
from persona_graph.conversation import Message
from persona_graph.ingest import History

Vectors = Mapping[str, NDArray[np.float32]]
"""A text's unit vector."""


class Missing(Exception):
    """The rival's package is not installed here; its row stays empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Corpus:
    """One person's messages as a rival sees them."""

    sample: str
    ids: tuple[str, ...]
    texts: tuple[str, ...]

    @classmethod
    def of(cls, history: History) -> Corpus:
        """Every message of a history."""
        messages = [message for turn in history.turns for message in turn.messages]
        return cls(
            sample=history.name,
            ids=tuple(message.outside_id for message in messages),
            texts=tuple(peer_text(message) for message in messages),
        )


def peer_text(message: Message) -> str:
    """All that we store of a message, in one string: `Speaker: text [shares caption]`; rivals do better with names."""
    name = f"{message.speaker}: " if message.speaker else ""
    captions = "".join(f" [shares {image.caption}]" for image in message.images if image.caption)
    return f"{name}{message.text}{captions}"


def by_sample(corpora: Sequence[Corpus], questions: Sequence[Question]) -> list[tuple[Corpus, list[int]]]:
    """Each corpus with the places of its questions."""
    return [(c, [i for i, question in enumerate(questions) if question.sample == c.sample]) for c in corpora]
