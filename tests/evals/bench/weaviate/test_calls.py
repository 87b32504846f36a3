"""How many round trips a search takes: what is counted of when its calls began and ended."""

from __future__ import annotations

import pytest

from evals.bench.weaviate.calls import Span, rounds


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        pytest.param([], 0, id="no call"),
        pytest.param([(0, 3), (0, 1), (0, 2)], 1, id="side by side"),
        pytest.param([(0, 1), (1, 2), (2, 3)], 3, id="one after the other"),
        pytest.param([(0, 9), (0, 1), (1, 2), (3, 4)], 3, id="a long one hides none of those beside it"),
        pytest.param([(0, 2), (1, 3), (2, 5), (4, 6)], 2, id="each overlaps with the next"),
        pytest.param([(5, 6), (0, 1)], 2, id="in any order"),
    ],
)
def test_rounds_are_the_longest_row_of_calls_one_after_the_other(spans: list[Span], expected: int) -> None:
    assert rounds(spans) == expected
