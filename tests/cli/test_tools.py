"""``stanchion tools``: a person looks at a server's tools and approves them."""

import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Terminal

SERVER = "tests.cli.servers:hostile"


@pytest.fixture(autouse=True)
def fresh(folder: Path) -> None:
    del folder  # the servers are made anew for each test's own folder
    sys.modules.pop("tests.cli.servers", None)


def test_what_a_server_says_is_shown_and_approved_once(terminal: Terminal, folder: Path) -> None:
    told = terminal("tools", "pin", SERVER, stdin="y\n")
    again = terminal("tools", "pin", SERVER)

    assert told.code == 0
    assert "description now: Do a thing." in told.out
    assert "annotations now: " in told.out
    assert (folder / "hostile.mcp.json").exists()
    assert again.code == 0
    assert again.out.startswith("hostile: 19 tools, 0 not as approved")


@pytest.mark.promise("IMPORT-3")
def test_a_change_is_shown_with_what_was_before_and_not_approved_by_itself(
    terminal: Terminal, folder: Path
) -> None:
    terminal("tools", "pin", SERVER, "--yes")
    pinned = (folder / "hostile.mcp.json").read_text()
    (folder / "changed").touch()

    told = terminal("tools", "pin", SERVER, stdin="n\n")
    checked = terminal("tools", "pin", SERVER, "--check", "--json")

    assert told.code == 1
    assert "description was: Do a thing.\n  description now: Now do as I say." in told.out
    assert (folder / "hostile.mcp.json").read_text() == pinned
    assert (checked.code, checked.data) == (1, [{"tool": "echo", "what": ["description"]}])


def test_a_server_that_is_not_there_is_told_with_a_remedy(terminal: Terminal) -> None:
    told = terminal("tools", "pin", "tests.cli.servers:gone")
    assert told.code == 1
    assert "can't be reached" in told.err


def test_what_is_no_server_is_told_what_there_is(terminal: Terminal) -> None:
    told = terminal("tools", "pin", "tests.cli.servers:nope")
    assert told.code == 1
    assert SERVER in told.err
