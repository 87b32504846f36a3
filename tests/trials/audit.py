"""The audit of a whole store: every user of it against the ledger of what they were promised, and every file."""

from __future__ import annotations

import shutil
from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path

from persona_graph.errors import StoreError
from persona_graph.media import FolderMedia
from persona_graph.memory.store import MemoryStore, Unsettled
from persona_graph.user_id import file_name
from tests.trials import findings, holdings
from tests.trials.findings import Findings
from tests.trials.ledger import Ledger
from tests.trials.place import Place


async def check_copy(place: Place, ledgers: Collection[Ledger], copy: Path) -> Findings:
    """Look at a copy, which nobody has opened since the kill: the next child shall recover the store itself.

    What a server has is looked at where it is.
    """
    if place.server:
        return await check(place, ledgers)
    if not place.folder.exists():
        return await check(Place(copy), ledgers)
    shutil.copytree(place.folder, copy)
    found = await check(Place(copy), ledgers)
    shutil.rmtree(copy)
    return found


async def check(place: Place, ledgers: Collection[Ledger]) -> Findings:
    """What a store that nobody else has open does not keep of what was promised."""
    found, store, folder = Findings(), place.store(), place.folder
    files = {ledger.user: _bytes_of(folder, ledger.user) for ledger in ledgers}
    try:
        for ledger in ledgers:
            found.add(await _of_user(store, place, ledger, files[ledger.user]))
        if strangers := set(await store.users()) - {ledger.user for ledger in ledgers}:
            found.corrupt.append(f"there are users whom nobody knows: {sorted(strangers)}")
    except StoreError as error:
        found.corrupt.append(str(error))
    finally:
        await store.close()
    for path in (folder / "users").glob("*.db"):
        found.add(findings.of_file(path))
    return found


def _bytes_of(folder: Path, user: str) -> bytes:
    return b"".join(path.read_bytes() for path in (folder / "users").glob(f"{file_name(user)}*"))


async def _of_user(store: MemoryStore, place: Place, ledger: Ledger, files: bytes) -> Findings:
    held, media = await holdings.read(store, ledger.user), FolderMedia(place.folder / "media")
    found = ledger.settle(held)
    found.add(ledger.compare(held))
    found.lost += ledger.words_left(held, files)
    found.add(findings.of_holdings(held, in_one_step=not place.server))
    whole = await holdings.whole_images(media, ledger.user, ledger.images)
    found.lost += [f"{ledger.user}: image {digest} is not there" for digest in ledger.images - whole]
    there = await holdings.whole_images(media, ledger.user, ledger.images_gone)
    found.lost += [f"{ledger.user}: erased image {digest} is there" for digest in there]
    return found


async def check_finished(place: Place, ledgers: Collection[Ledger]) -> Findings:
    """What is left of work when all was done, and what a rebuild changes."""
    found, store, media = Findings(), place.store(), FolderMedia(place.folder / "media")
    for ledger in ledgers:
        held = await holdings.read(store, ledger.user)
        found.add(findings.of_holdings(held))
        found.lost += [f"{ledger.user}: {job.name} over {', '.join(job.turns)} is still open" for job in held.jobs]
        if await store.unsettled(ledger.user) != Unsettled():
            found.lost.append(f"{ledger.user}: an erase is not settled")
        left = await holdings.whole_images(media, ledger.user, ledger.images_going)
        found.lost += [f"{ledger.user}: erased image {digest} is still there" for digest in left]
        await store.rebuild(ledger.user)
        if (await holdings.read(store, ledger.user)).projected != held.projected:
            found.corrupt.append(f"{ledger.user}: a rebuild changes the projections")
    # On a server an erase of the last minutes is to be looked after once more.
    due = await store.due(datetime.now(UTC) if place.server else datetime.max.replace(tzinfo=UTC))
    found.lost += [f"{user} has nothing left to do and a marker of work" for user in due]
    await store.close()
    return found


def parts_left(folder: Path) -> int:
    """How many files lie there that were being written when a kill came."""
    return sum(1 for _ in folder.rglob("*.part"))
