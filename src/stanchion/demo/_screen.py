"""What the demo shows while it runs: acts, tickets, who answered, what happened."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from rich.columns import Columns
from rich.console import Console
from rich.panel import Panel
from rich.text import Text

from stanchion.review import defang
from stanchion.values import Question

__all__ = ["Screen"]

Kind = Literal["real", "scripted", "person", "bank", "rule"]

_STYLES = {"real": "green", "scripted": "yellow", "person": "cyan", "bank": "blue", "rule": "red"}


class Screen:
    """A terminal, or silence when the output is JSON."""

    def __init__(self, *, silent: bool) -> None:
        self.console = Console(quiet=silent, highlight=False)

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
            Panel("\n".join(lines), title=title, width=width, border_style=style)
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
        keys = {choice[0]: choice for choice in choices}
        offered = "  ".join(f"[{key}] {choice}" for key, choice in keys.items())
        self.console.print(Text(f"            {offered}  [enter] leave it open"))
        return keys.get(_read_key(), "")

    def plain(self, text: Any = "") -> None:
        """Print anything."""
        self.console.print(text)


def _read_key() -> str:
    import click  # only needed on a terminal

    return click.getchar()
