"""The one collection of ours: what a thing of a user's looks like in Weaviate.

Every index is a bucket of its own in every tenant, so few properties have one: `tags` say in single words what
a thing is and belongs to, `row` orders, `begins` and `ends` are the hours in which a memory does, `terms` are what
our own analysis made of its text. The thing itself is JSON in `body`. Vectors have a name for each length, because
a tenant refuses a vector of another length than its first for ever.
"""

from __future__ import annotations

from typing import Any

TAGS, ROW, BEGINS, ENDS, TERMS = "tags", "row", "begins", "ends", "terms"
BODY, RECEIPT, JOBS, TOKENS = "body", "receipt", "jobs", "tokens"
INDEXED = (TAGS, ROW, BEGINS, ENDS, TERMS)
EVERYTHING = (*INDEXED, BODY, RECEIPT, JOBS, TOKENS)

ALWAYS_HAS = 384
"""Every collection has a named vector of this length; others come when they are needed."""
CATCH_UP_MS = 5_000
"""How often nodes compare what they hold, and how old what one lacks has to be: the server's own 30 seconds each leave
a node that comes back without what it missed for half a minute."""


def vector_name(dimensions: int) -> str:
    """The named vector that holds vectors of that length."""
    return f"d{dimensions}"


def dimensions_of(name: str) -> int:
    """The length of the vectors in a named vector of ours."""
    return int(name.removeprefix("d"))


def vector_config(dimensions: int) -> Any:
    """A flat index: exact, searchable at once, and right for the thousands of things that one user has."""
    from weaviate.classes.config import Configure, VectorDistances

    flat = Configure.VectorIndex.flat(distance_metric=VectorDistances.COSINE)
    return Configure.Vectors.self_provided(name=vector_name(dimensions), vector_index_config=flat)


def settings(replicas: int) -> dict[str, Any]:
    """What `collections.create` takes besides the name.

    `auto_tenant_creation` stays off: in a cluster it costs a hundred milliseconds a write.
    """
    from weaviate.classes.config import Configure, DataType, Property, StopwordsPreset, Tokenization

    def stored(name: str) -> Any:
        return Property(name=name, data_type=DataType.TEXT, index_filterable=False, index_searchable=False)

    def ranged(name: str, kind: Any) -> Any:
        return Property(name=name, data_type=kind, index_filterable=False, index_range_filters=True)

    return {
        "description": "Persona Graph: everything one user has, a tenant each",
        "multi_tenancy_config": Configure.multi_tenancy(
            enabled=True, auto_tenant_creation=False, auto_tenant_activation=True
        ),
        "replication_config": Configure.replication(
            factor=replicas,
            # A node that comes back lacks what it missed until the others have told it, even for quorum reads.
            async_config=Configure.Replication.async_config(frequency=CATCH_UP_MS, propagation_delay=CATCH_UP_MS)
            if replicas > 1
            else None,
        ),
        # A term counts by its rarity alone: each stands once in `terms`, and long texts win nothing by their length.
        # (The client cannot read back a `b` of nothing.)
        "inverted_index_config": Configure.inverted_index(
            bm25_b=1e-6, bm25_k1=1.2, stopwords_preset=StopwordsPreset.NONE
        ),
        "vector_config": [vector_config(ALWAYS_HAS)],
        "properties": [
            Property(name=TAGS, data_type=DataType.TEXT_ARRAY, tokenization=Tokenization.FIELD, index_searchable=False),
            ranged(ROW, DataType.INT),
            ranged(BEGINS, DataType.INT),
            ranged(ENDS, DataType.INT),
            Property(name=TERMS, data_type=DataType.TEXT, tokenization=Tokenization.WHITESPACE),
            stored(BODY),
            stored(RECEIPT),
            stored(JOBS),
            stored(TOKENS),
        ],
    }
