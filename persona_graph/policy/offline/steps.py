"""One step of `reason`, and the one answer of `respond`: when to look into memory, and for what."""

from __future__ import annotations

import json

from persona_graph.jobs.reason import Must, Opening, ReasonInput
from persona_graph.jobs.respond import RespondInput
from persona_graph.policy.offline.asking import Asked, asked_of
from persona_graph.policy.offline.evidence import hits_evidence, opening_evidence, retrievals, transcript_evidence
from persona_graph.policy.offline.keywords import keywords_of
from persona_graph.policy.offline.languages import language_of
from persona_graph.policy.offline.replies import about_us, from_choices, from_evidence, to_statement
from persona_graph.policy.offline.sentences import quoted, words_of
from persona_graph.policy.offline.weighing import ENOUGH, SURE, Weighed, weigh
from persona_graph.timerange import ALWAYS, TimeRange

MOST_LOOKS = 2
"""The rules have two ways to look for a thing; a third look would ask the same again."""


def step(given: ReasonInput) -> str:
    """The raw text of one step: think, then retrieve or answer."""
    opening, asked = given.opening, asked_of(given.opening)
    looks = retrievals(given.transcript)
    if given.must is Must.RETRIEVE:
        return _look(asked, looks) if asked is not None else _look_for_words(opening)
    small_talk = _small_talk(opening, asked)
    if small_talk is not None:
        return _answer("This asks for nothing that memory holds.", small_talk)
    assert asked is not None
    found = (
        *opening_evidence(opening, asked.language),
        *transcript_evidence(given.transcript, opening.now.tzinfo, asked.language),
    )
    weighed = weigh(found, asked)
    if given.must is Must.CHOOSE and not _settled(weighed, asked, looks):
        return _look(asked, looks)
    return _answer(_verdict(weighed), _reply(weighed, asked))


def answer(given: RespondInput) -> str:
    """The one answer from the opening and what one retrieval found."""
    asked = asked_of(given.opening)
    small_talk = _small_talk(given.opening, asked)
    if small_talk is not None:
        return small_talk
    assert asked is not None
    found = (*opening_evidence(given.opening, asked.language), *hits_evidence(given.hits, asked.language))
    return _reply(weigh(found, asked), asked)


def _small_talk(opening: Opening, asked: Asked | None) -> str | None:
    """The reply to what asks nothing of memory; None when it does."""
    if asked is None:
        return to_statement(opening)
    if asked.choices:
        return None
    if asked.language.asks_who.search(asked.text):
        return about_us(asked.language)
    greets = asked.language.greeting.search(asked.text)
    return to_statement(opening) if greets else None


def _settled(weighed: tuple[Weighed, ...], asked: Asked, looks: int) -> bool:
    """Whether it is time to answer."""
    if looks >= MOST_LOOKS:
        return True
    if not looks:
        return bool(weighed) and weighed[0].score >= SURE and not asked.window.bounded and not asked.choices
    return bool(asked.choices) or (bool(weighed) and weighed[0].score >= ENOUGH)


def _reply(weighed: tuple[Weighed, ...], asked: Asked) -> str:
    return from_choices(weighed, asked) if asked.choices else from_evidence(weighed, asked)


def _look(asked: Asked, looks: int) -> str:
    if not looks:
        return _retrieve("I have to look this up.", asked.keywords, asked.window)
    if asked.window.bounded:
        return _retrieve("Nothing from that time fits; I look at all times.", asked.keywords, ALWAYS)
    return _retrieve("Nothing fits yet; I look with other words.", asked.other_words, ALWAYS)


def _look_for_words(opening: Opening) -> str:
    text = words_of(opening.query)
    words = " ".join(keywords_of((text,), language_of(text))) or quoted(opening.query.searchable) or "."
    return _retrieve("I am to look into memory first.", words, ALWAYS)


def _verdict(weighed: tuple[Weighed, ...]) -> str:
    found = bool(weighed) and weighed[0].score >= ENOUGH
    return "Something fits; I tell what it says." if found else "Nothing fits; I say so."


def _retrieve(think: str, keywords: str, window: TimeRange) -> str:
    ends = (window.start, window.end)
    start, end = (f"{moment:%Y-%m-%d %H:%M}" if moment is not None else None for moment in ends)
    request = {"keywords": keywords, "start_time": start, "end_time": end}
    return f"<think>{think}</think><retrieve>{json.dumps(request, ensure_ascii=False)}</retrieve>"


def _answer(think: str, text: str) -> str:
    return f"<think>{think}</think><answer>{text}</answer>"
