"""Questions in the words of the server's own protocol: by the client's a call takes a millisecond of Python more.

The client still makes the connection. Filters are the protocol's too (`filters` makes them).
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
        near: NDArray[np.float32] | None = None,
        vectors: bool = False,
    ) -> list[Found]:
        """Things that fit: the best by words, the nearest to a vector, the last by a property, or in no order.

        `client` is a collection; `vectors` brings those of the things along, `near` their distances from a vector.
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
            metadata=_metadata(vector is not None, bool(terms), vectors or near is not None),
            **more,
        )
        reply = await _told(client, "Search", request)
        readers = [(name, _READERS.get(name, _text)) for name in fields]
        if near is not None:
            return _nearby(reply.results, readers, near)
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
    said = result.metadata
    return Found(
        said.id_as_bytes,
        _properties_of(result, readers),
        {one.name: np.frombuffer(one.vector_bytes, "<f4") for one in said.vectors} if said.vectors else {},
        said.distance if said.distance_present else None,
        said.score,
    )


def _properties_of(result: Any, readers: Sequence[tuple[str, Reader]]) -> dict[str, Any]:
    """What a thing does not have reads as nothing."""
    values = result.properties.non_ref_props.fields
    return {name: value for name, read in readers if (value := read(values[name])) is not None}


def _nearby(results: Sequence[Any], readers: Sequence[tuple[str, Reader]], vector: NDArray[np.float32]) -> list[Found]:
    """Things that were read with their vectors, with the distances of these from another, as a search has them."""
    name = schema.vector_name(len(vector))
    read = [
        (said.id_as_bytes, _properties_of(r, readers), _bytes_of(said, name)) for r in results if (said := r.metadata)
    ]
    vectors = np.frombuffer(b"".join([held for *_, held in read]), "<f4").reshape(-1, len(vector))
    # Not by BLAS, which would wake a thread on every core for so few; what is asked with has unit length.
    lengths = np.sqrt(np.einsum("nd,nd->n", vectors, vectors))
    distances = iter((1 - np.einsum("nd,d->n", vectors, vector) / np.maximum(lengths, 1e-9)).tolist())
    return [Found(key, properties, {}, next(distances) if held else None) for key, properties, held in read]


def _bytes_of(said: Any, name: str) -> bytes:
    """The vector of that name; none where there is none."""
    for one in said.vectors:
        if one.name == name:
            return bytes(one.vector_bytes)
    return b""
