"""What every `Policy` does, and what every `ChatPolicy` does: over a model in this process and over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from io import BytesIO
from typing import Any

import pytest
from langgraph.graph import START, StateGraph
from PIL import Image

from persona_graph.errors import MalformedOutput, ModelUnavailable, NotFound
from persona_graph.jobs.all import JOBS
from persona_graph.jobs.job import Job
from persona_graph.jobs.reason import REASON, Action, Answer, Must, Retrieve, fallback
from persona_graph.jobs.respond import RESPOND
from persona_graph.policy.chat import ChatPolicy
from persona_graph.policy.open import open_policy
from persona_graph.policy.policy import Policy, SeesImages
from tests.support.job_inputs import GOOD, PLAIN, inputs, reason_input
from tests.support.openai_server import Fail, Fault, Hang, OpenAIServer, Say, check_body, images_of, serve
from tests.support.scripted_model import ScriptedModel

ANSWER = GOOD["reason"]
SAID = "You like tea & hiking, don't you?"
LOOK = '<think>a</think><retrieve>{"keywords": "tea", "start_time": null, "end_time": null}</retrieve>'
BAD = "Sure! Here is what I think."


class Scripted:
    """A policy and the way to tell its model what to say next."""

    def __init__(self, policy: Policy, model: ScriptedModel | OpenAIServer | None, waits: list[float]) -> None:
        self.policy, self.model, self.waits = policy, model, waits

    def will_say(self, *texts: str) -> None:
        """Script the next calls; rules need no script."""
        if isinstance(self.model, ScriptedModel):
            self.model.script[:] = list(texts)
        elif self.model is not None:
            self.model.script[:] = [Say(text) for text in texts]

    @property
    def server(self) -> OpenAIServer:
        """The server, for tests of the wire."""
        assert isinstance(self.model, OpenAIServer)
        return self.model


def _chat(kind: str, model: ScriptedModel | OpenAIServer, **options: Any) -> Scripted:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    options = {"sleep": sleep, "jitter": lambda: 0.0, **options}
    if isinstance(model, ScriptedModel):
        return Scripted(ChatPolicy(model, **options), model, waits)
    known = {"constrain": "json_schema"} if kind == "openai" else {}
    keys = {"api_key": "sk-test-secret"}
    spec = f"{kind}:tiny@{model.url}"
    return Scripted(open_policy(spec, model_options=keys, **{**known, **options}), model, waits)


def _offline() -> Policy:
    try:
        from persona_graph.policy.offline import OfflinePolicy
    except ImportError:
        pytest.skip("OfflinePolicy is not part of this checkout")
    return OfflinePolicy()


OVER_HTTP = [pytest.param(kind, marks=pytest.mark.network) for kind in ("openai", "vllm")]


@pytest.fixture(params=["offline", "model", *OVER_HTTP])
def any_policy(request: pytest.FixtureRequest) -> Iterator[Scripted]:
    """Every implementation."""
    yield from _opened(request.param)


@pytest.fixture(params=["model", *OVER_HTTP])
def chat(request: pytest.FixtureRequest) -> Iterator[Scripted]:
    """Every way to a chat model."""
    yield from _opened(request.param)


@pytest.fixture(params=OVER_HTTP)
def http(request: pytest.FixtureRequest) -> Iterator[Scripted]:
    """A chat model over HTTP."""
    yield from _opened(request.param)


def _opened(kind: str) -> Iterator[Scripted]:
    if kind == "offline":
        yield Scripted(_offline(), None, [])
    elif kind == "model":
        yield _chat(kind, ScriptedModel())
    else:
        with serve("vllm" if kind == "vllm" else "openai") as server:
            yield _chat(kind, server)


# every policy


@pytest.mark.parametrize("job", JOBS, ids=lambda job: job.name)
async def test_does_every_job_and_gives_what_the_job_reads_in_its_text(
    any_policy: Scripted, job: Job[Any, Any]
) -> None:
    given = inputs()[job.name]
    any_policy.will_say(GOOD[job.name])
    completion = await any_policy.policy.ask(job, given)
    assert completion.value == job.parse(completion.raw, given)
    assert completion.said[-1].role == "assistant"
    assert completion.said[-1].text == completion.raw


async def test_has_a_name_for_receipts(any_policy: Scripted) -> None:
    assert any_policy.policy.name.strip()


@pytest.mark.parametrize(("must", "kind", "text"), [(Must.RETRIEVE, Retrieve, LOOK), (Must.ANSWER, Answer, ANSWER)])
async def test_does_what_the_step_must_do(any_policy: Scripted, must: Must, kind: type[Action], text: str) -> None:
    any_policy.will_say(text)
    completion = await any_policy.policy.ask(REASON, reason_input(must=must, looked=False))
    assert isinstance(completion.value, kind)


async def test_streams_exactly_the_answer(any_policy: Scripted) -> None:
    pieces: list[str] = []
    any_policy.will_say(ANSWER)
    reasoned = await any_policy.policy.ask(REASON, reason_input(must=Must.ANSWER), on_delta=pieces.append)
    assert isinstance(reasoned.value, Answer)
    assert "".join(pieces) == reasoned.value.text
    pieces.clear()
    any_policy.will_say(SAID)
    responded = await any_policy.policy.ask(RESPOND, inputs()["respond"], on_delta=pieces.append)
    assert "".join(pieces) == responded.value


async def test_a_retrieval_streams_nothing(any_policy: Scripted) -> None:
    pieces: list[str] = []
    any_policy.will_say(LOOK)
    await any_policy.policy.ask(REASON, reason_input(must=Must.RETRIEVE, looked=False), on_delta=pieces.append)
    assert pieces == []


@pytest.mark.parametrize("job", [job for job in JOBS if not job.streams], ids=lambda job: job.name)
async def test_what_nobody_reads_is_not_streamed(any_policy: Scripted, job: Job[Any, Any]) -> None:
    pieces: list[str] = []
    any_policy.will_say(GOOD[job.name])
    await any_policy.policy.ask(job, inputs()[job.name], on_delta=pieces.append)
    assert pieces == []


async def test_many_can_ask_at_once(any_policy: Scripted) -> None:
    any_policy.will_say(*[SAID] * 20)
    asks = [any_policy.policy.ask(RESPOND, inputs()["respond"]) for _ in range(20)]
    values = {completion.value for completion in await asyncio.gather(*asks)}
    assert len(values) == 1


# every chat model


async def test_counts_calls_and_tokens(chat: Scripted) -> None:
    chat.will_say(ANSWER, ANSWER)
    quiet = (await chat.policy.ask(REASON, reason_input())).usage
    loud = (await chat.policy.ask(REASON, reason_input(), on_delta=lambda _: None)).usage
    for usage in (quiet, loud):
        assert (usage.calls, usage.output_tokens) == (1, len(ANSWER))
        assert usage.input_tokens > 0
        assert usage.milliseconds > 0


async def test_text_that_cannot_be_read_is_asked_for_once_more(chat: Scripted) -> None:
    chat.will_say(BAD, ANSWER)
    completion = await chat.policy.ask(REASON, reason_input())
    assert completion.value == Answer(think="They drink tea.", text=SAID)
    assert completion.usage.calls == 2
    assert [message.role for message in completion.said] == ["assistant", "user", "assistant"]
    assert completion.said[0].text == BAD


async def test_text_that_stays_unreadable_is_handed_back_whole(chat: Scripted) -> None:
    chat.will_say(BAD, f"{BAD} Really.")
    with pytest.raises(MalformedOutput) as caught:
        await chat.policy.ask(REASON, reason_input(must=Must.ANSWER))
    assert fallback(caught.value.raw, reason_input(must=Must.ANSWER)) == Answer(think="", text=f"{BAD} Really.")


async def test_an_empty_text_is_asked_for_once_more(chat: Scripted) -> None:
    chat.will_say("", SAID)
    assert (await chat.policy.ask(RESPOND, inputs()["respond"])).value == SAID


async def test_a_repaired_answer_is_streamed_once(chat: Scripted) -> None:
    pieces: list[str] = []
    chat.will_say(f"{ANSWER} and more", ANSWER)
    await chat.policy.ask(REASON, reason_input(), on_delta=pieces.append)
    assert "".join(pieces) == SAID


async def test_the_prompt_of_the_next_step_begins_with_all_of_this_one(chat: Scripted) -> None:
    given = reason_input(looked=False)
    chat.will_say(BAD, LOOK)
    completion = await chat.policy.ask(REASON, given)
    prompt = REASON.render(given, REASON.instructions)
    later = REASON.render(
        type(given)(opening=given.opening, transcript=(*given.transcript, *completion.said)), REASON.instructions
    )
    assert later == (*prompt, *completion.said)


async def test_a_user_s_prompt_stands_in_place_of_ours() -> None:
    model = ScriptedModel(script=[SAID])
    await ChatPolicy(model, prompts={"respond": "Be brief."}).ask(RESPOND, inputs()["respond"])
    assert model.seen[0][0].content == "Be brief."


@pytest.mark.parametrize("listen", [None, lambda _text: None], ids=["whole", "streamed"])
async def test_calls_stay_out_of_langgraph_s_message_stream(listen: Any) -> None:
    model = ScriptedModel(script=[SAID, SAID])

    async def ours(_state: dict[str, Any]) -> None:
        await ChatPolicy(model).ask(RESPOND, inputs()["respond"], on_delta=listen)

    async def bare(_state: dict[str, Any]) -> None:
        await model.ainvoke("hello")

    async def streamed(node: Any) -> list[Any]:
        graph = StateGraph(dict)  # type: ignore[type-var]
        graph.add_node("node", node)
        graph.add_edge(START, "node")
        return [event async for event in graph.compile().astream({}, stream_mode="messages")]

    assert await streamed(ours) == []
    assert await streamed(bare) != []


async def test_an_error_nobody_knows_is_a_sentence_with_the_model_s_name() -> None:
    model = ScriptedModel(script=[RuntimeError(f"the prompt was {PLAIN}")])
    with pytest.raises(ModelUnavailable, match=r"^the model here failed with RuntimeError$"):
        await ChatPolicy(model, name="here").ask(RESPOND, inputs()["respond"])


# over HTTP


def _png(width: int, height: int) -> bytes:
    out = BytesIO()
    Image.new("RGB", (width, height), (200, 30, 30)).save(out, "PNG")
    return out.getvalue()


def _parts(body: dict[str, Any]) -> Sequence[str]:
    return [part["type"] for part in body["messages"][1]["content"]]


async def test_images_stand_where_they_belong_and_are_scaled_down(http: Scripted) -> None:
    async def media(_digest: str) -> bytes:
        return _png(1600, 900)

    assert isinstance(http.policy, SeesImages)
    http.will_say(SAID)
    await http.policy.with_media(media).ask(RESPOND, inputs(picture=True)["respond"])
    body = http.server.asked[0]
    assert _parts(body) == ["text", "image_url", "text", "image_url", "text", "image_url", "text"]
    assert "what is it?" in body["messages"][1]["content"][2]["text"]
    assert all(width * height <= 230_400 for width, height in images_of(body))


async def test_an_image_that_is_gone_stands_as_its_caption(http: Scripted) -> None:
    async def media(_digest: str) -> bytes:
        raise NotFound("erased")

    assert isinstance(http.policy, SeesImages)
    http.will_say(SAID)
    await http.policy.with_media(media).ask(RESPOND, inputs(picture=True)["respond"])
    assert images_of(http.server.asked[0]) == []
    assert "[image: a red kite]" in str(http.server.asked[0])


@pytest.mark.parametrize("job", JOBS, ids=lambda job: job.name)
async def test_output_is_held_to_its_form_where_the_server_can(http: Scripted, job: Job[Any, Any]) -> None:
    http.will_say(GOOD[job.name])
    given = inputs()[job.name]
    await http.policy.ask(job, given)
    form, body = job.form(given), http.server.asked[0]
    if http.server.kind == "vllm":
        expected = "structural_tag" if form.structural_tag else "json" if form.schema else None
        assert list(body.get("structured_outputs", {None: 0})) == [expected]
    else:
        assert ("response_format" in body) == (form.schema is not None)


@pytest.mark.network
async def test_token_ids_and_log_probabilities_are_kept_where_the_server_gives_them() -> None:
    with serve("vllm") as server:
        here = _chat("vllm", server, tokens=True)
        here.will_say(ANSWER, ANSWER)
        for listen in (None, lambda _text: None):
            completion = await here.policy.ask(REASON, reason_input(), on_delta=listen)
            assert completion.token_ids == tuple(ord(letter) for letter in ANSWER)
            assert completion.logprobs == (-0.5,) * len(ANSWER)


async def test_a_server_that_asks_to_wait_is_waited_for(http: Scripted) -> None:
    http.server.script[:] = [Fail(429, {"Retry-After": "7"}), Fail(503), Say(SAID)]
    assert (await http.policy.ask(RESPOND, inputs()["respond"])).value == SAID
    assert http.waits == [7.0, 1.0]


async def test_a_server_that_asks_to_wait_too_long_is_not_waited_for(http: Scripted) -> None:
    http.server.script[:] = [Fail(429, {"Retry-After": "3600"})]
    with pytest.raises(ModelUnavailable, match="rate limit"):
        await http.policy.ask(RESPOND, inputs()["respond"])


@pytest.mark.parametrize("broken", [Say("You like", cut=True), Say("You like", silent=True)], ids=["cut", "silent"])
async def test_a_cut_stream_is_asked_for_again_and_streamed_once(http: Scripted, broken: Say) -> None:
    pieces: list[str] = []
    http.server.script[:] = [broken, Say(SAID)]
    completion = await http.policy.ask(RESPOND, inputs()["respond"], on_delta=pieces.append)
    assert completion.value == SAID == "".join(pieces)


async def test_a_server_that_stays_broken_is_unavailable(http: Scripted) -> None:
    http.server.script[:] = [Say("", cut=True)] * 4
    with pytest.raises(ModelUnavailable, match=r"tiny at 127\.0\.0\.1:\d+ could not be reached"):
        await http.policy.ask(RESPOND, inputs()["respond"])
    assert http.waits == [0.5, 1.0, 2.0]


@pytest.mark.parametrize("listen", [None, lambda _text: None], ids=["whole", "streamed"])
@pytest.mark.network
async def test_silence_ends_after_the_timeout(listen: Any) -> None:
    with serve("openai") as server:
        here = _chat("openai", server, timeout_s=0.05, max_retries=1)
        server.script[:] = [Hang(), Hang()]
        with pytest.raises(ModelUnavailable, match="did not answer in time"):
            await here.policy.ask(RESPOND, inputs()["respond"], on_delta=listen)
        assert here.waits == [0.5]


@pytest.mark.parametrize(("status", "words"), [(401, "key"), (404, "name"), (400, "rejects"), (403, "access")])
async def test_what_waiting_does_not_mend_is_said_at_once(http: Scripted, status: int, words: str) -> None:
    http.server.script[:] = [Fail(status)]
    with pytest.raises(ModelUnavailable, match=words) as caught:
        await http.policy.ask(RESPOND, inputs()["respond"])
    assert http.waits == []
    assert "secret" not in str(caught.value)
    assert PLAIN not in str(caught.value)


@pytest.mark.network
def test_one_policy_works_in_one_event_loop_after_another() -> None:
    with serve("vllm") as server:
        here = _chat("vllm", server)
        for _ in range(3):
            here.will_say(SAID)
            assert asyncio.run(here.policy.ask(RESPOND, inputs()["respond"])).value == SAID
        assert len(server.asked) == 3
    assert here.waits == []


USER = {"role": "user", "content": "hello"}
SOUND = {"model": "tiny", "messages": [USER]}
OPEN_SCHEMA = {"name": "x", "strict": True, "schema": {"type": "object", "properties": {}, "required": []}}


@pytest.mark.parametrize(
    "body",
    [
        {**SOUND, "temprature": 1},
        {**SOUND, "structured_outputs": {"regex": "a"}},
        {**SOUND, "stream_options": {"include_usage": True}},
        {**SOUND, "messages": [USER, USER]},
        {**SOUND, "messages": [{"role": "user", "content": ""}]},
        {
            **SOUND,
            "messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://x/y"}}]}],
        },
        {**SOUND, "messages": [{"role": "user", "content": [{"type": "image", "data": "abc"}]}]},
        {**SOUND, "response_format": {"type": "json_schema", "json_schema": OPEN_SCHEMA}},
    ],
)
def test_the_server_of_these_tests_takes_only_what_a_real_one_takes(body: dict[str, Any]) -> None:
    check_body(SOUND, "openai")
    with pytest.raises(Fault):
        check_body(body, "openai")
