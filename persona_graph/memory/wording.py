"""`Wording`: how a language denies, weakens and says nothing, and of what one has but one; a small table each.

It knows just enough to compare two sentences of one person, and what it does not know it lets pass. The
tables work on normalised text (`retrieval.analysis.normalise`, straight apostrophes), but for `frames`,
which see capitals.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """Words that are written otherwise before two sentences are compared."""

    pattern: re.Pattern[str]
    by: str
    denies: bool
    """Whether they make the sentence say the opposite."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """A way of saying that has one value at a time: `about`, then `value`."""

    pattern: re.Pattern[str]
    surely: bool
    """False where somebody may well have two: jobs, dogs."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Wording:
    """One language. Compared by identity."""

    code: str
    turns: tuple[Turn, ...]
    """Applied in order."""
    empty: re.Pattern[str]
    """Words that say nothing: articles, the person, emphasis, "now"."""
    articles: re.Pattern[str]
    """Those of them that stand before one thing."""
    limits: re.Pattern[str]
    """Words that weaken what they stand beside; a sentence with one more of them says less."""
    frames: tuple[Frame, ...]


PAST = "ed"
"""What tells an English past."""

_NAME = r"(?-i:[A-ZÀ-ÖØ-Þ])\S*.*"
_ABOUT = r"(?:[^\s,;.]+ ){0,4}?"
_NUMBER = r"one|two|three|four|five|six|seven|eight|nine|ten"


def _words(text: str, *, spaced: bool = True) -> re.Pattern[str]:
    """Any of the phrases of a text, which commas part."""
    phrases = sorted((phrase.strip() for phrase in text.split(",")), key=len, reverse=True)
    union = "|".join(phrases)
    return re.compile(rf"\b(?:{union})(?!\w)" if spaced else f"(?:{union})")


def _denial(pattern: str, by: str = " ") -> Turn:
    return Turn(pattern=re.compile(pattern), by=by, denies=True)


def _same(pattern: str, by: str) -> Turn:
    return Turn(pattern=re.compile(pattern), by=by, denies=False)


def _one(pattern: str) -> Frame:
    return Frame(pattern=re.compile(pattern, re.IGNORECASE), surely=True)


def _mostly_one(pattern: str) -> Frame:
    return Frame(pattern=re.compile(pattern, re.IGNORECASE), surely=False)


ENGLISH = Wording(
    code="en",
    turns=(
        _denial(r"\b(?:can't|cannot|can not) (?:stand|bear)\b|\b(?:dislikes?|hates?|detests?|loathes?)\b", "likes"),
        _denial(r"\b(?:do|does|did)(?: not|n't)\b|\b(?:stopped|quit)\b|\b(?:has |have )?(?:given|gave) up\b"),
        _denial(r"\bcan't\b|\bcannot\b", "can"),
        _denial(r"n't\b|\b(?:no longer|not|never|no)\b"),
        _same(r"\b(?:loves?|enjoys?|adores?)\b", "likes"),
        _same(r"\bhas\b", "have"),
        _same(rf"(?<=\w\w){PAST}\b", f" {PAST}"),  # past is not present, though they have one stem
    ),
    articles=_words("an?"),
    empty=_words(
        "a, an, the, i, my, we, our, they, their, user, user's, really, very, quite, just, now, nowadays, currently, "
        "these days, at the moment, also, still, so much, a lot, very much, any ?more, any longer"
    ),
    limits=_words(
        "only, except, unless, if, when, but, without, until, sometimes, rarely, seldom, hardly, barely, almost, "
        "maybe, perhaps, might, may, would, could, should, used to, wants?, hopes?, thinks? about, considers?, "
        "considering"
    ),
    frames=(
        _one(rf"(?P<about>{_ABOUT}lives (?:in|near|at)) (?P<value>{_NAME})"),
        _one(rf"(?P<about>{_ABOUT}(?:live|am living|are living|is living) (?:in|near|at)) (?P<value>{_NAME})"),
        _one(rf"(?P<about>{_ABOUT}is) (?P<value>\d+)(?P<rest> years old)"),
        _one(rf"(?P<about>(?:{_ABOUT})?name is) (?P<value>{_NAME})"),
        _one(rf"(?P<about>{_ABOUT}favou?rite [^\s,;.]+(?: [^\s,;.]+)?? (?:is|are)) (?P<value>.+)"),
        _one(rf"(?P<about>{_ABOUT}(?:birthday|email address|phone number|address) is(?: on)?) (?P<value>.+)"),
        _one(rf"(?P<about>{_ABOUT}has) (?P<value>{_NUMBER})(?P<rest> [^\s,;.]+)$"),
        _one(rf"(?P<about>{_ABOUT}has) (?P<value>\d+)(?P<rest> [^\s,;.]+)$"),
        _mostly_one(rf"(?P<about>{_ABOUT}(?:works as|works for|works at)) (?P<value>.+)"),
        _mostly_one(rf"(?P<about>{_ABOUT}(?:comes from|is from|was born in)) (?P<value>{_NAME})"),
        _mostly_one(rf"(?P<about>{_ABOUT}(?:is called|is named)) (?P<value>{_NAME})"),
    ),
)

