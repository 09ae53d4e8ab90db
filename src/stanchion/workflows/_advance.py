"""Moving a run until it ends or waits: the one thing that engines do.

``advance`` claims the run, replays what is recorded, performs what comes next, and writes how the
incarnation ended. An engine decides only who calls it and when. Calling it twice at once is safe:
the second claim fails or fences the first.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from stanchion.errors import ConcurrentScopeError, LedgerError, NonDeterminismError, StanchionError
from stanchion.ledger import (
    Draft,
    EntryPhase,
    Fenced,
    Message,
    Payload,
    RunChange,
    RunRecord,
    Settlement,
    Wait,
    payload,
)
from stanchion.values import RunState
from stanchion.workflows._ceilings import open_purse
from stanchion.workflows._checkpoint import unpack
from stanchion.workflows._conductor import Suspended
from stanchion.workflows._hand_over import HandedOver, successor_of
from stanchion.workflows._here import here
from stanchion.workflows._host import Host
from stanchion.workflows._incarnation import CANCELLING, Incarnation, is_shut_down
from stanchion.workflows._left import RUN_PLACE
from stanchion.workflows._manifest import manifest_of
from stanchion.workflows._run import Run
from stanchion.workflows._workflow import Workflow

__all__ = ["advance"]


async def advance(
    host: Host, run: str, watch: Callable[[Incarnation], None] = lambda _: None
) -> RunRecord | None:
    """Move a run until it ends or waits; return its record, None if another writer has it.

    ``watch`` is given the incarnation once it is loaded, to poke it when messages arrive. Raises
    StoreUnavailable when the store fails: what was acknowledged is kept, call again later.
    """
    record = await host.store.claim(run, host.worker)
    if record is None:
        return None
    try:
        definition = host.workflows.find(record.workflow, record.version)
        if definition is None:
            await _park_unregistered(host, record)
        else:
            incarnation = await Incarnation.load(host, record)
            await open_purse(incarnation, definition.budget)
            watch(incarnation)
            await _drive(incarnation, definition)
    except Fenced:
        return None
    return await host.store.get(run)


async def _drive(incarnation: Incarnation, definition: Workflow[Any, Any, Any]) -> None:
    try:
        result = await _execute(incarnation, definition)
        incarnation.journal.check_finished()
        encoded = definition.output_codec.encode(result, what=f"the output of {definition.name}")
    except Suspended:
        await _suspend(incarnation)
    except HandedOver as over:
        await _hand_over(incarnation, over)
    except asyncio.CancelledError:
        if is_shut_down() or not incarnation.cancel_requested:
            raise
        await _end(incarnation, RunState.CANCELLED, "cancelled on request")
    except Exception as error:  # noqa: BLE001 (the boundary of a user's workflow)
        await _fail(incarnation, error)
    else:
        await _end(incarnation, RunState.COMPLETED, "", result=encoded)
    finally:
        await incarnation.outside.close()


async def _execute(incarnation: Incarnation, definition: Workflow[Any, Any, Any]) -> Any:
    """Run the workflow's code; what ended the incarnation counts more than how the code took it."""
    try:
        await _note_start(incarnation, definition)
        return await _run_code(incarnation, definition)
    except ConcurrentScopeError as error:  # what ended the lane that it disturbed is no excuse
        incarnation.fault = incarnation.fault or error
        raise
    finally:
        incarnation.raise_end()


async def _run_code(incarnation: Incarnation, definition: Workflow[Any, Any, Any]) -> Any:
    value = definition.input_codec.decode(
        incarnation.replayed.payload(incarnation.record.input), what=f"input of {definition.name}"
    )
    run: Run[Any] = Run(incarnation, definition)
    if incarnation.cancel_requested:
        await incarnation.poke()
    outer = here.set((incarnation.record, RUN_PLACE))
    try:
        with incarnation.conductor.root():
            return await definition.fn(run, value)
    finally:
        here.reset(outer)


async def _note_start(incarnation: Incarnation, definition: Workflow[Any, Any, Any]) -> None:
    """Pin the manifest at the run's first incarnation; note who resumed it later."""
    if incarnation.record.seq == 0:
        manifest = payload(manifest_of(definition), what="manifest")
        facts = {"manifest": manifest.digest.hex(), "salt": incarnation.salt}
        if definition.budget is not None and definition.budget.time is not None:
            facts["at"] = incarnation.host.clock.now().isoformat()
        await incarnation.append(_note("started", manifest, **facts))
    for message in incarnation.outside.messages("resume"):
        request = json.loads(message.payload)
        incarnation.journal.accept_drift = bool(request.get("accept_drift"))
        incarnation.preface.accepted_by = request.get("by", "")
        note = _note(
            "resumed",
            None,
            by=request.get("by", ""),
            accept_drift=bool(request.get("accept_drift")),
        )
        await incarnation.append(note, taken=(message.id,))
        incarnation.outside.forget(message)


