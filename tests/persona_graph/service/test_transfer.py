"""Moving a user: everything comes along as it was, and a folder of somebody else's making reaches only itself."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as Pillow

from persona_graph import Options, Persona
from persona_graph.codec import commit_to_json, turn_to_json
from persona_graph.errors import InputError
from persona_graph.options import Updates
from persona_graph.user_id import file_name
from tests.support.hostile_texts import HOSTILE_TEXTS

NOW = datetime(2024, 6, 1, 12, tzinfo=UTC)
ROW = Callable[[dict[str, Any]], None]


def picture(shade: int) -> bytes:
    out = BytesIO()
    Pillow.new("RGB", (4, 4), (shade, 0, 0)).save(out, "PNG")
    return out.getvalue()


@pytest.fixture
def persona(tmp_path: Path) -> Iterator[Persona]:
    options = Options(updates=Updates.OFF)
    with Persona.open(f"sqlite:{tmp_path / 'store'}", model="offline", options=options, clock=lambda: NOW) as it:
        it.chat("ana", "I live in Porto. Look!", images=[picture(1)])
        it.set_profile("ana", {"name": "Ana"})
        it.freeze("ana", "openness", 4.0)
        yield it


@pytest.fixture
def exported(persona: Persona, tmp_path: Path) -> Path:
    return persona.export("ana", tmp_path / "export")


def everything(persona: Persona, user: str) -> Any:
    turns, commits = persona.turns(user), persona.history(user)
    return [turn_to_json(turn) for turn in turns], [commit_to_json(commit) for commit in commits]


def edited(folder: Path, part: str, number: int, change: ROW) -> None:
    """Change one row of an export."""
    path = folder / f"{part}.jsonl"
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    change(rows[number])
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


@pytest.mark.parametrize("text", HOSTILE_TEXTS)
def test_any_text_moves_as_it_is(persona: Persona, tmp_path: Path, text: str) -> None:
    text = text.replace("\ud83d\ude00", "\ud83d \ude00")  # JSON cannot tell two halves that meet from a whole
    persona.chat("eve", text)
    persona.set_profile("eve", {f"key {text}": f"value {text}"})
    persona.import_("new", persona.export("eve", tmp_path / "out"))
    assert everything(persona, "new") == everything(persona, "eve")
    assert persona.turns("new")[0].messages[0].text == text
    for path in (tmp_path / "out").glob("*.json*"):
        path.read_text(encoding="utf-8")


def test_a_user_moves_with_images_and_a_second_import_changes_nothing(persona: Persona, tmp_path: Path) -> None:
    persona.flush("ana", close_sessions=True)
    exported = persona.export("ana", tmp_path / "export")
    assert persona.import_("new", exported) == 1
    assert persona.import_("new", exported) == 0
    assert everything(persona, "new") == everything(persona, "ana")
    assert persona.personality("new").vector.openness == 4.0


@pytest.mark.parametrize(
    "name",
    ["nul\0byte", "\ud800", "x" * 5_000, "file/below", "file"],
    ids=["nul", "surrogate", "long", "below", "file"],
)
def test_a_folder_that_cannot_be_is_one_sentence(persona: Persona, tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_bytes(b"")
    for move in (persona.export, persona.import_):
        with pytest.raises(InputError) as caught:
            move("ana", tmp_path / name)
        assert len(str(caught.value)) < 200


def test_nothing_is_written_into_a_store_or_over_what_is_there(persona: Persona, tmp_path: Path) -> None:
    store, outside = tmp_path / "store", tmp_path / "outside"
    (tmp_path / "link").symlink_to(store / "media")
    for inside in (store / "new", store / "media" / file_name("bob") / "new", tmp_path / "link" / "new"):
        with pytest.raises(InputError, match="inside the store"):
            persona.export("ana", inside)
    victim = tmp_path / "victim"
    victim.write_text("untouched", encoding="utf-8")
    (outside / "media").mkdir(parents=True)
    (outside / "media" / sha256(picture(1)).hexdigest()).symlink_to(victim)
    with pytest.raises(InputError, match="holds 'media' already"):
        persona.export("ana", outside)
    assert victim.read_text(encoding="utf-8") == "untouched"


def test_a_link_in_an_export_leads_nowhere(persona: Persona, exported: Path, tmp_path: Path) -> None:
    persona.chat("bob", "My secret.", images=[picture(2)])
    secret = sha256(picture(2)).hexdigest()
    theirs = tmp_path / "store" / "media" / file_name("bob") / secret
    edited(exported, "turns", 0, lambda row: row["messages"][0]["blocks"].append({"image": {"digest": secret}}))
    (exported / "media" / secret).symlink_to(theirs)
    with pytest.raises(InputError, match="is a link"):
        persona.import_("eve", exported)
    (exported / "media" / secret).unlink()
    (exported / "media").rename(tmp_path / "aside")
    (exported / "media").symlink_to(theirs.parent)
    with pytest.raises(InputError, match="is a link"):
        persona.import_("eve", exported)
    assert "eve" not in persona.users()
    assert not (tmp_path / "store" / "media" / file_name("eve")).exists()


@pytest.mark.parametrize("digest", ["../../store/media/{user}/{digest}", "{path}", "..", "manifest.json", "A" * 64, 5])
def test_a_digest_that_is_a_path_reaches_no_file(
    persona: Persona, exported: Path, tmp_path: Path, digest: str | int
) -> None:
    secret = sha256(picture(1)).hexdigest()
    place = tmp_path / "store" / "media" / file_name("ana") / secret
    if isinstance(digest, str):
        digest = digest.format(user=file_name("ana"), digest=secret, path=place)
    edited(exported, "turns", 0, lambda row: row["messages"][0]["blocks"].append({"image": {"digest": digest}}))
    with pytest.raises(InputError):
        persona.import_("eve", exported)
    assert "eve" not in persona.users()


def test_an_image_under_another_name_is_refused(persona: Persona, exported: Path) -> None:
    (exported / "media" / sha256(picture(1)).hexdigest()).write_bytes(picture(9))
    with pytest.raises(InputError, match="not what its name says"):
        persona.import_("eve", exported)


def put(place: str, value: Any) -> ROW:
    """Set one field of a row, `messages/0/role` for one that lies deeper."""
    *path, last = (int(step) if step.isdigit() else step for step in place.split("/"))

    def change(row: Any) -> None:
        for step in path:
            row = row[step]
        row[last] = value

    return change


def puts(part: str, place: str, *values: Any) -> list[tuple[str, ROW]]:
    return [(part, put(place, value)) for value in values]


@pytest.mark.parametrize(
    ("part", "change"),
    [
        *puts("turns", "at", "2024-01-01", "soon", 5, None, "9999-12-31T23:59:59+00:00"),
        *puts("turns", "id", 5, None, [], {}),
        *puts("turns", "messages", [], "text", 5, [5], [{}], [{"role": "owner", "blocks": []}]),
        ("turns", put("messages/0/blocks", ["text"])),
        ("turns", put("messages/0/blocks", [{"text": 5}])),
        ("turns", put("messages/0/blocks", [{"image": {"digest": "a", "owner": "ana"}}])),
        ("turns", put("messages/0/speaker", ["Ana"])),
        ("turns", put("receipt", "text")),
        ("turns", put("session", 7)),
        ("commits", put("at", "2024-01-01T00:00:00")),
        ("commits", put("source", "god")),
        ("commits", put("evidence", [5])),
        *puts("commits", "operations", "x", [5], [{}], [{"do": "drop"}], [{"do": "delete", "id": 5}]),
        ("commits", put("operations", [{"do": "add", "kind": "semantic", "text": {"a": 1}}])),
        ("commits", put("operations", [{"do": "add", "kind": "semantic", "text": "x", "keywords": [1]}])),
        ("commits", put("operations", [{"do": "add", "kind": "semantic", "text": "x", "event": "2024"}])),
        ("commits", put("operations", [{"do": "add", "kind": "dreams", "text": "x"}])),
        ("commits", put("operations", [{"do": "freeze", "what": "openness", "value": 99}])),
        ("commits", put("operations", [{"do": "freeze", "what": "openness", "value": "high"}])),
        ("commits", put("observations", [{"turn": "t", "at": NOW.isoformat(), "scores": [9] * 5, "words": []}])),
        ("commits", put("observations", [{"turn": "t", "at": NOW.isoformat(), "scores": ["a"] * 5, "words": []}])),
    ],
)  # fmt: skip
def test_a_row_of_another_form_is_refused_with_its_line_and_nothing_is_written(
    persona: Persona, exported: Path, part: str, change: ROW
) -> None:
    edited(exported, part, 0, change)
    with pytest.raises(InputError, match=f"{part}.jsonl line 1: "):
        persona.import_("eve", exported)
    assert "eve" not in persona.users()


@pytest.mark.parametrize(
    "line", [b"[" * 100_000, b"{", b"\xff\xfe", b"null", b"5", b'"' + b"x" * 100_000, b'{"id": ' + b"9" * 5_000 + b"}"],
    ids=lambda line: repr(line[:8]),
)  # fmt: skip
def test_a_line_that_is_no_row_is_refused(persona: Persona, exported: Path, line: bytes) -> None:
    (exported / "turns.jsonl").write_bytes(line + b"\n")
    with pytest.raises(InputError, match=r"turns.jsonl line 1"):
        persona.import_("eve", exported)
    (exported / "manifest.json").write_bytes(line)
    with pytest.raises(InputError, match="no export of ours"):
        persona.import_("eve", exported)


@pytest.mark.parametrize("part", ["manifest.json", "turns.jsonl", "commits.jsonl", "jobs.jsonl", "erased.jsonl"])
def test_an_export_that_lacks_a_part_is_refused(persona: Persona, exported: Path, part: str) -> None:
    (exported / part).unlink()
    with pytest.raises(InputError):
        persona.import_("eve", exported)
    (exported / part).mkdir()
    with pytest.raises(InputError):
        persona.import_("eve", exported)


@pytest.mark.parametrize(
    "job",
    [
        {"name": "rm -rf"},
        {"attempts": 10**30},
        {"rank": "first"},
        {"turns": [5]},
        {"not_before": "2024-01-01"},
        {"not_before": 5},
    ],
)
def test_a_job_of_another_form_is_refused(persona: Persona, tmp_path: Path, job: dict[str, Any]) -> None:
    persona.chat("bob", "My job waits.")
    folder = persona.export("bob", tmp_path / "bob")
    edited(folder, "jobs", 0, lambda row: row.update(job))
    with pytest.raises(InputError, match="jobs.jsonl line 1"):
        persona.import_("eve", folder)
    assert "eve" not in persona.users()
