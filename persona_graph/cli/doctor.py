"""`persona doctor`: what is installed and configured, and what would be reached over a network. It contacts nothing.

With `--memory` it reads one user's memory from the store instead (`cli.health`).
"""

from __future__ import annotations

import json
import os
import platform
import re
import sqlite3
import sys
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import timedelta
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from persona_graph.cli import health
from persona_graph.cli.edge import FAILED, Json, Store, User, edge_of, sentence, tracing
from persona_graph.cli.views.style import console, counted, sheet
from persona_graph.errors import ConfigurationError, InputError
from persona_graph.home import REMOTE, home_of
from persona_graph.memory.finding import UNUSED_AFTER, UNUSED_ANSWERS, Sure
from persona_graph.memory.weaviate.address import SCHEMES, parse
from persona_graph.memory.weaviate.embedded import need_program
from persona_graph.spool import Spool

if TYPE_CHECKING:
    from persona_graph.settings import Settings

EXTRAS: Mapping[str, tuple[str, str]] = {
    "openai": ("langchain_openai", "OpenAI, vLLM and everything that speaks their protocol"),
    "ollama": ("langchain_ollama", "models on this machine through Ollama"),
    "embeddings": ("sentence_transformers", "search by meaning with a local model"),
    "plots": ("matplotlib", "persona show personality --png"),
    "media": ("fsspec", "images elsewhere than in a folder"),
    "mcp": ("mcp", "the MCP server, which is planned"),
    "weaviate": ("weaviate", "memory on a server or cluster, many machines"),
}
SERVERS: Mapping[str, str] = {"ollama": "http://localhost:11434", "openai": "https://api.openai.com"}
LOCAL = ("file://", "local://", "memory://")
"""Places for pictures that are on this machine."""
KEYS = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GOOGLE_API_KEY", "MISTRAL_API_KEY", "GROQ_API_KEY")


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report."""

    what: str
    state: str
    """`ok`, `off` (not there, not needed), `warn` or `wrong`."""
    says: str


def doctor(
    ctx: typer.Context,
    memory: Annotated[
        bool, typer.Option("--memory", help="Look at one user's memory instead; this reads the store.")
    ] = False,
    fix: Annotated[bool, typer.Option("--fix", help="Take the remedies, in one commit that can be undone.")] = False,
    kind: Annotated[
        list[str] | None,
        typer.Option("--kind", "-k", help="evidence, own-words, duplicates, contradictions, unused; all otherwise."),
    ] = None,
    sure: Annotated[Sure, typer.Option("--sure", help="How sure a remedy must be for --fix.")] = Sure.LIKELY,
    older_than: Annotated[
        int, typer.Option("--older-than", min=0, help="Days from which a memory that no answer used is named.")
    ] = UNUSED_AFTER.days,
    answers: Annotated[
        int, typer.Option("--answers", min=1, help="Answers since then without which that says nothing.")
    ] = UNUSED_ANSWERS,
    user: User = None,
    store: Store = None,
    as_json: Json = False,
) -> None:
    """Check this installation and its settings, and contact nothing; or with --memory read what is remembered.

    Exit code 1 when something is wrong with the installation.
    """
    if memory:
        asked = health.Visit(
            fix=fix,
            sure=sure,
            ailments=health.ailments_of(kind or ()),
            unused_after=timedelta(days=older_than),
            unused_answers=answers,
        )
        health.visit(edge_of(ctx).settings(user=user, store=store, embeddings="none"), asked, as_json=as_json)
        return
    if fix or kind or user:
        raise InputError("--fix, --kind and --user belong to --memory: persona doctor --memory")
    findings = [*machine(), *_configured(lambda: edge_of(ctx).settings(store=store)), *extras()]
    if as_json:
        console.print_json(json.dumps([asdict(finding) for finding in findings], ensure_ascii=False))
    else:
        marks = {
            "ok": Text("✓", "good"),
            "off": Text("·", "faint"),
            "warn": Text("!", "yellow"),
            "wrong": Text("✗", "bad"),
        }
        table = sheet("", "", "")
        table.show_header = False
        for finding in findings:
            table.add_row(
                marks[finding.state], finding.what, Text(finding.says, "" if finding.state != "off" else "faint")
            )
        console.print(table)
    if any(finding.state == "wrong" for finding in findings):
        raise typer.Exit(FAILED)


def machine() -> list[Finding]:
    """Python, the platform and SQLite."""
    full_text = "FTS5" if _has_fts5() else "no FTS5"
    return [
        Finding("persona-graph", "ok", _version("persona-graph") or "run from its folder, not installed"),
        Finding("python", "ok", f"{platform.python_version()} on {sys.platform} ({platform.machine()})"),
        Finding(
            "sqlite",
            "ok" if _has_fts5() else "wrong",
            f"{sqlite3.sqlite_version}, {full_text}" + ("" if _has_fts5() else "; use a Python whose SQLite has FTS5"),
        ),
        Finding("langgraph", "ok" if _version("langgraph") else "wrong", _version("langgraph") or "not installed"),
    ]


def extras() -> list[Finding]:
    """Which extras are installed."""
    out = []
    for extra, (module, purpose) in EXTRAS.items():
        here = find_spec(module) is not None
        says = purpose if here else f'{purpose}: pip install "persona-graph[{extra}]"'
        out.append(Finding(f"extra {extra}", "ok" if here else "off", says))
    return out


def configured(settings: Settings, config: Path | None, env: Mapping[str, str]) -> list[Finding]:
    """Settings, store, model and embeddings, and what each would reach."""
    return [
        Finding("config file", "ok" if config else "off", str(config) if config else "none; PERSONA_CONFIG names one"),
        _store(settings.store),
        Finding("pictures", "ok", _pictures(settings)),
        _spool(settings),
        Finding("user", "ok", settings.user),
        Finding(
            "time zone",
            "ok",
            f"{settings.timezone or settings.zone}" + ("" if settings.timezone else " (the machine's)"),
        ),
        _model(settings, env),
        _embeddings(settings),
        Finding("behaviour", "ok", _behaviour(settings)),
        Finding("network", *_network(settings)),
        Finding("tracing", "warn", tracing(env)) if tracing(env) else Finding("tracing", "ok", "off"),
    ]


def _configured(settings: Callable[[], Settings]) -> list[Finding]:
    from persona_graph.settings import config_path

    try:
        return configured(settings(), config_path(os.environ), os.environ)
    except ConfigurationError as error:
        return [Finding("settings", "wrong", sentence(error))]


def _store(url: str) -> Finding:
    scheme, found, rest = url.partition(":")
    if found and scheme in SCHEMES:
        return _weaviate(url)
    folder = Path(rest if found and scheme == "sqlite" else url).expanduser()
    if folder.is_dir():
        files = list(folder.glob("users/*.db"))
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        writable = os.access(folder, os.W_OK)
        says = f"{folder} ({counted(len(files), 'user')}, {size / 1e6:.1f} MB)"
        return Finding("store", "ok" if writable else "wrong", says + ("" if writable else ", which cannot be written"))
    return Finding("store", "ok", f"{folder} (made when first used)")


def _weaviate(url: str) -> Finding:
    try:
        address = parse(url)
    except ConfigurationError as error:
        return Finding("store", "wrong", sentence(error))
    if find_spec("weaviate") is None:
        return Finding("store", "wrong", f'{address.shown} needs pip install "persona-graph[weaviate]"')
    if address.program is not None:
        try:
            need_program(address.program)
        except ConfigurationError as error:
            return Finding("store", "wrong", sentence(error))
    whose = "an embedded Weaviate in" if address.folder is not None else "Weaviate at"
    key = ", key set" if address.api_key else ""
    return Finding("store", "ok", f"{whose} {address.shown}, collection {address.collection}{key}")


def _home(settings: Settings) -> Path | None:
    """Where pictures and waiting turns lie by default; None where the store's URL is none."""
    try:
        return home_of(settings.store)
    except ConfigurationError:
        return None


