"""`PersonaBaseStore`: what both do, it does as LangGraph's own InMemoryStore; the rest is honest about being memory."""

from __future__ import annotations

import asyncio
import inspect
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from langgraph.store.base import BaseStore, GetOp, InvalidNamespaceError, PutOp, SearchOp
from langgraph.store.memory import InMemoryStore

from persona_graph import Kind, Persona, PersonaBaseStore, Target
from persona_graph.errors import InputError
from persona_graph.memory.commit import Commit
from persona_graph.memory.operations import Add
from persona_graph.memory.types import Source

START = datetime(2024, 6, 1, 9, 0, tzinfo=UTC)
ANA = ("memories", "ana")
CORE = (*ANA, "core")


@pytest.fixture
def persona(tmp_path: Path) -> Iterator[Persona]:
    passed = iter(range(10_000))
    clock = lambda: START + timedelta(seconds=next(passed))  # noqa: E731
    with Persona.open(f"sqlite:{tmp_path}", embeddings="hash", clock=clock) as it:
        yield it


@pytest.fixture
def ours(persona: Persona) -> PersonaBaseStore:
    return PersonaBaseStore(persona)


@pytest.fixture(params=["ours", "langgraph"])
def store(request: pytest.FixtureRequest) -> BaseStore:
    either: BaseStore = request.getfixturevalue("ours") if request.param == "ours" else InMemoryStore()
    return either


def keys(items: list[Any]) -> list[str]:
    return [item.key for item in items]


# the same as InMemoryStore


def test_what_is_put_is_got(store: BaseStore) -> None:
    store.put(ANA, "city", {"text": "lives in Lisbon", "keywords": ["home"]})
    item = store.get(ANA, "city")
    assert item is not None
    assert (item.key, item.namespace) == ("city", ANA)
    assert item.value == {"text": "lives in Lisbon", "keywords": ["home"]}
    assert item.created_at <= item.updated_at
    assert item.created_at.tzinfo is not None


def test_what_was_never_put_is_none(store: BaseStore) -> None:
    assert store.list_namespaces() == []
    assert store.get(ANA, "city") is None
    assert store.get(("elsewhere", "ana"), "city") is None
    assert store.search(ANA) == []
    assert store.search(("elsewhere", "ana")) == []


def test_a_second_put_replaces_the_value(store: BaseStore) -> None:
    store.put(ANA, "city", {"text": "lives in Porto"})
    store.put(ANA, "city", {"text": "lives in Lisbon"})
    assert [item.value for item in store.search(ANA)] == [{"text": "lives in Lisbon"}]


@pytest.mark.parametrize(
    "second", [{"text": "lives in Porto"}, {"text": "lives in Porto", "keywords": ["city"]}], ids=["fewer", "others"]
)
def test_keywords_alone_may_change(store: BaseStore, second: dict[str, Any]) -> None:
    store.put(ANA, "city", {"text": "lives in Porto", "keywords": ["home"]})
    store.put(ANA, "city", second)
    assert [item.value for item in store.search(ANA)] == [second]


def test_a_delete_is_final_until_the_next_put(store: BaseStore) -> None:
    store.delete(ANA, "city")
    for city in ("Porto", "Lisbon", "Lisbon") * 12:  # more lives than are looked up at once
        store.put(ANA, "city", {"text": f"lives in {city}"})
        assert keys(store.search(ANA)) == ["city"]
        store.delete(ANA, "city")
        store.delete(ANA, "city")
        assert store.get(ANA, "city") is None
        assert store.search(ANA) == []


