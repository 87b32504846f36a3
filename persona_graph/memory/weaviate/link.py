"""`Link`: the connection of one event loop, and what its errors mean.

Every call has a deadline; where the server says that it is busy the call is made again, a little later each time.
A server that is gone is `StoreAway`: the next call tries to connect anew, to another node where there are several.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
import warnings
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from persona_graph.errors import AccessDenied, ConfigurationError, StoreAway, StoreError
from persona_graph.memory.weaviate import schema
from persona_graph.memory.weaviate.address import KEY, Address
from persona_graph.memory.weaviate.embedded import Embedded

T = TypeVar("T")

DEADLINE_S = 10.0
"""The longest that one call may take: a batch takes a second, and a cluster finds a new leader in nine."""
CONNECT_S = 5
RETRIES_S = (0.05, 0.2, 0.8)
"""Waits before a call is made again, where the server says that it is busy."""
COOL_S = 1.0
"""For so long after a vain attempt to connect nobody tries again: a turn asks the store a dozen times."""

EXTRA = (
    "a weaviate URL needs the extra: pip install 'persona-graph[weaviate]' (from a clone: pip install '.[weaviate]')"
)

READ_ONLY = "store is read-only"
"""So a tenant refuses writes for a moment while a named vector is being added, and for longer when the disk is full."""

_BUSY = (429, 502, 503, 504)
_BUSY_WORDS = (
    "non-existing index",  # another process is just making the collection
    "leader not found",
    "too many requests",
    "node is not ready",
    "not enough active replicas",
    # Of a tenant that was made just now, too: the other nodes hear of it a moment later.
    "cannot achieve consistency level",
    "try again",
    READ_ONLY,
    "string field contains invalid UTF-8",  # its own words for such a refusal, which it then cannot send
)
_AWAY_WORDS = (
    "UNAVAILABLE",
    "DEADLINE_EXCEEDED",
    "failed to connect",
    "Connection reset",
    "Socket closed",
    "CANCELLED",
)


class NoTenant(Exception):
    """The user has no tenant: nothing is known of them."""


class _Busy(Exception):
    """The server asks to be asked again."""


class Link:
    """A client, connected when it is first asked for; belongs to one event loop."""

    def __init__(self, address: Address, embedded: Embedded | None) -> None:
        self.address, self._embedded = address, embedded
        self._client: Any = None
        self._collection: Any = None
        self._lock = asyncio.Lock()
        self._down_until, self._down = 0.0, ""
        self._node = 0
        self._dimensions: frozenset[int] = frozenset()
        """Lengths for which there is a named vector, as far as is known here."""
        self.watch: Callable[[float, float], None] | None = None
        """Told when each call began and ended (seconds of `perf_counter`); for measuring."""

    @property
    def node(self) -> int:
        """Which of the nodes of the address it is connected to, or tries first."""
        return self._node % max(1, len(self.address.nodes))

    async def collection(self) -> Any:
        """Our collection, made where there is none. Raises: StoreAway; AccessDenied; StoreError."""
        if self._collection is not None:
            return self._collection
        async with self._lock:
            if self._collection is None:
                if time.monotonic() < self._down_until:
                    raise StoreAway(self._down)
                try:
                    self._client = await self._connected()
                    self._collection = await self._ensured()
                except StoreAway as error:
                    await self._drop()
                    self._down_until, self._down = time.monotonic() + COOL_S, str(error)
                    raise
                except StoreError:
                    await self._drop()
                    raise
            return self._collection

    async def run(self, call: Callable[[Any], Awaitable[T]], *, timed: bool = False) -> T:
        """What a call on the collection gives; one that is `timed` has a deadline itself.

        Raises: NoTenant; StoreAway; AccessDenied; StoreError.
        """
        began = time.perf_counter()
        try:
            for wait in (*RETRIES_S, None):
                collection = await self.collection()
                try:
                    return await (call(collection) if timed else _in_time(call, collection))
                except asyncio.CancelledError as error:
                    task = asyncio.current_task()
                    if task is None or task.cancelling():
                        raise
                    # Nobody asked for it: the connection was given up under this call, because another one failed.
                    raise StoreAway(_away(self.address.shown)) from error
                except Exception as error:
                    if isinstance(error, StoreError | NoTenant):
                        raise
                    meant = told(error, self.address.shown)
                    if meant is error:
                        if self._collection is collection:
                            raise
                        # A client that was closed under a call says so in many ways.
                        meant = StoreAway(_away(self.address.shown))
                    if isinstance(meant, _Busy) and wait is not None:
                        await asyncio.sleep(wait * (1 + random.random()))
                        continue
                    if isinstance(meant, _Busy):
                        meant = StoreAway(f"Weaviate at {self.address.shown} is too busy to answer")
                    if isinstance(meant, StoreAway):
                        await self._lose(collection)
                    raise meant from error
            raise AssertionError("the last try returns or raises")
        finally:
            if self.watch is not None:
                self.watch(began, time.perf_counter())

    async def has_vector(self, dimensions: int) -> bool:
        """Whether any vector of that length was ever kept."""
        if dimensions not in self._dimensions:
            self._dimensions = await self.run(_dimensions)
        return dimensions in self._dimensions

    async def have_vector(self, dimensions: int) -> None:
        """Have a named vector for vectors of that length."""
        if not await self.has_vector(dimensions):
            await self.run(lambda collection: _add_vector(collection, dimensions))

    async def client(self) -> Any:
        """The client itself, connected: for what an operator does besides (rights, backups)."""
        await self.collection()
        return self._client

    async def drop_collection(self) -> None:
        """Remove the whole collection, with all users in it; the next call makes it anew."""
        client = await self.client()
        await client.collections.delete(self.address.collection)
        await self.close()

    async def close(self) -> None:
        """Let go of the connection."""
        async with self._lock:
            await self._drop()

    async def _lose(self, collection: Any) -> None:
        """Give up a connection that failed, so that the next call makes another."""
        async with self._lock:
            if self._collection is collection:
                self._node += 1
                await self._drop()

    async def _drop(self) -> None:
        client, self._client, self._collection = self._client, None, None
        if client is not None:
            try:
                async with asyncio.timeout(CONNECT_S):
                    await client.close()
            except Exception as error:  # it is gone either way
                logging.getLogger(__name__).debug("closing a lost connection: %s", type(error).__name__)

    async def _connected(self) -> Any:
        address = self.address
        nodes = address.nodes
        if self._embedded is not None:
            nodes = (await asyncio.to_thread(self._embedded.node),)
        failed: StoreError | None = None
        for turn in range(len(nodes)):
            node = nodes[(self._node + turn) % len(nodes)]
            client = _client(address, node)
            try:
                async with asyncio.timeout(CONNECT_S):
                    await client.connect()
            except Exception as error:
                await _closed(client)
                meant = told(error, f"{node.host}:{node.port}")
                failed = meant if isinstance(meant, StoreError) else StoreAway(_away(f"{node.host}:{node.port}"))
                if not isinstance(failed, StoreAway):
                    raise failed from error
                continue
            self._node += turn
            return client
        assert failed is not None
        raise failed

    async def _ensured(self) -> Any:
        name = self.address.collection
        try:
            async with asyncio.timeout(DEADLINE_S):
                if not await self._client.collections.exists(name):
                    await _make(self._client, name, self.address.replicas)
        except Exception as error:
            meant = told(error, self.address.shown)
            raise meant if isinstance(meant, StoreError) else StoreAway(_away(self.address.shown)) from error
        from weaviate.classes.config import ConsistencyLevel

        level = {"one": ConsistencyLevel.ONE, "quorum": ConsistencyLevel.QUORUM, "all": ConsistencyLevel.ALL}
        return self._client.collections.use(name).with_consistency_level(level[self.address.consistency])


async def _in_time(call: Callable[[Any], Awaitable[T]], collection: Any) -> T:
    async with asyncio.timeout(DEADLINE_S):
        return await call(collection)


async def _make(client: Any, name: str, replicas: int) -> None:
    from weaviate.exceptions import UnexpectedStatusCodeError

    try:
        await client.collections.create(name, **schema.settings(replicas))
    except UnexpectedStatusCodeError as error:
        if "already exists" not in str(error):  # another process was faster
            raise


async def _dimensions(collection: Any) -> frozenset[int]:
    config = await collection.config.get()
    return frozenset(map(schema.dimensions_of, config.vector_config or {}))


async def _add_vector(collection: Any, dimensions: int) -> None:
    from weaviate.exceptions import UnexpectedStatusCodeError

    try:
        await collection.config.add_vector(vector_config=schema.vector_config(dimensions))
    except UnexpectedStatusCodeError as error:
        if "already exists" not in str(error):  # another process was faster
            raise


def _client(address: Address, node: Any) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a library it uses, at import
            import weaviate
            from weaviate.classes.init import AdditionalConfig, Auth, Timeout
    except ImportError as error:
        raise ConfigurationError(EXTRA) from error
    # Its logger prints every thing that could not be written whole, text and vector; errors are raised anyway.
    logging.getLogger("weaviate-client").setLevel(logging.CRITICAL)
    return weaviate.use_async_with_custom(
        http_host=node.host,
        http_port=node.port,
        http_secure=address.tls,
        grpc_host=node.grpc_host,
        grpc_port=node.grpc_port,
        grpc_secure=address.tls,
        headers=dict(address.headers) or None,
        auth_credentials=Auth.api_key(key) if (key := node.api_key or address.api_key) else None,
        additional_config=AdditionalConfig(timeout=Timeout(init=CONNECT_S, query=DEADLINE_S, insert=DEADLINE_S)),
        # They ask the package index for a newer client, on every connection.
        skip_init_checks=True,
    )


async def _closed(client: Any) -> None:
    try:
        await client.close()
    except Exception as error:  # it never was open
        logging.getLogger(__name__).debug("closing a connection that failed: %s", type(error).__name__)


def _away(where: str) -> str:
    return f"Weaviate at {where} cannot be reached, or did not answer in time"


def told(error: Exception, where: str) -> Exception:
    """What an error of the client means to us; texts of memories never stand in it."""
    import httpx
    from weaviate import exceptions as weaviate

    if isinstance(error, StoreError | ConfigurationError):
        return error
    text = str(error)
    if "tenant not found" in text:
        return NoTenant(where)
    if isinstance(error, weaviate.InsufficientPermissionsError) or "PERMISSION_DENIED" in text or "forbidden" in text:
        return AccessDenied(f"the key does not allow this at Weaviate {where}")
    if isinstance(error, weaviate.AuthenticationFailedError) or "UNAUTHENTICATED" in text:
        return AccessDenied(_key(where))
    if isinstance(error, weaviate.WeaviateClosedClientError) or "CANCELLED" in text:
        return _Busy(where)  # another call gave the connection up; whatever is written twice is written once
    status = getattr(error, "status_code", None)
    if status == 401:
        return AccessDenied(_key(where))
    if "enough weaviate nodes" in text:
        return ConfigurationError(f"Weaviate at {where} has fewer nodes than the URL's replicas")
    if status in _BUSY or any(words in text for words in _BUSY_WORDS):
        return _Busy(where)
    gone = (
        weaviate.WeaviateConnectionError,
        weaviate.WeaviateTimeoutError,
        weaviate.WeaviateStartUpError,
        weaviate.WeaviateGRPCUnavailableError,
        weaviate.WeaviateRetryError,
        httpx.TransportError,  # the client passes on what breaks off in the middle of an answer
        TimeoutError,
        OSError,
    )
    if isinstance(error, gone) or any(words in text for words in _AWAY_WORDS):
        return StoreAway(_away(where))
    if not isinstance(error, weaviate.WeaviateBaseError):
        return error  # ours, not the server's
    return StoreError(f"Weaviate at {where} refused a call: {type(error).__name__}: {_clipped(text)}")


def _key(where: str) -> str:
    return f"Weaviate at {where} knows no such key: set {KEY} to one it knows, or to none where it has no keys"


def _clipped(text: str) -> str:
    """The beginning of a message of the server, which names what is wrong before it quotes anything."""
    first = text.strip().splitlines()[0] if text.strip() else ""
    return first[:200]
