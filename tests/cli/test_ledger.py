"""``stanchion ledger``: whole, broken, counted."""

import sqlite3
from contextlib import closing
from pathlib import Path

from tests.cli.conftest import SHOP, Terminal


def test_a_whole_ledger_is_whole(terminal: Terminal) -> None:
    terminal("run", f"{SHOP}:branch", "--input", "x")

    told = terminal("ledger", "verify")
    data = terminal("ledger", "verify", "--json").data

    assert told.code == 0
    assert told.out.startswith("whole: 1 runs, ")
    assert (data["ok"], data["found"], data["checked"]["runs"]) == (True, 0, 1)


def test_what_is_broken_is_named_and_exits_with_1(terminal: Terminal, folder: Path) -> None:
    terminal("run", f"{SHOP}:branch", "--input", "x")
    run = terminal("runs", "list", "--json").data[0]["id"]
    with closing(sqlite3.connect(folder / "stanchion.db")) as database:
        database.execute("UPDATE entries SET name = 'other' WHERE seq = 3")
        database.commit()

    told = terminal("ledger", "verify")
    report = terminal("ledger", "verify", "--json")

    assert told.code == 1
    assert f"run {run}" in told.out
    assert "broken" in told.out
    assert report.code == 1
    assert report.data["findings"][0]["run"] == run


def test_rows_bytes_and_runs_by_state_are_counted(terminal: Terminal) -> None:
    terminal("run", f"{SHOP}:branch", "--input", "x")
    terminal("run", f"{SHOP}:chat", "--input", "x")

    data = terminal("ledger", "stats", "--json").data
    out = terminal("ledger", "stats").out

    assert (data["runs"], data["runs.completed"], data["runs.waiting"]) == (2, 1, 1)
    assert data["bytes"] > 0
    assert "KiB" in out
