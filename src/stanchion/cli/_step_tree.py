"""The tree of a run's steps, drawn: what came of each, with time, tokens, cost and confidence.

Columns in which no step has anything are left out. A bar shows a step's share of the longest one
that was work; waiting for people, timers and children is no work and has no bar.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby

from rich.table import Table
from rich.text import Text

from stanchion.cli._console import Glyphs, columns, seconds_bar, yielding
from stanchion.cli._evidence import Evidence
from stanchion.cli._outcomes import lasted, outcome_of, tokens_of
from stanchion.cli._text import one_line, usd
from stanchion.values import Step
from stanchion.workflows import spent_by

__all__ = ["Row", "rows_of", "steps_table"]

_BRANCH = re.compile(r"f\d+\.\d+")
_BAR_CELLS = 6
_WAITS = {"ask", "receive", "sleep", "child"}
_STYLES = {
    "ok": "green",
    "error": "red",
    "waiting": "yellow",
    "intent": "yellow",
    "unknown": "bold red",
    "open": "dim",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the tree: a step, or the heading of a branch."""

    guide: str
    """What is drawn before it, so that it hangs on its parent."""
    step: Step | None
    heading: str = ""


@dataclass(frozen=True, slots=True)
class _Column:
    """A column of the table."""

    name: str
    is_number: bool = False
    is_kept: bool = False
    """Even if nothing is in it."""


_COLUMNS = (
    _Column("seq", is_number=True, is_kept=True),
    _Column("step", is_kept=True),
    _Column("time", is_number=True, is_kept=True),
    _Column(""),
    _Column("tokens", is_number=True),
    _Column("cost", is_number=True),
    _Column("conf", is_number=True),
    _Column("outcome", is_kept=True),
)


def rows_of(steps: Sequence[Step], glyphs: Glyphs) -> Iterator[Row]:
    """Yield the lines of a tree of steps; the branches of a fork hang on headings of their own."""
    return _rows(steps, glyphs, "", None)


def _rows(steps: Sequence[Step], glyphs: Glyphs, lane: str, guide: str | None) -> Iterator[Row]:
    """Yield the lines below a guide; None is the outermost level, which hangs on nothing."""
    items = _items(steps, lane)
    for number, (branch, found) in enumerate(items):
        is_last = number == len(items) - 1
        hook = "" if guide is None else guide + (glyphs.last if is_last else glyphs.branch)
        below = "" if guide is None else guide + ("   " if is_last else glyphs.down)
        if branch:
            fork, _, index = branch.removeprefix("f").partition(".")
            yield Row(hook, None, f"fork {fork}, branch {index}")
            yield from _rows(found, glyphs, f"{lane}/{branch}", below)
        else:
            yield Row(hook, found[0])
            place = f"{found[0].lane}/{found[0].ordinal}"
            yield from _rows(found[0].children, glyphs, place, below)


def _items(steps: Sequence[Step], lane: str) -> list[tuple[str, list[Step]]]:
    """Group steps by the branch of this lane in which they stand; a lone branch is no group."""
    groups = [(b, list(found)) for b, found in groupby(steps, lambda step: _branch(step, lane))]
    forks = Counter(branch.partition(".")[0] for branch, _ in groups)
    items: list[tuple[str, list[Step]]] = []
    for branch, found in groups:
        if branch and forks[branch.partition(".")[0]] > 1:
            items.append((branch, found))
        else:
            items += [("", [step]) for step in found]
    return items


def _branch(step: Step, lane: str) -> str:
    """Return the first branch of a lane on the way to a step, empty if it is in the lane itself."""
    first = step.lane.removeprefix(lane).strip("/").partition("/")[0]
    return first if _BRANCH.fullmatch(first) else ""


def steps_table(
    steps: Sequence[Step],
    evidence: Evidence,
    glyphs: Glyphs,
    *,
    limit: int = 0,
    ended: bool = True,
) -> Table:
    """Return the tree as a table of at most ``limit`` lines (0: all), the middle left out."""
    rows = list(rows_of(steps, glyphs))
    longest = max((_work(row.step) for row in rows if row.step), default=timedelta())
    cells = [_cells(row, evidence, glyphs, longest, ended=ended) for row in _cut(rows, limit)]
    used = [i for i, column in enumerate(_COLUMNS) if column.is_kept or _any(cells, i)]
    numbers = frozenset(column.name for column in _COLUMNS if column.is_number)
    table = columns(*(_COLUMNS[i].name for i in used), numbers=numbers)
    for row in cells:
        table.add_row(*(row[i] for i in used))
    return table


def _any(cells: Sequence[Sequence[Text]], column: int) -> bool:
    return any(row[column].plain for row in cells)


def _cut(rows: list[Row], limit: int) -> list[Row]:
    if not limit or len(rows) <= limit:
        return rows
    left_out = Row("", None, f"{len(rows) - limit:,} more lines: --limit 0 shows them")
    return [*rows[: limit // 2], left_out, *rows[len(rows) - limit + limit // 2 :]]


def _cells(
    row: Row, evidence: Evidence, glyphs: Glyphs, longest: timedelta, *, ended: bool
) -> list[Text]:
    step = row.step
    if step is None:
        heading = Text.assemble((row.guide, "dim"), (row.heading, "dim italic"))
        return [Text(), heading, *[Text()] * (len(_COLUMNS) - 2)]
    is_left = ended and step.ended_at is None
    style = "dim" if is_left else _STYLES[step.status]
    confidence = step.facts.get("confidence")
    outcome = "left behind" if is_left else outcome_of(step, evidence)
    name = "" if step.name == step.kind else one_line(step.name)
    return [
        Text(str(step.seq), style="dim"),
        Text.assemble(
            (row.guide, "dim"),
            (f"{getattr(glyphs, step.status)} ", style),
            (f"{step.kind} ", "dim"),
            name,
        ),
        Text(lasted(step)),
        Text(_bar(step, longest, glyphs), style="blue"),
        Text(tokens_of(step)),
        Text(usd(spent_by(step).cost_nanos)),
        Text("" if confidence is None else f"{confidence:.2f}"),
        yielding(outcome, "" if step.status == "ok" else style),
    ]


def _work(step: Step) -> timedelta:
    """Return how long a step worked; none if it, or something below it, waited."""
    if step.kind in _WAITS or step.ended_at is None or not all(map(_is_work, step.children)):
        return timedelta()
    return step.ended_at - step.started_at


def _is_work(step: Step) -> bool:
    return step.kind not in _WAITS and all(map(_is_work, step.children))


def _bar(step: Step, longest: timedelta, glyphs: Glyphs) -> str:
    worked = _work(step)
    return seconds_bar(worked / longest, _BAR_CELLS, glyphs) if worked else ""
