"""`Tenant`: one user's objects, read and written; every method is one call of the server, or says how many.

A write can fail half way: the server has the object, and some index lacks it (a refusal in the middle, a crash).
Written again as it is the object looks unchanged to the server, which then leaves its indexes as they are, for ever. So
what may have been written before is written twice: without all that is indexed, then whole.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from itertools import count
from typing import Any, TypeVar
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from persona_graph.errors import AccessDenied, StoreError
from persona_graph.memory.weaviate import schema
from persona_graph.memory.weaviate.asking import Asking
from persona_graph.memory.weaviate.filters import any_id, both, rows, tagged
from persona_graph.memory.weaviate.link import READ_ONLY, Link, NoTenant
from persona_graph.memory.weaviate.things import GONE, Found, Thing

T = TypeVar("T")
Write = Callable[[Any, bool], Awaitable[T]]
"""What writes to a collection; it is told whether it was made before: then some of it may be there already."""

PAGE = 5_000
"""Objects in one answer; the server gives ten thousand at most."""
BATCH = 200
"""Objects in one write."""
MEND_S = (1.0, 60.0)
"""Waits at first, and at last, until what could not be written again is tried once more."""
LOOKS_S = (0.05, 0.2, 0.8)
"""Waits after looks at what was written with vectors, where some are not found."""


class Tenant:
    """The objects of one user. Raises (every method): StoreAway; AccessDenied; StoreError."""

    def __init__(self, link: Link, name: str, make: Callable[[], Awaitable[None]] | None = None) -> None:
        self._link, self.name, self._make = link, name, make
        self._asking = Asking(link.address.collection, name, link.address.consistency)
        self.unsure: dict[UUID, Thing | None] = {}
        """Things whose write failed, as far as it was one of whole things: nobody knows how far it went."""
        self._mend_from, self._mend_wait = 0.0, MEND_S[0]

    async def _run(self, call: Callable[[Any], Awaitable[T]]) -> T:
        return await self._link.run(lambda collection: call(collection.with_tenant(self.name)))

    async def _write(
        self, call: Write[T], things: Mapping[UUID, Thing | None], otherwise: T, *, create: bool = False
    ) -> T:
        """A write of these things, which may make the tenant; `otherwise` where there is none."""
        try:
            try:
                return await self._run(_each_time(call))
            except NoTenant:
                if not create or self._make is None:
                    return otherwise
            await self._make()
            return await self._run(_each_time(call))
        except AccessDenied:  # nothing of it was done
            raise
        except StoreError:
            self.unsure |= things
            raise

    # writing

    async def insert(self, thing: Thing, *, create: bool = False) -> bool:
        """Write it where nothing has its id; False where something has, or there is no tenant.

        What has its id is written again where an index lacks it; where its id is not even found, by the thing itself.
        """
        twice = False

        async def call(collection: Any, again: bool) -> bool:
            from weaviate.exceptions import UnexpectedStatusCodeError

            nonlocal twice
            twice = again
            try:
                await collection.data.insert(thing.properties, uuid=thing.id, vector=thing.vectors or None)
            except UnexpectedStatusCodeError as error:
                if "already exists" in str(error):
                    return False
                raise
            return True

        # Whoever was told that it failed may not want it any more: what did not arrive is not written later.
        written = await self._write(call, {thing.id: None}, False, create=create)
        if not written:
            await self._mend({thing.id: thing}, only_lost=not twice)
        return written

    async def replace(self, thing: Thing) -> bool:
        """Write it in the place of what has its id; False where nothing has."""

        async def call(collection: Any, again: bool) -> bool:
            for one in (thing.unindexed, thing) if again else (thing,):
                done = await _unless_missing(
                    collection.data.replace(uuid=one.id, properties=one.properties, vector=one.vectors or None)
                )
            return done

        return await self._write(call, {thing.id: thing}, False)

    async def change(self, id: UUID, properties: dict[str, Any]) -> bool:
        """Set some properties of a thing; False where nothing has its id."""
        other = {schema.TAGS: [], schema.ROW: int(properties.get(schema.ROW) == 0)}
        unindexed = {name: value for name, value in other.items() if name in properties}

        async def call(collection: Any, again: bool) -> bool:
            if again and unindexed:
                await _unless_missing(collection.data.update(uuid=id, properties=unindexed))
            return await _unless_missing(collection.data.update(uuid=id, properties=properties))

        return await self._write(call, {id: None}, False)

    async def put(self, things: Sequence[Thing], *, create: bool = False, again: bool = False) -> None:
        """Write things over whatever has their ids; a call for each `BATCH` of them, two for such as may be there."""
        for start in range(0, len(things), BATCH):
            batch = things[start : start + BATCH]
            for dimensions in {len(thing.vector) for thing in batch if thing.vector is not None}:
                await self._link.have_vector(dimensions)
            if await self._write(_putting(batch, again), _by_id(batch), False, create=create):
                await self._see_vectors([thing for thing in batch if thing.vector is not None])

    async def _see_vectors(self, things: Sequence[Thing]) -> None:
        """Write again what no vector finds: a flat index that could not keep a vector says nothing of it."""
        for wait in LOOKS_S:
            things = await self._unseen(things)
            if not things:
                return
            await asyncio.sleep(wait)
            if not await self._write(_putting(things, True), _by_id(things), False):
                return
        self.unsure |= _by_id(await self._unseen(things))

    async def _unseen(self, things: Sequence[Thing]) -> list[Thing]:
        """Those that are not found by vectors like theirs."""
        seen: set[UUID] = set()
        for vector in {len(t.vector): t.vector for t in things if t.vector is not None}.values():
            ids = any_id(t.id for t in things if t.vector is not None and len(t.vector) == len(vector))
            seen |= {found.id for found in await self.by_vector(vector, ids, (), limit=len(things))}
        return [thing for thing in things if thing.id not in seen]

    async def mend(self) -> None:
        """Write again what may be half written; where that fails too, later, and nobody fails by it."""
        if time.monotonic() < self._mend_from:
            return
        unsure, self.unsure = self.unsure, {}
        try:
            await self._mend(unsure)
        except StoreError as error:
            self.unsure = unsure | self.unsure
            logging.getLogger(__name__).debug("what may be half written is left for later: %s", error)
        if self.unsure:  # a vector that is still not found is no error, and no reason to keep every reader waiting
            self._mend_from = time.monotonic() + self._mend_wait
            self._mend_wait = min(2 * self._mend_wait, MEND_S[1])
        else:
            self._mend_wait = MEND_S[0]

    async def _mend(self, things: Mapping[UUID, Thing | None], *, only_lost: bool = False) -> None:
        """Write again what is there, or where not even its id is found the thing itself.

        With `only_lost` what is found by its id alone.
        """
        held = await self.get(things.keys(), schema.EVERYTHING, vectors=True)
        there = [thing.thing for thing in held.values() if not (only_lost and await self._indexed(thing))]
        nowhere = [thing for id, thing in things.items() if thing is not None and id not in held]
        await self.put([*there, *nowhere], again=True)

    async def _indexed(self, thing: Found) -> bool:
        """Whether a thing is found by its tags, its row and its words together."""
        where = both(both(tagged(*thing.tags), rows(thing.row, thing.row)), any_id([thing.id]))
        terms = (thing.properties.get(schema.TERMS) or "").split()
        return bool(await (self.by_words(terms, where, (), limit=1) if terms else self.find(where, (), limit=1)))

    async def take_out(self, ids: Collection[UUID]) -> None:
        """Remove things so that no node brings them back.

        Where nodes hold copies, something empty is written over them: a node that was down loses what was changed
        meanwhile, and gives the others back what they only deleted.
        """
        if self._link.address.replicas > 1:
            await self.put([Thing(id=id, tags=(GONE,)) for id in ids])
        elif ids:
            await self.delete(any_id(ids))

    async def take_out_all(self, where: Any) -> None:
        """The same for all that fits."""
        await self.take_out([thing.id for thing in await self.every(where, [schema.ROW])])

    async def delete(self, where: Any) -> None:
        """Remove what fits, ten thousand a call."""
        while await self._asked(lambda client: self._asking.delete(client, where), 0):
            pass

    # reading

    async def get(self, ids: Collection[UUID], fields: Sequence[str], *, vectors: bool = False) -> dict[UUID, Found]:
        """Things by id; those that are not there are absent."""
        if not ids:
            return {}
        wanted = list(ids)
        parts = [wanted[start : start + PAGE] for start in range(0, len(wanted), PAGE)]
        if len(parts) == 1:
            return {thing.id: thing for thing in await self.find(any_id(wanted), fields, limit=PAGE, vectors=vectors)}
        pages = await asyncio.gather(*(self.find(any_id(part), fields, limit=PAGE, vectors=vectors) for part in parts))
        return {thing.id: thing for page in pages for thing in page}

    async def find(self, where: Any, fields: Sequence[str], *, limit: int, vectors: bool = False) -> list[Found]:
        """Up to `limit` things that fit, in no order."""
        return await self._find(where, fields, limit, vectors=vectors)

    async def near(
        self, vector: NDArray[np.float32] | None, where: Any, fields: Sequence[str], *, limit: int
    ) -> list[Found]:
        """The same, with their distances from a vector; things without one have none.

        Of few that is less work than `by_vector`: the server walks over all vectors between the first that fits and
        the last.
        """
        return await self._find(where, fields, limit, near=vector)

    async def _find(self, where: Any, fields: Sequence[str], limit: int, **by: Any) -> list[Found]:
        return await self._asked(lambda client: self._asking.find(client, where, fields, limit, **by), [])

    async def _asked(self, call: Callable[[Any], Awaitable[T]], otherwise: T) -> T:
        """A question in the server's own words, which has a deadline itself."""
        try:
            return await self._link.run(call, timed=True)
        except NoTenant:
            return otherwise

    async def every(
        self,
        where: Any,
        fields: Sequence[str],
        *,
        vectors: bool = False,
        first: int | None = None,
        last: int | None = None,
    ) -> list[Found]:
        """All things that fit, by row; more calls than one where they are more than a `PAGE`."""
        asked = [*fields, schema.ROW] if schema.ROW not in fields else fields
        page = await self.find(both(where, rows(first, last)), asked, limit=PAGE, vectors=vectors)
        if len(page) == PAGE:
            held = sorted(thing.row for thing in page)
            middle = held[PAGE // 2]
            middle -= middle == held[-1]  # so that both halves are smaller
            if held[0] == held[-1]:
                raise StoreError(f"more than {PAGE} things of one user stand at one place")
            halves = await asyncio.gather(
                self.every(where, fields, vectors=vectors, first=first, last=middle),
                self.every(where, fields, vectors=vectors, first=middle + 1, last=last),
            )
            return [*halves[0], *halves[1]]
        return sorted(page, key=lambda thing: (thing.row, thing.id.int))

    async def last(self, where: Any, fields: Sequence[str]) -> Found | None:
        """The thing of the highest row; the server reads the row of each that fits."""
        found = await self._find(where, fields, 1, last_by=schema.ROW)
        return found[0] if found else None

    async def by_words(self, terms: Sequence[str], where: Any, fields: Sequence[str], *, limit: int) -> list[Found]:
        """The best by the rarity of the terms that they hold."""
        return await self._find(where, fields, limit, terms=terms)

    async def by_vector(
        self, vector: NDArray[np.float32], where: Any, fields: Sequence[str], *, limit: int
    ) -> list[Found]:
        """The nearest, with their distances; things without a vector are not found."""
        if not await self._link.has_vector(len(vector)):
            return []
        return await self._find(where, fields, limit, vector=vector)

    async def count(self, where: Any) -> int:
        """How many things fit; the server looks at each of them, some 4 us."""
        return await self._asked(lambda client: self._asking.count(client, where), 0)


def _each_time(call: Write[T]) -> Callable[[Any], Awaitable[T]]:
    """Tell a call whether it was made before."""
    made = count()
    return lambda collection: call(collection, next(made) > 0)


def _by_id(things: Iterable[Thing]) -> dict[UUID, Thing | None]:
    return {thing.id: thing for thing in things}


def _putting(things: Sequence[Thing], again: bool) -> Write[bool]:
    async def call(collection: Any, again_now: bool) -> bool:
        if again or again_now:
            await _put(collection, [thing.unindexed for thing in things])
        await _put(collection, things)
        return True

    return call


async def _unless_missing(call: Awaitable[Any]) -> bool:
    from weaviate.exceptions import UnexpectedStatusCodeError

    try:
        await call
    except UnexpectedStatusCodeError as error:
        if error.status_code == 404:
            return False
        raise
    return True


async def _put(collection: Any, things: Sequence[Thing]) -> None:
    from weaviate.classes.data import DataObject
    from weaviate.exceptions import WeaviateBaseError, WeaviateInsertManyAllFailedError

    try:
        done = await collection.data.insert_many(
            [DataObject(properties=t.properties, uuid=t.id, vector=t.vectors or None) for t in things]
        )
    except WeaviateInsertManyAllFailedError as error:
        if "tenant not found" in str(error):
            raise NoTenant from error
        raise
    if done.has_errors:
        first = next(iter(done.errors.values()))
        if READ_ONLY in str(first.message):
            raise WeaviateBaseError(str(first.message))  # it passes: to be made again
        raise StoreError(f"Weaviate refused {len(done.errors)} of {len(things)} things: {str(first.message)[:200]}")
