"""Where a bench works that is given a store."""

from __future__ import annotations

import pytest

from evals.bench.weaviate.place import Place, is_weaviate, opened


@pytest.mark.parametrize(
    ("store", "expected"),
    [
        ("weaviate", True),
        ("weaviate://127.0.0.1:8080?grpc=50051", True),
        ("weaviate+embedded:///data", True),
        ("sqlite:folder", False),
        ("weaviate-notes", False),
        ("", False),
    ],
)
def test_a_weaviate_is_known_by_its_scheme(store: str, expected: bool) -> None:
    assert is_weaviate(store) is expected


def test_another_store_is_worked_on_where_it_is() -> None:
    with opened("sqlite:folder") as place:
        assert place == Place("sqlite:folder")


@pytest.mark.weaviate
@pytest.mark.network
def test_on_a_server_that_runs_nothing_stays_behind(weaviate_url: str) -> None:
    weaviate = pytest.importorskip("weaviate")
    from persona_graph.memory.weaviate.address import parse

    node = parse(weaviate_url).nodes[0]

    def collections() -> set[str]:
        with weaviate.connect_to_local(node.host, node.port, node.grpc_port, skip_init_checks=True) as client:
            return set(client.collections.list_all())

    before = collections()
    with opened(f"{weaviate_url}&collection=Persona") as place:
        assert parse(place.url).collection not in before | {"Persona"}
        assert place.server is None
    assert collections() == before
