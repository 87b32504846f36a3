"""The `authors` dialect: the same jobs in the formats that the published PersonaVLM weights were taught.

    reason              <think>..</think><retrieve>"keywords": / "start_time": / "end_time":</retrieve>  or <answer>
    infer_personality   "openness": 4                                  five lines
    extract_semantic    "reason": / "decision": True / "content": / "keywords":
    segment_episodes    "topic_summary": / "keywords": / "source_dialog_indices": [0, 1]     repeated, from 0
    core, procedural    "key": value                             one a line, the whole list

Everything stands in one user message, without a system message. What the authors' own parsers lose is
kept here: a value may hold colons, and what the model leaves out stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar, cast

from persona_graph.errors import ParseError
from persona_graph.jobs import update_core, update_procedural
from persona_graph.jobs.extract_semantic import EXTRACT_SEMANTIC, SemanticInput
from persona_graph.jobs.format import DATA_RULE, digests, message, numbered, pieces_of
from persona_graph.jobs.infer_personality import INFER_PERSONALITY
from persona_graph.jobs.job import Form, Job, PromptMessage
from persona_graph.jobs.reading import flag, read_objects, scalar, without_think, words
from persona_graph.jobs.reason import REASON, Action, ReasonInput, action_of
from persona_graph.jobs.respond import RESPOND
from persona_graph.jobs.segment_episodes import SEGMENT_EPISODES, EpisodesInput, Topic, episodes, spans
from persona_graph.jobs.update_core import UPDATE_CORE, CoreInput
from persona_graph.jobs.update_procedural import UPDATE_PROCEDURAL, ProceduralInput
from persona_graph.memory.operations import Add, Keep, ModelOperation
from persona_graph.memory.types import Kind

Given = TypeVar("Given")
Made = TypeVar("Made")

_RETRIEVE = ("keywords", "start_time", "end_time")
_SEMANTIC = ("reason", "decision", "content", "keywords")
_EPISODE = ("topic_summary", "keywords", "source_dialog_indices")
_LINE = re.compile(
    r"""^[\s{*-]*(?:"([^"\n]{1,80})"|'([^'\n]{1,80})'|([^"'{}\[\]:：\n]{1,80}?))\s*[:：]\s*(.+?)[\s,]*$"""
)
_IMAGE_MARK = re.compile(r"\(\s*Image Object\s*:[^)]*\)", re.IGNORECASE)
_LOOKS_INTO_PICTURE = "the fact is about something in a picture: end it with (Image Object: what it is)"


def authors(job: Job[Given, Made]) -> Job[Given, Made]:
    """The job in the authors' format."""
    return cast(Job[Given, Made], _DIALECT.get(job.name, job))


def labelled(text: str, names: tuple[str, ...]) -> list[dict[str, str]]:
    """Records of `"name": value` fields, quoted or bare, on lines or in braces; a repeated name begins a new one."""
    any_name = "|".join(names)
    label = re.compile(rf"(?:^|[{{\n])[\s*-]*[\"']?({any_name})[\"']?\s*[:：]|,\s*[\"']({any_name})[\"']\s*[:：]")
    found = list(label.finditer(text))
    ends = [*(match.start() for match in found[1:]), *([len(text)] if found else [])]
    records: list[dict[str, str]] = []
    for match, end in zip(found, ends, strict=True):
        name = match[1] or match[2]
        if not records or name in records[-1]:
            records.append({})
        records[-1][name] = _bare(text[match.end() : end])
    return records


def pairs(raw: str) -> dict[str, str]:
    """`"key": value` lines, or JSON; the first colon after the key divides, later ones belong to the value.

    Raises: ParseError when there is no such line.
    """
    text = without_think(raw)
    found = read_objects(text)
    if found and text.startswith(("{", "```")):
        inner = [row for row in found[0].values() if isinstance(row, dict)] or found[:1]
        return {str(key): value for row in inner for key, item in row.items() if (value := scalar(item))}
    lines = (match for line in text.splitlines() if (match := _LINE.match(line)))
    made = {(m[1] or m[2] or m[3]).strip(): value for m in lines if (value := _bare(m[4])) not in {"", "{", "["}}
    if not made:
        raise ParseError('lines such as "key": value', raw)
    return made


def _bare(value: str) -> str:
    """A value without the comma after it, the brace that ends it, and the quotes around it."""
    text = value.strip().strip(",").strip()
    if text.endswith("}") and "{" not in text:
        text = text[:-1].strip().strip(",").strip()
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        text = text[1:-1]
    return scalar(text)


def _reason(raw: str, given: ReasonInput) -> Action:
    return action_of(raw, given, _request)


def _request(body: str) -> Mapping[str, Any] | None:
    records: list[Any] = read_objects(body) or labelled(body, _RETRIEVE)
    return next((row for row in records[:1] if "keywords" in row), None)


def _semantic(raw: str, given: SemanticInput) -> tuple[ModelOperation, ...]:
    text = without_think(raw)
    record: Mapping[str, Any] = next((row for row in read_objects(text) if "decision" in row), {})
    record = record or next((row for row in labelled(text, _SEMANTIC) if "decision" in row), {})
    if not record:
        raise ParseError('"reason", "decision", "content" and "keywords" lines', raw)
    content = scalar(record.get("content"))
    about_picture = bool(_IMAGE_MARK.search(content))
    fact = " ".join(_IMAGE_MARK.sub("", content).split())
    if not flag(record["decision"]) or fact.casefold() in {"", "none", "null"}:
        return (Keep(),)
    return (
        Add(
            kind=Kind.SEMANTIC,
            text=fact,
            keywords=_list(record.get("keywords")),
            images=digests([given.turn]) if about_picture else (),
            evidence=(given.turn.id,),
        ),
    )


