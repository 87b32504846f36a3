"""Honest round trips: somebody with an id as ids are in the world writes, reads back, searches, exports and forgets."""

from __future__ import annotations

import asyncio
import json
import random
import shutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from langchain_core.messages import HumanMessage

from persona_graph import Target, TimeRange
from persona_graph.conversation import Message, Role, Turn
from tests.trials.tenants.doors import Door
from tests.trials.tenants.scene import NOON, Scene
from tests.trials.tenants.tenant import Words

HONEST_IDS: tuple[str, ...] = (
    "carla", "CARLA", "Carla", "carla@example.org", "carla.di.meo", "user-17", "17", "00017", "550e8400-e29b-41d4-a716",
    "Jos\u00e9", "Jose\u0301", "M\u00fcller", "Mu\u0308ller", "Gro\u00df", "Gross", "\u0130pek", "\u0131pek", "ipek",
    "\u039f\u03b4\u03cd\u03c3\u03c3\u03b5\u03b9\u03b1",
    "\u5f20\u4f1f", "\u5c71\u7530 \u592a\u90ce", "\uae40\ucca0\uc218", "\u0645\u062d\u0645\u062f \u0639\u0644\u064a",
    "\u05e9\u05dc\u05d5\u05dd", "\u0e2a\u0e21\u0e0a\u0e32\u0e22", "\u0930\u093e\u092e",
    "\U0001f98a", "\U0001f469\u200d\U0001f467", "two words", " leading", "trailing ", "tab\there", "line\nbreak",
    "a/b/c", "a\\b", "C:user",
    "team:red;role=admin", "o'neil", 'say "hi"', "100%", "50%25", "a+b=c", "#1", "?", "*", "[x]", "{x}", "$HOME",
    "~carla", "-v",
    "--help", "null", "None", "true", "0", "..", ".hidden", "con", "very " * 2_000, "x" * 10_000, "\u0627" * 5_000,
    "a\u0000b",
    "auth0|5f7c8ec7c33c6c004bbafe82", "google-oauth2|103547991597142817347", "https://id.example.org/u/7?x=1&y=2#z",
    "\u200fcarla",
    "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6", "cn=Carla,ou=People,dc=example", "@carla:example.org",
    "half \ud83d face",
)  # fmt: skip
"""Every string with a letter in it is an id: what identity providers, people and machines give."""

