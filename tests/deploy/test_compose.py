"""The compose files describe servers that work: started as processes, as Docker is not needed to see it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import yaml

from evals.bench.weaviate import server
from persona_graph.errors import AccessDenied
from persona_graph.memory.weaviate.address import parse
from persona_graph.memory.weaviate.store import WeaviateStore
from tests.contracts.memory_store.given import ids, turn
from tests.deploy.compose import DEPLOY, Deployed, Unset, services

FILES = ("one.yaml", "three.yaml")
KEYS = {"WEAVIATE_ADMIN_KEY": "admin-key", "WEAVIATE_CLUSTER_PASSWORD": "between-nodes", "PERSONA_MODEL": "offline"}


def nodes(file: str) -> dict[str, Any]:
    return {name: one for name, one in services(file, KEYS).items() if name != "worker"}


@pytest.mark.parametrize("file", FILES)
def test_nothing_starts_without_its_keys(file: str) -> None:
    with pytest.raises(Unset, match="WEAVIATE_ADMIN_KEY"):
        services(file, {})


@pytest.mark.parametrize("file", FILES)
def test_every_variable_stands_in_the_example_and_has_no_value_there_but_a_comment(file: str) -> None:
    example = (DEPLOY / ".env.example").read_text(encoding="utf-8").splitlines()
    lines = [line for line in example if line and not line.startswith("#")]
    assert all(line.endswith("=") for line in lines)
    named = {part.split(":")[0].split("}")[0] for part in (DEPLOY / file).read_text(encoding="utf-8").split("${")[1:]}
    assert named <= {line.rstrip("=") for line in lines}


@pytest.mark.parametrize("file", FILES)
def test_no_port_is_open_to_other_machines_and_none_sends_anything(file: str) -> None:
    for name, node in nodes(file).items():
        assert all(isinstance(value, str) for value in node["environment"].values()), name
        assert all(port.startswith("127.0.0.1:") for port in node["ports"]), name
        assert node["environment"]["DISABLE_TELEMETRY"] == "true"
        assert node["environment"]["AUTHENTICATION_ANONYMOUS_ACCESS_ENABLED"] == "false"
        assert node["image"].endswith(f":{server.VERSION}")


@pytest.mark.parametrize("file", FILES)
def test_the_worker_is_given_an_address_of_the_nodes_that_there_are(file: str) -> None:
    worker = services(file, KEYS)["worker"]["environment"]
    address = parse(worker["PERSONA_STORE"], worker)
    assert [node.host for node in address.nodes] == list(nodes(file))
    assert address.replicas == len(nodes(file))
    assert address.api_key == "admin-key"


@pytest.mark.parametrize("file", FILES)
def test_every_volume_is_declared(file: str) -> None:
    whole = yaml.safe_load((DEPLOY / file).read_text(encoding="utf-8"))
    used = chain.from_iterable(one["volumes"] for one in whole["services"].values())
    assert sorted({one.partition(":")[0] for one in used}) == sorted(whole["volumes"])


def test_the_image_holds_what_the_package_is_built_of() -> None:
    pyproject = (DEPLOY.parent / "pyproject.toml").read_text(encoding="utf-8")
    packages = pyproject.split("packages = [")[1].split("]")[0].replace('"', "").split(", ")
    copied = [line.split() for line in (DEPLOY / "Dockerfile").read_text(encoding="utf-8").splitlines()]
    names = set(chain.from_iterable(words[1:-1] for words in copied if words[:1] == ["COPY"]))
    assert names >= {"pyproject.toml", "README.md", "LICENSE", "constraints.txt", *packages}


@pytest.fixture
def started(request: pytest.FixtureRequest, weaviate_binary: Path) -> Iterator[list[Deployed]]:
    """All nodes of a file, as processes."""
    made = [Deployed(one) for one in nodes(request.param).values()]
    with ExitStack() as stack:
        for node in made:
            stack.callback(node.close)
            node.nodes = made
        server.bring_up(made)
        yield made


@pytest.mark.slow
@pytest.mark.weaviate
@pytest.mark.network
@pytest.mark.parametrize("started", FILES, indirect=True)
async def test_a_store_works_on_what_a_file_describes(started: list[Deployed], monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("weaviate", reason="needs the extra: pip install 'persona-graph[weaviate]'")
    places = ",".join(f"{server.HOST}:{node.http_port}" for node in started)
    ports = ",".join(str(node.grpc_port) for node in started)
    url = f"weaviate://{places}?grpc={ports}&replicas={len(started)}"
    stranger = WeaviateStore(url)
    with pytest.raises(AccessDenied):
        await stranger.turns("ana")
    await stranger.close()
    monkeypatch.setenv("WEAVIATE_API_KEY", "admin-key")
    store = WeaviateStore(url)
    assert await store.append("ana", [turn("a")]) == ("a",)
    for node in started:
        alone = WeaviateStore(node.url)
        assert ids(await alone.turns("ana")) == ["a"]
        await alone.close()
    await store.close()
