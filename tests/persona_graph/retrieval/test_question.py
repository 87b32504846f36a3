"""What a question's words say, and what a message's text shows."""

from __future__ import annotations

import pytest

from persona_graph.retrieval.languages import Mark
from persona_graph.retrieval.marks import marks
from persona_graph.retrieval.question import ASSISTANT, PERSON, read_question

TALKERS = ("Caroline", "Melanie")


def test_a_talker_is_named_even_by_a_nickname() -> None:
    question = read_question("Where did Mel go camping?", speakers=TALKERS)
    assert question.named == {"Melanie"}
    assert question.terms == ("go", "camp")
    assert question.dense == "Where did go camping?"


def test_other_names_are_searched_for() -> None:
    question = read_question("Who is Oliver?", speakers=TALKERS)
    assert question.named == frozenset()
    assert question.terms == ("oliv",)


def test_keywords_search_beside_the_persons_own_words() -> None:
    question = read_question("What did I plan?", keywords="hiking trip")
    assert dict(zip(question.terms, question.weights, strict=True)) == {"plan": 1.0, "hike": 1.0, "trip": 1.0}
    assert question.dense == "What did I plan? hiking trip"


def test_an_empty_question_asks_for_nothing() -> None:
    question = read_question("")
    assert (question.terms, question.anchors, question.wants) == ((), (), Mark(0))


@pytest.mark.parametrize(
    ("text", "role"),
    [
        ("Do you remember what I said about my knee?", PERSON),
        ("What book did you recommend to me?", ASSISTANT),
        ("I asked about painting. What did you advise me?", ASSISTANT),
        ("你曾经给我推荐过哪些画家？", ASSISTANT),
        ("我曾经提到过博物馆，你还记得我看了什么吗？", PERSON),
        ("Where does Ana live?", None),
    ],
)
def test_it_knows_whose_words_are_asked_for(text: str, role: int | None) -> None:
    assert read_question(text).asked_role == role


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("When did they marry?", Mark.TIME),
        ("How many cats are there?", Mark.NUMBER),
        ("Who came along?", Mark.NAME),
        ("什么时候去的？", Mark.TIME),
        ("Why did he leave?", Mark(0)),
    ],
)
def test_the_question_word_says_what_an_answer_looks_like(text: str, wanted: Mark) -> None:
    assert read_question(text).wants == wanted


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("I went to Rome yesterday.", Mark.FIRST_PERSON | Mark.TIME | Mark.NAME),
        ("Thanks, Melanie!", Mark(0)),
        ("How are you?", Mark.QUESTION),
        ("They sold three paintings", Mark.NUMBER),
        ("你好吗？我看了《呼吸》", Mark.QUESTION | Mark.FIRST_PERSON | Mark.NAME),
        ("", Mark(0)),
    ],
)
def test_a_text_shows_its_marks(text: str, shown: Mark) -> None:
    assert Mark(marks(text)) == shown


def test_an_image_is_marked_beside_the_text() -> None:
    assert Mark(marks("a sunset", image=True)) == Mark.IMAGE
