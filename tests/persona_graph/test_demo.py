"""The demo, as a person runs it; and that it can fail."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from persona_graph import Message, Persona, Role, Turn
from persona_graph.demo import truths
from persona_graph.demo.learn import learn
from persona_graph.demo.person import Person, draw
from persona_graph.demo.script import Question, month_of, questions, sessions
from persona_graph.demo.truths import Asked
from persona_graph.errors import InputError
from persona_graph.personality import BigFive, Observation, PersonalityPoint

PROJECT = Path(__file__).parents[2]


def run_demo(*arguments: str) -> tuple[int, str, dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, "-m", "persona_graph", "demo", *arguments],
        cwd=PROJECT,
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=60,
    )
    return done.returncode, done.stdout, json.loads(done.stdout.splitlines()[-1])


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2024])
def test_a_second_process_recalls_what_the_first_one_learned(seed: int) -> None:
    code, output, report = run_demo("--seed", str(seed))
    person = draw(seed)
    assert code == 0, output
    assert report["recalled"] is True
    assert report["seed"] == seed
    assert report["inet_sockets"] == 0
    assert report["seconds"] < 60
    assert report["sessions"] >= 4
    for word in (person.name, person.city, person.drink, person.new_drink, person.event_word, "✓"):
        assert word in output
    assert "✗" not in output
    assert output.count("✓") == report["checks"]
    assert "no internet socket" in output


@pytest.mark.slow
def test_a_store_that_is_named_is_left_as_it_was(tmp_path: Path) -> None:
    person, store = draw(1), f"sqlite:{tmp_path / 'store'}"
    code, output, report = run_demo("--seed", "1", "--store", store)
    assert (code, report["recalled"]) == (0, True), output
    assert "no internet socket" not in output  # a server would have to be asked through one
    with Persona.open(store) as persona:
        assert persona.users() == []
        said = (Message.of(Role.PERSON, "I was here before."),)
        persona.record(person.user, [Turn(id="own", at=person.begins, session="s", messages=said)])
    with pytest.raises(InputError, match=f"the store has a user '{person.user}' already"):
        learn(person, tmp_path, store)
    with Persona.open(store) as persona:
        assert [turn.id for turn in persona.turns(person.user)] == ["own"]


@pytest.mark.slow
@pytest.mark.weaviate
@pytest.mark.network
def test_it_runs_on_a_server(weaviate_url: str) -> None:
    pytest.importorskip("weaviate", reason="needs the extra: pip install 'persona-graph[weaviate]'")
    code, output, report = run_demo(
        "--seed", "2024", "--store", f"{weaviate_url}&collection=Demo{secrets.token_hex(6)}"
    )
    assert (code, report["recalled"], output.count("✓")) == (0, True, report["checks"]), output


def test_a_seed_draws_one_person_and_seeds_differ() -> None:
    assert draw(3) == draw(3)
    drawn = {(p.name, p.city, p.job, p.pet_name, p.drink, p.early, p.late, p.event) for p in map(draw, range(100))}
    assert len(drawn) == 100


@pytest.mark.parametrize("person", [draw(seed) for seed in range(40)], ids=lambda p: str(p.seed))
def test_every_person_has_a_story_that_can_be_asked_about(person: Person) -> None:
    told = sessions(person)
    assert len(told) >= 4
    assert all(a.over < b.begins for a, b in zip(told, told[1:], strict=False))
    assert person.early.trait is not person.late.trait
    assert person.drink != person.new_drink
    pet, changed, before, window = questions(person)
    assert (pet.expects, changed.expects) == (person.pet_name, person.new_drink)
    assert (before.expects, window.expects) == (person.drink, person.event_word)
    for question, session in ((before, told[1]), (window, told[2])):
        assert question.month is not None
        start, end = month_of(question.month)
        assert start <= session.begins < session.over < end
        assert start.strftime("%B %Y") in question.text


def asked(question: Question, text: str, **search: Any) -> Asked:
    step = {"search": {"window": {}, "hits": [], **search}}
    return Asked(question=question, text=text, receipt={"steps": [step], "usage": {"calls": 1}})


def window_question(person: Person) -> Question:
    return questions(person)[3]


def test_a_wrong_answer_is_found_out() -> None:
    person = draw(1)
    assert not truths.remembered(asked(questions(person)[0], "I do not know.")).holds
    assert not truths.changed(asked(questions(person)[1], f"You love {person.drink}."), person, []).holds
    assert not truths.bounded(asked(window_question(person), "Nothing."), {}, {}).holds


def test_a_search_without_the_window_is_found_out() -> None:
    person = draw(1)
    found = truths.bounded(asked(window_question(person), f"The {person.event_word}."), {}, {})
    assert not found.holds
    assert "no search has the window" in found.says


def test_a_personality_that_stands_still_is_found_out() -> None:
    person, at = draw(1), datetime(2024, 1, 5, tzinfo=UTC)
    seen = Observation(turn="t", at=at, scores=BigFive())
    still = [PersonalityPoint(observation=seen, m=0, vector=BigFive())]
    assert not truths.moved(person, still, {}, at).holds
    assert not truths.moved(person, [], {}, at).holds


def test_a_receipt_that_names_nothing_known_is_found_out() -> None:
    receipt = {"opening": {"profile": ["gone@1"]}, "steps": [], "usage": {"calls": 1}}
    lost = replace(asked(window_question(draw(1)), ""), receipt=receipt)
    assert not truths.explained(lost, {}, {}).holds


def test_each_failure_is_a_sentence() -> None:
    assert list(truths.failures([truths.Truth("a", False, "b"), truths.Truth("c", True, "d")])) == [
        "the demo failed: a: b"
    ]


def test_internet_sockets_are_counted_by_whoever_opens_them() -> None:
    code = (
        "import socket\nfrom persona_graph.demo import sockets\nsockets.watch()\n"
        "socket.socketpair()\nassert sockets.opened() == 0\n"
        "socket.socket(socket.AF_INET6)\nsocket.socket()\nprint(sockets.opened())"
    )
    if sys.platform == "win32":
        pytest.skip("a socket pair is an internet socket there")
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "2"


@pytest.fixture(autouse=True)
def _wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines are not broken inside the words that are looked for."""
    monkeypatch.setenv("COLUMNS", "160")
