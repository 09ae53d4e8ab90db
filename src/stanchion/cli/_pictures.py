"""The small tables: models, what the ledger holds, what is wrong with it, the doctor's report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from stanchion.cli._console import STATES, grid
from stanchion.cli._diagnosis import Check
from stanchion.cli._text import one_line, shown
from stanchion.ledger import Account
from stanchion.models import ModelStatus
from stanchion.values import Question
from stanchion.workflows import shown_amount

__all__ = ["accounts_table", "checks_table", "findings_table", "models_table", "stats_table"]


def models_table(found: Sequence[ModelStatus], roles: Mapping[str, Any]) -> RenderableType:
    """Return the families of models, usable ones first, and what each role is given."""
    table = Table.grid(padding=(0, 2, 0, 0))
    for each in sorted(found, key=lambda status: not status.usable):
        state = Text("usable", style="green") if each.usable else Text("missing", style="yellow")
        table.add_row(state, Text(each.spec, style="bold"), Text(each.missing))
    if not roles:
        hint = 'no roles are set: [models] fast = "..." in stanchion.toml, or --model fast=...'
        return Group(table, Text(), Text(hint, style="dim"))
    given = Table.grid(padding=(0, 2, 0, 0))
    for role, spec in sorted(roles.items()):
        given.add_row(Text(one_line(role), style="cyan"), Text(one_line(str(spec))))
    return Group(table, Text("\nroles", style="dim"), given)


def stats_table(counted: Mapping[str, int]) -> Table:
    """Return rows, bytes and runs by state, each with its number."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column()
    table.add_column(justify="right")
    for name, number in sorted(counted.items()):
        group, _, state = name.partition(".")
        style = STATES.get(state, "") if group == "runs" else ""
        table.add_row(
            Text(name, style=style), Text(_size(number) if "bytes" in name else f"{number:,}")
        )
    return table


def accounts_table(found: Sequence[Account], waiting: Sequence[Question]) -> RenderableType:
    """Return what is spent and held of each account, then the runs that wait at a ceiling."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("account", "spent", "held", "ceiling"):
        table.add_column(heading, justify="left" if heading == "account" else "right")
    for each in found:
        limit = "none" if each.limit is None else shown_amount(each.quantity, each.limit)
        amounts = (shown_amount(each.quantity, n) for n in (each.spent, each.held))
        full = each.limit is not None and each.spent >= each.limit
        style = "red" if full else ""
        table.add_row(Text(one_line(each.name), style=style), *map(Text, amounts), Text(limit))
    if not waiting:
        return table
    runs = Table.grid(padding=(0, 2, 0, 0))
    for question in waiting:
        about = f"{question.subject['account']} {question.subject['quantity']}"
        runs.add_row(Text(question.run, style="bold"), Text(one_line(about)))
    return Group(table, Text("\nwaiting", style="dim"), runs)


def _size(count: int) -> str:
    size = float(count)
    for unit in ("bytes", "KiB", "MiB"):
        if size < 1024:
            return f"{size:,.0f} {unit}" if unit == "bytes" else f"{size:,.1f} {unit}"
        size /= 1024
    return f"{size:,.1f} GiB"


def findings_table(report: Any) -> RenderableType:
    """Return what a verification checked, and each thing that it found."""
    checked = report.checked
    counts = f"{checked.runs:,} runs, {checked.entries:,} entries, {checked.payloads:,} payloads"
    if report.ok:
        return Text.assemble(("whole: ", "green"), counts)
    table = Table.grid(padding=(0, 2, 0, 0))
    for finding in report.findings:
        where = f"run {finding.run}" if finding.run else "the ledger"
        at = f"entry {finding.seq}" if finding.seq else ""
        table.add_row(Text(where), Text(at), Text(shown(finding.problem), style="red"))
    unlisted = report.found - len(report.findings)
    rest = f"\nand {unlisted:,} more" if unlisted else ""
    total = Text.assemble((f"{report.found:,} broken", "bold red"), f" in {counts}{rest}")
    return Group(table, total)


def checks_table(checks: Sequence[Check]) -> RenderableType:
    """Return what a diagnosis looked at, what it found, and what to do about it."""
    table = grid()
    table.add_column(style="dim")
    topic = ""
    for check in checks:
        if check.topic != topic:
            topic = check.topic
            table.add_row(Text(topic, style="bold not dim"))
        value = Text(shown(check.value), style="red" if check.problem else "")
        table.add_row(f"  {check.name}", value, Text(check.origin))
        if check.problem:
            table.add_row("", Text(f"{shown(check.problem)}", style="red"))
            table.add_row("", Text.assemble(("remedy: ", "green"), shown(check.remedy)))
    wrong = sum(bool(check.problem) for check in checks)
    verdict = Text(f"{wrong} to mend", style="red") if wrong else Text("all is well", style="green")
    return Group(table, Text(), verdict)
