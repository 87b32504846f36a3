"""`persona chat`: images, a model that fails, and the wait at the end."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from rich.console import Console
from typer.testing import Result

from persona_graph import Persona
from persona_graph.cli import chat
from persona_graph.cli.chat import Conversation
from persona_graph.cli.views.style import THEME
from persona_graph.errors import InputError, ModelUnavailable
from persona_graph.options import Options, Updates
from persona_graph.personality import Trait
from persona_graph.policy.scripted import ScriptedPolicy
from persona_graph.settings import Settings, load_settings

Run = Callable[..., Result]

REPLY = "<think>Nothing to look up.</think><answer>I see.</answer>"
NEUTRAL = json.dumps({trait.value: 3 for trait in Trait} | {"words": []})
SAID = {"reason": REPLY, "infer_personality": NEUTRAL, "extract_semantic": '{"operations": []}'}


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "my dog.png"
    Image.new("RGB", (4, 4), "red").save(path)
    return path


@pytest.fixture
def settings(store: Path) -> Settings:
    return load_settings({}, None, {"store": f"sqlite:{store}", "user": "ana", "model": "scripted"})


class Model:
    """Says what `SAID` holds, unless it is down."""

    def __init__(self) -> None:
        self.down = False

    def __call__(self, job: Any, given: Any) -> str:
        if self.down:
            raise ModelUnavailable("the model does not answer at http://localhost:11434")
        return SAID[job.name]


@pytest.fixture
def model() -> Model:
    return Model()


@pytest.fixture
def persona(store: Path, model: Model) -> Iterator[Persona]:
    with Persona.open(f"sqlite:{store}", policy=ScriptedPolicy(model), options=Options(updates=Updates.OFF)) as opened:
        yield opened


def test_an_image_goes_with_the_words_behind_it(run: Run, picture: Path, store: Path) -> None:
    result = run("chat", says=f'/image "{picture}" My dog.\n/quit\n')
    assert result.exit_code == 0, result.output
    assert "persona" in result.stdout
    with Persona.open(f"sqlite:{store}") as opened:
        (turn,) = opened.turns("ana")
    assert turn.messages[0].text == "My dog."
    assert len(turn.images) == 1


def test_an_image_alone_waits_for_the_next_message(run: Run, picture: Path, store: Path) -> None:
    result = run("chat", says=f'/image "{picture}"\nMy dog.\n')
    assert "kept my dog.png, 1 kB; it goes with your next message" in result.stdout
    with Persona.open(f"sqlite:{store}") as opened:
        assert len(opened.turns("ana")[0].images) == 1


def test_an_image_that_the_input_does_not_follow_is_sent_alone(run: Run, picture: Path, store: Path) -> None:
    assert run("chat", "--image", str(picture), says="").exit_code == 0
    with Persona.open(f"sqlite:{store}") as opened:
        (turn,) = opened.turns("ana")
    assert len(turn.images) == 1


def test_an_image_that_was_not_sent_is_named(run: Run, picture: Path) -> None:
    assert "not sent: my dog.png" in run("chat", says=f'/image "{picture}"\n/quit\n').stderr


def test_one_message_may_be_a_command(run: Run, store: Path) -> None:
    run("chat", "Hello!")
    assert "model calls" in run("chat", "/why").stdout
    assert "/again" in run("chat", "/help").stdout
    assert run("chat", "/nonsense").exit_code == 2
    with Persona.open(f"sqlite:{store}") as opened:
        assert len(opened.turns("ana")) == 1


def test_the_prompt_is_plain_where_there_are_no_colours() -> None:
    assert chat._prompt() == "      you "


def test_the_colours_of_the_prompt_take_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("readline")
    monkeypatch.setattr(chat, "console", Console(force_terminal=True, color_system="standard", theme=THEME))
    prompt = chat._prompt()
    assert "\x1b" in prompt
    assert re.sub("\001[^\002]*\002", "", prompt) == "      you "


def test_what_is_no_image_is_refused_in_one_sentence(run: Run, tmp_path: Path, store: Path) -> None:
    text = tmp_path / "notes.png"
    text.write_text("not an image", encoding="utf-8")
    result = run("chat", "Look!", "--image", str(text))
    assert result.exit_code == 2
    assert "Traceback" not in result.output


def test_a_message_that_could_not_be_answered_is_kept_and_answered_again(
    persona: Persona, settings: Settings, model: Model, capsys: pytest.CaptureFixture[str]
) -> None:
    talk = Conversation(persona, settings)
    model.down = True
    with pytest.raises(ModelUnavailable):
        talk.say("Hello!")
    assert talk.unanswered
    model.down = False
    later = Conversation(persona, settings)
    later._do("/again")
    assert "I see." in capsys.readouterr().out
    assert not later.unanswered
    with pytest.raises(InputError, match="every message is answered"):
        later._do("/again")
    (turn,) = persona.turns("ana")
    assert [message.text for message in turn.messages] == ["Hello!", "I see."]


def test_leaving_says_what_it_waits_for(
    persona: Persona, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    Conversation(persona, settings).say("Hello!")
    capsys.readouterr()
    chat.finish(persona, settings)
    out = capsys.readouterr().out
    assert out.splitlines() == ["finishing 2 updates ...", "done"]
    chat.finish(persona, settings)
    assert capsys.readouterr().out == ""


def test_leaving_says_what_is_left_to_a_worker(
    persona: Persona, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    Conversation(persona, settings).say("Hello!")
    capsys.readouterr()
    chat.finish(persona, settings.model_copy(update={"options": {"updates": "off"}}))
    assert "2 updates left to `persona worker`." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("rest", "path", "words"),
    [
        ("a.png", "a.png", ""),
        ("a.png look at this", "a.png", "look at this"),
        ('"my dog.png" look', "my dog.png", "look"),
        ("it's.png look", "it's.png", "look"),
    ],
)
def test_a_path_may_be_quoted(rest: str, path: str, words: str) -> None:
    assert chat.split_path(rest) == (Path(path), words)
