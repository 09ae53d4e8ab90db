"""Rows of the tables as records.

Columns come in the order in which ``_statements`` selects them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any

from stanchion.ledger._driver import Row
from stanchion.ledger._moments import moment
from stanchion.ledger._records import Entry, EntryPhase, Place, RunRecord, Settlement, Wait
from stanchion.values import RunState

__all__ = ["entries_of", "entry_of", "facts_of", "run_of", "wait_of"]

_PHASES = {str(phase): phase for phase in EntryPhase}


def facts_of(text: str) -> Mapping[str, Any]:
    """Return what canonical JSON text says."""
    return {} if text == "{}" else json.loads(text)


def entries_of(rows: Iterable[Row]) -> list[Entry]:
    """Return entries; facts that many of them have are read once."""
    read_facts = cache(facts_of)
    return [entry_of(row, read_facts) for row in rows]


def entry_of(row: Row, read_facts: Callable[[str], Mapping[str, Any]] = facts_of) -> Entry:
    """Return an entry from the run's id and the entry's columns."""
    (
        run,
        position,
        xid,
        seq,
        lane,
        ordinal,
        phase,
        kind,
        name,
        request,
        result,
        facts,
        epoch,
        recorded_at,
        chain,
        request_data,
    ) = row
    return Entry(
        run,
        seq,
        Place(lane, ordinal),
        _PHASES[phase],
        kind,
        name,
        request,
        result,
        read_facts(facts),
        epoch,
        moment(recorded_at),
        chain,
        (xid, position),
        request_data,
    )


def run_of(row: Row) -> RunRecord:
    """Return a run's projection from its columns."""
    ident, workflow, version, tenant, user, key, tags, state, reason = row[:9]
    input_, initiator, result, error, root, parent, lane, ordinal = row[9:17]
    forked_from, forked_at, epoch, worker, seq, chain = row[17:23]
    return RunRecord(
        ident,
        workflow,
        version,
        tenant,
        user,
        key,
        facts_of(tags),
        RunState(state),
        reason,
        input_,
        initiator,
        result,
        error,
        root,
        parent,
        None if lane is None else Place(lane, ordinal),
        forked_from,
        forked_at,
        epoch,
        worker,
        seq,
        chain,
        Settlement(*row[23:30]),
        moment(row[30]),
        moment(row[31]),
        *row[32:35],
    )


def wait_of(row: Row) -> Wait:
    """Return an open wait from its columns."""
    run, lane, ordinal, kind, topic, wake_at, body = row
    wakes = None if wake_at is None else moment(wake_at)
    return Wait(run, Place(lane, ordinal), kind, topic, wakes, facts_of(body))
