"""Filters: which things of a tenant are meant, in the words of the server's own protocol."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from persona_graph.memory.weaviate import schema
from persona_graph.memory.weaviate.wire import wire


def tagged(*tags: str) -> Any:
    """Things with all of these tags."""
    return _holds(schema.TAGS, tags, all_of_them=True)


def any_tag(tags: Iterable[str]) -> Any:
    """Things with one of these tags."""
    return _holds(schema.TAGS, tags)


def any_id(ids: Iterable[UUID]) -> Any:
    """Things with these ids."""
    return _holds("_id", map(str, ids))


def any_term(terms: Iterable[str]) -> Any:
    """Things that hold one of these terms."""
    return _holds(schema.TERMS, terms)


def rows(first: int | None = None, last: int | None = None) -> Any:
    """Things of these rows, both included; None when both sides are open."""
    return _between(schema.ROW, first, last)


def begun(first: int | None = None, last: int | None = None) -> Any:
    """Things that begin in these hours, both included."""
    return _between(schema.BEGINS, first, last)


def ended(first: int | None = None, last: int | None = None) -> Any:
    """Things that end in these hours, both included."""
    return _between(schema.ENDS, first, last)


def both(one: Any, other: Any) -> Any:
    """Both conditions; None is none. A list of conditions costs the server less than conditions in conditions."""
    if one is None or other is None:
        return other if one is None else one
    every = wire().base.Filters.OPERATOR_AND
    parts = [part for each in (one, other) for part in (each.filters if each.operator == every else [each])]
    return wire().base.Filters(operator=every, filters=parts)


def _holds(name: str, values: Iterable[str], *, all_of_them: bool = False) -> Any:
    base = wire().base
    operator = base.Filters.OPERATOR_CONTAINS_ALL if all_of_them else base.Filters.OPERATOR_CONTAINS_ANY
    return base.Filters(
        operator=operator,
        target=base.FilterTarget(property=name),
        value_text_array=base.TextArray(values=values),
    )


def _between(name: str, first: int | None, last: int | None) -> Any:
    low = None if first is None else _compared(name, wire().base.Filters.OPERATOR_GREATER_THAN_EQUAL, first)
    high = None if last is None else _compared(name, wire().base.Filters.OPERATOR_LESS_THAN_EQUAL, last)
    return both(low, high)


def _compared(name: str, operator: Any, value: int) -> Any:
    return wire().base.Filters(operator=operator, target=wire().base.FilterTarget(property=name), value_int=value)
