"""A run exported to a file, and replayed from it as a regression test.

A recording is JSON lines: a head, then payloads and entries in order. Replaying it needs no
model, tool or person: the run must reach the same outcome without a single new step.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stanchion.errors import NonDeterminismError, RunError
from stanchion.ledger import (
    Commit,
    Draft,
    Entry,
    EntryPhase,
    NewRun,
    Payload,
    Place,
    Store,
    digest,
    open_store,
)
from stanchion.testing._clock import FakeClock
from stanchion.values import RunState
from stanchion.workflows import Host, Workflow, Workflows, advance, digests_in

__all__ = ["Recording", "export_run", "import_run", "replay_recording"]

FORM = 1


@dataclass(frozen=True, slots=True)
class Recording:
    """A run as read from a file."""

    head: dict[str, Any]
    payloads: dict[str, Payload]
    entries: tuple[dict[str, Any], ...]


async def export_run(store: Store, run: str, path: Path) -> None:
    """Write a run, with every payload that its entries refer to, to a file."""
    record = await store.get(run)
    entries = await store.entries(run)
    digests = {d for e in entries for d in _digests(e)} | {record.input}
    digests.update(d for d in (record.initiator, record.checkpoint) if d is not None)
    found = dict(await store.payloads(record.tenant, sorted(digests)))
    if record.checkpoint is not None:
        inherited = digests_in(found[record.checkpoint])
        found |= await store.payloads(record.tenant, sorted(inherited))
    found |= {e.request: e.request_data for e in entries if e.request and e.request_data}
    messages = [bytes.fromhex(e.facts["message"]) for e in entries if "message" in e.facts]
    found |= await store.payloads(record.tenant, _shared(found[m] for m in messages))
    head = {
        "form": FORM,
        "workflow": record.workflow,
        "version": record.version,
        "run": record.id,
        "input": record.input.hex(),
        "initiator": record.initiator.hex() if record.initiator else None,
        "checkpoint": record.checkpoint.hex() if record.checkpoint else None,
        "result": record.result.hex() if record.result else None,
        "state": record.state.value,
    }
    lines = [json.dumps(head)]
    lines += [json.dumps({"payload": base64.b64encode(found[d]).decode()}) for d in sorted(found)]
    lines += [json.dumps(_line(e)) for e in entries]
    await asyncio.to_thread(path.write_text, "\n".join(lines) + "\n", encoding="utf-8")


def _digests(entry: Entry) -> Iterable[bytes]:
    yield from (d for d in (entry.request, entry.result) if d is not None)
    if "message" in entry.facts:
        yield bytes.fromhex(entry.facts["message"])


def _shared(messages: Iterable[bytes]) -> list[bytes]:
    """Return the digests of messages' large parts, which are payloads of their own."""
    parts = [part for message in messages for part in json.loads(message)["parts"]]
    return [bytes.fromhex(v) for part in parts for k, v in part.items() if k.endswith("_digest")]


def _line(entry: Entry) -> dict[str, Any]:
    return {
        "lane": entry.place.lane,
        "ordinal": entry.place.ordinal,
        "phase": entry.phase.value,
        "kind": entry.kind,
        "name": entry.name,
        "request": entry.request.hex() if entry.request else None,
        "result": entry.result.hex() if entry.result else None,
        "facts": dict(entry.facts),
    }


def read_recording(path: Path) -> Recording:
    """Read a file written by ``export_run``."""
    head, *lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    data = [base64.b64decode(line["payload"]) for line in lines if "payload" in line]
    payloads = {digest(d).hex(): Payload(digest(d), d) for d in data}
    return Recording(head, payloads, tuple(line for line in lines if "payload" not in line))


async def import_run(store: Store, recording: Recording, *, ended: bool = True) -> str:
    """Put a recorded run into a store; ``ended=False`` leaves out how it ended."""
    head = recording.head
    new = NewRun(
        head["run"],
        head["workflow"],
        head["version"],
        recording.payloads[head["input"]],
        initiator=recording.payloads[head["initiator"]] if head["initiator"] else None,
        checkpoint=recording.payloads[head["checkpoint"]] if head.get("checkpoint") else None,
    )
    await store.create(new)
    claimed = await store.claim(new.id, "import")
    if claimed is None:
        raise RunError(f"run {new.id} is there already", remedy="import it into another store")
    for drafts in _batches(recording, ended=ended):
        await store.append(
            Commit(new.id, claimed.epoch, drafts, tuple(recording.payloads.values()))
        )
    return new.id


def _batches(recording: Recording, *, ended: bool) -> Iterable[tuple[Draft, ...]]:
    drafts = [_draft(recording, line) for line in recording.entries]
    terminal = {state.value for state in RunState} - {RunState.RUNNING, RunState.WAITING}
    if not ended:
        drafts = [d for d in drafts if d.phase is not EntryPhase.NOTE or d.name not in terminal]
    yield tuple(drafts)


def _draft(recording: Recording, line: dict[str, Any]) -> Draft:
    return Draft(
        Place(line["lane"], line["ordinal"]),
        EntryPhase(line["phase"]),
        line["kind"],
        line["name"],
        recording.payloads.get(line["request"] or ""),
        recording.payloads.get(line["result"] or ""),
        line["facts"],
    )


async def replay_recording(workflow: Workflow[Any, Any, Any], path: Path) -> Sequence[Entry]:
    """Replay a recorded run on today's code; return the entries that it added, notes only.

    Raises NonDeterminismError if the code asks for anything else than what is recorded, if it asks
    for a new step, or if it ends otherwise.
    """
    recording = read_recording(path)
    clock = FakeClock(automatic=True)
    store = open_store("sqlite://:memory:", clock=clock.now)
    try:
        run = await import_run(store, recording, ended=False)
        before = (await store.get(run)).seq
        host = Host(store, Workflows([workflow]), worker="import", clock=clock)
        record = await advance(host, run)
        added = await store.entries(run, before)
    finally:
        await store.close()
    result = record.result.hex() if record is not None and record.result else None
    new = [e for e in added if e.phase is not EntryPhase.NOTE]
    if (
        record is None
        or new
        or (record.state.value, result)
        != (
            recording.head["state"],
            recording.head["result"],
        )
    ):
        raise NonDeterminismError(
            f"{path.name} replays differently: {record.state if record else 'fenced'}, "
            f"{record.reason if record else ''} {[f'{e.kind} {e.name}' for e in new]}",
            remedy="guard the change with run.patched(), or give the workflow a new version",
        )
    return added
