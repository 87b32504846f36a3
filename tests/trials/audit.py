"""The audit of a whole store: every user of it against the ledger of what they were promised, and every file."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from pathlib import Path

from persona_graph import open_store
from persona_graph.errors import StoreError
from persona_graph.media import FolderMedia
from persona_graph.memory.store import MemoryStore
from tests.trials import findings, holdings
from tests.trials.findings import Findings
from tests.trials.ledger import Ledger


async def check_copy(folder: Path, ledgers: Collection[Ledger], copy: Path) -> Findings:
    """Look at a copy, which nobody has opened since the kill: the next child shall recover the store itself."""
    if not folder.exists():
        return await check(copy, ledgers)
    shutil.copytree(folder, copy)
    found = await check(copy, ledgers)
    shutil.rmtree(copy)
    return found


async def check(folder: Path, ledgers: Collection[Ledger]) -> Findings:
    """What a store that nobody else has open does not keep of what was promised."""
    found, store = Findings(), open_store(f"sqlite:{folder}")
    try:
        for ledger in ledgers:
            found.add(await _of_user(store, folder, ledger))
        if strangers := set(await store.users()) - {ledger.user for ledger in ledgers}:
            found.corrupt.append(f"there are users whom nobody knows: {sorted(strangers)}")
    except StoreError as error:
        found.corrupt.append(str(error))
    finally:
        await store.close()
    for path in (folder / "users").glob("*.db"):
        found.add(findings.of_file(path))
    return found


async def _of_user(store: MemoryStore, folder: Path, ledger: Ledger) -> Findings:
    held, media = await holdings.read(store, ledger.user), FolderMedia(folder / "media")
    found = ledger.settle(held)
    found.add(ledger.compare(held))
    found.add(findings.of_holdings(held))
    whole = await holdings.whole_images(media, ledger.user, ledger.images)
    found.lost += [f"{ledger.user}: image {digest} is not there" for digest in ledger.images - whole]
    there = await holdings.whole_images(media, ledger.user, ledger.images_gone)
    found.lost += [f"{ledger.user}: erased image {digest} is there" for digest in there]
    return found


async def check_finished(folder: Path, ledgers: Collection[Ledger]) -> Findings:
    """What is left of work when all was done, and what a rebuild changes."""
    found, store = Findings(), open_store(f"sqlite:{folder}")
    for ledger in ledgers:
        held = await holdings.read(store, ledger.user)
        found.lost += [f"{ledger.user}: {job.name} is still open" for job in held.jobs]
        await store.rebuild(ledger.user)
        if (await holdings.read(store, ledger.user)).projected != held.projected:
            found.corrupt.append(f"{ledger.user}: a rebuild changes the projections")
    due = await store.due(datetime.max.replace(tzinfo=UTC))
    found.lost += [f"{user} has nothing left to do and a marker of work" for user in due]
    await store.close()
    return found


async def remains(folder: Path, ledgers: Collection[Ledger]) -> dict[str, int]:
    """What an erase or a kill leaves behind."""
    store, media = open_store(f"sqlite:{folder}"), FolderMedia(folder / "media")
    redone = images = 0
    for ledger in ledgers:
        redone += len(findings.undone_work(await holdings.read(store, ledger.user)))
        images += len(await holdings.whole_images(media, ledger.user, ledger.images_left))
    await store.close()
    return {"not_redone": redone, "images_left": images, "parts_left": sum(1 for _ in _parts(folder))}


def _parts(folder: Path) -> Iterator[Path]:
    """Files that were being written when a kill came."""
    return folder.rglob("*.part")
