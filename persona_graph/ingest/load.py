"""`load(path)`: one file, whichever of the four formats it is in, as histories.

A file is read and checked as a whole before anything of it is used, so none is half ingested.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from persona_graph.errors import InputError, UnknownFormat
from persona_graph.ingest import jsonl, locomo, memorybank, persona_mme
from persona_graph.ingest.history import History


class Format(StrEnum):
    """The formats we read."""

    LOCOMO = "LoCoMo"
    MEMORYBANK = "MemoryBank"
    PERSONA_MME = "Persona-MME user_data.json"
    JSONL = "JSONL"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingest:
    """What a file holds."""

    format: Format
    histories: tuple[History, ...]
    """One a person."""


def detect(data: Any) -> Format | None:
    """The format of a parsed file, or of one parsed line."""
    if locomo.recognises(data):
        return Format.LOCOMO
    if persona_mme.recognises(data):
        return Format.PERSONA_MME
    if memorybank.recognises(data):
        return Format.MEMORYBANK
    return Format.JSONL if jsonl.recognises(data) else None


def load(path: Path | str, *, sample: str | None = None) -> Ingest:
    """Read a file; `sample` picks one person by name, sample id or user hint.

    Raises: UnknownFormat; InputError for a file that cannot be read, a bad line or an unknown sample.
    """
    path = Path(path)
    text = _text(path)
    data = _first(text, path)
    match detect(data):
        case Format.LOCOMO as format:
            histories = locomo.read(data)
        case Format.MEMORYBANK as format:
            histories = memorybank.read(data)
        case Format.PERSONA_MME as format:
            folder = path.resolve().parent
            histories = persona_mme.read(data, folder.name or "user", _files(folder))
        case Format.JSONL as format:
            histories = jsonl.read(text, path.stem, lambda image: _inside(path.parent.resolve(), image))
        case _:
            raise UnknownFormat(
                f"{path.name} is in no format known here; it may be {', '.join(list(Format)[:-1])}, or a "
                'JSONL with one exchange a line, such as {"at": "2024-05-12 18:30", "user": "...", "assistant": "..."}'
            )
    return Ingest(format=format, histories=histories if sample is None else (_picked(histories, sample, path),))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 text; save it as UTF-8") from error
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from error


def _first(text: str, path: Path) -> Any:
    """The whole file as JSON, or else its first line.

    Raises: InputError when that line is no JSON and the file is not meant to be lines either.
    """
    if not text.strip():
        raise UnknownFormat(f"{path.name} is empty; there is nothing to ingest")
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as whole:
        number, line = next((n, line) for n, line in enumerate(text.split("\n"), 1) if line.strip())
        try:
            return json.loads(line)
        except (ValueError, RecursionError):
            if path.suffix == ".jsonl":
                raise InputError(f"line {number}: this is not one JSON object ({whole})") from whole
            raise InputError(f"{path.name} is not JSON: {whole}") from whole


def _files(folder: Path) -> Mapping[str, Path]:
    """The files that really lie in a folder, by name; a link out of it does not."""
    return {file.name: file for file in folder.iterdir() if file.is_file() and file.resolve().parent == folder}


def _inside(folder: Path, name: str) -> Path | None:
    """The file of that name in or below a folder; what a path or a link leads to outside of it is somebody else's."""
    try:
        path = (folder / name).resolve()
        return path if path.is_relative_to(folder) and path.is_file() else None
    except (OSError, ValueError):  # a name no file can have, such as a data URL
        return None


def _picked(histories: tuple[History, ...], sample: str, path: Path) -> History:
    for history in histories:
        if sample.strip() in (history.name, history.user_hint):
            return history
    known = ", ".join(history.name for history in histories)
    raise InputError(f"{path.name} has no sample {sample!r}; it has {known}")
