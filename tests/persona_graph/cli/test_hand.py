"""What a person says of their own memory: correct, pin, freeze, off, release; and where that is shown."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from typer.testing import Result

Run = Callable[..., Result]


def rows(run: Run, *arguments: str) -> list[dict[str, Any]]:
    """`show memories` as JSON."""
    result = run("show", "memories", "--json", *arguments)
    assert result.exit_code == 0, result.output
    return list(json.loads(result.stdout))


def the(run: Run, words: str, kind: str = "semantic") -> dict[str, Any]:
    """The one memory of that kind with these words."""
    (found,) = [row for row in rows(run, "--kind", kind) if words in row["text"]]
    return found


def test_a_memory_is_corrected_by_the_beginning_of_its_id(ingested: Run) -> None:
    wrong = the(ingested, "Porto")
    told = ingested("correct", wrong["id"][:8], "Lives in Braga")
    assert told.exit_code == 0, told.output
    assert "Corrected, and pinned" in told.stdout
    right = the(ingested, "Braga")
    assert (right["id"], right["pinned"], right["source"]) == (wrong["id"], True, "person")
    assert right["event"] == wrong["event"]


def test_a_field_is_corrected_by_its_name_even_an_empty_one(ingested: Run) -> None:
    ingested("correct", "core:home", "Braga")
    ingested("correct", "core:nickname", "Ani")
    assert {"Braga", "Ani"} <= {row["text"] for row in rows(ingested, "--kind", "core")}


def test_what_was_done_by_hand_says_how_to_take_it_back(ingested: Run) -> None:
    told = ingested("correct", "core:home", "Braga").stdout
    undo = told[told.index("`persona") :].split("`")[1].split()
    assert ingested(*undo[1:]).exit_code == 0
    assert the(ingested, "Porto", "core")["pinned"] is False


def test_what_is_pinned_held_and_off_is_shown(ingested: Run) -> None:
    for command in (
        ("pin", the(ingested, "Porto")["id"]),
        ("freeze", "core:job"),
        ("off", the(ingested, "green tea")["id"]),
        ("off", "core:nickname"),
    ):
        assert ingested(*command).exit_code == 0
    lines = ingested("show", "memories").stdout.splitlines()
    for words, mark in (("Lives in Porto", "pinned"), ("job: a nurse", "held"), ("green tea", "off")):
        assert any(words in line and mark in line for line in lines), (words, mark)
    assert "empty and off: core:nickname" in ingested("show", "profile").stdout
    assert the(ingested, "green tea")["off"] is True


def test_what_is_off_is_in_no_answer_until_it_is_released(ingested: Run) -> None:
    tea = the(ingested, "green tea")["id"]
    search = ("search", "green tea", "--kind", "semantic", "--json")
    assert json.loads(ingested(*search).stdout)
    ingested("off", tea[:6])
    assert json.loads(ingested(*search).stdout) == []
    assert "Released" in ingested("release", tea[:6]).stdout
    assert json.loads(ingested(*search).stdout)


def test_a_trait_is_held_at_a_value_or_left_out(ingested: Run) -> None:
    assert "openness, at 4.50" in ingested("freeze", "Openness", "4.5").stdout
    ingested("off", "neuroticism")
    shown = ingested("show", "personality").stdout.splitlines()
    assert "held by you" in next(line for line in shown if "openness" in line)
    assert "off: answers leave it out" in next(line for line in shown if "neuroticism" in line)
    found = json.loads(ingested("show", "personality", "--json").stdout)
    assert (found["frozen"], found["off"], found["vector"]["openness"]) == ({"openness": 4.5}, ["neuroticism"], 4.5)


def test_what_is_held_and_off_is_shown_as_of_a_date(ingested: Run) -> None:
    ingested("freeze", "openness", "4")
    ingested("freeze", "core:home")
    ingested("off", "core:job")
    then = json.loads(ingested("show", "personality", "--as-of", "2024-03-31", "--json").stdout)
    assert (then["frozen"], then["off"], then["vector"]["openness"]) == ({}, [], 3.0)
    profile = ingested("show", "profile", "--as-of", "2024-03-31").stdout
    assert "Porto" in profile
    assert "held" not in profile
    assert " off" not in profile
    assert "held" in ingested("show", "profile").stdout


def test_for_scripts_it_is_json(ingested: Run) -> None:
    told = json.loads(ingested("freeze", "openness", "4", "--json").stdout)
    assert (told["what"], told["value"], len(told["commit"])) == ("openness", 4.0, 32)
    told = json.loads(ingested("correct", "core:home", "Braga", "--json").stdout)
    assert told["memory"]["text"] == "Braga"
    assert told["commit"] == json.loads(ingested("history", "--json").stdout)[-1]["id"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("correct", "zzz", "x"), "'zzz' is no field (core:KEY) and no memory's id"),
        (("correct", "core:home", " "), "this one is empty"),
        (("correct", "home:core", "x"), "'home:core' names nothing"),
        (("pin", "core:home"), "`persona freeze core:home` holds it"),
        (("pin", ""), "the id of a memory is empty"),
        (("freeze", "zzz"), "'zzz' is no trait (openness, conscientiousness,"),
        (("freeze", "openness", "7"), "a trait lies between 1 and 5"),
        (("freeze", "openness", "nan"), "a trait lies between 1 and 5"),
        (("freeze", "openness", "much"), "'much' is no number"),
        (("freeze", "core:home", "4"), "only a trait can be held at a value"),
        (("off", "zzz"), "no memory's id"),
        (("release", "openness"), "neither pinned, frozen nor switched off"),
    ],
)
def test_what_cannot_be_done_by_hand_is_said_in_one_sentence(
    ingested: Run, arguments: tuple[str, ...], sentence: str
) -> None:
    result = ingested(*arguments)
    assert result.exit_code == 2, result.output
    assert sentence in result.stderr
    assert result.stderr.count("\n") == 1


def test_an_id_that_fits_several_wants_more_of_it(ingested: Run) -> None:
    ids = [row["id"] for row in rows(ingested)]
    common = next(first for first in "0123456789abcdef" if sum(id.startswith(first) for id in ids) > 1)
    result = ingested("pin", common)
    assert result.exit_code == 2
    assert f"ids begin with '{common}'; write more of it" in result.stderr
