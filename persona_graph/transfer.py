"""Moving a user: `export` writes the journal, the commits and the images into a folder, `import_` reads them.

    manifest.json   what this is, when, whose, how much
    turns.jsonl     one turn a line, in order
    commits.jsonl   one commit a line, in order
    jobs.jsonl      one open job of the Update stage a line, in order
    erased.jsonl    one tombstone a line: ids and digests, without a word
    media/          images, named by digest

Memories and the personality are projections: the importing store makes them anew from the commits.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

from persona_graph.codec import (
    Json,
    commit_from_json,
    commit_to_json,
    job_from_json,
    job_to_json,
    turn_from_json,
    turn_to_json,
)
from persona_graph.engine import Engine
from persona_graph.errors import InputError, NotFound, Outdated
from persona_graph.memory.commit import Commit
from persona_graph.memory.erase import shown_in, without_images
from persona_graph.memory.store import MemoryStore
from persona_graph.update.drain import settle
from persona_graph.update.outbox import reopened

logger = logging.getLogger(__name__)

FORMAT = "persona-graph export 2"
PARTS = ("turns", "commits", "jobs", "erased")


async def export(engine: Engine, user: str, folder: Path) -> Path:
    """Write all that a user has; the folder must be new or empty. Raises: InputError, StoreError."""
    store = engine.store
    await asyncio.to_thread(_make_empty, folder)
    turns, erased = await store.turns(user), await store.tombstones(user)
    rows: dict[str, list[Json]] = {
        "turns": [turn_to_json(turn) for turn in turns],
        "commits": [commit_to_json(commit) for commit in await store.commits(user)],
        "jobs": [job_to_json(job) for job in await store.jobs(user)],
        "erased": [{"id": id} for id in sorted(erased.ids)],
    }
    for part in PARTS:
        await asyncio.to_thread(_write_lines, folder / f"{part}.jsonl", rows[part])
    digests = sorted(shown_in(turns))
    for digest in digests:
        data = await engine.media.get(user, digest)
        await asyncio.to_thread((folder / "media" / digest).write_bytes, data)
    counts = {part: len(rows[part]) for part in PARTS}
    manifest = {"format": FORMAT, "user": user, "at": engine.clock().isoformat(), **counts, "images": len(digests)}
    text = json.dumps(manifest, ensure_ascii=False, indent=2) + "\n"
    await asyncio.to_thread((folder / "manifest.json").write_text, text, encoding="utf-8")
    return folder


async def import_(engine: Engine, user: str, folder: Path) -> int:
    """Read an export into a store, under any user id; how many turns were new.

    Everything is read and checked before anything is written; a second import changes nothing. What was erased where
    the export comes from is erased here too, and does not come back.

    Raises: InputError naming the file and line that cannot be used; StoreError.
    """
    store, now = engine.store, engine.clock()
    manifest = await asyncio.to_thread(_read_manifest, folder)
    rows = {part: await asyncio.to_thread(_read_lines, folder / f"{part}.jsonl") for part in PARTS}
    if any(len(rows[part]) != manifest.get(part) for part in PARTS):
        raise InputError(
            f"the export in {folder.name!r} is not whole: its files hold more or less than its manifest says"
        )
    stones = (await store.tombstones(user)).ids
    erased = stones.union(str(row.get("id", "")) for row in rows["erased"])
    turns = [without_images(turn_from_json(row), erased) for row in rows["turns"] if row.get("id") not in erased]
    commits = [commit_from_json(row) for row in rows["commits"]]
    jobs = [job_from_json(row) for row in rows["jobs"]]
    images = [await asyncio.to_thread(_read_image, folder / "media" / digest) for digest in sorted(shown_in(turns))]
    if erased > stones:
        await store.bury(user, erased - stones, at=now, reopen=partial(reopened, now=now))
        await settle(engine, user)
    for image in images:
        await engine.media.put(user, image)
    written = await store.append(user, turns, jobs)
    for commit in commits:
        await _commit(store, user, commit)
    await store.rebuild(user)
    engine.wake(user)
    return len(written)


async def _commit(store: MemoryStore, user: str, commit: Commit) -> None:
    """Take over a commit; what it was made from may have been erased here since."""
    try:
        await store.commit(user, commit)
    except (NotFound, Outdated):
        logger.info("a commit of the import rests on what was erased here; it is passed over")


def _make_empty(folder: Path) -> None:
    try:
        (folder / "media").mkdir(parents=True, exist_ok=True)
        taken = sorted(p.name for p in folder.iterdir() if p.name != "media")
    except OSError as error:
        raise InputError(f"the folder {folder.name!r} cannot be written: {error.strerror}") from error
    if taken:
        raise InputError(f"the folder {folder.name!r} holds {taken[0]!r} already; name a new or empty one")


def _write_lines(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    with path.open("w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")


def _read_manifest(folder: Path) -> dict[str, Any]:
    try:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{folder.name!r} is no export of ours: it has no readable manifest.json") from error
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise InputError(f"{folder.name!r} is no export of ours: its manifest does not say {FORMAT!r}")
    return manifest


def _read_lines(path: Path) -> list[Json]:
    try:
        file = path.open(encoding="utf-8")
    except OSError as error:
        raise InputError(f"the export lacks {path.name}") from error
    rows: list[Json] = []
    with file:
        for number, line in enumerate(file, 1):
            try:
                row = json.loads(line)
            except ValueError as error:
                raise InputError(f"{path.name} line {number} is no JSON") from error
            if not isinstance(row, dict):
                raise InputError(f"{path.name} line {number} is no JSON object")
            rows.append(row)
    return rows


def _read_image(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"the export lacks the image {path.name}") from error
