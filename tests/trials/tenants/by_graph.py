"""Hostile runs of the graphs, and hostile operations of the `BaseStore`."""

from __future__ import annotations

import random
from typing import Any
from urllib.parse import unquote

from langchain_core.messages import HumanMessage

from persona_graph import PersonaContext
from tests.support.hostile_texts import HOSTILE_TEXTS
from tests.trials.tenants import hostile
from tests.trials.tenants.doors import Door
from tests.trials.tenants.scene import Attack, Do, Scene
from tests.trials.tenants.tenant import FIELD


def attack(scene: Scene, chance: random.Random) -> Attack:
    """One run or operation."""
    kind = chance.randrange(10)
    if kind < 4:
        return _base_store(scene, chance)
    return _as_somebody(scene, chance) if kind < 7 else _as_oneself(scene, chance)


def _as_somebody(scene: Scene, chance: random.Random) -> Attack:
    """A run in the name of an id of hostile making, or of what is no id."""
    target, me = scene.pair(chance)
    no_id = chance.random() < 0.3
    user: Any = chance.choice(hostile.no_ids(target.id)) if no_id else scene.look_alike(chance, target)
    stage = chance.choice(("persona", "response", "update"))
    said = f"What is my dog called? {chance.choice(HOSTILE_TEXTS)}"
    given = {} if stage == "update" else {"messages": [HumanMessage(said)]}
    # With both named, what the context says holds, even where it is no id at all.
    by_context, both = chance.random() < 0.5, chance.random() < 0.3
    config: Any = {"configurable": {"thread_id": target.sessions[0], "user_id": me if by_context and both else user}}
    context: Any = {"user": user} if by_context else None
    if by_context and not both:
        config = {}
    named = me if user == "" and by_context and both else user

    async def do() -> Any:
        return await scene.doors.graphs[stage].ainvoke(given, config, context=context)

    return Attack(door=Door.GRAPH, name=f"{stage} graph as somebody", user=named, target=target, do=do)


def _as_oneself(scene: Scene, chance: random.Random) -> Attack:
    """A run in the attacker's own name, with the target's ids or absurd values in it."""
    target, me = scene.pair(chance)
    digest: Any = chance.choice((target.digest, f"../{target.id}", f"{target.digest}\0", 5, None, {}, []))
    contexts: dict[str, dict[str, Any]] = {
        "a turn of another": {"turn": chance.choice(target.turns), "without": frozenset(target.memories)},
        "a turn to look at": {"turn": chance.choice(target.turns), "read_only": True},
        "a time": {"at": hostile.times(chance)},
        "traits": {"personality": {chance.choice(("openness", FIELD)): hostile.numbers(chance)}},
        "a number for a turn": {"turn": hostile.numbers(chance)},
        "a table for options": {"options": {"max_retrievals": 1}},
    }
    blocks: dict[str, Any] = {
        "an image of another": {"type": "image", "digest": digest, "caption": "mine"},
        "a file of another": {"type": "file", "id": target.digest},
        "a block of no type": chance.choice(
            ({}, {"type": "text"}, {"type": None}, {"type": "image", "base64": "\u00e9"})
        ),
        "a query": hostile.queries(chance),
    }
    name = chance.choice((*contexts, *blocks))
    given = {"messages": [HumanMessage(["look", blocks[name]] if name in blocks else "What is my dog called?")]}
    asked: dict[str, Any] = {"user": me, **contexts.get(name, {})}
    as_value = chance.random() < 0.5

    async def do() -> Any:
        context: Any = PersonaContext(**asked) if as_value else asked
        return await scene.doors.graphs["response"].ainvoke(given, context=context)

    return Attack(door=Door.GRAPH, name=f"graph with {name}", user=me, target=target, do=do)


def _base_store(scene: Scene, chance: random.Random) -> Attack:
    """An operation under a namespace that may lead to the target; what it is of is the label's user, if anybody's."""
    target, me = scene.pair(chance)
    store = scene.doors.store
    own = {store.namespace(tenant.id)[1] for tenant in scene.tenants}
    labels = (
        scene.look_alike(chance, target), f"{store.namespace(target.id)[1]}%00", "%61na", "%2e%2e", "..", "*", "",
        "%ff", "%",
        target.digest, f"../{target.id}", store.namespace(me)[1], "".join(f"%{b:02x}" for b in target.id.encode()[:9]),
    )  # fmt: skip
    label = chance.choice([label for label in labels if label not in own])
    namespaces: tuple[tuple[str, ...], ...] = (
        ("memories", label), ("memories", label, "core"), (label,), ("memories", "*", label), ("memories",), (),
    )  # fmt: skip
    namespace = chance.choice(namespaces)
    key = chance.choice((*target.memories, FIELD, "*", "%", "\0", "x" * 5_000, "../x"))
    values: tuple[Any, ...] = (
        {"text": "mine"}, {"text": 5}, {"user": target.id, "text": "x"}, {}, {"text": "x", "start": "soon"},
    )  # fmt: skip
    filters: tuple[Any, ...] = (
        None, {"text": {"$ne": ""}}, {"$where": "1"}, {"text": {"$regex": ".*"}}, {"user": target.id}, {"text": []},
    )  # fmt: skip
    value, wanted, count = chance.choice(values), chance.choice(filters), chance.choice((0, 1, 10, 10**6))
    query = chance.choice((None, "dog", hostile.queries(chance)))
    does: dict[str, Do] = {
        "get": lambda: store.aget(namespace, key),
        "search": lambda: store.asearch(namespace, query=query, filter=wanted, limit=count),
        "put": lambda: store.aput(namespace, key, value),
        "delete": lambda: store.adelete(namespace, key),
    }
    name = chance.choice(sorted(does))
    named = unquote(label)
    user = me if len(namespace) < 2 or namespace[1] != label else label if named in scene.watch.tenants else named
    return Attack(door=Door.GRAPH, name=f"store {name}", user=user, target=target, do=does[name])
