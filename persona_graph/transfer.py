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
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

from persona_graph.codec import (
    Json,
    check_types,
    commit_from_json,
    commit_to_json,
    job_from_json,
    job_to_json,
    turn_from_json,
    turn_to_json,
)
from persona_graph.engine import Engine
from persona_graph.errors import InputError, NotFound, Outdated
from persona_graph.media import is_digest
from persona_graph.memory.commit import Commit, is_trait
from persona_graph.memory.operations import Freeze
from persona_graph.memory.store import MemoryStore, OpenJob
from persona_graph.personality import BigFive, Trait
from persona_graph.update.outbox import RANKS

logger = logging.getLogger(__name__)

Value = TypeVar("Value")

FORMAT = "persona-graph export 2"
PARTS = ("turns", "commits", "jobs", "erased")


async def export(engine: Engine, user: str, folder: Path) -> Path:
    """Write all that a user has; the folder must be new or empty. Raises: InputError, StoreError."""
    store = engine.store
    await asyncio.to_thread(_make_empty, folder, engine.home)
    turns, erased = await store.turns(user), await store.tombstones(user)
    rows: dict[str, list[Json]] = {
        "turns": [turn_to_json(turn) for turn in turns],
        "commits": [commit_to_json(commit) for commit in await store.commits(user)],
        "jobs": [job_to_json(job) for job in await store.jobs(user)],
        "erased": [{"id": id} for id in sorted(erased.ids)],
    }
    for part in PARTS:
        await asyncio.to_thread(_write_lines, folder / f"{part}.jsonl", rows[part])
    digests = sorted({image.digest for turn in turns for image in turn.images if image.digest})
    for digest in digests:
        data = await engine.media.get(user, digest)
        await asyncio.to_thread(_write_new, folder / "media" / digest, data)
    counts = {part: len(rows[part]) for part in PARTS}
    manifest = {"format": FORMAT, "user": user, "at": engine.clock().isoformat(), **counts, "images": len(digests)}
    await asyncio.to_thread(_write_new, folder / "manifest.json", _json(manifest, indent=2))
    return folder


async def import_(engine: Engine, user: str, folder: Path) -> int:
    """Read an export into a store, under any user id; how many turns were new.

    Everything is read and checked before anything is written; a second import changes nothing. What was erased where
    the export comes from does not come back here.

    Raises: InputError naming the file and line that cannot be used; StoreError.
    """
    store = engine.store
    manifest = await asyncio.to_thread(_read_manifest, folder)
    rows = {part: await asyncio.to_thread(_read_lines, folder / f"{part}.jsonl") for part in PARTS}
    if any(len(rows[part]) != manifest.get(part) for part in PARTS):
        raise InputError(
            f"the export in {folder.name!r} is not whole: its files hold more or less than its manifest says"
        )
    erased = await store.tombstones(user)
    turns = [turn for turn in _values(rows["turns"], "turns", turn_from_json) if turn.id not in erased.ids]
    commits = _values(rows["commits"], "commits", _commit_from_json)
    jobs = _values(rows["jobs"], "jobs", _job_from_json)
    tombstones = _values(rows["erased"], "erased", _erased_from_json)
    digests = sorted({image.digest for turn in turns for image in turn.images if image.digest} - erased.ids)
    images = [await asyncio.to_thread(_read_image, folder / "media", digest) for digest in digests]
    for image in images:
        await engine.media.put(user, image)
    written = await store.append(user, turns, jobs)
    for commit in commits:
        await _commit(store, user, commit)
    if tombstones:
        await store.bury(user, tombstones, at=engine.clock())
    await store.rebuild(user)
    engine.wake(user)
    return len(written)


async def _commit(store: MemoryStore, user: str, commit: Commit) -> None:
    """Take over a commit; what it was made from may have been erased here since."""
    try:
        await store.commit(user, commit)
    except (NotFound, Outdated):
        logger.info("a commit of the import rests on what was erased here; it is passed over")


