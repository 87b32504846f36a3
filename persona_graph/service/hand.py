"""The person's own hand: set a profile, correct, pin, freeze, release, forget; take one's memory along."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from persona_graph import transfer
from persona_graph.blocking import blocking
from persona_graph.conversation import digest_of
from persona_graph.engine import Engine
from persona_graph.errors import InputError, NotFound
from persona_graph.memory.commit import Commit
from persona_graph.memory.operations import Add, Delete, Freeze, Operation, Pin, Release, Update
from persona_graph.memory.types import Kind, Memory, Source
from persona_graph.personality import TRAITS, BigFive, Trait
from persona_graph.timerange import ALWAYS, TimeRange


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgotten:
    """What is gone."""

    turns: tuple[str, ...] = ()
    memories: tuple[str, ...] = ()
    everything: bool = False


class Hand:
    """The part of `Persona` that does what the person says."""

    engine: Engine

    async def aset_profile(self, user: str, fields: Mapping[str, str], *, at: datetime | None = None) -> None:
        """Give a user a profile to start with."""
        operations = [Add(kind=Kind.CORE, key=key, text=str(value)) for key, value in fields.items()]
        moment = at or self.engine.clock()
        await self._by_hand(user, operations, at=moment, source=Source.PROFILE, name="profile")

    set_profile = blocking(aset_profile)

    async def acorrect(self, user: str, memory: str, text: str) -> Memory:
        """Say what is right. The correction is pinned: inference cannot change it. Raises: NotFound."""
        await self._held(user, memory)
        await self._by_hand(user, [Update(id=memory, text=text), Pin(id=memory)])
        return await self._held(user, memory)

    correct = blocking(acorrect)

    async def apin(self, user: str, memory: str) -> None:
        """Let only the person change a memory. Raises: NotFound."""
        await self._held(user, memory)
        await self._by_hand(user, [Pin(id=memory)])

    pin = blocking(apin)

    async def afreeze(self, user: str, what: str, value: float | None = None) -> None:
        """Hold a trait at a value (its present one when None), or a profile field (`core:KEY`).

        Raises: InputError when `what` is neither.
        """
        if what in set(Trait):
            if value is None:
                standing = await self.engine.store.standing(user)
                value = standing.vector.scores[TRAITS.index(Trait(what))]
            BigFive().replace({Trait(what): value})
        elif not what.startswith(("core:", "procedural:")) or value is not None:
            names = ", ".join(Trait)
            raise InputError(f"{what!r} cannot be frozen; name a trait ({names}) or a field as core:KEY")
        await self._by_hand(user, [Freeze(what=what if what in set(Trait) else what.casefold(), value=value)])

    freeze = blocking(afreeze)

    async def arelease(self, user: str, what: str) -> None:
        """Lift a pin or a freeze."""
        await self._by_hand(user, [Release(what=what)])

    release = blocking(arelease)

    async def aforget(
        self,
        user: str,
        *,
        memory: str | None = None,
        turn: str | None = None,
        window: TimeRange | None = None,
        everything: bool = False,
    ) -> Forgotten:
        """Forget one memory, one turn, all turns of a window, or the user. Turns take with them what rests on them.

        Raises: InputError when nothing or more than one thing is named, NotFound when it does not exist.
        """
        if sum((memory is not None, turn is not None, window is not None, everything)) != 1:
            raise InputError("name one thing to forget: a memory, a turn, a window or everything")
        store = self.engine.store
        if everything:
            await store.remove_user(user)
            await self.engine.media.remove_user(user)
            return Forgotten(everything=True)
        if memory is not None:
            await self._held(user, memory)
            await self._by_hand(user, [Delete(id=memory)])
            return Forgotten(memories=(memory,))
        found = (
            await store.turns(user, ids=[turn])
            if turn is not None
            else await store.turns(user, window=window or ALWAYS)
        )
        if not found:
            raise NotFound(f"there is no turn {turn!r}" if turn else "nothing was said in that window")
        before = {m.ref for m in await store.memories(user)}
        await store.remove_turns(user, [t.id for t in found])
        after = {m.ref for m in await store.memories(user)}
        return Forgotten(turns=tuple(t.id for t in found), memories=tuple(sorted(before - after)))

    forget = blocking(aforget)

    async def _held(self, user: str, memory: str) -> Memory:
        found = await self.engine.store.memories(user, ids=[memory])
        if not found:
            raise NotFound(f"there is no memory {memory!r}")
        return found[0]

    async def _by_hand(
        self,
        user: str,
        operations: Sequence[Operation],
        *,
        at: datetime | None = None,
        source: Source = Source.PERSON,
        name: str = "person",
    ) -> Commit:
        moment = at or self.engine.clock()
        key = digest_of("profile", *map(repr, operations)) if source is Source.PROFILE else self.engine.new_id()
        commit = Commit(id=key, job=name, at=moment, source=source, operations=tuple(operations))
        return await self.engine.store.commit(user, commit)

    async def aexport(self, user: str, folder: Path | str) -> Path:
        """Write all that a user has into a folder: JSON lines and images. Raises: InputError, StoreError."""
        return await transfer.export(self.engine, user, Path(folder))

    export = blocking(aexport)

    async def aimport(self, user: str, folder: Path | str) -> int:
        """Read what `export` wrote into this store; how many turns were new. Raises: InputError, StoreError."""
        return await transfer.import_(self.engine, user, Path(folder))

    import_ = blocking(aimport)
