"""Search terms of a text: casefolded, stemmed, character pairs where no spaces part words.

>>> analyse("Camping in the mountains, 露营很好")
['camp', 'in', 'the', 'mountain', '露营', '营很', '很好']
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache

import snowballstemmer

from persona_graph.retrieval.languages import LANGUAGES, Language

WEAK = 0.5
"""Weight of a word that says little."""

# Thai, Lao, Myanmar, Khmer, kana, Han, Hangul: no spaces part the words, or their grammar is glued on.
_UNSPACED = (
    r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"
    r"\u3005-\u3007\u3040-\u30ff\u3100-\u312f\u3400-\u9fff\uac00-\ud7a3\U00020000-\U0003ffff"
)
# `\w` leaves out the vowel signs of Thai, Hindi and others.
_MARKS = "".join(chr(code) for code in range(0x300, 0xFFFF) if unicodedata.category(chr(code))[0] == "M")
_PIECE = re.compile(
    rf"(?P<run>(?:[{_UNSPACED}](?<=[\w{_MARKS}]))+)"
    rf"|(?P<word>(?:(?![{_UNSPACED}])[^\W_]|[{_MARKS}](?<![{_UNSPACED}])|(?<=\w)['’](?=\w))+)"
)
_NOT_IN_TERMS = re.compile(r"['’]")
_LATIN_ACCENTS = re.compile(r"[\u0300-\u036f]")

_STEMMERS = (
    ("\u0370", "\u03ff", "greek"),
    ("\u0400", "\u04ff", "russian"),
    ("\u0530", "\u058f", "armenian"),
    ("\u0600", "\u06ff", "arabic"),
    ("\u0900", "\u097f", "hindi"),
    ("\u0b80", "\u0bff", "tamil"),
)
"""First and last letter of a script, and the commonest language written in it."""


def normalise(text: str) -> str:
    """Compatible forms made one, case folded."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def analyse(text: str) -> list[str]:
    """The search terms of a text, in order; each consists of letters, digits and marks alone."""
    return [term for term, _, _ in _terms(normalise(text))]


def spelled(text: str) -> list[tuple[str, str]]:
    """The search terms of a text, in order, each with the piece of the (normalised) text that it was made from."""
    folded = normalise(text)
    return [(term, folded[start:end]) for term, start, end in _terms(folded)]


def query_terms(text: str, names: Iterable[str] = ()) -> dict[str, float]:
    """The terms worth searching for, with their weights; stopwords and the names of the talkers are not.

    A question of nothing but stopwords and names searches for all its words after all.
    """
    folded = normalise(text)
    dropped = name_terms(names)
    weights: dict[str, float] = {}
    for term, start, end in _terms(folded):
        weight = 0.0 if term in dropped else _weight(folded, start, end)
        weights[term] = max(weight, weights.get(term, 0.0))
    kept = {term: weight for term, weight in weights.items() if weight > 0}
    return kept or dict.fromkeys(weights, 1.0)


@lru_cache(maxsize=65_536)
def says_something(word: str) -> bool:
    """Whether a single word of a text would be searched for."""
    folded = normalise(word)
    return any(_weight(folded, start, end) > 0 for _, start, end in _terms(folded))


def name_terms(names: Iterable[str]) -> frozenset[str]:
    """The terms that stand for these names."""
    return frozenset(term for name in names for term in analyse(name))


def _terms(folded: str) -> Iterator[tuple[str, int, int]]:
    """Terms with the span of text each was made from."""
    for piece in _PIECE.finditer(folded):
        start, end = piece.span()
        if piece["word"] is not None:
            term = stem(piece["word"])
            if term:
                yield term, start, end
        elif end - start == 1:
            yield piece["run"], start, end
        else:
            for at in range(start, end - 1):
                yield folded[at : at + 2], at, at + 2


@lru_cache(maxsize=65_536)
def stem(word: str) -> str:
    """The stem of a casefolded word, by the commonest language of its script; a word with a digit has no endings."""
    if any(character.isdigit() for character in word):
        return _letters(word)
    first = unicodedata.normalize("NFKD", word[0])[0]
    for low, high, language in _STEMMERS:
        if low <= first <= high:
            return _letters(_stemmed(word, language)) or _letters(word)
    # People leave accents out as often as not.
    plain = _LATIN_ACCENTS.sub("", unicodedata.normalize("NFKD", word))
    return _letters(_stemmed(plain.replace("’", "'"), "english")) or _letters(plain)


def _letters(word: str) -> str:
    return _NOT_IN_TERMS.sub("", word)


def _stemmed(word: str, language: str) -> str:
    # A stemmer works on its own fields, and texts are analysed on several threads: one for each word, it costs nothing.
    stemmed: str = snowballstemmer.stemmer(language).stemWord(word)
    return stemmed


def _weight(folded: str, start: int, end: int) -> float:
    """1 for a word that says something, `WEAK` for one that says little, 0 for a stopword."""
    piece = folded[start:end].replace("’", "'")
    if re.match(f"[{_UNSPACED}]", piece):
        return _pair_weight(folded, start, end)
    return min(_word_weight(piece, language) for language in LANGUAGES if language.spaced)


def _word_weight(word: str, language: Language) -> float:
    plain = word.removesuffix("'s")
    if word in language.stopwords or plain in language.stopwords:
        return 0.0
    return WEAK if plain in language.weak else 1.0


def _pair_weight(folded: str, start: int, end: int) -> float:
    """A pair says what its characters say on average; beside a stopword's character, half of the other's."""
    weights = _character_weights(folded)[start:end]
    return sum(weights) / len(weights)


@lru_cache(maxsize=64)
def _character_weights(folded: str) -> tuple[float, ...]:
    """The weight of every character, by the stop and weak phrases it stands in."""
    weights = [1.0] * len(folded)
    for language in LANGUAGES:
        if language.spaced:
            continue
        for words, weight in ((language.weak, WEAK), (language.stopwords, 0.0)):
            for match in language.pattern(words).finditer(folded):
                for at in range(*match.span()):
                    weights[at] = min(weights[at], weight)
    return tuple(weights)
