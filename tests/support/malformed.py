"""Texts that a model might say and should not: good outputs damaged, or parts of one in any order."""

from __future__ import annotations

import random

LOOK = '{"keywords": "tea", "start_time": null, "end_time": null}'

PARTS = [
    "<think>", "</think>", "<retrieve>", "</retrieve>", "<answer>", "</answer>", "{", "}", '"keywords":',
    '"start_time":', '"end_time":', "null", '"2024-05-01"', '"2024-13-41"', '"soon"', "[", "]", ",", "words", " ",
    "\n", "\\u0000", "NaN", "1e999", '"\\ud800"', "True", "```json", "<|im_end|>", "é", "日本", '"', "\\", "9" * 50,
    "<", "</",
]  # fmt: skip
GOOD = ["<think>a</think><retrieve>" + LOOK + "</retrieve>", "<think>a</think><answer>b</answer>"]


def malformed(chance: random.Random) -> str:
    """A good output damaged, or parts of one in any order."""
    if chance.random() < 0.5:
        return "".join(chance.choices(PARTS, k=chance.randrange(1, 40)))
    text = list(chance.choice(GOOD))
    for _ in range(chance.randrange(1, 6)):
        place = chance.randrange(len(text))
        text[place : place + chance.randrange(4)] = chance.choice(PARTS)
    return "".join(text)
