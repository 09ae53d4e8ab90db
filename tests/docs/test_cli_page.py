"""The page about the command line lists exactly the commands that there are."""

import re
from pathlib import Path

import typer.main

from stanchion.cli._main import COMMANDS, build

PAGE = (Path(__file__).parents[2] / "docs" / "cli.md").read_text(encoding="utf-8")


def commands() -> set[str]:
    """Every command that can be called, as it is typed."""
    found: set[str] = set()
    root = typer.main.get_command(build(list(COMMANDS)))
    for name, command in getattr(root, "commands", {}).items():
        below = getattr(command, "commands", {})
        found |= {f"{name} {each}" for each in below} or {name}
    return found


def test_every_command_has_its_line() -> None:
    listed = set(re.findall(r"^\| `stanchion ([a-z]+(?: [a-z]+)?)[^`]*`", PAGE, re.MULTILINE))

    assert listed == commands()
