"""Multiple choice: the options "(a) ... (b) ..." of a question, and the one that memory speaks for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from persona_graph.policy.offline.keywords import content_terms
from persona_graph.policy.offline.language import Language

_OPTION = re.compile(r"[(（](?P<label>[a-jA-J])[)）]\s*(?P<text>.*?)(?=\s*[(（][a-jA-J][)）]|\Z)", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One option."""

    label: str
    """With its brackets: "(a)"."""
    text: str


def choices_of(text: str) -> tuple[str, tuple[Choice, ...]]:
    """The question without its options, and the options; fewer than two are none."""
    found = list(_OPTION.finditer(text))
    if len(found) < 2:
        return text, ()
    options = tuple(Choice(label=f"({m['label'].lower()})", text=m["text"].strip(" ,;\n")) for m in found)
    return text[: found[0].start()], options


def best_choice(
    choices: Sequence[Choice], evidence: Iterable[tuple[str, float]], language: Language
) -> tuple[Choice, bool]:
    """The option that shares most with the evidence (text, weight), and whether it shares anything."""
    said = [(content_terms(text, language), weight) for text, weight in evidence]
    own = [content_terms(choice.text, language) for choice in choices]
    # What all options say tells none of them apart.
    common = set.intersection(*(set(terms) for terms in own))
    scores = [_support({t: w for t, w in terms.items() if t not in common}, said) for terms in own]
    best = max(range(len(choices)), key=lambda place: (scores[place], -place))
    return choices[best], scores[best] > 0


def _support(terms: dict[str, float], said: Sequence[tuple[dict[str, float], float]]) -> float:
    """The best share of an option's words in a piece of evidence, a little for the others, less what speaks against."""
    whole = sum(terms.values())
    if not whole:
        return 0.0
    shares = [weight * sum(terms[t] for t in terms.keys() & each.keys()) / whole for each, weight in said]
    pro = sorted((share for share in shares if share > 0), reverse=True)
    return sum(pro[:1]) + 0.1 * sum(pro[1:]) + sum(share for share in shares if share < 0)
