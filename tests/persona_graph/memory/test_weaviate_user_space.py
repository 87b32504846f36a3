"""What is put off behind a user's writes: it runs in turn, and what fails stops nothing."""

from __future__ import annotations

import pytest

from persona_graph.errors import StoreAway
from persona_graph.memory.weaviate.address import parse
from persona_graph.memory.weaviate.link import Link
from persona_graph.memory.weaviate.tenant import Tenant
from persona_graph.memory.weaviate.user_space import UserSpace
from persona_graph.personality import NeutralPolicy


@pytest.fixture
def space() -> UserSpace:
    made = UserSpace("ana", Tenant(Link(parse("weaviate://localhost"), None), "ana"), NeutralPolicy.VECTOR)
    made.opened = True
    return made


async def fails(error: Exception) -> None:
    raise error


async def test_a_store_that_is_away_leaves_the_work_for_the_next_look(space: UserSpace) -> None:
    space.later(fails(StoreAway("gone")))
    assert not await space.settled()


async def test_work_that_fails_in_an_unforeseen_way_is_told_once_and_stops_nothing(space: UserSpace) -> None:
    done = []

    async def works() -> None:
        done.append("work")

    space.later(fails(ValueError("unforeseen")))
    with pytest.raises(ValueError, match="unforeseen"):
        await space.settled()
    assert not await space.settled()
    space.later(fails(ValueError("unforeseen")))
    space.later(works())
    assert not await space.settled()
    assert done == ["work"]
    assert not space.crowded
