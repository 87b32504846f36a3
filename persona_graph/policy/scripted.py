"""`ScriptedPolicy`: says what it is told to, through the jobs' own parsers. For tests and benchmarks.

It takes one function, (job, input) -> the text a model would say.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Any, TypeVar

from persona_graph.errors import MalformedOutput, ParseError
from persona_graph.jobs.job import Job, PromptMessage
from persona_graph.policy.policy import Completion, Usage
from persona_graph.tokens import estimate_tokens

Given = TypeVar("Given")
Made = TypeVar("Made")

Script = Callable[[Job[Any, Any], Any], str]


class ScriptedPolicy:
    """A policy with nothing in between: `script` is its model, `asked` what it was asked."""

    name = "scripted"

    def __init__(self, script: Script, *, latency_s: float = 0.0) -> None:
        self.asked: list[tuple[str, Any]] = []
        self._script, self._latency_s = script, latency_s

    async def ask(
        self, job: Job[Given, Made], given: Given, *, on_delta: Callable[[str], None] | None = None
    ) -> Completion[Made]:
        """Do a job as the script says. Raises: MalformedOutput, and whatever the script raises."""
        self.asked.append((job.name, given))
        prompt = job.render(given, job.instructions)
        await asyncio.sleep(self._latency_s)
        raw = self._script(job, given)
        try:
            value = job.parse(raw, given)
        except ParseError as error:
            raise MalformedOutput(str(error), raw) from error
        if on_delta is not None and job.streams:
            _stream(raw, on_delta)
        usage = Usage(
            calls=1,
            input_tokens=sum(estimate_tokens(message.text) for message in prompt),
            output_tokens=estimate_tokens(raw),
            milliseconds=self._latency_s * 1e3,
        )
        return Completion(value=value, raw=raw, said=(PromptMessage.of("assistant", raw),), usage=usage)


def _stream(raw: str, on_delta: Callable[[str], None]) -> None:
    """What a person may read while it is made: the answer, word by word."""
    found = re.search(r"</think>\s*<answer>(.*?)</answer>", raw, re.DOTALL)
    text = found[1] if found else "" if "<think>" in raw else raw
    for piece in re.findall(r"\S+\s*", text):
        on_delta(piece)
