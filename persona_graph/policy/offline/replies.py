"""What the rules say to the person: acknowledgements, answers from evidence, and that nothing was found."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, tzinfo

from persona_graph.jobs.reason import Opening
from persona_graph.personality import BigFive, Trait
from persona_graph.policy.offline.asking import Asked
from persona_graph.policy.offline.choices import best_choice
from persona_graph.policy.offline.evidence import Evidence, Origin
from persona_graph.policy.offline.facts import Fact, facts_in
from persona_graph.policy.offline.language import SINGLE, Language, Phrases, Slot
from persona_graph.policy.offline.languages import language_of
from persona_graph.policy.offline.sentences import Sentence, quoted, sentences, trimmed, words_of
from persona_graph.policy.offline.weighing import ENOUGH, Weighed
from persona_graph.policy.offline.window import window_of

MARKED = 3.4
"""A trait from here on shapes the tone."""
MOST_FACTS = 3
"""What one answer tells."""
NEARLY = 0.15
"""How far below the best another fact may score and still be told."""


def to_statement(opening: Opening) -> str:
    """What is said to a greeting, thanks, or something that the person tells."""
    text = words_of(opening.query)
    language = language_of(
        text, *(turn.messages[0].text for turn in opening.recent[-1:]), *(m.text for m in opening.profile)
    )
    phrases = language.phrases
    facts = [fact for fact in facts_in(sentences(text, language)) if _worth_noting(fact, opening)][:MOST_FACTS]
    if facts:
        said = _tone(opening.personality, phrases).format(fact=_safe("; ".join(fact.told for fact in facts)))
    elif language.greeting.search(trimmed(text)):
        said = phrases.hello
    elif language.thanking.search(trimmed(text)):
        said = phrases.thanks
    else:
        said = _heard(text, language)
    return f"{said} {phrases.rules}" if _first_contact(opening) else said


def _worth_noting(fact: Fact, opening: Opening) -> bool:
    """A plan is one when it has a day."""
    return fact.slot is not Slot.PLANS or window_of(fact.value, opening.now, fact.language, ahead=True).bounded


def _heard(text: str, language: Language) -> str:
    """What is said to something that no rule makes a fact of."""
    kept = next(
        (s for s in sentences(text, language) if language.habit.search(s.text) or language.goal.search(s.text)), None
    )
    if kept is not None:
        return language.phrases.kept.format(quote=quoted(trimmed(kept.text)))
    if any(cue.trait is Trait.NEUROTICISM and cue.sign > 0 and cue.pattern.search(text) for cue in language.cues):
        return language.phrases.comfort
    back = next((back for s in sentences(text, language) if (back := _said_back(s))), "")
    return language.phrases.mirrored.format(said=back) if back else language.phrases.heard


def _said_back(sentence: Sentence) -> str:
    """The sentence said to the person; the empty string where it does not speak of them alone."""
    table = sentence.language.mirror
    words = set(re.findall(r"[\w']+", sentence.text.casefold()))
    back = quoted(trimmed(sentence.language.mirrored(sentence.text)))
    if words.isdisjoint(table) or not words.isdisjoint(table.values()):
        return ""
    return back[:1].upper() + back[1:]


def about_us(language: Language) -> str:
    """What we are."""
    return language.phrases.rules


def from_evidence(weighed: Sequence[Weighed], asked: Asked) -> str:
    """The answer that the best evidence gives, or that there is none."""
    found = [each for each in weighed if each.score >= ENOUGH]
    if not found:
        return asked.language.phrases.unknown_then if asked.window.bounded else asked.language.phrases.unknown
    best = found[0]
    told = [best]
    if best.fact is not None and best.fact.slot in asked.slots - SINGLE and not asked.past:
        told += [
            w
            for w in found[1:]
            if w.fact is not None
            and w.fact.slot in asked.slots
            and not w.evidence.superseded
            and w.score > best.score - NEARLY
        ]
    said = (_told(each, asked.now.tzinfo) for each in told)
    return " ".join(list(dict.fromkeys(said))[:MOST_FACTS])


def from_choices(weighed: Sequence[Weighed], asked: Asked) -> str:
    """The option that memory speaks for, its letter first."""
    evidence = [pair for each in weighed for pair in _for_choices(each)]
    choice, supported = best_choice(asked.choices, evidence, asked.language)
    phrases = asked.language.phrases
    said = f"{choice.label} {_safe(choice.text)}"
    return said if supported else f"{said}\n{phrases.doubt}"


def _for_choices(weighed: Weighed) -> list[tuple[str, float]]:
    """What evidence says for an option, and against one: a fact speaks for its value alone."""
    weight = 0.5 + max(0.0, weighed.score)
    if not weighed.evidence.facts:
        return [(weighed.evidence.text, weight)]
    said: list[tuple[str, float]] = []
    for fact in weighed.evidence.facts:
        against = fact.slot in (Slot.DISLIKES, Slot.STOPPED)
        said += [(f"{fact.thing} {fact.value}", -weight if against else weight), (fact.old, -weight)]
    return said


def _tone(personality: BigFive, phrases: Phrases) -> str:
    if personality.neuroticism >= MARKED:
        return phrases.calm
    return phrases.warm if max(personality.extraversion, personality.agreeableness) >= MARKED else phrases.plain


def _first_contact(opening: Opening) -> bool:
    return not (opening.profile or opening.habits or opening.recent)


def _told(weighed: Weighed, zone: tzinfo | None) -> str:
    evidence, fact = weighed.evidence, weighed.fact
    language = fact.language if fact is not None else language_of(evidence.text)
    phrases = language.phrases
    when = _day(evidence.at.astimezone(zone), phrases) if evidence.at is not None else ""
    if fact is None:
        return _quote(evidence, when, phrases)
    if evidence.origin is Origin.PROFILE:
        return phrases.known.format(fact=_safe(fact.told))
    said = (phrases.told if when else phrases.told_sometime).format(day=when, fact=_safe(fact.told))
    return f"{said} {phrases.past}" if evidence.superseded else said


def _quote(evidence: Evidence, when: str, phrases: Phrases) -> str:
    quote = quoted(evidence.text)
    match evidence.origin:
        case Origin.HABIT:
            said = phrases.habit
        case Origin.TOPIC if when:
            said = phrases.talked
        case Origin.PERSON if when:
            said = phrases.quoted
        case Origin.ASSISTANT if when:
            said = phrases.advised
        case _:
            said = phrases.noted
    said = said.format(day=when, quote=quote)
    return f"{said} {phrases.past}" if evidence.superseded else said


def _day(moment: datetime, phrases: Phrases) -> str:
    return phrases.day.format(day=moment.day, month=phrases.months[moment.month - 1], year=moment.year)


def _safe(text: str) -> str:
    """Data within our own sentence: it opens no tag."""
    return text.replace("<", "‹").replace(">", "›")
