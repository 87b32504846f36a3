"""The person's own hand: set a profile, correct, pin, freeze, switch off, release, undo; take one's memory along."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from persona_graph import transfer
from persona_graph.blocking import blocking
from persona_graph.conversation import digest_of
from persona_graph.engine import Engine
from persona_graph.errors import InputError, NotFound
from persona_graph.memory.commit import Commit, effective, field_name, is_trait, memory_id
from persona_graph.memory.operations import Add, Freeze, Keep, Operation, Pin, Release, SwitchOff, Undo, Update
from persona_graph.memory.types import KEYED, Kind, Memory, Source
from persona_graph.personality import TRAITS, BigFive, Trait
from persona_graph.timerange import instant, within_calendar


class Hand:
    """The part of `Persona` that does what the person says; what is done is a commit, whose id `undo` takes."""

    engine: Engine

    async def aset_profile(self, user: str, fields: Mapping[str, str], *, at: datetime | None = None) -> None:
        """Give a user a profile to start with. Raises: InputError for a field without a name or a value."""
        if empty := [key for key, value in fields.items() if not _said(key).strip() or not str(value).strip()]:
            raise InputError(f"a profile's field has a name and a value, unlike {empty[0][:80]!r}")
        operations = [Add(kind=Kind.CORE, key=key, text=str(value)) for key, value in fields.items()]
        commit = Commit(
            id=digest_of("profile", *map(repr, operations)),
            job="profile",
            at=at or self.engine.clock(),
            source=Source.PROFILE,
            operations=tuple(operations),
        )
        await self.engine.store.commit(user, commit)

    set_profile = blocking(aset_profile)

    async def acorrect(self, user: str, what: str, text: str) -> Memory:
        """Say what is right, of a memory (its id) or a field (`core:KEY`). It is pinned: inference cannot change it.

        What was wrong was never so: the right text takes over the time and, of an episode, the turns.

        Raises: NotFound for an unknown memory, InputError for an empty text.
        """
        what, text = _said(what), _said(text)
        if not text.strip():
            raise InputError("a correction says what is right; this one is empty. To be rid of a memory, forget it")
        kind, is_field, key = what.partition(":")
        field = _field(kind, key, what) if is_field else None
        held = await self._in_field(user, field, key) if field is not None else await self._held(user, what)
        commit = self.engine.new_id()
        right: Operation
        if held is None:
            assert field is not None
            id, right = memory_id(commit, 0), Add(kind=field, key=key, text=text)
            lock: list[Operation] = [Freeze(what=field_name(field, key))]
        else:
            id, lock = held.id, _field_too(held, Freeze)
            turns = held.evidence if held.kind is Kind.EPISODIC else ()
            right = Update(
                id=id, kind=held.kind, key=held.key, text=text, event=held.event, images=held.images, evidence=turns
            )
        await self._by_hand(user, [right, Pin(id=id), *lock], id=commit)
        return await self._held(user, id)

    correct = blocking(acorrect)

    async def apin(self, user: str, memory: str) -> str:
        """Let only the person change a memory. Raises: NotFound."""
        held = await self._held(user, memory)
        return await self._by_hand(user, [Pin(id=memory), *_field_too(held, Freeze)])

    pin = blocking(apin)

    async def afreeze(self, user: str, what: str, value: float | None = None) -> str:
        """Hold a trait at a value (its present one when None), or a field (`core:KEY`) or a memory (its id) as it is.

        Raises: InputError for a trait outside 1 to 5, or a value for what has none; NotFound for an unknown memory.
        """
        what = _said(what)
        if is_trait(what):
            if value is None:
                standing = await self.engine.store.standing(user)
                value = standing.vector.scores[TRAITS.index(Trait(what))]
            BigFive().replace({Trait(what): value})
            return await self._by_hand(user, [Freeze(what=what, value=value)])
        if value is not None:
            raise InputError(f"only a trait can be held at a value ({', '.join(Trait)}), not {what!r}")
        if ":" in what:
            return await self._by_hand(user, [Freeze(what=_name_of(what))])
        return await self.apin(user, what)

    freeze = blocking(afreeze)

    async def aswitch_off(self, user: str, what: str) -> str:
        """Leave a memory (its id), a field (`core:KEY`) or a trait out of answers; it is kept, and nobody changes it.

        Raises: InputError for what is none of these, NotFound for an unknown memory.
        """
        what = _said(what)
        operations: list[Operation] = [SwitchOff(what=what if is_trait(what) else _name_of(what))]
        if not is_trait(what) and ":" not in what:
            operations += _field_too(await self._held(user, what), SwitchOff)
        return await self._by_hand(user, operations)

    switch_off = blocking(aswitch_off)

    async def arelease(self, user: str, what: str) -> str:
        """Lift every pin, freeze and switch-off of a memory (its id), a field (`core:KEY`) or a trait.

        A field and the memory in it are one thing here, whichever is named.

        Raises: InputError when nothing is held under that name.
        """
        what = _said(what)
        name = what if is_trait(what) else _name_of(what)
        standing = await self.engine.store.standing(user)
        held = await self.engine.store.memories(user, off=True)
        named = [memory for memory in held if name in (memory.id, field_name(memory.kind, memory.key))]
        fields = {name, *(field_name(memory.kind, memory.key) for memory in named if memory.key)}
        lifted = [one for one in sorted(fields) if one in standing.frozen or one in standing.off]
        lifted += [memory.id for memory in named if memory.pinned or memory.off]
        if not lifted:
            raise InputError(f"{what!r} is neither pinned, frozen nor switched off")
        return await self._by_hand(user, [Release(what=one) for one in lifted])

    release = blocking(arelease)

    async def aundo(
        self, user: str, commit: str | None = None, *, operation: int | None = None, since: datetime | None = None
    ) -> str:
        """Take back a commit, one operation of it (counted from 0), or everything believed since a moment.

        What was superseded is held again. The undo is a commit too, so undoing it brings all back.

        Raises: InputError unless exactly one is named, or when it is undone already; NotFound when there is none.
        """
        if (commit is None) == (since is None) or (commit is None and operation is not None):
            raise InputError("name one thing to undo: a commit's id, one operation of a commit, or since when")
        commits = await self.engine.store.commits(user)
        since = within_calendar(instant(since, "since")) if since is not None else None
        if since is not None and not any(one.at >= since for one in effective(commits)):
            raise NotFound(f"nothing was learned since {since.isoformat()}")
        if commit is not None:
            _refuse_undone(commits, commit, operation)
        return await self._by_hand(user, [Undo(commit=commit or "", operation=operation, since=since)])

    undo = blocking(aundo)

    async def _held(self, user: str, memory: str) -> Memory:
        found = await self.engine.store.memories(user, ids=[memory], off=True)
        if not found:
            raise NotFound(f"there is no memory {memory!r}")
        return found[0]

    async def _in_field(self, user: str, kind: Kind, key: str) -> Memory | None:
        held = await self.engine.store.memories(user, kinds=[kind], off=True)
        return next((memory for memory in held if memory.key.casefold() == key.casefold()), None)

    async def _by_hand(self, user: str, operations: Sequence[Operation], *, id: str | None = None) -> str:
        commit = Commit(
            id=id or self.engine.new_id(),
            job="person",
            at=self.engine.clock(),
            source=Source.PERSON,
            operations=tuple(operations),
        )
        return (await self.engine.store.commit(user, commit)).id

    async def aexport(self, user: str, folder: Path | str) -> Path:
        """Write all that a user has into a folder: JSON lines and images. Raises: InputError, StoreError."""
        return await transfer.export(self.engine, user, Path(folder))

    export = blocking(aexport)

    async def aimport(self, user: str, folder: Path | str) -> int:
        """Read what `export` wrote into this store; how many turns were new. Raises: InputError, StoreError."""
        return await transfer.import_(self.engine, user, Path(folder))

    import_ = blocking(aimport)


def _said(text: object) -> str:
    """What was said, where it is a text."""
    if not isinstance(text, str):
        raise InputError(
            f"{repr(text)[:80]} is no text; memories, fields and traits have names, and what is right, words"
        )
    return text


def _field(kind: str, key: str, what: str) -> Kind:
    if kind not in KEYED or not key.strip():
        names = ", ".join(Trait)
        raise InputError(f"{what!r} names nothing; name a memory's id, a trait ({names}) or a field as core:KEY")
    return Kind(kind)


def _field_too(held: Memory, act: type[Freeze] | type[SwitchOff]) -> list[Operation]:
    """The same for the field that a memory holds: after an erase it may be made anew under another id."""
    return [act(what=field_name(held.kind, held.key))] if held.kind in KEYED and held.key else []


def _refuse_undone(commits: Sequence[Commit], commit: str, operation: int | None) -> None:
    """Raises: NotFound for an unknown commit or operation, InputError for one that has no effect any more."""
    held = next((one for one in commits if one.id == commit), None)
    if held is None:
        raise NotFound(f"there is no commit {commit!r}")
    if operation is not None and not 0 <= operation < len(held.operations):
        raise NotFound(f"commit {commit!r} has {len(held.operations)} operations, counted from 0")
    left = next((one for one in effective(commits) if one.id == commit), None)
    if left is None:
        raise InputError(f"commit {commit!r} is undone already")
    if operation is not None and isinstance(left.operations[operation], Keep):
        nothing = isinstance(held.operations[operation], Keep)
        raise InputError(
            f"operation {operation} of commit {commit!r} {'did nothing' if nothing else 'is undone already'}"
        )


def _name_of(what: str) -> str:
    """A field's name as commits hold it; anything without a colon is a memory's id."""
    kind, found, key = what.partition(":")
    return field_name(_field(kind, key, what), key) if found else what
