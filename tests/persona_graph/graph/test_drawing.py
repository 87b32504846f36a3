"""The graphs as drawn: nodes and edges are part of what users build on."""

from __future__ import annotations

from pathlib import Path

from persona_graph import Persona, create_persona_graph, create_response_graph, create_update_graph
from persona_graph.policy.scripted import ScriptedPolicy


def edges(graph: object) -> set[tuple[str, str]]:
    drawn = graph.compile().get_graph()  # type: ignore[attr-defined]
    return {(edge.source, edge.target) for edge in drawn.edges}


def opened(tmp_path: Path) -> Persona:
    return Persona.open(f"sqlite:{tmp_path}", policy=ScriptedPolicy(lambda _job, _given: ""))


RESPONSE = {
    ("__start__", "load"),
    ("load", "reason"),
    ("load", "retrieve"),
    ("reason", "retrieve"),
    ("reason", "answer"),
    ("retrieve", "reason"),
    ("retrieve", "respond"),
    ("respond", "answer"),
    ("answer", "__end__"),
}


def test_the_response_graph(tmp_path: Path) -> None:
    assert edges(create_response_graph(opened(tmp_path))) == RESPONSE


def test_the_persona_graph_adds_the_update(tmp_path: Path) -> None:
    added = {("answer", "update"), ("update", "__end__")}
    assert edges(create_persona_graph(opened(tmp_path))) == RESPONSE | added


def test_the_update_graph(tmp_path: Path) -> None:
    jobs = ("infer_personality", "extract_semantic", "segment_episodes", "update_procedural", "update_core")
    assert edges(create_update_graph(opened(tmp_path))) == {
        ("__start__", "claim"),
        ("claim", "__end__"),
        *(("claim", job) for job in jobs),
        *((job, "claim") for job in jobs),
    }


def test_schemas_are_offered_for_a_form(tmp_path: Path) -> None:
    graph = create_persona_graph(opened(tmp_path)).compile()
    assert "messages" in graph.get_input_jsonschema()["properties"]
    assert set(graph.get_output_jsonschema()["properties"]) == {"messages", "turn", "receipt"}
    assert "user" in (graph.get_context_jsonschema() or {})["properties"]
