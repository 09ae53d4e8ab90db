"""The terminal to draw on: its width, its colours, its characters.

Rich is imported when the first picture is drawn. Nothing that is printed is read as markup.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass

import typer
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

__all__ = [
    "STATES",
    "Glyphs",
    "columns",
    "console_for",
    "draw",
    "glyphs_for",
    "grid",
    "seconds_bar",
    "state_text",
    "yielding",
]

_PIPE_WIDTH = 160
"""Columns when nobody looks at the screen: enough not to cut what somebody greps for."""

STATES = {
    "running": "cyan",
    "waiting": "yellow",
    "completed": "green",
    "failed": "red",
    "cancelled": "magenta",
    "handed_over": "blue",
}


@dataclass(frozen=True, slots=True)
class Glyphs:
    """The characters of a drawing."""

    ok: str = "✓"
    error: str = "✗"
    waiting: str = "?"
    open: str = "·"
    intent: str = "→"
    unknown: str = "‽"
    branch: str = "├─ "
    last: str = "└─ "
    down: str = "│  "
    bar: str = " ▏▎▍▌▋▊▉█"


_PLAIN = Glyphs("+", "x", "?", ".", ">", "?!", "|- ", "`- ", "|  ", " #")


def console_for(*, err: bool = False) -> Console:
    """Return the console of stdout or stderr."""
    stream = sys.stderr if err else sys.stdout
    width = None if stream.isatty() or "COLUMNS" in os.environ else _PIPE_WIDTH
    return Console(stderr=err, width=width, markup=False, highlight=False, emoji=False)


def draw(picture: RenderableType, *, err: bool = False) -> None:
    """Print a picture; into a file or a pipe without the blanks that only fill a screen."""
    console = console_for(err=err)
    if console.is_terminal:
        console.print(picture)
        return
    with console.capture() as captured:
        console.print(picture)
    typer.echo("\n".join(line.rstrip() for line in captured.get().splitlines()), err=err)


def columns(*names: str, numbers: frozenset[str] = frozenset()) -> Table:
    """Return a table without lines; its last column gives way when the screen is too narrow."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    for name in names:
        right = "right" if name in numbers else "left"
        table.add_column(name, justify=right, no_wrap=name != names[-1])
    return table


def grid() -> Table:
    """Return a table of names and values; long values go on in the next line."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column()
    return table


def yielding(text: str, style: str = "") -> Text:
    """Return the text of a last column: cut at the edge of the screen."""
    return Text(text, style=style, no_wrap=True, overflow="ellipsis")


def glyphs_for(console: Console) -> Glyphs:
    """Return the characters that this terminal can show."""
    return _PLAIN if console.options.ascii_only else Glyphs()


def state_text(state: str) -> Text:
    """Return a run's state in its colour."""
    return Text(state.replace("_", " "), style=STATES.get(state, ""))


def seconds_bar(share: float, cells: int, glyphs: Glyphs) -> str:
    """Return a bar of a share of ``cells``, in steps of a part of a cell; never nothing."""
    steps = len(glyphs.bar) - 1
    filled = max(1, round(min(share, 1.0) * cells * steps))
    whole, part = divmod(filled, steps)
    return glyphs.bar[-1] * whole + (glyphs.bar[part] if part else "")
