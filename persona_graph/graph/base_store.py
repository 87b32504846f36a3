"""`PersonaBaseStore`: our memory behind LangGraph's `BaseStore`, for `compile(store=...)` and `runtime.store`."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, cast

from langgraph.store.base import (
    BaseStore,
    GetOp,
    Item,
    ListNamespacesOp,
    Op,
    PutOp,
    Result,
    SearchItem,
    SearchOp,
    validate_op_namespace,
)

from persona_graph.blocking import background
from persona_graph.conversation import digest_of
from persona_graph.errors import InputError
from persona_graph.graph.store_namespace import USER, Names, Namespace, Place, fits
from persona_graph.graph.store_value import StoreValue, matches
from persona_graph.memory.commit import Commit, memory_id, said_in
from persona_graph.memory.operations import Add, Delete, Operation, Update
from persona_graph.memory.types import KEYED, Kind, Memory, Source
from persona_graph.retrieval.query import Target
from persona_graph.service import Persona
from persona_graph.timerange import EARLIEST

EVERYTHING = 1_000_000
"""A limit that no search reaches: a filter is applied after ranking."""
LIVES = 32
"""How many lives of a key are looked up at once; few keys have more than one."""


class PersonaBaseStore(BaseStore):
    """What a user's memory holds as LangGraph items, and a way for a graph to write facts of its own.

        from persona_graph import Persona, PersonaBaseStore

        store = PersonaBaseStore(Persona.open("sqlite:memory"))
        store.put(("memories", "ana"), "city", {"text": "Ana lives in Lisbon.", "keywords": ["home"]})
        print(store.search(("memories", "ana"), query="Where is home?")[0].value["text"])

    `("memories", user)` holds facts (semantic memory), those that the Update stage learned too; below it
    `("memories", user, "core")` and `"procedural"` hold the profile's and habits' fields by their keys, and
    `"episodic"` what was talked about, which is read-only. `namespace=("{user}", "facts")` names them otherwise;
    `store.namespace("ana@x.org")` writes any user id as a label. Where memory has no key, its id is the key.

    A value is `{"text": ...}` and, where wanted, `keywords`, `start` and `end` (when it was true); any other
    field is refused, not lost. A put under the same key is a new version, a delete ends our belief: history
    stays, and a person's pins and freezes hold. The Update stage may revise what was put. `search` with a
    query is `retrieve`, so an item with no word and no meaning in common is not found. One user at a time.
    """

    supports_ttl = False

    def __init__(self, persona: Persona, *, namespace: Sequence[str] = ("memories", USER)) -> None:
        self.persona = persona
        self._names = Names(namespace)

    def namespace(self, user: str, kind: Kind = Kind.SEMANTIC) -> Namespace:
        """A user's namespace; what a label cannot hold (dots) is percent-encoded."""
        return self._names.of(user, kind)

    def batch(self, ops: Iterable[Op]) -> list[Result]:
        """Run operations; reads see what was there before the batch."""
        return background.run(self.abatch(ops))

    async def abatch(self, ops: Iterable[Op]) -> list[Result]:
        """Run operations; reads see what was there before the batch.

        Raises: InputError, NotImplementedError, both before anything is written; InvalidNamespaceError.
        """
        ops = list(ops)
        puts: dict[tuple[Namespace, str], tuple[Place, StoreValue | None]] = {}
        for op in ops:
            validate_op_namespace(op)
            if isinstance(op, PutOp):  # of several puts under one key the last counts
                puts[op.namespace, op.key] = (self._writable(op), _value(op))
        results = list(await asyncio.gather(*(self._read(op) for op in ops)))
        for (_, key), (place, value) in puts.items():
            await self._write(place, key, value)
        return results

    # reading

    async def _read(self, op: Op) -> Result:
        match op:
            case GetOp():
                place = self._names.place(op.namespace)
                if place is None:
                    return None
                held, _ = await self._held(place, op.key)
                return (await self._items(place.user, [held]))[0] if held is not None else None
            case SearchOp():
                return cast(Result, await self._search(op))
            case ListNamespacesOp():
                return await self._namespaces(op)
            case _:
                return None

    async def _search(self, op: SearchOp) -> list[SearchItem]:
        places = self._names.below(op.namespace_prefix)
        if not places:
            return []
        user, kinds = places[0].user, [place.kind for place in places]
        scored: list[tuple[Memory, float | None]]
        if op.query:
            limit = EVERYTHING if op.filter else op.offset + op.limit
            found = await self.persona.asearch(user, op.query, limits={Target(k.value): limit for k in kinds})
            best = sorted(found.hits, key=lambda hit: hit.score, reverse=True)
            scored = [(hit.memory, hit.score) for hit in best if hit.memory is not None]
        else:
            versions = await self.persona.amemories(user, kinds=kinds, history=True, off=False)
            newest = {memory.id: memory for memory in versions}  # in the order in which they were first written
            scored = [(memory, None) for memory in newest.values() if memory.current]
        kept = [(m, s) for m, s in scored if matches(StoreValue.of(m).to_json(), op.filter or {})]
        page = kept[op.offset : op.offset + op.limit]
        items = await self._items(user, [memory for memory, _ in page])
        return [SearchItem(**_fields(i), score=s) for i, (_, s) in zip(items, page, strict=True)]

    async def _namespaces(self, op: ListNamespacesOp) -> list[Namespace]:
        wanted = op.match_conditions or ()
        found: set[Namespace] = set()
        for user in await self.persona.ausers():
            named = {kind: self.namespace(user, kind) for kind in Kind}
            fitting = [kind for kind, name in named.items() if all(fits(name, w) for w in wanted)]
            held = await self.persona.amemories(user, kinds=fitting, off=False) if fitting else []
            found |= {named[memory.kind][: op.max_depth] for memory in held}
        return sorted(found)[op.offset : op.offset + op.limit]

    async def _held(self, place: Place, key: str) -> tuple[Memory | None, int]:
        """What is held under a key now, and how many lives the key has had: a delete ends one, the next put begins one.

        The ids of all lives follow from the key, so that no scan of a long memory is needed.
        """
        if place.kind in KEYED:
            fields = await self.persona.amemories(place.user, kinds=(place.kind,), off=False)
            return next((m for m in fields if m.key.casefold() == key.casefold()), None), 0
        ids: list[str] = []
        newest: dict[str, Memory] = {}
        while not ids or ids[-1] in newest:
            ids += [_id(key, life) for life in range(len(ids), len(ids) + LIVES)]
            named = [key, *ids[-LIVES:]]
            found = await self.persona.engine.store.memories(place.user, ids=named, history=True)
            newest |= {memory.id: memory for memory in found if memory.kind is place.kind}
        held = [newest[name] for name in (*reversed(ids), key) if name in newest and newest[name].current]
        return held[0] if held else None, max((n for n, name in enumerate(ids, 1) if name in newest), default=0)

    async def _items(self, user: str, memories: Sequence[Memory]) -> list[Item]:
        ids = [memory.id for memory in memories]
        versions = await self.persona.engine.store.memories(user, ids=ids, history=True) if ids else []
        began = {memory.id: _began(memory) for memory in versions if memory.version == 1}
        return [
            Item(
                value=StoreValue.of(memory).to_json(),
                key=_key(memory),
                namespace=self.namespace(user, memory.kind),
                created_at=began.get(memory.id, _began(memory)),
                updated_at=_began(memory),
            )
            for memory in memories
        ]

    # writing

    async def _write(self, place: Place, key: str, value: StoreValue | None) -> None:
        """Write until it holds: what another writer overtook is made again on top of that writer's."""
        engine, tried = self.persona.engine, 0
        while True:
            held, lives = await self._held(place, key)
            operations = _operations(place.kind, key, held, value)
            if not operations:
                return
            await self._refuse_if_held_fast(place, key, held)
            await self._refuse_if_erased(place, operations)
            life = max(lives, tried)
            begins = place.kind not in KEYED and isinstance(operations[0], Add)
            name = _life(key, life) if begins else engine.new_id()  # of two that begin one life, the first makes it
            commit = Commit(id=name, job="client", at=engine.clock(), source=Source.CLIENT, operations=operations)
            stored = await engine.store.commit(place.user, commit)
            if (stored.at, stored.operations) == (commit.at, commit.operations):
                engine.wake(place.user)  # its vector is made off this path
                return
            tried = life + 1

    async def _refuse_if_held_fast(self, place: Place, key: str, held: Memory | None) -> None:
        standing = await self.persona.engine.store.standing(place.user)
        if (held is not None and held.pinned) or f"{place.kind}:{key.casefold()}" in standing.frozen:
            raise InputError(f"the person holds {key!r} as it is; only they can change it, or release it")

    async def _refuse_if_erased(self, place: Place, operations: tuple[Operation, ...]) -> None:
        stones = await self.persona.engine.store.tombstones(place.user)
        if any(stones.cover(*said_in(new)) for new in operations if isinstance(new, Add | Update)):
            raise InputError("the person had this erased; only they can say it again")

    def _writable(self, op: PutOp) -> Place:
        place = self._names.place(op.namespace)
        if place is None or place.kind is Kind.EPISODIC:
            what = "episodes come from conversations alone" if place else f"{op.namespace!r} is no place for memories"
            raise InputError(f'{what}; write to {self._names.template!r}, or below it to "core" or "procedural"')
        if op.value is not None and op.ttl is not None:
            raise NotImplementedError("memories have no time to live: they are superseded or deleted; leave ttl out")
        if op.value is not None and op.index is False:
            raise NotImplementedError("every memory can be found by search; leave index out")
        return place


