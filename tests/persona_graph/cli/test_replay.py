"""`persona answer-without`: an answer of the past beside the same without some of what is remembered."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from typer.testing import Result

Run = Callable[..., Result]


@pytest.fixture
def asked(ingested: Run) -> Run:
    """The command line after a question was answered."""
    assert ingested("chat", "Where do I live?").exit_code == 0
    return ingested


def turns(run: Run, words: str) -> list[str]:
    """Ids of turns in which somebody says these words."""
    found = json.loads(run("search", words, "--kind", "turn", "--json").stdout)
    return list(dict.fromkeys(hit["turn"] for hit in found if words in hit["text"]))


def all_of_porto(run: Run) -> list[str]:
    held = json.loads(run("show", "memories", "--json").stdout)
    return [row["id"] for row in held if "Porto" in row["text"]] + turns(run, "I live in Porto")


def replay(run: Run, *arguments: str) -> dict[str, Any]:
    result = run("answer-without", *arguments, "--json")
    assert result.exit_code == 0, result.output
    return dict(json.loads(result.stdout))


def test_an_answer_is_given_again_without_what_it_read(asked: Run) -> None:
    (turn,) = turns(asked, "Where do I live?")
    told = replay(asked, turn[:10], *(id[:10] for id in all_of_porto(asked)))
    assert "Porto" in told["then"]
    assert "Porto" not in told["without"]
    assert any(thing["was_read"] for thing in told["left_out"])
    shown = asked("answer-without", turn, *all_of_porto(asked)).stdout
    assert "answered then" in shown
    assert "without these" in shown
    assert "Left out" in shown


def test_without_any_ids_it_is_what_is_answered_now(asked: Run) -> None:
    (turn,) = turns(asked, "Where do I live?")
    told = replay(asked, turn)
    assert told["without"] == told["then"]
    assert "answered now" in asked("answer-without", turn).stdout


def test_nothing_is_written(asked: Run) -> None:
    (turn,) = turns(asked, "Where do I live?")
    before = asked("history", "--json").stdout
    replay(asked, turn)
    assert asked("history", "--json").stdout == before
    assert turns(asked, "Where do I live?") == [turn]


def test_what_cannot_be_answered_again_is_said_in_one_sentence(asked: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    (turn,) = turns(asked, "Where do I live?")
    for arguments, sentence in (
        (("zzz",), "there is no turn whose id begins with 'zzz'"),
        ((turn, "zzz"), "there is no turn or memory whose id begins with 'zzz'"),
    ):
        result = asked("answer-without", *arguments)
        assert result.exit_code == 2
        assert sentence in result.stderr
    monkeypatch.delenv("PERSONA_MODEL")
    result = asked("answer-without", turn)
    assert result.exit_code == 2
    assert "no model is configured" in result.stderr
