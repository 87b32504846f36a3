"""The paper's write policy as two pure transforms of operations (personavlm section 3.2, memory update)."""

from __future__ import annotations

from collections.abc import Iterable

from persona_graph.memory.operations import Add, Delete, Keep, ModelOperation, Update
from persona_graph.memory.types import Kind, Memory


def append_only(operations: Iterable[ModelOperation]) -> tuple[ModelOperation, ...]:
    """Facts only accumulate: an update becomes one more fact, a deletion nothing."""
    out: list[ModelOperation] = []
    for operation in operations:
        if isinstance(operation, Update):
            out.append(
                Add(
                    kind=Kind.SEMANTIC,
                    text=operation.text,
                    keywords=operation.keywords,
                    event=operation.event,
                    images=operation.images,
                    evidence=operation.evidence,
                )
            )
        elif isinstance(operation, Add):
            out.append(operation)
    return tuple(out) or (Keep(),)


def rewrite_whole(operations: Iterable[ModelOperation], held: Iterable[Memory]) -> tuple[ModelOperation, ...]:
    """What the model says replaces what is held: a held key that no operation mentions is deleted."""
    said = tuple(operations)
    named = {o.key.casefold() for o in said if isinstance(o, Add)}
    touched = {o.id for o in said if isinstance(o, Update | Delete)}
    left_out = (m for m in held if m.id not in touched and m.key.casefold() not in named)
    return (*said, *(Delete(id=memory.id) for memory in left_out))
