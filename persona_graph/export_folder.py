"""`ExportFolder`: written as new files outside the store, read as what somebody else may have prepared.

manifest.json   what this is, when, whose, how much
turns.jsonl     one turn a line, in order
commits.jsonl   one commit a line, in order
jobs.jsonl      one open job of the Update stage a line, in order
erased.jsonl    one tombstone a line: ids and digests, without a word
media/          images, named by digest
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from hashlib import sha256
from pathlib import Path

from persona_graph.codec import Json
from persona_graph.errors import InputError
from persona_graph.media import is_digest

FORMAT = "persona-graph export 2"


class ExportFolder:
    """One folder. Reading and writing block.

    Raises (every method): InputError, for what cannot be written or is not as an export writes it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = path.name[:80]

    def make(self, home: Path | None) -> None:
        """Make the folder, outside of the store at `home`. All that is in it is new, so no link leads elsewhere."""
        try:
            inside = home is not None and self.path.resolve().is_relative_to(home.resolve())
            if not inside:
                self.path.mkdir(parents=True, exist_ok=True)
            taken = sorted(os.listdir(self.path)) if not inside else []
        except (OSError, ValueError) as error:
            raise InputError(f"the folder {self.name!r} cannot be written: {_why(error)}") from error
        if inside:
            raise InputError(f"the folder {self.name!r} lies inside the store; name one outside of it")
        if taken:
            raise InputError(f"the folder {self.name!r} holds {taken[0]!r} already; name a new or empty one")

    def write_manifest(self, manifest: Json) -> None:
        """What this is; it goes last, so that a folder that was not finished has none."""
        self._write("manifest.json", _json(manifest, indent=2))

    def write_rows(self, part: str, rows: Iterable[Json]) -> None:
        """One row a line."""
        self._write(f"{part}.jsonl", b"".join(map(_json, rows)))

    def write_image(self, digest: str, data: bytes) -> None:
        """An image under its name."""
        self._write(f"media/{digest}", data)

    def _write(self, name: str, data: bytes) -> None:
        path = self.path / name
        try:
            path.parent.mkdir(exist_ok=True)
            with path.open("xb") as file:
                file.write(data)
        except OSError as error:
            raise InputError(f"{name} cannot be written: {_why(error)}") from error

    def manifest(self) -> Json:
        """What this is."""
        try:
            manifest = json.loads(self._read("manifest.json"))
        except (ValueError, RecursionError) as error:
            raise InputError(f"{self.name!r} is no export of ours: it has no readable manifest.json") from error
        if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
            raise InputError(f"{self.name!r} is no export of ours: its manifest does not say {FORMAT!r}")
        return manifest

    def rows(self, part: str) -> Sequence[Json]:
        """The rows of a part."""
        rows: list[Json] = []
        for number, line in enumerate(self._read(f"{part}.jsonl").splitlines(), 1):
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise InputError(f"{part}.jsonl line {number} is no JSON") from error
            if not isinstance(row, dict):
                raise InputError(f"{part}.jsonl line {number} is no JSON object")
            rows.append(row)
        return rows

    def image(self, digest: str) -> bytes:
        """An image; its name is its digest and nothing else."""
        if not is_digest(digest):
            raise InputError(f"{digest[:80]!r} is no digest of an image")
        data = self._read(f"media/{digest}")
        if sha256(data).hexdigest() != digest:
            raise InputError(f"the image {digest} of the export is not what its name says")
        return data

    def _read(self, name: str) -> bytes:
        """A file of the export itself; what a link leads to may be somebody else's."""
        path = self.path / name
        if os.path.islink(path) or (path.parent != self.path and os.path.islink(path.parent)):
            raise InputError(f"{name} is a link; an export holds files")
        if not os.path.isfile(path):  # a pipe would keep us waiting
            raise InputError(f"the export lacks {name}")
        try:
            return path.read_bytes()
        except OSError as error:
            raise InputError(f"{name} cannot be read: {_why(error)}") from error


def _json(value: Json, indent: int | None = None) -> bytes:
    """One value as JSON; what no encoding carries (half a character) is written as JSON escapes it."""
    text = json.dumps(value, ensure_ascii=False, indent=indent) + "\n"
    return text.encode("utf-8", "backslashreplace")


def _why(error: Exception) -> str:
    return getattr(error, "strerror", None) or "that is no name of a folder"
