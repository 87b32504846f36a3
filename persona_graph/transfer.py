"""Moving a user: `export` writes the journal, the commits and the images into a folder, `import_` reads them.

Memories and the personality are projections: the importing store makes them anew from the commits.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

from persona_graph import foreign
from persona_graph.arrival import Arrival, each, take_in
from persona_graph.codec import Json, commit_to_json, job_to_json, turn_to_json
from persona_graph.engine import Engine
from persona_graph.errors import InputError
from persona_graph.export_folder import FORMAT, ExportFolder
from persona_graph.memory.erase import shown_in, without_images
from persona_graph.update.delivery import deliver

Value = TypeVar("Value")

PARTS = ("turns", "commits", "jobs", "erased")


async def export(engine: Engine, user: str, path: Path) -> Path:
    """Write all that a user has; the folder must be new or empty. Raises: InputError, StoreError."""
    store, folder = engine.store, ExportFolder(path)
    await deliver(engine, user)
    turns, erased = await store.turns(user), await store.tombstones(user)
    rows: dict[str, list[Json]] = {
        "turns": [turn_to_json(turn) for turn in turns],
        "commits": [commit_to_json(commit) for commit in await store.commits(user)],
        "jobs": [job_to_json(job) for job in await store.jobs(user)],
        "erased": [{"id": id} for id in sorted(erased.ids)],
    }
    await asyncio.to_thread(folder.make, engine.home)
    for part in PARTS:
        await asyncio.to_thread(folder.write_rows, part, rows[part])
    digests = sorted(shown_in(turns))
    for digest in digests:
        await asyncio.to_thread(folder.write_image, digest, await engine.media.get(user, digest))
    counts = {part: len(rows[part]) for part in PARTS}
    manifest = {"format": FORMAT, "user": user, "at": engine.clock().isoformat(), **counts, "images": len(digests)}
    await asyncio.to_thread(folder.write_manifest, manifest)
    return path


async def import_(engine: Engine, user: str, path: Path) -> int:
    """Read an export into a store, under any user id; how many turns were new.

    Everything is read and checked before anything is written; a second import changes nothing. What was erased where
    the export comes from is erased here too, and does not come back.

    Raises: InputError naming the file and line that cannot be used; StoreError.
    """
    store, folder = engine.store, ExportFolder(path)
    manifest = await asyncio.to_thread(folder.manifest)
    rows = {part: await asyncio.to_thread(folder.rows, part) for part in PARTS}
    if any(len(rows[part]) != manifest.get(part) for part in PARTS):
        raise InputError(
            f"the export in {folder.name!r} is not whole: its files hold more or less than its manifest says"
        )
    stones = frozenset(_values(rows["erased"], "erased", foreign.tombstone_of))
    erased = stones | (await store.tombstones(user)).ids
    said = _values(rows["turns"], "turns", foreign.turn_of)
    turns = [without_images(turn, erased) for turn in said if turn.id not in erased]
    commits = _values(rows["commits"], "commits", foreign.commit_of)
    jobs = _values(rows["jobs"], "jobs", foreign.job_of)
    images = [await asyncio.to_thread(folder.image, digest) for digest in sorted(shown_in(turns))]
    arrival = Arrival(pictures=each(images), turns=each([(turns, jobs)]), commits=commits, jobs=jobs, stones=stones)
    arrived = await take_in(engine, user, arrival)
    engine.wake(user)
    return arrived.turns


def _values(rows: Iterable[Json], part: str, read: Callable[[Json], Value]) -> list[Value]:
    """The rows as values. Raises: InputError naming the line."""
    values: list[Value] = []
    for number, row in enumerate(rows, 1):
        try:
            values.append(read(row))
        except InputError as error:
            raise InputError(f"{part}.jsonl line {number}: {error}") from error
    return values
