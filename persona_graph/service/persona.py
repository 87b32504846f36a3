"""`Persona`, put together: opening, closing, and the worker of this process."""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, tzinfo
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from persona_graph.blocking import blocking
from persona_graph.embeddings import EmbeddingsSpec, open_embeddings
from persona_graph.engine import Clock, Engine, real_clock
from persona_graph.errors import ConfigurationError
from persona_graph.home import home_of
from persona_graph.media import FolderMedia, Media, open_media
from persona_graph.memory.open import open_store
from persona_graph.memory.store import MemoryStore
from persona_graph.options import Options, Updates
from persona_graph.policy.open import open_policy
from persona_graph.policy.policy import Policy
from persona_graph.service.forgetting import Forgetting
from persona_graph.service.hand import Hand
from persona_graph.service.health import Health
from persona_graph.service.looking import Looking
from persona_graph.service.talking import Talking
from persona_graph.service.upkeep import Upkeep
from persona_graph.spool import Spool
from persona_graph.update.worker import Worker
from persona_graph.user_id import user_id

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

    from persona_graph.settings import Settings


class Persona(Talking, Looking, Hand, Forgetting, Upkeep, Health):
    """An assistant's memory of its users, with or without a model. Opening it reads nothing."""

    def __init__(self, engine: Engine) -> None:
        self.engine = replace(engine, wake=self._wake)
        self._workers: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Worker] = weakref.WeakKeyDictionary()
        self._lock = threading.Lock()
        self._graph: Any = None

    @classmethod
    def open(
        cls,
        url: str | MemoryStore,
        *,
        model: str | BaseChatModel | None = None,
        policy: Policy | None = None,
        embeddings: EmbeddingsSpec = None,
        options: Options | None = None,
        prompts: Path | Mapping[str, str] | None = None,
        media: Media | Path | str | None = None,
        spool: Path | str | None = None,
        clock: Clock = real_clock,
        zone: tzinfo = UTC,
        **chat_options: Any,
    ) -> Self:
        """A `Persona` over a store.

        `url` is `sqlite:FOLDER`, `weaviate://HOST:PORT?grpc=PORT` or a store; `media` a folder or an fsspec URL for
        images, beside the store or on this machine otherwise. `model` is `"provider:model"`, a LangChain chat model or
        `"offline"`; without one everything but answering works. `spool` is the folder where turns wait while the
        store's server is away, one for each store; beside the images otherwise. `chat_options` go to `ChatPolicy`.

        Raises: ConfigurationError when something named here is not installed or not known.
        """
        options = options or Options()
        store = open_store(url, neutral=options.neutral) if isinstance(url, str) else url
        home = home_of(url) if isinstance(url, str) else None
        if isinstance(media, str | Path):
            media = open_media(media)
        if media is None:
            if home is None:
                raise ConfigurationError("a store that is given as an object needs media=... for its images")
            media = FolderMedia(home / "media")  # beside the embedded store
        engine = Engine(
            store=store,
            policy=policy or (open_policy(model, prompts=prompts, **chat_options) if model is not None else _NoModel()),
            media=media,
            spool=Spool(spool if spool is not None else _spool_folder(url, home, media)),
            embedder=open_embeddings(embeddings),
            options=options,
            clock=clock,
            zone=zone,
            home=home,
        )
        return cls(engine)

    @classmethod
    def from_settings(cls, settings: Settings, *, media: Media | None = None, clock: Clock = real_clock) -> Self:
        """A `Persona` as the settings say."""
        return cls.open(
            settings.store,
            model=settings.model,
            model_options=settings.model_options,
            embeddings=settings.embeddings,
            options=settings.behaviour,
            prompts=settings.prompts,
            media=media if media is not None else settings.media,
            spool=settings.spool,
            clock=clock,
            zone=settings.zone,
        )

    def _wake(self, user: str) -> None:
        """News from a turn: this loop's worker takes it up, unless updates run inline or elsewhere."""
        if self.engine.options.updates is not Updates.BACKGROUND or isinstance(self.engine.policy, _NoModel):
            return
        loop = asyncio.get_running_loop()
        with self._lock:
            worker = self._workers.get(loop)
            if worker is None:
                worker = self._workers[loop] = Worker(self.engine)
        worker.start()
        worker.wake(user)

    def user(self, user: str) -> User:
        """A view bound to one user. Raises: InputError when that is no user id."""
        return User(self, user)

    async def aclose(self) -> None:
        """Stop the workers of this loop and let go of the store. What is in the outbox waits there."""
        worker = self._workers.pop(asyncio.get_running_loop(), None)
        if worker is not None:
            await worker.stop()
        await self.engine.store.close()

    close = blocking(aclose)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self.aclose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class User:
    """One user's `Persona`: the same methods without the user argument (`view.chat("hello")`)."""

    def __init__(self, persona: Persona, user: str) -> None:
        self.persona, self.id = persona, user_id(user)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self.persona, name)

        def bound(*args: Any, **kwargs: Any) -> Any:
            return method(self.id, *args, **kwargs)

        return bound


class _NoModel:
    """Stands where a policy would: says in one sentence how to get one."""

    name = "none"

    async def ask(self, job: Any, given: Any, *, on_delta: Any = None) -> Any:
        raise ConfigurationError(
            "no model is configured; with Ollama running: pip install 'persona-graph[ollama]' and "
            'export PERSONA_MODEL=ollama:llama3.2 (or model=... in Python; model="offline" answers by rules)'
        )


def _spool_folder(url: str | MemoryStore, home: Path | None, media: Media) -> Path:
    """Where turns wait when nobody says it: a local folder that no other store has.

    Raises: ConfigurationError where there is none.
    """
    if home is not None:
        return home / "spool"
    if isinstance(media, FolderMedia):
        return media.folder.parent / "spool"
    raise ConfigurationError(
        "a store on a server needs a local folder where turns wait while it is away: open the Persona with spool=FOLDER"
    )
