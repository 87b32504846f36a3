"""`Watch`: notices another's secret in whatever comes back, is logged or written, and any change in another's data."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

from persona_graph import Persona
from persona_graph.codec import commit_to_json, job_to_json, turn_to_json
from persona_graph.user_id import file_name
from tests.trials.tenants.tenant import Tenant, secrets_in


class Watch(logging.Handler):
    """Knows whose each secret is, and how each tenant's data looked when the watch began."""

    def __init__(self, persona: Persona, home: Path, tenants: Iterable[Tenant]) -> None:
        super().__init__(logging.DEBUG)
        self._persona, self._home = persona, home
        self.tenants = {tenant.id: tenant for tenant in tenants}
        self._owner = {secret: tenant.id for tenant in self.tenants.values() for secret in tenant.secrets}
        self._before: dict[str, str] = {}
        self._logged: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep what is logged until it is looked at."""
        self._logged.append(self.format(record))

    async def begin(self) -> None:
        """Remember how everything is."""
        self._before = {id: await self._state(id) for id in self.tenants}

    def owners(self, user: object, *things: object) -> set[str]:
        """Whose secrets stand in these things, and in what was logged since, that are not this user's."""
        logged, self._logged = self._logged, []
        return {id for secret in secrets_in((*things, *logged)) if (id := self._owner.get(secret)) and id != user}

    def owners_in(self, user: object, folder: Path) -> set[str]:
        """The same for all files of a folder, their names and what links lead to."""
        files = [path for path in folder.rglob("*") if path.is_file()] if folder.is_dir() else []
        return self.owners(user, *(path.name for path in files), *(path.read_bytes() for path in files))

    async def changed(self, ids: Iterable[str] | None = None) -> set[str]:
        """Of these tenants, or all, those whose data is not as it was; what is changed once is not told again."""
        found: set[str] = set()
        for id in self.tenants if ids is None else ids:
            now = await self._state(id)
            if now != self._before[id]:
                self._before[id] = now
                found.add(id)
        return found

    async def _state(self, user: str) -> str:
        """All that a tenant has, as one digest."""
        store = self._persona.engine.store
        standing = await store.standing(user)
        parts: list[object] = [
            [turn_to_json(turn) for turn in await store.turns(user)],
            [commit_to_json(commit) for commit in await store.commits(user)],
            [job_to_json(job) for job in await store.jobs(user)],
            await store.memories(user, history=True, off=True),
            (standing.point, sorted(standing.frozen.items()), sorted(standing.off)),
            sorted((await store.tombstones(user)).ids),
        ]
        images = self._home / "media" / file_name(user)
        parts += [(path.name, path.stat().st_size) for path in sorted(images.rglob("*"))]
        return sha256(repr(parts).encode("utf-8", "surrogatepass")).hexdigest()
