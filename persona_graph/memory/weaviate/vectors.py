"""Vectors: of messages by their things, of memories by text; all of one embedder."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from persona_graph.errors import EmbeddingMismatch
from persona_graph.memory.store import MISMATCH, Unembedded, Vectors
from persona_graph.memory.weaviate import indexing, schema
from persona_graph.memory.weaviate.codec import (
    CURRENT,
    EMBEDDER,
    UNEMBEDDED,
    card_of,
    state_thing,
    text_tag,
    tokens_text,
    turn_of,
    version_of,
    version_thing,
)
from persona_graph.memory.weaviate.filters import any_id, tagged
from persona_graph.memory.weaviate.things import MESSAGE, TURN, VERSION, Found, Thing, name_of
from persona_graph.memory.weaviate.user_space import UserSpace


async def unembedded(space: UserSpace, limit: int) -> list[Unembedded]:
    """Messages, then current memories, that have no vector yet."""
    if limit <= 0:
        return []
    messages, versions = await asyncio.gather(
        space.tenant.find(tagged(MESSAGE, UNEMBEDDED), [schema.BODY, schema.ROW], limit=limit),
        space.tenant.find(tagged(VERSION, UNEMBEDDED, CURRENT), [schema.BODY, schema.ROW], limit=limit),
    )
    messages.sort(key=lambda thing: thing.row)
    versions.sort(key=lambda thing: thing.row)
    cards = {thing.id: card_of(thing) for thing in messages}
    turns = await space.tenant.get({UUID(card.turn) for card in cards.values()}, [schema.TAGS, schema.BODY])
    found: list[Unembedded] = []
    for thing in messages:
        card = cards[thing.id]
        turn = turns.get(UUID(card.turn))
        if turn is not None and TURN in turn.tags:
            said = turn_of(turn).messages
            if card.place < len(said):
                text = said[card.place].searchable
                # The text's name tells a message from another that takes its place between here and `put`.
                found.append(Unembedded(ref=f"{MESSAGE}:{thing.id.hex}:{name_of(text)}", text=text))
    texts = dict.fromkeys(version_of(thing).searchable for thing in versions)
    found += [Unembedded(ref=f"{VERSION}:{text_tag(text)}", text=text) for text in texts]
    return found[:limit]


async def put(space: UserSpace, fingerprint: str, vectors: Sequence[Vectors]) -> None:
    """Keep vectors; those of texts that are gone by now are passed over."""
    if not vectors:
        return
    await _agree(space, fingerprint, len(vectors[0].vector))
    messages: dict[UUID, tuple[str, Vectors]] = {}
    memories: dict[str, NDArray[np.float32]] = {}
    for one in vectors:
        kind, _, rest = one.ref.partition(":")
        if kind == VERSION:
            memories[rest] = one.vector
        else:
            id, _, text = rest.partition(":")
            messages[UUID(id)] = text, one
    await _put_messages(space, messages)
    await asyncio.gather(*(_put_text(space, tag, vector) for tag, vector in memories.items()))


async def _put_messages(space: UserSpace, wanted: dict[UUID, tuple[str, Vectors]]) -> None:
    fields = [schema.TAGS, schema.ROW, schema.TERMS, schema.BODY]
    held = await space.tenant.get(list(wanted), fields)
    held = {id: thing for id, thing in held.items() if MESSAGE in thing.tags}
    cards = {id: card_of(thing) for id, thing in held.items()}
    turns = await space.tenant.get({UUID(card.turn) for card in cards.values()}, [schema.TAGS, schema.BODY])
    things = []
    for id, thing in held.items():
        text, one = wanted[id]
        turn = turns.get(UUID(cards[id].turn))
        if turn is None or TURN not in turn.tags or UNEMBEDDED not in thing.tags:
            continue
        said = turn_of(turn).messages
        if cards[id].place < len(said) and name_of(said[cards[id].place].searchable) == text:
            things.append(_with_vector(thing, one.vector, one.tokens))
    await space.tenant.put(things)
    # Whoever erased a turn meanwhile did not see what was written just now.
    still = await space.tenant.get({UUID(card.turn) for card in cards.values()}, [schema.TAGS])
    orphans = [id for id, card in cards.items() if (t := still.get(UUID(card.turn))) is None or TURN not in t.tags]
    if orphans:
        await space.tenant.take_out(orphans)


def _with_vector(thing: Found, vector: NDArray[np.float32], tokens: NDArray[np.int8] | None = None) -> Thing:
    """The thing as it is, with its vector; rounded as the embedded store keeps it."""
    names = (schema.BEGINS, schema.ENDS, schema.TERMS)
    kept = {name: value for name in names if (value := thing.properties.get(name)) is not None}
    return Thing(
        id=thing.id,
        tags=tuple(tag for tag in thing.properties[schema.TAGS] if tag != UNEMBEDDED),
        row=thing.row,
        body=thing.body,
        more=kept if tokens is None else {**kept, schema.TOKENS: tokens_text(tokens)},
        vector=np.asarray(np.asarray(vector, np.float16), np.float32),
    )


async def _put_text(space: UserSpace, tag: str, vector: NDArray[np.float32]) -> None:
    """Give all versions that say this their vector."""
    fields = [schema.TAGS, schema.ROW, schema.BEGINS, schema.ENDS, schema.TERMS, schema.BODY]
    held = await space.tenant.every(tagged(VERSION, tag), fields)
    await space.tenant.put([_with_vector(thing, vector) for thing in held])


async def _agree(space: UserSpace, fingerprint: str, dimensions: int) -> None:
    held = await space.tenant.get([EMBEDDER], [schema.BODY])
    if EMBEDDER not in held:
        await space.tenant.put([state_thing(EMBEDDER, {"fingerprint": fingerprint, "dimensions": dimensions})])
        space.search.clear()
    elif held[EMBEDDER].body != {"fingerprint": fingerprint, "dimensions": dimensions}:
        raise EmbeddingMismatch(MISMATCH)


async def drop(space: UserSpace) -> None:
    """Remove all vectors and which model made them: things are written anew without."""
    versions = await space.tenant.every(tagged(VERSION), [schema.BODY])
    await space.tenant.put([version_thing(version_of(thing)) for thing in versions])
    await indexing.index_anew(space, keep_vectors=False)
    await space.tenant.delete(any_id([EMBEDDER]))
    space.search.clear()
