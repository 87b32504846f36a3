"""Questions about a conversation and the messages that hold their answers, as the data sets publish them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from persona_graph.errors import InputError
from persona_graph.ingest import History, load

ADVERSARIAL = 5
"""LoCoMo's category of questions that the conversation does not answer; their evidence is what misleads."""
CATEGORIES = {1: "multi-hop", 2: "temporal", 3: "open-domain", 4: "single-hop", ADVERSARIAL: "adversarial"}

_DIA_ID = re.compile(r"D(\d+):(\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One question with evidence."""

    sample: str
    """Whose conversation it is about."""
    text: str
    category: int = 0
    evidence: frozenset[str]
    """Outside ids of messages."""


def message_ids(history: History) -> list[str]:
    """The outside id of every message, in order."""
    return [message.outside_id for turn in history.turns for message in turn.messages]


def read_locomo(path: Path, samples: Iterable[str] = ()) -> tuple[list[History], list[Question]]:
    """The conversations of a LoCoMo file (all, or those named) and their questions.

    Ids are found by `D\\d+:\\d+`, those that name no message are dropped, and so is a question left without any.

    Raises: InputError when a conversation named is not in the file.
    """
    wanted = list(samples)
    histories = {history.name: history for history in load(path).histories}
    unknown = [name for name in wanted if name not in histories]
    if unknown:
        raise InputError(f"{path.name} has no conversation {', '.join(unknown)}; it has {', '.join(histories)}")
    chosen = [histories[name] for name in wanted or histories]
    rows = {row["sample_id"]: row["qa"] for row in json.loads(path.read_text(encoding="utf-8"))}
    return chosen, [question for history in chosen for question in _locomo_questions(history, rows[history.name])]


def _locomo_questions(history: History, rows: Iterable[Mapping[str, Any]]) -> Iterable[Question]:
    known = set(message_ids(history))
    for row in rows:
        evidence = _ids(row.get("evidence", ())) & known
        if evidence:
            yield Question(
                sample=history.name, text=row["question"], category=int(row["category"]), evidence=frozenset(evidence)
            )


def _ids(evidence: Iterable[Any]) -> set[str]:
    """`D8:6; D9:17` is two ids, `D30:05` is D30:5."""
    return {f"D{int(a)}:{int(b)}" for text in evidence for a, b in _DIA_ID.findall(str(text))}


def corrected(questions: Iterable[Question], audit: Path) -> list[Question]:
    """The questions with the evidence that an audit of the answer key found to be right."""
    fixes: dict[str, frozenset[str]] = {}
    for row in json.loads(audit.read_text(encoding="utf-8")):
        right = _ids(row.get("correct_evidence") or ())
        if right:
            fixes[row["question"]] = frozenset(right)
    return [replace(question, evidence=fixes.get(question.text, question.evidence)) for question in questions]


def read_memorybank(folder: Path, language: str, marks: Path) -> tuple[list[History], list[Question], int]:
    """MemoryBank's people in `en` or `zh`, the questions that the log answers, and how many it does not.

    `marks` is the file of evidence marked by hand; a question without evidence there has no answer in the log.
    """
    suffix = {"en": "en", "zh": "cn"}[language]
    histories = {h.name: h for h in load(folder / f"memory_bank_{suffix}.json").histories}
    lines = (folder / f"probing_questions_{suffix}.jsonl").read_text(encoding="utf-8").splitlines()
    asked = {name.strip(): texts for line in lines if line.strip() for name, texts in json.loads(line).items()}
    questions, unanswered = list[Question](), 0
    for name, rows in json.loads(marks.read_text(encoding="utf-8"))[language].items():
        known = set(message_ids(histories[name]))
        for row in rows:
            evidence = frozenset(row.get("evidence", ()))
            if not evidence <= known:
                raise InputError(f"{marks.name}: {name} has no message {', '.join(sorted(evidence - known))}")
            text = asked[name][row["question"]].strip().strip('"')
            unanswered += not evidence
            questions += [Question(sample=name, text=text, evidence=evidence)] if evidence else []
    return list(histories.values()), questions, unanswered
