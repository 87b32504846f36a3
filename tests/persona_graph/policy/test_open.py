"""A policy from what a user writes, and prompts from a folder: one clear sentence for whatever is missing."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from persona_graph.errors import ConfigurationError
from persona_graph.jobs.all import JOBS
from persona_graph.policy.chat import ChatPolicy
from persona_graph.policy.open import open_policy
from persona_graph.policy.prompts import load_prompts
from persona_graph.policy.scripted import ScriptedPolicy
from tests.support.scripted_model import ScriptedModel


def test_a_policy_is_taken_as_it_is() -> None:
    policy = ScriptedPolicy(lambda _job, _given: "")
    assert open_policy(policy) is policy


def test_a_chat_model_is_wrapped() -> None:
    assert isinstance(open_policy(ScriptedModel()), ChatPolicy)


@pytest.mark.network
@pytest.mark.parametrize(
    ("spec", "name"),
    [
        ("vllm:Qwen/Qwen3-8B@http://localhost:8000/v1", "vllm:Qwen/Qwen3-8B"),
        ("openai:@cf/meta/llama@https://example.org/v1", "openai:@cf/meta/llama"),
    ],
)
def test_settings_name_the_model_and_its_address(spec: str, name: str) -> None:
    assert open_policy(spec).name == name


@pytest.mark.network
@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        (None, "no model is configured; name one"),
        ("gpt-5", "'gpt-5' names no model; write"),
        ("openai:gpt-5", "export OPENAI_API_KEY"),
        ("vllm:tiny", 'write "vllm:tiny@http'),
        ("ollama:llama3.2", r"pip install 'persona-graph\[ollama\]'"),
        ("mistralai:large", "pip install langchain langchain-mistralai"),
    ],
)
def test_what_is_missing_is_said_with_the_command_that_helps(
    spec: Any, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("langchain_ollama", "langchain_mistralai"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ConfigurationError, match=sentence):
        open_policy(spec)


def test_without_the_extra_openai_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "langchain_openai", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'persona-graph\[openai\]'"):
        open_policy("openai:gpt-5")


def test_prompts_come_from_files_named_like_the_jobs(tmp_path: Path) -> None:
    (tmp_path / "respond.md").write_text("Be brief: {keep}\n", encoding="utf-8")
    (tmp_path / "notes.txt").write_text("not a prompt", encoding="utf-8")
    assert load_prompts(tmp_path) == {"respond": "Be brief: {keep}"}


@pytest.mark.parametrize(("file", "sentence"), [("answer.md", "names no job; .*reason.md"), ("reason.md", "is empty")])
def test_a_prompt_that_nobody_would_read_is_an_error(tmp_path: Path, file: str, sentence: str) -> None:
    (tmp_path / file).write_text(" \n", encoding="utf-8")
    with pytest.raises(ConfigurationError, match=sentence):
        load_prompts(tmp_path)
    with pytest.raises(ConfigurationError, match="does not exist"):
        load_prompts(tmp_path / "nowhere")


def test_every_job_says_something_of_its_own() -> None:
    assert len({job.instructions for job in JOBS}) == 7
