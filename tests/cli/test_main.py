"""The program as a whole: its help, its errors, its exit codes, what it loads."""

import subprocess
import sys
from pathlib import Path

import pytest
import typer

from stanchion.cli._main import COMMANDS, build
from tests.cli.conftest import SHOP, Terminal

HEAVY = {"alembic", "httpx", "pydantic", "pydantic_ai", "rich", "sqlalchemy", "xllamacpp"}


def test_the_help_lists_every_command(terminal: Terminal) -> None:
    told = terminal("--help")

    assert told.code == 0
    assert [name for name in COMMANDS if f"  {name} " not in told.out] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_a_commands_line_in_the_help_is_its_own(name: str) -> None:
    alone, command = (typer.main.get_group(build(words)).commands[name] for words in ([], [name]))

    assert command.get_short_help_str(100) == alone.get_short_help_str(100)


def test_the_help_loads_nothing_heavy() -> None:
    program = (
        "import sys; from stanchion.cli import main; main(['--help']);"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    told = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout

    assert "  review " in told
    assert HEAVY & set(told.splitlines()[-1].split()) == set()


def test_without_a_command_the_help_is_shown_as_wrong_usage(terminal: Terminal) -> None:
    assert terminal().code == 2


def test_a_mistyped_command_is_wrong_usage_and_the_right_one_is_named(terminal: Terminal) -> None:
    told = terminal("reviev", "list")

    assert told.code == 2
    assert "'review'" in told.err


def test_the_version_is_told_in_words_and_as_data(terminal: Terminal) -> None:
    data = terminal("version", "--json").data

    assert set(data) == {"stanchion", "python"}
    assert f"stanchion {data['stanchion']}" in terminal("version").out
    assert terminal("--version").out.strip() == data["stanchion"]


def test_an_error_is_its_message_and_its_remedy_on_stderr(terminal: Terminal) -> None:
    told = terminal("runs", "show", "x")

    assert (told.code, told.out) == (1, "")
    assert told.err.startswith("error: there is no ledger at ")
    assert "\nremedy: name it with --store" in told.err
    assert "Traceback" not in told.err


def test_an_error_is_json_where_json_was_asked_for(terminal: Terminal) -> None:
    told = terminal("runs", "show", "x", "--json")

    assert told.code == 1
    assert '"code": "store_unavailable"' in told.err


def test_an_unexpected_error_is_one_line_and_says_how_to_see_more(
    terminal: Terminal, folder: Path
) -> None:
    (folder / "stanchion.db").mkdir()

    told = terminal("runs", "list")

    assert told.code == 1
    assert told.err.startswith("error: ")
    assert "Traceback" not in told.err


def test_debugging_shows_where_an_error_comes_from(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STANCHION_DEBUG", "1")

    with pytest.raises(Exception, match="there is no ledger"):
        terminal("runs", "list")


def test_an_error_never_obeys_what_somebody_wrote(terminal: Terminal) -> None:
    terminal("run", f"{SHOP}:fail", "--input", "x")

    told = terminal("runs", "list")

    assert "ValueError: x can't be done" in told.out
    assert "\x1b" not in told.out
