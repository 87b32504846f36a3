"""The commands, over a real store and the offline policy."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from persona_graph.cli import ingest

Run = Callable[..., Result]


def test_ingest_says_what_it_did_and_what_was_there_already(run: Run, history: Path) -> None:
    first = run("ingest", str(history), "-u", "ana", "--json")
    assert first.exit_code == 0, first.output
    told = json.loads(first.stdout)["ana"]
    assert (told["messages"], told["already"], told["parked"]) == (6, 0, 0)
    assert told["memories"] > 0
    again = json.loads(run("ingest", str(history), "-u", "ana", "--json").stdout)["ana"]
    assert (again["already"], again["updates"], again["memories"]) == (6, 0, told["memories"])


def test_ingest_ends_with_where_to_look(run: Run, history: Path) -> None:
    told = run("ingest", str(history), "-u", "ana").stdout.splitlines()
    assert told[-1] == "look: persona show memories -u ana"


def test_ingest_that_is_stopped_says_how_to_go_on(
    run: Run, history: Path, monkeypatch: pytest.MonkeyPatch, store: Path
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(ingest, "_learn", stop)
    result = run("ingest", str(history), "-u", "ana")
    assert result.exit_code == 130
    assert "stopped; run the same command again to go on" in result.stderr


def test_a_terminal_without_the_letters_is_no_traceback(ingested: Run) -> None:
    ingested("chat", "My dog is called Zoë.")
    for command in (("show", "memories"), ("show", "personality"), ("show", "memories", "--json")):
        done = subprocess.run(
            [sys.executable, "-m", "persona_graph", *command],
            capture_output=True,
            env={**os.environ, "PYTHONIOENCODING": "ascii"},
            check=False,
        )
        assert done.returncode == 0, done.stderr
    assert any("Zoë" in row["text"] for row in json.loads(done.stdout))


def test_ingest_goes_on_where_it_was_stopped(run: Run, history: Path, tmp_path: Path) -> None:
    lines = history.read_text(encoding="utf-8").splitlines(keepends=True)
    whole = history.with_name("whole.jsonl")
    whole.write_text("".join(lines), encoding="utf-8")
    history.write_text("".join(lines[:2]), encoding="utf-8")
    assert run("ingest", str(history), "-u", "ana", "--no-update").exit_code == 0
    history.write_text("".join(lines), encoding="utf-8")
    told = json.loads(run("ingest", str(history), "-u", "ana", "--json").stdout)["ana"]
    assert told["already"] == 4
    assert told["updates"] == 3 * 2 + 2 * 3


def test_without_update_a_worker_does_the_rest(run: Run, history: Path) -> None:
    assert "updates wait" in run("ingest", str(history), "-u", "ana", "--no-update").stdout
    assert json.loads(run("show", "memories", "--json").stdout) == []
    worked = run("worker", "--once")
    assert worked.exit_code == 0, worked.output
    assert json.loads(run("show", "memories", "--json").stdout) != []
    assert "extract_semantic" in worked.stdout
    assert "Porto" not in worked.output


def test_a_person_of_the_file_is_the_user_unless_one_is_named(run: Run, history: Path) -> None:
    assert run("ingest", str(history.rename(history.with_name("Bruno.jsonl")))).exit_code == 0
    assert json.loads(run("show", "users", "--json").stdout) == ["bruno"]


def test_profile_and_memories_are_shown(ingested: Run) -> None:
    assert "Porto" in ingested("show", "profile").stdout
    rows = json.loads(ingested("show", "memories", "--kind", "semantic", "--json").stdout)
    assert any("green tea" in row["text"] for row in rows)
    assert all(row["current"] for row in rows)


def test_history_shows_what_was_true_and_until_when(ingested: Run) -> None:
    rows = json.loads(ingested("show", "memories", "--history", "--json").stdout)
    (closed,) = [row for row in rows if not row["current"] and "coffee" in row["text"]]
    assert closed["event"]["end"].startswith("2024-04-09")
    assert "v1" in ingested("show", "memories", "--history").stdout


def test_as_of_shows_what_was_believed_then(ingested: Run) -> None:
    then = json.loads(ingested("show", "memories", "--as-of", "2024-03-31", "--json").stdout)
    assert any("black coffee" in row["text"] for row in then)
    assert not any("green tea" in row["text"] for row in then)


def test_search_is_bounded_by_its_window(ingested: Run) -> None:
    found = json.loads(ingested("search", "drink tea coffee", "--to", "2024-03-31", "--kind", "turn", "--json").stdout)
    assert found
    assert {hit["at"][:7] for hit in found} == {"2024-03"}
    table = ingested("search", "where do I live").stdout
    assert "Porto" in table
    assert "score" in table


@pytest.mark.parametrize(
    "command",
    [
        ("search", "tea"),
        ("show", "profile"),
        ("show", "memories"),
        ("show", "personality"),
        ("history",),
        ("correct", "core:home", "Porto"),
        ("pin", "x"),
        ("freeze", "openness"),
        ("off", "openness"),
        ("release", "openness"),
        ("undo", "--since", "2024-01-01"),
        ("answer-without", "x"),
        ("forget", "--everything", "--yes"),
    ],
)
def test_of_an_unknown_user_it_is_said_that_there_is_none(ingested: Run, command: tuple[str, ...]) -> None:
    result = ingested(*command, "--user", "nobody")
    assert result.exit_code == 2
    assert "there is no user 'nobody' in this store" in result.stderr


def test_search_limits_each_kind(ingested: Run) -> None:
    found = json.loads(ingested("search", "coffee or tea or nurse", "-k", "turn", "-n", "1", "--json").stdout)
    assert len(found) == 1


def test_times_are_shown_in_the_configured_zone(ingested: Run) -> None:
    assert "Tue 2024-03-05 19:32" in ingested("search", "black coffee", "--kind", "turn").stdout


def test_the_personality_is_bars_json_and_a_picture(run: Run, tmp_path: Path) -> None:
    run("chat", "I'm worried about so much at work.")
    assert "neuroticism" in run("show", "personality").stdout
    found = json.loads(run("show", "personality", "--json").stdout)
    assert found["vector"]["neuroticism"] > 3
    assert found["timeline"][0]["words"]


def test_chat_answers_and_why_shows_the_receipt(ingested: Run) -> None:
    said = ingested("chat", says="Where do I live?\n/why\n/help\n/quit\n")
    assert said.exit_code == 0, said.output
    assert "Porto" in said.stdout
    assert "Before it looked anything up" in said.stdout
    assert "model calls" in said.stdout
    assert "/again" in said.stdout


def test_chat_says_what_it_waits_for_and_writes_it(run: Run) -> None:
    said = run("chat", "I live in Lisbon.")
    assert said.exit_code == 0, said.output
    assert json.loads(run("show", "memories", "--json").stdout)


def test_a_wrong_line_in_a_chat_is_told_and_the_chat_goes_on(run: Run) -> None:
    said = run("chat", says="/nonsense\n/image nowhere.png\n/again\nHello!\n")
    assert said.exit_code == 0, said.output
    assert "/nonsense is no command" in said.stderr
    assert "there is no file 'nowhere.png'" in said.stderr
    assert "every message is answered" in said.stderr
    assert "persona" in said.stdout


def test_the_receipt_of_an_answer_can_be_asked_for_later(ingested: Run) -> None:
    ingested("chat", "Where do I live?")
    receipt = json.loads(ingested("show", "receipt", "--json").stdout)
    assert [step["act"] for step in receipt["steps"]][-1] == "answer"
    assert "policy" in ingested("show", "receipt").stdout


def test_a_turn_that_was_not_answered_here_has_no_receipt(ingested: Run) -> None:
    assert "no receipt" in ingested("show", "receipt").stdout


def test_what_is_empty_says_why(ingested: Run) -> None:
    ingested("chat", "I live in Lisbon.", "-u", "bea")
    assert "an hour after the last message" in ingested("show", "profile", "-u", "bea").stdout
    assert ingested("search", "xylophone").stdout.strip() == "nothing found"


def test_what_a_window_only_lists_stands_behind_the_matches(ingested: Run) -> None:
    asked = ("search", "nurse", "--from", "2024-03-01", "--to", "2024-04-30", "-k", "semantic")
    assert "in that time" in ingested(*asked).stdout
    marked = [not hit["score"] for hit in json.loads(ingested(*asked, "--json").stdout)]
    assert any(marked)
    assert marked == sorted(marked)


def test_a_user_moves_by_export_and_import(ingested: Run, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    assert ingested("export", str(folder)).exit_code == 0
    assert "Read 3 new turns" in ingested("import", str(folder), "--user", "bea").stdout
    before, after = (ingested("show", "memories", "--json", "-u", user).stdout for user in ("ana", "bea"))
    assert [row["text"] for row in json.loads(before)] == [row["text"] for row in json.loads(after)]


def test_there_are_no_problems_and_nothing_to_retry(ingested: Run) -> None:
    assert ingested("problems").stdout.strip() == "No problems."
    assert ingested("problems", "--json").stdout.strip() == "[]"
    assert "nothing to retry" in ingested("retry").stdout


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("search", " "), "there is nothing to look for"),
        (("search", "tea", "--from", "May"), "'May' is not a date or time"),
        (("search", "tea", "--from", "2024-05-09", "--to", "2024-05-01"), "before it starts"),
        (("forget",), "name one thing to forget"),
        (("forget", "--memory", "x", "--everything"), "name one thing to forget"),
        (("show", "receipt", "zzz"), "there is no turn whose id begins with 'zzz'"),
        (("export", "out", "--user", "nobody"), "there is nothing of 'nobody' to export"),
        (("import", "nowhere"), "is no export of ours"),
        (("ingest", "nowhere.json"), "nowhere.json cannot be read"),
        (("--config", "nowhere.toml", "show", "users"), "nowhere.toml does not exist"),
        (("chat", "hello", "--model", "telepathy"), "'telepathy'"),
        (("chat", " "), "the message is empty"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(run: Run, arguments: tuple[str, ...], sentence: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2, result.output
    assert sentence in result.stderr
    assert result.stderr.count("\n") == 1
    assert "Traceback" not in result.output


@pytest.mark.parametrize("command", [("chat", "hello"), ("worker",), ("ingest", "x.jsonl"), ("retry",)])
def test_without_a_model_the_command_that_configures_one_is_named(
    run: Run, command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, history: Path
) -> None:
    monkeypatch.delenv("PERSONA_MODEL")
    result = run(*command)
    assert result.exit_code == 2
    assert "--model ollama:llama3.2" in result.stderr


def test_debug_lets_the_error_through(run: Run) -> None:
    result = run("--debug", "search", " ")
    assert "nothing to look for" in str(result.exception)


def test_what_is_made_of_the_journal_is_made_anew(run: Run) -> None:
    run("chat", "I moved to Lisbon.")
    before = run("show", "memories", "--json").stdout
    rebuilt = run("rebuild")
    assert rebuilt.exit_code == 0, rebuilt.output
    assert "Rebuilt 1 user." in rebuilt.stdout
    assert run("show", "memories", "--json").stdout == before
    assert "Rebuilt 1 user." in run("rebuild", "--all").stdout


def test_vectors_are_made_anew_with_the_embedder_that_is_configured(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    run("chat", "I moved to Lisbon.")
    without = run("reindex")
    assert without.exit_code != 0
    assert "no embedder to reindex with; set PERSONA_EMBEDDINGS" in without.stderr
    assert without.stderr.startswith("error:")  # no bar is left before it
    monkeypatch.setenv("PERSONA_EMBEDDINGS", "hash")
    made = run("reindex", "--all")
    assert made.exit_code == 0, made.output
    assert "vectors for 1 user" in made.stdout