def test_limit_and_offset_page_through(store: BaseStore) -> None:
    for number in range(7):
        store.put(ANA, f"k{number}", {"text": f"fact number {number}"})
    store.put(ANA, "k2", {"text": "changed"})
    assert keys(store.search(ANA, limit=3)) == ["k0", "k1", "k2"]
    assert keys(store.search(ANA, limit=3, offset=3)) == ["k3", "k4", "k5"]
    assert keys(store.search(ANA, limit=3, offset=6)) == ["k6"]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"text": "likes tea"}, ["a"]),
        ({"keywords": ["drink"]}, ["a", "b"]),
        ({"text": {"$eq": "likes tea"}}, ["a"]),
        ({"text": {"$ne": "likes tea"}}, ["b", "c"]),
        ({"text": "likes tea", "keywords": ["food"]}, []),
        ({"mood": "sad"}, []),
    ],
)
def test_filters(store: BaseStore, wanted: dict[str, Any], found: list[str]) -> None:
    store.put(ANA, "a", {"text": "likes tea", "keywords": ["drink"]})
    store.put(ANA, "b", {"text": "likes coffee", "keywords": ["drink"]})
    store.put(ANA, "c", {"text": "likes bread"})
    assert keys(store.search(ANA, filter=wanted)) == found


def test_a_prefix_reaches_what_lies_below(store: BaseStore) -> None:
    store.put(ANA, "city", {"text": "lives in Lisbon"})
    store.put(CORE, "name", {"text": "Ana"})
    store.put(("memories", "bob"), "city", {"text": "lives in Oslo"})
    assert {(i.namespace, i.key) for i in store.search(ANA)} == {(ANA, "city"), (CORE, "name")}
    assert keys(store.search(CORE)) == ["name"]
    assert store.get(CORE, "city") is None


def test_namespaces_are_listed(store: BaseStore) -> None:
    store.put(ANA, "city", {"text": "lives in Lisbon"})
    store.put(CORE, "name", {"text": "Ana"})
    store.put(("memories", "bob"), "city", {"text": "lives in Oslo"})
    assert store.list_namespaces() == [ANA, CORE, ("memories", "bob")]
    assert store.list_namespaces(prefix=ANA) == [ANA, CORE]
    assert store.list_namespaces(prefix=("*", "bob")) == [("memories", "bob")]
    assert store.list_namespaces(suffix=("core",)) == [CORE]
    assert store.list_namespaces(max_depth=2) == [ANA, ("memories", "bob")]
    assert store.list_namespaces(max_depth=1, limit=1) == [("memories",)]
    assert store.list_namespaces(limit=1, offset=1) == [CORE]


def test_a_batch_reads_what_was_there_before_it_and_the_last_put_counts(store: BaseStore) -> None:
    one, two = ({"text": f"lives in {city}"} for city in ("Porto", "Lisbon"))
    assert store.batch([PutOp(ANA, "city", one), GetOp(ANA, "city"), PutOp(ANA, "city", two), SearchOp(ANA)]) == [
        None,
        None,
        None,
        [],
    ]
    (item,) = store.search(ANA)
    assert item.value == two


async def test_the_async_twins(store: BaseStore) -> None:
    await store.aput(ANA, "city", {"text": "lives in Lisbon"})
    item = await store.aget(ANA, "city")
    assert item is not None
    assert keys(await store.asearch(ANA)) == ["city"]
    assert await store.alist_namespaces() == [ANA]
    await store.adelete(ANA, "city")
    assert await store.aget(ANA, "city") is None


def test_a_time_to_live_is_refused(store: BaseStore) -> None:
    with pytest.raises(NotImplementedError):
        store.put(ANA, "city", {"text": "lives in Lisbon"}, ttl=5)
    assert store.get(ANA, "city") is None


@pytest.mark.parametrize("namespace", [(), ("memories", "ana@x.org"), ("memories", ""), ("langgraph", "ana")])
def test_labels_are_checked(store: BaseStore, namespace: tuple[str, ...]) -> None:
    with pytest.raises(InvalidNamespaceError):
        store.put(namespace, "city", {"text": "lives in Lisbon"})


async def test_writers_at_once_make_one_item(store: BaseStore) -> None:
    await asyncio.gather(*(store.aput(ANA, "city", {"text": f"lives in city {n}"}) for n in range(12)))
    assert keys(await store.asearch(ANA)) == ["city"]


# ours


