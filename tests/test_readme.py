"""What the README shows works: its Python runs, its settings load, its commands and targets exist."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest
import typer

from persona_graph.cli.app import app
from persona_graph.ingest import load
from persona_graph.settings import load_settings

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


@pytest.mark.parametrize("code", blocks("python"), ids=lambda code: code.splitlines()[0])
def test_the_python_runs(
    code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "README.md", "exec"), {"__name__": "readme"})
    assert capsys.readouterr().out.strip()


def test_the_quick_start_answers_from_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    exec(compile(blocks("python")[0], "README.md", "exec"), {"__name__": "readme"})
    assert "Porto" in capsys.readouterr().out.splitlines()[0]


def test_the_quick_starts_are_short() -> None:
    assert all(len([line for line in code.splitlines() if line.strip()]) <= 10 for code in blocks("python")[:2])


def test_the_settings_load(tmp_path: Path) -> None:
    (block,) = blocks("toml")
    everything = re.sub(r"(?m)^# (?=\w+ = )", "", block)
    tomllib.loads(everything)
    file = tmp_path / "config.toml"
    file.write_text(everything.replace('prompts = "~/my-prompts"', ""), encoding="utf-8")
    assert load_settings({}, file).behaviour.max_retrievals == 3


def test_the_jsonl_is_ingested(tmp_path: Path) -> None:
    (block,) = blocks("jsonl")
    file = tmp_path / "ana.jsonl"
    file.write_text(block, encoding="utf-8")
    (history,) = load(file).histories
    assert history.messages == len(block.splitlines()) * 2
    assert json.loads(block.splitlines()[0])["user"] in history.turns[0].messages[0].text


def test_every_command_named_exists() -> None:
    group = typer.main.get_command(app)
    for first, second in re.findall(r"`?persona ([a-z-]+)(?: ([a-z-]+))?", README):
        if f"persona {first}" in ("persona is",):
            continue
        known = vars(group)["commands"]
        if first in known and second and hasattr(known[first], "commands"):
            assert second in known[first].commands
        else:
            assert first in known, f"the README names `persona {first}`"


def test_every_target_named_exists() -> None:
    targets = set(re.findall(r"(?m)^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8")))
    named = set(re.findall(r"(?m)(?:`|^    (?:.*# or: )?)make ([a-z-]+)", README))
    assert {"demo", "test"} <= named
    assert named <= targets


def test_every_file_linked_exists() -> None:
    for target in re.findall(r"\]\((?!http)([^)#]+)", README):
        assert (ROOT / target).exists(), target
