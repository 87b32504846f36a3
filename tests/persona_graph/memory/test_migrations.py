"""A store as an earlier version left it is brought to this one, whole, and nothing is left lying about."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from persona_graph.codec import turn_to_json
from persona_graph.errors import StoreError
from persona_graph.memory.commit import fold
from persona_graph.memory.json_rows import memory_row
from persona_graph.memory.sqlite import migrations, schema
from persona_graph.memory.sqlite.store import SqliteStore
from persona_graph.receipt import read_set

FIRST = Path(__file__).parents[2] / "fixtures" / "schema-1"
EXPECTED: dict[str, Any] = json.loads((FIRST / "expected.json").read_text(encoding="utf-8"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return shutil.copytree(FIRST, tmp_path / "store")


@pytest.fixture
async def store(folder: Path) -> AsyncIterator[SqliteStore]:
    opened = SqliteStore(folder)
    yield opened
    await opened.close()


def user_file(folder: Path) -> Path:
    (found,) = folder.glob("users/*.db")
    return found


def without_refs(turn: dict[str, Any]) -> str:
    """The turn as text, its receipt's refs cut down to the memories that they name."""
    text = json.dumps(turn, sort_keys=True)
    for memory in EXPECTED["memories"]:
        for made in (str(memory["version"]), memory["commit"]):
            text = text.replace(f"{memory['id']}@{made}", memory["id"])
    return text


async def test_a_store_of_the_first_version_is_read_as_it_was(store: SqliteStore) -> None:
    turns = [turn_to_json(turn) for turn in await store.turns("ana")]
    assert list(map(without_refs, turns)) == list(map(without_refs, EXPECTED["turns"]))
    memories = [json.loads(json.dumps(memory_row(m))) for m in await store.memories("ana", history=True)]
    assert memories == EXPECTED["memories"]
    assert [job.id for job in await store.jobs("ana")] == EXPECTED["jobs"]
    standing = await store.standing("ana")
    assert list(standing.vector.scores) == pytest.approx(EXPECTED["personality"])
    assert dict(standing.frozen) == EXPECTED["frozen"]
    assert len(await store.personality("ana")) == EXPECTED["points"]


async def test_refs_of_memories_name_the_commits_that_made_them(store: SqliteStore) -> None:
    commits = await store.commits("ana")
    assert len(commits) == EXPECTED["commits"]
    known = {memory.ref for held in fold(commits).versions.values() for memory in held}
    read = {ref for commit in commits for ref in commit.read if "@" in ref}
    shown = {ref for turn in await store.turns("ana") for ref in read_set(turn.receipt) if "@" in ref}
    assert read
    assert shown
    assert read | shown <= known


async def test_the_copy_goes_when_the_migration_is_verified(store: SqliteStore, folder: Path) -> None:
    await store.turns("ana")
    await store.close()
    assert [path.name for path in folder.glob("users/*")] == [user_file(folder).name]


async def test_a_copy_that_a_kill_left_behind_goes_with_the_next_opening(store: SqliteStore, folder: Path) -> None:
    await store.turns("ana")
    await store.close()
    left = migrations.copy_of(user_file(folder))
    shutil.copy(FIRST / "users" / user_file(folder).name, left)
    assert len(await store.turns("ana")) == len(EXPECTED["turns"])
    assert not left.exists()


async def test_a_copy_that_a_kill_left_half_made_goes_with_the_migration(store: SqliteStore, folder: Path) -> None:
    path = user_file(folder)
    for copy in migrations.copies_of(path):
        copy.write_bytes(path.read_bytes()[:9000])
    assert len(await store.turns("ana")) == len(EXPECTED["turns"])
    await store.close()
    assert [*folder.glob("users/*")] == [path]


async def test_a_migration_that_would_lose_something_leaves_the_old_file_and_a_copy(
    store: SqliteStore, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forgetful(db: sqlite3.Connection) -> None:
        schema.make_erasable(db)
        db.execute("DELETE FROM commits WHERE sequence = 3")

    monkeypatch.setattr(migrations, "STEPS", (schema.create, forgetful))
    with pytest.raises(StoreError, match="as it was, with a copy beside it"):
        await store.turns("ana")
    db = sqlite3.connect(user_file(folder))
    assert db.execute("PRAGMA user_version").fetchone() == (1,)
    assert db.execute("SELECT count(*) FROM commits").fetchone() == (EXPECTED["commits"],)
    db.close()
    assert migrations.copy_of(user_file(folder)).exists()
    monkeypatch.undo()
    assert len(await store.commits("ana")) == EXPECTED["commits"]
    assert not migrations.copy_of(user_file(folder)).exists()


async def test_a_program_that_is_older_than_the_file_stops_writing(store: SqliteStore, folder: Path) -> None:
    await store.turns("ana")
    db = sqlite3.connect(user_file(folder))
    db.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
    db.close()
    with pytest.raises(StoreError, match="start this program again"):
        await store.rebuild("ana")
