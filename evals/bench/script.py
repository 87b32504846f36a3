"""What the scripted model of `bench-turn` says: so many retrievals, then an answer; a memory for each update job."""

from __future__ import annotations

import json
from typing import Any

from persona_graph.jobs.job import Job
from persona_graph.personality import TRAITS
from persona_graph.policy.scripted import Script

REQUEST = {"keywords": "w1 w20 w300", "start_time": None, "end_time": None}
RETRIEVE = f"<think>I look it up.</think><retrieve>{json.dumps(REQUEST)}</retrieve>"
ANSWER = "<think>I know enough.</think><answer>You told me so last spring.</answer>"


def script(retrievals: int) -> Script:
    """A turn of `retrievals` + 1 calls."""

    def say(job: Job[Any, Any], given: Any) -> str:
        if job.name == "reason":
            steps = sum(message.role == "assistant" for message in given.transcript)
            return RETRIEVE if steps < retrievals else ANSWER
        return json.dumps(_update(job.name, given))

    return say


def _update(name: str, given: Any) -> dict[str, Any]:
    turns = given.turns if hasattr(given, "turns") else (given.turn,)
    said = " ".join(message.text for turn in turns for message in turn.messages)[:200]
    if name == "infer_personality":
        return {trait.value: 4 for trait in TRAITS}
    if name == "extract_semantic":
        return {"operations": [{"do": "add", "text": said, "keywords": said.split()[:3], "when": None}]}
    if name == "segment_episodes":
        return {"topics": [{"summary": said, "keywords": said.split()[:3], "turns": list(range(1, len(turns) + 1))}]}
    return {"set": [{"key": "topic", "value": said}], "remove": []}
