"""A checkup of one's memory as tables and as JSON: what is wrong, which memory stays, which one goes, and why."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import tzinfo
from itertools import groupby
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from persona_graph.cli.views.memories import memory_json, what
from persona_graph.cli.views.style import counted, day, sheet, short
from persona_graph.memory.finding import Ailment, Checkup, Finding, Sure
from persona_graph.memory.operations import to_json
from persona_graph.memory.types import Memory

TITLES = {
    Ailment.EVIDENCE: "Evidence missing",
    Ailment.OWN_WORDS: "The assistant's own words",
    Ailment.DUPLICATES: "Said more than once",
    Ailment.CONTRADICTIONS: "Contradictions",
    Ailment.UNUSED: "Never used",
}
STAYS, GOES, PERHAPS, LEFT = Text("✓", "good"), Text("✗", "bad"), Text("?", "yellow"), Text("·", "faint")
SHOWN = 20
"""Findings of a kind that a person reads; JSON has all."""


def checkup_view(checkup: Checkup, zone: tzinfo, sure: Sure) -> Group:
    """One table a kind of finding; `sure` tells what a cure would take out from what is only possible."""
    blocks: list[RenderableType] = []
    for ailment, group in groupby(checkup.findings, key=lambda finding: finding.what):
        findings = list(group)
        blocks += [_table(ailment, findings[:SHOWN], len(findings), zone, sure)]
        if len(findings) > SHOWN:
            blocks += [Text(f"… and {len(findings) - SHOWN} more; --json has all of them", "faint")]
        blocks += [Text()]
    return Group(*blocks)


def summary(checkup: Checkup) -> str:
    """What was looked at, in one line."""
    looked = f"{counted(checkup.memories, 'memory', 'memories')} and {counted(checkup.turns, 'turn')}"
    if not checkup.findings:
        return f"Nothing found in {looked}: this memory is in good health."
    return f"{counted(len(checkup.findings), 'finding')} in {looked}."


def finding_json(finding: Finding) -> dict[str, Any]:
    """A finding for scripts."""
    return {
        "what": finding.what.value,
        "why": finding.why,
        "sure": finding.sure.value,
        "memories": [memory_json(memory) | {"ref": memory.ref} for memory in finding.memories],
        "remedy": [to_json(operation) for operation in finding.remedy],
    }


def _table(ailment: Ailment, findings: Sequence[Finding], count: int, zone: tzinfo, sure: Sure) -> Table:
    table = sheet("", "id", "memory", "told", "why", title=f"{TITLES[ailment]}   {count}")
    for number, finding in enumerate(findings):
        several = len(finding.memories) > 1
        if number and several:
            table.add_row()
        for row in _rows(finding, zone, sure):
            table.add_row(*row)
    return table


def _rows(finding: Finding, zone: tzinfo, sure: Sure) -> Iterator[tuple[Text, ...]]:
    why = Text(finding.why)
    goes = GOES if finding.sure.at_least(sure) else PERHAPS
    for place, memory in enumerate(finding.memories):
        mark = _mark(memory, finding.gone, goes, settled=bool(finding.remedy))
        told = Text(day(memory.believed.start, zone), "faint")
        yield mark, Text(short(memory.id), "faint"), what(memory), told, why if not place else Text()


def _mark(memory: Memory, gone: Collection[str], goes: Text, *, settled: bool) -> Text:
    if memory.id in gone:
        return goes
    return STAYS if settled else LEFT
