"""Hostile calls of `Persona`."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from persona_graph import Options, Target, TimeRange
from persona_graph.conversation import Image, Message, Role, Text, Turn
from persona_graph.retrieval.query import Query
from persona_graph.user_id import file_name
from tests.support.hostile_texts import HOSTILE_TEXTS
from tests.trials.tenants import hostile
from tests.trials.tenants.doors import Door
from tests.trials.tenants.scene import NOON, Attack, Do, Scene
from tests.trials.tenants.tenant import FIELD, Tenant

Row = dict[str, Any]


def attack(scene: Scene, chance: random.Random) -> Attack:
    """One call."""
    target, user = scene.pair(chance)
    named: tuple[str, Do]
    kind = chance.randrange(10)
    if kind < 3:
        return _as_somebody(scene, chance, target)
    if kind < 6:
        named = _foreign_ids(scene, chance, user, target)
    elif kind < 9:
        named = _absurd(scene, chance, user)
    else:
        named = _files(scene, chance, user, target)
    return Attack(door=Door.PYTHON, name=named[0], user=user, target=target, do=named[1])


def _as_somebody(scene: Scene, chance: random.Random, target: Tenant) -> Attack:
    """An ordinary operation in the name of an id of hostile making, or of what is no id."""
    persona = scene.persona
    no_id = chance.random() < 0.25
    user: Any = chance.choice(hostile.no_ids(target.id)) if no_id else scene.look_alike(chance, target)
    said = f"What is my dog called? {chance.choice(HOSTILE_TEXTS)}"
    does: dict[str, Do] = {
        "chat": lambda: persona.achat(user, said),
        "search": lambda: persona.asearch(user, "dog", limits=dict.fromkeys(Target, 50)),
        "retrieve": lambda: persona.aretrieve(Query(user=user, text="dog")),
        "memories": lambda: persona.amemories(user, history=True),
        "profile": lambda: persona.aprofile(user),
        "personality": lambda: persona.apersonality(user),
        "history": lambda: persona.ahistory(user),
        "turns": lambda: persona.aturns(user),
        "receipt": lambda: persona.areceipt(user),
        "problems": lambda: persona.aproblems(user),
        "retry": lambda: persona.aretry(user),
        "flush": lambda: persona.aflush(user, close_sessions=True),
        "export": lambda: persona.aexport(user, scene.out),
        "import": lambda: persona.aimport(user, scene.template),
        "set_profile": lambda: persona.aset_profile(user, {FIELD: "mine"}),
        "record": lambda: persona.arecord(user, [_turn(target.turns[0], said)]),
        "forget everything": lambda: persona.aforget(user, everything=True),
        "forget a topic": lambda: persona.aforget(user, topic="dog"),
        "forget a window": lambda: persona.aforget(user, window=TimeRange()),
        "pin": lambda: persona.apin(user, target.memories[0]),
        "view": lambda: persona.user(user).aturns(),
        "image": lambda: persona.engine.media.get(user, target.digest),
        "image removal": lambda: persona.engine.media.remove_user(user),
    }
    name = chance.choice(sorted(does))
    return Attack(door=Door.PYTHON, name=f"{name} as somebody", user=user, target=target, do=does[name])


def _foreign_ids(scene: Scene, chance: random.Random, me: str, target: Tenant) -> tuple[str, Do]:
    """An operation that takes an id, with one of the target's."""
    persona = scene.persona
    memory, turn, commit = (chance.choice(ids) for ids in (target.memories, target.turns, target.commits))
    thing: Any = chance.choice(
        (memory, turn, commit, f"core:{FIELD}", f"{memory}@{commit}", f"{target.id}/{memory}", memory[:4], f"{memory}*")
    )  # fmt: skip
    if chance.random() < 0.1:
        thing = chance.choice((5, None, b"x", True, 1.5, "", "\0", "%", "\ud800", "x" * 10_000))
    picture = Image(digest=target.digest, caption="mine")
    said = Message(role=Role.PERSON, blocks=(Text("What is in this picture?"), picture))
    session, operation = chance.choice(target.sessions), chance.choice((None, 0, -1, 10**30))
    score = chance.choice((9.0, -1.0, float("nan"), 4.5))
    does: dict[str, Do] = {
        "correct": lambda: persona.acorrect(me, thing, "mine now"),
        "pin": lambda: persona.apin(me, thing),
        "freeze": lambda: persona.afreeze(me, thing),
        "freeze a trait": lambda: persona.afreeze(me, "openness", score),
        "switch_off": lambda: persona.aswitch_off(me, thing),
        "release": lambda: persona.arelease(me, thing),
        "undo": lambda: persona.aundo(me, thing, operation=operation),
        "forget a memory": lambda: persona.aforget(me, memory=thing),
        "forget a turn": lambda: persona.aforget(me, turn=thing),
        "forget an image": lambda: persona.aforget(me, image=target.digest),
        "receipt": lambda: persona.areceipt(me, thing),
        "answer_again": lambda: persona.aanswer_again(me, thing),
        "answer_without": lambda: persona.aanswer_without(me, thing, [memory, turn]),
        "chat to a turn": lambda: persona.achat(me, "", turn=turn),
        "chat of an image": lambda: persona.achat(me, said),
        "record an image": lambda: persona.arecord(me, [Turn(id="i", at=NOON, session="", messages=(said,))]),
        "record a turn": lambda: persona.arecord(me, [_turn(turn, "mine now", session)]),
        "image": lambda: persona.engine.media.get(me, target.digest),
        "image removal": lambda: persona.engine.media.remove(me, [target.digest]),
        "search without": lambda: persona.aretrieve(Query(user=me, text="dog", exclude=frozenset({memory, turn}))),
    }
    name = chance.choice(sorted(does))
    return f"{name} of another", does[name]