def test_a_new_value_is_a_new_version_and_a_delete_keeps_history(ours: PersonaBaseStore, persona: Persona) -> None:
    ours.put(ANA, "city", {"text": "lives in Porto"})
    ours.put(ANA, "city", {"text": "lives in Lisbon"})
    item = ours.get(ANA, "city")
    assert item is not None
    assert item.created_at < item.updated_at
    ours.delete(ANA, "city")
    history = persona.memories("ana", history=True)
    assert [(m.text, m.version, m.key, m.source) for m in history] == [
        ("lives in Porto", 1, "city", Source.CLIENT),
        ("lives in Lisbon", 2, "city", Source.CLIENT),
    ]
    assert not any(memory.current for memory in history)


def test_the_same_value_again_is_no_new_version(ours: PersonaBaseStore, persona: Persona) -> None:
    for _ in range(2):
        ours.put(ANA, "city", {"text": "lives in Porto", "keywords": ["home"], "start": "2020-03-01"})
    assert len(persona.memories("ana", history=True)) == 1


def test_times_of_what_was_true_are_kept(ours: PersonaBaseStore, persona: Persona) -> None:
    ours.put(ANA, "city", {"text": "lived in Porto", "start": "2020-03-01", "end": "2021-03-31"})
    ours.put(ANA, "job", {"text": "is a nurse"})
    item = ours.get(ANA, "city")
    assert item is not None
    assert item.value["start"] == "2020-03-01T00:00:00+00:00"
    assert item.value["end"] == "2021-04-01T00:00:00+00:00"
    assert keys(ours.search(ANA, filter={"start": {"$lt": "2021"}})) == ["city"]


def test_search_is_retrieve(ours: PersonaBaseStore, persona: Persona) -> None:
    ours.put(ANA, "tea", {"text": "likes mint tea"})
    ours.put(ANA, "pet", {"text": "has a cat called Mia"})
    ours.put(CORE, "pet", {"text": "cats"})
    found = ours.search(ANA, query="cat Mia")
    hits = persona.search("ana", "cat Mia", limits=dict.fromkeys([Target(kind.value) for kind in Kind], 10)).hits
    best = max(hits, key=lambda hit: hit.score)
    assert (found[0].key, found[0].namespace, found[0].score) == ("pet", ANA, best.score)
    assert keys(ours.search(ANA, query="cat Mia", limit=1, offset=1)) == [found[1].key]
    assert keys(ours.search(ANA, query="cat", filter={"text": "cats"})) == ["pet"]
    assert keys(ours.search(CORE, query="cat Mia")) == ["pet"]


def test_what_was_learned_is_found_under_its_id_and_may_be_put_right(ours: PersonaBaseStore, persona: Persona) -> None:
    learned = Commit(id="1", job="test", at=START, operations=(Add(kind=Kind.SEMANTIC, text="likes tea"),))
    asyncio.run(persona.engine.store.commit("ana", learned))
    (item,) = ours.search(ANA)
    ours.put(ANA, item.key, {"text": "likes coffee"})
    assert [(m.id, m.text) for m in persona.memories("ana")] == [(item.key, "likes coffee")]


def test_what_a_person_holds_stays(ours: PersonaBaseStore, persona: Persona) -> None:
    ours.put(ANA, "city", {"text": "lives in Porto"})
    persona.correct("ana", persona.memories("ana")[0].id, "lives in Braga")
    persona.freeze("ana", "core:name")
    city = {"text": "lives in Lisbon"}
    for write in (PutOp(ANA, "city", city), PutOp(ANA, "city", None), PutOp(CORE, "Name", {"text": "Eve"})):
        with pytest.raises(InputError, match="only they can change it"):
            ours.batch([write])
    assert [m.text for m in persona.memories("ana")] == ["lives in Braga"]


def test_core_and_procedural_keys_are_fields(ours: PersonaBaseStore, persona: Persona) -> None:
    persona.set_profile("ana", {"name": "Ana"})
    ours.put(CORE, "Name", {"text": "Ana Lima"})
    ours.put((*ANA, "procedural"), "run", {"text": "runs every morning"})
    assert [(m.key, m.text, m.version) for m in persona.profile("ana")] == [("name", "Ana Lima", 2)]
    item = ours.get(CORE, "NAME")
    assert item is not None
    assert (item.key, item.value) == ("name", {"text": "Ana Lima"})


