"""The terminal in a folder of its own, used as people use it: words in, exit code and text out."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from stanchion.cli import main

SHOP = "tests.cli.shop"


@dataclass(frozen=True, slots=True)
class Told:
    """What a command told."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        """The JSON that it printed."""
        return json.loads(self.out)


Terminal: TypeAlias = Callable[..., Told]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in an empty folder, with no settings from outside but the mode of the whole suite."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    foreign = {name for name in os.environ if name.startswith("STANCHION_")}
    for name in foreign - {"STANCHION_TEST_REPLAY"}:
        monkeypatch.delenv(name)
    monkeypatch.setenv("STANCHION_POLL_SECONDS", "0.05")
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path


@pytest.fixture
def terminal(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Terminal:
    """Give commands in that folder."""

    def give(*words: str, stdin: str = "") -> Told:
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        code = main(words)
        captured = capsys.readouterr()
        return Told(code, captured.out, captured.err)

    return give