def _absurd(scene: Scene, chance: random.Random, me: str) -> tuple[str, Do]:
    """Ordinary operations with queries, times and numbers that nobody means."""
    persona, text, count = scene.persona, hostile.queries(chance), hostile.numbers(chance)
    at, other = hostile.times(chance), hostile.times(chance)
    start, end = hostile.written_times(chance), hostile.written_times(chance)
    limits: Any = {chance.choice(list(Target)): count, chance.choice((Target.TURN, "dreams", 5)): 3}
    traits: Any = {chance.choice(("openness", "mood")): count}
    nothing: Any = chance.choice((None, 5, b"x", [], "", {"text": "x"}))
    no_image = chance.choice((b"", b"GIF89a", "\0", "/etc/passwd", "/dev/zero"))
    does: dict[str, Do] = {
        "search": lambda: persona.asearch(me, text, limits=dict.fromkeys(Target, 9)),
        "search keywords": lambda: persona.asearch(me, keywords=text),
        "search as of": lambda: persona.asearch(me, text[:99], as_of=at),
        "search within": lambda: _sure(lambda: persona.asearch(me, "dog", window=TimeRange(start=at, end=other))),
        "search within dates": lambda: _sure(lambda: persona.asearch(me, "dog", window=TimeRange.parse(start, end))),
        "search with limits": lambda: persona.asearch(me, "dog", limits=limits),
        "memories as of": lambda: persona.amemories(me, as_of=at),
        "personality as of": lambda: persona.apersonality(me, as_of=at),
        "turns within": lambda: _sure(lambda: persona.aturns(me, window=TimeRange(end=at))),
        "forget within": lambda: _sure(lambda: persona.aforget(me, window=TimeRange(start=at), dry_run=True)),
        "undo since": lambda: persona.aundo(me, since=at),
        "chat at": lambda: persona.achat(me, text[:200], at=at),
        "chat": lambda: persona.achat(me, text),
        "chat with options": lambda: _sure(lambda: persona.achat(me, "dog?", options=Options(max_retrievals=count))),
        "chat with traits": lambda: persona.achat(me, "dog?", personality=traits),
        "chat of nothing": lambda: persona.achat(me, nothing),
        "chat of no image": lambda: persona.achat(me, "look", images=[no_image]),
        "freeze at": lambda: persona.afreeze(me, "openness", count),
        "forget a topic": lambda: persona.aforget(me, topic=text[:200], dry_run=True),
        "forget two things": lambda: persona.aforget(me, topic="x", everything=True),
    }
    name = chance.choice(sorted(does))
    return f"absurd {name}", does[name]


async def _sure(call: Callable[[], Any]) -> Any:
    """What is built from absurd values is built inside the call, so that a refusal counts as the call's."""
    return await call()


