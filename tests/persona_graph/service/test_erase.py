"""Forgetting, driven through `Persona`: what goes, what stays, what comes back, and what the receipt says."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from PIL import Image as Pillow

from persona_graph import Kind, Persona, PersonaBaseStore
from persona_graph.conversation import Image, Message, Role, Text, Turn
from persona_graph.errors import InputError
from persona_graph.memory.commit import Commit
from persona_graph.memory.operations import Add
from persona_graph.options import Options, Updates
from persona_graph.policy.offline.policy import OfflinePolicy

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)


class Clock:
    """A clock that stands until it is moved."""

    now = NOON + timedelta(days=99)

    def __call__(self) -> datetime:
        return self.now


def turn(name: str, text: str, day: float = 0, *pictures: Image, speaker: str = "") -> Turn:
    said = Message(role=Role.PERSON, blocks=(Text(text), *pictures), speaker=speaker)
    return Turn(id=name, at=NOON + day * timedelta(days=1), session=f"s{day}", messages=(said,))


def picture(shade: int) -> bytes:
    out = BytesIO()
    Pillow.new("RGB", (9, 9), (shade, 30, 60)).save(out, "PNG")
    return out.getvalue()


def bytes_in(folder: Path) -> bytes:
    """All that the store has on disk."""
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


@pytest.fixture
async def persona(tmp_path: Path) -> AsyncIterator[Persona]:
    async with Persona.open(
        f"sqlite:{tmp_path}", model="offline", options=Options(updates=Updates.OFF), clock=Clock()
    ) as opened:
        yield opened


async def test_pictures_that_cannot_be_removed_are_pending_and_hold_up_nothing(
    persona: Persona, tmp_path: Path
) -> None:
    kept = await persona.engine.media.put("ana", picture(1))
    odd = Image(digest="a name of another program")
    await persona.engine.store.append("ana", [turn("a", "Look.", 0, kept, odd)])  # no door of ours lets it in
    await persona.arecord("ana", [turn("b", "I live in Porto.", 1)])
    assert (await persona.aforget("ana", image=odd.digest)).pending == ()
    file = next((tmp_path / "media").rglob(kept.digest))
    data = file.read_bytes()
    file.unlink()
    (file / "in the way").mkdir(parents=True)  # what cannot be unlinked
    gone = await persona.aforget("ana", image=kept.digest)
    assert (gone.images, gone.pending) == (
        (kept.digest,),
        ("the folder of pictures cannot be written; until then they lie there",),
    )
    await persona.aflush("ana", close_sessions=True)
    assert "Lives in Porto" in [memory.text for memory in await persona.amemories("ana")]
    (file / "in the way").rmdir()
    file.rmdir()
    file.write_bytes(data)
    await persona.aflush("ana")
    assert not file.exists()


async def flushed(persona: Persona, *turns: Turn) -> None:
    await persona.arecord("ana", turns)
    await persona.aflush("ana", close_sessions=True)


async def the(persona: Persona, text: str) -> str:
    """Id of the memory that says or said this."""
    found = await persona.amemories("ana", history=True)
    return next(memory.id for memory in found if memory.text == text)


async def test_names_and_keywords_that_are_quoted_are_listed(persona: Persona) -> None:
    await flushed(
        persona,
        turn("a", "I live in Porto.", 0, speaker="Xanthippe Vauquelin"),
        turn("b", "Xanthippe sends her love.", 1, speaker="Ana"),
        turn("c", "The town of Zamora is far.", 2, speaker="Ana"),
    )
    fact = Add(kind=Kind.SEMANTIC, text="has a flat", keywords=("zamora",))
    await persona.engine.store.commit("ana", Commit(id="hand", job="client", at=NOON, operations=(fact,)))
    assert (await persona.aforget("ana", turn="a", dry_run=True)).quotes == {"b": ("xanthippe",)}
    assert (await persona.aforget("ana", turn="b", dry_run=True)).quotes == {}
    assert (await persona.aforget("ana", memory=await the(persona, "has a flat"))).quotes == {"c": ("zamora",)}


async def test_what_was_said_by_hand_and_undone_is_listed_and_can_be_erased(persona: Persona, tmp_path: Path) -> None:
    await flushed(persona, turn("a", "I live in Porto.", 0), turn("b", "Zamora was cold.", 1))
    home = await the(persona, "Lives in Porto")
    await persona.acorrect("ana", home, "Lives in Zamora")
    await persona.aundo("ana", (await persona.engine.store.commits("ana"))[-1].id)
    assert home in (await persona.aforget("ana", turn="b", dry_run=True)).quoting_memories
    gone = await persona.aforget("ana", topic="Zamora")
    assert (gone.turns, home in {memory.id for memory in await persona.amemories("ana")}) == (("b",), True)
    assert b"amora" not in bytes_in(tmp_path)


async def test_what_is_held_under_a_name_that_nobody_says_any_more_is_let_go(persona: Persona, tmp_path: Path) -> None:
    said = ["Every evening I row at Zamora.", "Every morning I swim in the river."]
    await flushed(persona, *(turn(name, text, day) for day, (name, text) in enumerate(zip("ab", said, strict=True))))
    habits = {memory.key for memory in await persona.amemories("ana", kinds=[Kind.PROCEDURAL])}
    for key in habits:
        await persona.afreeze("ana", f"procedural:{key}")
    await persona.aforget("ana", turn="a")
    await persona.aflush("ana")
    assert b"amora" not in bytes_in(tmp_path)
    assert len((await persona.engine.store.standing("ana")).frozen) == len(habits) - 1 == 1


async def test_an_old_export_brings_nothing_back(persona: Persona, tmp_path: Path) -> None:
    put = persona.engine.media.put
    sea, sky = [await put("ana", picture(shade), caption=f"shade{shade}") for shade in (1, 2)]
    await flushed(
        persona,
        turn("a", "I live in Porto.", 0, sea),
        turn("b", "Look at the sky.", 1, sky),
        turn("c", "I like tea.", 2),
    )
    with TemporaryDirectory() as folder:
        await persona.aexport("ana", Path(folder) / "old")
        await persona.aforget("ana", turn="a")
        await persona.aforget("ana", image=sky.digest)
        await persona.aflush("ana")
        await persona.aforget("ana", memory=await the(persona, "Likes tea"))
        assert await persona.aimport("ana", Path(folder) / "old") == 0
        await persona.aflush("ana")
    data = bytes_in(tmp_path)
    assert [
        word for word in (b"Porto", b"shade1", b"shade2", b"Likes tea", picture(1), picture(2)) if word in data
    ] == []
    assert {path.name for path in (tmp_path / "media").rglob("*") if path.is_file()} == set()


async def test_an_export_takes_its_erases_along(persona: Persona, tmp_path: Path) -> None:
    await flushed(persona, turn("a", "I live in Porto.", 0), turn("b", "I like tea.", 1))
    with TemporaryDirectory() as folder:
        other = Persona.open(f"sqlite:{folder}/other", model="offline", options=Options(updates=Updates.OFF))
        async with other:
            await persona.aexport("ana", Path(folder) / "before")
            await other.aimport("ana", Path(folder) / "before")
            await persona.aforget("ana", turn="a")
            await persona.aexport("ana", Path(folder) / "after")
            await other.aimport("ana", Path(folder) / "after")
            await other.aflush("ana", close_sessions=True)
            assert [one.id for one in await other.aturns("ana")] == ["b"]
            assert "Likes tea" in [memory.text for memory in await other.amemories("ana")]
        assert b"Porto" not in bytes_in(Path(folder) / "other")


async def test_history_that_is_read_again_brings_no_picture_back(persona: Persona, tmp_path: Path) -> None:
    kept = await persona.engine.media.put("ana", picture(1))
    await flushed(persona, turn("a", "Look.", 0, kept))
    await persona.aforget("ana", turn="a")
    await persona.engine.media.put("ana", picture(1))
    assert await persona.arecord("ana", [turn("a", "Look.", 0, kept)]) == ()
    await persona.aflush("ana")
    assert picture(1) not in bytes_in(tmp_path)


async def test_a_program_that_writes_what_was_erased_is_told(persona: Persona) -> None:
    store = PersonaBaseStore(persona)
    await store.aput(("memories", "ana"), "city", {"text": "Ana lives in Porto."})
    await persona.aforget("ana", memory=await the(persona, "Ana lives in Porto."))
    with pytest.raises(InputError, match="only they can say it again"):
        await store.aput(("memories", "ana"), "city", {"text": "Ana lives in Porto."})
    await store.aput(("memories", "ana"), "city", {"text": "Ana lives in Lisbon."})
    item = await store.aget(("memories", "ana"), "city")
    assert item is not None
    assert item.value["text"] == "Ana lives in Lisbon."


class Erasing(OfflinePolicy):
    """Whenever it thinks about a turn, the person erases another that it has read."""

    persona: Persona

    async def ask(self, job: Any, given: Any, *, on_delta: Any = None) -> Any:
        recent = getattr(given, "recent", ())
        if recent and given.turn.id == "last":
            await self.persona.aforget("ana", turn=recent[-1].id)
        return await super().ask(job, given, on_delta=on_delta)


async def test_work_whose_reading_is_erased_is_done_again_over_what_is_left_but_not_for_ever(tmp_path: Path) -> None:
    options = Options(updates=Updates.OFF, retry_delays_s=(0.0, 0.0))
    policy = Erasing()
    async with Persona.open(f"sqlite:{tmp_path}", policy=policy, options=options, clock=Clock()) as persona:
        policy.persona = persona
        said = [turn(f"t{n}", f"I like tea number {n}.", n / 1000) for n in range(9)]
        await persona.arecord("ana", [*said, turn("last", "I live in Porto.", 9 / 1000)])
        flushed = await persona.aflush("ana")
        assert [(job.name, job.attempts) for job in flushed.parked] == [
            ("infer_personality", 3),
            ("extract_semantic", 3),
        ]
        assert len(await persona.aturns("ana")) == 4
