"""The local folder of a store."""

from __future__ import annotations

from pathlib import Path

import pytest

from persona_graph.errors import ConfigurationError
from persona_graph.home import home_of

ENV = {"XDG_DATA_HOME": "/data", "HOME": "/home/ana"}


@pytest.mark.parametrize(
    "url", ["sqlite:/memory", "/memory", "weaviate+embedded:///memory", "weaviate+embedded:///%6Demory?collection=Mine"]
)
def test_a_store_on_this_machine_has_its_own(url: str) -> None:
    assert home_of(url, ENV) == Path("/memory")


def test_a_server_has_one_for_each_collection_however_it_is_asked() -> None:
    one = home_of("weaviate://a:1?grpc=2", ENV)
    assert home_of("weaviate://a:1?grpc=3&consistency=one", ENV) == one
    assert home_of("weaviate://a:1,b:1?grpc=3", ENV) == home_of("weaviate://b:1,a:1?grpc=3&replicas=2", ENV) != one
    assert home_of("weaviate://a:1?collection=Other", ENV) != one


def test_a_url_of_no_server_is_refused() -> None:
    with pytest.raises(ConfigurationError):
        home_of("weaviate://a:0", ENV)
