"""Files that are whole or absent: written beside their place, made durable, then renamed over it."""

from __future__ import annotations

import os
from pathlib import Path
from uuid import uuid4


def write_whole(path: Path, data: bytes, *, modified_ns: int | None = None) -> None:
    """Put `data` at `path` in one step; it outlives a power cut once this returns.

    `modified_ns` is its time of modification, where that says something.
    """
    beside = path.with_name(f".{path.name}.{uuid4().hex[:8]}.part")
    try:
        with beside.open("wb") as file:
            file.write(data)
            file.flush()
            if modified_ns is not None:
                os.utime(beside, ns=(modified_ns, modified_ns))
            os.fsync(file.fileno())
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def make_folder(path: Path) -> None:
    """Make a folder and its parents, durably."""
    missing = [p for p in (path, *path.parents) if not p.exists()]
    path.mkdir(parents=True, exist_ok=True)
    for made in missing:
        sync_folder(made.parent)


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable; Windows keeps them so by itself and cannot open folders."""
    if os.name == "nt":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