GERMAN = Wording(
    code="de",
    turns=(
        _denial(r"\b(?:hasst|verabscheut)\b", "mag"),
        _denial(r"\bkein(?:e|en|em|er|es)?\b(?: (?P<what>\w+) mehr\b)?", r" \g<what> "),
        _denial(r"\b(?:nicht mehr|nicht|nie|niemals)\b"),
        _same(r"\bliebt\b", "mag"),
    ),
    articles=_words("ein, eine, einen, einem, einer"),
    empty=_words(
        "der, die, das, den, dem, ein, eine, einen, einem, einer, ich, mein, meine, meinen, nutzer, sehr, wirklich, "
        "jetzt, derzeit, zurzeit, momentan, auch, noch, gern, gerne"
    ),
    limits=_words("nur, außer, wenn, falls, aber, ohne, bis, manchmal, selten, kaum, fast, vielleicht, würde, möchte"),
    frames=(
        _one(rf"(?P<about>{_ABOUT}(?:wohnt|lebt) in) (?P<value>{_NAME})"),
        _one(rf"(?P<about>{_ABOUT}ist) (?P<value>\d+)(?P<rest> jahre alt)"),
        _one(rf"(?P<about>{_ABOUT}lieblings[^\s,;.]+ (?:ist|sind)) (?P<value>.+)"),
        _mostly_one(rf"(?P<about>{_ABOUT}arbeitet (?:als|bei)) (?P<value>.+)"),
        _mostly_one(rf"(?P<about>{_ABOUT}heißt) (?P<value>{_NAME})"),
    ),
)

SPANISH = Wording(
    code="es",
    turns=(
        _denial(r"\b(?:odia|detesta|no soporta)\b", "le gusta"),
        _denial(r"\b(?:ya no|nunca|no(?! longer\b))\b"),
        _same(r"\b(?:le|les) (?:gustan|encanta|encantan)\b", "le gusta"),
    ),
    articles=_words("un, una"),
    empty=_words(
        "el, la, los, las, un, una, yo, mi, mis, usuario, usuaria, muy, mucho, realmente, ahora, también, todavía"
    ),
    limits=_words(
        "solo, sólo, solamente, excepto, salvo, si, cuando, pero, sin, hasta, a veces, casi, quizás, quizá, quiere"
    ),
    frames=(
        _one(rf"(?P<about>{_ABOUT}vive en) (?P<value>{_NAME})"),
        _one(rf"(?P<about>{_ABOUT}tiene) (?P<value>\d+)(?P<rest> años)"),
        _one(rf"(?P<about>{_ABOUT}(?:favorit|preferid)[oa] es) (?P<value>.+)"),
        _one(r"(?P<about>preferencia \([^)]+\)) ?: (?P<value>.+)"),
        _mostly_one(rf"(?P<about>{_ABOUT}trabaja (?:como|en|para)) (?P<value>.+)"),
        _mostly_one(rf"(?P<about>{_ABOUT}se llama) (?P<value>{_NAME})"),
    ),
)

FRENCH = Wording(
    code="fr",
    turns=(
        _denial(r"\b(?:déteste|ne supporte (?:pas|plus))\b", "aime"),
        _denial(r"\bn(?:e |')(?P<verb>\w+) (?:pas|plus|jamais)\b(?: (?:de\b|d'))?", r"\g<verb> "),
        _same(r"\badore\b", "aime"),
        _same(r"\b[dl]'", ""),
    ),
    articles=_words("une?"),
    empty=_words(
        "le, la, les, un, une, des, du, de la, je, mon, ma, mes, utilisateur, utilisatrice, très, vraiment, "
        "maintenant, actuellement, aussi, encore, beaucoup"
    ),
    limits=_words(
        "seulement, uniquement, sauf, si, quand, mais, sans, parfois, rarement, presque, peut-être, voudrait, veut"
    ),
    frames=(
        _one(rf"(?P<about>{_ABOUT}(?:habite|vit) (?:à|en|au)) (?P<value>{_NAME})"),
        _one(rf"(?P<about>{_ABOUT}a) (?P<value>\d+)(?P<rest> ans)"),
        _one(rf"(?P<about>{_ABOUT}(?:préférée?|favorite?) est) (?P<value>.+)"),
        _one(r"(?P<about>préférence \([^)]+\)) ?: (?P<value>.+)"),
        _mostly_one(rf"(?P<about>{_ABOUT}travaille (?:comme|chez)) (?P<value>.+)"),
        _mostly_one(rf"(?P<about>{_ABOUT}s'appelle) (?P<value>{_NAME})"),
    ),
)

CHINESE = Wording(
    code="zh",
    turns=(
        _denial(r"讨厌|受不了|厌恶", "喜欢"),
        _denial(r"不再|从不|没有|(?<![差对是要好能会])不(?![错过仅但同少断久管光是要好能会])", ""),
        _same(r"热爱|喜爱|很喜欢|非常喜欢|特别喜欢|喜欢", "喜欢"),
    ),
    articles=_words("一[个只位名]", spaced=False),
    empty=_words("我的, 我, 用户, 的, 了, 很, 非常, 特别, 现在, 目前, 已经, 也, 还", spaced=False),
    limits=_words("只, 除了, 除非, 如果, 但, 可是, 有时, 偶尔, 几乎, 可能, 也许, 想, 希望, 打算", spaced=False),
    frames=(
        _one(r"(?P<about>[^，。；]{0,8}住在)(?P<value>(?!一|自己|家|父母|这|那|学校|公司)[^，。；]+)"),
        _one(r"(?P<about>[^，。；]{0,8}?(?:今年|年龄是))(?P<value>\d+)(?P<rest>岁)"),
        _one(r"(?P<about>[^，。；]{0,8}最喜欢的[^，。；是]{1,8}是)(?P<value>[^，。；]+)"),
        _one(r"(?P<about>[^，。；]{0,8}(?:生日|电话|地址)是)(?P<value>[^，。；]+)"),
        _mostly_one(r"(?P<about>[^，。；]{0,8}职业是)(?P<value>[^，。；]+)"),
        _mostly_one(r"(?P<about>[^，。；]{1,8}叫)(?P<value>[^，。；]{1,8})$"),
    ),
)

WORDINGS = (GERMAN, SPANISH, FRENCH, CHINESE, ENGLISH)
"""English last: its "no" is the shortest of theirs."""
