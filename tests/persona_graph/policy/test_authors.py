"""The dialect of the published weights: all six formats, with what the authors' own parsers lose."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from persona_graph.errors import ParseError
from persona_graph.jobs.all import BY_NAME
from persona_graph.jobs.reason import Answer, Must, Retrieve
from persona_graph.jobs.segment_episodes import EpisodesInput
from persona_graph.jobs.update_core import CoreInput
from persona_graph.jobs.update_procedural import ProceduralInput
from persona_graph.memory.operations import Add, Keep
from persona_graph.memory.types import Kind
from persona_graph.personality import BigFive
from persona_graph.policy.authors import authors
from persona_graph.policy.chat import ChatPolicy
from persona_graph.timerange import TimeRange
from tests.support.job_inputs import PICTURE, inputs, memory, reason_input, turn
from tests.support.scripted_model import ScriptedModel

GIVEN = inputs(picture=True)
WINDOW = TimeRange(start=datetime(2024, 5, 1, 8, tzinfo=UTC), end=datetime(2024, 5, 2, 9, 30, tzinfo=UTC))


def read(name: str, raw: str, given: Any = None) -> Any:
    """What the dialect reads for a job."""
    return authors(BY_NAME[name]).parse(raw, given or GIVEN[name])


@pytest.mark.parametrize(
    "body",
    [
        '\n"keywords": tea, cup\n"start_time": 2024-05-01 08:00\n"end_time": 2024-05-02 09:30\n',
        '"keywords": "tea, cup",\n"start_time": "2024-05-01 08:00",\n"end_time": "2024-05-02 09:30"',
        '{"keywords": "tea, cup", "start_time": "2024-05-01 08:00", "end_time": "2024-05-02 09:30"}',
        "{\nkeywords: tea, cup,\nstart_time: 2024-05-01 08:00,\nend_time: 2024-05-02 09:30\n}",
    ],
)
def test_a_retrieval_is_read(body: str) -> None:
    made = read("reason", f"<think>a</think><retrieve>{body}</retrieve>")
    assert made == Retrieve(think="a", keywords="tea, cup", window=WINDOW)


def test_a_retrieval_without_times_is_read() -> None:
    made = read("reason", '<think>a</think><retrieve>"keywords": tea\n"start_time": null\n"end_time": null</retrieve>')
    assert made == Retrieve(think="a", keywords="tea")


def test_an_answer_is_read_and_tags_in_its_thought_do_not_count() -> None:
    raw = '<think>not <retrieve>"keywords": x</retrieve></think><answer>b</answer>'
    assert read("reason", raw) == Answer(think='not <retrieve>"keywords": x</retrieve>', text="b")


def test_a_step_that_must_answer_takes_no_retrieval() -> None:
    with pytest.raises(ParseError):
        read("reason", '<think>a</think><retrieve>"keywords": x</retrieve>', reason_input(must=Must.ANSWER))


def test_five_lines_are_read_in_any_order() -> None:
    made = read("infer_personality", '"neuroticism": 2\n"openness": 4\n"extraversion": 7\nthat is all')
    assert made.scores == BigFive(openness=4, neuroticism=2)


@pytest.mark.parametrize(
    ("raw", "text", "keywords"),
    [
        ('"reason": a plan\n"decision": True\n"content": Flight at 7:30: gate B\n"keywords": flight, gate',
         "Flight at 7:30: gate B", ("flight", "gate")),
        ('{"reason": "a, b", "decision": true, "content": "Flight at 7:30: gate B", "keywords": ["flight", "gate"]}',
         "Flight at 7:30: gate B", ("flight", "gate")),
        ("reason: x\ndecision: True\ncontent: likes tea\nkeywords: [\"tea\", 'cup']", "likes tea", ("tea", "cup")),
    ],
)  # fmt: skip
def test_a_fact_is_read(raw: str, text: str, keywords: tuple[str, ...]) -> None:
    assert read("extract_semantic", raw) == (Add(kind=Kind.SEMANTIC, text=text, keywords=keywords, evidence=("t1",)),)


def test_a_fact_about_a_picture_keeps_the_picture_and_loses_the_mark() -> None:
    raw = '"reason": r\n"decision": True\n"content": Owns a kite (Image Object: kite)\n"keywords": kite'
    (made,) = read("extract_semantic", raw)
    assert (made.text, made.images) == ("Owns a kite", (PICTURE.digest,))


@pytest.mark.parametrize(
    "raw", ['"reason": r\n"decision": False\n"content": None\n"keywords": None', "decision: false"]
)
def test_a_decision_against_it_changes_nothing(raw: str) -> None:
    assert read("extract_semantic", raw) == (Keep(),)


SESSION = EpisodesInput(turns=tuple(turn(f"about {n}", name=f"t{n}", minutes_ago=50 - n) for n in range(4)))


@pytest.mark.parametrize(
    "raw",
    [
        '"topic_summary": Tea: hot\n"keywords": tea\n"source_dialog_indices": [0, 1]\n\n'
        '"topic_summary": Sail\n"keywords": sail\n"source_dialog_indices": [2]',
        '[{"topic_summary": "Tea: hot", "keywords": "tea", "source_dialog_indices": [0, 1]},\n'
        '{"topic_summary": "Sail", "keywords": "sail", "source_dialog_indices": [2, 9]}]',
        "topic_summary: Tea: hot\nkeywords: tea\nsource_dialog_indices: 0-1\n"
        "topic_summary: Sail\nkeywords: sail\nsource_dialog_indices: 2, 3",
    ],
)
def test_topics_are_read_counted_from_zero(raw: str) -> None:
    made = read("segment_episodes", raw, SESSION)
    assert [(add.text, add.keywords, add.evidence) for add in made] == [
        ("Tea: hot", ("tea",), ("t0", "t1")),
        ("Sail", ("sail",), ("t2", "t3")),
    ]


CORE = CoreInput(
    profile=(memory(Kind.CORE, "Ana", key="name"), memory(Kind.CORE, "nurse", name="2", key="job")), turns=()
)


@pytest.mark.parametrize(
    "raw", ['"name": Ana\n"wakes": at 7:30', '{"name": "Ana", "wakes": "at 7:30"}', "- wakes: at 7:30,"]
)
def test_a_value_keeps_its_colons_and_what_is_left_out_stays(raw: str) -> None:
    assert read("update_core", raw, CORE) == (Add(kind=Kind.CORE, key="wakes", text="at 7:30"),)


def test_nested_blocks_of_a_profile_are_read() -> None:
    raw = '{"human": {"name": "Ana"}, "persona": {"tone": "warm"}}'
    assert read("update_core", raw, CORE) == (Add(kind=Kind.CORE, key="tone", text="warm"),)


@pytest.mark.parametrize("name", ["update_core", "update_procedural"])
def test_text_without_lines_wipes_nothing(name: str) -> None:
    given = CORE if name == "update_core" else ProceduralInput(habits=CORE.profile, turns=())
    with pytest.raises(ParseError, match="lines"):
        read(name, "I have nothing to add", given)
    assert read(name, "{}", given) == (Keep(),)


async def test_a_policy_that_speaks_it_sends_one_user_message_and_no_constraint() -> None:
    model = ScriptedModel(script=["<think>a</think><answer>b</answer>"])
    completion = await ChatPolicy(model, dialect="authors").ask(BY_NAME["reason"], reason_input(looked=False))
    assert completion.value == Answer(think="a", text="b")
    assert [message.type for message in model.seen[0]] == ["human"]
