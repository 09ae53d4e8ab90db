"""What a run is and how it stands, drawn: one run's facts, and the list of many."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from rich.table import Table
from rich.text import Text

from stanchion.cli._console import columns, grid, state_text, yielding
from stanchion.cli._text import duration, moment, one_line, shown, usd
from stanchion.ledger import RunRecord
from stanchion.values import Principal

__all__ = ["facts_table", "runs_table", "short_id"]

_SHORT = 8
_COLUMNS = ("run", "workflow", "state", "started", "steps", "tokens", "cost", "for", "reason")


def short_id(run: str) -> str:
    """Return the beginning of an id that is enough to name the run."""
    first, dash, rest = run.partition("-")
    return f"{first}-{rest[:4]}" if dash else run[:_SHORT]


def runs_table(records: Sequence[RunRecord], now: datetime) -> Table:
    """Return runs, one a line."""
    table = columns(*_COLUMNS, numbers=frozenset({"steps", "tokens", "cost"}))
    for record in records:
        account = record.account
        tokens = account.input_tokens + account.output_tokens
        table.add_row(
            Text(short_id(record.id), style="bold"),
            Text(one_line(record.workflow, 30)),
            state_text(record.state.value),
            Text(moment(record.created_at, now)),
            Text(f"{account.steps:,}"),
            Text(f"{tokens:,}" if tokens else ""),
            Text(usd(account.cost_nanos)),
            Text(one_line(" ".join(filter(None, (record.tenant, record.user, record.key))), 30)),
            yielding(one_line(record.reason), "dim"),
        )
    return table


def facts_table(
    record: RunRecord, initiator: Principal | None, value: Any, output: Any, now: datetime
) -> Table:
    """Return one run's facts; those that it doesn't have are left out."""
    table = grid()
    for name, text in _facts(record, initiator, now):
        table.add_row(name, text)
    table.add_row("input", Text(_value(value)))
    if record.result is not None:
        table.add_row("output", Text(_value(output)))
    return table


def _facts(
    record: RunRecord, initiator: Principal | None, now: datetime
) -> Iterator[tuple[str, Text]]:
    yield "run", Text(record.id, style="bold")
    yield "workflow", Text(f"{one_line(record.workflow)} version {one_line(record.version)}")
    yield "state", state_text(record.state.value)
    if record.reason:
        yield "reason", Text(shown(record.reason))
    for_long = duration(record.updated_at - record.created_at)
    yield "time", Text(f"started {moment(record.created_at, now)}, {for_long} to its newest record")
    yield "used", Text(_used(record))
    if initiator is not None:
        claims = ", ".join(f"{name}={value}" for name, value in initiator.claims.items())
        yield "acts for", Text(one_line(f"{initiator.id} ({initiator.kind}) {claims}"))
    whose = {"tenant": record.tenant, "user": record.user, "key": record.key}
    tags = " ".join(f"{name}={value}" for name, value in record.tags.items())
    for name, value in {**whose, "tags": tags}.items():
        if value:
            yield name, Text(one_line(value))
    if record.parent:
        yield "parent", Text(record.parent)
    if record.predecessor:
        yield "took over", Text(f"from {record.predecessor}")
    if record.successor:
        yield "went on", Text(f"as {record.successor}")
    if record.forked_from:
        yield "forked", Text(f"from {record.forked_from} at {record.forked_at}")
    if record.worker:
        yield "worker", Text(one_line(record.worker))


def _used(record: RunRecord) -> str:
    account = record.account
    parts = [_count(account.steps, "step")]
    if account.model_calls:
        tokens = f"{account.input_tokens:,}+{account.output_tokens:,} tokens"
        parts += [_count(account.model_calls, "model call"), tokens]
    if account.cost_nanos:
        parts.append(usd(account.cost_nanos))
    if account.unpriced_calls:
        parts.append(f"{account.unpriced_calls:,} without a price")
    return ", ".join(parts)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _value(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return one_line(text, 500)
