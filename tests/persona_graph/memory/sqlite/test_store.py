"""What only the embedded store promises: files, processes, markers, erased bytes."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sqlite3
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings

from persona_graph.errors import ForeignStore, StoreBusy, StoreError
from persona_graph.memory.commit import Commit, fold
from persona_graph.memory.erase import Erase
from persona_graph.memory.open import open_store
from persona_graph.memory.operations import Add
from persona_graph.memory.sqlite import files, message_search, opening, schema
from persona_graph.memory.sqlite.store import SqliteStore
from persona_graph.memory.store import Lookup, Unsettled, Vectors
from persona_graph.memory.types import Kind
from tests.persona_graph.memory.sqlite.given import (
    NOON,
    elsewhere,
    file_of,
    in_another_process,
    job,
    marker_of,
    total,
    turn,
)
from tests.support.histories import DAYS, HISTORIES


def test_opening_a_store_touches_nothing(tmp_path: Path) -> None:
    assert isinstance(open_store(f"sqlite:{tmp_path}/deep/store"), SqliteStore)
    assert list(tmp_path.iterdir()) == []


async def test_reading_makes_no_file(store: SqliteStore, tmp_path: Path) -> None:
    await store.turns("ana")
    await store.find_messages("ana", Lookup(terms=("x",)))
    await store.put_vectors("ana", "f", [Vectors(ref="message:1:1", vector=np.zeros(4, np.float32))])
    assert list(tmp_path.iterdir()) == []


def of_another_program(path: Path) -> None:
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE theirs (x)")
    db.commit()
    db.close()


def of_a_newer_version(path: Path) -> None:
    db = sqlite3.connect(path)
    db.executescript(f"PRAGMA application_id = {schema.APPLICATION_ID}; PRAGMA user_version = 99; CREATE TABLE x (y);")
    db.close()


def damaged(path: Path) -> None:
    path.write_bytes(b"SQLite format 3\x00" + bytes(range(256)) * 40)


def no_database(path: Path) -> None:
    path.write_bytes(b"a letter to Ana" * 100)


@pytest.mark.parametrize("make", [of_another_program, of_a_newer_version, damaged, no_database])
async def test_a_foreign_file_is_refused_and_left_untouched(store: SqliteStore, tmp_path: Path, make) -> None:  # type: ignore[no-untyped-def]
    path = file_of(tmp_path)
    path.parent.mkdir()
    make(path)
    before = path.read_bytes()
    with pytest.raises(ForeignStore) as caught:
        await store.append("ana", [turn("one")])
    assert str(caught.value).count(".db") == 1
    assert "\n" not in str(caught.value)
    with pytest.raises(ForeignStore):
        await store.turns("ana")
    assert path.read_bytes() == before
    assert [found.name for found in path.parent.iterdir()] == [path.name]
    await store.append("bob", [turn("one")])
    assert await store.users() == ["bob"]


async def test_a_file_of_another_user_is_refused(store: SqliteStore, tmp_path: Path) -> None:
    await store.append("bob", [turn("one")])
    await store.close()
    file_of(tmp_path, "bob").rename(file_of(tmp_path, "ana"))
    with pytest.raises(ForeignStore, match="another user"):
        await store.turns("ana")


async def test_an_empty_file_left_by_a_crash_is_taken_over(store: SqliteStore, tmp_path: Path) -> None:
    file_of(tmp_path).parent.mkdir()
    file_of(tmp_path).touch()
    assert await store.append("ana", [turn("one")]) == ("one",)


async def test_file_names_say_nothing_about_the_user(store: SqliteStore, tmp_path: Path) -> None:
    await store.append("ana@example.org", [turn("one")], [job("a", "one")])
    names = [path.name for path in tmp_path.rglob("*")]
    assert not [name for name in names if "ana" in name]


async def test_another_processes_writes_are_noticed(store: SqliteStore, tmp_path: Path) -> None:
    await store.append("ana", [turn("one"), turn("two", day=1)])
    assert await total(store, "camp", "hike") == (2, [2, 0])
    assert elsewhere(tmp_path, 'asyncio.run(store.append("ana", [turn("x", "hiking", -1)]))') == 0
    assert await total(store, "camp", "hike") == (3, [2, 1])
    assert elsewhere(tmp_path, 'asyncio.run(erase("two"))') == 0
    assert await total(store, "camp", "hike") == (2, [1, 1])
    assert elsewhere(tmp_path, 'asyncio.run(store.remove_user("ana"))') == 0
    assert await total(store, "camp", "hike") == (0, [0, 0])
    assert await store.append("ana", [turn("new")]) == ("new",)


@pytest.mark.slow
async def test_several_processes_write_at_the_same_time_and_nothing_is_lost(store: SqliteStore, tmp_path: Path) -> None:
    code = """
        async def main(me):
            for i in range(25):
                await store.append("ana", [turn(f"{me}-{i}")], [job(f"{me}-{i}", f"{me}-{i}")])
        asyncio.run(main(os.getpid()))
    """
    writers = [asyncio.to_thread(elsewhere, tmp_path, code) for _ in range(3)]
    here = store.append("ana", [turn(f"here-{i}") for i in range(25)])
    assert (await asyncio.gather(here, *writers))[1:] == [0, 0, 0]
    assert len(await store.turns("ana")) == len({t.id for t in await store.turns("ana")}) == 100
    assert await total(store, "camp") == (100, [100])
    assert len(await store.jobs("ana")) == 75
    assert await store.due(NOON) == ["ana"]


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="SIGKILL")
async def test_nothing_acknowledged_is_lost_by_a_kill(store: SqliteStore, tmp_path: Path) -> None:
    code = """
        async def main():
            for i in range(10**6):
                await store.append(f"u{i % 3}", [turn(f"t{i}")], [job(f"j{i}", f"t{i}")])
                print(i, flush=True)
        asyncio.run(main())
    """
    for _ in range(2):
        writer = in_another_process(tmp_path, code)
        assert writer.stdout is not None
        acknowledged = [int(writer.stdout.readline()) for _ in range(20)]
        writer.send_signal(signal.SIGKILL)
        acknowledged += [int(line) for line in writer.stdout if line.strip().isdigit() and line.endswith("\n")]
        writer.wait()
        writer.stdout.close()
        for user in range(3):
            kept = {t.id for t in await store.turns(f"u{user}")}
            assert {f"t{i}" for i in acknowledged if i % 3 == user} <= kept
            assert {j.turns[0] for j in await store.jobs(f"u{user}")} == kept
        assert sorted(await store.due(NOON)) == ["u0", "u1", "u2"]


async def test_a_marker_stands_before_the_work_is_committed(
    store: SqliteStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store.append("ana", [turn("zero")])

    def crash(*_: object, **__: object) -> None:
        raise OSError("power cut")

    monkeypatch.setattr("persona_graph.memory.sqlite.markers.write_whole", crash)
    with pytest.raises(StoreError):
        await store.append("ana", [turn("one")], [job("a", "one")])
    assert [t.id for t in await store.turns("ana")] == ["zero"]
    assert await store.jobs("ana") == []


async def test_an_emptied_marker_still_names_its_user(store: SqliteStore, tmp_path: Path) -> None:
    await store.append("ana", [turn("one")], [job("a", "one", not_before=NOON + timedelta(hours=1))])
    assert await store.due(NOON) == []
    marker_of(tmp_path).write_bytes(b"")
    (tmp_path / "due" / "notes.json").write_text("{}", encoding="utf-8")
    assert await store.due(NOON) == ["ana"]
    await store.rest("ana")
    assert await store.due(NOON) == []
    assert json.loads(marker_of(tmp_path).read_text(encoding="utf-8"))["user"] == "ana"


async def test_due_opens_no_user(store: SqliteStore, tmp_path: Path) -> None:
    await store.append("ana", [turn("one")], [job("a", "one")])
    await store.close()
    file_of(tmp_path).unlink()
    assert await store.due(NOON) == ["ana"]
    await store.rest("ana")


@pytest.fixture
def held(tmp_path: Path) -> Iterator[None]:
    """Somebody outside holds the write lock of `ana`."""
    asyncio.run(_written(tmp_path))
    db = sqlite3.connect(file_of(tmp_path), isolation_level=None)
    db.execute("BEGIN IMMEDIATE")
    yield
    db.close()


async def _written(folder: Path) -> None:
    store = SqliteStore(folder)
    await store.append("ana", [turn("zero")])
    await store.close()


@pytest.mark.usefixtures("held")
async def test_a_held_file_is_a_busy_store_and_holds_up_nobody_else(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "PATIENCE_S", 0.5)
    waiting = [asyncio.create_task(store.append("ana", [turn(f"t{i}")])) for i in range(12)]
    start = time.perf_counter()
    await store.append("bob", [turn("one")])
    assert time.perf_counter() - start < 0.45
    assert [t.id for t in await store.turns("bob")] == ["one"]
    with pytest.raises(StoreBusy):
        await waiting[0]
    for task in waiting[1:]:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert [t.id for t in await store.turns("ana")] == ["zero"]


async def test_only_so_many_files_stay_open(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MOST_OPEN", 3)
    for _ in range(2):
        await asyncio.gather(*(store.append(f"u{i}", [turn("one")]) for i in range(9)))
        assert len(store._files._open) <= 3
    assert len(await store.users()) == 9


class _WithoutExtensions(sqlite3.Connection):
    def enable_load_extension(self, *_: object) -> None:
        raise AttributeError("enable_load_extension")

    def load_extension(self, *_: object, **__: object) -> None:
        raise AttributeError("load_extension")


async def test_it_works_where_sqlite_cannot_load_extensions(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *given, **more: connect(*given, factory=_WithoutExtensions, **more))
    await store.append("ana", [turn("one")])
    (waiting,) = await store.unembedded("ana", 9)
    await store.put_vectors("ana", "f", [Vectors(ref=waiting.ref, vector=np.ones(1, np.float32))])
    found = await store.find_messages("ana", Lookup(terms=("camp",), vector=np.ones(1, np.float32), fingerprint="f"))
    assert found.hits.tolist() == [[True]]
    assert found.cosine == pytest.approx([1])


async def test_removed_text_is_gone_from_the_files(store: SqliteStore, tmp_path: Path) -> None:
    vector = np.random.default_rng(3).standard_normal(64, dtype=np.float32)
    await store.append("ana", [turn(f"t{i}", f"harmless {i}", day=i) for i in range(50)])
    await store.append("ana", [turn("secret", "the xylophone is buried", day=0.5)], [job("a", "secret")])
    add = Add(kind=Kind.SEMANTIC, text="buried a xylophone")
    await store.commit("ana", Commit(id="c", job="j", at=NOON, operations=(add,), evidence=("secret",)))
    waiting = [one for one in await store.unembedded("ana", 99) if "xylophone" in one.text]
    await store.put_vectors("ana", "f", [Vectors(ref=one.ref, vector=vector) for one in waiting])
    await store.erase("ana", Erase(turns=frozenset({"secret"})), at=NOON, reopen=lambda _again, _at: None)
    data = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    for trace in (b"xylophon", b"buri", vector.astype(np.float16).tobytes()[:16]):
        assert trace not in data
    assert b"harmless" in data


async def test_text_is_gone_from_the_gaps_of_pages_that_were_split(store: SqliteStore, tmp_path: Path) -> None:
    rng, days = random.Random(1), list(range(150))
    rng.shuffle(days)
    said = {day: f"secret{day:03} " + "and so on " * rng.choice([1, 9, 90, 500]) for day in days}
    for start in range(0, len(days), 7):
        await store.append("ana", [turn(f"t{day}", said[day], day) for day in days[start : start + 7]])
    gone = days[::4]
    await store.erase(
        "ana", Erase(turns=frozenset(f"t{day}" for day in gone)), at=NOON, reopen=lambda _again, _at: None
    )
    data = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert [day for day in gone if f"secret{day:03}".encode() in data] == []


async def test_an_erase_is_pending_while_a_reader_holds_the_file_and_then_settled(
    store: SqliteStore, tmp_path: Path
) -> None:
    await store.append("ana", [turn("secret", "the xylophone is buried"), turn("one", day=1)])
    reader = sqlite3.connect(file_of(tmp_path), isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM turns").fetchone()
    what = Erase(turns=frozenset({"secret"}))
    assert (await store.erase("ana", what, at=NOON, reopen=lambda _again, _at: None)).pending
    assert not await store.settle("ana")
    assert await store.due(NOON) == ["ana"]
    reader.execute("ROLLBACK")
    assert await store.settle("ana")
    assert await store.unsettled("ana") == Unsettled()
    reader.close()
    assert b"xylophone" not in b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


async def test_words_are_indexed_anew_when_the_analysis_has_changed(store: SqliteStore, tmp_path: Path) -> None:
    await store.append("ana", [turn("one"), turn("two", "hiking")])
    await store.commit("ana", Commit(id="c", job="j", at=NOON, operations=(Add(kind=Kind.SEMANTIC, text="camping"),)))
    await store.close()
    db = sqlite3.connect(file_of(tmp_path), isolation_level=None)
    db.execute("UPDATE state SET analysis = 'older'")
    db.execute("INSERT INTO message_words (message_words) VALUES ('delete-all')")
    db.close()
    assert await total(store, "camp", "hike") == (2, [1, 1])
    found = await store.find_memories("ana", Lookup(terms=("camp",), kinds=frozenset(Kind)))
    assert found.hits.tolist() == [[True]]


async def test_very_large_windows_are_cut_to_the_best_with_their_neighbours(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = {100: "camping at the lake", 700: "camping", 1500: "the lake"}
    await store.append("ana", [turn(f"t{i:04}", said.get(i, f"word{i % 9}"), i / 99) for i in range(2000)])
    waiting = await store.unembedded("ana", 9999)
    made = [np.eye(1, 4, i == 1800, dtype=np.float32)[0] for i in range(len(waiting))]
    await store.put_vectors("ana", "f", [Vectors(ref=w.ref, vector=v) for w, v in zip(waiting, made, strict=True)])
    look = Lookup(terms=("camp", "lake"), vector=np.eye(1, 4, 1, dtype=np.float32)[0], fingerprint="f", depth=2)
    whole = await store.find_messages("ana", look)
    monkeypatch.setattr(message_search, "MOST_RANKED", 1000)
    cut = await store.find_messages("ana", look)
    assert len(whole.rows) == 2000
    assert len(cut.rows) < 120
    assert {*range(98, 103), *range(698, 703), *range(1498, 1503), *range(1798, 1803)} <= set(cut.position.tolist())
    same = np.isin(whole.rows, cut.rows)
    assert (whole.hits[:, same] == cut.hits).all()
    assert (whole.session[same] == cut.session).all()
    assert (cut.total, cut.frequency.tolist()) == (2000, [2, 2])
    assert cut.eligible.all()
    assert cut.cosine is not None
    assert cut.cosine.max() == 1


@settings(max_examples=25, deadline=None)
@given(commits=HISTORIES, moment=DAYS)
def test_what_is_projected_step_by_step_is_the_fold_of_all(
    tmp_path_factory: pytest.TempPathFactory, commits: list[Commit], moment: datetime
) -> None:
    asyncio.run(_projected(tmp_path_factory.mktemp("store"), commits, moment))


async def _projected(folder: Path, commits: list[Commit], moment: datetime) -> None:
    store = SqliteStore(folder)
    for commit in commits:
        await store.commit("ana", commit)
        await store.find_memories("ana", Lookup(kinds=frozenset(Kind)))
    whole, then = fold(commits), fold(commits, as_of=moment)
    versions = {memory.ref: memory for held in whole.versions.values() for memory in held}
    current = {ref: memory for ref, memory in versions.items() if memory.current}
    assert {memory.ref: memory for memory in await store.memories("ana", history=True)} == versions
    assert {memory.ref: memory for memory in await store.memories("ana")} == current
    assert dict((await store.standing("ana")).frozen) == whole.frozen
    held_then = {memory.ref: memory for held in then.versions.values() for memory in held if memory.current}
    assert {memory.ref: memory for memory in await store.memories("ana", as_of=moment)} == held_then
    found = await store.find_memories("ana", Lookup(terms=("coffe", "woman"), kinds=frozenset(Kind)))
    assert {memory.ref: memory for memory in found.memories} == current
    assert found.hits[0].tolist() == ["coffee" in memory.text for memory in found.memories]
    assert (found.total, int(found.frequency[0])) == (
        len(versions),
        sum("coffee" in memory.text for memory in versions.values()),
    )
    await store.close()
