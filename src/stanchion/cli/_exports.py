"""How exports are drawn: how each destination stands, what a probe brought, what was refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from rich.console import Group, RenderableType
from rich.text import Text

from stanchion.cli._console import columns
from stanchion.cli._text import one_line
from stanchion.observe import Destination, Feed, Meaning, Verdict

__all__ = ["checks_picture", "feeds_picture", "letters_picture"]


class _Standing(Protocol):
    @property
    def destination(self) -> Destination: ...
    @property
    def feed(self) -> Feed: ...
    @property
    def behind(self) -> int: ...


def feeds_picture(standings: Sequence[_Standing], *, most: int) -> RenderableType:
    """Return a line for each destination, and below it what the matter is."""
    numbers = frozenset({"behind", "sent", "refused"})
    table = columns("name", "behind", "sent", "refused", "fed up to", "where", numbers=numbers)
    for each in standings:
        feed = each.feed
        behind = f"over {most:,}" if each.behind >= most else f"{each.behind:,}"
        table.add_row(
            Text(each.destination.name, style="bold"),
            Text(behind, style="yellow" if feed.trouble else ""),
            f"{feed.sent:,}",
            Text(f"{feed.dead:,}", style="red" if feed.dead else ""),
            feed.at[:19].replace("T", " ") or "the beginning",
            Text(one_line(each.destination.url), style="dim"),
        )
    troubles = [
        Text.assemble(
            (f"{each.destination.name}: ", "bold"),
            (one_line(each.feed.trouble), "red"),
            (f", since {each.feed.since[:19].replace('T', ' ')}", "dim"),
        )
        for each in standings
        if each.feed.trouble
    ]
    return Group(table, *troubles)


def checks_picture(chosen: Sequence[Destination], verdicts: Sequence[Verdict]) -> RenderableType:
    """Return what became of each destination's probe."""
    table = columns("name", "probe", "where")
    for to, verdict in zip(chosen, verdicts, strict=True):
        taken = verdict.meaning is Meaning.TAKEN
        told = "taken" if taken else f"{verdict.meaning}: {verdict.reason}"
        table.add_row(
            Text(to.name, style="bold"),
            Text(one_line(told), style="green" if taken else "red"),
            Text(one_line(to.url), style="dim"),
        )
    return table


def letters_picture(found: Sequence[Mapping[str, Any]]) -> RenderableType:
    """Return the spans that were refused, the newest last, each with where it stands."""
    if not found:
        return Text("nothing was refused", style="dim")
    table = columns("at", "run", "entry", "span", "reason", numbers=frozenset({"entry"}))
    for letter in found:
        at = str(letter["at"])[:19].replace("T", " ")
        name, reason = one_line(str(letter["name"])), one_line(str(letter["reason"]))
        table.add_row(at, str(letter["run"]), str(letter["seq"]), name, Text(reason, style="red"))
    return table
