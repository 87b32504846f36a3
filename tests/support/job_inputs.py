"""One input for each job, with the same text in every place that data can come from; and what a model may say to it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from persona_graph.conversation import Image, Message, Role, Text, Turn
from persona_graph.jobs.extract_semantic import SemanticInput
from persona_graph.jobs.infer_personality import PersonalityInput
from persona_graph.jobs.job import PromptMessage
from persona_graph.jobs.reason import Must, Opening, ReasonInput, observe
from persona_graph.jobs.respond import RespondInput
from persona_graph.jobs.segment_episodes import EpisodesInput
from persona_graph.jobs.update_core import CoreInput
from persona_graph.jobs.update_procedural import ProceduralInput
from persona_graph.memory.types import Kind, Memory
from persona_graph.personality import BigFive
from persona_graph.retrieval.query import Hit, Target
from persona_graph.timerange import TimeRange

NOW = datetime(2024, 5, 31, 18, 30, tzinfo=UTC)
PICTURE = Image(digest="a" * 64, caption="a red kite")
PLAIN = "I like tea & hiking"


def memory(kind: Kind, text: str, *, name: str = "1", key: str = "", days_ago: int = 30, **more: Any) -> Memory:
    """A memory that began `days_ago`."""
    event = TimeRange(start=NOW - timedelta(days=days_ago))
    return Memory(id=f"{kind}-{name}", version=1, kind=kind, text=text, key=key, **{"event": event, **more})


def turn(text: str, *, name: str = "t1", minutes_ago: int = 10, picture: bool = False, answer: str = "") -> Turn:
    """One exchange; with a picture between two texts where asked for."""
    blocks = (Text(text), PICTURE, Text("what is it?")) if picture else (Text(text),)
    asked = Message(role=Role.PERSON, blocks=blocks, speaker="Ana")
    messages = (asked, Message.of(Role.ASSISTANT, answer)) if answer else (asked,)
    return Turn(id=name, at=NOW - timedelta(minutes=minutes_ago), session="s1", messages=messages)


def opening(text: str = PLAIN, *, picture: bool = False) -> Opening:
    """A message with everything around it."""
    return Opening(
        query=turn(text, picture=picture).messages[0],
        now=NOW,
        profile=(memory(Kind.CORE, text, key="name"), memory(Kind.CORE, "nurse", name="2", key=text)),
        habits=(memory(Kind.PROCEDURAL, text, key="morning run"),),
        personality=BigFive(4.4, 3.0, 1.5, 3.0, 2.0),
        recent=(turn(text, answer=text, picture=picture),),
    )


def hits(text: str = PLAIN, *, picture: bool = False) -> tuple[Hit, ...]:
    """One hit of each kind."""
    none: Mapping[str, float] = {}
    old = memory(
        Kind.SEMANTIC, text, name="2", event=TimeRange(start=NOW - timedelta(days=90), end=NOW - timedelta(days=9))
    )
    episode = memory(Kind.EPISODIC, text, days_ago=40)
    best = (turn(text, name="t8", minutes_ago=50_000, answer=text), turn(text, name="t7", minutes_ago=60_000))
    found = [
        Hit(target=Target.SEMANTIC, score=2, parts=none, memory=memory(Kind.SEMANTIC, text)),
        Hit(target=Target.SEMANTIC, score=1, parts=none, memory=old, superseded=True),
        Hit(target=Target.EPISODIC, score=2, parts=none, memory=episode, turns=best),
        Hit(target=Target.PROCEDURAL, score=1, parts=none, memory=memory(Kind.PROCEDURAL, text, key="goal")),
        Hit(target=Target.CORE, score=1, parts=none, memory=memory(Kind.CORE, text, key="home")),
        Hit(
            target=Target.TURN,
            score=1,
            parts=none,
            turn=turn(text, name="t6", minutes_ago=9_000, answer=text),
            message=1,
        ),
    ]
    if picture:
        shown = turn(text, name="t5", minutes_ago=8_000, picture=True)
        found.append(Hit(target=Target.IMAGE, score=1, parts=none, turn=shown, image=PICTURE))
    return tuple(found)


def reason_input(
    text: str = PLAIN, *, must: Must = Must.CHOOSE, looked: bool = True, picture: bool = False
) -> ReasonInput:
    """A step of reasoning, after one retrieval unless `looked` is off."""
    said = PromptMessage.of("assistant", '<think>a</think><retrieve>{"keywords": "tea"}</retrieve>')
    transcript = (said, observe(hits(text, picture=picture), 2, note=text)) if looked else ()
    return ReasonInput(opening=opening(text, picture=picture), transcript=transcript, must=must)


def inputs(text: str = PLAIN, *, picture: bool = False) -> dict[str, Any]:
    """An input for every job, by its name."""
    profile = (memory(Kind.CORE, text, key="name"),)
    habits = (memory(Kind.PROCEDURAL, text, key="morning run", pinned=True),)
    known = (memory(Kind.SEMANTIC, text), memory(Kind.SEMANTIC, "drinks coffee", name="2", pinned=True))
    one = turn(text, answer=text, picture=picture)
    session = (turn(text, name="t0", minutes_ago=30, answer=text), one, turn(text, name="t2", minutes_ago=5))
    return {
        "reason": reason_input(text, picture=picture),
        "respond": RespondInput(opening=opening(text, picture=picture), hits=hits(text, picture=picture)),
        "infer_personality": PersonalityInput(turn=one, recent=session[:1], profile=profile),
        "extract_semantic": SemanticInput(turn=one, recent=session[:1], profile=profile, known=known),
        "segment_episodes": EpisodesInput(turns=session),
        "update_core": CoreInput(profile=profile, turns=session),
        "update_procedural": ProceduralInput(habits=habits, turns=session, profile=profile),
    }


GOOD: Mapping[str, str] = {
    "reason": "<think>They drink tea.</think><answer>You like tea & hiking, don't you?</answer>",
    "respond": "You like tea & hiking, don't you?",
    "infer_personality": '{"openness": 4, "conscientiousness": 3, "extraversion": 3, "agreeableness": 3, '
    '"neuroticism": 2, "words": ["I like tea"]}',
    "extract_semantic": '{"operations": [{"do": "add", "memory": null, "text": "Ana likes hiking.", '
    '"keywords": ["hiking"], "when": "2024-05-01", "picture": false}]}',
    "segment_episodes": '{"topics": [{"summary": "Tea.", "keywords": ["tea"], "turns": [1, 2, 3]}]}',
    "update_core": '{"set": [{"key": "hobby", "value": "hiking: every week"}], "remove": []}',
    "update_procedural": '{"set": [{"key": "Hiking", "value": "hikes on Sundays"}], "remove": []}',
}
"""What a good model says to `inputs()`."""
