"""`Edge`: where a command meets the world: its settings, its `Persona`, and errors as one sentence."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from persona_graph.cli.views.style import errors
from persona_graph.errors import ConfigurationError, InputError, NotFound, PersonaError
from persona_graph.personality import TRAITS
from persona_graph.timerange import TimeRange, parse_time
from persona_graph.tokens import excerpt

if TYPE_CHECKING:
    from persona_graph.service import Persona
    from persona_graph.settings import Settings

User = Annotated[str | None, typer.Option("--user", "-u", help="Whose memory; the configured user otherwise.")]
Store = Annotated[str | None, typer.Option("--store", help="Where memory lives, sqlite:FOLDER or a weaviate URL.")]
Model = Annotated[str | None, typer.Option("--model", help="provider:model, or offline (rules, no model).")]
Json = Annotated[bool, typer.Option("--json", help="Write JSON for scripts.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
AsOf = Annotated[str | None, typer.Option("--as-of", help="What was believed then, for example 2024-05-31.")]
From = Annotated[str | None, typer.Option("--from", help="From this date or time, for example 2024-05-01.")]
To = Annotated[str | None, typer.Option("--to", help="Until this date (that day included) or time.")]

LONGEST_TOKENS = 100
"""What an error may take; somebody else's words may stand in it."""

WRONG_INPUT = 2
FAILED = 1

WHERE = {
    "memory": "`persona show memories` lists them, with --history those of the past",
    "turn": "`persona history` and `persona search --kind turn` name them",
    "image": "`persona search --kind image` names them",
    "commit": "`persona history` lists them",
    "turn or memory": "`persona show receipt` names what an answer read",
}
"""Where a person finds the ids of things."""

TRACING = ("LANGSMITH_TRACING", "LANGSMITH_TRACING_V2", "LANGCHAIN_TRACING_V2", "LANGCHAIN_TRACING")


@dataclass(frozen=True, slots=True)
class Edge:
    """What the options before the command say."""

    config: Path | None = None
    debug: bool = False

    def settings(self, **given: Any) -> Settings:
        """The settings, changed by what this command was given. Raises: ConfigurationError."""
        from persona_graph.settings import load_settings

        return load_settings(os.environ, self.config, given)


class Sentences(TyperGroup):
    """A group of commands whose errors of ours end in one sentence and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command; 2 says that input or configuration is wrong, 1 that something failed."""
        try:
            return super().invoke(ctx)
        except PersonaError as error:
            if isinstance(ctx.obj, Edge) and ctx.obj.debug:
                raise
            errors.print(f"[bad]error:[/] {escaped(sentence(error))}", soft_wrap=True)
            wrong = isinstance(error, InputError | ConfigurationError | NotFound)
            raise typer.Exit(WRONG_INPUT if wrong else FAILED) from None


def sentence(error: PersonaError) -> str:
    """The error as a sentence that can be read."""
    text = excerpt(" ".join(str(error).split()), LONGEST_TOKENS, mark=" ... ") or type(error).__name__
    return text if text.endswith((".", "!", "?")) else f"{text}."


def escaped(text: str) -> str:
    """Text of others, which may hold brackets that rich would read as markup."""
    from rich.markup import escape

    return escape(text)


def edge_of(ctx: typer.Context) -> Edge:
    """The edge of the running command."""
    return ctx.ensure_object(Edge)


def open_persona(settings: Settings) -> Persona:
    """The `Persona` of these settings, with a warning when tracing would send its texts away."""
    from persona_graph.service import Persona

    if traced := tracing(os.environ):
        errors.print(f"[yellow]warning:[/] {escaped(traced)}", soft_wrap=True)
    return Persona.from_settings(settings)


def need_model(settings: Settings, otherwise: str = "") -> None:
    """Say how to get a model. Raises: ConfigurationError when none is configured."""
    if settings.model is None:
        raise ConfigurationError(
            "no model is configured; with Ollama running: pip install 'persona-graph[ollama]', then add "
            f"--model ollama:llama3.2 or set PERSONA_MODEL (offline answers by rules, without a model{otherwise})"
        )


def tracing(env: Mapping[str, str]) -> str:
    """A sentence when LangSmith's variables would send what is said and remembered to its server, else nothing."""
    on = [name for name in TRACING if env.get(name, "").strip().casefold() in ("true", "1", "yes")]
    if not on:
        return ""
    where = env.get("LANGSMITH_ENDPOINT") or env.get("LANGCHAIN_ENDPOINT") or "api.smith.langchain.com"
    return (
        f"{on[0]} is set, so LangSmith tracing sends conversations and memories to {where}; unset it to keep them here."
    )


def need_user(persona: Persona, user: str) -> None:
    """Raises: NotFound when nobody of that name has a memory here."""
    if user not in persona.users():
        raise NotFound(f"there is no user {user!r} in this store; `persona show users` lists who is here")


def window_of(start: str | None, end: str | None, zone: tzinfo) -> TimeRange:
    """The window that `--from` and `--to` name. Raises: InputError."""
    return TimeRange.parse(start, end, zone)


def moment_of(text: str | None, zone: tzinfo) -> Any:
    """The moment that `--as-of` names: a bare date means the end of that day. Raises: InputError."""
    return parse_time(text, zone, is_end=True) if text else None


def one_id(begins: str, ids: Iterable[str], noun: str) -> str:
    """The one of these ids that begins so. Raises: NotFound, InputError when it is empty or fits several."""
    stem = re.split("[@#]", begins.strip())[0]  # a receipt writes id@commit, a hit turn#message
    if not stem:
        raise InputError(f"the id of a {noun} is empty; {WHERE[noun]}")
    found = {id for id in ids if id.startswith(stem)}
    if stem in found or len(found) == 1:
        return stem if stem in found else found.pop()
    if found:
        raise InputError(f"{len(found)} ids begin with {begins!r}; write more of it")
    raise NotFound(f"there is no {noun} whose id begins with {begins!r}; {WHERE[noun]}")


def one_thing(begins: str, ids: Iterable[str], *, traits: bool) -> str:
    """What a person may hold: a trait, a field (`core:KEY`), or the one memory whose id begins so. Raises: as `one_id`.

    A field is taken as it is written.
    """
    if ":" in begins:
        return begins
    if traits and begins.casefold() in TRAITS:
        return begins.casefold()
    try:
        return one_id(begins, ids, "memory")
    except NotFound:
        trait = f"no trait ({', '.join(TRAITS)}), " if traits else ""
        raise NotFound(f"{begins!r} is {trait}no field (core:KEY) and no memory's id; {WHERE['memory']}") from None