async def _suspend(incarnation: Incarnation) -> None:
    """Give the run back: waiting if it waits for the outside, otherwise ready to be claimed.

    A request to cancel that arrived is taken into the record: a run that only waits for a write's
    outcome, which somebody must find out first, has nothing unread and rests.
    """
    waits = incarnation.outside.waits()
    change = RunChange(state=RunState.RUNNING, reason="", release=True)
    if waits and not incarnation.conductor.interrupted:
        incarnation.left.unattended()
        change = replace(change, state=RunState.WAITING, reason=_waiting_for(incarnation, waits))
    # Opened again, since a fork or a run that failed has its wait entries but no open waits.
    await incarnation.append(
        *_cancelling(incarnation),
        change=change,
        opened=tuple(waits),
        taken=tuple(m.id for m in incarnation.cancels),
    )
    if change.state is RunState.RUNNING:
        incarnation.host.notify(incarnation.record.id)


def _cancelling(incarnation: Incarnation) -> list[Draft]:
    """Note who asked for the run to be cancelled."""
    asked = [json.loads(message.payload).get("by", "") for message in incarnation.cancels]
    return [_note(CANCELLING, None, by=by) for by in asked]


def _waiting_for(incarnation: Incarnation, waits: Sequence[Wait]) -> str:
    reason = "; ".join(_describe(w) for w in waits[:3])
    return f"to be cancelled after {reason}" if incarnation.cancel_requested else reason


async def _fail(incarnation: Incarnation, error: Exception) -> None:
    if isinstance(error, NonDeterminismError):
        incarnation.outside.withdraw()  # what comes for them would only find the same difference
        change = RunChange(state=RunState.WAITING, reason=str(error), release=True)
        await incarnation.append(_note("diverged", None), change=change)
        return
    if isinstance(error, LedgerError) and error is incarnation.fault:
        raise error
    reason = f"{type(error).__name__}: {error}"
    record = {
        "type": type(error).__name__,
        "code": error.code if isinstance(error, StanchionError) else "exception",
        "message": str(error),
    }
    await _end(incarnation, RunState.FAILED, reason, error=payload(record))


async def _end(
    incarnation: Incarnation,
    state: RunState,
    reason: str,
    *,
    result: Payload | None = None,
    error: Payload | None = None,
) -> None:
    change = RunChange(state=state, reason=reason, result=result, error=error, release=True)
    messages = (*_to_parent(incarnation, state, reason, result), *_to_children(incarnation))
    taken = tuple(m.id for m in incarnation.cancels)
    notes = _cancelling(incarnation) if state is RunState.CANCELLED else []
    notes.append(_note(state.value, result or error, **incarnation.circle))
    await incarnation.append(*notes, taken=taken, sent=messages, change=change)


async def _hand_over(incarnation: Incarnation, over: HandedOver) -> None:
    """End the run and create its successor in one commit; who waits for it waits for that one."""
    successor = successor_of(incarnation, over.left)
    note = _note("handed_over", over.left, successor=successor.id)
    drafts = (note,) if over.marker is None else (over.marker, note)
    change = RunChange(
        RunState.HANDED_OVER,
        f"handed over to {successor.id}: {unpack(over.left.data)[0].reason}",
        over.left,
        release=True,
        successor=successor.id,
    )
    settlement = Settlement(steps=len(drafts) - 1)
    await incarnation.append(*drafts, started=(successor,), change=change, settlement=settlement)
    incarnation.host.notify(successor.id)


def _to_parent(
    incarnation: Incarnation, state: RunState, reason: str, result: Payload | None
) -> list[Message]:
    record = incarnation.record
    if not record.parent or record.parent_place is None:
        return []  # who started it from the body of a tool waits for it as it likes
    ended = {
        "state": state.value,
        "reason": reason,
        "result": None if result is None else json.loads(result.data),
        **incarnation.circle,
    }
    topic = f"child:{record.root}"
    key = f"child:{record.id}:{record.epoch}"
    return [Message(record.parent, topic, key, payload(ended), "child")]


def _to_children(incarnation: Incarnation) -> list[Message]:
    """Cancel the children that the run, which ends, still waits for."""
    request = payload({"by": incarnation.record.id})
    return [
        Message(w.body["child"], "", "cancel:parent", request, "cancel")
        for w in incarnation.outside.waits()
        if w.kind == "child"
    ]


async def _park_unregistered(host: Host, record: RunRecord) -> None:
    incarnation = Incarnation(host, record, ())
    reason = (
        f"no app here serves the workflow {record.workflow!r} in version {record.version!r}; "
        "register it and resume the run"
    )
    wait = Wait(record.id, RUN_PLACE, "version", f"version:{record.workflow}:{record.version}")
    change = RunChange(state=RunState.WAITING, reason=reason, release=True)
    await incarnation.append(_note("unregistered", None), opened=(wait,), change=change)
    with contextlib.suppress(Exception):
        await incarnation.outside.close()


def _note(name: str, result: Payload | None, **facts: Any) -> Draft:
    return Draft(RUN_PLACE, EntryPhase.NOTE, "run", name, None, result, facts)


def _describe(wait: Wait) -> str:
    match wait.kind:
        case "question":
            return f"a person: {wait.body.get('prompt', '')}"
        case "event":
            return f"the event {wait.body.get('event', '')}"
        case "child":
            return f"the child run {wait.body.get('child', '')}"
        case _:
            return f"the time {wait.wake_at:%Y-%m-%d %H:%M:%S} UTC" if wait.wake_at else wait.kind
