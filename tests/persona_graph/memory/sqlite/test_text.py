"""Texts as columns of SQLite."""

from __future__ import annotations

import pytest

from persona_graph.errors import ForeignStore
from persona_graph.memory.sqlite.text import dump, load


def test_a_text_comes_back() -> None:
    assert load(dump({"said": "a\ud800"})) == {"said": "a\ud800"}


@pytest.mark.parametrize("column", ['{"said":"a\0\0\0', "", b"\xff\xfe", '{"said":"a"'])
def test_what_a_damaged_page_leaves_of_a_text_is_called_damage(column: str | bytes) -> None:
    with pytest.raises(ForeignStore, match="damaged"):
        load(column)
