"""The health of one person's memory: what stands twice, contradicts, was never used, or rests on nothing.

`examine` looks and changes nothing. It is precise rather than complete: what it does not understand it
lets pass. A `Finding` names its remedy as operations; what the person wrote, pinned or froze is in none.
What one check would surely take out the later ones do not see, so that all remedies hold together.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from persona_graph.conversation import Turn, TurnState
from persona_graph.memory.finding import UNUSED_AFTER, UNUSED_ANSWERS, Ailment, Checkup, Finding, Sure
from persona_graph.memory.gist import Claim, claim_of, gist_of
from persona_graph.memory.likeness import Leaders, Likeness, Said
from persona_graph.memory.operations import Delete, Keep
from persona_graph.memory.talk import Talk
from persona_graph.memory.types import Kind, Memory, Source
from persona_graph.receipt import read_set
from persona_graph.retrieval.analysis import query_terms

FEW_VALUES = 3
"""More values than this for what one has but one of: perhaps one has many."""
TELLING = 3
"""Words a memory needs before who said them means anything."""


def examine(
    versions: Sequence[Memory],
    turns: Sequence[Turn],
    frozen: Collection[str] = (),
    *,
    now: datetime,
    ailments: Collection[Ailment] = frozenset(Ailment),
    unused_after: timedelta = UNUSED_AFTER,
    unused_answers: int = UNUSED_ANSWERS,
) -> Checkup:
    """Look at every version of one person's memories, at the whole journal, and at what the person froze.

    `ailments` names what to look for.
    """
    current = {memory.id: memory for memory in versions if memory.current}
    held = frozenset(memory.id for memory in current.values() if _held(memory, frozen))
    answers = [turn for turn in turns if turn.receipt and turn.state is TurnState.ANSWERED]
    inferred = [memory for memory in current.values() if memory.id not in held]
    groundless = [*_without_evidence(inferred, {turn.id for turn in turns}), *_own_words(inferred, turns)]
    doubted = {memory.id for finding in groundless for memory in finding.memories}
    ranks = _Ranks(held=held, doubted=frozenset(doubted))

    findings: list[Finding] = []
    left = dict(current)

    def note(found: Iterable[Finding]) -> None:
        for finding in found:
            if finding.what in ailments:
                findings.append(finding)
                for gone in finding.gone if finding.sure.at_least(Sure.LIKELY) else ():
                    left.pop(gone, None)

    note(groundless)
    note(_denials(_standing(left.values(), ranks), ranks))
    note(_claims(_standing(left.values(), ranks), ranks))
    note(_duplicates(left.values(), ranks))
    named = {memory.id for finding in findings for memory in finding.memories}
    old = [m for m in inferred if m.id not in named and _told(m) <= now - unused_after]
    note(_unused(old, versions, answers, unused_answers))
    findings.sort(key=lambda finding: list(Ailment).index(finding.what))
    return Checkup(memories=len(current), turns=len(turns), answers=len(answers), findings=tuple(findings))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ranks:
    """Whose word counts."""

    held: frozenset[str]
    """What the person vouches for: nothing takes it out."""
    doubted: frozenset[str]
    """What rests on nothing, or on the assistant's words: it stays for no other."""


def _held(memory: Memory, frozen: Collection[str]) -> bool:
    """Whether the person vouches for it."""
    key = f"{memory.kind}:{memory.key.casefold()}"
    return memory.pinned or memory.source is Source.PERSON or (bool(memory.key) and key in frozen)


# evidence


def _without_evidence(memories: Iterable[Memory], journal: Collection[str]) -> Iterator[Finding]:
    for memory in memories:
        lost = len([turn for turn in memory.evidence if turn not in journal])
        if not memory.evidence and memory.source is Source.MODEL:
            yield _taken(Ailment.EVIDENCE, memory, "The model wrote it and names no turn for it.", Sure.POSSIBLE)
        elif lost and lost == len(memory.evidence):
            why = f"The {'turn' if lost == 1 else f'{lost} turns'} it rests on {_is(lost)} not in the journal any more."
            yield _taken(Ailment.EVIDENCE, memory, why, Sure.LIKELY)
        elif lost:
            why = f"{lost} of the {len(memory.evidence)} turns it rests on {_is(lost)} not in the journal any more."
            yield Finding(what=Ailment.EVIDENCE, memories=(memory,), why=why, sure=Sure.POSSIBLE)


# own words


def _own_words(memories: Iterable[Memory], turns: Sequence[Turn]) -> Iterator[Finding]:
    """An episode tells what both sides said; all else is about the person, and is theirs to say."""
    talk = Talk(turns)
    for memory in memories:
        if memory.source is Source.MODEL and memory.kind is not Kind.EPISODIC and not memory.images:
            terms = query_terms(memory.text, talk.names)
            if len(terms) >= TELLING and talk.is_the_assistants(terms, memory.evidence):
                yield _taken(Ailment.OWN_WORDS, memory, "The assistant said it, and the person did not.", Sure.LIKELY)


# duplicates


