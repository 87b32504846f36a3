"""The migration leg: copies of a store as an older schema left it, opened by a child that may be killed meanwhile.

Whenever that happens, the next who opens the copy must find what an opening that was not disturbed finds.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from shutil import copytree

from persona_graph import open_store
from persona_graph.memory.sqlite import schema
from tests.trials import findings, holdings
from tests.trials.findings import Findings
from tests.trials.holdings import Holdings

FIXTURE = Path(__file__).parents[1] / "fixtures" / "schema-1"

Kept = Mapping[str, Holdings]
"""What a store keeps, by user."""


def why_not() -> str:
    """Why there is nothing to migrate, if there is not."""
    if not FIXTURE.is_dir():
        return "there is no store of an older schema to migrate"
    if all(version_of(path) == schema.VERSION for path in files_in(FIXTURE)):
        return f"the tables are still those of version {schema.VERSION}, so there is nothing to migrate"
    return ""


def files_in(folder: Path) -> list[Path]:
    """All files of a store's users."""
    return sorted((folder / "users").iterdir())


def version_of(path: Path) -> int:
    """The version of a closed file's tables, from its header: opening it would leave files beside it."""
    return int.from_bytes(path.read_bytes()[60:64], "big")


async def open_once(folder: Path) -> Kept:
    """Open the file of every user and read it."""
    store = open_store(f"sqlite:{folder}")
    kept = {user: await holdings.read(store, user) for user in await store.users()}
    await store.close()
    return kept


async def undisturbed(folder: Path) -> Kept:
    """What a copy of the fixture keeps when nobody disturbs its migration."""
    copytree(FIXTURE, folder)
    return await open_once(folder)


async def check(folder: Path, whole: Kept, *, acknowledged: bool) -> Findings:
    """Compare a copy with one that was not disturbed; one whose opening was acknowledged is migrated already."""
    found, names = Findings(), {path.name for path in files_in(FIXTURE)}
    if acknowledged:
        found.lost += [f"{path.name} is not migrated" for path in _databases(folder) if _is_old(path)]
        found.corrupt += _besides(folder, names)
    if await open_once(folder) != whole or not await _due(folder):
        found.lost.append(f"{folder.name}: not all of the older store is there")
    found.lost += [f"{path.name} is not migrated" for path in _databases(folder) if _is_old(path)]
    found.corrupt += _besides(folder, names)
    for path in _databases(folder):
        found.add(findings.of_file(path))
    return found


def _databases(folder: Path) -> list[Path]:
    return [path for path in files_in(folder) if path.suffix == ".db"]


def _is_old(path: Path) -> bool:
    return version_of(path) != schema.VERSION


def _besides(folder: Path, names: set[str]) -> list[str]:
    """Files that a completed opening leaves and should not, a copy of the old file for one."""
    return [f"{path.name} is left beside the migrated file" for path in files_in(folder) if path.name not in names]


async def _due(folder: Path) -> list[str]:
    store = open_store(f"sqlite:{folder}")
    due = await store.due(datetime.max.replace(tzinfo=UTC))
    await store.close()
    return due
