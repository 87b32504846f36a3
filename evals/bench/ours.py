"""Our side of a recall bench: conversations as plain journals in a real store, searched by the real `retrieve`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from evals.bench.questions import Question
from evals.bench.scores import DEPTHS
from persona_graph.embeddings import EmbeddingsSpec
from persona_graph.ingest import History
from persona_graph.media import FolderMedia
from persona_graph.memory.store import MemoryStore
from persona_graph.retrieval.query import Query, Target
from persona_graph.service import Persona
from persona_graph.update.drain import embed_pending

Told = Callable[[str], None]


def persona_over(store: MemoryStore, embeddings: EmbeddingsSpec = None) -> Persona:
    """The service over an open store, without a model."""
    return Persona.open(store, embeddings=embeddings, media=FolderMedia(Path("unused")))


@dataclass(frozen=True, slots=True)
class Journals:
    """Conversations in a store, each as a user of its own that the bench removes again."""

    store: MemoryStore
    histories: Sequence[History]
    prefix: str = "bench-recall-"

    def user(self, sample: str) -> str:
        """Whose memory holds a conversation."""
        return f"{self.prefix}{sample}"

    async def write(self) -> None:
        """Write every conversation: turns alone, no update jobs, no vectors."""
        for history in self.histories:
            await self.store.remove_user(self.user(history.name))
            await self.store.append(self.user(history.name), history.turns)

    async def embed(self, persona: Persona, tell: Told = lambda _line: None) -> None:
        """Give every message its vectors, as the Update stage does."""
        for history in self.histories:
            tell(f"encoding {history.name} ...")
            count = await embed_pending(persona.engine, self.user(history.name))
            if count < history.messages:
                raise RuntimeError(f"{history.name} has {history.messages} messages, but only {count} got a vector")

    async def search(self, questions: Sequence[Question], persona: Persona, k: int) -> list[list[str]]:
        """For each question the outside ids of the k messages found, asked at the end of its conversation."""
        ends = {history.name: history.turns[-1].at for history in self.histories}
        found = []
        for question in questions:
            now, user = ends[question.sample], self.user(question.sample)
            query = Query(user=user, text=question.text, limits={Target.TURN: k}, now=now)
            hits = (await persona.aretrieve(query)).of(Target.TURN)
            found.append([hit.turn.messages[hit.message].outside_id for hit in hits if hit.turn is not None])
        return found

    async def search_at_depths(
        self, questions: Sequence[Question], persona: Persona, depths: Sequence[int] = DEPTHS
    ) -> dict[int, list[list[str]]]:
        """The same, asked anew for every k: k messages and nothing more."""
        return {k: await self.search(questions, persona, k) for k in depths}

    async def remove(self) -> None:
        """Leave the store as it was found."""
        for history in self.histories:
            await self.store.remove_user(self.user(history.name))
