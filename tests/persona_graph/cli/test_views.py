"""What the terminal shows: bars, timelines, turns and receipts."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console, RenderableType

from persona_graph.cli.edge import tracing
from persona_graph.cli.views.memories import memory_table
from persona_graph.cli.views.personality import bars, lines, movements
from persona_graph.cli.views.plot import save_timeline
from persona_graph.cli.views.receipt import receipt_view
from persona_graph.cli.views.style import THEME, span
from persona_graph.cli.views.things import MOST, json_of, listing, memory_row
from persona_graph.cli.views.turn import TurnView
from persona_graph.errors import ConfigurationError, InputError
from persona_graph.memory.types import Kind, Memory
from persona_graph.personality import BigFive, Observation, PersonalityPoint, timeline
from persona_graph.timerange import ALWAYS, TimeRange

START = datetime(2024, 3, 1, 18, 0, tzinfo=UTC)


def shown(*content: RenderableType) -> str:
    """The text on a terminal of 100 columns, without colours."""
    out = StringIO()
    Console(file=out, width=100, theme=THEME).print(*content)
    return out.getvalue()


def course(*extraversion: float) -> tuple[PersonalityPoint, ...]:
    seen = [
        Observation(turn=f"t{i}", at=START + timedelta(days=i), scores=BigFive(extraversion=e), words=("a party",))
        for i, e in enumerate(extraversion)
    ]
    return timeline((observation, m) for m, observation in enumerate(seen))


def test_a_bar_goes_from_the_middle_to_the_score() -> None:
    row = next(line for line in shown(bars(BigFive(extraversion=5))).splitlines() if "extraversion" in line)
    assert "1 " + "─" * 16 + "━" * 16 + "● 5" in row
    assert "outgoing" in row


def test_a_bar_marks_where_the_trait_was_and_who_holds_it() -> None:
    text = shown(bars(BigFive(openness=4), BigFive(openness=2), {"openness": 4.0}))
    assert "○━━━━━━━━━━━━━━━●" in text
    assert "2.00 → 4.00" in text
    assert "held by you" in text


def test_a_timeline_has_a_block_a_point_and_ends_with_the_present() -> None:
    text = shown(lines(course(5, 5, 1)))
    assert "▅▇" in text
    assert "3.00 … " in text


def test_a_long_timeline_is_thinned_out_to_fit() -> None:
    assert max(map(len, shown(lines(course(*([4.0] * 500)))).splitlines())) <= 100


def test_movements_tell_when_which_way_and_by_which_words() -> None:
    text = shown(movements(course(5), UTC))
    assert "Fri 2024-03-01 18:00" in text
    assert "extraversion +1.00" in text
    assert "“a party”" in text


def test_what_drifts_back_stands_apart_from_the_words() -> None:
    loud = Observation(turn="t0", at=START, scores=BigFive(extraversion=5), words=("a party",))
    keen = Observation(turn="t1", at=START + timedelta(days=1), scores=BigFive(openness=5), words=("a museum",))
    enumerated = [(loud, 0), (keen, 1)]
    text = [line.rstrip() for line in shown(movements(timeline(enumerated), UTC)).splitlines()]
    assert any("extraversion +1.00" in line and "“a party”" in line for line in text)
    (drift,) = [line for line in text if "extraversion -" in line]
    assert "“" not in drift
    assert "no words" in drift


def test_a_window_is_shown_as_it_is() -> None:
    assert span(ALWAYS, UTC) == "any time"
    assert span(TimeRange(start=START), UTC) == "2024-03-01 18:00 → …"
    assert span(TimeRange.parse("2024-03-01", "2024-03-31"), UTC) == "2024-03-01 → 2024-04-01"


def test_a_turn_shows_thought_window_what_was_found_and_the_answer() -> None:
    out = StringIO()
    with TurnView(Console(file=out, width=100, theme=THEME), UTC) as view:
        view({"type": "think", "text": "I have to\nlook."})
        view({"type": "retrieve", "keywords": "tea", "start": "2024-03-01T00:00:00+00:00", "end": None})
        hit = {"target": "semantic", "id": "m", "score": 0.5, "parts": {}, "text": "Likes [tea]", "superseded": True}
        view({"type": "found", "hits": [hit]})
        view({"type": "delta", "text": "You like "})
        view({"type": "answer", "text": "You like [b]tea[/b].", "turn": "t"})
    text = out.getvalue()
    for words in ("think I have to look.", "retrieve tea", "2024-03-01 → …", "0.50", "Likes [tea]", "no longer true"):
        assert words in text
    assert "persona You like [b]tea[/b]." in text
    assert text.count("You like") == 1


def test_a_turn_that_found_nothing_says_so() -> None:
    out = StringIO()
    with TurnView(Console(file=out, width=100, theme=THEME), UTC) as view:
        view({"type": "found", "hits": []})
    assert "nothing found" in out.getvalue()


def test_a_receipt_names_what_was_forgotten_since() -> None:
    hit = {"target": "semantic", "id": "m1", "ref": "m1@1", "score": 1.0, "parts": {"words": 1.0}}
    search = {"keywords": "tea", "window": {}, "hits": [hit], "milliseconds": 2.0, "terms": {}}
    receipt = {
        "policy": "offline",
        "opening": {"at": START.isoformat(), "profile": ["m1@1"], "habits": [], "recent": [], "personality": {}},
        "steps": [{"search": search}],
        "usage": {"calls": 2, "input_tokens": 3, "output_tokens": 4, "milliseconds": 5.0},
    }
    tea = Memory(id="m1", version=1, kind=Kind.SEMANTIC, text="Likes [red]tea")
    assert "Likes [red]tea" in shown(receipt_view(receipt, {"m1@1": tea}, {}, UTC))
    gone = shown(receipt_view(receipt, {}, {}, UTC))
    assert gone.count("(forgotten since)") == 2
    assert "2 model calls" in gone
    assert "words 1.00" in gone


def test_memory_text_is_never_read_as_markup() -> None:
    memory = Memory(id="m1", version=1, kind=Kind.CORE, key="name", text="[bold]Ana[/bold] [/]")
    assert "[bold]Ana[/bold] [/]" in shown(memory_table([memory], UTC))


def test_a_picture_is_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    file = tmp_path / "ana.png"
    save_timeline(course(5, 1, 4), file, UTC, title="Ana")
    assert file.read_bytes().startswith(b"\x89PNG")
    with pytest.raises(InputError, match="cannot be written"):
        save_timeline(course(5), tmp_path / "no" / "where.png", UTC, title="Ana")


def test_without_matplotlib_or_data_the_picture_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="no personality to draw yet"):
        save_timeline((), tmp_path / "ana.png", UTC, title="Ana")
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ConfigurationError, match="persona-graph\\[plots\\]"):
        save_timeline(course(5), tmp_path / "ana.png", UTC, title="Ana")


def test_tracing_is_a_warning_only_when_it_is_on() -> None:
    assert tracing({"LANGSMITH_TRACING": "false", "LANGSMITH_API_KEY": "k"}) == ""
    assert "eu.smith" in tracing({"LANGCHAIN_TRACING_V2": "TRUE", "LANGSMITH_ENDPOINT": "https://eu.smith"})


def test_a_long_list_says_how_much_more_there_is() -> None:
    memories = [Memory(id=f"m{n:07}", version=1, kind=Kind.SEMANTIC, text=f"fact {n}") for n in range(MOST + 3)]
    text = shown(listing(memory_row(memory, UTC) for memory in memories))
    assert f"fact {MOST - 1}" in text
    assert f"fact {MOST}" not in text
    assert "… and 3 more; --json has them all" in text


def test_a_long_text_is_cut_in_a_list_and_whole_in_json() -> None:
    memory = Memory(id="m1", version=1, kind=Kind.SEMANTIC, text="tea " * 200)
    assert "…" in shown(listing([memory_row(memory, UTC)]))
    assert json_of(memory)["text"] == memory.text
