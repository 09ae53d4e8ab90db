"""Short ways to say what a test of a store needs: a run, a step, a commit, a clock."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from stanchion.ledger import (
    Commit,
    Draft,
    Entry,
    EntryPhase,
    Message,
    NewRun,
    Place,
    RunRecord,
    Settlement,
    Store,
    payload,
)
from stanchion.values import RunState

__all__ = ["LEASE", "Hands", "a_run", "appended", "commit", "ended", "message", "owned", "step"]

LEASE = timedelta(seconds=30)


class Hands:
    """A clock that stands still until it's moved, in either direction."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 1, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def move(self, span: timedelta) -> None:
        self.now += span


def a_run(run: str = "run-1", **fields: Any) -> NewRun:
    """Return a run to create."""
    return replace(NewRun(run, "desk", "1", payload({"ticket": 7})), **fields)


def step(ordinal: int, result: Any = None, *, lane: str = "", **facts: Any) -> Draft:
    """Return a finished step."""
    recorded = None if result is None else payload(result)
    place = Place(lane, ordinal)
    return Draft(place, EntryPhase.DONE, "step", "fetch", payload([ordinal]), recorded, facts)


def commit(run: RunRecord, *drafts: Draft, **fields: Any) -> Commit:
    """Return a commit of finished steps, settled as one step each."""
    settled = Settlement(steps=sum(draft.phase is EntryPhase.DONE for draft in drafts))
    return replace(Commit(run.id, run.epoch, drafts, settlement=settled), **fields)


async def appended(store: Store, change: Commit) -> list[Entry]:
    """Append, and return the entries as they're read back."""
    before = await store.entries(change.run)
    await store.append(change)
    return [*await store.entries(change.run)][len(before) :]


def ended(run: RunRecord, state: RunState = RunState.COMPLETED, **fields: Any) -> Draft:
    """Return the note with which a run ends."""
    return Draft(Place("", -1), EntryPhase.NOTE, "run", str(state), None, payload("done"), fields)


def message(key: str, *, run: str = "run-1", topic: str = "paid", kind: str = "event") -> Message:
    """Return a message to a run."""
    return Message(run, topic, key, payload({"key": key}), kind)


async def owned(store: Store, run: NewRun | None = None, worker: str = "ann") -> RunRecord:
    """Create a run and claim it for a worker."""
    created = await store.create(run or a_run())
    await store.heartbeat(worker, LEASE)
    claimed = await store.claim(created.id, worker)
    assert claimed is not None
    return claimed
