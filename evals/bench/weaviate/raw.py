"""What a user of the bare client would write, in the same tenant: one hybrid call, one insert."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from persona_graph.memory.row_ids import bounds, row_bounds
from persona_graph.memory.weaviate import schema
from persona_graph.memory.weaviate.store import WeaviateStore
from persona_graph.timerange import TimeRange
from persona_graph.user_id import file_name

ALPHA = 0.5


class Raw:
    """The client of a store's connection."""

    def __init__(self, collection: Any) -> None:
        self._collection = collection

    @classmethod
    async def of(cls, store: WeaviateStore) -> Raw:
        """By the connection that the store has."""
        return cls(await store.here.link.collection())

    async def hybrid(self, user: str, text: str, vector: NDArray[np.float32], window: TimeRange, *, limit: int) -> int:
        """Search once, by words and by vector within a window; how many it found. It asks for no more than the text."""
        from weaviate.classes.query import Filter

        first, last = row_bounds(*bounds(window))
        row = Filter.by_property(schema.ROW)
        found = await self._collection.with_tenant(file_name(user)).query.hybrid(
            text,
            vector=vector.tolist(),
            alpha=ALPHA,
            query_properties=[schema.TERMS],
            target_vector=schema.vector_name(len(vector)),
            filters=row.greater_or_equal(first) & row.less_or_equal(last),
            limit=limit,
            return_properties=[schema.TERMS],
        )
        return len(found.objects)

    async def insert(self, user: str, text: str, vector: NDArray[np.float32], at: int) -> None:
        """Insert one object: a text, its vector and its time."""
        await self._collection.with_tenant(file_name(user)).data.insert(
            {schema.TERMS: text, schema.ROW: at}, vector={schema.vector_name(len(vector)): vector.tolist()}
        )
