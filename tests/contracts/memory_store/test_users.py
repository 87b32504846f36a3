"""Users: any string is one, none sees another, and one who is removed leaves nothing."""

from __future__ import annotations

from typing import Any

import pytest

from persona_graph.errors import InputError, NotFound
from persona_graph.memory.store import Lookup, MemoryStore, Standing
from tests.contracts.memory_store.given import KINDS, NOON, fact, found, ids, job, take, turn


async def test_an_unknown_user_has_nothing_and_is_not_made_by_asking(store: MemoryStore) -> None:
    assert await store.turns("nobody") == []
    assert await store.jobs("nobody") == []
    assert await take(store, user="nobody") is None
    assert await store.memories("nobody") == []
    assert await store.personality("nobody") == []
    assert await store.standing("nobody") == Standing()
    assert await store.commits("nobody") == []
    assert await store.speakers("nobody") == ()
    assert await store.unembedded("nobody", 9) == []
    assert (await store.find_messages("nobody", Lookup(terms=("x",)))).total == 0
    assert (await store.find_memories("nobody", Lookup(terms=("x",), kinds=KINDS))).memories == ()
    await store.rest("nobody")
    await store.rebuild("nobody")
    await store.remove_user("nobody")
    assert await store.users() == []


async def test_one_user_never_sees_another(store: MemoryStore) -> None:
    await store.append("ana", [turn("a", 0, "camping")], [job("j", "a")])
    await store.commit("ana", fact("c", "camps"))
    assert await store.turns("bob") == []
    assert await found(store, Lookup(terms=("camp",)), user="bob") == []
    assert await store.memories("bob") == []
    assert await take(store, user="bob") is None
    assert await store.users() == ["ana"]


@pytest.mark.parametrize(
    "user", ["\0all", "a/b\\..", "\ud800\udfff lone", "名前", "x" * 10_000, "CON", "a\x00b"], ids=ascii
)
async def test_any_string_is_a_user(store: MemoryStore, user: str) -> None:
    await store.append(user, [turn("one")], [job("j", "one")])
    assert await store.users() == [user]
    assert await store.due(NOON) == [user]
    assert ids(await store.turns(user)) == ["one"]


@pytest.mark.parametrize("user", ["", " \n", 5, None, True, b"ana", ["ana"], {"ana": 1}, ("ana",), 1.5], ids=repr)
async def test_what_is_no_user_id_is_refused_with_a_sentence(store: MemoryStore, user: Any) -> None:
    for ask in (store.turns(user), store.append(user, [turn("one")]), store.remove_user(user), store.speakers(user)):
        with pytest.raises(InputError, match="a user id is a string of at least one character"):
            await ask
    await store.append("ana", [turn("one")])
    assert await store.users() == ["ana"]


LOOK_ALIKES = [
    "ana", "Ana", "\u0430n\u0430", "\uff41\uff4e\uff41", "ana ", " ana", "ana\n", "an\u200ba", "ana\0",
    "./ana", "../ana", "ana/", "ana.", "%61na", "ana\u0301", "an\u00e1", "i", "I", "\u0131", "\u0130",
    "stra\u00dfe", "strasse", "\U0001f600", "\ud83d\ude00",
]  # fmt: skip


async def test_ids_that_look_alike_are_different_users(store: MemoryStore) -> None:
    for user in LOOK_ALIKES:
        await store.append(user, [turn(f"of {user}")])
    assert sorted(await store.users()) == sorted(LOOK_ALIKES)
    for user in LOOK_ALIKES:
        assert ids(await store.turns(user)) == [f"of {user}"]
    await store.remove_user("ana")
    assert sorted(await store.users()) == sorted(LOOK_ALIKES[1:])


async def test_a_removed_user_leaves_nothing_and_may_come_back(store: MemoryStore) -> None:
    await store.append("ana", [turn("one")], [job("a", "one")])
    await store.append("bob", [turn("one")])
    await store.commit("ana", fact("c", "likes tea"))
    await store.remove_user("ana")
    assert await store.users() == ["bob"]
    assert await store.due(NOON) == []
    assert await store.turns("ana") == []
    assert await store.memories("ana") == []
    assert await store.append("ana", [turn("one")]) == ("one",)
    assert [t.ordinal for t in await store.turns("ana")] == [0]


async def test_work_for_a_user_who_was_removed_meanwhile_leaves_nothing(store: MemoryStore) -> None:
    await store.append("ana", [turn("a")], [job("j", "a")])
    running = await take(store)
    await store.remove_user("ana")
    with pytest.raises(NotFound):
        await store.commit("ana", fact("c", "likes tea", evidence=("a",)), running)
    await store.rest("ana", keep=True)
    assert await store.due(NOON) == []
    assert await store.users() == []
