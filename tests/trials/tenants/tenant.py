"""`Tenant`: a user with secrets wherever memory keeps something; a secret is a word that nobody else has."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable
from dataclasses import dataclass
from io import BytesIO

from PIL import Image as Pillow
from PIL.PngImagePlugin import PngInfo

from persona_graph import Kind, Persona
from persona_graph.conversation import Message, Role, Text
from persona_graph.memory.commit import Commit, memory_id
from persona_graph.memory.operations import Add

SECRET = re.compile(r"zq[bcdfghjk]{10}")
"""Letters of which no language makes an ending, so that no analysis cuts them."""

FIELD = "shoe size"
"""Of the profile of each."""

NAMES = (
    "ana", "bob@example.org", "\u00c1na", "stra\u00dfe", "\u0130stanbul", "\u540d\u524d", "team/ana", "user 7",
    "o'brien",
    "100%", "\u0645\u0631\u064a\u0645", "\U0001f98a", "x" * 10_000, "Ana.Maria", "42", "null", "anA", "id:7;role=admin",
)  # fmt: skip
"""Ids of tenants: of ordinary people and of those whose ids are worth a confusion."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """Who it is, what is secret, and the ids by which others may ask for it."""

    id: str
    secrets: frozenset[str]
    turns: tuple[str, ...]
    memories: tuple[str, ...]
    commits: tuple[str, ...]
    jobs: tuple[str, ...]
    sessions: tuple[str, ...]
    digest: str
    """Of an image."""


class Words:
    """Makes secrets, and marks images with them."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self.made: list[str] = []

    def secret(self) -> str:
        """A new word."""
        self.made.append("zq" + "".join(self._chance.choices("bcdfghjk", k=10)))
        return self.made[-1]

    def picture(self) -> bytes:
        """An image whose bytes hold a secret."""
        info, out = PngInfo(), BytesIO()
        info.add_text("Comment", self.secret())
        Pillow.new("RGB", (4, 4), tuple(self._chance.randrange(256) for _ in range(3))).save(out, "PNG", pnginfo=info)
        return out.getvalue()


async def plant(persona: Persona, user: str, chance: random.Random) -> Tenant:
    """Give a user a past: turns, an image, memories of every kind, a personality, a job that waits."""
    words, store = Words(chance), persona.engine.store
    picture = await persona.engine.media.put(user, words.picture(), caption=f"a photo of {words.secret()}")
    said = Message(role=Role.PERSON, blocks=(Text(f"My dog is called {words.secret()}. I worry a lot!"), picture))
    await persona.achat(user, said)
    await persona.achat(user, f"I live in {words.secret()} and I love {words.secret()}.")
    await persona.aset_profile(user, {"name": words.secret(), FIELD: words.secret()})
    adds = [Add(kind=kind, key=f"{kind} {words.secret()}", text=words.secret()) for kind in Kind]
    commit = Commit(id=f"planted {user}", job="test", at=persona.engine.clock(), operations=tuple(adds))
    await store.commit(user, commit)
    await persona.aflush(user, close_sessions=True)
    await persona.achat(user, f"Keep {words.secret()} to yourself. What is my dog called?")
    turns, memories = await persona.aturns(user), await persona.amemories(user, history=True)
    return Tenant(
        id=user,
        secrets=frozenset(words.made),
        turns=tuple(turn.id for turn in turns),
        memories=tuple({memory.id for memory in memories} | {memory_id(commit.id, 0)}),
        commits=tuple(each.id for each in await persona.ahistory(user)),
        jobs=tuple(job.id for job in await store.jobs(user)),
        sessions=tuple({turn.session for turn in turns}),
        digest=picture.digest,
    )


def secrets_in(things: Iterable[object]) -> set[str]:
    """Every secret that stands in texts, bytes or the representation of anything else."""
    found: set[str] = set()
    for thing in things:
        text = thing.decode("latin-1") if isinstance(thing, bytes) else thing if isinstance(thing, str) else repr(thing)
        found.update(SECRET.findall(text.casefold()))
    return found
