"""The trial: so many hostile calls and honest round trips through all doors, and what came of them."""

from __future__ import annotations

import contextlib
import logging
import random
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from persona_graph.memory.store import MemoryStore
from tests.trials.tenants import by_command, by_graph, by_python
from tests.trials.tenants.doors import Door, Ended, Outcome, end
from tests.trials.tenants.round_trips import Wrong, round_trip
from tests.trials.tenants.scene import Attack, Scene
from tests.trials.tenants.tenant import NAMES

SHARES: Mapping[str, Mapping[Door, float]] = {
    "hostile": {Door.PYTHON: 0.64, Door.GRAPH: 0.277, Door.CLI: 0.08, Door.PROCESS: 0.003},
    "honest": {Door.PYTHON: 0.839, Door.GRAPH: 0.15, Door.CLI: 0.01, Door.PROCESS: 0.001},
}
"""A command costs ten calls, a process a hundred."""
LOOK_EVERY = 500
"""Calls between two looks at all tenants; the one that a call is after is looked at after each."""
TOLD = 20
"""Findings that are told in full."""


@dataclass(slots=True)
class Tally:
    """What was counted."""

    hostile: Counter[str] = field(default_factory=Counter)
    """Calls by door."""
    honest: Counter[str] = field(default_factory=Counter)
    refused: int = 0
    """Hostile calls that ended in a sentence; the others did what is right for their own user."""
    leaks: list[str] = field(default_factory=list)
    refused_honest: list[str] = field(default_factory=list)
    crashed: list[str] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        """Count another's too."""
        self.hostile.update(other.hostile)
        self.honest.update(other.honest)
        self.refused += other.refused
        for name in ("leaks", "refused_honest", "crashed"):
            getattr(self, name).extend(getattr(other, name))

    @property
    def kept(self) -> bool:
        """Whether every promise was."""
        return not (self.leaks or self.refused_honest or self.crashed)

    def figures(self) -> dict[str, Any]:
        """Everything as JSON values."""
        return {
            "hostile": self.hostile.total(),
            "honest": self.honest.total(),
            "leaks": len(self.leaks),
            "refused_honest": len(self.refused_honest),
            "crashed": len(self.crashed),
            "refused_hostile": self.refused,
            "doors": {
                door.value: {"hostile": self.hostile[door], "honest": self.honest[door]}
                for door in Door
                if self.hostile[door] or self.honest[door]
            },
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How much of what is tried."""

    hostile: int
    honest: int
    seed: int
    doors: tuple[Door, ...] = tuple(Door)
    names: tuple[str, ...] = NAMES

    def calls(self, kind: str, count: int) -> list[Door]:
        """The doors of that many calls; each that is tried has at least one."""
        shares = {door: share for door, share in SHARES[kind].items() if door in self.doors}
        whole = sum(shares.values())
        doors = [door for door, share in shares.items() for _ in range(max(1, round(count * share / whole)))]
        return (doors + [max(shares, key=lambda door: shares[door])] * count)[:count]


async def play(
    plan: Plan, folder: Path, *, store: MemoryStore | None = None, say: Callable[[Tally], None] | None = None
) -> Tally:
    """Play it all, in an order that follows from the seed; `say` is told now and then how it stands."""
    tally, chance = Tally(), random.Random(f"order {plan.seed}")
    todo = [("hostile", door) for door in plan.calls("hostile", plan.hostile)]
    todo += [("honest", door) for door in plan.calls("honest", plan.honest)]
    chance.shuffle(todo)
    async with Scene.opened(folder, plan.seed, names=plan.names, store=store) as scene:
        with _heard(scene.watch):
            for number, (kind, door) in enumerate(todo, 1):
                one = random.Random(f"{plan.seed} {number}")
                if kind == "hostile":
                    await _hostile(scene, tally, one, door, f"seed {plan.seed}, call {number}")
                else:
                    await _honest(scene, tally, one, door, number)
                if number % LOOK_EVERY == 0 or number == len(todo):
                    tally.leaks += [f"{id[:40]!r} changed by call {number}" for id in await scene.watch.changed()]
                    if say is not None:
                        say(tally)
    return tally


async def _hostile(scene: Scene, tally: Tally, chance: random.Random, door: Door, which: str) -> None:
    attack = _attack(scene, chance, door)
    ended = await end(attack.do)
    tally.hostile[door] += 1
    tally.refused += ended.outcome is Outcome.REFUSED
    where = f"{which}, {attack.door} {attack.name} as {repr(attack.user)[:60]} after {attack.target.id[:20]!r}"
    if ended.outcome is Outcome.CRASHED:
        tally.crashed.append(f"{where}: {ended.told[:600]}")
    for owner in _leaked(scene, attack, ended):
        tally.leaks.append(f"{where}: a secret of {owner[:20]!r} in {ended.told[:300]}")
    for owner in await scene.watch.changed([attack.target.id]):
        tally.leaks.append(f"{where}: the data of {owner[:20]!r} changed, by this call or one before it")
    await scene.tidy(attack.user)


def _attack(scene: Scene, chance: random.Random, door: Door) -> Attack:
    if door is Door.PYTHON:
        return by_python.attack(scene, chance)
    return by_graph.attack(scene, chance) if door is Door.GRAPH else by_command.attack(scene, chance, door)


def _leaked(scene: Scene, attack: Attack, ended: Ended) -> set[str]:
    """Whose secrets came out: in the reply or error, in a prompt, in a log or in a file that was written."""
    seen = scene.eyes.closed()
    bytes_ = [ended.value] if isinstance(ended.value, bytes) else []
    return scene.watch.owners(attack.user, ended.told, *bytes_, *seen) | scene.watch.owners_in(attack.user, scene.out)


async def _honest(scene: Scene, tally: Tally, chance: random.Random, door: Door, number: int) -> None:
    trip = round_trip(scene, chance, door, number)
    ended = await end(trip.do)
    tally.honest[door] += 1
    where = f"round trip {number}, {door} as {trip.user[:60]!r}"
    if ended.outcome is Outcome.CRASHED and not ended.told.startswith(Wrong.__name__):
        tally.crashed.append(f"{where}: {ended.told[:600]}")
    if ended.outcome is not Outcome.DONE:
        tally.refused_honest.append(f"{where}: {ended.told[:600]}")
    for owner in scene.watch.owners(trip.user, ended.told, *scene.eyes.closed()):
        tally.leaks.append(f"{where}: a secret of {owner[:20]!r}")
    shutil.rmtree(scene.out, ignore_errors=True)


@contextlib.contextmanager
def _heard(watch: logging.Handler) -> Iterator[None]:
    """With all that is logged told to the watch."""
    root = logging.getLogger()
    level = root.level
    root.addHandler(watch)
    root.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        root.removeHandler(watch)
        root.setLevel(level)
