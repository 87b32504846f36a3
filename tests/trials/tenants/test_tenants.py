"""The trial in small, and that it notices what it looks for: stores that leak, mix, change, break and refuse."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest

from persona_graph.conversation import Turn
from persona_graph.errors import StoreError
from persona_graph.memory.open_job import OpenJob
from persona_graph.memory.sqlite.store import SqliteStore
from persona_graph.memory.sqlite.user_file import UserFile
from tests.trials.tenants.doors import Door, Outcome, end
from tests.trials.tenants.scene import ATTACKERS, DOCTOR, Scene
from tests.trials.tenants.tenant import secrets_in
from tests.trials.tenants.trial import Plan, Tally, play

T = TypeVar("T")
FEW = ("ana", "\u00c1na", "team/ana", "100%")
KNOWN = (*FEW, *ATTACKERS, DOCTOR)
PLANTED = Plan(hostile=120, honest=20, seed=7, doors=(Door.PYTHON, Door.GRAPH), names=FEW)


async def test_nobody_reaches_what_is_anothers(tmp_path: Path) -> None:
    plan = Plan(hostile=200, honest=80, seed=11, names=FEW, doors=(Door.PYTHON, Door.GRAPH, Door.CLI))
    tally = await play(plan, tmp_path)
    assert (tally.leaks, tally.refused_honest, tally.crashed) == ([], [], [])
    assert (tally.hostile.total(), tally.honest.total()) == (200, 80)
    assert set(tally.hostile) == set(tally.honest) == {Door.PYTHON, Door.GRAPH, Door.CLI}
    assert tally.refused > 50


class Careless(SqliteStore):
    """Folds and trims ids, as one does for the convenience of people."""

    async def _ask(self, user: str, work: Callable[[UserFile], T], otherwise: T) -> T:
        return await super()._ask(_folded(user), work, otherwise)

    async def _write(self, user: str, work: Callable[[UserFile], T]) -> T:
        return await super()._write(_folded(user), work)


class Generous(SqliteStore):
    """Shows a stranger what the first user has."""

    async def turns(self, user: str, **how: Any) -> list[Turn]:
        found = await super().turns(user, **how)
        return found or await super().turns("ana", **how)


class Meddling(SqliteStore):
    """Writes the jobs of everybody into one user's outbox."""

    async def append(self, user: str, turns: Any, jobs: Any = ()) -> tuple[str, ...]:
        if user not in KNOWN:
            job: OpenJob
            for job in jobs:
                await super().append("ana", [], [job])
            await super().append("ana", turns, ())
        return await super().append(user, turns, jobs)


class Brittle(SqliteStore):
    """Breaks over an id that it did not think of."""

    async def turns(self, user: str, **how: Any) -> list[Turn]:
        if isinstance(user, str) and not user.isascii() and user not in KNOWN:
            raise UnicodeError("ordinal not in range(128)")
        return await super().turns(user, **how)


class Strict(SqliteStore):
    """Takes no id but what a programmer would choose."""

    async def append(self, user: str, turns: Any, jobs: Any = ()) -> tuple[str, ...]:
        if user not in KNOWN and not user.replace(" ", "").isalnum():
            raise StoreError("an id consists of letters and digits")
        return await super().append(user, turns, jobs)


class Forgetful(SqliteStore):
    """Loses the words of messages with a mark in them."""

    async def find_messages(self, user: str, lookup: Any) -> Any:
        return await super().find_messages("nobody" if len(user) % 2 else user, lookup)


def _folded(user: str) -> str:
    return unicodedata.normalize("NFKC", user).casefold().strip() if isinstance(user, str) else user


@pytest.mark.parametrize(
    ("store", "broken"),
    [
        (Careless, "leaks"),
        (Generous, "leaks"),
        (Meddling, "leaks"),
        (Brittle, "crashed"),
        (Strict, "refused_honest"),
        (Forgetful, "refused_honest"),
    ],
)
async def test_a_store_that_breaks_a_promise_is_noticed(tmp_path: Path, store: type[SqliteStore], broken: str) -> None:
    tally = await play(PLANTED, tmp_path, store=store(tmp_path / "store"))
    assert getattr(tally, broken) != []
    assert not tally.kept


async def test_a_secret_is_found_wherever_it_comes_out(tmp_path: Path) -> None:
    async with Scene.opened(tmp_path, 3, names=("ana", "bob")) as scene:
        ana, _ = scene.tenants
        secret, watch = min(ana.secrets), scene.watch
        picture = await scene.persona.engine.media.get("ana", ana.digest)
        for thing in (f"an error names {secret.upper()}", {"reply": [secret]}, picture, ValueError(secret)):
            assert watch.owners("eve", thing) == {"ana"}
            assert watch.owners("ana", thing) == set()
        (scene.out / "below").mkdir(parents=True)
        (scene.out / "below" / "file").write_bytes(picture)
        assert watch.owners_in("eve", scene.out) == {"ana"}
        assert await watch.changed() == set()
        await scene.persona.apin("ana", ana.memories[0])
        assert await watch.changed(["bob"]) == set()
        assert await watch.changed() == {"ana"}
        assert await watch.changed() == set()


async def test_every_secret_is_somewhere_to_be_reached_by_its_owner(tmp_path: Path) -> None:
    async with Scene.opened(tmp_path, 3, names=("ana",)) as scene:
        (ana,) = scene.tenants
        await scene.persona.aexport("ana", scene.out)
        assert secrets_in(path.read_bytes() for path in scene.out.rglob("*") if path.is_file()) == ana.secrets


async def test_how_a_call_ends_is_told_apart() -> None:
    async def fine() -> int:
        return 5

    async def refused() -> None:
        raise StoreError("the disk is full")

    async def mute() -> None:
        raise StoreError(" ")

    async def broken() -> None:
        raise KeyError("user")

    ends = [(await end(call)).outcome for call in (fine, refused, mute, broken)]
    assert ends == [Outcome.DONE, Outcome.REFUSED, Outcome.CRASHED, Outcome.CRASHED]


def test_figures_add_up() -> None:
    one, other = Tally(), Tally(leaks=["a"], refused=2)
    one.hostile["python"], other.hostile["python"], other.honest["cli"] = 3, 4, 1
    one.add(other)
    figures = one.figures()
    assert (figures["hostile"], figures["honest"], figures["leaks"], figures["refused_hostile"]) == (7, 1, 1, 2)
    assert figures["doors"] == {"python": {"hostile": 7, "honest": 0}, "cli": {"hostile": 0, "honest": 1}}
    assert not one.kept
    assert Plan(hostile=10_000, honest=0, seed=0).calls("hostile", 10_000).count(Door.PROCESS) == 30
