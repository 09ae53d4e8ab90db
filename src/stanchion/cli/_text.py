"""Words for people: text made harmless, errors with their remedy, durations, amounts.

Text from outside passes here on its way to a screen; what is taken out of it is said.
"""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from decimal import Decimal

import typer

from stanchion.errors import StanchionError
from stanchion.review import defang

__all__ = ["complain", "duration", "moment", "one_line", "shown", "usd"]

_NANOS = Decimal(1_000_000_000)


def complain(error: StanchionError) -> None:
    """Print an error with what to do about it, on stderr."""
    colourless = "NO_COLOR" in os.environ
    typer.secho("error: ", err=True, fg=None if colourless else "red", bold=True, nl=False)
    typer.echo(shown(error.message), err=True)
    if error.remedy:
        typer.secho("remedy: ", err=True, fg=None if colourless else "green", nl=False)
        typer.echo(shown(error.remedy), err=True)


def shown(text: str) -> str:
    """Return a whole text as a person may look at it, and say what was left out of it."""
    safe = defang(text, limit=len(text))
    hidden = len(text.replace("\r\n", "\n")) - len(safe)
    return f"{safe} [left out: {hidden} characters that can't be seen]" if hidden else safe


def one_line(text: str, limit: int = 120) -> str:
    """Return the beginning of a text on one line, safe to look at."""
    safe = defang(text, limit=4 * limit, one_line=True)
    return safe if len(safe) <= limit else f"{safe[: limit - 1]}…"


def duration(length: timedelta) -> str:
    """Write a duration with two to three digits and a unit."""
    seconds = length.total_seconds()
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, seconds = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {seconds:02} s"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes:02} min"
    return f"{hours // 24} d {hours % 24:02} h"


def moment(at: datetime, now: datetime) -> str:
    """Write a time by how far it is from now."""
    away = at - now
    return f"in {duration(away)}" if away > timedelta(0) else f"{duration(-away)} ago"


def usd(cost_nanos: int) -> str:
    """Write a cost given in billionths of a US dollar."""
    if not cost_nanos:
        return ""
    dollars = cost_nanos / _NANOS
    return f"${dollars:.2f}" if dollars >= 1 else f"${dollars:.4f}".rstrip("0").ljust(5, "0")