def _pictures(settings: Settings) -> str:
    if settings.media is None:
        home = _home(settings)
        return "beside the store" if home is None else str(home / "media")
    if "://" in settings.media:
        return re.sub(r"//[^/@]*@", "//", settings.media)  # who may read them is not shown
    return str(Path(settings.media).expanduser())


def _spool(settings: Settings) -> Finding:
    home = _home(settings)
    if settings.spool is None and home is None:
        return Finding("spool", "off", "beside the store")
    spool = Spool(settings.spool or (home or Path()) / "spool")
    try:
        if not spool.folder.exists():
            return Finding("spool", "off", f"{spool.folder} (made when a turn first has to wait for a server)")
        waiting = spool.count()
    except OSError as error:
        return Finding("spool", "wrong", f"{spool.folder} cannot be read: {error.strerror}")
    waits = f"{counted(waiting, 'turn')} {'waits' if waiting == 1 else 'wait'}" if waiting else "nothing waits"
    return Finding("spool", "ok", f"{spool.folder}, {waits}")


def _model(settings: Settings, env: Mapping[str, str]) -> Finding:
    if settings.model is None:
        return Finding("model", "warn", "none; set PERSONA_MODEL=ollama:llama3.2, or offline for rules without a model")
    if settings.model == "offline":
        return Finding("model", "ok", "offline: rules, no language model")
    provider = settings.model.partition(":")[0]
    extra = {"vllm": "openai"}.get(provider, provider)
    module = EXTRAS.get(extra, (f"langchain_{provider}", ""))[0]
    if find_spec(module) is None:
        hint = f'pip install "persona-graph[{extra}]"' if extra in EXTRAS else f"pip install langchain-{provider}"
        return Finding("model", "wrong", f"{settings.chat_model}, but {module} is not installed: {hint}")
    keys = [key for key in KEYS if env.get(key)]
    return Finding(
        "model", "ok", f"{settings.chat_model}" + (f", keys set: {', '.join(keys)}" if keys else ", no key set")
    )


