"""Files of past conversations, read as our turns: LoCoMo, MemoryBank, Persona-MME and a plain JSONL."""

from __future__ import annotations

from persona_graph.ingest.history import History, Picture
from persona_graph.ingest.load import Format, Ingest, detect, load

__all__ = ["Format", "History", "Ingest", "Picture", "detect", "load"]
