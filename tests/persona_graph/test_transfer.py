"""An export is the whole person; importing it makes an equal store."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from persona_graph.conversation import Message, Role, Turn
from persona_graph.errors import InputError
from persona_graph.memory.open_job import held
from tests.support.lived import START, Clock, everything, lived, opened


@pytest.mark.slow
async def test_a_thousand_turns_with_pictures_come_back_equal(tmp_path: Path) -> None:
    clock = Clock()
    async with opened(tmp_path / "here", clock) as here, opened(tmp_path / "there", clock) as there:
        await lived(here, 1000)
        await here.aexport("ana", tmp_path / "export")
        assert await there.aimport("ana", tmp_path / "export") == 999
        await here.areindex("ana")
        await there.areindex("ana")
        before, after = await everything(here, "ana"), await everything(there, "ana")
        assert len(before["turns"]) == 999
        assert len(before["pictures"]) == 50
        assert before["jobs"]
        assert before["erased"]
        for name, value in before.items():
            assert after[name] == value, name


async def test_a_second_import_changes_nothing_and_brings_nothing_erased_back(tmp_path: Path) -> None:
    clock = Clock()
    async with opened(tmp_path / "here", clock) as here:
        await lived(here, 40)
        await here.aexport("ana", tmp_path / "export")
        before = await everything(here, "ana")
        assert await here.aimport("ana", tmp_path / "export") == 0
        assert await everything(here, "ana") == before
        await here.aforget("ana", turn="turn-23")  # one that shows a picture
        await here.aflush("ana", close_sessions=True)
        before = await everything(here, "ana")
        await here.aimport("ana", tmp_path / "export")
        await here.aflush("ana", close_sessions=True)
        after = await everything(here, "ana")
        assert [turn.id for turn in after["turns"]] == [turn.id for turn in before["turns"]]
        assert not [m.text for m in after["memories"] if "turn-23" in m.evidence]
        digest = sorted({path.name for path in (tmp_path / "export" / "media").iterdir()})
        held = {path.name for path in (tmp_path / "here" / "media").rglob("*") if path.is_file()}
        assert len(digest) == len(held) + 1


async def test_work_that_an_erase_had_done_again_arrives_too(tmp_path: Path) -> None:
    clock = Clock()
    lines = ("Hello there.", "Nice weather today.", "I live in Porto.", "I love espresso.")
    times = [START + timedelta(days=number // 2, minutes=number) for number in range(len(lines))]
    async with opened(tmp_path / "here", clock) as here, opened(tmp_path / "there", clock) as there:
        for number, (line, at) in enumerate(zip(lines, times, strict=True)):
            said = (Message.of(Role.PERSON, line), Message.of(Role.ASSISTANT, "I see."))
            await here.arecord("ana", [Turn(id=f"turn-{number}", at=at, session="", messages=said)])
        await here.aflush("ana", close_sessions=True)
        await here.aforget("ana", turn="turn-0")
        await here.aflush("ana", close_sessions=True)
        commits = await here.engine.store.commits("ana")
        first_day, second_day = commits[:3], {commit.id for commit in commits[3:]}
        read = {name.partition("@")[2] for commit in first_day for name in commit.read}
        assert read & second_day  # it stands at its first place, and read what was learned after that
        await there.aimport("ana", await here.aexport("ana", tmp_path / "export"))
        await there.areindex("ana")
        assert await everything(there, "ana") == await everything(here, "ana")


async def test_no_worker_takes_up_a_job_before_all_has_arrived(tmp_path: Path) -> None:
    clock = Clock()
    async with opened(tmp_path / "here", clock) as here, opened(tmp_path / "there", clock) as there:
        await lived(here, 20)
        jobs, store = await here.engine.store.jobs("ana"), there.engine.store
        await here.engine.store.reschedule("ana", replace(jobs[0], attempts=2, error="no answer", parked=True))
        turns = await here.engine.store.turns("ana")
        await store.append(
            "ana", turns, [held(job) for job in await here.engine.store.jobs("ana")]
        )  # then it is killed
        until = clock.now + timedelta(seconds=20)
        assert await store.claim("ana", worker="w", now=clock.now, until=until) is None
        await there.aimport("ana", await here.aexport("ana", tmp_path / "export"))
        assert await store.jobs("ana") == await here.engine.store.jobs("ana")


@pytest.mark.parametrize("part", ["turns.jsonl", "commits.jsonl", "jobs.jsonl", "erased.jsonl", "manifest.json"])
@pytest.mark.parametrize("harm", ["missing", "cut", "garbage"])
async def test_an_export_that_is_not_whole_is_refused_and_nothing_is_written(
    tmp_path: Path, part: str, harm: str
) -> None:
    clock = Clock()
    async with opened(tmp_path / "here", clock) as here, opened(tmp_path / "there", clock) as there:
        await lived(here, 20)
        file = (await here.aexport("ana", tmp_path / "export")) / part
        lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
        if harm == "missing":
            file.unlink()
        elif harm == "cut":
            file.write_text("".join(lines[:-1]), encoding="utf-8")
        else:
            file.write_text("".join(lines[:-1]) + json.dumps([1]) + "\n", encoding="utf-8")
        with pytest.raises(InputError):
            await there.aimport("ana", tmp_path / "export")
        assert await there.ausers() == []