def _embeddings(settings: Settings) -> Finding:
    spec = settings.embeddings
    if spec == "none":
        return Finding("embeddings", "off", "none: search by words alone")
    if spec.partition(":")[0] == "local" and find_spec("sentence_transformers") is None:
        return Finding("embeddings", "wrong", f'{spec} needs pip install "persona-graph[embeddings]"')
    return Finding("embeddings", "ok", spec)


def _behaviour(settings: Settings) -> str:
    changed = ", ".join(f"{name}={value}" for name, value in settings.options.items())
    return f"preset {settings.preset}" + (f", {changed}" if changed else "")


def _network(settings: Settings) -> tuple[str, str]:
    reached = []
    if settings.store.startswith(REMOTE):
        reached.append(f"memory at {settings.store.partition('://')[2].partition('?')[0]}")
    if settings.model and settings.model != "offline":
        provider = settings.model.partition(":")[0]
        reached.append(f"the model at {settings.base_url or SERVERS.get(provider, f'the servers of {provider}')}")
    if settings.media and "://" in settings.media and not settings.media.startswith(LOCAL):
        reached.append(f"pictures at {_pictures(settings)}")
    provider = settings.embeddings.partition(":")[0]
    if provider not in ("none", "hash", "local"):
        reached.append(f"embeddings at {SERVERS.get(provider, f'the servers of {provider}')}")
    if not reached:
        return "ok", "nothing would be reached"
    return "ok", "would be reached: " + "; ".join(reached) + ". Nothing else, and nothing now."


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _has_fts5() -> bool:
    with closing(sqlite3.connect(":memory:")) as connection:
        try:
            connection.execute("CREATE VIRTUAL TABLE probe USING fts5(text)")
        except sqlite3.OperationalError:
            return False
    return True
