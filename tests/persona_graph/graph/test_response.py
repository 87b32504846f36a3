"""The Response stage: think, retrieve inside a window, answer; durable, explained, and never broken by a model."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from persona_graph import Kind, Options, Persona, Target, Trait, create_persona_graph, create_response_graph
from persona_graph.conversation import Message, Role, Turn, TurnState, digest_of
from persona_graph.errors import InputError, ModelUnavailable
from persona_graph.jobs.job import Job
from persona_graph.jobs.reason import Must, ReasonInput
from persona_graph.memory.commit import Commit
from persona_graph.memory.operations import Add
from persona_graph.memory.types import Source
from persona_graph.options import Search, Updates
from persona_graph.policy.scripted import ScriptedPolicy
from persona_graph.timerange import TimeRange

NOW = datetime(2024, 6, 1, 9, 0, tzinfo=UTC)
Open = Callable[..., Persona]


def retrieve(keywords: str, start: str = "null", end: str = "null") -> str:
    start, end = (x if x == "null" else f'"{x}"' for x in (start, end))
    asked = f'{{"keywords": "{keywords}", "start_time": {start}, "end_time": {end}}}'
    return f"<think>look</think><retrieve>{asked}</retrieve>"


def answer(text: str) -> str:
    return f"<think>enough</think><answer>{text}</answer>"


def says(*texts: str) -> Callable[[Job[Any, Any], Any], str]:
    """A model that says these texts to `reason` and `respond`, one after the other, and nothing useful to others."""
    left = list(texts)

    def script(job: Job[Any, Any], _given: Any) -> str:
        if job.name in ("reason", "respond"):
            return left.pop(0) if len(left) > 1 else left[0]
        return "nothing"

    return script


@pytest.fixture
def persona(tmp_path: Path) -> Open:
    def make(script: Any, **options: Any) -> Persona:
        policy = script if hasattr(script, "ask") else ScriptedPolicy(script)
        options = {"updates": Updates.OFF} | options
        return Persona.open(f"sqlite:{tmp_path}", policy=policy, options=Options(**options), clock=lambda: NOW)

    return make


async def remember(persona: Persona, text: str, at: datetime, kind: Kind = Kind.SEMANTIC, key: str = "") -> None:
    commit = Commit(
        id=digest_of(text, str(at)),
        job="test",
        at=at,
        source=Source.CLIENT,
        operations=(Add(kind=kind, text=text, key=key),),
    )
    await persona.engine.store.commit("ana", commit)


async def test_an_answer_needs_one_call_when_nothing_must_be_looked_up(persona: Open) -> None:
    async with persona(says(answer("Hello Ana."))) as it:
        reply = await it.achat("ana", "Hello!")
        (turn,) = await it.aturns("ana")
    assert reply.text == "Hello Ana."
    assert reply.receipt["usage"]["calls"] == 1
    assert turn.state is TurnState.ANSWERED
    assert [m.text for m in turn.messages] == ["Hello!", "Hello Ana."]
    assert turn.receipt == reply.receipt


async def test_the_window_filters_before_the_search(persona: Open) -> None:
    script = says(retrieve("tea", "2024-03-01", "2024-03-31"), answer("Mint tea."))
    async with persona(script) as it:
        await remember(it, "likes mint tea", datetime(2024, 3, 5, tzinfo=UTC))
        await remember(it, "likes black tea", datetime(2024, 5, 5, tzinfo=UTC))
        reply = await it.achat("ana", "Which tea did I like in March?")
    search = reply.receipt["steps"][0]["search"]
    assert search["window"] == {"start": "2024-03-01T00:00:00+00:00", "end": "2024-04-01T00:00:00+00:00"}
    held = {m.id: m.text for m in await it.amemories("ana")}
    assert [held[h["id"]] for h in search["hits"]] == ["likes mint tea"]


async def test_what_was_shown_is_not_shown_again_and_the_next_best_fill_in(persona: Open) -> None:
    script = says(retrieve("tea"), retrieve("tea"), answer("All of them."))
    async with persona(script, limits={Target.SEMANTIC: 2}) as it:
        for name in ("mint", "black", "green", "white"):
            await remember(it, f"likes {name} tea", NOW - timedelta(days=3))
        reply = await it.achat("ana", "Which tea do I like?")
    first, second = ({h["id"] for h in step["search"]["hits"]} for step in reply.receipt["steps"][:2])
    assert len(first) == len(second) == 2
    assert not first & second


async def test_after_three_retrievals_an_answer_is_forced(persona: Open) -> None:
    policy = ScriptedPolicy(says(retrieve("a"), retrieve("b"), retrieve("c"), answer("I do not know.")))
    async with persona(policy) as it:
        reply = await it.achat("ana", "What is my cat called?")
    musts = [given.must for name, given in policy.asked if name == "reason"]
    assert musts == [Must.CHOOSE, Must.CHOOSE, Must.CHOOSE, Must.ANSWER]
    assert reply.text == "I do not know."


async def test_a_model_that_never_answers_still_ends(persona: Open) -> None:
    async with persona(says(retrieve("a"))) as it:
        reply = await it.achat("ana", "What is my cat called?")
    assert reply.text
    assert reply.receipt["steps"][-1]["act"] == "answer"


async def test_force_retrieve_makes_the_first_step_retrieve(persona: Open) -> None:
    policy = ScriptedPolicy(says(retrieve("a"), answer("Yes.")))
    async with persona(policy, force_retrieve=True) as it:
        await it.achat("ana", "Hello")
    assert [g.must for _, g in policy.asked] == [Must.RETRIEVE, Must.CHOOSE]


async def test_choices_force_one_retrieval_in_the_papers_way(persona: Open) -> None:
    policy = ScriptedPolicy(says(retrieve("a"), answer("(a)")))
    async with persona(policy, force_retrieve_choices=True) as it:
        await it.achat("ana", "Which?\n(a) tea\n(b) coffee")
        await it.achat("ana", "Which?")
    assert [g.must for _, g in policy.asked][::2] == [Must.RETRIEVE, Must.CHOOSE]


async def test_without_reasoning_one_search_and_one_plain_answer(persona: Open) -> None:
    policy = ScriptedPolicy(says("Tea."))
    async with persona(policy, reasoning=False) as it:
        await remember(it, "likes mint tea", NOW - timedelta(days=3))
        reply = await it.achat("ana", "Which tea do I like?")
    assert [name for name, _ in policy.asked] == ["respond"]
    assert [hit.memory.text for hit in policy.asked[0][1].hits] == ["likes mint tea"]
    assert reply.text == "Tea."


async def test_the_prompt_only_grows(persona: Open) -> None:
    policy = ScriptedPolicy(says(retrieve("a"), retrieve("b"), answer("No.")))
    async with persona(policy) as it:
        await it.achat("ana", "What is my cat called?")
    inputs: list[ReasonInput] = [given for _, given in policy.asked]
    for before, after in zip(inputs, inputs[1:], strict=False):
        assert after.opening == before.opening
        assert after.transcript[: len(before.transcript)] == before.transcript


async def test_read_only_writes_nothing(persona: Open) -> None:
    async with persona(says(answer("Hello."))) as it:
        await it.achat("ana", "Hello", read_only=True)
        assert await it.aturns("ana") == []
        assert await it.engine.store.jobs("ana") == []


async def test_an_unreachable_model_keeps_the_message_and_it_can_be_answered_later(persona: Open) -> None:
    down = True

    def script(_job: Job[Any, Any], _given: Any) -> str:
        if down:
            raise ModelUnavailable("the model does not answer")
        return answer("Better late.")

    async with persona(script) as it:
        with pytest.raises(ModelUnavailable):
            await it.achat("ana", "Are you there?")
        (turn,) = await it.aturns("ana")
        assert turn.state is TurnState.FAILED
        down = False
        reply = await it.aanswer_again("ana", turn.id)
        (turn,) = await it.aturns("ana")
    assert reply.text == "Better late."
    assert [m.text for m in turn.messages] == ["Are you there?", "Better late."]


async def test_malformed_output_ends_in_a_defined_answer(persona: Open) -> None:
    async with persona(says("<<<nonsense", "more <nonsense", "still nonsense", "hopeless")) as it:
        reply = await it.achat("ana", "Hello?")
    assert reply.text
    assert "<" not in reply.text


async def test_the_session_goes_on_within_an_hour_and_a_new_one_begins_after_it(persona: Open) -> None:
    async with persona(says(answer("Yes."))) as it:
        for minutes in (0, 59, 59 + 60, 59 + 60 + 61):
            await it.achat("ana", "Hello", at=NOW + timedelta(minutes=minutes))
        sessions = [turn.session for turn in await it.aturns("ana")]
    assert sessions[0] == sessions[1]
    assert len(set(sessions)) == 3


async def test_the_last_hour_stands_in_the_prompt_and_is_not_retrieved(persona: Open) -> None:
    policy = ScriptedPolicy(says(answer("Noted."), retrieve("cat"), answer("Mia.")))
    async with persona(policy, limits={Target.TURN: 5}) as it:
        await it.achat("ana", "My cat is called Mia.", at=NOW - timedelta(minutes=20))
        reply = await it.achat("ana", "What is my cat called?", at=NOW)
    opening = policy.asked[-1][1].opening
    assert [m.text for turn in opening.recent for m in turn.messages] == ["My cat is called Mia.", "Noted."]
    assert reply.receipt["steps"][0]["search"]["hits"] == []


async def test_events_tell_what_happens(persona: Open) -> None:
    events: list[Any] = []
    async with persona(says(retrieve("tea"), answer("Mint tea."))) as it:
        await remember(it, "likes mint tea", NOW - timedelta(days=3))
        await it.achat("ana", "Which tea do I like?", on_event=events.append)
    kinds = [e["type"] for e in events]
    assert [k for k in kinds if k != "delta"] == ["think", "retrieve", "found", "think", "answer"]
    assert "".join(e["text"] for e in events if e["type"] == "delta") == "Mint tea."
    assert events[-1]["text"] == "Mint tea."


def test_the_same_graph_runs_sync(persona: Open) -> None:
    with persona(says(answer("Hello."))) as it:
        graph = create_persona_graph(it).compile()
        out = graph.invoke({"messages": [("user", "Hi")]}, context={"user": "ana"})
        events: list[Any] = list(
            graph.stream({"messages": [("user", "Hi")]}, context={"user": "ana"}, stream_mode="custom")
        )
        assert it.chat("ana", "Hi").text == "Hello."
    assert out["messages"][-1].text == "Hello."
    assert events[-1]["type"] == "answer"


async def test_a_run_without_a_user_is_refused_with_the_remedy(persona: Open) -> None:
    graph = create_response_graph(persona(says(answer("Hello.")))).compile()
    with pytest.raises(InputError, match='context={"user": "ana"}'):
        await graph.ainvoke({"messages": [("user", "Hi")]})


async def test_the_user_may_stand_in_the_config(persona: Open) -> None:
    async with persona(says(answer("Hello."))) as it:
        graph = create_response_graph(it).compile()
        await graph.ainvoke({"messages": [("user", "Hi")]}, config={"configurable": {"user_id": "ana"}})
        assert len(await it.aturns("ana")) == 1


@pytest.mark.parametrize("user", [5, True, b"ana", ["ana"], {"ana": 1}, " ", 0, []], ids=repr)
async def test_what_is_no_user_id_is_refused_and_falls_back_to_nobody(persona: Open, user: Any) -> None:
    graph = create_response_graph(persona(says(answer("Hello.")))).compile()
    given: Any = {"messages": [("user", "Hi")]}
    ana: Any = {"configurable": {"user_id": "ana"}}
    runs: list[tuple[Any, Any]] = [(ana, {"user": user}), ({"configurable": {"user_id": user}}, None)]
    for config, context in runs:
        with pytest.raises(InputError, match="a user id is a string"):
            await graph.ainvoke(given, config, context=context)


@pytest.mark.parametrize(
    "context",
    [
        {"personality": {"mood": 3}},
        {"personality": {"openness": "high"}},
        {"personality": {"openness": 9}},
        {"at": "soon"},
        {"at": 5},
        {"at": datetime(2024, 6, 1)},  # noqa: DTZ001
        {"options": {"max_retrievals": 1}},
        {"turn": 5},
        {"without": "m1"},
        {"without": 5},
        {"without": [["m1"]]},
    ],
    ids=repr,
)
async def test_a_context_that_cannot_be_used_is_refused_with_a_sentence(persona: Open, context: Any) -> None:
    graph = create_response_graph(persona(says(answer("Hello.")))).compile()
    with pytest.raises(InputError):
        await graph.ainvoke({"messages": [("user", "Hi")]}, context={"user": "ana"} | context)


async def test_a_checkpointer_keeps_no_memory_text(persona: Open) -> None:
    from langgraph.checkpoint.memory import InMemorySaver

    async with persona(says(retrieve("tea"), answer("Yes."))) as it:
        await remember(it, "likes pomegranate tea", NOW - timedelta(days=3))
        saver = InMemorySaver()
        graph = create_persona_graph(it).compile(checkpointer=saver)
        config: Any = {"configurable": {"thread_id": "1"}}
        await graph.ainvoke({"messages": [("user", "Which tea?")]}, config, context={"user": "ana"})
    assert "pomegranate" not in repr(saver.storage) + repr(saver.blobs) + repr(saver.writes)


async def test_a_personality_given_for_one_answer_is_not_kept(persona: Open) -> None:
    policy = ScriptedPolicy(says(answer("Hello.")))
    async with persona(policy) as it:
        await it.achat("ana", "Hi", personality={Trait.OPENNESS: 5.0})
        assert (await it.apersonality("ana")).vector.openness == 3.0
    assert policy.asked[0][1].opening.personality.openness == 5.0


async def test_a_dense_search_without_an_embedder_is_refused(persona: Open) -> None:
    async with persona(says(retrieve("tea"), answer("Yes.")), search=Search.DENSE) as it:
        with pytest.raises(Exception, match="needs an embedder"):
            await it.achat("ana", "Which tea?")


async def test_turns_of_others_are_never_read(persona: Open) -> None:
    async with persona(says(retrieve("secret"), answer("No idea."))) as it:
        turn = Turn(
            id="t1", at=NOW - timedelta(days=1), session="", messages=(Message.of(Role.PERSON, "my secret is 7"),)
        )
        await it.arecord("bob", [turn])
        reply = await it.achat("ana", "What is the secret?")
        hits = await it.asearch("ana", "secret", limits={Target.TURN: 5}, window=TimeRange())
    assert reply.receipt["steps"][0]["search"]["hits"] == []
    assert {hit.turn.id for hit in hits.hits if hit.turn} == {reply.turn}
