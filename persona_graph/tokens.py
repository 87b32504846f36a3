"""How long a text is for a model, without its tokenizer: good to about a fifth, which is what a budget needs."""

from __future__ import annotations

from collections.abc import Sequence

from persona_graph.conversation import Turn


def estimate_tokens(text: str) -> int:
    """Four letters of a script with spaces are a token; a character of another script is one."""
    if text.isascii():
        return -(-len(text) // 4)
    narrow = sum(character < "\u0250" for character in text)
    return -(-narrow // 4) + (len(text) - narrow)


def turn_cost(turn: Turn) -> int:
    """How long all that is said in a turn is."""
    return sum(estimate_tokens(message.searchable) for message in turn.messages)


def within_budget(turns: Sequence[Turn], tokens: int) -> tuple[Turn, ...]:
    """The newest turns that fit into a budget, in order; the very last one always does."""
    kept: list[Turn] = []
    for turn in reversed(turns):
        tokens -= turn_cost(turn)
        if tokens < 0 and kept:
            break
        kept.append(turn)
    return tuple(reversed(kept))
