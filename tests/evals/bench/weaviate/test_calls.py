"""How many round trips a search takes: what is counted of when its calls began."""

from __future__ import annotations

import pytest

from evals.bench.weaviate.calls import rounds


@pytest.mark.parametrize(
    ("began", "expected"),
    [
        pytest.param([], 0, id="no call"),
        pytest.param([5.0], 1, id="one call"),
        pytest.param([0.0, 0.02, 0.1], 1, id="together, as fast as they could be sent"),
        pytest.param([0.0, 0.51, 1.03], 3, id="one after the other"),
        pytest.param([0.0, 0.0, 0.51, 0.6, 0.52], 2, id="two searches side by side, of which one is a little behind"),
        pytest.param([1.0, 0.0], 2, id="in any order"),
    ],
)
def test_calls_that_begin_together_are_one_round(began: list[float], expected: int) -> None:
    assert rounds(began, far_s=0.5) == expected
