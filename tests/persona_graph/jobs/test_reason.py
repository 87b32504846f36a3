"""What we accept of `reason`: the contract, dates, streams, and an outcome for every text."""

from __future__ import annotations

import random
import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_graph.errors import ParseError
from persona_graph.jobs import blocks
from persona_graph.jobs.reason import REASON, Answer, Must, Opening, ReasonInput, Retrieve, fallback, spoken
from persona_graph.timerange import ALWAYS, TimeRange
from tests.support.job_inputs import PLAIN, opening, reason_input
from tests.support.malformed import GOOD, LOOK, malformed

CHOOSE, RETRIEVE, ANSWER = (reason_input(must=must, looked=False) for must in Must)


def utc(*parts: int) -> datetime:
    """A moment in UTC."""
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type, misc]


@pytest.mark.parametrize(
    ("raw", "made"),
    [
        ("<think>a</think><answer>b</answer>", Answer(think="a", text="b")),
        (" <think>\na\n</think>\n\n<answer>\nb\n</answer>\n", Answer(think="a", text="b")),
        ("<think></think><answer>x < y & z</answer>", Answer(think="", text="x < y & z")),
        ("<answer>b</answer>", Answer(think="", text="b")),
        ("the server kept the tag</think><answer>b</answer>", Answer(think="the server kept the tag", text="b")),
        (
            "<think>not <answer>this</answer></think><answer>b</answer>",
            Answer(think="not <answer>this</answer>", text="b"),
        ),
        (
            "<think>they wrote </think><answer>no</answer> to me</think><answer>b</answer>",
            Answer(think="they wrote </think><answer>no</answer> to me", text="b"),
        ),
        (f"<think>a</think><retrieve>{LOOK}</retrieve>", Retrieve(think="a", keywords="tea")),
        (f"<think>a</think>\n<retrieve>\n```json\n{LOOK}\n```\n</retrieve>", Retrieve(think="a", keywords="tea")),
        ('<think>a</think><retrieve>{"keywords": ["tea", "cup"]}</retrieve>', Retrieve(think="a", keywords="tea cup")),
        ('<think>a</think><retrieve>{"keywords": null}</retrieve>', Retrieve(think="a", keywords="")),
        ('<think>a</think><retrieve>{"keywords": "tea",}</retrieve>', Retrieve(think="a", keywords="tea")),
        (
            f"<think><retrieve>{LOOK}</retrieve></think><answer>b</answer>",
            Answer(think=f"<retrieve>{LOOK}</retrieve>", text="b"),
        ),
    ],
)
def test_the_contract_is_read(raw: str, made: Answer | Retrieve) -> None:
    assert REASON.parse(raw, CHOOSE) == made


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "plain words",
        "<think>a</think>",
        "<think>a<answer>b</answer>",
        "<think>a</think>words<answer>b</answer>",
        "<think>a</think><answer>b</answer>words",
        "<think>a</think><answer>b",
        "<think>a</think><answer> </answer>",
        "<think>a</think><answer>b</answer><answer>c</answer>",
        f"<think>a</think><answer>b</answer><retrieve>{LOOK}</retrieve>",
        f"<think>a</think><answer>b <retrieve>{LOOK}</retrieve></answer>",
        "<think>a</think><retrieve>tea</retrieve>",
        "<think>a</think><retrieve>[]</retrieve>",
        '<think>a</think><retrieve>{"words": "tea"}</retrieve>',
        '<think>a</think><retrieve>{"keywords": "tea"</retrieve>',
    ],
)
def test_what_breaks_the_contract_is_no_action(raw: str) -> None:
    with pytest.raises(ParseError, match="expected .*received"):
        REASON.parse(raw, CHOOSE)
    assert not blocks.well_formed(raw) or "retrieve" in raw


def test_the_strict_contract_wants_the_think_block() -> None:
    assert blocks.well_formed("<think>a</think><answer>b</answer>")
    assert not blocks.well_formed("<answer>b</answer>")
    assert not blocks.well_formed("a</think><answer>b</answer>")


def test_what_the_step_forbids_is_no_action() -> None:
    with pytest.raises(ParseError, match="looked into first"):
        REASON.parse("<think>a</think><answer>b</answer>", RETRIEVE)
    with pytest.raises(ParseError, match="nothing can be looked up"):
        REASON.parse(f"<think>a</think><retrieve>{LOOK}</retrieve>", ANSWER)


@pytest.mark.parametrize(
    ("start", "end", "window"),
    [
        ("null", "null", ALWAYS),
        ('""', '"None"', ALWAYS),
        ('"2024-05-01"', '"2024-05-31"', TimeRange(start=utc(2024, 5, 1), end=utc(2024, 6, 1))),
        ('"2024-05-01 08:15"', "null", TimeRange(start=utc(2024, 5, 1, 8, 15))),
        ("null", '"2024-05-01T08:15:30+02:00"', TimeRange(end=utc(2024, 5, 1, 6, 15, 30))),
        ('"2024-05"', '"2024-05"', TimeRange(start=utc(2024, 5, 1), end=utc(2024, 6, 1))),
        ('"2023"', "2023", TimeRange(start=utc(2023, 1, 1), end=utc(2024, 1, 1))),
        ('"2024-12"', '"2024-12"', TimeRange(start=utc(2024, 12, 1), end=utc(2025, 1, 1))),
        ('"2024-05-31 18:30 Friday"', "null", TimeRange(start=utc(2024, 5, 31, 18, 30))),
        ('"2024年5月3日"', "null", TimeRange(start=utc(2024, 5, 3))),
    ],
)
def test_windows_are_read(start: str, end: str, window: TimeRange) -> None:
    raw = f'<think></think><retrieve>{{"keywords": "", "start_time": {start}, "end_time": {end}}}</retrieve>'
    assert REASON.parse(raw, CHOOSE) == Retrieve(think="", keywords="", window=window)


