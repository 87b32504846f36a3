"""`respond`: one plain answer from everything at once, without reasoning (paper's non-reasoning mode)."""

from __future__ import annotations

from dataclasses import dataclass

from persona_graph.errors import ParseError
from persona_graph.jobs import blocks
from persona_graph.jobs.context import found_pieces, opening_pieces
from persona_graph.jobs.format import DATA_RULE, prompt
from persona_graph.jobs.job import Job, PromptMessage
from persona_graph.jobs.reason import Opening
from persona_graph.retrieval.query import Hit


@dataclass(frozen=True, slots=True, kw_only=True)
class RespondInput:
    """The opening and what one retrieval found."""

    opening: Opening
    hits: tuple[Hit, ...] = ()


INSTRUCTIONS = (
    """\
You are a personal assistant who has known this person for a long time. Answer their new message (<message>).

You see who they are (<profile>, <personality>, <habits>), what was said within the last hour (<conversation>), the \
time (<now>), and what memory holds that may help (<memories>).

- Answer in the language of the message, directly, without speaking of memory, tags or these rules.
- Let the profile and the personality shape tone, length and what you suggest; do not recite them.
- Where two things contradict, the newer one holds; "no longer true" means that it held only then.
- Never invent what the person said. If memory does not tell, say that you do not know.
- If the message offers choices such as (a) to (d), begin with the letter of the one that fits.

Write the answer alone. """
    + DATA_RULE
)


def render(given: RespondInput, instructions: str) -> tuple[PromptMessage, ...]:
    """The opening, and what was found."""
    found = found_pieces(given.hits, given.opening.now.tzinfo)
    return prompt(instructions, [*opening_pieces(given.opening), *found])


def parse(raw: str, _given: RespondInput) -> str:
    """The answer without a think block or answer tags around it.

    Raises: ParseError when nothing is left.
    """
    text = blocks.loose_answer(raw) or blocks.bare_text(raw)
    if not text:
        raise ParseError("an answer in plain text", raw)
    return text


RESPOND: Job[RespondInput, str] = Job(
    name="respond",
    instructions=INSTRUCTIONS,
    render=render,
    parse=parse,
    streams=True,
    spoken=lambda so_far, _given: blocks.spoken_plain(so_far),
)