SENTENCES = (
    "I found my {} in the garden.", "Mein {} ist weg!", "J'ai perdu mon {}.", "Mi {} es nuevo.",
    "\u6211\u559c\u6b22 {} \u8fd9\u4e2a\u8bcd\u3002",
    "\u0627\u0634\u062a\u0631\u064a\u062a {} \u0623\u0645\u0633",
    "{} \U0001f600 at 5 o'clock; 100% <b>bold</b> & \"quoted\" {{x}}", "line one\n{}\nline three", "{}",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundTrip:
    """One honest round trip; `do` gives all that came back."""

    door: Door
    user: str
    do: Callable[[], Awaitable[list[Any]]]


class Wrong(Exception):
    """An honest call gave something else than it should."""


def round_trip(scene: Scene, chance: random.Random, door: Door, number: int) -> RoundTrip:
    """One round trip through a door; `number` keeps its word from all others'."""
    word = f"{Words(chance).secret()}{number}"
    text = chance.choice(SENTENCES).format(word)
    at = NOON - timedelta(minutes=chance.randrange(10**6))
    user = f"{chance.choice(HONEST_IDS)}{chance.choice(('', '', number % 7))}"
    if door in (Door.CLI, Door.PROCESS):
        user = user.replace("\0", "0").encode("utf-8", "replace").decode()
    if user in scene.watch.tenants:
        user = f"not {user}"
    if door in (Door.CLI, Door.PROCESS):
        run = scene.doors.command if door is Door.CLI else scene.doors.process
        return RoundTrip(door=door, user=user, do=lambda: _by_command(run, scene, user, word))
    by = {Door.PYTHON: _by_python, Door.GRAPH: _by_graph}[door]
    return RoundTrip(door=door, user=user, do=lambda: by(scene, user, text, word, at))


async def _by_python(scene: Scene, user: str, text: str, word: str, at: datetime) -> list[Any]:
    persona, id = scene.persona, f"turn {word}"
    turn = Turn(
        id=id, at=at, session="", messages=(Message.of(Role.PERSON, text), Message.of(Role.ASSISTANT, "Noted."))
    )
    _same(await persona.arecord(user, [turn]), (id,), "what was written")
    await persona.aset_profile(user, {f"key {word}": text})
    said = await persona.aturns(user, window=TimeRange(start=at, end=at + timedelta(seconds=1)))
    _same([each.messages[0].text for each in said if each.id == id], [text], "what was read back")
    _same([m.text for m in await persona.aprofile(user) if m.key == f"key {word}"], [text], "the profile")
    hits = await _found(scene, user, word, id)
    await _exported(scene, user, text)
    if turn.messages[0].text.endswith("."):
        memory = next(m for m in await persona.aprofile(user) if m.key == f"key {word}")
        gone = [await persona.aforget(user, turn=id), await persona.aforget(user, memory=memory.id)]
    else:
        gone = [await persona.aforget(user, everything=True)]
        _same(await persona.aturns(user), [], "what is left of the user")
    await _gone(scene, user, word)
    return [said, hits, *gone]


async def _by_graph(scene: Scene, user: str, text: str, word: str, _at: datetime) -> list[Any]:
    persona, store = scene.persona, scene.doors.store
    given, config = {"messages": [HumanMessage(text)]}, {"configurable": {"user_id": user}}
    graph = scene.doors.graphs["response"]
    out = await (graph.ainvoke(given, config) if len(word) % 2 else graph.ainvoke(given, context={"user": user}))
    _same(bool(out["messages"][-1].text.strip()), True, "an answer")
    said = [t for t in await persona.aturns(user) if t.id == out["turn"]]
    _same([each.messages[0].text for each in said], [text], "what was read back")
    namespace = store.namespace(user)
    await store.aput(namespace, word, {"text": f"likes {word}"})
    item = await store.aget(namespace, word)
    _same(item and item.value["text"], f"likes {word}", "the item")
    items = await store.asearch(namespace, query=word, limit=5)
    _same([each.key for each in items if word in each.value["text"]], [word], "the items found")
    hits = await _found(scene, user, word, out["turn"])
    await _exported(scene, user, text)
    await store.adelete(namespace, word)
    await persona.aforget(user, topic=word)
    await _gone(scene, user, word)
    return [out, said, item, items, hits]


async def _by_command(run: Any, scene: Scene, user: str, word: str) -> list[Any]:
    """By hand: a profile and habits are nobody's to write here, so it is a message that is written."""
    name = f"--user={user}"
    told = [await run(["chat", name, "--", f"I found my {word} in the garden."])]
    found = json.loads(await run(["search", "--json", "--kind=turn", name, "--", word]))
    mine = [hit for hit in found if word in hit["text"]]
    if not mine:
        raise Wrong(f"the turn was not found: {found!r}"[:300])
    _same(user in json.loads(await run(["show", "users", "--json"])), True, "that the user is here")
    folder = scene.out / "honest"
    told.append(await run(["export", name, "--", str(folder)]))
    _in_export(folder, user, word)
    told.append(await run(["forget", "--yes", f"--turn={mine[0]['turn']}", name]))
    left = json.loads(await run(["search", "--json", "--kind=turn", name, "--", word])) if len(found) > 99 else []
    _same([hit for hit in left if word in hit["text"]], [], "what is left")
    return told


async def _found(scene: Scene, user: str, word: str, turn: str) -> Any:
    limits = {Target.TURN: 3, Target.CORE: 3, Target.SEMANTIC: 3}
    hits = await scene.persona.asearch(user, f"What about {word}?", limits=limits)
    found = {hit.turn.id for hit in hits.of(Target.TURN) if hit.turn is not None}
    _same(turn in found, True, f"the turn by its word, of {found}")
    return hits


async def _gone(scene: Scene, user: str, word: str) -> None:
    hits = await scene.persona.asearch(user, word, limits=dict.fromkeys(Target, 3))
    _same([hit.id for hit in hits.hits if word in repr(hit)], [], "what is forgotten")


async def _exported(scene: Scene, user: str, text: str) -> None:
    folder = await scene.persona.aexport(user, scene.out / "honest")
    await asyncio.to_thread(_in_export, folder, user, text)


def _in_export(folder: Path, user: str, text: str) -> None:
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    rows = [json.loads(line) for line in (folder / "turns.jsonl").read_text(encoding="utf-8").splitlines()]
    _same(manifest["user"], user, "whose export it is")
    blocks = [block.get("text", "") for row in rows for message in row["messages"] for block in message["blocks"]]
    _same(any(text in block for block in blocks), True, "the text in the export")
    shutil.rmtree(folder)


def _same(found: Any, wanted: Any, what: str) -> None:
    if found != wanted:
        raise Wrong(f"{what}: {found!r} and not {wanted!r}"[:300])
