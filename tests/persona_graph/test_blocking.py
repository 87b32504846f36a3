"""The sync face: the same coroutines on one background loop, which nothing ends but the process."""

from __future__ import annotations

import contextvars

import pytest

from persona_graph.blocking import background, blocking

variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")


async def atwice(value: int) -> int:
    """Twice the value."""
    return 2 * value


async def aseen() -> str:
    return variable.get()


async def ends(error: type[BaseException]) -> None:
    raise error


twice, seen = blocking(atwice), blocking(aseen)


def test_a_twin_has_the_name_and_the_words_of_its_original() -> None:
    assert twice(4) == 8
    assert (twice.__name__, twice.__doc__) == ("twice", "Twice the value.")


def test_the_callers_context_is_seen_inside() -> None:
    token = variable.set("mine")
    try:
        assert seen() == "mine"
    finally:
        variable.reset(token)


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt, ValueError])
def test_an_order_to_end_reaches_the_caller_and_the_loop_lives_on(error: type[BaseException]) -> None:
    with pytest.raises(error):
        background.run(ends(error))
    assert twice(1) == 2


def test_a_blocking_call_inside_the_loop_is_refused_rather_than_waiting_for_itself() -> None:
    async def inner() -> int:
        return twice(1)

    with pytest.raises(RuntimeError, match="use the async form"):
        background.run(inner())
