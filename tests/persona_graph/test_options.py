"""Options and limits: what lies outside their bounds is refused with a sentence, before anything overflows."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from persona_graph import Options
from persona_graph.errors import InputError
from persona_graph.retrieval.query import Query, Target


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_retrievals", -1),
        ("max_retrievals", 10**9),
        ("max_retrievals", [1]),
        ("context_tokens", "many"),
        ("context_tokens", -1),
        ("turn_tokens", 10**30),
        ("habits_shown", -5),
        ("claim_s", 0),
        ("claim_s", float("nan")),
        ("claim_s", float("inf")),
        ("session_gap", timedelta(0)),
        ("session_gap", timedelta.max),
        ("retry_delays_s", (1.0, -1.0)),
        ("retry_delays_s", (float("nan"),)),
        ("retry_delays_s", (1e300,)),
        ("limits", {Target.SEMANTIC: -1}),
        ("limits", {"dreams": 1}),
        ("limits", {Target.SEMANTIC: 1.5}),
    ],
)
def test_what_lies_outside_the_bounds_is_refused(name: str, value: Any) -> None:
    with pytest.raises(InputError, match="limit|searched" if name == "limits" else name):
        Options(**{name: value})


def test_a_query_has_the_same_limits() -> None:
    for limits in ({"dreams": 1}, {Target.TURN: "many"}, {Target.TURN: None}, {Target.TURN: -1}):
        wrong: Any = limits
        with pytest.raises(InputError, match="limit|searched"):
            Query(user="ana", limits=wrong)
