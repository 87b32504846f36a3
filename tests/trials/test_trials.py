"""The trials in small, and whether they notice what they are there to notice."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from copy import deepcopy
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from persona_graph import MemoryStore, open_store
from persona_graph.conversation import SESSION_GAP
from persona_graph.memory.erase import Erase
from persona_graph.update.outbox import jobs_after
from persona_graph.user_id import file_name
from tests.trials import audit, crash, erase, errands, holdings, migration, processes
from tests.trials.announcements import Done, Errand, Refused, Started, Updated, moment
from tests.trials.children import IMPOSSIBLE, POSSIBLE
from tests.trials.errands import KEEPER, USERS
from tests.trials.findings import Findings
from tests.trials.holdings import Holdings
from tests.trials.ledger import Ledger
from tests.trials.place import Place
from tests.trials.processes import Written

forks = pytest.mark.skipif(not POSSIBLE, reason=IMPOSSIBLE)


@forks
@pytest.mark.slow
def test_nothing_acknowledged_is_lost_by_kills(tmp_path: Path) -> None:
    figures = crash.endure(tmp_path, kills=8, seed=5)
    assert {name: figures[name] for name in crash.NONE_OF_THESE} == dict.fromkeys(crash.NONE_OF_THESE, 0)
    assert figures["kills"] == 8
    assert figures["acknowledged"] > 0


@forks
@pytest.mark.slow
def test_processes_share_a_user(tmp_path: Path) -> None:
    figures = processes.share(tmp_path, seconds=3, seed=5, pause_s=0.1)
    assert {name: figures[name] for name in processes.NONE_OF_THESE} == dict.fromkeys(processes.NONE_OF_THESE, 0)
    assert all(figures["written_by"].get(writer) for writer in ("chat", "record"))
    assert figures["reads"] > 0
    assert figures["updates"] > 0


@dataclass(slots=True)
class Told:
    """A line that keeps the ledgers."""

    ledgers: dict[str, Ledger] = field(default_factory=lambda: {user: Ledger(user=user) for user in USERS})
    started: dict[int, Started] = field(default_factory=dict)

    def tell(self, news: object) -> None:
        """Note it."""
        match news:
            case Started():
                self.started[news.number] = news
                self.ledgers[news.user].note(news)
            case Updated():
                self.ledgers[news.user].note(news)
            case Done() | Refused():
                self.ledgers[self.started[news.number].user].note(news)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Told]:
    """A store after some errands, with all work done, and what was told of them."""
    folder, line = tmp_path_factory.mktemp("told") / "store", Told()
    asyncio.run(errands.run(line, Place(folder), 3, 0, 150, migrates=False))
    asyncio.run(errands.finish(line, Place(folder), 150))
    return folder, line


@pytest.fixture
def folder(told: tuple[Path, Told], tmp_path: Path) -> Path:
    """A copy of that store."""
    shutil.copytree(told[0], tmp_path / "store")
    return tmp_path / "store"


@pytest.fixture
def ledgers(told: tuple[Path, Told]) -> list[Ledger]:
    """What it promises."""
    return deepcopy([*told[1].ledgers.values()])


async def test_a_store_that_keeps_its_promises_has_no_findings(folder: Path, ledgers: list[Ledger]) -> None:
    assert any(ledger.gone for ledger in ledgers)
    assert (await audit.check(Place(folder), ledgers)).every == []
    assert (await audit.check_finished(Place(folder), ledgers)).every == []


def of_keeper(ledgers: list[Ledger]) -> Ledger:
    """The promises to the user who erases nothing."""
    return next(ledger for ledger in ledgers if ledger.user == KEEPER)


Plant = Callable[[MemoryStore, Holdings, Path], Awaitable[object]]
"""Breaks a promise to the user who erases nothing: (her store, what she has, her file)."""


async def erased(store: MemoryStore, user: str, turn: str) -> None:
    await store.erase(user, Erase(turns=frozenset({turn})), at=moment(0), reopen=lambda _again, _newest: None)


async def a_turn_is_lost(store: MemoryStore, held: Holdings, _file: Path) -> None:
    await erased(store, KEEPER, held.turns[2].id)


async def a_turn_is_told_twice(store: MemoryStore, held: Holdings, _file: Path) -> None:
    await store.append(KEEPER, [replace(held.turns[2], id="again")])


async def a_job_is_done_twice(store: MemoryStore, held: Holdings, _file: Path) -> None:
    commit = next(commit for commit in held.commits if commit.evidence)
    await store.commit(KEEPER, replace(commit, id="again"))


def by_sql(statement: str) -> Plant:
    async def plant(store: MemoryStore, _held: Holdings, file: Path) -> None:
        await store.close()
        with closing(sqlite3.connect(file)) as db:
            db.execute(statement)
            db.commit()

    plant.__name__ = statement
    return plant


async def a_page_is_damaged(store: MemoryStore, _held: Holdings, file: Path) -> None:
    await store.close()
    data = bytearray(file.read_bytes())
    data[-4096:] = bytes(4096)
    file.write_bytes(data)


@pytest.mark.parametrize(
    ("plant", "kind"),
    [
        (a_turn_is_lost, "lost"),
        (a_turn_is_told_twice, "doubled"),
        (a_job_is_done_twice, "doubled"),
        (by_sql("DELETE FROM commits WHERE sequence = (SELECT min(sequence) FROM commits)"), "lost"),
        (by_sql("UPDATE turns SET messages = replace(messages, 'number', 'somewhat')"), "lost"),
        (by_sql("UPDATE turns SET state = 'asked'"), "lost"),
        (by_sql("DELETE FROM versions WHERE current"), "corrupt"),
        (by_sql("UPDATE points SET m = m + 1"), "corrupt"),
        (by_sql("INSERT INTO message_words (message_words) VALUES ('delete-all')"), "corrupt"),
        (a_page_is_damaged, "corrupt"),
    ],
)
async def test_the_audit_notices(folder: Path, ledgers: list[Ledger], plant: Plant, kind: str) -> None:
    store, file = open_store(f"sqlite:{folder}"), folder / "users" / f"{file_name(KEEPER)}.db"
    await plant(store, await holdings.read(store, KEEPER), file)
    await store.close()
    found = await audit.check(Place(folder), ledgers)
    assert {"lost": found.lost, "doubled": found.doubled, "corrupt": found.corrupt}[kind] != []


async def test_the_audit_notices_an_image_that_is_not_there(folder: Path, ledgers: list[Ledger]) -> None:
    digest, keeper = "0" * 64, of_keeper(ledgers)
    one = next(iter(keeper.told.values()))
    keeper.told[one.turn] = replace(one, started=replace(one.started, image=digest))
    assert f"{KEEPER}: image {digest} is not there" in (await audit.check(Place(folder), ledgers)).lost


async def test_the_audit_notices_an_erased_turn_that_comes_back(folder: Path, ledgers: list[Ledger]) -> None:
    turn = next(iter(of_keeper(ledgers).told))
    of_keeper(ledgers).gone.add(turn)
    assert (await audit.check(Place(folder), ledgers)).lost == [f"{KEEPER}: erased {turn} is there"]


async def test_the_audit_notices_an_erase_that_a_kill_cut_in_half(folder: Path, ledgers: list[Ledger]) -> None:
    turns = tuple(of_keeper(ledgers).told)[:2]
    store = open_store(f"sqlite:{folder}")
    await erased(store, KEEPER, turns[0])
    await store.close()
    of_keeper(ledgers).note(Started(number=999, errand=Errand.FORGET_WINDOW, user=KEEPER, turns=turns))
    assert (
        f"{KEEPER}: of 2 turns that were being erased 1 are there" in (await audit.check(Place(folder), ledgers)).lost
    )


async def test_work_that_is_left_and_markers_without_work_are_noticed(folder: Path, ledgers: list[Ledger]) -> None:
    store = open_store(f"sqlite:{folder}")
    (turn, *_) = await store.turns(KEEPER)
    jobs = jobs_after(replace(turn, id="new"), now=turn.at, gap=SESSION_GAP)
    await store.append(KEEPER, [replace(turn, id="new")], jobs)
    await store.close()
    found = await audit.check_finished(Place(folder), ledgers)
    assert len(found.lost) == len(jobs) + 1


async def test_writers_whose_turns_are_mixed_up_are_noticed(folder: Path, ledgers: list[Ledger]) -> None:
    written = [
        Written(writer="chat", turn=one.turn, text=one.started.text, milliseconds=1)
        for one in of_keeper(ledgers).told.values()
    ]
    store = open_store(f"sqlite:{folder}")
    held = await holdings.read(store, KEEPER)
    await store.close()
    assert processes.compare(held, written).every == []
    assert len(processes.compare(held, written[::-1]).disorder) == 2
    more = replace(written[0], turn="more")
    assert processes.compare(held, [*written, more]).lost == ["turn more is not there as it was told"]


@pytest.mark.skipif(not migration.FIXTURE.is_dir(), reason="there is no store of an older schema")
async def test_a_migration_that_loses_a_turn_or_leaves_a_file_is_noticed(tmp_path: Path) -> None:
    whole = await migration.undisturbed(tmp_path / "whole")
    assert (await migration.check(tmp_path / "whole", whole, acknowledged=True)).every == []
    (user,), copy = whole, tmp_path / "copy"
    shutil.copytree(migration.FIXTURE, copy)
    store = open_store(f"sqlite:{copy}")
    await erased(store, user, whole[user].turns[0].id)
    await store.close()
    (copy / "users" / "before.backup").touch()
    found: Findings = await migration.check(copy, whole, acknowledged=False)
    assert (len(found.lost), len(found.corrupt)) == (1, 1)


@forks
@pytest.mark.slow
async def test_what_is_erased_leaves_no_trace_and_the_rest_as_if_it_had_never_been(tmp_path: Path) -> None:
    figures = await erase.endure(tmp_path, seed=7, only=("turn",), say=lambda _line: None)
    assert erase.broken(figures) == []
    assert figures["needles"] == figures["needles_found_before"] > 20
