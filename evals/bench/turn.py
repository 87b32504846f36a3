"""What does a turn cost besides the model? `make bench-turn`: a scripted model of known speed, a real store.

Three questions: does the Update stage of the turn before delay an answer; what does a turn take when the model takes
nothing; how long do 200 people wait who talk at once. A bare LangGraph of as many steps stands beside each.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from typing_extensions import TypedDict

from evals.bench import report
from evals.bench.script import script
from evals.bench.synthetic import START, YEAR, Year
from evals.bench.timing import Times, percentiles
from persona_graph.engine import Clock, real_clock
from persona_graph.jobs.reason import REASON
from persona_graph.options import Options, Updates
from persona_graph.policy.scripted import ScriptedPolicy
from persona_graph.service import Persona

CALL_S = 0.2
"""A call of the model, for the comparison with and without updates."""
BLOCKS, BLOCK = 8, 5
"""Turns come in blocks, back to back, so that the updates of one run while the next is answered."""
TURNS, WARM_UP = 150, 10
USERS, CROWD_CALL_S, CROWD_RETRIEVALS = 200, 2.0, 2
PAUSE = timedelta(minutes=4)
HISTORY = 400
"""Messages that a person has before the bench begins."""

Figures = dict[str, Any]


class Steps(TypedDict, total=False):
    """State of the bare graph."""

    asked: int
    text: str


def bare_graph(latency_s: float, retrievals: int) -> Any:
    """LangGraph alone with our steps: load, reason, retrieve ... answer; only `reason` waits."""
    from langgraph.graph import END, START, StateGraph

    async def load(state: Steps) -> Steps:
        return {"asked": 0}

    async def reason(state: Steps) -> Steps:
        if latency_s:
            await asyncio.sleep(latency_s)
        return {"asked": state["asked"] + 1}

    async def retrieve(state: Steps) -> Steps:
        return {"text": "found"}

    async def answer(state: Steps) -> Steps:
        return {"text": "answer"}

    builder = StateGraph(Steps)
    builder.add_node("load", load)
    builder.add_node("reason", reason)
    builder.add_node("retrieve", retrieve)
    builder.add_node("answer", answer)
    builder.add_edge(START, "load")
    builder.add_edge("load", "reason")
    builder.add_conditional_edges(
        "reason", lambda state: "retrieve" if state["asked"] <= retrievals else "answer", ["retrieve", "answer"]
    )
    builder.add_edge("retrieve", "reason")
    builder.add_edge("answer", END)
    return builder.compile()


class Ticking:
    """A clock that stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now = START + YEAR

    def __call__(self) -> datetime:
        return self.now

    def go_on(self, by: timedelta) -> None:
        """Let time pass."""
        self.now += by


def opened(
    folder: Path, policy: ScriptedPolicy, updates: Updates = Updates.BACKGROUND, clock: Clock = real_clock
) -> Persona:
    """A Persona over a new store."""
    return Persona.open(f"sqlite:{folder}", policy=policy, options=Options(updates=updates), clock=clock)


async def with_history(persona: Persona, users: Sequence[str], messages: int) -> None:
    """Give people a past: plain turns, their updates long over."""
    for number, user in enumerate(users):
        await persona.engine.store.append(user, list(Year(number).turns(messages)))


async def beside_updates(folder: Path) -> Figures:
    """Time until the answer is there, while the updates of the turn before run and where there are none."""
    report.say(f"{2 * BLOCKS * BLOCK} turns of two calls of {CALL_S:.1f} s, with the Update stage and without ...")
    sides = {
        name: opened(folder / name, ScriptedPolicy(script(1), latency_s=CALL_S), updates)
        for name, updates in (("with", Updates.BACKGROUND), ("without", Updates.OFF))
    }
    times: dict[str, list[float]] = {name: [] for name in sides}
    for persona in sides.values():
        await with_history(persona, ["ana"], HISTORY)
    for block in range(BLOCKS):
        for name, persona in sides.items() if block % 2 else reversed(sides.items()):
            for turn in range(BLOCK):
                started = time.perf_counter()
                await persona.achat("ana", f"What did I say of w{turn + 1}?")
                if turn:  # beside the first of a block no update runs
                    times[name].append(1e3 * (time.perf_counter() - started))
            await persona.aflush("ana")
    for persona in sides.values():
        await persona.aclose()
    middle = {name: statistics.median(values) for name, values in times.items()}
    return {
        "answer_ratio": middle["with"] / middle["without"],
        "answer_with_updates_ms": percentiles(times["with"]),
        "answer_without_updates_ms": percentiles(times["without"]),
    }