def _duplicates(memories: Iterable[Memory], ranks: _Ranks) -> Iterator[Finding]:
    """What the person holds stays, then what tells more, then what was said last."""
    every = sorted((Said.by(memory) for memory in memories), key=lambda s: (_told(s.memory), s.memory.id), reverse=True)
    every.sort(key=lambda s: (s.memory.id not in ranks.held, s.memory.id in ranks.doubted, -len(s.gist.terms)))
    leaders = Leaders()
    groups: dict[tuple[str, Likeness], list[Memory]] = {}
    for said in every:
        found = leaders.of(said)
        if found is not None:
            leader, likeness = found
            groups.setdefault((leader.memory.id, likeness), [leader.memory]).append(said.memory)
        if found is None or likeness is Likeness.PERHAPS_WITHIN:
            leaders.add(said)  # what may well stay is one that others may repeat
    for (_, likeness), (first, *others) in groups.items():
        why, sure = _WHY[likeness]
        why = why.format(others="the others" if len(others) > 1 else "the other")
        yield _settled(Ailment.DUPLICATES, first, others, ranks, why, sure)


_WHY = {
    Likeness.SAME_WORDS: ("They are the same words.", Sure.CERTAIN),
    Likeness.SAME_GIST: ("They say the same.", Sure.LIKELY),
    Likeness.WITHIN: ("It says all of {others}, and more.", Sure.LIKELY),
    Likeness.PERHAPS_WITHIN: ("It has all the words of {others}, and more.", Sure.POSSIBLE),
}


# contradictions


def _standing(memories: Iterable[Memory], ranks: _Ranks) -> list[Memory]:
    """Facts and habits that hold now, the newest word last; what has an end is a thing of the past."""
    found = [m for m in memories if m.kind in (Kind.SEMANTIC, Kind.PROCEDURAL) and m.event.end is None]
    return sorted(found, key=lambda memory: (memory.id not in ranks.doubted, _told(memory), memory.id))


def _denials(standing: Iterable[Memory], ranks: _Ranks) -> Iterator[Finding]:
    groups: dict[tuple[Kind, tuple[str, ...]], list[tuple[Memory, bool]]] = {}
    for memory in standing:
        gist = gist_of(memory.text)
        if gist.terms:
            groups.setdefault((memory.kind, gist.terms), []).append((memory, gist.denies))
    for group in groups.values():
        newest, denies = group[-1]
        others = [memory for memory, other in group if other != denies and not _together(memory, newest)]
        if others:
            why = f"One denies what the other says; {_newest(newest)}."
            yield _settled(Ailment.CONTRADICTIONS, newest, others, ranks, why, Sure.LIKELY)


def _claims(standing: Iterable[Memory], ranks: _Ranks) -> Iterator[Finding]:
    groups: dict[tuple[str, ...], list[tuple[Memory, Claim]]] = {}
    for memory in standing:
        claim = claim_of(memory.text) if memory.kind is Kind.SEMANTIC else None
        if claim is not None:
            groups.setdefault(claim.about, []).append((memory, claim))
    for group in groups.values():
        newest, claim = group[-1]
        others = [memory for memory, other in group if claim.excludes(other) and not _together(memory, newest)]
        if others:
            one = claim.surely and len({other.value[0] for _, other in group}) <= FEW_VALUES
            why = f"One has {'but' if one else 'mostly'} one of these at a time; {_newest(newest)}."
            sure = Sure.LIKELY if one else Sure.POSSIBLE
            yield _settled(Ailment.CONTRADICTIONS, newest, others, ranks, why, sure)


def _together(one: Memory, other: Memory) -> bool:
    """Told in one breath, so meant to hold together."""
    return not set(one.evidence).isdisjoint(other.evidence)


def _newest(memory: Memory) -> str:
    return f"the newest word is of {_told(memory):%Y-%m-%d}"


# unused


def _unused(
    old: Iterable[Memory], versions: Iterable[Memory], answers: Sequence[Turn], least: int
) -> Iterator[Finding]:
    read = {ref for turn in answers for ref in read_set(turn.receipt)}
    used = {memory.id for memory in versions if memory.ref in read}
    times = sorted(turn.at for turn in answers)
    for memory in old:
        since = len(times) - bisect_right(times, _told(memory))
        if memory.id not in used and since >= max(least, 1):
            why = f"None of the {since} answers since {_told(memory):%Y-%m-%d} looked at it."
            yield _taken(Ailment.UNUSED, memory, why, Sure.POSSIBLE)


# findings


def _taken(what: Ailment, memory: Memory, why: str, sure: Sure) -> Finding:
    return Finding(what=what, memories=(memory,), why=why, remedy=(Delete(id=memory.id),), sure=sure)


def _settled(what: Ailment, stays: Memory, others: Sequence[Memory], ranks: _Ranks, why: str, sure: Sure) -> Finding:
    """One stays, and of the others those go that the person does not hold."""
    gone = tuple(Delete(id=other.id) for other in others if other.id not in ranks.held)
    if len(gone) < len(others):
        why += " What you wrote, pinned or froze is yours to change."
    return Finding(
        what=what, memories=(stays, *others), why=why, remedy=(Keep(id=stays.id), *gone) if gone else (), sure=sure
    )


def _told(memory: Memory) -> datetime:
    """When we heard it."""
    return memory.believed.start or datetime.min.replace(tzinfo=UTC)


def _is(count: int) -> str:
    return "is" if count == 1 else "are"