def _make_empty(folder: Path, home: Path | None) -> None:
    """Make the folder and one for its images. What is written there is new, so no link leads it elsewhere."""
    try:
        if home is not None and folder.resolve().is_relative_to(home.resolve()):
            raise InputError(f"the folder {folder.name[:80]!r} lies inside the store; name one outside of it")
        folder.mkdir(parents=True, exist_ok=True)
        taken = sorted(path.name for path in folder.iterdir())
        if not taken:
            (folder / "media").mkdir()
    except (OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"the folder {folder.name[:80]!r} cannot be written: {_why(error)}") from error
    if taken:
        raise InputError(f"the folder {folder.name[:80]!r} holds {taken[0]!r} already; name a new or empty one")


def _write_lines(path: Path, rows: Iterable[Json]) -> None:
    _write_new(path, b"".join(_json(row) for row in rows))


def _write_new(path: Path, data: bytes) -> None:
    try:
        with path.open("xb") as file:
            file.write(data)
    except OSError as error:
        raise InputError(f"{path.name} cannot be written: {_why(error)}") from error


def _json(value: Json, indent: int | None = None) -> bytes:
    """One value as JSON; what no encoding carries (half a character) is written as JSON escapes it."""
    text = json.dumps(value, ensure_ascii=False, indent=indent) + "\n"
    return text.encode("utf-8", "backslashreplace")


def _read_manifest(folder: Path) -> Json:
    try:
        manifest = json.loads(_read(folder / "manifest.json"))
    except (InputError, ValueError, RecursionError) as error:
        raise InputError(f"{folder.name[:80]!r} is no export of ours: it has no readable manifest.json") from error
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise InputError(f"{folder.name[:80]!r} is no export of ours: its manifest does not say {FORMAT!r}")
    return manifest


def _read_lines(path: Path) -> list[Json]:
    rows: list[Json] = []
    for number, line in enumerate(_read(path).splitlines(), 1):
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise InputError(f"{path.name} line {number} is no JSON") from error
        if not isinstance(row, dict):
            raise InputError(f"{path.name} line {number} is no JSON object")
        rows.append(row)
    return rows


def _values(rows: Sequence[Json], part: str, read: Callable[[Json], Value]) -> list[Value]:
    """The rows as values, of the types that they are declared with."""
    values: list[Value] = []
    for number, row in enumerate(rows, 1):
        try:
            values.append(read(row))
            if not isinstance(values[-1], str):
                check_types(values[-1])
        except InputError as error:
            raise InputError(f"{part}.jsonl line {number}: {error}") from error
    return values


def _commit_from_json(row: Json) -> Commit:
    commit = commit_from_json(row)
    for operation in commit.operations:
        if isinstance(operation, Freeze) and operation.value is not None and is_trait(operation.what):
            BigFive().replace({Trait(operation.what): operation.value})
    return commit


def _job_from_json(row: Json) -> OpenJob:
    job = job_from_json(row)
    if job.name not in RANKS or not 0 <= job.attempts < 1_000:
        raise InputError(f"{job.name!r} after {job.attempts} attempts is no job of the Update stage")
    return replace(job, rank=RANKS[job.name])


def _erased_from_json(row: Json) -> str:
    id = row.get("id")
    if not isinstance(id, str):
        raise InputError(f"{id!r} is no id")
    return id


def _read_image(folder: Path, digest: str) -> bytes:
    if not is_digest(digest):
        raise InputError(f"{digest[:80]!r} is no digest of an image")
    data = _read(folder / digest)
    if sha256(data).hexdigest() != digest:
        raise InputError(f"the image {digest} of the export is not what its name says")
    return data


def _read(path: Path) -> bytes:
    """A file of the export itself: a link may lead to what is somebody else's."""
    try:
        if path.is_symlink() or (path.parent.name == "media" and path.parent.is_symlink()):
            raise InputError(f"{path.name} is a link; an export holds files")
        return path.read_bytes()
    except (OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"the export lacks {path.name[:80]}") from error


def _why(error: Exception) -> str:
    return getattr(error, "strerror", None) or "it is no name of a folder"