def _operations(kind: Kind, key: str, held: Memory | None, value: StoreValue | None) -> tuple[Operation, ...]:
    """What makes `value` hold under a key; nothing when it does already."""
    if value is None:
        return (Delete(id=held.id),) if held is not None else ()
    new = Add(kind=kind, key=key, text=value.text, keywords=value.keywords, event=value.event)
    if held is None:
        return (new,)
    if StoreValue.of(held) == value:
        return ()
    if held.text != value.text:
        return (
            Update(
                id=held.id,
                kind=kind,
                key=held.key,
                text=new.text,
                keywords=new.keywords,
                event=new.event,
                images=held.images,
            ),
        )
    # The same text with other words or times would be no new version. A keyed kind knows what holds its key.
    return (Delete(id=held.id), new) if kind in KEYED else (new, Delete(id=held.id))


def _value(op: PutOp) -> StoreValue | None:
    return StoreValue.read(op.value) if op.value is not None else None


def _life(key: str, life: int) -> str:
    """Id of the commit that begins a life of a key."""
    return digest_of("store", key, str(life))


def _id(key: str, life: int) -> str:
    return memory_id(_life(key, life), 0)


def _key(memory: Memory) -> str:
    """What an item is called: the key that it was put under, else the memory's id."""
    if memory.kind in KEYED:
        return memory.key
    lives = range(100 * LIVES if memory.key else 0)  # a key that was not put here begins no life
    return memory.key if any(_id(memory.key, life) == memory.id for life in lives) else memory.id


def _began(memory: Memory) -> datetime:
    return memory.believed.start or EARLIEST


def _fields(item: Item) -> dict[str, Any]:
    return {name: getattr(item, name) for name in ("namespace", "key", "value", "created_at", "updated_at")}
