"""What the demo shows while it runs: acts, tickets, who answered, what happened."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from rich import box
from rich.columns import Columns
from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from stanchion.review import defang
from stanchion.values import Question

__all__ = ["Screen", "keys_for"]

PICTURE_COLUMNS = 110

Kind = Literal["real", "scripted", "person", "bank", "rule"]

_STYLES = {"real": "green", "scripted": "yellow", "person": "cyan", "bank": "blue", "rule": "red"}


class Screen:
    """A terminal, or silence when the output is JSON."""

    def __init__(self, *, silent: bool, recorded: bool = False) -> None:
        width = PICTURE_COLUMNS if recorded else None
        self.console = Console(
            file=io.StringIO() if silent else None, highlight=False, record=recorded, width=width
        )

    def act(self, number: int, title: str) -> None:
        """Open an act."""
        self.console.rule(f"[bold]Act {number}  {title}", align="left")

    def ticket(self, name: str, body: str) -> None:
        """Show a ticket as its customer wrote it."""
        self.console.print(Text(f"\n{name}  ", style="bold") + Text(defang(body), style="italic"))

    def line(self, kind: Kind, text: str) -> None:
        """Say what happened, and who or what was behind it."""
        self.console.print(Text(f"  {kind:<9}", style=_STYLES[kind]) + Text(text))

    def beside(self, left: Sequence[str], right: Sequence[str]) -> None:
        """Show the plain loop and Stanchion side by side."""
        width = max(38, (self.console.width - 4) // 2)
        panels = [
            Panel(Text("\n".join(lines)), title=title, width=width, border_style=style)
            for title, lines, style in (
                ("plain loop", left, "red"),
                ("Stanchion", right, "green"),
            )
        ]
        self.console.print(Columns(panels))

    def question(self, question: Question) -> None:
        """Show what a person is asked, and why."""
        self.line("person", f"{question.prompt}  ({question.reason})")
        self.console.print(f"            [dim]stanchion review show {question.id}[/dim]")

    def key(self, choices: Sequence[str]) -> str:
        """Wait for one key on a terminal; empty leaves the question open."""
        if not (self.console.is_terminal and self.console.is_interactive):
            return ""
        keys = keys_for(choices)
        offered = "  ".join(f"[{key}] {choice}" for key, choice in keys.items())
        self.console.print(Text(f"            {offered}  [enter] leave it open"))
        return keys.get(_read_key(), "")

    def table(self, rows: Sequence[Sequence[str]]) -> None:
        """Show the banks' own payments against the answer key."""
        table = Table(box=box.SIMPLE, title="what the banks say", title_justify="left")
        for heading in ("ticket", "answer key", "paid", "verdict", "paid by the plain loop"):
            table.add_column(heading)
        for row in rows:
            table.add_row(*(Text(cell) for cell in row))
        self.console.print(table)

    def draw(self, picture: Path) -> None:
        """Write what was shown as an SVG file."""
        self.console.save_svg(str(picture), title="make demo", clear=False)

    def plain(self, text: Any = "") -> None:
        """Print anything."""
        self.console.print(text)


def keys_for(choices: Sequence[str]) -> dict[str, str]:
    """Return a key for each choice: its first letter that no choice before it has taken."""
    keys: dict[str, str] = {}
    for choice in choices:
        keys[next(letter for letter in f"{choice}123456789" if letter not in keys)] = choice
    return keys


def _read_key() -> str:
    import click  # only needed on a terminal

    return click.getchar()
