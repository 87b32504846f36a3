"""`persona doctor --memory`: what is wrong with one's memory, and with `--fix` its cure in one commit."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from persona_graph.cli.edge import need_user, open_persona
from persona_graph.cli.views.style import console, counted
from persona_graph.errors import InputError
from persona_graph.memory.finding import UNUSED_AFTER, UNUSED_ANSWERS, Ailment, Checkup, Sure

if TYPE_CHECKING:
    from persona_graph.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """What to look for and what to do about it."""

    fix: bool = False
    sure: Sure = Sure.LIKELY
    ailments: frozenset[Ailment] = frozenset(Ailment)
    unused_after: timedelta = UNUSED_AFTER
    unused_answers: int = UNUSED_ANSWERS

    def looking(self) -> dict[str, Any]:
        """What `Persona.health` is given."""
        names = ("ailments", "unused_after", "unused_answers")
        return {name: getattr(self, name) for name in names}


def ailments_of(kinds: Sequence[str]) -> frozenset[Ailment]:
    """What `--kind duplicates,contradictions` names; everything when it names nothing. Raises: InputError."""
    names = [name.strip() for kind in kinds for name in kind.split(",") if name.strip()]
    if wrong := [name for name in names if name not in set(Ailment)]:
        raise InputError(f"{wrong[0]!r} is no kind of finding; it is one of {', '.join(Ailment)}")
    return frozenset(map(Ailment, names)) or frozenset(Ailment)


def visit(settings: Settings, visit: Visit, *, as_json: bool) -> None:
    """Look, and cure where that was asked for."""
    from persona_graph.cli.views.health import checkup_view, finding_json, summary

    user = settings.user
    with open_persona(settings) as persona:
        need_user(persona, user)
        if not visit.fix:
            checkup, commit, gone = persona.health(user, **visit.looking()), "", frozenset[str]()
        else:
            cured = persona.cure(user, sure=visit.sure, **visit.looking())
            checkup, commit, gone = cured.checkup, cured.commit, cured.gone
    if as_json:
        report = {"user": user, "memories": checkup.memories, "turns": checkup.turns, "answers": checkup.answers}
        report |= {"findings": [finding_json(finding) for finding in checkup.findings]}
        console.print_json(json.dumps(report | {"commit": commit or None, "gone": sorted(gone)}, ensure_ascii=False))
        return
    if checkup.findings:
        console.print(checkup_view(checkup, settings.zone, visit.sure))
    console.print(summary(checkup), soft_wrap=True)
    if checkup.findings:
        said = _done(commit, len(gone)) if visit.fix else _offer(checkup, visit)
        console.print(said, soft_wrap=True)


def _done(commit: str, gone: int) -> str:
    if not commit:
        return "Nothing was changed: for none of it a remedy is sure enough."
    them = "it" if gone == 1 else "them"
    return f"{_memories(gone)} taken out in one commit, {commit}; an Undo of it brings {them} back."


def _offer(checkup: Checkup, visit: Visit) -> str:
    """What `--fix` would do, and what it would not do by itself."""
    surely = _gone(checkup, visit.sure)
    perhaps = _gone(checkup, Sure.POSSIBLE) - surely
    said = "Nothing was changed."
    if surely:
        said += f" --fix takes out what is marked ✗: {_memories(len(surely))}."
    if perhaps:
        said += f" What is marked ? is only possible: {_memories(len(perhaps))}, with --sure possible."
    return said


def _gone(checkup: Checkup, sure: Sure) -> frozenset[str]:
    gone: Iterable[frozenset[str]] = (found.gone for found in checkup.findings if found.sure.at_least(sure))
    return frozenset[str]().union(*gone)


def _memories(count: int) -> str:
    return counted(count, "memory", "memories")
