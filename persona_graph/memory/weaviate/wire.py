"""`wire()`: the messages of the server's own protocol, imported when first asked for, for they come with the extra."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple


class Wire(NamedTuple):
    """Modules of the client."""

    base: Any
    search: Any
    get: Any
    aggregate: Any
    delete: Any


@cache  # an import statement in a function that runs thirty times a search takes its time
def wire() -> Wire:
    """The modules."""
    from weaviate.proto.v1 import aggregate_pb2, base_pb2, base_search_pb2, batch_delete_pb2, search_get_pb2

    return Wire(base_pb2, base_search_pb2, search_get_pb2, aggregate_pb2, batch_delete_pb2)
