"""Any text and any JSON value as a column of SQLite."""

from __future__ import annotations

import json
from typing import Any

from persona_graph.conversation import id_text
from persona_graph.errors import ForeignStore


def pack(text: str) -> str | bytes:
    """Text as a column value; what UTF-8 cannot write (lone surrogates) becomes bytes.

    Raises: InputError for what is no text; ids come from outside.
    """
    try:
        id_text(text).encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")
    return text


def unpack(value: str | bytes) -> str:
    """The text that `pack` wrote."""
    return value.decode("utf-8", "surrogatepass") if isinstance(value, bytes) else value


def dump(value: Any) -> str | bytes:
    """A value as a JSON column."""
    return pack(json.dumps(value, separators=(",", ":"), ensure_ascii=False))


def load(column: str | bytes) -> Any:
    """The value that `dump` wrote.

    Raises: ForeignStore when it is none: a page may be damaged where SQLite does not notice, in the middle of a text.
    """
    try:
        return json.loads(unpack(column))
    except ValueError as error:
        raise ForeignStore("a text in the memory's file is damaged; restore the file from a backup") from error
