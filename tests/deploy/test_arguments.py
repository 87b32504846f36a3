"""The operator's scripts say in a sentence what they were not given."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from deploy import confine, sleep_idle


@pytest.mark.parametrize(
    ("main", "arguments"), [(confine.main, ["ana"]), (sleep_idle.main, [])], ids=["confine", "sleep_idle"]
)
def test_a_store_has_to_be_named(
    main: Callable[[], None],
    arguments: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.delenv("PERSONA_STORE", raising=False)
    monkeypatch.setattr(sys, "argv", ["script", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert "set PERSONA_STORE or give --store" in capsys.readouterr().err
