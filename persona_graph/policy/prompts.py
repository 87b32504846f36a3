"""Prompts that a user puts in place of ours: a folder of `NAME.md` files, one a job."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from persona_graph.errors import ConfigurationError
from persona_graph.jobs.all import BY_NAME


def load_prompts(folder: Path | str) -> Mapping[str, str]:
    """Instructions by the name of their job; a job without a file keeps ours.

    Raises: ConfigurationError for a folder that is none, a file that names no job, or an empty file.
    """
    place = Path(folder).expanduser()
    if not place.is_dir():
        raise ConfigurationError(f"the prompts folder {place} does not exist")
    return {path.stem: _read(path) for path in sorted(place.glob("*.md"))}


def _read(path: Path) -> str:
    if path.stem not in BY_NAME:
        raise ConfigurationError(f"{path.name} names no job; a prompts folder holds {_known()}")
    text = path.read_text(encoding="utf-8").strip()
    if not text:
        raise ConfigurationError(f"{path} is empty; delete it to use the built-in prompt")
    return text


def _known() -> str:
    return ", ".join(f"{name}.md" for name in BY_NAME)
