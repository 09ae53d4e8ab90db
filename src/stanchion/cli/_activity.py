"""What happens to all runs of a ledger, as it happens: beginnings, ends, questions, unknowns.

Reads along at the end of the ledger; what was recorded before it began is passed over.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

from rich.text import Text

from stanchion.cli._console import STATES
from stanchion.cli._plain import entry_of
from stanchion.cli._run_facts import short_id
from stanchion.cli._text import one_line
from stanchion.ledger import Entry, EntryPhase, RunFilter, Store

__all__ = ["activity"]

_PAUSE_SECONDS = 0.2
_PAGE = 500
_WAITED_FOR = {"ask": "waits for a person", "receive": "waits for an event"}


async def activity(store: Store) -> AsyncGenerator[tuple[Text, dict[str, Any]]]:
    """Yield a line, and the entry as JSON, for each thing worth telling of any run."""
    cursor = await _newest(store)
    names: dict[str, str] = {}
    while True:
        entries = await store.follow(cursor, _PAGE)
        for entry in entries:
            cursor = entry.cursor
            if said := _said(entry):
                if entry.run not in names:
                    names[entry.run] = (await store.get(entry.run)).workflow
                yield _line(entry, names[entry.run], said), entry_of(entry)
        if len(entries) < _PAGE:
            await asyncio.sleep(_PAUSE_SECONDS)


async def _newest(store: Store) -> tuple[int, int]:
    """Return a place close to the end of the ledger: the newest entry of the newest runs."""
    cursor = (0, 0)
    for record in await store.list(RunFilter(limit=20)):
        entries = await store.entries(record.id, max(0, record.seq - 1))
        cursor = max([cursor, *(entry.cursor for entry in entries)])
    return cursor


def _said(entry: Entry) -> str:
    if entry.phase is EntryPhase.NOTE and entry.kind == "run":
        return entry.name
    if entry.phase is EntryPhase.WAIT and entry.kind in _WAITED_FOR:
        return _WAITED_FOR[entry.kind]
    if entry.phase is EntryPhase.UNKNOWN and not entry.facts.get("not_performed"):
        return f"doesn't know what became of {entry.name}: {entry.facts.get('reason', '')}"
    return ""


def _line(entry: Entry, workflow: str, said: str) -> Text:
    style = STATES.get(said, "yellow" if entry.phase is not EntryPhase.NOTE else "cyan")
    return Text.assemble(
        (f"{entry.recorded_at.astimezone():%H:%M:%S}  ", "dim"),
        (f"{short_id(entry.run)}  ", "bold"),
        f"{one_line(workflow)} ",
        (one_line(said), style),
    )
