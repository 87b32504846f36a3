"""What the person says, as sentences and clauses; which of them ask and which state."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from persona_graph.conversation import Message, Role, Text, Turn
from persona_graph.policy.offline.language import Language
from persona_graph.policy.offline.languages import language_of

_SENTENCE = re.compile(
    r"[^.!?。！？…\n]*(?:(?<=\d)[.](?=\d)[^.!?。！？…\n]*|(?<=[\s.][^\W\d_])[.][^.!?。！？…\n]*)*[.!?。！？…]*[\"”»』」]?"
)
MAX_CHARACTERS = 20_000
"""What is read of one message; rules are no match for a book."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """One sentence in its language."""

    text: str
    language: Language

    @property
    def asks(self) -> bool:
        """Whether it is a question."""
        return bool(re.search(r"[?？]\W*$", self.text) or self.language.question.search(self.text))

    @property
    def clauses(self) -> tuple[str, ...]:
        """Its clauses without the marks at their ends."""
        parts = self.language.clause.split(self.text)
        clauses = tuple(clean for part in parts if (clean := trimmed(part)))
        return clauses[:1] + tuple(self._whole(clause) for clause in clauses[1:])

    def _whole(self, clause: str) -> str:
        """A clause with the subject that it takes from the one before."""
        return f"{self.language.subject} {clause}" if self.language.elided.match(clause) else clause


def sentences(text: str, language: Language | None = None) -> tuple[Sentence, ...]:
    """The sentences of a text, all in one language."""
    plain = text[:MAX_CHARACTERS].replace("’", "'")
    spoken = language or language_of(plain)
    found = (" ".join(match[0].split()) for match in _SENTENCE.finditer(plain))
    return tuple(Sentence(text=each, language=spoken) for each in found if re.search(r"\w", each))


def statements(turns: Iterable[Turn], role: Role = Role.PERSON) -> tuple[Sentence, ...]:
    """What one side states in these turns: no questions."""
    return tuple(
        sentence
        for turn in turns
        for message in turn.messages
        if message.role is role
        for sentence in sentences(words_of(message))
        if not sentence.asks
    )


def words_of(message: Message) -> str:
    """The text of a message without captions, which nobody said."""
    return "\n".join(block.text for block in message.blocks if isinstance(block, Text))


def trimmed(text: str) -> str:
    """Without spaces and marks at both ends."""
    return text.strip(' \t,;:.!?。！？，；：、…-–—"“”«»()（）')


def quoted(text: str, most: int = 240) -> str:
    """A text to be quoted: on one line, not too long, without our marks."""
    line = " ".join(text.split()).replace("<", "‹").replace(">", "›")
    return line if len(line) <= most else line[:most].rsplit(" ", 1)[0] + " …"
