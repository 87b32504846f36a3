"""A user is removed while others look, write, open and mark."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import sys
from collections.abc import Awaitable, Callable, Coroutine
from concurrent import futures
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from persona_graph.conversation import Turn
from persona_graph.errors import NotFound, StoreBusy
from persona_graph.memory.commit import Commit
from persona_graph.memory.sqlite import commits, files, opening, schema
from persona_graph.memory.sqlite.journal import Prepared
from persona_graph.memory.sqlite.store import SqliteStore
from persona_graph.memory.sqlite.user_file import UserFile
from tests.persona_graph.memory.sqlite.given import (
    NOON,
    file_of,
    job,
    marker_of,
    turn,
)


async def test_a_user_removed_halfway_by_a_crash_is_removed_whole_the_next_time(
    store: SqliteStore, tmp_path: Path
) -> None:
    await store.append("ana", [turn("secret", "the xylophone is buried")])
    log = file_of(tmp_path).with_name(f"{file_of(tmp_path).name}-wal")
    written = log.read_bytes()
    assert b"xylophone" in written
    await store.remove_user("ana")
    log.write_bytes(written)  # the crash came after the file and before its log
    assert await store.turns("ana") == []
    await store.remove_user("ana")
    assert list((tmp_path / "users").iterdir()) == []


async def test_work_that_was_overtaken_by_a_removal_makes_no_file_and_leaves_no_marker(
    store: SqliteStore, tmp_path: Path
) -> None:
    await store.append("ana", [turn("one")], [job("a", "one")])
    await store.remove_user("ana")
    with pytest.raises(NotFound):
        await store.commit("ana", Commit(id="c", job="a", at=NOON, evidence=("one",)))
    marker_of(tmp_path).write_text('{"user": "ana"}', encoding="utf-8")  # a writer that was overtaken left it
    assert await store.due(datetime.max.replace(tzinfo=UTC)) == ["ana"]
    await store.rest("ana")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


async def ids(store: SqliteStore) -> list[str]:
    return [one.id for one in await store.turns("ana")]


MOMENT_S = 0.5


class Meanwhile:
    """Something that others do in the middle of a step, once; when it has to wait for the step, the step goes on."""

    def __init__(self, work: Callable[[], Coroutine[Any, Any, Any]]) -> None:
        self._work, self._done = work, Future[Any]()
        self._begun = False

    def __call__(self) -> None:
        if not self._begun:
            self._begun = True
            Thread(target=self._run).start()
            futures.wait([self._done], MOMENT_S)

    def _run(self) -> None:
        try:
            self._done.set_result(asyncio.run(self._work()))
        except Exception as error:
            self._done.set_exception(error)

    async def end(self) -> Any:
        assert self._begun
        return await asyncio.wrap_future(self._done)


@pytest.mark.parametrize("moment", ["found", "to be opened", "opened", "to be read"])
@pytest.mark.parametrize("look", [SqliteStore.users, ids])
async def test_who_looks_while_the_user_is_removed_does_not_fail_and_leaves_no_file(
    store: SqliteStore,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    moment: str,
    look: Callable[[SqliteStore], Awaitable[Any]],
) -> None:
    await store.append("ana", [turn("one")])
    reader, removal = SqliteStore(tmp_path), Meanwhile(lambda: store.remove_user("ana"))
    connect, find = sqlite3.connect, opening.opened

    class Connection(sqlite3.Connection):
        def execute(self, sql: str, *given: Any) -> sqlite3.Cursor:
            if moment == "to be read" and sql != "BEGIN":
                removal()
            return super().execute(sql, *given)

    def opened(*given: Any, **more: Any) -> Any:
        if moment == "found":
            removal()
        return find(*given, **more)

    def connected(*given: Any, **more: Any) -> sqlite3.Connection:
        if moment == "to be opened":
            removal()
        db = connect(*given, **more, factory=Connection)
        if moment == "opened":
            removal()
        return db

    monkeypatch.setattr(sqlite3, "connect", connected)
    for module in (opening, files):
        monkeypatch.setattr(module, "opened", opened)
    assert await look(reader) in ([], ["ana"], ["one"])
    await removal.end()
    assert await look(reader) == []
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    assert caplog.messages == []
    await reader.close()


async def test_what_is_written_to_a_new_file_while_the_old_one_is_removed_is_kept(
    store: SqliteStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store.append("ana", [turn("one")])
    writer = SqliteStore(tmp_path)
    writing = Meanwhile(lambda: writer.append("ana", [turn("two")]))
    unlink = Path.unlink

    def unlinked(path: Path, missing_ok: bool = False) -> None:
        unlink(path, missing_ok=missing_ok)
        if path == file_of(tmp_path):  # and its log is next
            writing()

    monkeypatch.setattr(Path, "unlink", unlinked)
    await store.remove_user("ana")
    assert await writing.end() == ("two",)
    other = SqliteStore(tmp_path)
    assert await ids(other) == ["two"]
    for opened in (other, writer):
        await opened.close()


async def test_who_looks_at_a_file_while_its_tables_are_made_takes_it_for_ours(
    store: SqliteStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    file_of(tmp_path).parent.mkdir()
    file_of(tmp_path).touch()
    assert await store.users() == []
    assert caplog.messages == []
    writer = SqliteStore(tmp_path)
    writing = Meanwhile(lambda: writer.append("ana", [turn("one")]))
    connect = sqlite3.connect

    class Connection(sqlite3.Connection):
        def execute(self, sql: str, *given: Any) -> sqlite3.Cursor:
            if "sqlite_master" in sql:  # its version has been read
                writing()
            return super().execute(sql, *given)

    monkeypatch.setattr(sqlite3, "connect", lambda *given, **more: connect(*given, **more, factory=Connection))
    assert await ids(store) in ([], ["one"])
    assert await writing.end() == ("one",)
    assert await ids(store) == ["one"]
    await writer.close()


async def test_an_older_file_that_is_removed_before_it_is_projected_anew_is_gone(
    store: SqliteStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store.append("ana", [turn("one")])
    reader, removal, renew = SqliteStore(tmp_path), Meanwhile(lambda: store.remove_user("ana")), commits.renew
    monkeypatch.setattr(schema, "analysis", lambda: "newer")

    def overtaken(file: UserFile) -> None:
        removal()
        renew(file)

    monkeypatch.setattr(commits, "renew", overtaken)
    assert await reader.turns("ana") == []
    await removal.end()
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    await reader.close()


async def test_a_removal_waits_for_who_opens_and_removes_all_or_nothing(
    store: SqliteStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store.append("ana", [turn("one")], [job("a", "one")])
    monkeypatch.setattr(opening, "PATIENCE_S", 0.1)
    with opening.passing(tmp_path / "users"), pytest.raises(StoreBusy):
        await store.remove_user("ana")
    assert await ids(store) == ["one"]
    assert await store.due(NOON) == ["ana"]
    await store.remove_user("ana")
    assert await store.users() == []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows removes no file that is open")
async def test_nobody_opens_before_a_removal_that_waits(store: SqliteStore, tmp_path: Path) -> None:
    import fcntl

    def shut() -> bool:
        descriptor = os.open(tmp_path, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False

    await store.append("ana", [turn("one")])
    removal = Meanwhile(lambda: store.remove_user("ana"))
    with opening.passing(tmp_path / "users"):
        removal()
        while not shut():
            await asyncio.sleep(0.01)
    await removal.end()
    assert not shut()
    assert await ids(store) == []


async def test_a_marker_that_a_removal_lifts_at_the_same_moment_is_set_again(
    store: SqliteStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store.append("ana", [turn("one")], [job("a", "one", not_before=NOON + timedelta(hours=1))])
    move = os.utime

    def moved(path: Path, **more: Any) -> None:
        if path == marker_of(tmp_path):
            path.unlink(missing_ok=True)
        move(path, **more)

    monkeypatch.setattr(os, "utime", moved)
    assert await store.append("ana", [turn("two", day=1)], [job("b", "two")]) == ("two",)
    assert await store.due(NOON) == ["ana"]


async def test_what_is_written_while_the_user_is_removed_goes_to_the_new_file(
    store: SqliteStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store.append("ana", [turn("one")])
    remover = SqliteStore(tmp_path)
    analyse = Prepared.of
    removed: list[None] = []

    def overtaken(said: Turn) -> Prepared:
        """The work of a writer before it has the lock; another process removes the user meanwhile."""
        if not removed:
            removed.append(None)
            asyncio.run(remover.remove_user("ana"))
        return analyse(said)

    monkeypatch.setattr(Prepared, "of", overtaken)
    assert await store.append("ana", [turn("two")]) == ("two",)
    assert [one.id for one in await remover.turns("ana")] == ["two"]
    await remover.close()