async def framework_cost(folder: Path) -> Figures:
    """Turns whose model takes no time, of one, two and three calls, each beside a bare graph of as many steps.

    Four minutes pass between the turns, so that 14 of them stand in the prompt; then as many come in one hour, back to
    back, with the updates of the turns before still running.
    """
    figures: Figures = {}
    for retrievals, name in enumerate(("turn", "turn_1_retrieval", "turn_2_retrievals")):
        report.say(f"{TURNS} turns of {retrievals + 1} calls that take no time ...")
        figures |= await _cost_of(folder / name, retrievals, name)
    return figures


async def _cost_of(folder: Path, retrievals: int, name: str) -> Figures:
    policy, clock = ScriptedPolicy(script(retrievals)), Ticking()
    persona, bare = opened(folder, policy, clock=clock), bare_graph(0.0, retrievals)
    await with_history(persona, ["ana"], HISTORY)
    ours, theirs, updates = Times(), Times(), Times()
    for number in range(TURNS + WARM_UP):
        clock.go_on(PAUSE)
        with ours.step():
            await persona.achat("ana", f"What did I say of w{number}?")
        with updates.step():
            await persona.aflush("ana")
        with theirs.step():
            await bare.ainvoke({"asked": 0})
    busy = Times()
    for number in range(TURNS):
        clock.go_on(PAUSE / 10)
        with busy.step():
            await persona.achat("ana", f"And of w{number}?")
    await persona.aflush("ana")
    await persona.aclose()
    wall, cpu = (percentiles(times[WARM_UP:]) for times in (ours.wall, ours.cpu))
    return {
        f"{name}_ms": wall[0],
        f"{name}_ms_p95": wall[1],
        f"{name}_cpu_ms": cpu[0],
        f"{name}_back_to_back_ms": percentiles(busy.wall)[0],
        f"{name}_updates_ms": percentiles(updates.wall[WARM_UP:])[0],
        f"{name}_bare_ms": percentiles(theirs.wall[WARM_UP:])[0],
    }


async def crowd(folder: Path) -> Figures:
    """Many people at once, updates of an earlier turn running; then the drain of what they left."""
    report.say(f"{USERS} users at once, three calls of {CROWD_CALL_S:.0f} s a turn, updates running ...")
    policy = ScriptedPolicy(script(CROWD_RETRIEVALS), latency_s=CROWD_CALL_S)
    persona, users = opened(folder / "crowd", policy), [f"user-{n}" for n in range(USERS)]
    await with_history(persona, users, 20)
    ideal = CROWD_CALL_S * (CROWD_RETRIEVALS + 1)
    year = Year(9)
    for user in users:
        await persona.arecord(user, list(year.turns(2)))
    policy.asked.clear()
    started = time.perf_counter()
    replies = await asyncio.gather(*(persona.achat(user, "What did I say of w7?") for user in users))
    taken = time.perf_counter() - started
    beside = sum(name != REASON.name for name, _ in policy.asked)
    started = time.perf_counter()
    flushed = await asyncio.gather(*(persona.aflush(user, close_sessions=True) for user in users))
    drained = time.perf_counter() - started
    left = sum([len(await persona.engine.store.jobs(user)) for user in users])
    await persona.aclose()
    return {
        "share_of_ideal": ideal / taken,
        "crowd_s": taken,
        "crowd_ideal_s": ideal,
        "crowd_answers": sum(bool(reply.text) for reply in replies),
        "crowd_updates_beside": beside,
        "backlog": left,
        "drain_s": drained,
        "drained_by_flush": sum(one.done for one in flushed),
    }


async def bare_crowd() -> Figures:
    """The same crowd on the bare graph."""
    report.say(f"the bare graph, {USERS} runs at once ...")
    graph = bare_graph(CROWD_CALL_S, CROWD_RETRIEVALS)
    started = time.perf_counter()
    await asyncio.gather(*(graph.ainvoke({"asked": 0}) for _ in range(USERS)))
    return {"bare_share": CROWD_CALL_S * (CROWD_RETRIEVALS + 1) / (time.perf_counter() - started)}


async def measure(parts: Sequence[str]) -> Figures:
    """Every part asked for."""
    figures: Figures = {}
    with tempfile.TemporaryDirectory(prefix="persona-bench-") as folder:
        if "cost" in parts:
            figures |= await framework_cost(Path(folder))
        if "updates" in parts:
            figures |= await beside_updates(Path(folder))
        if "crowd" in parts:
            figures |= await crowd(Path(folder)) | await bare_crowd()
    return figures


def main() -> None:
    """Run, print the table and the line of JSON."""
    parser = argparse.ArgumentParser(prog="bench-turn", description=__doc__)
    parser.add_argument("--parts", default="cost,updates,crowd", help="which parts to run, parted by commas")
    figures = asyncio.run(measure(parser.parse_args().parts.split(",")))
    report.show("what a turn costs besides the model", ["", ""], figures.items())
    report.finish(figures)


if __name__ == "__main__":
    main()
