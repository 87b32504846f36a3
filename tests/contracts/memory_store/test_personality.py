"""The personality: its timeline follows the turns, in whatever order they were read."""

from __future__ import annotations

import pytest

from persona_graph.memory.store import MemoryStore
from persona_graph.personality import smoothing
from tests.contracts.memory_store.given import DAY, NOON, seen, turn


async def test_the_personality_is_smoothed_by_the_turns_before(store: MemoryStore) -> None:
    await store.append("ana", [turn(f"t{i}", i) for i in range(6)])
    await store.commit("ana", seen("t0", 0))
    await store.commit("ana", seen("t5", 5, 1.0))
    points = await store.personality("ana")
    first = smoothing(0) * 3 + (1 - smoothing(0)) * 5
    second = smoothing(5) * first + (1 - smoothing(5)) * 1
    assert [point.m for point in points] == [0, 5]
    assert [point.vector.openness for point in points] == [pytest.approx(first), pytest.approx(second)]
    assert points[0].observation.words == ("so",)
    assert (await store.standing("ana")).point == points[-1]
    assert await store.personality("ana", as_of=NOON + DAY) == points[:1]


async def test_observations_fold_in_the_order_of_their_turns(store: MemoryStore) -> None:
    await store.append("ana", [turn("a", 0), turn("b", 1), turn("c", 2)])
    for name, day, score in (("c", 2, 1.0), ("a", 0, 5.0), ("b", 1, 4.0)):
        await store.commit("ana", seen(name, day, score))
    late = await store.personality("ana")
    await store.rebuild("ana")
    assert [point.observation.turn for point in late] == ["a", "b", "c"]
    assert await store.personality("ana") == late


async def test_a_turn_that_arrives_late_moves_those_after_it(store: MemoryStore) -> None:
    await store.append("ana", [turn("a", 0), turn("c", 2)])
    await store.commit("ana", seen("a", 0))
    await store.commit("ana", seen("c", 2))
    await store.append("ana", [turn("b", 1), turn("d", 3)])
    points = await store.personality("ana")
    assert [point.m for point in points] == [0, 2]
    await store.rebuild("ana")
    assert await store.personality("ana") == points
