"""Questions in the words of the server's own protocol: by the client's a call takes a millisecond of Python more.

The client still makes the connection.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from persona_graph.memory.weaviate import schema
from persona_graph.memory.weaviate.things import Found


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
    ) -> list[Found]:
        """Things that fit: the best by words, the nearest to a vector, or in no order; `client` is a collection."""
        from weaviate.proto.v1 import base_pb2, base_search_pb2, search_get_pb2

        more: dict[str, Any] = {}
        if terms:
            more["bm25_search"] = base_search_pb2.BM25(query=" ".join(terms), properties=[schema.TERMS])
        if vector is not None:
            data = base_pb2.Vectors(
                vector_bytes=vector.astype("<f4").tobytes(), type=base_pb2.Vectors.VECTOR_TYPE_SINGLE_FP32
            )
            name = base_search_pb2.Targets(target_vectors=[schema.vector_name(len(vector))])
            more["near_vector"] = base_search_pb2.NearVector(vectors=[data], targets=name)
        request = search_get_pb2.SearchRequest(
            uses_123_api=True,
            uses_125_api=True,
            uses_127_api=True,
            collection=self.collection,
            tenant=self.tenant,
            consistency_level=_level(self.level),
            limit=limit,
            filters=_filters(where),
            properties=search_get_pb2.PropertiesRequest(non_ref_properties=fields),
            metadata=search_get_pb2.MetadataRequest(uuid=True, distance=vector is not None, score=bool(terms)),
            **more,
        )
        reply = await _told(client, "Search", request)
        return [_found(result) for result in reply.results]

    async def count(self, client: Any, where: Any) -> int:
        """How many things fit; the server looks at each of them."""
        from weaviate.proto.v1 import aggregate_pb2

        request = aggregate_pb2.AggregateRequest(
            collection=self.collection, tenant=self.tenant, objects_count=True, filters=_filters(where)
        )
        reply = await _told(client, "Aggregate", request)
        return int(reply.single_result.objects_count)


async def _told(client: Any, method: str, request: Any) -> Any:
    """The server's reply. The client would ask a server that is gone for seconds, a turn waiting all the while."""
    from grpc import StatusCode
    from grpc.aio import AioRpcError
    from weaviate.exceptions import InsufficientPermissionsError, WeaviateQueryError

    connection = client._connection
    try:
        ask = getattr(connection.grpc_stub, method)
        return await ask(request, metadata=connection.grpc_headers(), timeout=connection.timeout_config.query)
    except AioRpcError as error:
        if error.code() is StatusCode.PERMISSION_DENIED:
            raise InsufficientPermissionsError(error) from error
        raise WeaviateQueryError(f"{error.code().name}: {error.details()}", "GRPC") from error


def _filters(where: Any) -> Any:
    from weaviate.collections.filters import _FilterToGRPC

    return _FilterToGRPC.convert(where)


def _level(name: str) -> Any:
    from weaviate.proto.v1 import base_pb2

    return base_pb2.ConsistencyLevel.Value(f"CONSISTENCY_LEVEL_{name.upper()}")


def _found(result: Any) -> Found:
    said, properties = result.metadata, {}
    for name, value in result.properties.non_ref_props.fields.items():
        kind = value.WhichOneof("kind")  # texts, whole numbers, times and lists of texts are all that there is
        if kind == "text_value":
            properties[name] = value.text_value
        elif kind == "int_value":
            properties[name] = value.int_value
        elif kind == "list_value":
            properties[name] = list(value.list_value.text_values.values)
        elif kind == "date_value":
            properties[name] = datetime.fromisoformat(value.date_value)
    distance = said.distance if said.distance_present else None
    return Found(id=UUID(bytes=said.id_as_bytes), properties=properties, distance=distance, score=said.score)
