"""`persona history` shows every step of knowledge; `persona undo` takes steps back."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from typer.testing import Result

Run = Callable[..., Result]


def steps(run: Run, *arguments: str) -> list[dict[str, Any]]:
    """`history` as JSON."""
    result = run("history", "--json", *arguments)
    assert result.exit_code == 0, result.output
    return list(json.loads(result.stdout))


def texts(run: Run) -> set[str]:
    """What is remembered now."""
    return {row["text"] for row in json.loads(run("show", "memories", "--json").stdout)}


def the_switch(run: Run) -> dict[str, Any]:
    """The step that learned of the green tea."""
    (found,) = [step for step in steps(run) if any(o["do"] == "update" for o in step["operations"])]
    return found


def test_a_step_says_when_whose_word_what_it_did_and_on_which_turn(ingested: Run) -> None:
    shown = ingested("history", "--limit", "99").stdout
    block = shown[shown.index("~ ") :].splitlines()
    assert "green tea" in block[0]
    assert "was: Likes black coffee" in block[0]
    assert "“I've switched from black coffee to green tea.”" in block[1]
    head = shown[: shown.index("~ ")].splitlines()[-2]
    assert "Tue 2024-04-09 10:00  extract_semantic · model" in head


def test_the_newest_steps_come_last_and_a_limit_says_how_many_there_are(ingested: Run) -> None:
    ingested("freeze", "openness", "4")
    every = steps(ingested)
    assert [step["at"] for step in every] == sorted(step["at"] for step in every)
    assert steps(ingested, "--limit", "2") == every[-2:]
    shown = ingested("history", "-n", "1").stdout
    assert f"… {len(every) - 1} earlier; --limit {len(every)} shows all" in shown
    assert "held: openness at 4.00" in shown


def test_what_taught_nothing_says_so(ingested: Run) -> None:
    assert "nothing new" in ingested("history").stdout


def test_a_step_is_taken_back_and_the_undo_too(ingested: Run) -> None:
    before, switch = texts(ingested), the_switch(ingested)
    told = ingested("undo", switch["id"][:8])
    assert told.exit_code == 0, told.output
    assert "No longer held: 1 memory" in told.stdout
    assert "Likes black coffee" in texts(ingested)
    assert the_switch(ingested)["undone"]
    assert "undone" in ingested("history", "-n", "99").stdout
    undo = json.loads(ingested("history", "--json").stdout)[-1]["id"]
    assert f"`persona undo {undo[:8]}` brings it back" in told.stdout
    assert ingested("undo", undo[:8]).exit_code == 0
    assert texts(ingested) == before
    assert not the_switch(ingested)["undone"]


def test_one_operation_of_a_step_is_taken_back(ingested: Run) -> None:
    (learned,) = [step for step in steps(ingested) if sum(o["do"] == "add" for o in step["operations"]) > 1][:1]
    operations = [o for o in learned["operations"] if o["do"] == "add"]
    place = operations[1]["operation"]
    assert ingested("undo", learned["id"], "--operation", str(place)).exit_code == 0
    (now,) = [step for step in steps(ingested) if step["id"] == learned["id"]]
    assert [o["undone"] for o in now["operations"] if o["do"] == "add"] == [o["operation"] == place for o in operations]
    assert not now["undone"]
    assert operations[0]["text"] in texts(ingested)


def test_all_since_a_date_is_taken_back(ingested: Run) -> None:
    told = json.loads(ingested("undo", "--since", "2024-04-01", "--json").stdout)
    assert any("green tea" in memory["text"] for memory in told["gone"])
    assert [memory["text"] for memory in told["held"] if memory["kind"] == "semantic"] == ["Likes black coffee"]
    march, april = ([s for s in steps(ingested) if s["at"].startswith(month)] for month in ("2024-03", "2024-04"))
    assert all(step["undone"] for step in april)
    assert not any(step["undone"] for step in march)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "name one thing to undo"),
        (("zzz",), "there is no commit whose id begins with 'zzz'"),
        (("zzz", "--since", "2024-04-01"), "there is no commit whose id begins with 'zzz'"),
        (("--since", "May"), "'May' is not a date or time"),
        (("--since", "2999-01-01"), "nothing was learned since 2999-01-01"),
        (("--since", "2024-04-01", "--operation", "0"), "name one thing to undo"),
    ],
)
def test_what_cannot_be_undone_is_said_in_one_sentence(
    ingested: Run, arguments: tuple[str, ...], sentence: str
) -> None:
    result = ingested("undo", *arguments)
    assert result.exit_code == 2, result.output
    assert sentence in result.stderr
    assert result.stderr.count("\n") == 1


def test_an_undo_of_what_is_undone_is_refused(ingested: Run) -> None:
    switch = the_switch(ingested)["id"]
    ingested("undo", switch)
    for arguments, sentence in (((switch,), "undone already"), ((switch, "--operation", "9"), "operations, counted")):
        result = ingested("undo", *arguments)
        assert result.exit_code == 2
        assert sentence in result.stderr