def _episodes(raw: str, given: EpisodesInput) -> tuple[ModelOperation, ...]:
    text = without_think(raw)
    rows: list[Any] = [row for row in read_objects(text) if "topic_summary" in row] or labelled(text, _EPISODE)
    last = len(given.turns) - 1
    topics = [
        Topic(
            summary=scalar(row.get("topic_summary")),
            keywords=_list(row.get("keywords")),
            turns=spans(row.get("source_dialog_indices"), last),
        )
        for row in rows
    ]
    return episodes([topic for topic in topics if topic.summary], given.turns, raw)


def _list(value: object) -> tuple[str, ...]:
    """Keywords that may still stand in brackets and quotes."""
    plain = re.sub(r"[\[\]\"']", "", value) if isinstance(value, str) else value
    return words(plain)


def _core(raw: str, given: CoreInput) -> tuple[ModelOperation, ...]:
    return update_core.revise((pairs(raw), []), given)


def _procedural(raw: str, given: ProceduralInput) -> tuple[ModelOperation, ...]:
    return update_procedural.revise((pairs(raw), []), given)


def _number_from_zero(given: EpisodesInput, instructions: str) -> tuple[PromptMessage, ...]:
    return (message("user", [f"{instructions}\n\n", *numbered(given.turns, given.zone, first=0)]),)


def _in_one(job: Job[Any, Any]) -> Callable[[Any, str], tuple[PromptMessage, ...]]:
    """The job's own prompt with the system message at the head of the first user message."""

    def render(given: Any, instructions: str) -> tuple[PromptMessage, ...]:
        _, first, *rest = job.render(given, instructions)
        return (message("user", [f"{instructions}\n\n", *pieces_of(first)]), *rest)

    return render


def _told(job: Job[Any, Any], form: str, parse: Callable[[str, Any], Any] | None = None) -> Job[Any, Any]:
    """A job whose output has the authors' form: our task, their format."""
    task = _TASKS[job.name]
    return replace(
        job,
        instructions=f"{task}\n\n{form}\n\n{DATA_RULE}",
        render=_in_one(job),
        parse=parse or job.parse,
        form=lambda _given: Form(),
    )


_TASKS: Mapping[str, str] = {
    "reason": (
        "You are the personal assistant of this person. Read who they are, what was just said and the new message. "
        "Think first. Then either look into memory, when something said earlier is missing, or answer in the language "
        "of the message and in a manner that suits the person's personality. Never invent what the person said."
    ),
    "respond": (
        "You are the personal assistant of this person. Answer the new message from what you see, in its language and "
        "in a manner that suits the person's personality. Never invent what the person said. Write the answer alone."
    ),
    "infer_personality": (
        "Judge which personality the new message shows on the five traits of the Big Five: 1 clearly low, 3 shows "
        "nothing of it, 5 clearly high. Judge only the person's own words."
    ),
    "extract_semantic": (
        "Decide whether the newest exchange tells something lasting about the person that is not known yet: a fact, "
        "a preference, an instruction. Only what the person says counts. Write in the person's language."
    ),
    "segment_episodes": (
        "Divide the conversation, which is over, into the topics that were talked about. Every turn belongs to one. "
        "Write in the language of the conversation."
    ),
    "update_core": (
        "Bring the profile of the person up to date with the conversation, which is over. Keep what still holds. "
        "Write in the person's language."
    ),
    "update_procedural": (
        "Bring the list of the person's habits and goals up to date with the conversation, which is over. Keep what "
        "still holds; at most five. Write in the person's language."
    ),
}
_LINES = 'One field a line:\n"key": value'
_DIALECT: Mapping[str, Job[Any, Any]] = {
    "reason": _told(
        REASON,
        'Form, one of the two:\n<think>...</think><retrieve>\n"keywords": ...\n"start_time": YYYY-MM-DD HH:MM or null\n'
        '"end_time": YYYY-MM-DD HH:MM or null\n</retrieve>\n<think>...</think><answer>...</answer>',
        _reason,
    ),
    "respond": replace(_told(RESPOND, ""), instructions=f"{_TASKS['respond']}\n\n{DATA_RULE}"),
    "infer_personality": _told(
        INFER_PERSONALITY,
        'Five lines, each with a whole number:\n"openness": 3\n"conscientiousness": 3\n"extraversion": 3\n'
        '"agreeableness": 3\n"neuroticism": 3',
    ),
    "extract_semantic": _told(
        EXTRACT_SEMANTIC,
        'Four lines:\n"reason": why\n"decision": True or False\n"content": the fact in one sentence; if '
        f'{_LOOKS_INTO_PICTURE}\n"keywords": words, separated by commas',
        _semantic,
    ),
    "segment_episodes": replace(
        _told(
            SEGMENT_EPISODES,
            'For each topic three lines; turns count from 0:\n"topic_summary": ...\n"keywords": words, separated by '
            'commas\n"source_dialog_indices": [0, 1]',
            _episodes,
        ),
        render=_number_from_zero,
    ),
    "update_core": _told(UPDATE_CORE, _LINES, _core),
    "update_procedural": _told(UPDATE_PROCEDURAL, _LINES, _procedural),
}
