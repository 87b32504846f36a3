"""Loaders: each format in a sample made here, what is refused, and the real files where they are at hand."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from persona_graph.conversation import Image, Message, Role, Text
from persona_graph.errors import InputError, UnknownFormat
from persona_graph.ingest import Format, History, Picture, detect, load

DATA = Path(__file__).parents[4] / "shared" / "data"

LOCOMO: list[dict[str, Any]] = [
    {
        "sample_id": "conv-1",
        "qa": [{"question": "What is the cat called?", "answer": "Miso"}],
        "conversation": {
            "speaker_a": "Ana",
            "speaker_b": "Bo",
            "session_10_date_time": "12:09 am on 13 September, 2023",
            "session_10": [{"speaker": "Ana", "dia_id": "D10:1", "text": "Back again."}],
            "session_2_date_time": "1:56 pm on 8 May, 2023",
            "session_2": [
                {"speaker": "Bo", "dia_id": "D2:1", "text": "Hi Ana!"},
                {"speaker": "Ana", "dia_id": "D2:2", "text": "Hi! This is Miso."},
                {
                    "speaker": "Ana",
                    "dia_id": "D2:3",
                    "text": "Look.",
                    "img_url": ["https://example.org/1.jpg"],
                    "blip_caption": "a photo of a cat",
                    "query": "secret search phrase",
                },
                {"speaker": "Bo", "dia_id": "D2:4", "text": "Sweet."},
                {"speaker": "Ana", "dia_id": "D2:5", "text": "She is."},
            ],
        },
    }
]
MEMORYBANK: dict[str, Any] = {
    " Ana ": {
        "name": "Ana",
        "meta_information": {"personality": "shy"},
        "history": {
            "2023-04-28": [{"query": "Hello again.", "response": "Hello!"}],
            "2023-04-27": [
                {"query": "My dog is Rufus.", "response": "A fine name."},
                {"query": "Bye.", "response": "Bye!"},
            ],
        },
    },
    "张": {"name": "张", "history": {"2023-04-27": [{"query": "你好", "response": "你好！"}]}},
}
MME: dict[str, Any] = {
    "profile": {"name": "Ana", "age": 31, "hobbies": ["chess", "rowing"], "pets": {"dog": "Rufus"}, "job": None},
    "sessions": [
        [{"time": "2024-05-12 18:30", "user": "<img> My dog. <img>And <img>", "assistant": "Nice <img>!"}],
        [{"time": "2024-05-14 08:00 (Tuesday)", "user": "Morning.", "assistant": "Good morning."}],
    ],
    "imgs": ["./data/samples/ana/rufus.png", "gone.png"],
}
LINES: list[dict[str, Any]] = [
    {"at": "2024-05-13 09:00", "user": "Second.", "assistant": "Yes."},
    {
        "at": "2024-05-12T20:30:00+02:00",
        "session": "trip",
        "messages": [
            {"role": "user", "text": "Look!", "images": ["rufus.png", "gone.png"], "speaker": "Ana", "id": "m-17"},
            {"role": "assistant", "text": "What a dog."},
        ],
    },
]


def written(folder: Path, data: Any, name: str = "file.json") -> Path:
    path = folder / name
    path.write_text(json.dumps(data), encoding="utf-8")
    return path


def lines(folder: Path, rows: list[Any], name: str = "diary.jsonl") -> Path:
    path = folder / name
    path.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows), encoding="utf-8")
    return path


def said(history: History) -> list[list[str]]:
    return [[message.text for message in turn.messages] for turn in history.turns]


@pytest.fixture
def rufus(tmp_path: Path) -> Path:
    path = tmp_path.resolve() / "rufus.png"
    path.write_bytes(b"bytes that Media would judge")
    return path


def test_locomo_orders_sessions_by_number_and_pairs_messages_into_exchanges(tmp_path: Path) -> None:
    found = load(written(tmp_path, LOCOMO))
    (history,) = found.histories
    assert found.format is Format.LOCOMO
    assert said(history) == [["Hi Ana!", "Hi! This is Miso.", "Look.", "Sweet."], ["She is."], ["Back again."]]
    assert [(turn.at, turn.session) for turn in history.turns] == [
        (datetime(2023, 5, 8, 13, 56, tzinfo=UTC), "conv-1/2"),
        (datetime(2023, 5, 8, 14, 0, tzinfo=UTC), "conv-1/2"),
        (datetime(2023, 9, 13, 0, 9, tzinfo=UTC), "conv-1/10"),
    ]
    assert history.turns[0].messages[2] == Message(
        role=Role.PERSON,
        blocks=(Text("Look."), Image(digest="", caption="a photo of a cat")),
        speaker="Ana",
        outside_id="D2:3",
    )
    assert history.turns[0].messages[3].role is Role.ASSISTANT
    assert (history.user_hint, history.name, history.messages) == ("conv-1", "conv-1", 6)


def test_locomo_search_phrases_and_answers_are_never_read(tmp_path: Path) -> None:
    assert "secret" not in repr(load(written(tmp_path, LOCOMO)))


def test_memorybank_gives_a_turn_an_exchange_and_a_session_a_day(tmp_path: Path) -> None:
    ana, zhang = load(written(tmp_path, MEMORYBANK)).histories
    assert said(ana) == [["My dog is Rufus.", "A fine name."], ["Bye.", "Bye!"], ["Hello again.", "Hello!"]]
    assert [(turn.at.isoformat(), turn.session) for turn in ana.turns] == [
        ("2023-04-27T09:00:00+00:00", "2023-04-27"),
        ("2023-04-27T09:01:00+00:00", "2023-04-27"),
        ("2023-04-28T09:00:00+00:00", "2023-04-28"),
    ]
    assert [message.outside_id for message in ana.turns[1].messages] == ["2023-04-27#1:q", "2023-04-27#1:r"]
    assert (ana.user_hint, ana.name, zhang.user_hint) == ("ana", "Ana", "张")
    assert "shy" not in repr(ana)


def test_persona_mme_places_images_in_order_and_brings_the_profile(tmp_path: Path, rufus: Path) -> None:
    (history,) = load(written(tmp_path, MME)).histories
    first, second = history.turns
    assert first.messages[0].blocks == (
        Image(digest=""),
        Text("My dog."),
        Image(digest="", caption="gone.png"),
        Text("And <img>"),
    )
    assert first.messages[1].text == "Nice <img>!"
    assert history.pictures == (Picture(turn=first.id, message=0, block=0, path=rufus),)
    assert history.warnings == (
        f"{tmp_path.name}, session 1, exchange 1: the image gone.png is missing; its name stands for it",
    )
    assert history.profile == {"name": "Ana", "age": "31", "hobbies": "chess, rowing", "pets": "dog: Rufus"}
    assert second.at == datetime(2024, 5, 14, 8, tzinfo=UTC)
    assert second.session == f"{tmp_path.name}/2"


def test_an_image_outside_the_users_folder_is_not_read(tmp_path: Path) -> None:
    folder = tmp_path / "ana"
    folder.mkdir()
    (tmp_path / "other.png").write_bytes(b"not hers")
    (folder / "link.png").symlink_to(tmp_path / "other.png")
    session = [{"time": "2024-05-12", "user": "<img><img>", "assistant": "Nice."}]
    data = {"profile": {}, "sessions": [session], "imgs": ["../other.png", "link.png"]}
    (history,) = load(written(folder, data)).histories
    assert history.pictures == ()
    assert len(history.warnings) == 2


def test_jsonl_is_sorted_by_time_and_keeps_what_it_says(tmp_path: Path, rufus: Path) -> None:
    (history,) = load(lines(tmp_path, [LINES[0], "", LINES[1]])).histories
    first, second = history.turns
    assert (first.at, first.session) == (datetime.fromisoformat("2024-05-12T20:30:00+02:00"), "trip")
    assert first.messages[0] == Message(
        role=Role.PERSON,
        blocks=(Text("Look!"), Image(digest=""), Image(digest="", caption="gone.png")),
        speaker="Ana",
        outside_id="m-17",
    )
    assert [(p.message, p.block, p.path.resolve()) for p in history.pictures] == [(0, 1, rufus)]
    assert (second.at, second.session) == (datetime(2024, 5, 13, 9, tzinfo=UTC), "")
    assert [m.role for m in second.messages] == [Role.PERSON, Role.ASSISTANT]
    assert history.user_hint == "diary"


@pytest.mark.parametrize("name", ["../other/rufus.png", "{other}/rufus.png", "link.png", "below/rufus.png", "nul\0"])
def test_an_image_outside_the_folder_of_the_file_is_not_taken(tmp_path: Path, rufus: Path, name: str) -> None:
    other, folder = tmp_path / "other", tmp_path / "folder"
    for place in (other, folder):
        place.mkdir()
    rufus.rename(other / "rufus.png")
    (folder / "link.png").symlink_to(other / "rufus.png")
    (folder / "below").symlink_to(other)
    row = {"at": "2024-05-12", "messages": [{"role": "user", "images": [name.format(other=other)]}]}
    (folder / "ana.jsonl").write_text(json.dumps(row), encoding="utf-8")
    (history,) = load(folder / "ana.jsonl").histories
    assert history.pictures == ()
    assert "is missing" in history.warnings[0]


@pytest.mark.parametrize(
    "text", ["[" * 100_000, '{"at": ' * 50_000, "9" * 10_000, '{"at": "\ud800"}', "\x00"], ids=ascii
)
def test_hostile_lines_are_refused_with_one_sentence(tmp_path: Path, text: str) -> None:
    for name in ("a.jsonl", "a.json"):
        (tmp_path / name).write_text(text, encoding="utf-8", errors="backslashreplace")
        with pytest.raises(InputError):
            load(tmp_path / name)


def test_kept_images_take_their_places(tmp_path: Path, rufus: Path) -> None:
    (history,) = load(lines(tmp_path, LINES)).histories
    kept = {picture.path: Image(digest="d1", caption="", media_type="image/png") for picture in history.pictures}
    assert [image.digest for image in history.with_images(kept)[0].images] == ["d1", ""]
    assert history.with_images({}) == history.turns


def test_ids_are_the_same_again_and_when_the_file_has_grown(tmp_path: Path) -> None:
    before = load(lines(tmp_path, LINES)).histories[0]
    grown = load(lines(tmp_path, [{"at": "2024-01-01", "user": "Early.", "assistant": "Hm."}, *LINES])).histories[0]
    assert [turn.id for turn in before.turns] == [turn.id for turn in grown.turns[1:]]
    assert len({turn.id for turn in grown.turns}) == 3


def test_turns_of_one_time_have_ids_of_their_own(tmp_path: Path) -> None:
    row = {"at": "2024-05-12", "user": "Yes.", "assistant": "Yes."}
    (history,) = load(lines(tmp_path, [row, row])).histories
    assert len({turn.id for turn in history.turns}) == 2


@pytest.mark.parametrize("sample", ["conv-2", "Conv-2 "])
def test_a_sample_can_be_picked(tmp_path: Path, sample: str) -> None:
    two = [LOCOMO[0], {**LOCOMO[0], "sample_id": "Conv-2"}]
    assert [history.name for history in load(written(tmp_path, two), sample=sample).histories] == ["Conv-2"]


def test_an_unknown_sample_is_answered_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="file.json has no sample 'Eva'; it has Ana, 张"):
        load(written(tmp_path, MEMORYBANK), sample="Eva")


@pytest.mark.parametrize("data", [[], {}, 3, [{"a": 1}], {"messages": []}, {"Ana": {"story": 1}}])
def test_an_unknown_format_names_the_four(tmp_path: Path, data: Any) -> None:
    assert detect(data) is None
    with pytest.raises(UnknownFormat, match="LoCoMo, MemoryBank, Persona-MME user_data.json, or a JSONL"):
        load(written(tmp_path, data))


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [
        ([LINES[0], "{oops"], "line 2: this is not one JSON object"),
        (["", "{oops"], "line 2: this is not one JSON object"),
        ([LINES[0], "[1]"], "line 2: a JSON object is expected, this is list"),
        ([LINES[0], {"at": "tomorrow", "user": "a", "assistant": "b"}], "line 2: 'tomorrow' is not a date or time"),
        ([LINES[0], {"at": "2024-01-01", "user": "a"}], "line 2: assistant: Field required"),
        ([LINES[0], {"at": "2024-01-01", "messages": []}], "line 2: messages: List should have at least 1 item"),
        ([LINES[0], {"at": "2024-01-01", "messages": [{"role": "cat"}]}], "line 2: messages.0.role: Input should be"),
        ([LINES[0], {**LINES[0], "sesion": "x"}], "line 2: sesion: Extra inputs are not permitted"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, rows: list[Any], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        load(lines(tmp_path, rows))


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"session_2_date_time": "noon"}, "conv-1, session_2: 'noon' is no time of a session"),
        ({"session_2": {"a": 1}}, "conv-1, session_2: a list of messages is expected, this is dict"),
        (
            {"session_2": [{"speaker": "Eve", "dia_id": "D2:1", "text": ""}]},
            "message 1: 'Eve' is neither 'Ana' nor 'Bo'",
        ),
        ({"session_2": [{"speaker": "Ana", "text": ""}]}, "session_2, message 1: dia_id: Field required"),
        ({"speaker_b": "Ana"}, "speaker_a and speaker_b are both 'Ana'"),
    ],
)
def test_a_bad_locomo_file_is_refused_whole(tmp_path: Path, change: dict[str, Any], complaint: str) -> None:
    conversation = {**LOCOMO[0]["conversation"], **change}
    with pytest.raises(InputError, match=complaint):
        load(written(tmp_path, [{**LOCOMO[0], "conversation": conversation}]))


def test_a_bad_day_and_a_bad_exchange_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Ana, Monday: 'Monday' is no date"):
        load(written(tmp_path, {"Ana": {"history": {"Monday": [{"query": "a", "response": "b"}]}}}))
    with pytest.raises(InputError, match="Ana, 2023-04-27, exchange 0: response: Field required"):
        load(written(tmp_path, {"Ana": {"history": {"2023-04-27": [{"query": "a"}]}}}))
    with pytest.raises(InputError, match="session 1, exchange 1: 'noon' is not a date"):
        load(written(tmp_path, {**MME, "sessions": [[{"time": "noon", "user": "a", "assistant": "b"}]]}))


def test_a_file_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read: No such file"):
        load(tmp_path / "nowhere.json")
    (tmp_path / "latin.json").write_bytes(b"\xff\xfe\xe9")
    with pytest.raises(InputError, match="is not UTF-8 text"):
        load(tmp_path / "latin.json")
    (tmp_path / "empty.jsonl").write_text("\n", encoding="utf-8")
    with pytest.raises(UnknownFormat, match=r"empty.jsonl is empty"):
        load(tmp_path / "empty.jsonl")
    (tmp_path / "prose.txt").write_text("Dear diary", encoding="utf-8")
    with pytest.raises(InputError, match=r"prose.txt is not JSON"):
        load(tmp_path / "prose.txt")


def real(*parts: str) -> Path:
    path = DATA.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"the real data is not at {path}")
    return path


def test_the_real_locomo_conversation_is_whole() -> None:
    (history,) = load(real("locomo", "locomo_dev.json"), sample="conv-26").histories
    ids = [message.outside_id for turn in history.turns for message in turn.messages]
    assert (history.messages, len(set(ids))) == (419, 419)
    assert list(history.turns) == sorted(history.turns, key=lambda turn: turn.at)


@pytest.mark.parametrize("language", ["en", "cn"])
def test_the_real_memorybank_is_whole(language: str) -> None:
    histories = load(real("memorybank", f"memory_bank_{language}.json")).histories
    assert len(histories) == 15
    assert sum(len(history.turns) for history in histories) == 566
    assert sum(history.messages for history in histories) == 1132
