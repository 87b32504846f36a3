"""`Scene`: a store with tenants whose secrets are planted, attackers who have accounts, and all doors to it."""

from __future__ import annotations

import random
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from persona_graph import Options, Persona
from persona_graph.media import FolderMedia
from persona_graph.memory.store import MemoryStore
from persona_graph.options import Updates
from tests.trials.tenants import hostile
from tests.trials.tenants.doors import Door, Doors, Eyes
from tests.trials.tenants.tenant import NAMES, Tenant, plant
from tests.trials.tenants.watch import Watch

NOON = datetime(2024, 6, 1, 12, tzinfo=UTC)
ATTACKERS = ("eve", "Mallory", "trudy@example.org", "\u00e8ve")
DOCTOR = "a doctor"
"""Whose export is doctored; it holds no secrets."""

Do = Callable[[], Awaitable[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attack:
    """One hostile call."""

    door: Door
    name: str
    user: object
    """In whose name it is made."""
    target: Tenant
    """Whose secrets it is after."""
    do: Do


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Everything that a trial is played with."""

    persona: Persona
    eyes: Eyes
    doors: Doors
    watch: Watch
    tenants: tuple[Tenant, ...]
    home: Path
    """The store's folder."""
    out: Path
    """Where exports go; looked through and emptied after every call."""
    template: Path
    """The export that is doctored."""

    @classmethod
    @asynccontextmanager
    async def opened(
        cls, folder: Path, seed: int, *, names: Iterable[str] = NAMES, store: MemoryStore | None = None
    ) -> AsyncIterator[Scene]:
        """A scene in a folder, with the secrets that follow from the seed; `store` is one that is not ours."""
        home, eyes, chance = folder / "store", Eyes(), random.Random(f"scene {seed}")
        persona = Persona.open(
            store or f"sqlite:{home}",
            policy=eyes,
            media=FolderMedia(home / "media"),
            options=Options(updates=Updates.OFF),
            clock=lambda: NOON,
        )
        async with persona:
            tenants = [await plant(persona, name, chance) for name in names]
            for name in (*ATTACKERS, DOCTOR):
                await begin(persona, name)
            template = await persona.aexport(DOCTOR, folder / "template")
            (home / "link").symlink_to(home / "media")
            scene = cls(
                persona=persona,
                eyes=eyes,
                doors=Doors(persona, home),
                watch=Watch(persona, home, tenants),
                tenants=tuple(tenants),
                home=home,
                out=folder / "out",
                template=template,
            )
            eyes.closed()
            await scene.watch.begin()
            yield scene

    def pair(self, chance: random.Random) -> tuple[Tenant, str]:
        """Somebody to be after, and somebody who is."""
        return chance.choice(self.tenants), chance.choice(ATTACKERS)

    def look_alike(self, chance: random.Random, target: Tenant) -> str:
        """An id that is nobody's of the scene, and may be taken for the target's."""
        taken = {*(tenant.id for tenant in self.tenants), *ATTACKERS, DOCTOR}
        while True:
            if chance.random() < 0.7:
                id = chance.choice(hostile.LOOK_ALIKES)(target.id)
                if chance.random() < 0.3:
                    id = chance.choice(hostile.LOOK_ALIKES)(id or target.id)
            else:
                id = chance.choice(hostile.STRANGE_IDS)
            if id not in taken:
                return id

    async def tidy(self, user: object) -> None:
        """Let go of what a call left behind: files, and memory under an id that is nobody's."""
        shutil.rmtree(self.out, ignore_errors=True)
        if not isinstance(user, str) or user in self.watch.tenants:
            return
        if user not in ATTACKERS:
            if user.strip():
                await self.persona.engine.store.remove_user(user)
                await self.persona.engine.media.remove_user(user)
        elif len(await self.persona.aturns(user)) > MOST_TURNS:
            await self.persona.aforget(user, everything=True)
            await begin(self.persona, user)


MOST_TURNS = 40
"""An attacker's memory begins anew, or its prompts would be what takes the time."""


async def begin(persona: Persona, user: str) -> None:
    """Give somebody who has no secrets a little memory."""
    await persona.aset_profile(user, {"name": "somebody"})
    await persona.achat(user, "My dog is called Rex and I live in Oslo.")
    await persona.aflush(user)
