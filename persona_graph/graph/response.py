"""The Response stage (paper section 3.3): load, then reason and retrieve in turns, then answer.

load -> reason -> retrieve -> reason ... -> answer          (at most `max_retrievals` retrievals)
load -> retrieve -> respond -> answer                       (`reasoning=False`)
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Literal

from persona_graph.conversation import Message, Role, Turn, TurnState, digest_of
from persona_graph.engine import Engine
from persona_graph.errors import InputError, MalformedOutput, ModelUnavailable, NotFound
from persona_graph.graph.context import Emit, PersonaContext
from persona_graph.graph.messages import answer_message, asked_message
from persona_graph.graph.state import ResponseState, Work
from persona_graph.jobs.blocks import bare_text, loose_answer
from persona_graph.jobs.job import PromptMessage
from persona_graph.jobs.reason import (
    NO_WORDS,
    REASON,
    Action,
    Answer,
    Must,
    Opening,
    ReasonInput,
    Retrieve,
    begin,
    fallback,
    observe,
)
from persona_graph.jobs.respond import RESPOND, RespondInput
from persona_graph.memory.types import Kind, Memory
from persona_graph.options import Search
from persona_graph.personality import BigFive, Trait
from persona_graph.policy.policy import Completion, Usage
from persona_graph.receipt import (
    hit_text,
    opening_receipt,
    search_receipt,
    step_receipt,
    total_usage,
)
from persona_graph.retrieval.query import Hits, Query
from persona_graph.retrieval.retrieve import retrieve as search
from persona_graph.timerange import ALWAYS, EARLIEST, MOMENT, TimeRange
from persona_graph.tokens import shortened, within_budget
from persona_graph.update.outbox import closing, jobs_after

Changes = dict[str, Any]


# nodes


async def load(engine: Engine, context: PersonaContext, emit: Emit, state: ResponseState) -> Changes:
    """Write the question to the journal; read profile, habits, personality and the last 60 minutes."""
    async with engine.gate:
        started = time.perf_counter()
        if context.turn:
            turn = await _open_turn(engine, context)
        else:
            at = context.moment or engine.clock()
            message = await asked_message(state["messages"], context.user, engine.media)
            turn = Turn(id=engine.new_id(), at=at, session="", messages=(message,), state=TurnState.ASKED)
        work = await _begin(engine, context, turn, by_clock=not context.turn and context.moment is None)
        if not context.read_only and not context.turn:
            await engine.store.append(context.user, [work.turn])
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
    hits = await search(engine.store, _query(work, action), engine.embedder)
    receipt = search_receipt(action.keywords, action.window, hits, _since(started), action.note)
    emit(
        {
            "type": "found",
            "hits": [h | {"text": hit_text(hit)} for h, hit in zip(receipt["hits"], hits.hits, strict=True)],
        }
    )
    left = options.max_retrievals - work.retrievals - 1
    found = observe(hits.hits, left, note=action.note, zone=engine.zone)
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
        hits = await search(engine.store, _query(work, _first_retrieval(work)), engine.embedder)
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


# what load reads


async def _begin(engine: Engine, context: PersonaContext, turn: Turn, *, by_clock: bool = False) -> Work:
    """What there is to know; a turn whose time is the clock's is not before what was said within the last hour."""
    options, store, user = context.options or engine.options, engine.store, context.user
    as_of = turn.at - MOMENT if turn.state is TurnState.ANSWERED else None
    gap = options.session_gap
    window = TimeRange(start=turn.at - gap + MOMENT, end=turn.at + (gap if by_clock else MOMENT))
    near, known, personality = await asyncio.gather(
        store.turns(user, window=window, newest=50, receipts=False),
        store.memories(user, kinds=(Kind.CORE, Kind.PROCEDURAL), as_of=as_of),
        _personality(engine, context, as_of),
    )
    near = [t for t in near if t.id != turn.id and t.id not in context.without]
    known = [memory for memory in known if memory.id not in context.without]
    if near and near[-1].at > turn.at:  # the clock was put back a little: the conversation goes on all the same
        turn = replace(turn, at=near[-1].at)
        near = [t for t in near if turn.at - t.at < gap]
    session, is_new, previous = turn.session, False, ""
    if not session:
        session, is_new, previous = await _session(engine, user, turn, near)
    opening = Opening(
        query=shortened(_spoken(turn), options.message_tokens),
        now=turn.at.astimezone(engine.zone),
        profile=tuple(memory for memory in known if memory.kind is Kind.CORE),
        habits=liveliest([m for m in known if m.kind is Kind.PROCEDURAL], options.habits_shown),
        personality=personality,
        recent=within_budget(near, options.context_tokens),
    )
    return Work(
        user=user,
        options=options,
        read_only=context.read_only,
        turn=replace(turn, session=session),
        opening=opening,
        session_is_new=is_new,
        previous_session=previous,
        shown=frozenset(t.id for t in opening.recent) | {turn.id} | context.without,
        as_of=as_of,
    )


