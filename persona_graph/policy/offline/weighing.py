"""How well a piece of evidence answers a question: shared words, and the right kind of fact at the right time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from persona_graph.policy.offline.asking import Asked
from persona_graph.policy.offline.evidence import Evidence, Origin
from persona_graph.policy.offline.facts import Fact, contradicts, same
from persona_graph.policy.offline.language import SINGLE
from persona_graph.retrieval.analysis import analyse

ENOUGH = 0.4
"""From here on something is an answer."""
SURE = 0.85
"""From here on nothing else needs to be looked up."""

NAMING = 0.5
"""What a shared word counts that only names what is asked for, or says little."""
_RIGHT_FACT = 0.6
_RIGHT_SLOT_ALONE = 0.1
_WRONG_THING = -0.8
_REPLACED = -0.8
"""For a fact that a newer one in the evidence contradicts."""
_MOST_STATING = 60
"""So many pieces of evidence, the latest first, may speak against older ones."""
_PRIOR = {
    Origin.FACT: 0.15,
    Origin.PROFILE: 0.1,
    Origin.HABIT: 0.05,
    Origin.PERSON: 0.05,
    Origin.PICTURE: 0.0,
    Origin.TOPIC: -0.05,
    Origin.ASSISTANT: -0.4,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighed:
    """Evidence with its score, and the fact of it that answers, where one does."""

    evidence: Evidence
    score: float
    fact: Fact | None


def weigh(evidence: Iterable[Evidence], asked: Asked) -> tuple[Weighed, ...]:
    """The evidence, best first; of equals the newer, unless a time that is over is asked for."""
    # Within one turn what comes later is newer; the stable sort keeps the order of equals.
    found = tuple(evidence)[::-1]
    stating = tuple(each for each in found if _states(each))[:_MOST_STATING]
    weighed = [_weighed(each, asked, stating) for each in found]
    return tuple(
        sorted(
            weighed,
            key=lambda w: (round(w.score, 2), w.evidence.at.timestamp() if w.evidence.at else 0.0),
            reverse=True,
        )
    )


def _weighed(evidence: Evidence, asked: Asked, stating: Sequence[Evidence]) -> Weighed:
    shared = _shared(evidence, asked)
    fit, fact = max(((_fit(f, asked), f) for f in evidence.facts), key=lambda pair: pair[0], default=(0.0, None))
    if fit <= 0 and evidence.origin is Origin.PERSON:
        fact = None  # the sentence answers, not what a rule made of it
    replaced = fit > 0 and fact is not None and not evidence.superseded and _replaced(evidence, fact, stating)
    score = shared + fit + (_when_replaced(evidence, asked) if replaced else _when(evidence, asked))
    if shared > 0 or fit > 0:
        score += 0.3 if asked.of_us and evidence.origin is Origin.ASSISTANT else _PRIOR[evidence.origin]
    return Weighed(evidence=replace(evidence, superseded=True) if replaced else evidence, score=score, fact=fact)


def _states(evidence: Evidence) -> bool:
    """Whether it may speak against what is older."""
    return bool(evidence.facts) and not evidence.superseded and evidence.origin in (Origin.PERSON, Origin.FACT)


def _replaced(evidence: Evidence, fact: Fact, stating: Sequence[Evidence]) -> bool:
    """Whether newer evidence contradicts a fact; `stating` comes latest first."""
    against = (newer for each in stating if _newer(each, evidence, stating) for newer in each.facts)
    return any(newer.note.casefold() != fact.note.casefold() and contradicts(newer, fact) for newer in against)


def _newer(one: Evidence, other: Evidence, stating: Sequence[Evidence]) -> bool:
    """Whether one was certainly told after the other: what is said in this conversation is newer than any memory."""
    if one is other or (other.recent and not one.recent):
        return False
    if one.recent and not other.recent:
        return True
    if other.origin is not Origin.PERSON or one.at is None or other.at is None:
        return False  # which memory holds is for memory to say
    if one.at != other.at or not one.recent:
        return one.at > other.at
    order = [id(each) for each in stating]
    return id(other) not in order or order.index(id(one)) < order.index(id(other))


def _shared(evidence: Evidence, asked: Asked) -> float:
    """The share of the question's words in the evidence; nothing unless one of them says something."""
    terms = set(analyse(f"{evidence.about} {evidence.text}"))
    if asked.specific and not asked.specific & terms:
        return 0.0
    whole = sum(asked.terms.values())
    told = sum(
        weight * (1 if term in asked.specific else NAMING) for term, weight in asked.terms.items() if term in terms
    )
    return told / whole if whole else 0.0


def _fit(fact: Fact, asked: Asked) -> float:
    """Whether the fact is of the kind asked for."""
    if fact.slot not in asked.slots:
        return 0.0
    if asked.thing and fact.thing:
        if not same(asked.thing, fact.thing):
            return 0.2 if fact.kind and fact.kind == asked.kind else _WRONG_THING
        return _RIGHT_FACT + 0.2
    if asked.kind:
        return _RIGHT_FACT if fact.kind == asked.kind else _RIGHT_SLOT_ALONE
    if fact.slot in SINGLE and not fact.thing:
        return _RIGHT_FACT + 0.2
    return _RIGHT_FACT if not asked.specific or asked.specific & set(analyse(fact.note)) else _RIGHT_SLOT_ALONE


def _when_replaced(evidence: Evidence, asked: Asked) -> float:
    """What it adds or takes that a newer fact took its place."""
    if not asked.past:
        return _REPLACED
    return 0.1 if evidence.recent else 0.2


def _when(evidence: Evidence, asked: Asked) -> float:
    """What the time of the evidence adds or takes."""
    if not asked.past:
        return -0.5 if evidence.superseded else 0.0
    if evidence.origin is Origin.PROFILE:
        return -0.4
    if evidence.superseded:
        return 0.2
    return -0.5 if evidence.at is not None and asked.window.end is not None and evidence.at >= asked.window.end else 0.0