@pytest.mark.parametrize(
    ("namespace", "value", "sentence"),
    [
        (ANA, {"text": "a", "mood": "sad"}, "'mood' would be lost"),
        (ANA, {"memory": "a"}, "'memory' would be lost"),
        (ANA, {"text": " "}, 'put {"text": "..."}'),
        (ANA, {"text": 3}, 'put {"text": "..."}'),
        (ANA, {"text": "a", "keywords": "tea"}, "keywords are a list of strings"),
        (ANA, {"text": "a", "start": 2024}, "ISO dates"),
        (ANA, {"text": "a", "start": "soon"}, "'soon' is not a date"),
        ((*ANA, "episodic"), {"text": "a"}, "conversations alone"),
        ((*ANA, "moods"), {"text": "a"}, "no place for memories"),
        (("elsewhere",), {"text": "a"}, "no place for memories"),
    ],
)
def test_what_cannot_be_kept_is_refused_before_anything_is_written(
    ours: PersonaBaseStore, namespace: tuple[str, ...], value: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(InputError, match=re.escape(sentence)):
        ours.batch([PutOp(ANA, "good", {"text": "good"}), PutOp(namespace, "bad", value)])
    assert ours.search(ANA) == []


def test_more_is_refused_with_a_sentence(ours: PersonaBaseStore) -> None:
    with pytest.raises(NotImplementedError, match="index"):
        ours.put(ANA, "city", {"text": "a"}, index=False)
    with pytest.raises(NotImplementedError, match="time to live"):
        ours.batch([PutOp(ANA, "city", {"text": "a"}, ttl=5.0)])
    with pytest.raises(InputError, match="one user"):
        ours.search(("memories",), query="secret")
    with pytest.raises(InvalidNamespaceError):
        ours.batch([PutOp(("memories", "a.b"), "city", {"text": "a"})])
    ours.put(ANA, "city", {"text": "a"})
    with pytest.raises(InputError, match="in"):
        ours.search(ANA, filter={"text": {"$in": ["a"]}})


@pytest.mark.parametrize("user", ["ana@x.org", "100%", "langgraph", "a%2Eb", "Ана/1", ".."])
def test_any_user_id_has_a_namespace(ours: PersonaBaseStore, persona: Persona, user: str) -> None:
    for store in (ours, PersonaBaseStore(persona, namespace=("{user}", "facts"))):
        namespace = store.namespace(user)
        store.put(namespace, "city", {"text": "lives in Lisbon"})
        assert keys(store.search(namespace)) == ["city"]
        assert namespace in store.list_namespaces()
    assert persona.users() == [user]
    assert len(persona.memories(user)) == 1


def test_users_are_apart(ours: PersonaBaseStore) -> None:
    ours.put(ANA, "city", {"text": "secret of Ana"})
    bob = ("memories", "bob")
    assert ours.search(bob, query="secret") == []
    assert ours.search(bob) == []
    assert ours.get(bob, "city") is None


@pytest.mark.parametrize("label", ["%61na", "%2e", "%ff", "%00%", "an%61", "100%", "%6canggraph"])
def test_a_label_that_no_user_is_written_as_is_refused(ours: PersonaBaseStore, label: str) -> None:
    ours.put(ANA, "city", {"text": "secret of Ana"})
    for look in (lambda at: ours.search(at), lambda at: ours.get(at, "city"), lambda at: ours.delete(at, "city")):
        with pytest.raises(InputError, match="no label of a user"):
            look(("memories", label))
    assert keys(ours.search(ANA)) == ["city"]


def test_a_namespace_without_a_user_is_refused(persona: Persona) -> None:
    with pytest.raises(InputError, match="once"):
        PersonaBaseStore(persona, namespace=("memories",))


def test_the_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    (example,) = re.findall(r"(?:^    .*\n|^\n(?=    ))+", inspect.getdoc(PersonaBaseStore) or "", re.MULTILINE)
    code = inspect.cleandoc("\n" + example)
    assert len(code.splitlines()) <= 10
    exec(compile(code, "example", "exec"), {})
    assert capsys.readouterr().out == "Ana lives in Lisbon.\n"
