"""The blocks a reasoning model writes: how its text is split into `<think>` and one of `<retrieve>` or `<answer>`.

A tag inside a think block never counts. Where a think block quotes its own closing tag, the one after which
exactly one whole block follows is the real one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from persona_graph.jobs.job import Form

THINK_OPEN, THINK_CLOSE = "<think>", "</think>"
ANSWER_OPEN, ANSWER_CLOSE = "<answer>", "</answer>"
_BLOCK = re.compile(r"\s*<(retrieve|answer)>(.*)</\1>\s*", re.DOTALL)
_TAG = re.compile(r"</?(?:think|retrieve|answer)>")
_RETRIEVE_BLOCK = re.compile(r"<retrieve>.*?(?:</retrieve>|\Z)", re.DOTALL)
_ANSWER_BLOCK = re.compile(r"<answer>(.*?)(?:</answer>|\Z)", re.DOTALL)

_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}( [0-9]{2}:[0-9]{2})?"
_RETRIEVE_REGEX = (
    r'<retrieve>\{"keywords": "[^"\\<\n]+", '
    rf'"start_time": (null|"{_DATE}"), "end_time": (null|"{_DATE}")\}}</retrieve>'
)
_ANSWER_REGEX = r"<answer>[^<]+</answer>"
_RETRIEVE_SCHEMA = {
    "type": "object",
    "properties": {
        "keywords": {"type": "string"},
        "start_time": {"type": ["string", "null"]},
        "end_time": {"type": ["string", "null"]},
    },
    "required": ["keywords", "start_time", "end_time"],
    "additionalProperties": False,
}


@dataclass(frozen=True, slots=True)
class Blocks:
    """One output, split."""

    think: str
    tag: str
    """`retrieve` or `answer`."""
    body: str


def split(raw: str) -> Blocks | None:
    """The blocks of an output that is a think block and exactly one other; None for anything else.

    A server may keep the think block, or its opening tag, to itself, so both may be absent.
    """
    text = raw.strip()
    for think, rest in _thoughts(text):
        found = _BLOCK.fullmatch(rest)
        if found and not _TAG.search(found[2]):
            return Blocks(think.removeprefix(THINK_OPEN).strip(), found[1], found[2].strip())
    return None


def well_formed(raw: str) -> bool:
    """Whether an output keeps the whole contract, think block included: what a format reward asks."""
    found = split(raw) if raw.lstrip().startswith(THINK_OPEN) else None
    return found is not None and bool(found.body)


def loose_answer(raw: str) -> str:
    """The text of the last answer block outside the think block, closed or cut off; empty when there is none."""
    found = _ANSWER_BLOCK.findall(_after_think(raw))
    return _untagged(found[-1]) if found else ""


def bare_text(raw: str) -> str:
    """What is left of an output without its think and retrieve blocks and without our tags."""
    return _untagged(_RETRIEVE_BLOCK.sub("", _after_think(raw)))


def spoken(so_far: str) -> str:
    """The part of an output still being written that the person may see: inside `<answer>`; it only grows."""
    text = so_far.lstrip()
    if THINK_CLOSE in text:
        text = text.partition(THINK_CLOSE)[2].lstrip()
    return _until_close(text[len(ANSWER_OPEN) :]) if text.startswith(ANSWER_OPEN) else ""


def spoken_plain(so_far: str) -> str:
    """As `spoken`, for an output that is plain text; a think block or answer tags around it are left out."""
    text = so_far.lstrip()
    if text.startswith(THINK_OPEN):
        text = text.partition(THINK_CLOSE)[2].lstrip()
    if any(tag.startswith(text) for tag in (THINK_OPEN, ANSWER_OPEN)):
        return ""  # What may still become a tag is not shown yet.
    return _until_close(text.removeprefix(ANSWER_OPEN))


def form(*tags: str) -> Form:
    """How a server can be held to a think block and one of these blocks."""
    regex = {"retrieve": _RETRIEVE_REGEX, "answer": _ANSWER_REGEX}
    content: dict[str, dict[str, Any]] = {
        "retrieve": {"type": "json_schema", "json_schema": _RETRIEVE_SCHEMA},
        "answer": {"type": "any_text"},
    }
    blocks = [_tagged(tag, content[tag]) for tag in tags]
    last = blocks[0] if len(blocks) == 1 else {"type": "or", "elements": blocks}
    sequence = {"type": "sequence", "elements": [_tagged("think", {"type": "any_text"}), last]}
    return Form(
        regex=rf"<think>[^<]*</think>({'|'.join(regex[tag] for tag in tags)})",
        structural_tag={"type": "structural_tag", "format": sequence},
    )


def _tagged(tag: str, content: dict[str, Any]) -> dict[str, Any]:
    return {"type": "tag", "begin": f"<{tag}>", "content": content, "end": f"</{tag}>"}


def _thoughts(text: str) -> Iterator[tuple[str, str]]:
    """Every way to cut a text into a think block and the rest."""
    if THINK_OPEN not in text and THINK_CLOSE not in text:
        yield "", text
    place = text.find(THINK_CLOSE)
    while place >= 0:
        yield text[:place], text[place + len(THINK_CLOSE) :]
        place = text.find(THINK_CLOSE, place + 1)


def _after_think(raw: str) -> str:
    """What follows the think block; an unclosed one hides everything but a whole answer at the very end."""
    if THINK_CLOSE in raw:
        return raw.rpartition(THINK_CLOSE)[2]
    if THINK_OPEN not in raw:
        return raw
    ends_with_answer = raw.rstrip().endswith(ANSWER_CLOSE) and ANSWER_OPEN in raw
    return raw[raw.rindex(ANSWER_OPEN) :] if ends_with_answer else raw.partition(THINK_OPEN)[0]


def _untagged(text: str) -> str:
    """The text without our tags, and without those that taking tags out puts together."""
    while _TAG.search(text):
        text = _TAG.sub("", text)
    return text.strip()


def _until_close(text: str) -> str:
    body = text.partition(ANSWER_CLOSE)[0].lstrip()
    for size in range(len(ANSWER_CLOSE) - 1, 0, -1):
        if body.endswith(ANSWER_CLOSE[:size]):
            body = body[:-size]
            break
    return body.rstrip()
