"""What comes in as LangChain messages: text and images in their order, and nothing that is somebody else's."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import HumanMessage
from PIL import Image as Pillow

from persona_graph import Options, Persona, create_response_graph
from persona_graph.conversation import Image, Message, Role, Text, Turn
from persona_graph.errors import InputError, NotFound, PersonaError
from persona_graph.options import Updates

NOW = datetime(2024, 6, 1, 12, tzinfo=UTC)
Open = Callable[[], Persona]


def picture(shade: int) -> bytes:
    out = BytesIO()
    Pillow.new("RGB", (4, 4), (shade, 0, 0)).save(out, "PNG")
    return out.getvalue()


@pytest.fixture
def opened(tmp_path: Path) -> Open:
    def make() -> Persona:
        options = Options(updates=Updates.OFF)
        return Persona.open(f"sqlite:{tmp_path}", model="offline", options=options, clock=lambda: NOW)

    return make


async def said(persona: Persona, user: str, content: Any) -> tuple[Any, ...]:
    """The blocks that are kept of a message of this content."""
    graph = create_response_graph(persona).compile()
    await graph.ainvoke({"messages": [HumanMessage(content)]}, context={"user": user})
    return (await persona.aturns(user))[-1].messages[0].blocks


async def test_an_image_is_taken_by_bytes_and_by_the_digest_of_what_is_kept(opened: Open) -> None:
    data = picture(1)
    digest, coded = sha256(data).hexdigest(), base64.b64encode(data).decode()
    async with opened() as it:
        for block in (
            {"type": "image", "base64": coded},
            {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{coded}"}},
            {"type": "image_url", "image_url": f"data:image/png;base64,{coded}"},
            {"type": "image", "digest": digest, "mime_type": "image/png"},
        ):
            blocks = await said(it, "ana", ["look", block, {"type": "text", "text": "what is it?"}])
            assert blocks == (Text("look"), Image(digest=digest), Text("what is it?"))


@pytest.mark.parametrize(
    "digest",
    [sha256(picture(1)).hexdigest(), "a" * 64, "../ana", "..", "\0", "\ud800", "A" * 64, 5, None, [], {}, b"x"],
)
async def test_a_digest_that_this_user_has_not_is_refused_by_every_door(opened: Open, digest: Any) -> None:
    async with opened() as it:
        await it.achat("ana", "Look!", images=[picture(1)])
        image: Any = Image(digest=digest, caption="mine")
        message = Message(role=Role.PERSON, blocks=(Text("look"), image))
        with pytest.raises(NotFound):
            await said(it, "eve", ["look", {"type": "image", "digest": digest}])
        with pytest.raises(NotFound):
            await it.achat("eve", message)
        with pytest.raises(NotFound):
            await it.arecord("eve", [Turn(id="t", at=NOW, session="", messages=(message,))])
        assert await it.ausers() == ["ana"]


async def test_an_image_of_which_only_the_caption_is_known_is_kept(opened: Open) -> None:
    message = Message(role=Role.PERSON, blocks=(Text("look"), Image(digest="", caption="a kite")))
    async with opened() as it:
        await it.achat("ana", message)
        assert (await it.aturns("ana"))[0].messages[0].blocks[1] == Image(
            digest="", caption="a kite", media_type="image/png"
        )
        await it.arecord("ana", [Turn(id="t", at=NOW, session="", messages=(message,))])


@pytest.mark.parametrize(
    "block",
    [
        {"type": "text"},
        {"type": "text", "text": 5},
        {"type": "text", "text": None},
        {},
        {"type": "file", "base64": "JVBERi0="},
        {"type": "image", "base64": "not base64!"},
        {"type": "image", "base64": "\u00e9\u00e9\u00e9\u00e9"},
        {"type": "image", "base64": 5},
        {"type": "image", "url": "http://example.com/a.png"},
        {"type": "image", "url": "file:///etc/passwd"},
        {"type": "image_url", "image_url": {"url": 5}},
        {"type": "image_url", "image_url": "data:image/png;base64,"},
        {"type": "x" * 100_000},
        {"type": ["image"], "digest": "a" * 64},
    ],
    ids=lambda block: repr(block)[:40],
)
async def test_a_block_that_cannot_be_kept_is_refused_with_one_sentence(opened: Open, block: Any) -> None:
    async with opened() as it:
        with pytest.raises(InputError) as caught:
            await said(it, "ana", ["look", block])
        assert len(str(caught.value)) < 250
        assert await it.ausers() == []


@pytest.mark.parametrize("message", [5, None, b"hello", ["hello"], {"text": "hello"}, "", "  \n"], ids=repr)
async def test_what_is_no_message_is_refused(opened: Open, message: Any) -> None:
    async with opened() as it:
        with pytest.raises(InputError, match="message"):
            await it.achat("ana", message)
        assert await it.ausers() == []


@pytest.mark.parametrize(
    "image", [b"", "nul\0", "\ud800", "no/such/file", "", "x" * 5_000, Path("/dev/null"), b"\x89PNG"]
)
async def test_what_is_no_image_is_refused(opened: Open, image: Any) -> None:
    async with opened() as it:
        with pytest.raises(PersonaError) as caught:
            await it.achat("ana", "look", images=[image])
        assert len(str(caught.value)) < 250
        assert await it.ausers() == []
