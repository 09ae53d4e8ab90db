"""A run's progress on stderr, a line for each thing that happens, as it happens.

The result of a command is on stdout, so that it can be piped while somebody watches.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from rich.text import Text

from stanchion.cli._console import STATES, Glyphs
from stanchion.cli._evidence import Evidence, evidence_for
from stanchion.cli._outcomes import outcome_of
from stanchion.cli._text import duration, one_line
from stanchion.ledger import Entry, EntryPhase, RunRecord, Store
from stanchion.values import Step

__all__ = ["progress_lines"]

_TOLD = {EntryPhase.DONE, EntryPhase.WAIT, EntryPhase.UNKNOWN}
_SHORT_SLEEP = timedelta(seconds=2)
"""Not worth a line when it begins: it ends before anybody has read that."""


async def progress_lines(
    store: Store, record: RunRecord, entries: Sequence[Entry], glyphs: Glyphs
) -> list[Text]:
    """Return a line for each entry that says something to a person."""
    told = [(entry, _alone(entry)) for entry in entries if _is_told(entry)]
    evidence = await evidence_for(store, record, (step for _, step in told))
    lines = {
        entry.seq: _line(record.created_at, entry, step, evidence, glyphs) for entry, step in told
    }
    lines |= {entry.seq: _note(record, entry) for entry in entries if _is_news(entry)}
    return [lines[seq] for seq in sorted(lines)]


def _is_told(entry: Entry) -> bool:
    if entry.phase is EntryPhase.WAIT and entry.kind == "sleep":
        until = datetime.fromisoformat(entry.facts["wake_at"])
        return until - entry.recorded_at > _SHORT_SLEEP
    return entry.phase in _TOLD


def _alone(entry: Entry) -> Step:
    """Return the step of which one entry tells, without the rest of it."""
    status = "ok" if entry.phase is EntryPhase.DONE else "waiting"
    if entry.phase is EntryPhase.UNKNOWN:
        status = "open" if entry.facts.get("not_performed") else "unknown"
    if entry.facts.get("status") == "error":
        status = "error"
    return Step(
        lane=entry.place.lane,
        ordinal=entry.place.ordinal,
        kind=entry.kind,
        name=entry.name,
        status=status,
        started_at=entry.recorded_at,
        ended_at=entry.recorded_at,
        result=None if entry.result is None else entry.result.hex(),
        facts=entry.facts,
        seq=entry.seq,
    )


def _line(began: datetime, entry: Entry, step: Step, evidence: Evidence, glyphs: Glyphs) -> Text:
    styles = {"ok": "green", "error": "red", "waiting": "yellow", "unknown": "bold red"}
    depth = sum(part.isdigit() for part in step.lane.split("/"))
    name = "" if step.name == step.kind else one_line(step.name)
    return Text.assemble(
        (f"{duration(entry.recorded_at - began):>12}  ", "dim"),
        "  " * depth,
        (f"{getattr(glyphs, step.status)} ", styles.get(step.status, "")),
        (f"{step.kind} ", "dim"),
        f"{name}  ",
        (outcome_of(step, evidence), "dim" if step.status == "ok" else styles.get(step.status, "")),
    )


def _is_news(entry: Entry) -> bool:
    return entry.phase is EntryPhase.NOTE and entry.kind == "run"


def _note(record: RunRecord, entry: Entry) -> Text:
    by = f" by {one_line(str(entry.facts['by']))}" if entry.facts.get("by") else ""
    at = duration(entry.recorded_at - record.created_at)
    return Text.assemble(
        (f"{at:>12}  ", "dim"), (f"{entry.name}{by}", STATES.get(entry.name, "cyan"))
    )
