"""Moving a user: `export` writes the journal, the commits and the images into a folder, `import_` reads them.

    manifest.json   what this is, when, whose, how much
    turns.jsonl     one turn a line, in order
    commits.jsonl   one commit a line, in order
    media/          images, named by digest

Memories and the personality are projections: the importing store makes them anew from the commits.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from persona_graph.codec import commit_from_json, commit_to_json, turn_from_json, turn_to_json
from persona_graph.engine import Engine
from persona_graph.errors import InputError

FORMAT = "persona-graph export 1"


async def export(engine: Engine, user: str, folder: Path) -> Path:
    """Write all that a user has; the folder must be new or empty. Raises: InputError, StoreError."""
    await asyncio.to_thread(_make_empty, folder)
    turns, commits = await engine.store.turns(user), await engine.store.commits(user)
    await asyncio.to_thread(_write_lines, folder / "turns.jsonl", map(turn_to_json, turns))
    await asyncio.to_thread(_write_lines, folder / "commits.jsonl", map(commit_to_json, commits))
    digests = sorted({image.digest for turn in turns for image in turn.images if image.digest})
    for digest in digests:
        data = await engine.media.get(user, digest)
        await asyncio.to_thread((folder / "media" / digest).write_bytes, data)
    manifest = {
        "format": FORMAT,
        "user": user,
        "at": engine.clock().isoformat(),
        "turns": len(turns),
        "commits": len(commits),
        "images": len(digests),
    }
    text = json.dumps(manifest, ensure_ascii=False, indent=2) + "\n"
    await asyncio.to_thread((folder / "manifest.json").write_text, text, encoding="utf-8")
    return folder


async def import_(engine: Engine, user: str, folder: Path) -> int:
    """Read an export into a store, under any user id; how many turns were new.

    Everything is read and checked before anything is written; a second import changes nothing.

    Raises: InputError naming the file and line that cannot be used; StoreError.
    """
    manifest = await asyncio.to_thread(_read_manifest, folder)
    turns = await asyncio.to_thread(lambda: [turn_from_json(r) for r in _read_lines(folder / "turns.jsonl")])
    commits = await asyncio.to_thread(lambda: [commit_from_json(r) for r in _read_lines(folder / "commits.jsonl")])
    if (len(turns), len(commits)) != (manifest["turns"], manifest["commits"]):
        raise InputError(f"the export in {folder.name!r} is not whole: its manifest counts other turns or commits")
    digests = sorted({image.digest for turn in turns for image in turn.images if image.digest})
    images = [await asyncio.to_thread(_read_image, folder / "media" / digest) for digest in digests]
    for image in images:
        await engine.media.put(user, image)
    written = await engine.store.append(user, turns)
    for commit in commits:
        await engine.store.commit(user, commit)
    await engine.store.rebuild(user)
    return len(written)


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


def _read_lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            try:
                yield json.loads(line)
            except ValueError as error:
                raise InputError(f"{path.name} line {number} is no JSON") from error


def _read_image(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"the export lacks the image {path.name}") from error
