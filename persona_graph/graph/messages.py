"""LangChain messages to our `Message` and back: text and image blocks in their order."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage

from persona_graph.conversation import Block, Image, Message, Role, Text
from persona_graph.errors import InputError
from persona_graph.media import Media, check_held


async def asked_message(messages: Sequence[AnyMessage], user: str, media: Media) -> Message:
    """The person's question: the trailing human messages as one `Message`; images go to `media`.

    Raises: InputError when there is none or a block cannot be kept, ImageError when one is no usable image, NotFound
    when one names an image that the user has not.
    """
    trailing: list[AnyMessage] = []
    for message in reversed(messages):
        if not isinstance(message, HumanMessage):
            break
        trailing.insert(0, message)
    blocks = [block for message in trailing for block in await _blocks(message, user, media)]
    if not blocks:
        raise InputError("there is no message to answer; the last message must be a human one with text or an image")
    return Message(role=Role.PERSON, blocks=tuple(blocks), outside_id=str(trailing[-1].id or ""))


def answer_message(text: str, turn: str) -> AIMessage:
    """The answer as LangChain knows it; its id is the turn's."""
    return AIMessage(content=text, id=f"persona-{turn}", response_metadata={"turn": turn})


async def _blocks(message: AnyMessage, user: str, media: Media) -> list[Block]:
    if isinstance(message.content, str):
        return [Text(message.content)] if message.content.strip() else []
    out: list[Block] = []
    for part in message.content:
        if isinstance(part, str):
            out.append(Text(part))
        elif part.get("type") == "text" and isinstance(part.get("text"), str):
            out.append(Text(part["text"]))
        else:
            out.append(await _image(part, user, media))
    return out


async def _image(part: dict[str, Any], user: str, media: Media) -> Image:
    """An `image_url` data URI, a base64 block of LangChain's standard content, or a digest that `media` holds."""
    if part.get("type") == "image" and "digest" in part:
        words = {name: str(part.get(key) or "") for name, key in (("caption", "caption"), ("media_type", "mime_type"))}
        image = Image(digest=part["digest"], **words)
        await check_held(media, user, [image])
        return image
    url = part.get("image_url", "")
    url = url.get("url", "") if isinstance(url, dict) else url
    data = part.get("base64") or part.get("data")
    if isinstance(url, str) and url.startswith("data:") and ";base64," in url:
        data = url.partition(";base64,")[2]
    if part.get("type") not in ("image", "image_url") or not isinstance(data, str):
        raise InputError(
            f"a block of type {repr(part.get('type'))[:40]} cannot be kept; "
            "send text, or an image as base64 or a data URI"
        )
    try:
        raw = base64.b64decode(data, validate=True)
    except ValueError as error:  # letters that base64 has not, or too few of them
        raise InputError("an image block is not valid base64") from error
    return await media.put(user, raw, caption=str(part.get("caption", "")))
