"""A person's year, made up: the words of `probes/store/floor.py` in sessions of ten messages, vectors by chance."""

from __future__ import annotations

import random
import zlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
from langchain_core.embeddings import Embeddings
from numpy.typing import NDArray

from persona_graph.conversation import Message, Role, Turn
from persona_graph.retrieval.token_vectors import TokenVectors
from persona_graph.timerange import TimeRange

DIMENSIONS = 384
VOCABULARY = 5000
ZIPF = [1 / (rank + 10) for rank in range(VOCABULARY)]
SESSION = 10
"""Messages a session."""
START = datetime(2025, 1, 1, tzinfo=UTC)
YEAR = timedelta(days=365)
WINDOW = timedelta(days=60)

Vector = NDArray[np.float32]


class Year:
    """Draws everything from one seed."""

    def __init__(self, seed: int = 0) -> None:
        self._rng = np.random.default_rng(seed)
        self._pick = random.Random(seed)

    def sentence(self, words: int = 14) -> str:
        """Words by Zipf's law."""
        return " ".join(f"w{i}" for i in self._pick.choices(range(VOCABULARY), ZIPF, k=words))

    def vectors(self, count: int) -> Vector:
        """(count, d) unit vectors."""
        rows = self._rng.standard_normal((count, DIMENSIONS), dtype=np.float32)
        unit: Vector = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        return unit

    def turns(self, messages: int) -> Iterator[Turn]:
        """Turns of two messages in order of time, ten messages a session, sessions all over the year."""
        seconds = YEAR.total_seconds()
        starts = sorted(self._pick.uniform(0, seconds) for _ in range(-(-messages // SESSION)))
        for number in range(messages // 2):
            session, place = divmod(number, SESSION // 2)
            at = START + timedelta(seconds=starts[session], minutes=place)
            yield self.turn(f"turn-{number}", at, f"session-{session}")

    def turn(self, id: str, at: datetime, session: str, count: int = 2) -> Turn:
        """One exchange, or its first message alone."""
        said = [Message.of(role, self.sentence()) for role in (Role.PERSON, Role.ASSISTANT)[:count]]
        return Turn(id=id, at=at, session=session, messages=tuple(said))

    def window(self) -> TimeRange:
        """60 days of the year."""
        start = START + timedelta(seconds=self._pick.uniform(0, (YEAR - WINDOW).total_seconds()))
        return TimeRange(start=start, end=start + WINDOW)


class MadeUpEmbeddings(Embeddings):
    """A vector by chance for each text, the same in every process.

    `prepare` a text before the clock runs: then it is only looked up.
    """

    def __init__(self) -> None:
        self._given = dict[str, list[float]]()

    def prepare(self, text: str) -> None:
        """Draw the vector of a text."""
        self._given[text] = self._drawn(text)

    def embed_query(self, text: str) -> list[float]:
        """The vector of a text."""
        return self._given.get(text) or self._drawn(text)

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """The vectors of texts."""
        return [self.embed_query(text) for text in texts]

    async def aembed_query(self, text: str) -> list[float]:
        """The same, without a hop to a thread."""
        return self.embed_query(text)

    def _drawn(self, text: str) -> list[float]:
        numbers: list[float] = np.random.default_rng(zlib.crc32(text.encode())).standard_normal(DIMENSIONS).tolist()
        return numbers


class MadeUpTokens(MadeUpEmbeddings):
    """The same, with one vector a word."""

    def __init__(self) -> None:
        super().__init__()
        self._words = Year(1).vectors(VOCABULARY)
        self._split = dict[str, TokenVectors]()

    def prepare(self, text: str) -> None:
        """Draw the vector of a text and look up those of its words."""
        super().prepare(text)
        self._split[text] = self._tokens_of(text)

    async def embed_tokens(self, texts: Sequence[str]) -> list[TokenVectors]:
        """The words' vectors."""
        return [self._split.get(text) or self._tokens_of(text) for text in texts]

    def _tokens_of(self, text: str) -> TokenVectors:
        words = tuple(text.split())
        return TokenVectors(words=words, vectors=self._words[[zlib.crc32(w.encode()) % VOCABULARY for w in words]])