def _files(scene: Scene, chance: random.Random, me: str, target: Tenant) -> tuple[str, Do]:
    """Exports into and imports from folders that lead to the store, and exports that were doctored."""
    persona, folder = scene.persona, hostile.folders(chance, scene.home, target.id)
    way = chance.choice(DOCTORED)
    digest = chance.choice(
        (str(_theirs(scene, target)), f"../../store/media/{file_name(target.id)}/{target.digest}", "x")
    )

    async def import_doctored() -> int:
        folder = scene.template.with_name("doctored")
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(scene.template, folder)
        way(folder, scene, target, digest)
        return await persona.aimport(me, folder)

    does: dict[str, Do] = {
        "export into": lambda: persona.aexport(me, folder),
        "import from": lambda: persona.aimport(me, folder),
        "image from": lambda: persona.achat(me, "look", images=[folder]),
        "import of a doctored export": import_doctored,
    }
    name = chance.choice((*sorted(does), "import of a doctored export"))
    return name, does[name]


def _theirs(scene: Scene, target: Tenant) -> Path:
    return scene.home / "media" / file_name(target.id) / target.digest


def _with_image(folder: Path, digest: str) -> None:
    _edit(folder, "turns", lambda row: row["messages"][0]["blocks"].append({"image": {"digest": digest}}))


def _a_path_for_a_digest(folder: Path, _scene: Scene, _target: Tenant, digest: str) -> None:
    _with_image(folder, digest)


def _a_link_for_an_image(folder: Path, scene: Scene, target: Tenant, _digest: str) -> None:
    _with_image(folder, target.digest)
    (folder / "media").mkdir(exist_ok=True)
    (folder / "media" / target.digest).symlink_to(_theirs(scene, target))


def _a_link_for_the_images(folder: Path, scene: Scene, target: Tenant, _digest: str) -> None:
    _with_image(folder, target.digest)
    shutil.rmtree(folder / "media", ignore_errors=True)
    (folder / "media").symlink_to(_theirs(scene, target).parent)


def _a_link_for_the_turns(folder: Path, scene: Scene, target: Tenant, _digest: str) -> None:
    (folder / "turns.jsonl").unlink()
    (folder / "turns.jsonl").symlink_to(scene.home / "users" / f"{file_name(target.id)}.db")


def _another_name(folder: Path, _scene: Scene, target: Tenant, _digest: str) -> None:
    _edit_manifest(folder, user=target.id)


def _tombstones_of_another(folder: Path, _scene: Scene, target: Tenant, _digest: str) -> None:
    rows = [{"id": id} for id in (*target.turns, *target.memories, target.digest)]
    with (folder / "erased.jsonl").open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    _edit_manifest(folder, erased=len(rows))


def _evidence_of_another(folder: Path, _scene: Scene, target: Tenant, _digest: str) -> None:
    _edit(folder, "commits", lambda row: row.update(evidence=list(target.turns), read=list(target.turns)))


def _a_commit_of_another(folder: Path, _scene: Scene, target: Tenant, _digest: str) -> None:
    _edit(folder, "commits", lambda row: row.update(id=target.commits[0]))


def _a_turn_of_another(folder: Path, _scene: Scene, target: Tenant, _digest: str) -> None:
    _edit(folder, "turns", lambda row: row.update(id=target.turns[0], session=target.sessions[0]))


def _a_job_over_another(folder: Path, _scene: Scene, target: Tenant, _digest: str) -> None:
    _edit(folder, "jobs", lambda row: row.update(turns=list(target.turns), id=target.jobs[0]))


DOCTORED = (
    _a_path_for_a_digest, _a_link_for_an_image, _a_link_for_the_images, _a_link_for_the_turns, _another_name,
    _tombstones_of_another, _evidence_of_another, _a_commit_of_another, _a_turn_of_another, _a_job_over_another,
)  # fmt: skip


def _edit(folder: Path, part: str, change: Callable[[Row], Any]) -> None:
    """Change the first row of a part."""
    path = folder / f"{part}.jsonl"
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    for row in rows[:1]:
        change(row)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def _edit_manifest(folder: Path, **changes: Any) -> None:
    path = folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | changes), encoding="utf-8")


def _turn(id: str, text: str, session: str = "") -> Turn:
    return Turn(id=id, at=NOON, session=session, messages=(Message.of(Role.PERSON, text),))
