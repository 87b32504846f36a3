"""`persona doctor` says what is there and reaches nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import Result

from persona_graph.conversation import Message, Role, Turn
from persona_graph.memory.weaviate.address import VERSION, parse
from persona_graph.spool import Spool

Run = Callable[..., Result]


def findings(run: Run) -> dict[str, tuple[str, str]]:
    return {row["what"]: (row["state"], row["says"]) for row in json.loads(run("doctor", "--json").stdout)}


def test_a_sound_installation_is_told_in_one_table(run: Run, store: Path) -> None:
    result = run("doctor")
    assert result.exit_code == 0, result.output
    told = "".join(result.stdout.split())  # a long path is broken over lines
    for words in ("sqlite", "FTS5", str(store), "offline: rules", "nothing would be reached", "Europe/Berlin"):
        assert words.replace(" ", "") in told


def test_what_a_model_would_reach_is_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERSONA_MODEL", "openai:qwen")
    monkeypatch.setenv("PERSONA_BASE_URL", "http://gpu-box:8000/v1")
    assert "http://gpu-box:8000/v1" in findings(run)["network"][1]


def test_a_store_on_a_server_is_named_and_not_reached(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("weaviate")
    monkeypatch.setenv("PERSONA_STORE", "weaviate://db.example:8081?grpc=50052&collection=Ours")
    monkeypatch.setenv("WEAVIATE_API_KEY", "secret")
    found = findings(run)
    assert found["store"] == ("ok", "Weaviate at db.example:8081, collection Ours, key set")
    assert "memory at db.example:8081" in found["network"][1]


def test_an_embedded_server_needs_its_program(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("weaviate")
    url = f"weaviate+embedded://{tmp_path / 'data'}"
    monkeypatch.setenv("PERSONA_STORE", url)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    state, says = findings(run)["store"]
    assert state == "wrong"
    assert f"needs the program of Weaviate {VERSION} at {tmp_path / 'cache'}" in says
    program = parse(url).program
    assert program is not None
    program.parent.mkdir()
    program.touch()
    assert findings(run)["store"][0] == "ok"
    assert not (tmp_path / "data").exists()


def test_a_wrong_address_of_a_server_is_a_finding(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERSONA_STORE", "weaviate://a?grcp=1")
    state, says = findings(run)["store"]
    assert state == "wrong"
    assert "'grcp' is no option" in says


async def test_where_pictures_are_and_what_waits_is_told(
    run: Run, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert findings(run)["pictures"] == ("ok", str(store / "media"))
    state, says = findings(run)["spool"]
    assert (state, says.split(" (")[0]) == ("off", str(store / "spool"))
    monkeypatch.setenv("PERSONA_SPOOL", str(tmp_path / "spool"))
    monkeypatch.setenv("PERSONA_MEDIA", "s3://who:secret@bucket/media")
    spool, at = Spool(tmp_path / "spool"), datetime(2027, 1, 31, tzinfo=UTC)
    spool.folder.mkdir()
    assert findings(run)["spool"] == ("ok", f"{spool.folder}, nothing waits")
    for number, user in enumerate(("ana", "bo"), 1):
        said = (Message.of(Role.PERSON, "Hi"),)
        await spool.put(user, Turn(id="t", at=at, session="", messages=said), since=at)
        assert findings(run)["spool"][1].startswith(f"{spool.folder}, {number} turn")
    assert findings(run)["spool"] == ("ok", f"{spool.folder}, 2 turns wait")
    assert findings(run)["pictures"] == ("ok", "s3://bucket/media")
    assert "pictures at s3://bucket/media" in findings(run)["network"][1]


def test_a_model_whose_package_is_missing_is_wrong(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERSONA_MODEL", "nonesuch:model")
    result = run("doctor")
    assert result.exit_code == 1
    assert "langchain_nonesuch is not installed" in result.stdout


def test_wrong_settings_are_a_finding(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERSONA_UPDATES", "sometimes")
    assert findings(run)["settings"] == (
        "wrong",
        "PERSONA_UPDATES is 'sometimes': input should be 'background', 'inline' or 'off'.",
    )


def test_tracing_that_would_send_memory_away_is_a_warning(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert findings(run)["tracing"] == ("ok", "off")
    monkeypatch.setenv("LANGSMITH_TRACING", "true")
    state, says = findings(run)["tracing"]
    assert state == "warn"
    assert "api.smith.langchain.com" in says