@pytest.mark.parametrize(
    ("start", "end", "window", "note"),
    [
        ("2024-05-31", "2024-05-01", TimeRange(start=utc(2024, 5, 1), end=utc(2024, 6, 1)), "swapped"),
        ("2024-05-02", "2024-05-01", TimeRange(start=utc(2024, 5, 1), end=utc(2024, 5, 3)), "swapped"),
        (
            "2024-05-01 10:00",
            "2024-05-01 10:00",
            TimeRange(start=utc(2024, 5, 1, 10), end=utc(2024, 5, 2, 10)),
            "widened",
        ),
        ("last week", "2024-05-01", TimeRange(end=utc(2024, 5, 2)), "start_time 'last week' is not a date"),
        ("2024-02-30", "", ALWAYS, "start_time '2024-02-30' is not a date"),
        ("", "2024 May", ALWAYS, "end_time '2024 May' is not a date"),
        ("0001-01-01", "9999-12-31", ALWAYS, "end_time"),
    ],
)
def test_windows_that_make_no_sense_are_mended_with_a_note(start: str, end: str, window: TimeRange, note: str) -> None:
    raw = f'<think></think><retrieve>{{"keywords": "a", "start_time": "{start}", "end_time": "{end}"}}</retrieve>'
    made = REASON.parse(raw, CHOOSE)
    assert isinstance(made, Retrieve)
    assert made.window == window
    assert note in made.note


def test_dates_are_in_the_zone_of_the_person() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    asked = opening()
    here = Opening(query=asked.query, now=asked.now.astimezone(berlin))
    raw = '<think></think><retrieve>{"keywords": "a", "start_time": "2024-03-31", "end_time": "2024-03-31"}</retrieve>'
    made = REASON.parse(raw, ReasonInput(opening=here))
    assert isinstance(made, Retrieve)
    # The clocks go forward on this day: it has 23 hours.
    assert made.window == TimeRange(start=utc(2024, 3, 30, 23), end=utc(2024, 3, 31, 22))


@pytest.mark.parametrize(
    ("raw", "step", "made"),
    [
        ("Well: <answer>b</answer> bye", CHOOSE, Answer(think="", text="b")),
        ("<think>a</think><answer>cut off", CHOOSE, Answer(think="", text="cut off")),
        ("<think>never closed <answer>b</answer>", CHOOSE, Answer(think="", text="b")),
        ("<think>I could <answer>no</answer> or so", ANSWER, None),
        ("<think><answer>no</answer></think>words", ANSWER, Answer(think="", text="words")),
        ("words", CHOOSE, None),
        ("words", ANSWER, Answer(think="", text="words")),
        (f"<think>a</think>words<retrieve>{LOOK}</retrieve>", ANSWER, Answer(think="", text="words")),
        ("<answer>b</answer>", RETRIEVE, None),
    ],
)
def test_hopeless_text_has_an_outcome(raw: str, step: ReasonInput, made: Answer | None) -> None:
    outcome = fallback(raw, step)
    if made is not None:
        assert outcome == made
    elif step is ANSWER:
        assert isinstance(outcome, Answer)
        assert "no" not in outcome.text.split()
    else:
        assert isinstance(outcome, Retrieve)
        assert outcome.keywords == PLAIN


def test_ten_thousand_malformed_outputs_end_in_a_defined_outcome() -> None:
    chance = random.Random(20240531)
    for _ in range(10_000):
        raw, step = malformed(chance), chance.choice([CHOOSE, RETRIEVE, ANSWER])
        try:
            outcome = REASON.parse(raw, step)
        except ParseError:
            outcome = fallback(raw, step)
        assert isinstance(outcome, {Must.RETRIEVE: Retrieve, Must.ANSWER: Answer}.get(step.must, (Answer, Retrieve)))
        if isinstance(outcome, Answer):
            assert outcome.text.strip()
            assert not re.search(r"</?(think|retrieve|answer)>", outcome.text)


@given(
    think=st.text(alphabet="ab <>&\n", max_size=30),
    text=st.text(alphabet="ab <>&/\n", min_size=1, max_size=40).map(str.strip).filter(bool),
    cuts=st.lists(st.integers(0, 200), max_size=8),
)
def test_what_is_spoken_only_grows_and_ends_as_the_answer(think: str, text: str, cuts: list[int]) -> None:
    raw = f"<think>{think}</think>\n<answer>\n{text}\n</answer>"
    heard = [spoken(raw[:cut], CHOOSE) for cut in sorted(cuts)] + [spoken(raw, CHOOSE)]
    assert all(later.startswith(earlier) for earlier, later in zip(heard, heard[1:], strict=False))
    assert heard[-1] == text


@pytest.mark.parametrize("must", Must)
def test_the_regex_takes_what_the_parser_takes(must: Must) -> None:
    step = reason_input(must=must)
    regex = REASON.form(step).regex
    assert regex is not None
    for raw in GOOD:
        try:
            REASON.parse(raw, step)
        except ParseError:
            assert not re.fullmatch(regex, raw)
        else:
            assert re.fullmatch(regex, raw)
    assert not re.fullmatch(regex, "<think>a</think><answer>b")


def test_the_structural_tag_names_the_blocks_of_the_step() -> None:
    tags = {must: str(REASON.form(reason_input(must=must)).structural_tag) for must in Must}
    assert [("<retrieve>" in tags[must], "<answer>" in tags[must]) for must in Must] == [
        (True, True),
        (True, False),
        (False, True),
    ]