async def _session(engine: Engine, user: str, turn: Turn, near: Sequence[Turn]) -> tuple[str, bool, str]:
    """The session a turn belongs to, whether it opens it, and the session that it thereby closes."""
    if near:
        return near[-1].session, False, ""
    before = await engine.store.turns(user, window=TimeRange(end=turn.at), newest=1, receipts=False)
    return digest_of("session", turn.id)[:16], True, before[-1].session if before else ""


async def _personality(engine: Engine, context: PersonaContext, as_of: datetime | None) -> BigFive:
    standing = await engine.store.standing(context.user, as_of=as_of)
    return standing.vector.replace({Trait(name): value for name, value in context.personality.items()})


async def _open_turn(engine: Engine, context: PersonaContext) -> Turn:
    found = await engine.store.turns(context.user, ids=[context.turn])
    if not found:
        raise NotFound(f"there is no turn {context.turn!r}")
    if found[0].state is TurnState.ANSWERED and not context.read_only:
        raise InputError(f"turn {context.turn!r} is answered already")
    return replace(found[0], messages=tuple(m for m in found[0].messages if m.role is Role.PERSON))


def liveliest(habits: Sequence[Memory], count: int) -> tuple[Memory, ...]:
    """The habits and goals that were last confirmed or changed, most versions first among equals; in a steady order."""
    by_life = sorted(habits, key=lambda m: (m.pinned, m.believed.start or EARLIEST, m.version), reverse=True)
    kept = {memory.id for memory in by_life[:count]}
    return tuple(memory for memory in habits if memory.id in kept)


# small steps


async def _work(engine: Engine, context: PersonaContext, state: ResponseState) -> Work:
    """The turn in the making; after a restart from a checkpoint it is read from the journal and begun again."""
    if (work := state.get("work")) is not None:
        return work
    return await _begin(engine, context, await _open_turn(engine, replace(context, turn=state["turn"])))


def _must(work: Work) -> Must:
    options = work.options
    if work.retrievals >= options.max_retrievals:
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


def _spoken(turn: Turn) -> Message:
    blocks = tuple(block for m in turn.messages if m.role is Role.PERSON for block in m.blocks)
    return Message(role=Role.PERSON, blocks=blocks)


def _drafted(engine: Engine, work: Work, text: str) -> Changes:
    """The answer and its receipt stand in tracked state: a run that is resumed before `answer` must not lose them."""
    return {"work": work, "draft": text, "receipt": _receipt(engine, work)}


def _receipt(engine: Engine, work: Work) -> dict[str, Any]:
    return {
        "policy": engine.policy.name,
        "opening": opening_receipt(work.opening) | {"milliseconds": work.loaded_ms},
        "steps": list(work.steps),
        "usage": total_usage(work.steps),
    }


async def _mark_failed(engine: Engine, context: PersonaContext, work: Work) -> None:
    if not context.read_only:
        await engine.store.append(context.user, [replace(work.turn, state=TurnState.FAILED)])


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
    await engine.store.append(context.user, [turn], jobs)
    engine.wake(context.user)


def _since(started: float) -> float:
    return round((time.perf_counter() - started) * 1e3, 2)
