"""`Person`: somebody drawn from a seed, with a life that is told over some months."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from persona_graph.personality import Trait

NAMES = """Ana Bruno Chiara Daan Elif Farid Greta Hugo Ines Jonas Katya Luca Mira Nils Olga Pavel Rosa Samir Tilda Umut
    Vera Wanda Yusuf Zoe""".split()
CITIES = """Porto Bergen Lyon Graz Leipzig Bilbao Gdansk Turin Utrecht Cork Zadar Tampere Ghent Sofia Valletta Girona
    Basel Malmo Krakow Trieste""".split()
JOBS = """nurse librarian carpenter teacher translator gardener baker photographer beekeeper physicist architect
    journalist pharmacist electrician""".split()
PETS = "dog cat rabbit parrot horse".split()
PET_NAMES = "Rufus Miso Pepper Olive Bandit Clover Ziggy Waffle Juno Basil Toast Nimbus".split()
HOBBIES = "climbing swimming sailing painting baking hiking chess pottery fencing rowing".split()
WEEKDAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
DRINKS = """black coffee|green tea|orange juice|ginger tea|hot cocoa|oat milk|mint tea|espresso|apple juice|
    chai|matcha|sparkling water|white tea|cold brew coffee""".replace("\n    ", "").split("|")
EVENTS = (
    ("I saw a red balloon drift over the harbour", "balloon", "What drifted over the harbour"),
    ("I found an old violin at the flea market", "violin", "What did I find at the flea market"),
    ("I watched a lunar eclipse from the roof", "eclipse", "What did I watch from the roof"),
    ("I carved a giant pumpkin for the street fair", "pumpkin", "What did I carve for the street fair"),
    ("I repaired the clock of the town hall", "clock", "What did I repair at the town hall"),
    ("I paddled a canoe past a family of otters", "otters", "What did I paddle my canoe past"),
    ("I heard a choir sing in the railway station", "choir", "Whom did I hear in the railway station"),
    ("I mapped a forgotten well behind the monastery", "well", "What did I map behind the monastery"),
    ("I tasted cloudberry jam in a mountain hut", "cloudberry", "What did I taste in the mountain hut"),
)
"""What happens to them, the word that a right answer holds, and the question that does not give it away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Temper:
    """A mood that lasts a while: the trait that it shows, which way, and how this person puts it."""

    trait: Trait
    sign: int
    lines: tuple[str, ...]


TEMPERS = (
    Temper(
        trait=Trait.NEUROTICISM,
        sign=1,
        lines=(
            "I'm worried about so much at work.",
            "I couldn't sleep again, I feel anxious.",
            "What if it all goes wrong?",
        ),
    ),
    Temper(
        trait=Trait.NEUROTICISM,
        sign=-1,
        lines=("I feel calm, it'll be fine.", "I slept great and feel relaxed.", "Nothing bothers me at the moment."),
    ),
    Temper(
        trait=Trait.EXTRAVERSION,
        sign=1,
        lines=(
            "The party was great, I danced until two!",
            "I met so many people at karaoke.",
            "I'm so excited, I can't wait!",
        ),
    ),
    Temper(
        trait=Trait.EXTRAVERSION,
        sign=-1,
        lines=(
            "I stayed home for a quiet evening.",
            "There were too many people for me.",
            "I need some peace, by myself.",
        ),
    ),
    Temper(
        trait=Trait.OPENNESS,
        sign=1,
        lines=("I'm curious about abstract art.", "The museum was fascinating.", "I love trying new recipes."),
    ),
    Temper(
        trait=Trait.CONSCIENTIOUSNESS,
        sign=1,
        lines=(
            "I made a checklist for the whole week.",
            "I planned everything in detail.",
            "I finished early and tidied up.",
        ),
    ),
    Temper(
        trait=Trait.AGREEABLENESS,
        sign=1,
        lines=(
            "I volunteered at the shelter today.",
            "I helped my neighbour carry her boxes.",
            "I'm grateful for you all.",
        ),
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """One drawn person."""

    seed: int
    name: str
    city: str
    job: str
    pet: str
    pet_name: str
    hobby: str
    weekday: str
    drink: str
    new_drink: str
    event: str
    event_word: str
    event_asked: str
    early: Temper
    late: Temper
    begins: datetime

    @property
    def user(self) -> str:
        """The user id."""
        return self.name.casefold()


def draw(seed: int) -> Person:
    """The person of a seed; the same one on every machine."""
    chance = random.Random(seed)
    early = chance.choice(TEMPERS)
    late = chance.choice([temper for temper in TEMPERS if temper.trait is not early.trait])
    drink, new_drink = chance.sample(DRINKS, 2)
    event, word, asks = chance.choice(EVENTS)
    return Person(
        seed=seed,
        name=chance.choice(NAMES),
        city=chance.choice(CITIES),
        job=chance.choice(JOBS),
        pet=chance.choice(PETS),
        pet_name=chance.choice(PET_NAMES),
        hobby=chance.choice(HOBBIES),
        weekday=chance.choice(WEEKDAYS),
        drink=drink,
        new_drink=new_drink,
        event=event,
        event_word=word,
        event_asked=asks,
        early=early,
        late=late,
        begins=datetime(2024, 1, 4, 17, 30, tzinfo=UTC)
        + timedelta(days=chance.randrange(20), minutes=chance.randrange(90)),
    )
