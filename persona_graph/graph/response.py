"""The Response stage (paper section 3.3): load, then reason and retrieve in turns, then answer.

load -> reason -> retrieve -> reason ... -> answer          (at most `max_retrievals` retrievals)
load -> retrieve -> respond -> answer                       (`reasoning=False`)
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any, Literal

from persona_graph.conversation import Message, Role, Turn, TurnState
from persona_graph.engine import Engine
from persona_graph.errors import MalformedOutput, ModelUnavailable, StoreAway
from persona_graph.graph.context import Emit, PersonaContext
from persona_graph.graph.messages import answer_message, asked_message
from persona_graph.graph.opening import open_turn, reachable, start
from persona_graph.graph.state import ResponseState, Work
from persona_graph.jobs.blocks import bare_text, loose_answer
from persona_graph.jobs.job import PromptMessage
from persona_graph.jobs.reason import (
    NO_WORDS,
    REASON,
    Action,
    Answer,
    Must,
    ReasonInput,
    Retrieve,
    begin,
    fallback,
    observe,
)
from persona_graph.jobs.respond import RESPOND, RespondInput
from persona_graph.options import Search
from persona_graph.policy.policy import Completion, Usage
from persona_graph.receipt import (
    hit_text,
    opening_receipt,
    search_receipt,
    step_receipt,
    total_usage,
    was_away,
)
from persona_graph.retrieval.query import Hits, Query
from persona_graph.retrieval.retrieve import retrieve as search
from persona_graph.timerange import ALWAYS
from persona_graph.update.delivery import write
from persona_graph.update.outbox import closing, jobs_after

Changes = dict[str, Any]

AWAY = "memory cannot be reached just now, so nothing was looked up"
"""Said to the model in place of what was found: what it does not see may be there all the same."""


# nodes


async def load(engine: Engine, context: PersonaContext, emit: Emit, state: ResponseState) -> Changes:
    """Write the question to the journal; read profile, habits, personality and the last 60 minutes.

    When memory is away the answer goes on without it, here and in all that follows.
    """
    async with engine.gate:
        started = time.perf_counter()
        away = not await reachable(engine, context)
        if context.turn:
            turn = await open_turn(engine, context)
        else:
            at = context.moment or engine.clock()
            message = await asked_message(state["messages"], context.user, engine.media)
            turn = Turn(id=engine.new_id(), at=at, session="", messages=(message,), state=TurnState.ASKED)
        by_clock = not context.turn and context.moment is None
        work = await start(engine, context, turn, by_clock=by_clock, away=away)
        if not context.read_only and not context.turn:
            work = replace(work, away=not await write(engine, context.user, work.turn, away=work.away))
        if work.unknown:
            emit({"type": "away"})
        return {"work": replace(work, loaded_ms=_since(started)), "turn": work.turn.id}


async def reason(engine: Engine, context: PersonaContext, emit: Emit, state: ResponseState) -> Changes:
    """Ask the model for its next step: retrieve, or answer."""
    work = await _work(engine, context, state)
    must = _must(work)
    given = ReasonInput(opening=work.opening, transcript=work.transcript or begin(must), must=must)
    try:
        completion: Completion[Action] = await engine.policy_for(work.user).ask(
            REASON, given, on_delta=lambda text: emit({"type": "delta", "text": text})
        )
    except MalformedOutput as error:
        completion = _fallen_back(error, given)
    except ModelUnavailable:
        await _mark_failed(engine, context, work)
        raise
    action = completion.value
    emit({"type": "think", "text": action.think})
    if isinstance(action, Retrieve):
        start, end = (t.isoformat() if t else None for t in (action.window.start, action.window.end))
        emit({"type": "retrieve", "keywords": action.keywords, "start": start, "end": end})
    step = step_receipt(completion, job=REASON.name, act=type(action).__name__.lower())
    said = (*given.transcript, *completion.said)
    work = replace(work, action=action, transcript=said, steps=(*work.steps, step))
    return _drafted(engine, work, action.text) if isinstance(action, Answer) else {"work": work}


async def retrieve(engine: Engine, context: PersonaContext, emit: Emit, state: ResponseState) -> Changes:
    """Look up what the model asked for; what it has seen is not shown again."""
    work = await _work(engine, context, state)
    options = work.options
    action = work.action if isinstance(work.action, Retrieve) else _first_retrieval(work)
    started = time.perf_counter()
    work, hits, note = await _searched(engine, emit, work, action)
    receipt = search_receipt(action.keywords, action.window, hits, _since(started), note, away=work.away)
    if not work.away:
        shown = [h | {"text": hit_text(hit)} for h, hit in zip(receipt["hits"], hits.hits, strict=True)]
        emit({"type": "found", "hits": shown})
    left = 0 if work.away else options.max_retrievals - work.retrievals - 1
    found = observe(hits.hits, left, note=note, zone=engine.zone)
    work = replace(
        work,
        transcript=(*work.transcript, found),
        steps=_with_search(work.steps, receipt),
        shown=work.shown | _shown(hits),
        retrievals=work.retrievals + 1,
    )
    return {"work": work, **({} if options.reasoning else {"hits": hits})}


async def respond(engine: Engine, context: PersonaContext, emit: Emit, state: ResponseState) -> Changes:
    """Answer in one shot from everything at hand, without reasoning."""
    work = await _work(engine, context, state)
    hits = state.get("hits")
    if hits is None:  # resumed from a checkpoint, which holds no memory text
        work, hits, _note = await _searched(engine, emit, work, _first_retrieval(work))
    given = RespondInput(opening=work.opening, hits=hits.hits)
    try:
        completion = await engine.policy_for(work.user).ask(
            RESPOND, given, on_delta=lambda text: emit({"type": "delta", "text": text})
        )
    except MalformedOutput as error:
        said = (PromptMessage.of("assistant", error.raw),)
        text = loose_answer(error.raw) or bare_text(error.raw) or NO_WORDS
        completion = Completion(value=text, raw=error.raw, said=said, usage=Usage(calls=2))
    except ModelUnavailable:
        await _mark_failed(engine, context, work)
        raise
    step = step_receipt(completion, job=RESPOND.name, act="answer")
    work = replace(work, action=Answer(think="", text=completion.value), steps=(*work.steps, step))
    return _drafted(engine, work, completion.value)


async def answer(engine: Engine, context: PersonaContext, emit: Emit, state: ResponseState) -> Changes:
    """Write the answered turn and its open jobs, durably and in one step; then give the answer."""
    work = await _work(engine, context, state)
    text, receipt = state["draft"], state["receipt"]
    if not context.read_only:
        await _write(engine, context, work, text, receipt)
    emit({"type": "answer", "text": text, "turn": work.turn.id})
    return {"messages": [answer_message(text, work.turn.id)], "turn": work.turn.id, "receipt": receipt, "work": work}


# routes


def after_load(state: ResponseState) -> Literal["reason", "retrieve"]:
    """Reason first, or search at once and answer in one shot."""
    return "reason" if state["work"].options.reasoning else "retrieve"


def after_reason(state: ResponseState) -> Literal["retrieve", "answer"]:
    """What the model chose."""
    work = state.get("work")  # absent when a person edits the draft of an interrupted run
    return "retrieve" if work is not None and isinstance(work.action, Retrieve) else "answer"


def after_retrieve(state: ResponseState) -> Literal["reason", "respond"]:
    """Back to reasoning, or on to the one answer."""
    return "reason" if state["work"].options.reasoning else "respond"


# small steps


async def _work(engine: Engine, context: PersonaContext, state: ResponseState) -> Work:
    """The turn in the making; after a restart from a checkpoint it is read from the journal and begun again."""
    if (work := state.get("work")) is not None:
        return work
    away = not await reachable(engine, context)
    try:
        turn = await open_turn(engine, replace(context, turn=state["turn"]))
    except StoreAway:
        if not state.get("messages"):
            raise
        message = await asked_message(state["messages"], context.user, engine.media)
        at = context.moment or engine.clock()
        turn = Turn(id=state["turn"], at=at, session="", messages=(message,), state=TurnState.ASKED)
    return await start(engine, context, turn, away=away)


async def _searched(engine: Engine, emit: Emit, work: Work, action: Retrieve) -> tuple[Work, Hits, str]:
    """What memory has, with a remark for the model; nothing when memory is away, and then it is not asked again."""
    if not work.away:
        asked = search(engine.store, _query(work, action), engine.embedder)
        if (hits := await engine.outage.attempt(asked)) is not None:
            return work, hits, action.note
    if not work.unknown:  # else it was said when the turn began
        emit({"type": "away"})
    return replace(work, away=True), Hits(hits=()), "; ".join(note for note in (action.note, AWAY) if note)


def _must(work: Work) -> Must:
    options = work.options
    if work.away or work.retrievals >= options.max_retrievals:
        return Must.ANSWER
    forced = options.force_retrieve or (options.force_retrieve_choices and _offers_choices(work.opening.query))
    return Must.RETRIEVE if forced and not work.retrievals else Must.CHOOSE


def _offers_choices(query: Message) -> bool:
    return all(f"({letter})" in query.text for letter in "ab")


def _first_retrieval(work: Work) -> Retrieve:
    """Without reasoning the person's words are the keywords (paper's non-reasoning mode)."""
    return Retrieve(think="", keywords=work.opening.query.text, window=ALWAYS)


def _query(work: Work, action: Retrieve) -> Query:
    options = work.options
    return Query(
        user=work.user,
        text=work.opening.query.text,
        keywords=action.keywords,
        window=action.window,
        limits=options.limits,
        exclude=work.shown,
        as_of=work.as_of,
        turn_tokens=options.turn_tokens,
        now=work.opening.now,
        dense_only=options.search is Search.DENSE,
        back_fill=options.back_fill,
    )


def _shown(hits: Hits) -> frozenset[str]:
    turns = {turn.id for hit in hits.hits for turn in hit.turns}
    return frozenset({hit.id for hit in hits.hits} | turns | {h.turn.id for h in hits.hits if h.turn is not None})


def _with_search(steps: tuple[dict[str, Any], ...], receipt: dict[str, Any]) -> tuple[dict[str, Any], ...]:
    """The search belongs to the step that asked for it; without reasoning it is a step of its own."""
    if not steps:
        return ({"job": "retrieve", "act": "retrieve", "search": receipt},)
    return (*steps[:-1], steps[-1] | {"search": receipt})


def _fallen_back(error: MalformedOutput, given: ReasonInput) -> Completion[Action]:
    said = (PromptMessage.of("assistant", error.raw),)
    return Completion(value=fallback(error.raw, given), raw=error.raw, said=said, usage=Usage(calls=2))


def _drafted(engine: Engine, work: Work, text: str) -> Changes:
    """The answer and its receipt stand in tracked state: a run that is resumed before `answer` must not lose them."""
    return {"work": work, "draft": text, "receipt": _receipt(engine, work)}


def _receipt(engine: Engine, work: Work) -> dict[str, Any]:
    receipt = {
        "policy": engine.policy.name,
        "opening": opening_receipt(work.opening, away=work.unknown) | {"milliseconds": work.loaded_ms},
        "steps": list(work.steps),
        "usage": total_usage(work.steps),
    }
    return receipt | ({"away": True} if was_away(receipt) else {})


async def _mark_failed(engine: Engine, context: PersonaContext, work: Work) -> None:
    if not context.read_only:
        failed = replace(work.turn, state=TurnState.FAILED)
        await write(engine, context.user, failed, away=work.away)


async def _write(engine: Engine, context: PersonaContext, work: Work, text: str, receipt: dict[str, Any]) -> None:
    now = engine.clock()
    turn = replace(
        work.turn,
        messages=(*work.turn.messages, Message.of(Role.ASSISTANT, text)),
        state=TurnState.ANSWERED,
        receipt=receipt,
    )
    jobs = jobs_after(turn, now=now, gap=work.options.session_gap)
    if work.previous_session:
        jobs = (*closing(work.previous_session, at=turn.at, now=now), *jobs)
    await write(engine, context.user, turn, jobs, away=work.away)
    engine.wake(context.user)


def _since(started: float) -> float:
    return round((time.perf_counter() - started) * 1e3, 2)
