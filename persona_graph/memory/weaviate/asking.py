"""Questions in the words of the server's own protocol: by the client's a call takes a millisecond of Python more.

The client still makes the connection. Filters are the protocol's too (`tenant.tagged` and the others make them).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from persona_graph.errors import StoreError
from persona_graph.memory.weaviate import schema
from persona_graph.memory.weaviate.things import Found
from persona_graph.memory.weaviate.wire import wire


@dataclass(frozen=True, slots=True)
class Asking:
    """Questions about one tenant of a collection; `level` says how many nodes have to answer."""

    collection: str
    tenant: str
    level: str

    async def find(
        self,
        client: Any,
        where: Any,
        fields: Sequence[str],
        limit: int,
        *,
        terms: Sequence[str] = (),
        vector: NDArray[np.float32] | None = None,
        last_by: str = "",
        vectors: bool = False,
    ) -> list[Found]:
        """Things that fit: the best by words, the nearest to a vector, the last by a property, or in no order.

        `client` is a collection; `vectors` brings those of the things along.
        """
        base, search, get, *_ = wire()
        more: dict[str, Any] = {}
        if terms:
            more["bm25_search"] = search.BM25(query=" ".join(terms), properties=[schema.TERMS])
        if vector is not None:
            data = base.Vectors(vector_bytes=vector.astype("<f4").tobytes(), type=base.Vectors.VECTOR_TYPE_SINGLE_FP32)
            name = search.Targets(target_vectors=[schema.vector_name(len(vector))])
            more["near_vector"] = search.NearVector(vectors=[data], targets=name)
        if last_by:
            more["sort_by"] = [get.SortBy(ascending=False, path=[last_by])]
        request = get.SearchRequest(
            uses_123_api=True,
            uses_125_api=True,
            uses_127_api=True,
            collection=self.collection,
            tenant=self.tenant,
            consistency_level=_level(self.level),
            limit=limit,
            filters=where,
            properties=_properties(tuple(fields)),
            metadata=_metadata(vector is not None, bool(terms), vectors),
            **more,
        )
        reply = await _told(client, "Search", request)
        readers = [(name, _READERS.get(name, _text)) for name in fields]
        return [_found(result, readers) for result in reply.results]

    async def count(self, client: Any, where: Any) -> int:
        """How many things fit; the server looks at each of them."""
        request = wire().aggregate.AggregateRequest(
            collection=self.collection, tenant=self.tenant, objects_count=True, filters=where
        )
        reply = await _told(client, "Aggregate", request)
        return int(reply.single_result.objects_count)

    async def delete(self, client: Any, where: Any) -> int:
        """Remove what fits, ten thousand at most; how many there were. Raises: StoreError when some stay."""
        request = wire().delete.BatchDeleteRequest(
            collection=self.collection, tenant=self.tenant, consistency_level=_level(self.level), filters=where
        )
        done = await _told(client, "BatchDelete", request)
        if done.failed:
            raise StoreError(f"Weaviate could not remove {done.failed} of {done.matches} things")
        return int(done.matches)


async def _told(client: Any, method: str, request: Any) -> Any:
    """The server's reply. The client would ask a server that is gone for seconds, a turn waiting all the while."""
    from grpc import StatusCode
    from grpc.aio import AioRpcError
    from weaviate.exceptions import InsufficientPermissionsError, WeaviateQueryError

    connection = client._connection
    try:
        ask, headers = getattr(connection.grpc_stub, method), _headers(connection.grpc_headers())
        return await ask(request, metadata=headers, timeout=connection.timeout_config.query)
    except AioRpcError as error:
        if error.code() is StatusCode.PERMISSION_DENIED:
            raise InsufficientPermissionsError(error) from error
        raise WeaviateQueryError(f"{error.code().name}: {error.details()}", "GRPC") from error


@cache
def _level(name: str) -> Any:
    return wire().base.ConsistencyLevel.Value(f"CONSISTENCY_LEVEL_{name.upper()}")


@lru_cache(64)
def _properties(fields: tuple[str, ...]) -> Any:
    return wire().get.PropertiesRequest(non_ref_properties=fields)


@cache
def _metadata(distance: bool, score: bool, vector: bool) -> Any:
    return wire().get.MetadataRequest(uuid=True, distance=distance, score=score, vector=vector)


@lru_cache(8)
def _headers(headers: tuple[tuple[str, str], ...] | None) -> Any:
    """Headers as the channel would make them of a tuple for each call anew."""
    from grpc.aio import Metadata

    return Metadata(*headers or ())


Reader = Callable[[Any], Any]


def _text(value: Any) -> str | None:
    return value.text_value or None


def _number(value: Any) -> int | None:
    return value.int_value if value.HasField("int_value") else None


_READERS: Mapping[str, Reader] = {
    schema.ROW: _number,
    schema.TAGS: lambda value: list(value.list_value.text_values.values),
    schema.BEGINS: _number,
    schema.ENDS: _number,
}
"""How a property is read that is no text."""


def _found(result: Any, readers: Sequence[tuple[str, Reader]]) -> Found:
    said, values = result.metadata, result.properties.non_ref_props.fields
    # What a thing does not have reads as nothing.
    properties = {name: value for name, read in readers if (value := read(values[name])) is not None}
    return Found(
        said.id_as_bytes,
        properties,
        {one.name: np.frombuffer(one.vector_bytes, "<f4") for one in said.vectors} if said.vectors else {},
        said.distance if said.distance_present else None,
        said.score,
    )
