"""Texts and arguments that mean harm: shown and never obeyed by the terminal, refused with one sentence."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from persona_graph import Persona
from tests.support.hostile_texts import HOSTILE_TEXTS

Run = Callable[..., Result]
OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def sound(result: Result, *codes: int) -> Result:
    """A result that is no traceback and holds nothing that a terminal obeys."""
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
    assert result.exit_code in (codes or (0,)), result.output
    assert OBEYED.findall(result.output) == []
    return result


TEXTS = [text.replace("\ud83d\ude00", "") for text in HOSTILE_TEXTS]
"""JSON cannot tell two halves of a character that meet from a whole one."""


@pytest.mark.parametrize("text", [text for text in TEXTS if not text.isascii() or OBEYED.search(text) or "[" in text])
def test_a_text_is_shown_and_never_obeyed(run: Run, text: str) -> None:
    sound(run("chat", text, "--user", text))
    for command in (("show", "users"), ("search", text), ("search", text, "-k", "turn"), ("show", "receipt")):
        sound(run(*command, "--user", text) if command != ("show", "users") else run(*command))
    assert json.loads(sound(run("show", "users", "--json")).stdout) == [text]
    found = json.loads(sound(run("search", text, "-k", "turn", "--json", "--user", text)).stdout)
    line = " ".join(text.replace("\a", "").split())  # a hit is told on one line, and rings no bell
    assert any(line in hit["text"] for hit in found)
    for later in (["answer-without", found[0]["turn"]], ["history"], ["forget", "--dry-run", "--topic", text]):
        sound(run(*later, "--user", text), 0, 2)
    sound(run("forget", "--everything", "--user", text, says="n\n"), 1)
    sound(run("forget", "--everything", "--yes", "--user", text))


def test_profiles_and_memories_of_any_text_are_shown(run: Run, store: Path) -> None:
    with Persona.open(f"sqlite:{store}") as persona:
        persona.set_profile("ana", {f"{number} {text}": text for number, text in enumerate(TEXTS)})
        memories = persona.memories("ana")
    for command in (("show", "profile"), ("show", "memories", "--history"), ("search", "system", "-k", "core")):
        sound(run(*command))
    rows = json.loads(sound(run("show", "profile", "--json")).stdout)
    assert {row["text"] for row in rows} == {memory.text for memory in memories}
    for memory in memories:
        assert "Aborted" in sound(run("forget", "--memory", memory.id, says="n\n"), 1).output


FOLDERS = ("nul\0", "\ud800", "x" * 5_000, "/proc/nowhere/x", "/etc/passwd")


@pytest.mark.parametrize(
    "arguments",
    [
        *[("search", "tea", "--limit", n) for n in ("-1", "0", "x", "1e9", "")],
        *[("search", "tea", "--kind", k) for k in ("dreams", "\udcff", "", "SEMANTIC")],
        *[("search", "tea", f"--{side}", at) for side in ("from", "to", "as-of") for at in ("soon", "\0", "9" * 9_999)],
        ("search", "tea", "--from", "2024-05-02", "--to", "2024-05-01"),
        ("search", ""),
        ("show", "receipt", "\ud800"),
        ("show", "receipt", "x" * 10_000),
        ("show", "memories", "--kind", "*"),
        ("forget", "--turn", "%"),
        ("forget", "--memory", "../ana", "-y"),
        ("forget",),
        *[("export", folder) for folder in FOLDERS],
        *[("import", folder) for folder in FOLDERS],
        *[("ingest", file) for file in (*FOLDERS, "/dev/null")],
        *[("chat", "hi", "--image", file) for file in (*FOLDERS, "/dev/zero", "/dev/stdin")],
        *[("show", "personality", "--png", file) for file in FOLDERS],
        *[("--config", file, "show", "users") for file in FOLDERS],
        ("chat", "hi", "--store", ""),
        ("chat", "hi", "--store", "sqlite:"),
        ("chat", "hi", "--store", "sqlite:nul\0"),
        ("chat", "hi", "--store", "sqlite:\ud800"),
        ("chat", "hi", "--store", "mongodb://x"),
        ("chat", "hi", "--store", "weaviate://"),
        ("chat", "hi", "--store", "weaviate://x:0"),
        ("chat", "hi", "--store", "weaviate://me@x"),
        ("chat", "hi", "--store", "weaviate://x?grcp=5"),
        ("chat", "hi", "--store", "weaviate+embedded://"),
        ("chat", "hi", "--model", "\ud800"),
        ("chat", "hi", "--user", " "),
        ("\ud800",),
        ("show", "secrets"),
    ],
    ids=lambda arguments: ascii(arguments)[:60],
)  # fmt: skip
def test_an_absurd_argument_is_refused(
    run: Run, arguments: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)  # what is taken for a folder after all is not written into the project's
    told = sound(run(*arguments), 2)
    assert list(here.iterdir()) == []
    assert "Traceback" not in told.output
    if "Usage" not in told.output:
        assert re.fullmatch(r"error: [^\n]{10,450}[.!?]\n", told.stderr)


def test_a_limit_beyond_all_numbers_shows_all_there_is(run: Run, history: Path) -> None:
    run("ingest", str(history), "-u", "ana", "--no-update")
    found = json.loads(sound(run("search", "tea", "-k", "turn", "--limit", "9" * 40, "--json")).stdout)
    assert len(found) == 2


def test_lines_of_a_pipe_that_mean_harm_end_in_sentences(run: Run) -> None:
    lines = (
        "/image " + "x" * 5_000,
        "/image '",
        "/image",
        "/nope \x1b[2J",
        "/again",
        "/why",
        "\x1b]0;title\x07",
        "/quit",
    )
    told = sound(run("chat", says="\n".join(lines) + "\n"))
    assert "is no command" in told.stderr


def test_a_real_process_takes_bytes_that_are_no_text(run: Run, history: Path) -> None:
    run("ingest", str(history), "-u", "ana", "--no-update")
    commands: list[list[str | bytes]] = [
        ["show", "memories", "-u", b"\xff"],
        ["search", b"\xff\x1b[2J", "-k", b"\xfe"],
    ]
    for command in commands:
        done = subprocess.run(
            [sys.executable, "-m", "persona_graph", *command], capture_output=True, env=os.environ, check=False
        )
        assert done.returncode in (0, 2), done.stderr
        assert b"Traceback" not in done.stderr
        assert b"\x1b[2J" not in done.stdout + done.stderr
