"""The Update stage: off the answer's path, in order, each job once; failures are parked and the chat goes on."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from persona_graph import Kind, Options, Persona, create_update_graph
from persona_graph.conversation import Message, Role, Turn
from persona_graph.errors import ConfigurationError, ModelUnavailable
from persona_graph.jobs.job import Job
from persona_graph.memory.types import Memory, Source
from persona_graph.options import Updates
from persona_graph.policy.scripted import ScriptedPolicy
from persona_graph.update.steps import STEPS

NOW = datetime(2024, 6, 1, 9, 0, tzinfo=UTC)
NEUTRAL = {"openness": 3, "conscientiousness": 3, "extraversion": 3, "agreeableness": 3, "neuroticism": 3, "words": []}
TURN_JOBS, SESSION_JOBS = (
    ["infer_personality", "extract_semantic"],
    ["segment_episodes", "update_procedural", "update_core"],
)


def model(**said: Any) -> Callable[[Job[Any, Any], Any], str]:
    """A model that does every job; `said` replaces what it says to one of them (a text, or a function of the input)."""
    usual: dict[str, Any] = {
        "reason": "<think>fine</think><answer>Noted.</answer>",
        "infer_personality": json.dumps(NEUTRAL),
        "extract_semantic": json.dumps({"operations": []}),
        "segment_episodes": lambda g: json.dumps(
            {"topics": [{"summary": "a talk", "keywords": [], "turns": [f"1-{len(g.turns)}"]}]}
        ),
        "update_core": json.dumps({"set": [], "remove": []}),
        "update_procedural": json.dumps({"set": [], "remove": []}),
    } | said

    def script(job: Job[Any, Any], given: Any) -> str:
        text = usual[job.name]
        return str(text(given) if callable(text) else text)

    return script


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def opened(tmp_path: Path, clock: Clock) -> Callable[..., Persona]:
    def make(script: Any, **options: Any) -> Persona:
        policy = script if hasattr(script, "ask") else ScriptedPolicy(script)
        return Persona.open(
            f"sqlite:{tmp_path}", policy=policy, options=Options(**({"updates": Updates.OFF} | options)), clock=clock
        )

    return make


def asked(policy: ScriptedPolicy) -> list[str]:
    return [name for name, _ in policy.asked if name not in ("reason", "respond")]


async def test_personality_and_facts_follow_a_turn_and_the_rest_waits_for_the_session(
    opened: Any, clock: Clock
) -> None:
    policy = ScriptedPolicy(model())
    async with opened(policy) as it:
        await it.achat("ana", "Hello")
        await it.aflush("ana")
        assert asked(policy) == TURN_JOBS
        clock.now += timedelta(minutes=61)
        await it.aflush("ana")
        assert asked(policy) == [*TURN_JOBS, *SESSION_JOBS]


async def test_the_next_message_after_an_hour_closes_the_session_even_in_simulated_time(opened: Any) -> None:
    policy = ScriptedPolicy(model())
    async with opened(policy) as it:
        await it.achat("ana", "Hello", at=NOW - timedelta(days=9))
        await it.achat("ana", "Hello again", at=NOW - timedelta(days=8))
        await it.aflush("ana")
    assert asked(policy) == [*TURN_JOBS, *SESSION_JOBS, *TURN_JOBS]


async def test_each_job_runs_once_however_often_it_is_flushed(opened: Any) -> None:
    policy = ScriptedPolicy(model())
    async with opened(policy) as it:
        await it.achat("ana", "Hello")
        for _ in range(3):
            await it.aflush("ana", close_sessions=True)
        commits = await it.engine.store.commits("ana")
    assert asked(policy) == [*TURN_JOBS, *SESSION_JOBS]
    assert [c.job for c in commits] == asked(policy)


async def test_the_answer_does_not_wait_for_the_worker(opened: Any) -> None:
    gate = asyncio.Event()

    class Patient(ScriptedPolicy):
        """Answers at once; does the jobs of the Update stage when the gate opens."""

        async def ask(self, job: Any, given: Any, *, on_delta: Any = None) -> Any:
            if job.name != "reason":
                await gate.wait()
            return await super().ask(job, given, on_delta=on_delta)

    async with opened(Patient(model()), updates=Updates.BACKGROUND) as it:
        reply = await it.achat("ana", "Hello")
        assert reply.text == "Noted."
        assert await it.engine.store.commits("ana") == []
        gate.set()
        async with asyncio.timeout(20):
            while len(await it.engine.store.commits("ana")) < 2:
                await asyncio.sleep(0.02)


async def test_inline_waits_for_the_stage_in_every_turn(opened: Any) -> None:
    policy = ScriptedPolicy(model())
    async with opened(policy, updates=Updates.INLINE) as it:
        await it.achat("ana", "Hello")
        assert asked(policy) == TURN_JOBS


async def test_a_failing_model_is_tried_again_then_parked_and_the_others_go_on(opened: Any, clock: Clock) -> None:
    def fails(_given: Any) -> str:
        raise ModelUnavailable("the server is away")

    policy = ScriptedPolicy(model(infer_personality=fails))
    async with opened(policy, retry_delays_s=(0.0, 0.0)) as it:
        await it.achat("ana", "Hello")
        flushed = await it.aflush("ana")
        assert [job.name for job in flushed.parked] == ["infer_personality"]
        assert flushed.parked[0].error == "the server is away"
        assert flushed.parked[0].attempts == 3
        assert [c.job for c in await it.engine.store.commits("ana")] == ["extract_semantic"]
        policy._script = model()
        assert await it.aretry("ana") == 1
        assert (await it.aflush("ana")).done == 1
        assert await it.aproblems("ana") == []


async def test_a_retry_keeps_the_order_of_a_users_jobs(opened: Any) -> None:
    tries = iter((True, False))

    def once(_given: Any) -> str:
        if next(tries):
            raise ModelUnavailable("busy")
        return json.dumps(NEUTRAL)

    policy = ScriptedPolicy(model(infer_personality=once))
    async with opened(policy, retry_delays_s=(0.0,)) as it:
        await it.achat("ana", "Hello")
        await it.aflush("ana")
        assert [c.job for c in await it.engine.store.commits("ana")] == TURN_JOBS


async def test_the_personality_moves_by_the_papers_equation_and_keeps_the_words(opened: Any) -> None:
    lively = NEUTRAL | {"openness": 5, "words": ["new ideas"]}
    async with opened(model(infer_personality=json.dumps(lively))) as it:
        for _ in range(2):
            await it.achat("ana", "I love new ideas")
        await it.aflush("ana")
        personality = await it.apersonality("ana")
    assert [p.m for p in personality.timeline] == [0, 1]
    assert personality.timeline[0].vector.openness == pytest.approx(4.0)
    assert personality.timeline[0].observation.words == ("new ideas",)
    assert personality.vector.openness > 4.0


async def test_a_changed_fact_supersedes_the_old_one_and_both_stay_in_the_history(opened: Any) -> None:
    def facts(given: Any) -> str:
        words = given.turn.said_by(Role.PERSON)
        if "now" in words:
            return json.dumps({"operations": [{"do": "update", "memory": "m1", "text": "drinks green tea"}]})
        return json.dumps({"operations": [{"do": "add", "text": "drinks coffee"}]})

    async with opened(model(extract_semantic=facts)) as it:
        await it.achat("ana", "I drink coffee", at=NOW - timedelta(days=30))
        await it.aflush("ana")
        await it.achat("ana", "I drink green tea now, no coffee", at=NOW)
        await it.aflush("ana")
        history = await it.amemories("ana", kinds=(Kind.SEMANTIC,), history=True)
        then = await it.amemories("ana", kinds=(Kind.SEMANTIC,), as_of=NOW - timedelta(days=1))
    assert [(m.text, m.current) for m in history] == [("drinks coffee", False), ("drinks green tea", True)]
    assert history[0].event.end == history[0].believed.end == NOW
    assert [m.text for m in then] == ["drinks coffee"]


async def test_all_habits_are_kept_and_the_five_liveliest_are_shown(opened: Any) -> None:
    many = json.dumps({"set": [{"key": f"habit {n}", "value": f"does thing {n}"} for n in range(9)], "remove": []})
    policy = ScriptedPolicy(model(update_procedural=many))
    async with opened(policy) as it:
        await it.achat("ana", "Hello")
        await it.aflush("ana", close_sessions=True)
        await it.achat("ana", "Hello again")
        assert len(await it.amemories("ana", kinds=(Kind.PROCEDURAL,))) == 9
    assert len(policy.asked[-1][1].opening.habits) == 5


async def test_the_update_graph_does_what_a_worker_does(opened: Any) -> None:
    policy = ScriptedPolicy(model())
    async with opened(policy) as it:
        await it.achat("ana", "Hello")
        out = await create_update_graph(it).compile().ainvoke({"close_sessions": True}, context={"user": "ana"})
    assert out["done"] == 5
    assert asked(policy) == [*TURN_JOBS, *SESSION_JOBS]


async def test_given_exchanges_get_sessions_from_their_times_and_are_written_once(opened: Any) -> None:
    start = NOW - timedelta(days=5)
    turns = [
        Turn(
            id=f"t{n}", at=start + timedelta(minutes=m), session="", messages=(Message.of(Role.PERSON, f"message {n}"),)
        )
        for n, m in enumerate((0, 30, 200, 210))
    ]
    policy = ScriptedPolicy(model())
    async with opened(policy) as it:
        assert await it.arecord("ana", turns[:3]) == ("t0", "t1", "t2")
        assert await it.arecord("ana", turns) == ("t3",)
        sessions = [t.session for t in await it.aturns("ana")]
        await it.aflush("ana", close_sessions=True)
        commits = await it.engine.store.commits("ana")
    assert sessions[0] == sessions[1] != sessions[2] == sessions[3]
    assert len(commits) == 4 * 2 + 2 * 3
    assert len({c.id for c in commits}) == len(commits)


async def test_personality_is_inferred_from_the_message_alone_in_the_papers_way(opened: Any) -> None:
    for alone, expected in ((True, 0), (False, 1)):
        policy = ScriptedPolicy(model())
        async with opened(policy, personality_from_query_alone=alone) as it:
            await it.achat(f"ana {alone}", "Hello")
            await it.achat(f"ana {alone}", "Hello")
            await it.aflush(f"ana {alone}")
        last = [given for name, given in policy.asked if name == "infer_personality"][-1]
        assert len(last.recent) == expected


async def test_facts_only_accumulate_in_the_papers_way(opened: Any) -> None:
    def facts(given: Any) -> str:
        if given.known:
            return json.dumps({"operations": [{"do": "update", "memory": "m1", "text": "drinks green tea"}]})
        return json.dumps({"operations": [{"do": "add", "text": "drinks coffee"}]})

    async with opened(model(extract_semantic=facts), append_only_semantic=True) as it:
        await it.achat("ana", "I drink coffee", at=NOW)
        await it.achat("ana", "I drink green tea, not coffee", at=NOW + timedelta(minutes=1))
        await it.aflush("ana")
        assert [m.text for m in await it.amemories("ana")] == ["drinks coffee", "drinks green tea"]


@pytest.mark.parametrize(("whole", "kept"), [(True, ["job"]), (False, ["city", "job"])])
async def test_what_the_model_leaves_out_is_gone_only_in_the_papers_way(
    opened: Any, whole: bool, kept: list[str]
) -> None:
    said = iter(({"city": "Lisbon"}, {"job": "baker"}))
    script = model(update_core=lambda _g: json.dumps({"set": next(said)}))
    async with opened(script, rewrite_whole=whole) as it:
        for _ in range(2):
            await it.achat("ana", "Hello")
            await it.aflush("ana", close_sessions=True)
        assert sorted(m.key for m in await it.aprofile("ana")) == kept


def test_the_paper_preset_sets_every_difference_back() -> None:
    ours, paper = Options(), Options.paper()
    different = {f for f in Options.__slots__ if getattr(ours, f) != getattr(paper, f)}
    assert different == {
        "updates",
        "search",
        "append_only_semantic",
        "rewrite_whole",
        "personality_from_query_alone",
        "back_fill",
        "force_retrieve_choices",
    }


async def test_a_pinned_memory_is_not_changed_by_a_model(opened: Any) -> None:
    def facts(given: Any) -> str:
        if given.known:
            return json.dumps({"operations": [{"do": "update", "memory": "m1", "text": "drinks cola"}]})
        return json.dumps({"operations": [{"do": "add", "text": "drinks coffee"}]})

    async with opened(model(extract_semantic=facts)) as it:
        await it.achat("ana", "I drink coffee")
        await it.aflush("ana")
        (memory,) = await it.amemories("ana")
        corrected: Memory = await it.acorrect("ana", memory.id, "drinks decaf coffee")
        assert (corrected.pinned, corrected.source) == (True, Source.PERSON)
        await it.achat("ana", "coffee coffee")
        await it.aflush("ana")
        assert [m.text for m in await it.amemories("ana")] == ["drinks decaf coffee"]


async def test_commits_name_what_stood_in_the_prompt(opened: Any) -> None:
    async with opened(model()) as it:
        await it.aset_profile("ana", {"name": "Ana"}, at=NOW - timedelta(days=1))
        reply = await it.achat("ana", "Hello")
        await it.aflush("ana")
        commit = (await it.engine.store.commits("ana"))[-1]
        (name,) = await it.aprofile("ana")
    assert commit.evidence == (reply.turn,)
    assert set(commit.read) == {reply.turn, name.ref}


async def test_a_client_may_do_the_middle_part(opened: Any) -> None:
    from persona_graph.memory.operations import Add
    from persona_graph.update import drain
    from persona_graph.update.steps import gather, submit

    async with opened(model()) as it:
        await it.achat("ana", "I play the cello")
        job = await drain.claim(it.engine, "ana", "client")
        assert job is not None
        await it.engine.store.reschedule("ana", replace(job, parked=True))
        job = await drain.claim(it.engine, "ana", "client")
        assert job is not None
        given = await gather(it.engine, "ana", job)
        prompt = STEPS[job.name].job.render(given, STEPS[job.name].job.instructions)
        assert "I play the cello" in prompt[-1].text
        await submit(it.engine, "ana", job, given, (Add(kind=Kind.SEMANTIC, text="plays the cello"),), Source.CLIENT)
        assert [m.source for m in await it.amemories("ana")] == [Source.CLIENT]


@pytest.mark.parametrize(("neutral", "openness"), [("vector", 4.0), ("never", 3.5)])
async def test_the_neutral_policy_reaches_the_fold(opened: Any, neutral: str, openness: float) -> None:
    from persona_graph.personality import NeutralPolicy

    said = iter((NEUTRAL | {"openness": 5}, NEUTRAL))
    script = model(infer_personality=lambda _g: json.dumps(next(said)))
    async with opened(script, neutral=NeutralPolicy(neutral)) as it:
        for n in range(2):
            await it.achat("ana", "Hello", at=NOW + timedelta(minutes=n))
        await it.aflush("ana")
        assert (await it.apersonality("ana")).vector.openness == pytest.approx(openness, abs=0.01)


async def test_what_changes_is_shown_even_when_it_shares_no_word(opened: Any) -> None:
    policy = ScriptedPolicy(
        model(extract_semantic=lambda g: json.dumps({"operations": [{"do": "add", "text": f"fact {g.turn.id}"}]}))
    )
    async with opened(policy) as it:
        await it.achat("ana", "I like cold brew", at=NOW)
        await it.achat("ana", "Switched to white tea!", at=NOW + timedelta(minutes=1))
        await it.aflush("ana")
    last = [given for name, given in policy.asked if name == "extract_semantic"][-1]
    assert len(last.known) == 1


async def test_a_fault_of_ours_in_one_job_is_parked_and_the_others_go_on(opened: Any) -> None:
    def breaks(_given: Any) -> str:
        raise ZeroDivisionError("a fault")

    async with opened(model(infer_personality=breaks), retry_delays_s=()) as it:
        await it.achat("ana", "Hello")
        flushed = await it.aflush("ana")
    assert [(job.name, job.error) for job in flushed.parked] == [("infer_personality", "a fault")]
    assert flushed.done == 1


async def test_without_a_model_a_flush_says_so_at_once_and_again(tmp_path: Path) -> None:
    turn = Turn(id="t", at=NOW, session="", messages=(Message.of(Role.PERSON, "I swim"),))
    async with Persona.open(f"sqlite:{tmp_path}", clock=lambda: NOW) as it:
        await it.arecord("ana", [turn])
        for _ in range(2):
            with pytest.raises(ConfigurationError, match="PERSONA_MODEL"):
                await it.aflush("ana")


async def test_a_worker_that_is_woken_while_it_is_stopped_still_stops(opened: Any) -> None:
    from persona_graph.update.worker import Worker

    async with opened(model()) as it:
        for _ in range(20):
            worker = Worker(it.engine, idle_s=5)
            worker.start()
            await asyncio.sleep(0.01)
            worker._note("ana")
            async with asyncio.timeout(5):
                await worker.stop()


async def test_a_correction_outlives_the_work_that_an_erase_has_done_again(opened: Any) -> None:
    fact = json.dumps({"operations": [{"do": "add", "text": "has a dog called Rufus"}]})
    script = model(extract_semantic=lambda g: fact if "dog" in g.turn.said_by(Role.PERSON) else '{"operations": []}')
    async with opened(script) as it:
        first = await it.achat("ana", "I like maps", at=NOW - timedelta(minutes=9))
        second = await it.achat("ana", "My dog is called Miso", at=NOW - timedelta(minutes=3))
        await it.aflush("ana")
        (memory,) = await it.amemories("ana", kinds=(Kind.SEMANTIC,))
        await it.acorrect("ana", memory.id, "has a dog called Miso")
        assert "extract_semantic" in (await it.aforget("ana", turn=first.turn)).again
        assert (await it.aflush("ana")).done == 2
        history = await it.amemories("ana", kinds=(Kind.SEMANTIC,), history=True)
        assert [(m.text, m.current, m.pinned) for m in history] == [
            ("has a dog called Rufus", False, False),  # made anew where it stood, before the person put it right
            ("has a dog called Miso", True, True),
        ]
        await it.aforget("ana", turn=second.turn)
        assert [m.text for m in await it.amemories("ana")] == ["has a dog called Miso"]
