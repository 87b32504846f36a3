"""The smoothing's golden values and the laws of the personality's fold."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_graph.errors import InputError
from persona_graph.personality import BigFive, NeutralPolicy, Observation, Trait, smoothing, timeline

scores = st.lists(st.integers(1, 5), min_size=5, max_size=5).map(lambda s: BigFive(*s))
AT = datetime(2024, 5, 1, tzinfo=UTC)


def seen(value: BigFive, turn: str = "t") -> Observation:
    return Observation(turn=turn, at=AT, scores=value)


@pytest.mark.parametrize(
    ("m", "golden"),
    [
        (0, 0.500),
        (5, 0.510),
        (10, 0.538),
        (20, 0.638),
        (25, 0.700),
        (30, 0.762),
        (40, 0.862),
        (50, 0.900),
        (500, 0.900),
    ],
)
def test_lambda_has_the_papers_values(m: int, golden: float) -> None:
    assert round(smoothing(m), 3) == golden


def test_a_negative_m_is_refused() -> None:
    with pytest.raises(InputError, match="starts at 0"):
        smoothing(-1)


@given(st.integers(0, 200))
def test_lambda_never_falls_and_stays_between_a_half_and_nine_tenths(m: int) -> None:
    assert 0.5 - 1e-9 <= smoothing(m) <= smoothing(m + 1) + 1e-12 <= 0.9 + 1e-9


@given(st.lists(st.tuples(scores, st.integers(0, 100)), max_size=60))
def test_the_vector_stays_in_range(steps: list[tuple[BigFive, int]]) -> None:
    for point in timeline([(seen(value), m) for value, m in steps]):
        assert all(1.0 <= score <= 5.0 for score in point.vector.scores)


@given(scores, st.integers(0, 80))
def test_five_threes_change_nothing(start: BigFive, m: int) -> None:
    assert start.evolve(BigFive(), m) == start


@given(scores, scores, st.integers(0, 80))
def test_each_trait_moves_towards_what_was_seen(start: BigFive, observed: BigFive, m: int) -> None:
    after = start.evolve(observed, m, NeutralPolicy.NEVER)
    for before, now, target in zip(start.scores, after.scores, observed.scores, strict=True):
        assert abs(now - target) <= abs(before - target) + 1e-12


def test_the_trait_policy_passes_over_single_threes() -> None:
    start = BigFive(4, 4, 4, 4, 4)
    some = start.evolve(BigFive(3, 5, 3, 3, 3), 0, NeutralPolicy.TRAIT)
    assert some.scores == pytest.approx((4, 4.5, 4, 4, 4))
    assert start.evolve(BigFive(3, 5, 3, 3, 3), 0).scores == pytest.approx((3.5, 4.5, 3.5, 3.5, 3.5))


def test_the_never_policy_moves_even_on_five_threes() -> None:
    after = BigFive(5, 5, 5, 5, 5).evolve(BigFive(), 0, NeutralPolicy.NEVER)
    assert after.scores == pytest.approx((4, 4, 4, 4, 4))


@given(st.lists(st.tuples(scores, st.integers(0, 100)), max_size=20), st.integers(0, 20))
def test_folding_in_two_parts_is_folding_at_once(steps: list[tuple[BigFive, int]], cut: int) -> None:
    rows = [(seen(value), m) for value, m in steps]
    whole, first = timeline(rows), timeline(rows[:cut])
    rest = timeline(rows[cut:], start=first[-1].vector if first else None)
    assert [p.vector for p in whole] == [p.vector for p in first + rest]


def test_describe_gives_rounded_numbers_and_plain_words() -> None:
    text = BigFive(3.97, 1.2, 3.0, 4.5, 2.0).describe()
    assert "openness: 4.0 of 5 (rather high: curious, likes new ideas)" in text
    assert "conscientiousness: 1.2 of 5 (very low" in text
    assert "extraversion: 3.0 of 5 (balanced)" in text


def test_a_trait_out_of_range_is_refused() -> None:
    with pytest.raises(InputError, match="between 1 and 5"):
        BigFive(openness=5.1)


def test_replace_sets_some_traits() -> None:
    assert BigFive().replace({Trait.NEUROTICISM: 1}).scores == (3, 3, 3, 3, 1)
