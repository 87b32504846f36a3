"""Ranking: what makes a message come first, and the laws every ranking keeps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from persona_graph.memory.types import Kind, Memory
from persona_graph.retrieval.analysis import analyse
from persona_graph.retrieval.candidates import MemoryCandidates, MessageCandidates
from persona_graph.retrieval.features import WINDOW, message_features
from persona_graph.retrieval.marks import marks
from persona_graph.retrieval.question import Question, read_question
from persona_graph.retrieval.ranking import rank_memories, rank_messages, rows_to_rerank
from persona_graph.timerange import TimeRange

TALKERS = ("Caroline", "Melanie")
START = datetime(2023, 5, 7, 9, tzinfo=UTC)


def hits_of(question: Question, texts: Sequence[str]) -> NDArray[np.bool_]:
    terms = [set(analyse(text)) for text in texts]
    found = [[term in held for held in terms] for term in question.terms]
    return np.array(found, np.bool_).reshape(len(question.terms), len(texts))


def log(question: Question, said: Sequence[tuple[str, str]], *, sessions: Sequence[int] = ()) -> MessageCandidates:
    """Messages of (speaker, text), a day between sessions and a minute between messages."""
    session = np.array(sessions or [0] * len(said), np.int64)
    hits = hits_of(question, [text for _, text in said])
    speaker = np.array([TALKERS.index(name) for name, _ in said], np.int64)
    times = [START + timedelta(days=int(day), minutes=at) for at, day in enumerate(session)]
    return MessageCandidates(
        rows=np.array([(int(time.timestamp()) << 20) | at for at, time in enumerate(times)], np.int64),
        session=session,
        position=np.arange(len(said)),
        speaker=speaker,
        speakers=TALKERS,
        role=speaker,
        marks=np.array([marks(text) for _, text in said], np.int64),
        hits=hits,
        frequency=hits.sum(axis=1),
        total=len(said),
        cosine=None,
        eligible=np.ones(len(said), np.bool_),
    )


def subset(candidates: MessageCandidates, kept: NDArray[np.intp]) -> MessageCandidates:
    """Only some of the candidates; counts stay those of the whole store."""
    columns = ("rows", "session", "position", "speaker", "role", "marks", "eligible")
    return replace(
        candidates, hits=candidates.hits[:, kept], **{name: getattr(candidates, name)[kept] for name in columns}
    )


SAID = (
    ("Melanie", "Hey Caroline, how was your weekend?"),
    ("Caroline", "We went camping by the lake with the kids."),
    ("Melanie", "Lovely! Did you see any stars?"),
    ("Caroline", "Yes, and a fox."),
    ("Melanie", "I signed up for a pottery class yesterday."),
    ("Caroline", "Great, what do you make there?"),
    ("Melanie", "Bowls, mostly."),
)


def first(text: str, said: Sequence[tuple[str, str]] = SAID) -> str:
    question = read_question(text, speakers=TALKERS)
    candidates = log(question, said)
    return said[int(rank_messages(question, candidates).order[0])][1]


def test_the_message_with_the_questions_words_comes_first() -> None:
    assert first("Where did Caroline go camping?") == "We went camping by the lake with the kids."


def test_an_answer_is_found_by_the_words_of_its_question() -> None:
    assert first("What stars did Caroline see?") == "Yes, and a fox."


def test_the_one_who_is_asked_about_comes_before_the_other_unless_switched_off() -> None:
    said = (("Caroline", "I love pottery."), ("Melanie", "I love pottery."))
    question = read_question("Does Melanie love pottery?", speakers=TALKERS)
    candidates = log(question, said, sessions=(0, 1))
    assert rank_messages(question, candidates).order.tolist() == [1, 0]
    off = rank_messages(question, candidates, by_speaker=False)
    assert off.order.tolist() == [0, 1]
    assert off.scores[0] == off.scores[1]


def test_a_named_day_draws_its_messages_up() -> None:
    said = (("Caroline", "Dinner was good."), ("Caroline", "Dinner was good."))
    question = read_question("What about dinner on 8 May 2023?", speakers=TALKERS)
    assert rank_messages(question, log(question, said, sessions=(0, 1))).order.tolist() == [1, 0]


def test_words_of_another_session_do_not_count() -> None:
    question = read_question("pottery", speakers=TALKERS)
    said = (("Melanie", "pottery"), ("Caroline", "hello"))
    together = rank_messages(question, log(question, said, sessions=(0, 0))).order
    apart = rank_messages(question, log(question, said, sessions=(0, 1))).order
    assert (together.tolist(), apart.tolist()) == ([0, 1], [0])


def test_what_is_not_eligible_lends_its_words_and_is_not_returned() -> None:
    question = read_question("pottery", speakers=TALKERS)
    candidates = log(question, (("Melanie", "pottery"), ("Caroline", "hello")))
    candidates = replace(candidates, eligible=np.array([False, True]))
    assert rank_messages(question, candidates).order.tolist() == [1]


def test_a_text_with_the_same_meaning_is_found_without_a_common_word() -> None:
    question = read_question("ceramics", speakers=TALKERS)
    candidates = replace(log(question, SAID), cosine=np.array([0, 0, 0, 0, 0.6, 0.1, 0], np.float32))
    assert rank_messages(question, candidates).order[0] == 4


def test_no_candidates_and_no_words_rank_to_nothing() -> None:
    for text in ("pottery", ""):
        question = read_question(text)
        for said in ((), SAID):
            if text and said:
                continue
            assert rank_messages(question, log(question, said)).order.tolist() == []


words = st.sampled_from(["pottery", "camping", "lake", "fox", "bowl", "star", "hello", "I", "yesterday?"])
logs = st.lists(
    st.tuples(st.sampled_from(TALKERS), st.lists(words, min_size=1, max_size=5).map(" ".join)), min_size=1, max_size=25
)
questions = st.lists(words, min_size=1, max_size=5).map(" ".join)


@given(logs, questions, st.integers(1, 6))
def test_parts_sum_to_the_score_and_coverage_lies_between_0_and_1(
    said: list[tuple[str, str]], text: str, length: int
) -> None:
    question = read_question(text, speakers=TALKERS)
    candidates = log(question, said, sessions=[at // length for at in range(len(said))])
    ranking = rank_messages(question, candidates)
    assert np.sum(list(ranking.parts.values()), axis=0) == pytest.approx(ranking.scores, abs=1e-4)
    features = message_features(question, candidates, nearby=frozenset({"words"}))
    for name in ("words", "words_nearby"):
        assert ((features[name] >= 0) & (features[name] <= 1 + 1e-6)).all()
    assert (features["words_nearby"] >= features["words"] - 1e-5).all()


@given(logs, questions, st.integers(1, 6))
def test_the_order_is_by_score_and_each_candidate_stands_in_it_once(
    said: list[tuple[str, str]], text: str, length: int
) -> None:
    question = read_question(text, speakers=TALKERS)
    ranking = rank_messages(question, log(question, said, sessions=[at // length for at in range(len(said))]))
    assert len(set(ranking.order.tolist())) == len(ranking.order)
    assert (np.diff(ranking.scores[ranking.order]) <= 1e-5).all()


@given(logs, questions, st.integers(2, 8))
def test_a_store_that_brings_only_hits_and_their_neighbours_gives_the_same_windows(
    said: list[tuple[str, str]], text: str, length: int
) -> None:
    question = read_question(text, speakers=TALKERS)
    candidates = log(question, said, sessions=[at // length for at in range(len(said))])
    hit = np.flatnonzero(candidates.hits.any(axis=0))
    reach = [offset for offset, _ in WINDOW]
    wanted = {int(at) + by for at in hit for by in (0, *reach, *(-offset for offset in reach))}
    kept = np.array(sorted(wanted & set(range(len(said)))), np.intp)
    sparse = message_features(question, subset(candidates, kept), nearby=frozenset({"words"}))
    whole = message_features(question, candidates, nearby=frozenset({"words"}))
    for name, column in sparse.items():
        assert column == pytest.approx(whole[name][kept], abs=1e-5)


def test_the_rows_to_rerank_are_the_best_with_their_neighbours() -> None:
    question = read_question("pottery", speakers=TALKERS)
    candidates = log(question, SAID)
    rows = rows_to_rerank(rank_messages(question, candidates), candidates, depth=1)
    assert rows == candidates.rows[[2, 3, 4, 5]].tolist()


def remembered(text: str, *, event: TimeRange | None = None) -> Memory:
    return Memory(id=text, version=1, kind=Kind.SEMANTIC, text=text, event=event or TimeRange())


def ranked_memories(text: str, memories: Sequence[Memory], cosine: Sequence[float] | None = None) -> list[str]:
    question = read_question(text, speakers=TALKERS)
    hits = hits_of(question, [memory.searchable for memory in memories])
    candidates = MemoryCandidates.of(
        tuple(memories),
        hits=hits,
        frequency=hits.sum(axis=1),
        total=len(memories),
        cosine=None if cosine is None else np.array(cosine, np.float32),
    )
    return [memories[int(at)].text for at in rank_memories(question, candidates).order]


def test_memories_rank_by_rare_words_and_short_ones_come_first() -> None:
    short, other = remembered("likes green tea"), remembered("likes hiking")
    long = remembered("likes green tea and " + "a great many other things " * 5)
    assert ranked_memories("Which tea does she like?", [long, other, short]) == [short.text, long.text, other.text]


def test_memories_rank_by_meaning_and_by_when_they_were_true() -> None:
    may = remembered("worked at a bakery", event=TimeRange.parse("2023-05-01", "2023-05-20"))
    july = remembered("worked at a cafe", event=TimeRange.parse("2023-07-01", "2023-07-20"))
    assert ranked_memories("Where did she work in July 2023?", [may, july]) == [july.text, may.text]
    assert ranked_memories("employer", [july, may], [0.1, 0.7]) == [may.text, july.text]


def test_no_memories_rank_to_nothing() -> None:
    assert ranked_memories("tea", []) == []
