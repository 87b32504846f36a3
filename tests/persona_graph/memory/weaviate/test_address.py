"""URLs of a Weaviate: what they name, and what is said of those that name none."""

from __future__ import annotations

from pathlib import Path

import pytest

from persona_graph.errors import ConfigurationError
from persona_graph.memory.weaviate.address import Node, parse


def test_one_server() -> None:
    found = parse("weaviate://db.example:8081?grpc=50052", {})
    assert found.nodes == (Node(host="db.example", port=8081, grpc_host="db.example", grpc_port=50052),)
    assert (found.tls, found.replicas, found.consistency, found.collection) == (False, 1, "one", "Persona")
    assert (found.api_key, dict(found.headers)) == ("", {})


def test_ports_have_defaults() -> None:
    (plain,) = parse("weaviate://db", {}).nodes
    assert (plain.port, plain.grpc_port) == (8080, 50051)
    (cloud,) = parse("weaviates://x.weaviate.cloud?grpc_host=grpc-x.weaviate.cloud", {}).nodes
    assert cloud == Node(host="x.weaviate.cloud", port=443, grpc_host="grpc-x.weaviate.cloud", grpc_port=443)


def test_a_cluster_answers_by_quorum() -> None:
    found = parse("weaviate://a:1,b:2,[::1]:3?grpc=4,5,6&replicas=3", {})
    assert [(node.host, node.port, node.grpc_port) for node in found.nodes] == [("a", 1, 4), ("b", 2, 5), ("::1", 3, 6)]
    assert found.consistency == "quorum"
    assert parse("weaviate://a,b?grpc=4&replicas=2&consistency=all", {}).consistency == "all"


def test_keys_and_headers_come_from_the_environment() -> None:
    env = {"WEAVIATE_API_KEY": "secret", "OTHER": "hidden", "TEAM": "blue"}
    assert parse("weaviate://a", env).api_key == "secret"
    found = parse("weaviate://a?key_env=OTHER&header.X-Team=$TEAM&header.X-Plain=1", env)
    assert found.api_key == "hidden"
    assert dict(found.headers) == {"X-Team": "blue", "X-Plain": "1"}
    assert "hidden" not in repr(found)
    assert "blue" not in repr(found)


def test_a_folder_holds_an_embedded_server() -> None:
    found = parse("weaviate+embedded:///data/my%20memory?collection=Mine", {"WEAVIATE_API_KEY": "of another"})
    assert found.folder == Path("/data/my memory")
    assert (found.collection, found.api_key, found.shown) == ("Mine", "", str(Path("/data/my memory")))


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("weaviate:x", "names no Weaviate"),
        ("weaviate://", "HOST:PORT"),
        ("weaviate://a b", "HOST:PORT"),
        ("weaviate://a:99999", "port='99999'"),
        ("weaviate://a:0", "port='0'"),
        ("weaviate://a?grpc=x", "grpc='x'"),
        ("weaviate://a,b?grpc=1,2,3", "2 nodes"),
        ("weaviate://a?grcp=1", "'grcp' is no option"),
        ("weaviate://a?grcp=1", "key_env, header.NAME"),
        ("weaviate://me:key@a", "WEAVIATE_API_KEY"),
        ("weaviate://a?collection=lower", "'lower'"),
        ("weaviate://a?consistency=two", "'two'"),
        ("weaviate://a?key_env=NONE", "'NONE'"),
        ("weaviate://a?header.X=$NONE", "'NONE'"),
        ("weaviate+embedded://", "needs a folder"),
    ],
)
def test_a_url_that_names_none_is_refused_with_a_sentence(url: str, told: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        parse(url, {})
    assert told in str(refused.value)
