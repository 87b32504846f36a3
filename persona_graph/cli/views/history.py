"""The steps of knowledge, newest last: when, by which job and whose word, what each did, and on which turns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import tzinfo
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from persona_graph.cli.views.memories import what
from persona_graph.cli.views.style import one_line, short, when
from persona_graph.cli.views.things import said
from persona_graph.conversation import Turn
from persona_graph.memory.history import Done, Step
from persona_graph.memory.operations import (
    Add,
    Delete,
    Freeze,
    Keep,
    Operation,
    Pin,
    Release,
    SwitchOff,
    Undo,
    Update,
    to_json,
)
from persona_graph.personality import NEUTRAL, TRAITS, Observation

QUOTE = 60
"""Characters of a turn that are quoted."""


def history_view(steps: Iterable[Step], turns: Mapping[str, Turn], zone: tzinfo) -> Group:
    """A few lines a step; what was undone and what taught nothing stays faint."""
    return Group(*(_step(step, turns, zone) for step in steps))


def _step(step: Step, turns: Mapping[str, Turn], zone: tzinfo) -> Table:
    commit, quiet = step.commit, step.undone or step.empty
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(width=8)
    grid.add_column(overflow="fold")
    by = "" if commit.job == commit.source else f" · {commit.source}"
    head = Text(f"{when(commit.at, zone)}  {commit.job}{by}", "faint" if quiet else "head")
    head.append(
        "  undone" if step.undone else "  nothing new" if step.empty else "", "yellow" if step.undone else "faint"
    )
    grid.add_row(Text(short(commit.id), "faint"), head)
    numbered = len(commit.operations) > 1
    lines = [_line(done, numbered=numbered, zone=zone) for done in step.done]
    lines += [line for seen in commit.observations if (line := _seen(seen))]
    for line in lines:
        if step.undone:
            line.stylize("faint")
        grid.add_row("", line)
    if lines and (rests := _rests_on(commit.evidence, turns)):
        grid.add_row("", Text(rests, "faint"))
    return grid


def _line(done: Done, *, numbered: bool, zone: tzinfo) -> Text:
    text = Text(f"{done.place} " if numbered else "", "faint")
    text.append_text(_did(done, zone))
    if done.undone:
        text.append("  undone", "yellow")
    elif done.in_vain:
        text.append("  without effect", "yellow")
    return text


def _did(done: Done, zone: tzinfo) -> Text:
    match done.operation:
        case Add() | Update():
            return _told(done, done.operation)
        case Delete():
            return Text("- ", "bad").append_text(_name(done, done.operation.id))
        case Pin():
            return Text("pinned: ").append_text(_name(done, done.operation.id))
        case Freeze(what=held, value=value):
            return Text(f"held: {held}" + (f" at {value:.2f}" if value is not None else ""))
        case SwitchOff():
            return Text("switched off: ").append_text(_name(done, done.operation.what))
        case Release():
            return Text("released: ").append_text(_name(done, done.operation.what))
        case Undo(commit=taken, operation=place, since=since):
            if since is not None:
                return Text(f"took back all since {when(since, zone)}")
            return Text(f"took back {short(taken)}" + (f", operation {place}" if place is not None else ""))
        case Keep():
            return Text("kept what is")


def _told(done: Done, new: Add | Update) -> Text:
    """The text that an operation brought, and which one it replaced."""
    replaced = done.before if done.after is not None else None
    key = new.key or (done.after.key if done.after is not None else "")
    kind = new.kind or (done.after.kind if done.after is not None else None)
    text = Text("~ " if replaced is not None or isinstance(new, Update) else "+ ", "good")
    text.append(f"{key}: " if key else "", "bold").append(one_line(new.text))
    if kind is not None:
        text.append(f"  {kind}", kind)
    return text.append(f"  was: {one_line(replaced.text)}", "faint") if replaced is not None else text


def _name(done: Done, named: str) -> Text:
    """The memory that an operation names, by its words where they are still there."""
    memory = done.after or done.before
    if memory is None:
        return Text(named if ":" in named or named in TRAITS else short(named))
    return what(replace(memory, pinned=False, off=False))


def _seen(seen: Observation) -> Text | None:
    """What an observation saw, and in which words."""
    scores = zip(TRAITS, seen.scores.scores, strict=True)
    traits = ", ".join(f"{trait.value} {score:g}" for trait, score in scores if score != NEUTRAL)
    words = ", ".join(f"“{word}”" for word in seen.words)
    return Text(f"saw {traits}" + (f" in {words}" if words else "")) if traits else None


def _rests_on(evidence: tuple[str, ...], turns: Mapping[str, Turn]) -> str:
    found = [turns[id] for id in evidence if id in turns]
    if not found:
        return ""
    quote = said(found[0])
    quote = f"{quote[: QUOTE - 1]}…" if len(quote) > QUOTE else quote
    more = f" and {len(found) - 1} more" if len(found) > 1 else ""
    return f"from {short(found[0].id)} “{quote}”{more}"


def step_json(step: Step) -> dict[str, Any]:
    """A step for scripts, with every operation that it wanted."""
    commit, done = step.commit, {one.place: one for one in step.done}
    return {
        "id": commit.id,
        "at": commit.at.isoformat(),
        "job": commit.job,
        "source": commit.source.value,
        "undone": step.undone,
        "operations": [_operation_json(place, o, done.get(place)) for place, o in enumerate(commit.operations)],
        "observed": [_observed_json(seen) for seen in commit.observations],
        "turns": list(commit.evidence),
    }


def _operation_json(place: int, operation: Operation, done: Done | None) -> dict[str, Any]:
    out = {"operation": place, **to_json(operation)}
    if done is None:
        return out
    if done.after is not None:
        out["memory"] = done.after.id
        out |= {"was": done.before.text} if done.before is not None else {}
    return out | {"undone": done.undone, "effect": not (done.undone or done.in_vain)}


def _observed_json(seen: Observation) -> dict[str, Any]:
    scores = {trait.value: score for trait, score in zip(TRAITS, seen.scores.scores, strict=True)}
    return {"turn": seen.turn, "scores": scores, "words": list(seen.words)}
