"""What the person says, when, and what is asked months later (pure)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from persona_graph.demo.person import Person

PAUSE = timedelta(minutes=3)
"""Between two messages of a session."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One conversation."""

    title: str
    begins: datetime
    says: tuple[str, ...]

    def messages(self) -> Iterator[tuple[datetime, str]]:
        """When each message is said."""
        for place, text in enumerate(self.says):
            yield self.begins + place * PAUSE, text

    @property
    def over(self) -> datetime:
        """After the silence that closes it."""
        return self.begins + len(self.says) * PAUSE + timedelta(hours=1)


def sessions(person: Person) -> tuple[Session, ...]:
    """The conversations from which the first process learns, one a month."""
    early, late = person.early.lines, person.late.lines
    told = (
        (
            "They meet",
            f"Hello! My name is {person.name}.",
            f"I live in {person.city} and I work as {article(person.job)}.",
            f"I have {article(person.pet)} called {person.pet_name}.",
            early[0],
        ),
        (
            "Small habits",
            f"I love {person.drink}.",
            f"I go {going(person.hobby)} every {person.weekday}.",
            early[1],
            f"What is my {person.pet}'s name?",
        ),
        (
            "Something happened",
            f"Yesterday {person.event}.",
            "It was quite a sight.",
            early[2],
        ),
        (
            "A change",
            f"I've switched from {person.drink} to {person.new_drink}.",
            late[0],
            late[1],
        ),
        (
            "Looking back",
            late[2],
            f"Do I still live in {person.city}?",
        ),
    )
    return tuple(
        Session(title=title, begins=_month_later(person.begins, months), says=says)
        for months, (title, *said) in enumerate(told)
        for says in [tuple(said)]
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked in the second process, and the truth about it."""

    about: str
    """The name of the check."""
    text: str
    expects: str
    """A word that a right answer holds."""
    month: datetime | None = None
    """The month that the question is bounded to."""


def questions(person: Person) -> tuple[Question, ...]:
    """What is asked when half a year has passed."""
    learned = sessions(person)
    then, event = learned[1].begins, learned[2].begins
    return (
        Question(about="pet", text=f"What is the name of my {person.pet}?", expects=person.pet_name),
        Question(about="changed", text="What do I like to drink now?", expects=person.new_drink),
        Question(about="before", text=f"What did I like to drink in {then:%B %Y}?", expects=person.drink, month=then),
        Question(
            about="window", text=f"{person.event_asked} in {event:%B %Y}?", expects=person.event_word, month=event
        ),
    )


def asked_at(person: Person) -> datetime:
    """When the second process asks."""
    return _month_later(person.begins, 8)


def month_of(moment: datetime) -> tuple[datetime, datetime]:
    """The month around a moment, half open."""
    start = datetime(moment.year, moment.month, 1, tzinfo=UTC)
    return start, _month_later(start, 1)


def article(noun: str) -> str:
    """`a dog`, `an architect`."""
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def going(hobby: str) -> str:
    """`climbing`, and `to pottery` for what one does not go doing."""
    return hobby if hobby.endswith("ing") and hobby not in ("painting", "baking", "fencing") else f"to the {hobby} club"


def _month_later(moment: datetime, months: int) -> datetime:
    years, month = divmod(moment.month - 1 + months, 12)
    return moment.replace(year=moment.year + years, month=month + 1, day=min(moment.day, 28))
