"""Hostile commands, in this process or in one of their own."""

from __future__ import annotations

import random

from persona_graph import Target
from tests.trials.tenants import hostile
from tests.trials.tenants.doors import Door
from tests.trials.tenants.scene import Attack, Scene
from tests.trials.tenants.tenant import FIELD, Tenant

MANY = "9" * 40


def attack(scene: Scene, chance: random.Random, door: Door = Door.CLI) -> Attack:
    """One command of somebody else's name, with the target's ids or with absurd values."""
    target, user = scene.pair(chance)
    if chance.random() < 0.4:
        user = scene.look_alike(chance, target)
    arguments = chance.choice((_reading, _setting_right, _moving))(scene, chance, target)
    says = chance.choice(("", "y\n", "/why\n/again\n/quit\n"))
    run = scene.doors.command
    if door is Door.PROCESS:
        user, arguments, run = _sayable(user), [_sayable(each) for each in arguments], scene.doors.process
    place = arguments.index("--") if "--" in arguments else len(arguments)
    whole = [*arguments[:place], f"--user={user}", *arguments[place:]]
    return Attack(door=door, name=f"persona {arguments[0]}", user=user, target=target, do=lambda: run(whole, says))


def _reading(_scene: Scene, chance: random.Random, target: Tenant) -> list[str]:
    at, other, query = (*(hostile.written_times(chance) for _ in range(2)), hostile.queries(chance)[:2_000])
    kind = chance.choice((*Target, "dreams", "*", ""))
    limit = chance.choice(("0", "-1", "1e9", MANY, "x", "3"))
    commands = (
        ["show", "memories", "--history"],
        ["show", "memories", "--json", f"--as-of={at}"],
        ["show", "profile"],
        ["show", "personality", f"--as-of={at}"],
        ["show", "receipt", "--json"],
        ["show", "receipt", "--", chance.choice(target.turns)],
        ["show", "receipt", "--", query],
        ["show", "secrets"],
        ["history", "--json"],
        ["history", f"--limit={limit}"],
        ["search", "--json", "--", query],
        ["search", f"--kind={kind}", "--", "dog"],
        ["search", "--kind=turn", "--kind=image", "--", "zq dog photo"],
        ["search", f"--from={at}", f"--to={other}", "--", "dog"],
        ["search", f"--as-of={at}", f"--limit={limit}", "--", "dog"],
    )
    return list(chance.choice(commands))


def _setting_right(_scene: Scene, chance: random.Random, target: Tenant) -> list[str]:
    memory, turn, commit = (chance.choice(ids) for ids in (target.memories, target.turns, target.commits))
    at, other, query = (*(hostile.written_times(chance) for _ in range(2)), hostile.queries(chance)[:2_000])
    commands = (
        ["correct", "--", memory, "mine now"],
        ["correct", "--", f"core:{FIELD}", "mine now"],
        ["pin", "--", memory],
        ["freeze", "--", chance.choice((memory, f"core:{FIELD}"))],
        ["freeze", "--", "openness", str(hostile.numbers(chance))],
        ["off", "--", memory],
        ["release", "--", chance.choice((memory, commit, query))],
        ["undo", "--", commit],
        ["undo", f"--since={at}"],
        ["undo", f"--operation={chance.choice(('-1', MANY, 'x'))}", "--", commit],
        ["answer-without", "--", turn, memory],
        ["forget", "--yes", f"--memory={memory}"],
        ["forget", "--yes", f"--turn={turn}"],
        ["forget", "--yes", f"--image={target.digest}"],
        ["forget", "--yes", f"--from={at}", f"--to={other}"],
        ["forget", "--dry-run", f"--topic={query}"],
        ["forget", "--dry-run", f"--turn={query}"],
    )
    return list(chance.choice(commands))


def _moving(scene: Scene, chance: random.Random, target: Tenant) -> list[str]:
    folder, query = hostile.folders(chance, scene.home, target.id), hostile.queries(chance)[:200]
    commands = (
        ["export", "--", folder],
        ["export", "--", str(scene.out)],
        ["import", "--", folder],
        ["import", "--", str(scene.template)],
        ["ingest", "--no-update", "--", folder],
        ["chat", f"--image={folder}", "--", "look"],
        ["chat", "--", f"What is my dog called? {query}"],
        ["chat"],
    )
    return list(chance.choice(commands))


def _sayable(text: str) -> str:
    """What can be said to another process: no NUL, bytes that are no text as Python hands them over."""
    return text.replace("\0", "%00").encode("utf-8", "replace").decode()[:50_000] or "nobody"
