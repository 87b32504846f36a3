"""The personality on the terminal: bars around the middle, a timeline, and the words that moved it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import tzinfo

from rich.table import Table
from rich.text import Text

from persona_graph.cli.views.style import sheet, when
from persona_graph.personality import NEUTRAL, TRAITS, BigFive, PersonalityPoint, Trait

COLOURS: Mapping[Trait, str] = {
    Trait.OPENNESS: "magenta",
    Trait.CONSCIENTIOUSNESS: "blue",
    Trait.EXTRAVERSION: "yellow",
    Trait.AGREEABLENESS: "green",
    Trait.NEUROTICISM: "red",
}
CELLS = 33
LEVELS = "▁▂▃▄▅▆▇█"
LONGEST = 48
"""Points of a timeline that fit beside a trait's name; older ones are thinned out."""
VISIBLE = 0.05
"""Smaller steps of a trait are not worth a word."""


def bars(
    vector: BigFive,
    before: BigFive | None = None,
    frozen: Mapping[str, float | None] | None = None,
    off: Collection[str] = (),
) -> Table:
    """A bar a trait, from the middle (3) to where it is; `before` is marked with a ring.

    What the person holds (`frozen`) or has switched off says so.
    """
    table = Table.grid(padding=(0, 1))
    for _ in range(2):
        table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, justify="right")
    table.add_column(overflow="fold")
    words = [line.partition("(")[2].rstrip(")") for line in vector.describe().splitlines()]
    old = before.scores if before is not None else (None,) * len(TRAITS)
    for trait, score, past, word in zip(TRAITS, vector.scores, old, words, strict=True):
        number = f"{score:.2f}" if past is None else f"{past:.2f} → {score:.2f}"
        says = Text(word, "faint")
        if trait.value in off:
            says = Text("off: answers leave it out", "yellow")
        elif frozen and trait.value in frozen:
            says.append("  held by you", "yellow")
        table.add_row(Text(trait.value), _bar(score, past, COLOURS[trait]), number, says)
    return table


def lines(timeline: Sequence[PersonalityPoint]) -> Table:
    """The course of each trait as one line of blocks, from 1 (lowest) to 5."""
    table = Table.grid(padding=(0, 1))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    vectors = [BigFive(), *(point.vector for point in timeline)]
    shown = thinned(vectors, LONGEST)
    for index, trait in enumerate(TRAITS):
        scores = [vector.scores[index] for vector in shown]
        course = "".join(LEVELS[min(7, int((score - 1) / 4 * 8))] for score in scores)
        ends = f"{scores[0]:.2f} … {scores[-1]:.2f}"
        table.add_row(Text(trait.value), Text(course, COLOURS[trait]), Text(ends, "faint"))
    return table


def movements(timeline: Sequence[PersonalityPoint], zone: tzinfo, *, newest: int = 10) -> Table:
    """The last steps that moved it: when, which way, and by which words or by none."""
    table = sheet("when", "moved", "because of")
    rows: list[tuple[str, Text, Text]] = []
    for before, point in moved(timeline):
        at, seen = when(point.observation.at, zone), point.observation.scores
        spoken = frozenset(t for t, score in zip(TRAITS, seen.scores, strict=True) if score != NEUTRAL)
        if spoken:
            rows.append((at, _steps(before, point.vector, spoken) or Text("a little", "faint"), _quotes(point)))
        if drift := _steps(before, point.vector, frozenset(TRAITS) - spoken):
            rows.append(("" if spoken else at, drift, Text("(no words: back toward the middle)", "faint")))
    for row in rows[-newest:]:
        table.add_row(*row)
    return table


def moved(timeline: Sequence[PersonalityPoint]) -> list[tuple[BigFive, PersonalityPoint]]:
    """The points at which the vector changed, each with the vector before it."""
    befores = [BigFive(), *(point.vector for point in timeline)]
    return [(b, p) for b, p in zip(befores, timeline, strict=False) if b != p.vector]


def thinned(values: Sequence[BigFive], most: int) -> list[BigFive]:
    """At most `most` of the values at even distances, first and last among them."""
    if len(values) <= most:
        return list(values)
    return [values[round(i * (len(values) - 1) / (most - 1))] for i in range(most)]


def _bar(score: float, past: float | None, colour: str) -> Text:
    at, middle = _cell(score), _cell(NEUTRAL)
    start = middle if past is None else _cell(past)
    low, high = sorted((start, at))
    text = Text("1 ", "faint")
    for cell in range(CELLS):
        if cell == at:
            text.append("●", f"bold {colour}")
        elif past is not None and cell == start:
            text.append("○", colour)
        elif low <= cell <= high:
            text.append("━", colour)
        else:
            text.append("┼" if cell == middle else "─", "faint")
    return text.append(" 5", "faint")


def _cell(score: float) -> int:
    return round((score - 1) / 4 * (CELLS - 1))


def _steps(before: BigFive, after: BigFive, of: Collection[Trait]) -> Text:
    text = Text()
    for trait, old, new in zip(TRAITS, before.scores, after.scores, strict=True):
        if trait in of and abs(new - old) >= VISIBLE:
            text.append("\n" if text else "").append(f"{trait.value} {new - old:+.2f}", COLOURS[trait])
    return text


def _quotes(point: PersonalityPoint) -> Text:
    words = point.observation.words
    return Text(", ".join(f"“{word}”" for word in words)) if words else Text("(no words kept)", "faint")
