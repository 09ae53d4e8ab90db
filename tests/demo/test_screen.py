"""What the demo shows: harmless, answerable with one key, and drawn if somebody wants a picture."""

from __future__ import annotations

from pathlib import Path

import pytest

from stanchion.demo import Screen, keys_for


def test_choices_with_one_beginning_get_keys_of_their_own() -> None:
    assert keys_for(("done", "declined", "deny")) == {"d": "done", "e": "declined", "n": "deny"}
    assert keys_for(("a", "a")) == {"a": "a", "1": "a"}


def test_a_silent_screen_asks_nobody_and_draws_all_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    screen = Screen(silent=True, recorded=True)

    screen.table([("T4", "nothing", "nothing", "right", "£900.00")])
    screen.beside(["[bold]paid"], ["stopped"])
    screen.draw(tmp_path / "demo.svg")

    drawn = (tmp_path / "demo.svg").read_text(encoding="utf-8").replace("&#160;", " ")
    assert "£900.00" in drawn
    assert "[bold]paid" in drawn
    assert screen.key(("done",)) == ""
    assert capsys.readouterr().out == ""
