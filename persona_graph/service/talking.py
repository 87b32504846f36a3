"""Talking: answer a message, or write down exchanges that happened elsewhere."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from persona_graph.blocking import blocking
from persona_graph.conversation import Image, Message, Text, Turn, TurnState
from persona_graph.engine import Engine
from persona_graph.errors import InputError
from persona_graph.media import check_held
from persona_graph.memory.open_job import OpenJob
from persona_graph.options import Options
from persona_graph.personality import Trait
from persona_graph.timerange import MOMENT, TimeRange
from persona_graph.update.delivery import deliver
from persona_graph.update.outbox import in_session

if TYPE_CHECKING:
    from persona_graph.graph.context import Event

BATCH = 64
"""Turns written in one durable step by `record`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer."""

    text: str
    turn: str
    """Its turn's id."""
    receipt: Mapping[str, Any]
    """What was read and why."""


class Talking:
    """The part of `Persona` that talks."""

    engine: Engine
    _graph: Any = None

    async def achat(
        self,
        user: str,
        message: str | Message,
        *,
        images: Sequence[bytes | str | Path] = (),
        at: datetime | None = None,
        on_event: Callable[[Event], None] | None = None,
        personality: Mapping[Trait, float] | None = None,
        read_only: bool = False,
        options: Options | None = None,
        turn: str = "",
    ) -> Reply:
        """Answer a message, writing the turn before the answer returns. `turn` answers an asked or failed one again.

        Raises: InputError, ModelUnavailable (the message is kept), StoreError, ConfigurationError.
        """
        context = {
            "user": user,
            "at": at,
            "read_only": read_only,
            "personality": {str(k): v for k, v in (personality or {}).items()},
            "options": options,
            "turn": turn,
        }
        given = {"messages": [] if turn else [await self._human(user, message, images)]}
        return await self._run(given, context, on_event)

    chat = blocking(achat)

    async def aanswer_again(self, user: str, turn: str, *, on_event: Callable[[Event], None] | None = None) -> Reply:
        """Answer a turn whose model could not be reached. Raises: NotFound, and what `chat` raises."""
        return await self.achat(user, "", turn=turn, on_event=on_event)

    answer_again = blocking(aanswer_again)

    async def aunanswered(self, user: str) -> str:
        """The id of the newest turn when it has no answer yet; empty otherwise, and when memory cannot tell."""
        waiting = [entry.turn for entry in await self.engine.spool.entries(user)]
        held = await self.engine.outage.attempt(self.engine.store.turns(user, newest=1, receipts=False))
        newest = max([*reversed(waiting), *(held or ())], key=lambda turn: turn.at, default=None)
        return newest.id if newest is not None and newest.state is not TurnState.ANSWERED else ""

    unanswered = blocking(aunanswered)

    async def aanswer_without(
        self, user: str, turn: str, ids: Collection[str] = (), *, on_event: Callable[[Event], None] | None = None
    ) -> Reply:
        """Give an answer of the past once more, as things were known then, without these memories and turns.

        Nothing is written. Without any ids it is what the model says today from the same memory, to compare with.

        Raises: NotFound for an unknown turn, and what `chat` raises.
        """
        context = {"user": user, "turn": turn, "read_only": True, "without": frozenset(_bare_id(id) for id in ids)}
        return await self._run({"messages": []}, context, on_event)

    answer_without = blocking(aanswer_without)

    async def _run(
        self, given: Mapping[str, Any], context: Mapping[str, Any], on_event: Callable[[Event], None] | None
    ) -> Reply:
        graph = self._compiled()
        if on_event is None:
            out = await graph.ainvoke(given, context=context)
        else:
            out = {}
            async for mode, chunk in graph.astream(given, context=context, stream_mode=["custom", "values"]):
                if mode == "custom":
                    on_event(chunk)
                else:
                    out = chunk
        return Reply(text=out["messages"][-1].text, turn=out["turn"], receipt=out["receipt"])

    def _compiled(self) -> Any:
        if self._graph is None:
            from persona_graph.graph.build import create_persona_graph

            self._graph = create_persona_graph(self.engine).compile()
        return self._graph

    async def _human(self, user: str, message: str | Message, images: Sequence[bytes | str | Path]) -> Any:
        """The message as the graph takes it; images are checked and kept first."""
        from langchain_core.messages import HumanMessage

        if not isinstance(message, str | Message):
            raise InputError(f"a message is a text or a Message, not {repr(message)[:80]}")
        if isinstance(message, str) and not images:
            if not message.strip():
                raise InputError("the message is empty; say something or send an image")
            return HumanMessage(message)
        blocks = [Text(message)] if isinstance(message, str) else list(message.blocks)
        kept = [*blocks, *[await self._keep(user, image) for image in images]]
        return HumanMessage([_content(block) for block in kept])

    async def _keep(self, user: str, image: bytes | str | Path) -> Image:
        data = image if isinstance(image, bytes) else await asyncio.to_thread(_read_bytes, Path(image))
        return await self.engine.media.put(user, data)

    async def arecord(self, user: str, turns: Sequence[Turn]) -> tuple[str, ...]:
        """Write exchanges that happened elsewhere, with their Update jobs; returns the ids really written.

        They are written in order of time. Turns with no session are given one from the times; a turn that is
        held already is passed over, so a stopped import is simply run again.

        Raises: NotFound when a turn holds an image that was not kept for this user; StoreError. Nothing is spooled
        when the store's server is away: the caller has the turns and gives them again.
        """
        await check_held(self.engine.media, user, (image for turn in turns for image in turn.images))
        await deliver(self.engine, user)
        written: list[str] = []
        ordered = sorted(turns, key=lambda turn: turn.at)
        for start in range(0, len(ordered), BATCH):
            batch, jobs = await self._with_sessions(user, ordered[start : start + BATCH])
            written += await self.engine.store.append(user, batch, jobs)
            self.engine.wake(user)
        return tuple(written)

    record = blocking(arecord)

    async def _with_sessions(self, user: str, turns: Sequence[Turn]) -> tuple[list[Turn], list[OpenJob]]:
        """Sessions for turns that have none; the jobs of each turn, and what closes a session that another follows."""
        gap, now = self.engine.options.session_gap, self.engine.clock()
        until = TimeRange(end=turns[0].at + MOMENT)
        before = await self.engine.store.turns(user, window=until, newest=1, receipts=False)
        last, out, jobs = (before[-1] if before else None), list[Turn](), list[OpenJob]()
        for turn in turns:
            last, opened = in_session(turn, last, now=now, gap=gap)
            out.append(last)
            jobs += opened
        return out, jobs


def _bare_id(ref: str) -> str:
    """A receipt names versions of memories (`id@commit`); an answer goes without all of them."""
    return ref.partition("@")[0]


def _content(block: Text | Image) -> dict[str, Any]:
    if isinstance(block, Text):
        return {"type": "text", "text": block.text}
    return {"type": "image", "digest": block.digest, "caption": block.caption, "mime_type": block.media_type}


def _read_bytes(path: Path) -> bytes:
    if not os.path.isfile(path):  # a pipe or a device would never end
        raise InputError(f"there is no image file {path.name[:80]!r}")
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"the image {path.name[:80]!r} cannot be read: {error.strerror}") from error
