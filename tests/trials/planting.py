"""`Planting`: unique words that are planted in a person's history, so that their bytes can be looked for."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

CONSONANTS, VOWELS = "bdfgklmnprstvz", "aeiou"
ENDINGS = ("", "ings", "ers")
"""The stemmer cuts some of them off: the index then holds another word than the text."""


@dataclass(slots=True)
class Planting:
    """Words by name; the same from the same seed."""

    seed: int
    words: dict[str, str] = field(default_factory=dict)

    def word(self, name: str) -> str:
        """A Latin word of that name, which nothing else holds."""
        rng = self._drawn(name)
        made = "".join(rng.choice(CONSONANTS) + rng.choice(VOWELS) for _ in range(6))
        return self._keep(name, made + rng.choice(CONSONANTS) + rng.choice(ENDINGS))

    def proper(self, name: str) -> str:
        """The same, spelled as a name."""
        return self._keep(name, self.word(name).capitalize())

    def han(self, name: str) -> str:
        """Four Chinese characters that are in no other word."""
        rng = self._drawn(name)
        return self._keep(name, "".join(chr(rng.randrange(0x8000, 0x9E00)) for _ in range(4)))

    def cyrillic(self, name: str) -> str:
        """A word in Russian letters."""
        rng = self._drawn(name)
        return self._keep(name, "".join(rng.choice("бвгджзклмнпрст") + rng.choice("аеиоу") for _ in range(6)))

    def noise(self, name: str, count: int) -> bytes:
        """Bytes that nothing else holds."""
        return self._drawn(name).randbytes(count)

    def _drawn(self, name: str) -> random.Random:
        return random.Random(f"{self.seed} {name}")

    def _keep(self, name: str, word: str) -> str:
        self.words[name] = word
        return word
