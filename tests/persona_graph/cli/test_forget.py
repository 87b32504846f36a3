"""`persona forget`: it shows what would go, asks, erases, and tells what it did."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from typer.testing import Result

Run = Callable[..., Result]


def rows(run: Run, *arguments: str) -> list[dict[str, Any]]:
    """`show memories` as JSON."""
    return list(json.loads(run("show", "memories", "--json", *arguments).stdout))


def the(run: Run, words: str, *arguments: str) -> str:
    """Id of the one fact with these words."""
    (id,) = {row["id"] for row in rows(run, "--kind", "semantic", *arguments) if words in row["text"]}
    return str(id)


def bytes_of(store: Path) -> bytes:
    return b"".join(path.read_bytes() for path in store.rglob("*") if path.is_file())


def forget(run: Run, *arguments: str) -> dict[str, Any]:
    result = run("forget", *arguments, "--json")
    assert result.exit_code == 0, result.output
    return dict(json.loads(result.stdout))


def test_a_memory_is_forgotten_after_showing_it_and_asking(ingested: Run) -> None:
    tea = the(ingested, "tea")
    asked = ingested("forget", "--memory", tea[:10], says="n\n")
    assert asked.exit_code == 1
    assert "Would go: 1 memory" in asked.stdout
    assert "in all its versions?" in asked.stdout
    assert tea in {row["id"] for row in rows(ingested)}
    done = ingested("forget", "--memory", tea[:10], says="y\n")
    assert done.exit_code == 0
    assert "Forgotten: 1 memory." in done.stdout
    assert tea not in {row["id"] for row in rows(ingested, "--history")}


def test_a_memory_goes_in_all_its_versions_to_the_last_byte(ingested: Run, store: Path) -> None:
    ingested("correct", "core:nickname", "Zanzibar")
    (wrong,) = [row["id"] for row in rows(ingested) if row["text"] == "Zanzibar"]
    ingested("correct", wrong, "Xanadu")
    assert b"Zanzibar" in bytes_of(store)
    ingested("forget", "--memory", wrong, "--yes")
    assert b"Zanzibar" not in bytes_of(store)
    assert b"Xanadu" not in bytes_of(store)


def test_a_memory_that_is_only_history_or_switched_off_is_forgotten_too(ingested: Run) -> None:
    ingested("chat", "I live in Lisbon now.")
    held = {row["id"] for row in rows(ingested)}
    (past, *_) = {row["id"] for row in rows(ingested, "--history")} - held or {the(ingested, "tea")}
    for id in (past, the(ingested, "nurse")):
        ingested("off", id)
        assert ingested("forget", "--memory", id[:8], "--yes").exit_code == 0
        assert id not in {row["id"] for row in rows(ingested, "--history")}


def test_the_preview_tells_what_goes_what_comes_back_and_what_is_done_again(ingested: Run) -> None:
    shown = ingested("forget", "--from", "2024-04-01", "--dry-run").stdout
    assert "Would go: 1 turn and" in shown
    assert "I've switched from black coffee to green tea." in shown
    assert "Would be held again" in shown
    assert "Likes black coffee" in shown[shown.index("Would be held again") :]
    assert len(json.loads(ingested("search", "green tea", "-k", "turn", "--json").stdout)) > 0


def test_the_preview_tells_what_other_turns_are_worked_on_again_for(ingested: Run) -> None:
    shown = ingested("forget", "--turn", turn(ingested, "I live in Porto"), "--dry-run").stdout
    anew = shown.index("the other turns that they rest on are worked on again")
    assert "Lives in Porto" in shown[:anew]
    assert "Likes black coffee" in shown[anew:]
    assert "extract_semantic" in shown[shown.index("Would be done again") :]


def turn(run: Run, words: str) -> str:
    """Id of a turn in which somebody says these words."""
    found = json.loads(run("search", words, "--kind", "turn", "--json").stdout)
    return next(str(hit["turn"]) for hit in found if words in hit["text"])


def test_the_receipt_tells_what_came_back_and_what_is_to_be_done_again(ingested: Run) -> None:
    told = ingested("forget", "--turn", turn(ingested, "I love black coffee")[:8], "--yes").stdout
    assert "Forgotten: 1 turn and" in told
    again = told.index("To be done again, by the next chat or `persona worker`: ")
    assert "1 extract_semantic" in " ".join(told[again:].split())
    assert "Now prefers green tea to black coffee" not in {row["text"] for row in rows(ingested)}
    ingested("worker", "--once")
    assert "Now prefers green tea to black coffee" in {row["text"] for row in rows(ingested)}
    told = ingested("forget", "--turn", turn(ingested, "green tea")[:8], "--yes").stdout
    assert "Held again" not in told


def test_what_was_kept_and_quotes_it_is_listed_with_the_words(ingested: Run) -> None:
    told = ingested("forget", "--memory", the(ingested, "Porto"), "--yes").stdout
    kept = told[told.index("Kept, though it shares these words; yours to decide") :]
    assert "home: Porto  (porto)" in kept
    assert "I live in Porto and I work as a nurse." in kept


def test_of_a_memory_that_quotes_it_only_words_that_are_left_are_shown(ingested: Run) -> None:
    told = ingested("forget", "--turn", turn(ingested, "green tea"), "--yes").stdout
    assert "green" not in told


def test_where_nothing_quotes_it_that_is_said(ingested: Run) -> None:
    ingested("correct", "core:nickname", "Zanzibar")
    nickname = next(row["id"] for row in rows(ingested) if row["text"] == "Zanzibar")
    assert "Nothing that stays shares a rare word" in ingested("forget", "--memory", nickname, "--dry-run").stdout
    assert "Nothing that is left shares a rare word" in ingested("forget", "--memory", nickname, "--yes").stdout


def test_a_topic_is_forgotten_with_its_episodes(ingested: Run, store: Path) -> None:
    told = forget(ingested, "--topic", "black coffee", "--yes")
    assert len(told["turns"]) >= 2
    assert not any("coffee" in row["text"] for row in rows(ingested, "--history"))
    assert b"coffee" not in bytes_of(store)


def test_a_picture_is_forgotten_wherever_it_was_shown(run: Run, tmp_path: Path, store: Path) -> None:
    picture = tmp_path / "balloon.png"
    Image.effect_noise((64, 64), 100).save(picture)
    data = picture.read_bytes()
    run("chat", "Look at my balloon.", "--image", str(picture))
    (hit,) = json.loads(run("search", "balloon", "--kind", "image", "--json").stdout)
    kept = {path.stat().st_size for path in (store / "media").rglob("*") if path.is_file()}
    assert kept == {len(data)}
    told = run("forget", "--image", hit["id"][:8], says="y\n")
    assert "Would go: 1 picture" in told.stdout
    assert "Forgotten: 1 picture." in told.stdout
    assert [path for path in (store / "media").rglob("*") if path.is_file()] == []
    assert "Look at my balloon." in run("search", "balloon", "--kind", "turn").stdout


def test_what_another_program_still_reads_is_pending(ingested: Run, store: Path) -> None:
    (file,) = (store / "users").glob("*.db")
    with closing(sqlite3.connect(file)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM turns").fetchone()
        told = ingested("forget", "--memory", the(ingested, "tea"), "--yes").stdout
        assert "Pending: another program is reading this memory" in told
    assert "Pending" not in ingested("forget", "--topic", "Porto", "--yes").stdout


def test_the_question_repeats_the_dates_as_typed(ingested: Run) -> None:
    asked = ingested("forget", "--from", "2024-04-01", "--to", "2024-04-30", says="n\n").stdout
    assert "Forget 1 turn from 2024-04-01 to 2024-04-30 and what rests on it?" in asked


def test_a_period_is_forgotten_with_what_rests_on_it(ingested: Run) -> None:
    gone = forget(ingested, "--from", "2024-04-01", "--to", "2024-04-30", "--yes")
    assert len(gone["turns"]) == 1
    assert not any("tea" in row["text"] for row in rows(ingested))


def test_for_scripts_a_dry_run_has_the_words_and_the_receipt_has_none_of_what_went(ingested: Run) -> None:
    what = ("--turn", turn(ingested, "green tea"))
    before, after = forget(ingested, *what, "--dry-run"), forget(ingested, *what, "--yes")
    assert "I've switched from black coffee to green tea." in json.dumps(before)
    assert "I've switched" not in json.dumps(after)
    for name in ("again", "pending", "images"):
        assert before[name] == after[name]
    for name in ("turns", "memories", "quoting"):
        assert [one["id"] for one in before[name]] == [one["id"] for one in after[name]]
    assert [one["text"] for one in after["back"]] == ["Likes black coffee"]
    assert set(before) == set(after)


def test_for_scripts_the_question_is_not_in_the_json(ingested: Run) -> None:
    result = ingested("forget", "--memory", the(ingested, "tea"), "--json", says="y\n")
    assert json.loads(result.stdout.removeprefix(" y\n"))["dry_run"] is False  # the runner echoes what is typed
    assert "Would go" in result.stderr


def test_a_user_is_forgotten(ingested: Run) -> None:
    assert "Would go: 3 turns and" in ingested("forget", "--everything", "--dry-run").stdout
    asked = ingested("forget", "--everything", says="n\n")
    assert "Forget everything of the user 'ana'?" in asked.stdout
    assert "Forgotten: 3 turns and" in ingested("forget", "--everything", "-y").stdout
    assert json.loads(ingested("show", "users", "--json").stdout) == []


def test_an_answer_that_read_it_says_that_words_are_gone(ingested: Run) -> None:
    ingested("chat", "What do I like to drink?")
    ingested("forget", "--memory", the(ingested, "green tea"), "--yes")
    assert "words are gone from here" in ingested("show", "receipt", turn(ingested, "like to drink?")[:8]).stdout


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--memory", "zzz"), "there is no memory whose id begins with 'zzz'"),
        (("--turn", "zzz"), "there is no turn whose id begins with 'zzz'"),
        (("--image", "zzz"), "there is no image whose id begins with 'zzz'"),
        (("--memory", ""), "the id of a memory is empty"),
        (("--topic", "xylophone"), "nothing that is remembered speaks of 'xylophone'"),
        (("--from", "2030-01-01"), "nothing was said in that window"),
        (("--topic", "tea", "--from", "2024-01-01"), "name one thing to forget"),
        (("--topic", "tea", "--image", "x"), "name one thing to forget"),
    ],
)
def test_what_cannot_be_forgotten_is_said_in_one_sentence(
    ingested: Run, arguments: tuple[str, ...], sentence: str
) -> None:
    result = ingested("forget", *arguments, "--yes")
    assert result.exit_code == 2, result.output
    assert sentence in result.stderr
    assert result.stderr.count("\n") == 1
