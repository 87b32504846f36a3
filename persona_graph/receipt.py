"""The receipt of an answer: what was read and why, as JSON of ids and figures, never copied memory text.

A receipt is stored with its turn. With it the prompt of every step can be rendered again, which is how
an answer is explained and how it can be replayed without some of what it read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from persona_graph.jobs.reason import Opening
from persona_graph.memory.operations import range_to_json
from persona_graph.personality import TRAITS
from persona_graph.policy.policy import Completion, Usage
from persona_graph.retrieval.query import Hit, Hits, Target
from persona_graph.timerange import TimeRange

Json = dict[str, Any]


def opening_receipt(opening: Opening, *, away: bool = False) -> Json:
    """What stood in the prompt before anything was looked up; `away`: memory could not be asked for it."""
    out: Json = {
        "at": opening.now.isoformat(),
        "profile": [memory.ref for memory in opening.profile],
        "habits": [memory.ref for memory in opening.habits],
        "recent": [turn.id for turn in opening.recent],
        "personality": {t.value: round(s, 4) for t, s in zip(TRAITS, opening.personality.scores, strict=True)},
    }
    return out | ({"away": True} if away else {})


def hit_receipt(hit: Hit) -> Json:
    """One hit: what it is, its score and the parts of it."""
    out: Json = {
        "target": hit.target.value,
        "id": hit.id,
        "score": round(hit.score, 4),
        "parts": {name: round(value, 4) for name, value in hit.parts.items()},
    }
    if hit.memory is not None:
        out["ref"] = hit.memory.ref
    if hit.turn is not None:
        out |= {"turn": hit.turn.id, "message": hit.message}
    if hit.turns:
        out["turns"] = [turn.id for turn in hit.turns]
    if hit.superseded:
        out["superseded"] = True
    return out


def hit_text(hit: Hit) -> str:
    """What a hit says, for people who look on; a receipt does not keep it."""
    if hit.memory is not None:
        return f"{hit.memory.key}: {hit.memory.text}" if hit.memory.key else hit.memory.text
    if hit.image is not None:
        return hit.image.caption or "(image)"
    return hit.turn.messages[hit.message].searchable if hit.turn is not None else ""


def step_receipt(completion: Completion[Any], *, job: str, act: str) -> Json:
    """One call of the model: what it was for, what it said, what it cost."""
    step: Json = {
        "job": job,
        "act": act,
        "said": [{"role": message.role, "text": message.text} for message in completion.said],
        "usage": usage_receipt(completion.usage),
    }
    if completion.token_ids is not None:
        step["tokens"] = len(completion.token_ids)
    return step


def search_receipt(
    keywords: str, window: TimeRange, hits: Hits, milliseconds: float, note: str = "", *, away: bool = False
) -> Json:
    """One search: what was asked for, how it was combined, what came of it; `away`: memory could not be asked."""
    out: Json = {
        "keywords": keywords,
        "window": range_to_json(window),
        "terms": {term: round(float(weight), 3) for term, weight in hits.weights.items()},
        "hits": [hit_receipt(hit) for hit in hits.hits],
        "milliseconds": round(milliseconds, 2),
    }
    return out | ({"note": note} if note else {}) | ({"away": True} if away else {})


def was_away(receipt: Mapping[str, Any]) -> bool:
    """Whether the answer went without some of memory because the store's server could not be reached."""
    searches = (step.get("search", {}) for step in receipt.get("steps", ()))
    return bool(receipt.get("opening", {}).get("away")) or any(search.get("away") for search in searches)


def usage_receipt(usage: Usage) -> Json:
    """The cost, milliseconds rounded."""
    return asdict(usage) | {"milliseconds": round(usage.milliseconds, 2)}


def total_usage(steps: Iterable[Mapping[str, Any]]) -> Json:
    """The cost of all steps together."""
    return usage_receipt(sum((Usage(**step["usage"]) for step in steps if "usage" in step), Usage()))


def read_set(receipt: Mapping[str, Any]) -> tuple[str, ...]:
    """Every id that stood in the prompt: memory refs and turn ids, each once, in order."""
    opening = receipt.get("opening", {})
    refs: list[str] = [*opening.get("profile", ()), *opening.get("habits", ()), *opening.get("recent", ())]
    for step in receipt.get("steps", ()):
        for hit in step.get("search", {}).get("hits", ()):
            refs += [hit[name] for name in ("ref", "turn") if name in hit]
            refs += hit.get("turns", ())
    return tuple(dict.fromkeys(refs))


def scrubbed(receipt: Mapping[str, Any]) -> Json:
    """The receipt with its ids and figures, without any word: neither what the model said nor what it asked for."""
    return {**receipt, "steps": [_wordless(step) for step in receipt.get("steps", ())], "scrubbed": True}


def _wordless(step: Mapping[str, Any]) -> Json:
    out = dict(step)
    if "said" in out:
        out["said"] = [{**message, "text": ""} for message in out["said"]]
    if "search" in out:
        kept = {name: value for name, value in out["search"].items() if name not in ("keywords", "terms", "note")}
        hits = [_nameless(hit) for hit in kept.get("hits", ())]
        out["search"] = {"keywords": "", "terms": {}, **kept, "hits": hits}
    return out


def _nameless(hit: Mapping[str, Any]) -> Json:
    """A hit; of a picture without its digest, by which somebody could tell whether it was a picture that he has."""
    return {**hit, "id": ""} if hit.get("target") == Target.IMAGE else dict(hit)
