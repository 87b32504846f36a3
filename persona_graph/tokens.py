"""How long a text is for a model, without its tokenizer: good to about a fifth, which is what a budget needs.

What does not fit its budget is shown as its beginning and its end, with what is left out between them named;
it is stored and found as a whole. Of several texts that share a budget the longest give way first.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from persona_graph.conversation import Block, Message, Text, Turn

LEAST = 32
"""Tokens that any text keeps, however many share a budget."""
_SHARE_OF_BEGINNING = 2 / 3


def estimate_tokens(text: str) -> int:
    """Four letters of a script with spaces are a token; a character of another script is one."""
    if text.isascii():
        return -(-len(text) // 4)
    narrow = sum(character < "\u0250" for character in text)
    return -(-narrow // 4) + (len(text) - narrow)


def turn_cost(turn: Turn) -> int:
    """How long all that is said in a turn is."""
    return sum(estimate_tokens(message.searchable) for message in turn.messages)


def excerpt(text: str, tokens: int, *, mark: str = "\n[... {} characters left out ...]\n") -> str:
    """The text where it fits; of a longer one its beginning and its end, with `mark` where something is missing."""
    if len(text) <= tokens or (cost := estimate_tokens(text)) <= tokens:
        return text
    kept = len(text) * tokens // cost
    while True:
        head = int(kept * _SHARE_OF_BEGINNING)
        first, last = text[:head], text[len(text) - (kept - head) :]
        if estimate_tokens(first) + estimate_tokens(last) <= tokens + 1:
            return first + mark.format(len(text) - kept) + last
        kept = kept * 9 // 10  # the ends are in a script that takes more than the middle


def shortened(message: Message, tokens: int) -> Message:
    """A message whose texts fit into a budget together."""
    return replace(message, blocks=_shortened(message.blocks, _level(_costs([message]), tokens)))


def fitted(turns: Sequence[Turn], tokens: int) -> tuple[Turn, ...]:
    """All of the turns, their longest texts cut so that they fit into a budget together."""
    level = _level(_costs(message for turn in turns for message in turn.messages), tokens)
    if level is None:
        return tuple(turns)
    return tuple(
        replace(turn, messages=tuple(replace(m, blocks=_shortened(m.blocks, level)) for m in turn.messages))
        for turn in turns
    )


def within_budget(turns: Sequence[Turn], tokens: int) -> tuple[Turn, ...]:
    """The newest turns that fit into a budget, in order; the very last one is cut to it."""
    kept: list[Turn] = []
    left = tokens
    for turn in reversed(turns):
        left -= turn_cost(turn)
        if left < 0:
            break
        kept.append(turn)
    return tuple(reversed(kept)) or fitted(turns[-1:], tokens)


def _said(block: Block) -> str:
    return block.text if isinstance(block, Text) else block.caption


def _costs(messages: Iterable[Message]) -> list[int]:
    return [estimate_tokens(_said(block)) for message in messages for block in message.blocks]


def _level(costs: Sequence[int], tokens: int) -> int | None:
    """How long a text may be so that all fit; None when they do as they are."""
    left = tokens
    for place, cost in enumerate(sorted(costs)):
        others = len(costs) - place
        if cost * others > left:
            return max(LEAST, left // others)
        left -= cost
    return None


def _shortened(blocks: tuple[Block, ...], level: int | None) -> tuple[Block, ...]:
    if level is None:
        return blocks
    return tuple(
        Text(excerpt(block.text, level))
        if isinstance(block, Text)
        else replace(block, caption=excerpt(block.caption, level))
        for block in blocks
    )
