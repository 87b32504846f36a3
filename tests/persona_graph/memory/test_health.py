"""What a look at one's memory finds, and the laws of its remedies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_graph.conversation import Image, Message, Role, Turn
from persona_graph.memory.commit import Commit, Knowledge, fold
from persona_graph.memory.finding import Ailment, Checkup, Finding, Sure, remedies
from persona_graph.memory.health import examine
from persona_graph.memory.operations import Add, Delete, Freeze, Keep, Operation, Pin, Undo
from persona_graph.memory.types import KEYED, Kind, Memory, Source
from persona_graph.timerange import ALWAYS, TimeRange

START = datetime(2024, 1, 1, tzinfo=UTC)
NOW = START + timedelta(days=400)


def day(number: float) -> datetime:
    return START + timedelta(days=number)


def memory(name: str, text: str, number: float = 0, **fields: object) -> Memory:
    """A fact told on a day, resting on a turn of its own."""
    told = TimeRange(start=day(number))
    made = Memory(id=name, version=1, kind=Kind.SEMANTIC, text=text, event=told, believed=told, evidence=(f"t-{name}",))
    return replace(made, **fields)  # type: ignore[arg-type]


def turn(name: str, person: str = "hello", assistant: str = "hi", number: float = 0, **fields: object) -> Turn:
    messages = (Message.of(Role.PERSON, person), Message.of(Role.ASSISTANT, assistant))
    return replace(Turn(id=name, at=day(number), session="s", messages=messages), **fields)  # type: ignore[arg-type]


def look(memories: Sequence[Memory], turns: Sequence[Turn] | None = None, **how: object) -> tuple[Finding, ...]:
    """The findings; without turns of its own, every memory finds its evidence and nothing in it."""
    journal = [turn(t, number=n) for n, t in enumerate({t: 0 for m in memories for t in m.evidence})]
    return examine(memories, journal if turns is None else turns, now=NOW, **how).findings  # type: ignore[arg-type]


def told(findings: Sequence[Finding]) -> list[tuple[str, list[str], set[str], str]]:
    """Each as its kind, its memories, those that go, and how sure it is."""
    return [(f.what.value, [m.id for m in f.memories], set(f.gone), f.sure.value) for f in findings]


def test_there_is_nothing_to_find_in_an_empty_memory() -> None:
    assert examine((), (), now=NOW) == Checkup(memories=0, turns=0, answers=0)


# duplicates


def test_the_same_words_are_a_certain_duplicate_and_the_newest_stays() -> None:
    found = look([memory("a", "Likes tea", 1), memory("b", "likes tea.", 2), memory("c", "Likes tea", 3)])
    assert told(found) == [("duplicates", ["c", "b", "a"], {"a", "b"}, "certain")]
    assert found[0].remedy == (Keep(id="c"), Delete(id="b"), Delete(id="a"))
    assert found[0].why == "They are the same words."


def test_what_says_all_that_another_says_stays() -> None:
    short, long = "Maria volunteers at a homeless shelter", "Maria volunteers at a homeless shelter, and loves it"
    found = look([memory("short", short, 2), memory("long", long, 1)])
    assert told(found) == [("duplicates", ["long", "short"], {"short"}, "likely")]
    narrowed = look([memory("short", short, 2), memory("long", f"{short} in the harbour", 1)])
    assert told(narrowed) == [("duplicates", ["long", "short"], {"short"}, "possible")]


@pytest.mark.parametrize(
    "other",
    [
        memory("b", "Likes tea", 2, kind=Kind.PROCEDURAL, key="habit"),
        memory("b", "Likes tea", 2, images=("0" * 64,)),
        memory("b", "Likes tea", 2, key="tea"),
        memory("b", "Likes coffee", 2),
        memory("b", "Likes tea", 2, believed=TimeRange(start=day(2), end=day(3))),
    ],
    ids=["kind", "image", "key", "words", "no longer believed"],
)
def test_what_differs_in_what_matters_is_no_duplicate(other: Memory) -> None:
    assert look([memory("a", "Likes tea", 1), other]) == ()


def test_two_that_happened_on_different_days_are_two() -> None:
    dated = [memory(n, "Sees the dentist", 1, event=TimeRange(start=day(d))) for n, d in (("a", 30), ("b", 60))]
    assert look(dated) == ()
    assert told(look([dated[0], replace(dated[1], event=TimeRange(start=day(30.2)))]))[0][0] == "duplicates"
    episodes = [
        memory(n, "tea: “hello”", d, kind=Kind.EPISODIC, event=TimeRange(start=day(d), end=day(d + 0.1)))
        for n, d in (("a", 1), ("b", 2))
    ]
    assert look(episodes) == ()


def test_signs_without_words_are_compared_as_they_are() -> None:
    assert look([memory("a", "🎉"), memory("b", "🐈")]) == ()
    assert told(look([memory("a", "🎉"), memory("b", "🎉")])) == [("duplicates", ["b", "a"], {"a"}, "certain")]


# contradictions


def test_of_two_that_deny_each_other_the_newer_one_stays() -> None:
    found = look([memory("new", "Does not like coffee any more", 9), memory("old", "Likes coffee", 1)])
    assert told(found) == [("contradictions", ["new", "old"], {"old"}, "likely")]
    assert found[0].why == "One denies what the other says; the newest word is of 2024-01-10."


def test_of_what_one_has_but_one_of_the_newest_stays() -> None:
    homes = [memory("a", "Lives in Porto", 1), memory("b", "Lives in Braga", 2), memory("c", "Lives in Faro", 3)]
    assert told(look(homes)) == [("contradictions", ["c", "a", "b"], {"a", "b"}, "likely")]
    jobs = [memory("a", "Works as a nurse", 1), memory("b", "Works as a baker", 2)]
    assert told(look(jobs)) == [("contradictions", ["b", "a"], {"a"}, "possible")]


def test_the_last_word_counts_and_not_the_word_said_most_often() -> None:
    words = [memory("a", "Likes tea", 1), memory("b", "Dislikes tea", 2), memory("c", "Likes tea", 3)]
    found = told(look(words))
    assert found == [("duplicates", ["c", "a"], {"a"}, "certain"), ("contradictions", ["c", "b"], {"b"}, "likely")]


@pytest.mark.parametrize(
    "older",
    [
        memory("old", "Lives in Porto", 1, evidence=("t-new",)),
        memory("old", "Lives in Porto", 1, event=TimeRange(start=day(0), end=day(1))),
        memory("old", "Lives in Porto", 1, kind=Kind.EPISODIC),
    ],
    ids=["told in one breath", "of the past", "an episode"],
)
def test_what_may_hold_beside_it_is_no_contradiction(older: Memory) -> None:
    assert look([older, memory("new", "Lives in Braga", 2)]) == ()


def test_many_values_may_be_that_many() -> None:
    towns = ("Porto", "Braga", "Faro", "Lagos")
    (found,) = look([memory(town, f"Lives in {town}", n) for n, town in enumerate(towns)])
    assert found.sure is Sure.POSSIBLE


# what the person holds


@pytest.mark.parametrize("fields", [{"pinned": True}, {"source": Source.PERSON}], ids=["pinned", "said by hand"])
def test_what_the_person_holds_stays_whatever_is_newer(fields: dict[str, object]) -> None:
    held = memory("held", "Lives in Porto", 1, **fields)
    (found,) = look([held, memory("new", "Lives in Braga", 2)])
    assert found.remedy == ()
    assert "yours to change" in found.why
    assert told(look([held, memory("new", "Lives in Porto", 2)])) == [
        ("duplicates", ["held", "new"], {"new"}, "certain")
    ]
    assert look([replace(held, evidence=("gone",))], turns=()) == ()


def test_a_frozen_field_stays() -> None:
    goal = memory("goal", "Learns the violin", 1, kind=Kind.PROCEDURAL, key="Goal")
    other = memory("other", "Learns the violin", 2, kind=Kind.PROCEDURAL, key="plan")
    assert look([goal, other])[0].gone == {"goal"}
    assert look([goal, other], frozen=("procedural:goal",))[0].gone == {"other"}


# evidence


def test_evidence_that_is_gone_is_missed() -> None:
    found = look(
        [
            memory("gone", "Likes tea", evidence=("x",)),
            memory("partly", "Likes rice", evidence=("x", "here")),
            memory("none", "Likes bread", evidence=()),
            memory("client", "Likes figs", evidence=(), source=Source.CLIENT),
            memory("profile", "Likes plums", evidence=(), source=Source.PROFILE),
        ],
        [turn("here")],
    )
    assert told(found) == [
        ("evidence", ["gone"], {"gone"}, "likely"),
        ("evidence", ["partly"], set(), "possible"),
        ("evidence", ["none"], {"none"}, "possible"),
    ]
    assert [f.why for f in found] == [
        "The turn it rests on is not in the journal any more.",
        "1 of the 2 turns it rests on is not in the journal any more.",
        "The model wrote it and names no turn for it.",
    ]


def test_what_rests_on_nothing_stays_for_no_other() -> None:
    sound, groundless = memory("sound", "Likes tea", 1), memory("groundless", "Likes tea", 2, evidence=())
    found = look([sound, groundless], [turn("t-sound")], ailments=[Ailment.DUPLICATES])
    assert told(found) == [("duplicates", ["sound", "groundless"], {"groundless"}, "certain")]


# own words

ADVICE = "You could try pottery classes in the harbour."


def test_what_the_assistant_alone_said_is_its_own_word() -> None:
    fact = memory("a", "Tries pottery classes in the harbour", evidence=("t",))
    found = look([fact], [turn("t", "What could I do at the weekend?", ADVICE)])
    assert told(found) == [("own-words", ["a"], {"a"}, "likely")]


@pytest.mark.parametrize(
    "turns",
    [
        [turn("t", "I try pottery classes in the harbour", ADVICE)],
        [turn("before", "What could I do?", ADVICE), turn("t", "Yes, I will!", ADVICE, 0.01)],
        [turn("t", "Pottery in the harbour?", ADVICE)],
        [turn("t", "Look!", ADVICE, messages=(
            Message(role=Role.PERSON, blocks=(Image(digest="0" * 64),)), Message.of(Role.ASSISTANT, ADVICE)
        ))],
        [turn("t", "Yes.", messages=(Message.of(Role.ASSISTANT, ADVICE), Message.of(Role.PERSON, "Yes, I will.")))],
    ],
    ids=["the person said it", "offered before", "asked for it", "a picture shows it", "answered in the same turn"],
)  # fmt: skip
def test_what_the_person_said_showed_or_confirmed_is_theirs(turns: list[Turn]) -> None:
    assert look([memory("a", "Tries pottery classes in the harbour", evidence=("t",))], turns) == ()


def test_an_episode_and_a_word_of_the_person_may_tell_what_the_assistant_said() -> None:
    turns = [turn("t", "What could I do at the weekend?", ADVICE)]
    for fields in ({"kind": Kind.EPISODIC}, {"source": Source.PERSON}, {"source": Source.CLIENT}):
        assert look([memory("a", "Tries pottery classes in the harbour", evidence=("t",), **fields)], turns) == ()


# unused


def answers(count: int, *refs: str) -> list[Turn]:
    receipt = {"opening": {"profile": list(refs)}}
    return [turn(f"answer-{n}", number=10 + n / 10, receipt=receipt) for n in range(count)]


def test_what_no_answer_looked_at_is_unused() -> None:
    fact, read = memory("a", "Likes tea", 1), memory("b", "Likes rice", 1)
    older = replace(read, version=1, believed=TimeRange(start=day(0), end=day(1)))
    newer = replace(read, version=2)
    turns = [turn("t-a"), turn("t-b"), *answers(50, older.ref)]
    found = look([fact, older, newer], turns)
    assert told(found) == [("unused", ["a"], {"a"}, "possible")]
    assert found[0].why == "None of the 50 answers since 2024-01-02 looked at it."


def test_the_young_and_what_few_answers_came_after_are_not_called_unused() -> None:
    fact = memory("a", "Likes tea", 1)
    turns = [turn("t-a"), *answers(50)]
    assert look([fact], turns[:-1]) == ()
    assert look([fact], turns, unused_after=timedelta(days=400)) == ()
    assert look([fact], turns, unused_answers=51) == ()
    assert look([replace(fact, pinned=True)], turns) == ()
    assert look([fact], [turn("t-a"), *(replace(t, receipt={}) for t in turns[1:])]) == ()


# laws

TEXTS = (
    "Likes tea", "likes tea.", "Dislikes tea", "Really likes the tea", "Lives in Porto", "Lives in Braga",
    "Lives in Faro", "Works as a nurse", "Works as a baker", "Their dog is called Rufus", "喜欢咖啡", "不喜欢咖啡",
    "Maria volunteers at a homeless shelter", "Maria volunteers at a homeless shelter, and loves it",
    "Maria volunteers at a homeless shelter in the harbour", "Tries pottery classes in the harbour",
)  # fmt: skip
TURNS = (
    turn("t0", "I like tea and I live in Porto", "Noted.", 0),
    turn("t1", "What could I do?", ADVICE, 1),
    turn("t2", "I volunteer at a homeless shelter", "Good!", 2),
    *answers(60),
)
EVIDENCE = st.lists(st.sampled_from(["t0", "t1", "t2", "gone"]), max_size=2, unique=True).map(tuple)
ADDS = st.builds(
    Add,
    kind=st.sampled_from([Kind.SEMANTIC, Kind.SEMANTIC, Kind.PROCEDURAL, Kind.EPISODIC, Kind.CORE]),
    text=st.sampled_from(TEXTS),
    key=st.sampled_from(["", "goal", "Goal", "home"]),
    event=st.sampled_from([ALWAYS, TimeRange(start=day(30)), TimeRange(end=day(40))]),
    evidence=EVIDENCE,
)
STEPS = st.lists(
    st.tuples(st.integers(0, 60), st.sampled_from(Source), ADDS, st.sampled_from(["", "", "", "pin", "freeze"])),
    max_size=14,
)
CHOICES = st.sets(st.sampled_from(Ailment), min_size=1) | st.just(set(Ailment))


def learned(steps: Sequence[tuple[int, Source, Add, str]]) -> list[Commit]:
    from persona_graph.memory.commit import memory_id

    commits = []
    for number, (moment, source, add, also) in enumerate(sorted(steps, key=lambda step: step[0])):
        operations: list[Operation] = [add if add.kind in KEYED else replace(add, key="")]
        if also == "pin":
            operations.append(Pin(id=memory_id(f"c{number}", 0)))
        if also == "freeze":
            operations.append(Freeze(what=f"{add.kind}:{add.key.casefold()}"))
        commits.append(Commit(id=f"c{number}", job="any", at=day(moment), source=source, operations=tuple(operations)))
    return commits


def versions(knowledge: Knowledge) -> list[Memory]:
    return [version for held in knowledge.versions.values() for version in held]


def cure(commits: Sequence[Commit], sure: Sure, ailments: set[Ailment]) -> tuple[Knowledge, Commit]:
    """What is known, and the commit that would cure it."""
    known = fold(commits)
    checkup = examine(versions(known), TURNS, known.frozen, now=NOW, ailments=ailments)
    found = [finding for finding in checkup.findings if finding.sure.at_least(sure)]
    return known, Commit(id="cure", job="health", at=NOW, source=Source.CLIENT, operations=remedies(found))


@given(STEPS, st.sampled_from([Sure.LIKELY, Sure.CERTAIN]), CHOICES)
def test_a_cure_leaves_nothing_to_cure(
    steps: list[tuple[int, Source, Add, str]], sure: Sure, ailments: set[Ailment]
) -> None:
    commits = learned(steps)
    _, first = cure(commits, sure, ailments)
    _, second = cure([*commits, first], sure, ailments)
    assert second.operations == ()


@given(STEPS, st.sampled_from(Sure), CHOICES)
def test_undo_brings_back_the_very_same_memories(
    steps: list[tuple[int, Source, Add, str]], sure: Sure, ailments: set[Ailment]
) -> None:
    commits = learned(steps)
    known, commit = cure(commits, sure, ailments)
    undo = Commit(id="undo", job="person", at=NOW, source=Source.PERSON, operations=(Undo(commit=commit.id),))
    assert fold([*commits, commit, undo]) == known


@given(STEPS, st.sampled_from(Sure), CHOICES)
def test_a_cure_does_what_it_says_and_never_touches_what_the_person_holds(
    steps: list[tuple[int, Source, Add, str]], sure: Sure, ailments: set[Ailment]
) -> None:
    commits = learned(steps)
    known, commit = cure(commits, sure, ailments)
    cured = fold([*commits, commit])
    gone = {operation.id for operation in commit.operations if isinstance(operation, Delete)}
    assert {m.id for m in versions(known) if m.current} - {m.id for m in versions(cured) if m.current} == gone
    for version in versions(known):
        frozen = bool(version.key) and f"{version.kind}:{version.key.casefold()}" in known.frozen
        if version.current and (version.pinned or version.source is Source.PERSON or frozen):
            assert version in cured.versions[version.id]


@given(STEPS)
def test_of_what_is_said_some_word_always_stays(steps: list[tuple[int, Source, Add, str]]) -> None:
    commits = learned(steps)
    known, commit = cure(commits, Sure.LIKELY, {Ailment.DUPLICATES})
    cured = fold([*commits, commit])
    before, after = ({m.text.strip(".").casefold() for m in versions(k) if m.current} for k in (known, cured))
    longer = {"maria volunteers at a homeless shelter", "really likes the tea", "likes tea"}
    assert before - after <= longer
