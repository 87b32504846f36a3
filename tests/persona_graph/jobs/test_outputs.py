"""What we accept of the other six jobs: tables of good and malformed outputs, and arbitrary text."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from persona_graph.errors import ParseError
from persona_graph.jobs.all import JOBS
from persona_graph.jobs.extract_semantic import EXTRACT_SEMANTIC
from persona_graph.jobs.infer_personality import INFER_PERSONALITY, Inferred
from persona_graph.jobs.job import Job
from persona_graph.jobs.respond import RESPOND
from persona_graph.jobs.segment_episodes import SEGMENT_EPISODES, EpisodesInput
from persona_graph.jobs.update_core import UPDATE_CORE, CoreInput, core_key
from persona_graph.jobs.update_procedural import UPDATE_PROCEDURAL, ProceduralInput
from persona_graph.memory.operations import Add, Delete, Keep, Update
from persona_graph.memory.types import Kind
from persona_graph.personality import BigFive
from persona_graph.policy.authors import authors
from persona_graph.timerange import TimeRange
from tests.support.job_inputs import GOOD, NOW, PICTURE, inputs, memory, turn

GIVEN = inputs(picture=True)
MAY = TimeRange(start=datetime(2024, 5, 1, tzinfo=UTC))


@pytest.mark.parametrize("job", [*JOBS, *map(authors, JOBS)], ids=lambda job: job.name)
@settings(max_examples=150, deadline=None)
@given(
    raw=st.one_of(
        st.text(max_size=200),
        st.text(alphabet='{}[]":, 01-5.mopenstuaryk\n<>/', max_size=200),
        st.recursive(
            st.none() | st.booleans() | st.floats() | st.text(max_size=5), lambda v: st.lists(v, max_size=3)
        ).map(lambda v: str({"operations": v, "topics": v, "set": v, "openness": v}).replace("'", '"')),
    )
)
def test_any_text_is_read_or_refused_by_name(job: Job[Any, Any], raw: str) -> None:
    with suppress(ParseError):
        job.parse(raw, GIVEN[job.name])


@pytest.mark.parametrize("job", JOBS, ids=lambda job: job.name)
def test_a_good_output_is_read(job: Job[Any, Any]) -> None:
    job.parse(GOOD[job.name], GIVEN[job.name])
    if job.form(GIVEN[job.name]).schema is not None:
        job.parse(f"<think>let me see {{}}</think>\n```json\n{GOOD[job.name]}\n```", GIVEN[job.name])


# respond


@pytest.mark.parametrize(
    "raw", ["hello", " hello\n", "<think>a</think>hello", "<think>a</think><answer>hello</answer>", "<answer>hello"]
)
def test_an_answer_is_the_words_alone(raw: str) -> None:
    assert RESPOND.parse(raw, GIVEN["respond"]) == "hello"
    assert RESPOND.spoken(raw, GIVEN["respond"]) == "hello"


@pytest.mark.parametrize("raw", ["", " \n", "<think>only thought</think>", "<think>never closed"])
def test_no_words_are_no_answer(raw: str) -> None:
    with pytest.raises(ParseError):
        RESPOND.parse(raw, GIVEN["respond"])


# infer_personality


@pytest.mark.parametrize(
    ("raw", "scores"),
    [
        ('{"openness": 4, "neuroticism": 2}', (4, 3, 3, 3, 2)),
        ('"neuroticism": 2\n"openness": 4\n', (4, 3, 3, 3, 2)),
        ("Openness: 4.\n**Neuroticism**: 2\nThat is my view: 5.", (4, 3, 3, 3, 2)),
        ('{"openness": 3.6, "neuroticism": "2"}', (4, 3, 3, 3, 2)),
        ('{"openness": 9, "conscientiousness": 0, "extraversion": -1, "neuroticism": 1}', (3, 3, 3, 3, 1)),
        ('{"openness": {"score": 5}, "agreeableness": null}', (5, 3, 3, 3, 3)),
        ('{"openness": 4, "neuroticism": 2, "words": ["cut of', (4, 3, 3, 3, 2)),
    ],
)
def test_five_numbers_are_read_in_any_dress(raw: str, scores: tuple[float, ...]) -> None:
    assert INFER_PERSONALITY.parse(raw, GIVEN["infer_personality"]).scores == BigFive(*scores)


@pytest.mark.parametrize("raw", ["", "I cannot say.", "{}", '{"openness": null}', "openness is high"])
def test_no_number_is_no_observation(raw: str) -> None:
    with pytest.raises(ParseError, match="five traits"):
        INFER_PERSONALITY.parse(raw, GIVEN["infer_personality"])


def test_only_quotes_of_the_person_are_kept() -> None:
    raw = '{"openness": 4, "words": ["I  like tea", "“tea &amp; hiking”", "I love spiders", 7, ""]}'
    made = INFER_PERSONALITY.parse(raw, GIVEN["infer_personality"])
    assert made == Inferred(scores=BigFive(openness=4), words=("I like tea", "tea & hiking"))


# extract_semantic


def facts(raw: str) -> tuple[Any, ...]:
    """The operations of an output."""
    return EXTRACT_SEMANTIC.parse(raw, GIVEN["extract_semantic"])


ADDED = Add(kind=Kind.SEMANTIC, text="Ana sails.", evidence=("t1",))


@pytest.mark.parametrize(
    ("operation", "made"),
    [
        ('{"do": "add", "text": "Ana sails."}', ADDED),
        ('{"do": "ADD", "text": " Ana sails. ", "keywords": "", "when": "soon"}', ADDED),
        ('{"do": "update", "memory": "[m1]", "text": "Ana sails.", "when": "2024-05-01"}',
         Update(id="semantic-1", kind=Kind.SEMANTIC, text="Ana sails.", event=MAY, evidence=("t1",))),
        ('{"do": "delete", "memory": "m2"}', Delete(id="semantic-2", evidence=("t1",))),
        ('{"do": "update", "memory": "m9", "text": "x"}', Keep()),
        ('{"do": "update", "memory": null, "text": "x"}', Keep()),
        ('{"do": "delete"}', Keep()),
        ('{"do": "add", "text": ""}', Keep()),
        ('{"do": "add", "text": "i LIKE tea &amp; hiking"}', Keep()),
        ('{"do": "update", "memory": "m2", "text": "drinks coffee"}', Keep()),
        ('{"do": "keep", "memory": "m1"}', Keep()),
        ('{"do": "burn", "memory": "m1"}', Keep()),
        ("7", Keep()),
    ],
)  # fmt: skip
def test_operations_are_read_or_left_out(operation: str, made: Any) -> None:
    assert facts(f'{{"operations": [{operation}]}}') == (made,)


def test_a_fact_about_the_picture_keeps_the_picture() -> None:
    raw = '{"operations": [{"do": "add", "text": "Ana flies kites.", "keywords": "kite, sky", "picture": true}]}'
    (made,) = facts(raw)
    assert (made.images, made.keywords) == ((PICTURE.digest,), ("kite", "sky"))


def test_of_a_cut_output_the_whole_operations_are_kept() -> None:
    assert facts('{"operations": [{"do": "add", "text": "Ana sails."}, {"do": "add", "text": "Ana h') == (ADDED,)


def test_one_fact_is_changed_once() -> None:
    raw = '{"operations": [{"do": "delete", "memory": "m1"}, {"do": "update", "memory": "1", "text": "x"}]}'
    assert facts(raw) == (Delete(id="semantic-1", evidence=("t1",)),)


@pytest.mark.parametrize("raw", ["", "nothing new", "[]", '{"facts": []}'])
def test_no_operations_are_no_result(raw: str) -> None:
    with pytest.raises(ParseError, match="operations"):
        facts(raw)


# segment_episodes

SESSION = EpisodesInput(
    turns=tuple(turn(f"about {n}", name=f"t{n}", minutes_ago=50 - n, picture=n == 2) for n in range(1, 7))
)


def topics(*turns: str) -> list[tuple[str, ...]]:
    """The turns of each episode when topics name these."""
    rows = ", ".join(f'{{"summary": "s{n}", "keywords": [], "turns": {value}}}' for n, value in enumerate(turns))
    return [
        made.evidence for made in SEGMENT_EPISODES.parse(f'{{"topics": [{rows}]}}', SESSION) if isinstance(made, Add)
    ]


@pytest.mark.parametrize(
    ("named", "made"),
    [
        (["[1, 2, 3]", "[4, 5, 6]"], ["123", "456"]),
        (['["0-3"]', '"4 to 9"'], ["123", "456"]),
        (["[1]", "[6]"], ["123", "456"]),
        (["[5]", "[1]"], ["123", "456"]),
        (["[1, 2, 3, 3]", "[3, 4, 5, 6, 77]"], ["123", "3456"]),
        (["[]"], ["123456"]),
        (["[]", "[99]", "[2]"], ["123456"]),
    ],
)
def test_every_turn_belongs_to_a_topic(named: list[str], made: list[str]) -> None:
    assert topics(*named) == [tuple(f"t{n}" for n in numbers) for numbers in made]


def test_an_episode_lasts_from_its_first_turn_to_its_last() -> None:
    (made,) = SEGMENT_EPISODES.parse('{"topics": [{"summary": "s", "turns": []}]}', SESSION)
    assert isinstance(made, Add)
    assert made.event == TimeRange(start=NOW - timedelta(minutes=49), end=NOW - timedelta(minutes=43))
    assert made.images == (PICTURE.digest,)


@pytest.mark.parametrize(
    "raw",
    ["", "{}", '{"topics": []}', '{"topics": [{"turns": [1]}]}', '{"topics": [{"summary": "a", "turns": [99]}, 7]}'],
)
def test_no_topics_are_no_result(raw: str) -> None:
    if '"a"' in raw:
        # The only topic there is covers all, whatever numbers it gives.
        assert len(SEGMENT_EPISODES.parse(raw, SESSION)) == 1
        return
    with pytest.raises(ParseError, match="topics"):
        SEGMENT_EPISODES.parse(raw, SESSION)


# update_core, update_procedural

CORE = CoreInput(
    profile=(memory(Kind.CORE, "Ana", key="name"), memory(Kind.CORE, "nurse", name="2", key="Job Title")),
    turns=(turn("hello"),),
)
EVIDENCE = ("t1",)


def core(key: str, text: str) -> Add:
    """A field that is set."""
    return Add(kind=Kind.CORE, key=key, text=text, evidence=EVIDENCE)


@pytest.mark.parametrize(
    ("raw", "made"),
    [
        ('{"set": [{"key": "wakes", "value": "at 7:30: early"}], "remove": []}', (core("wakes", "at 7:30: early"),)),
        (
            '{"set": {"Favourite food": ["rice", "tea"], "age": 41}}',
            (core("favourite_food", "rice, tea"), core("age", "41")),
        ),
        ('{"set": {"job-title": "doctor"}}', (core("Job Title", "doctor"),)),
        ('{"set": {"job_title": "nurse"}, "remove": ["unknown"]}', (Keep(),)),
        ('{"remove": "job title"}', (Delete(id="core-2", evidence=EVIDENCE),)),
        ('{"remove": ["name"]}', (Keep(),)),
        ('{"set": [], "remove": []}', (Keep(),)),
        ('{"home": "Lima"}', (core("home", "Lima"),)),
        ('{"set": {"job_title": null, "": "x", "pets": {}}}', (Keep(),)),
        ('{"set": {"食べ物": "寿司"}}', (core("食べ物", "寿司"),)),
    ],
)
def test_the_profile_changes_only_where_it_is_mentioned(raw: str, made: tuple[Any, ...]) -> None:
    assert UPDATE_CORE.parse(raw, CORE) == made


@pytest.mark.parametrize("raw", ["", "nothing", "[]", "{}"])
def test_no_changes_are_no_result(raw: str) -> None:
    with pytest.raises(ParseError, match="set"):
        UPDATE_CORE.parse(raw, CORE)


def test_habits_are_found_by_their_name_in_any_spelling() -> None:
    held = (memory(Kind.PROCEDURAL, "runs", key="Morning Run"),)
    given = ProceduralInput(habits=held, turns=(turn("hello"),))
    raw = '{"set": [{"key": "morning_run", "value": "runs at 6:00"}, {"key": "Learn  Thai", "value": "daily"}]}'
    assert UPDATE_PROCEDURAL.parse(raw, given) == (
        Add(kind=Kind.PROCEDURAL, key="Morning Run", text="runs at 6:00", evidence=EVIDENCE),
        Add(kind=Kind.PROCEDURAL, key="learn thai", text="daily", evidence=EVIDENCE),
    )


def test_keys_are_lower_case_words_joined_by_underscores() -> None:
    assert [core_key(text) for text in (" Favourite food!", "job-title", "Größe", "名前")] == [
        "favourite_food",
        "job_title",
        "grösse",
        "名前",
    ]
