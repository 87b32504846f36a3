"""`persona doctor --memory` says what is wrong with a memory, and cures it only when told to."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

Run = Callable[..., Result]


@pytest.fixture
def muddled(run: Run, tmp_path: Path) -> Run:
    """The command line over a user of an append-only memory who has moved, and likes coffee no more."""
    file, config = tmp_path / "ana.jsonl", tmp_path / "config.toml"
    said = ("I live in Porto.", "I like coffee.", "I live in Braga.", "I no longer like coffee.")
    lines = [
        {"at": f"2024-03-0{day} 18:30", "user": text, "assistant": "Noted."} for day, text in enumerate(said, start=1)
    ]
    file.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    config.write_text("[options]\nappend_only_semantic = true\n", encoding="utf-8")
    result = run("--config", str(config), "ingest", str(file), "-u", "ana")
    assert result.exit_code == 0, result.output
    return run


def texts(run: Run) -> list[str]:
    return sorted(row["text"] for row in json.loads(run("show", "memories", "-k", "semantic", "--json").stdout))


def report(run: Run, *arguments: str) -> Any:
    result = run("doctor", "--memory", "--json", *arguments)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_what_is_wrong_is_told_and_nothing_is_changed(muddled: Run) -> None:
    before = texts(muddled)
    result = muddled("doctor", "--memory", "--user", "ana")
    assert result.exit_code == 0, result.output
    for words in ("Contradictions   2", "Lives in Porto", "✗", "the newest word is of 2024-03-03", "2 findings in"):
        assert words in result.stdout
    assert "Nothing was changed. --fix takes out what is marked ✗: 2 memories." in result.stdout
    assert texts(muddled) == before


def test_a_fix_is_one_commit_and_a_second_one_has_nothing_to_do(muddled: Run) -> None:
    assert {"Lives in Porto", "Likes coffee"} < set(texts(muddled))
    fixed = report(muddled, "--fix")
    assert fixed["commit"]
    assert len(fixed["gone"]) == 2
    assert {"Lives in Braga", "No longer likes coffee"} <= set(texts(muddled))
    assert not {"Lives in Porto", "Likes coffee"} & set(texts(muddled))
    again = report(muddled, "--fix")
    assert (again["findings"], again["commit"], again["gone"]) == ([], None, [])


def test_a_fix_says_which_commit_it_was(muddled: Run) -> None:
    said = muddled("doctor", "--memory", "--fix").stdout
    assert "2 memories taken out in one commit, " in said
    assert "brings them back" in said


def test_a_finding_is_json_with_its_remedy(muddled: Run) -> None:
    found = report(muddled, "--kind", "contradictions")
    (first, _) = found["findings"]
    assert (found["user"], found["commit"], found["gone"]) == ("ana", None, [])
    assert (first["what"], first["sure"]) == ("contradictions", "likely")
    stays, goes = first["memories"]
    assert first["remedy"] == [{"do": "keep", "id": stays["id"]}, {"do": "delete", "id": goes["id"]}]
    assert stays["ref"].startswith(stays["id"])


def test_kinds_are_chosen_with_commas_or_one_by_one(muddled: Run) -> None:
    assert report(muddled, "--kind", "duplicates,unused")["findings"] == []
    assert len(report(muddled, "--kind", "duplicates", "--kind", "contradictions")["findings"]) == 2


def test_a_sound_memory_is_said_to_be_sound(run: Run) -> None:
    run("chat", "I live in Lisbon.")
    said = run("doctor", "--memory").stdout
    assert "Nothing found in " in said
    assert "in good health" in said
    assert run("doctor", "--memory", "--fix").stdout == said


def test_what_is_only_possible_is_offered_apart(run: Run) -> None:
    run("chat", "My name is Ana. I collect stamps. I like coffee.")
    for question in ("What is my name?", "What is my name?"):
        run("chat", question)
    asked = ("doctor", "--memory", "--kind", "unused", "--older-than", "0", "--answers", "1")
    said = run(*asked).stdout
    assert "Never used" in said
    assert "only possible" in said
    assert "Nothing was changed: for none of it a remedy is sure enough." in run(*asked, "--fix").stdout
    assert "taken out in one commit" in run(*asked, "--fix", "--sure", "possible").stdout


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--memory", "--kind", "dust"), "'dust' is no kind of finding; it is one of evidence, own-words, duplicates"),
        (("--memory", "--user", "nobody"), "there is no user 'nobody' in this store"),
        (("--fix",), "belong to --memory"),
        (("--kind", "duplicates"), "belong to --memory"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(run: Run, arguments: tuple[str, ...], sentence: str) -> None:
    result = run("doctor", *arguments)
    assert result.exit_code == 2, result.output
    assert sentence in result.stderr
    assert result.stderr.count("\n") == 1
