"""What every test shares: a clean environment, no sockets unless asked for, and the way to real data."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from evals.bench.weaviate import server as weaviate_server
from evals.bench.weaviate.server import WeaviateServer

# How long one example takes says more about the machine than about the code.
settings.register_profile("project", deadline=None)
settings.load_profile("project")

CACHE = os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache"))
"""Stays where it is: what libraries keep there (fonts) takes seconds to make and says nothing about a person."""

PROJECT = Path(__file__).parents[1]

LOOPBACK = ["127.0.0.1", "::1"]

OUTSIDE = ("PERSONA_", "LANGSMITH_", "LANGCHAIN_", "OPENAI_", "OLLAMA_", "WEAVIATE_", "HF_")
"""Prefixes of the variables by which a developer's own settings and keys would reach a test."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let tests marked `network` open sockets, to this machine only; all others get none (see `addopts`)."""
    for item in items:
        if item.get_closest_marker("network"):
            item.add_marker(pytest.mark.allow_hosts(LOOPBACK))


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Hide the developer's settings, keys and configuration files; libraries are told that they are offline."""
    for name in list(os.environ):
        if name.startswith(OUTSIDE):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", CACHE)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real third-party data; the test is skipped where it is absent."""
    folder = Path(os.environ.get("SHARED", PROJECT.parent / "shared")) / "data"
    if not folder.is_dir():
        pytest.skip("needs the development data, which is not part of the project: make test SHARED=folder")
    return folder


@pytest.fixture(scope="session")
def weaviate_binary() -> Path:
    """Program of the Weaviate server, for tests that stop and start their own; skipped where there is none."""
    found = weaviate_server.binary()
    if found is None:
        pytest.skip(weaviate_server.MISSING)
    return found


@pytest.fixture(scope="session")
def weaviate_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """URL of a Weaviate server that runs until the session ends (with xdist: a worker's); all tests share it.

    It starts when the first test asks, which must be marked `network`. Tests do not meet on it when each uses a
    collection of its own: `&collection=NAME` behind the URL.
    """
    if (given := weaviate_server.given_url()) is not None:
        yield given
        return
    request.getfixturevalue("weaviate_binary")
    with WeaviateServer() as server:
        yield server.url
