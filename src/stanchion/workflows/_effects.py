"""Writes: a durable intent before each, and an unknown outcome settled before anything goes on.

The loop is always the same: intent, attempt, outcome. Any exit after an intent other than a result
or a declared ``NotPerformed`` is unknown (a crash, a time-out, a cancellation, any exception), and
``tools.next_move`` decides, from capabilities alone, whether to call again, to wait, to ask the
reconciler or to ask a person. Each of those is a recorded step below the call, so a crash in the
middle of a recovery is recovered too.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from stanchion.errors import EncodingError, StanchionError, StoreUnavailable
from stanchion.ledger import (
    Durability,
    EntryPhase,
    Fenced,
    LateOutcome,
    codec_for,
    lane_below,
    payload,
)
from stanchion.review import Occasion, unknown_outcome
from stanchion.tools import (
    AskPerson,
    CallAgain,
    CallContext,
    CantTell,
    Contract,
    DidNotHappen,
    Happened,
    Move,
    NotPerformed,
    Reconcile,
    Reconciled,
    UseLate,
    UseResult,
    WaitUntil,
    next_move,
    silent_from,
)
from stanchion.tools import unknown_outcome as unknown_error
from stanchion.values import Json, Question, ToolCall, ToolError, ToolResult
from stanchion.workflows._conductor import Suspended
from stanchion.workflows._incarnation import StepScope, is_shut_down
from stanchion.workflows._people import ask_person
from stanchion.workflows._process import is_gone, this_process
from stanchion.workflows._steps import sleep_until

__all__ = ["Effect", "perform_effect"]


_CUT_OFF = (TimeoutError, asyncio.CancelledError)
"""How a body is left that runs in a thread, which goes on."""


@dataclass(frozen=True, slots=True)
class Effect:
    """One write: how to do it, and all that recovery may use."""

    contract: Contract
    call: ToolCall
    """With its key and the arguments as sent."""
    invoke: Callable[[CallContext[Any]], Awaitable[Any]]
    """Does it once; returns the result, raises NotPerformed, or anything else for unknown."""
    reconcile: Callable[[CallContext[Any]], Awaitable[Reconciled]] | None = None
    may_be_left: bool = False
    """A person who can't tell may leave it unknown, instead of stopping the run."""

    @property
    def key(self) -> str:
        """The idempotency key."""
        return self.call.key


@dataclass(slots=True)
class _History:
    """What is known of a write's attempts."""

    attempts: int = 0
    key: str = ""
    """The key under which it was sent; another version, or a fork, might mint another."""
    epochs: set[int] = field(default_factory=set[int])
    """Those of the writers that may have sent it; only their late outcomes are about it."""
    first_intent_at: datetime | None = None
    deadline: datetime | None = None
    process: str = ""
    """Which process made the last attempt."""
    failed_at: datetime | None = None
    silent_at: datetime | None = None
    """From when on no attempt can be on its way; None if each was seen to end."""
    lost: bool = False
    """An earlier attempt's outcome is unknown and nothing has said that it didn't happen."""
    recoveries: dict[str, int] = field(default_factory=dict[str, int])

    def leave_running(self, effect: Effect, noted_at: datetime, grace: timedelta) -> None:
        """Note that an attempt was left without an end that anybody saw.

        It may be under way until its time is over; if its process is gone, only what that had sent.
        """
        silent = noted_at + grace
        if self.deadline is not None and not is_gone(self.process):
            silent = silent_from(effect.contract, self.deadline, grace)
        self.silent_at = max(silent, self.silent_at or silent)

    def lane(self, kind: str) -> str:
        """Return the lane of the next recovery step of a kind; the same on every replay."""
        name = f"{kind}{self.attempts}"
        count = self.recoveries[name] = self.recoveries.get(name, 0) + 1
        return f"/{name}.{count}"

    def next_lane(self, kind: str) -> str:
        """Return what ``lane`` is going to return."""
        name = f"{kind}{self.attempts}"
        return f"/{name}.{self.recoveries.get(name, 0) + 1}"


async def perform_effect(scope: StepScope, effect: Effect) -> ToolResult:
    """Do a write, or find out what became of it. Returns a result or the tool's own error."""
    with scope.incarnation.conductor.lane().shield():
        history = await _recorded(scope, effect)
        if history.key:
            effect = replace(effect, call=replace(effect.call, key=history.key))
        while True:
            await _finish_waiting(scope, history)
            if not history.lost:
                ended = await _attempt(scope, effect, history)
                if ended is not None:
                    return ended
                continue
            settled = await _settle(scope, effect, history)
            if settled is not None:
                scope.facts["attempts"] = history.attempts
                return settled


async def _recorded(scope: StepScope, effect: Effect) -> _History:
    """Read the history; an intent without an outcome is recorded as unknown: the process died."""
    history, grace = _History(), scope.incarnation.host.grace
    if scope.recorded is None:
        return history
    for entry in scope.recorded.entries:
        if entry.phase is EntryPhase.INTENT:
            history.attempts += 1
            history.key = entry.facts["key"]
            history.epochs.add(entry.epoch)
            history.first_intent_at = history.first_intent_at or entry.recorded_at
            history.deadline = datetime.fromisoformat(entry.facts["deadline"])
            history.process = entry.facts.get("process", "")
            history.failed_at = None
            history.lost = True
        elif entry.phase is EntryPhase.UNKNOWN:
            history.failed_at = entry.recorded_at
            history.lost = not entry.facts.get("not_performed", False)
            if not entry.facts.get("ended", False):
                history.leave_running(effect, entry.recorded_at, grace)
    if scope.recorded.entries[-1].phase is EntryPhase.INTENT:
        history.leave_running(effect, scope.incarnation.host.clock.now(), grace)
        await _note_unknown(scope, "the process ended before an outcome was recorded", ended=False)
    return history


async def _attempt(scope: StepScope, effect: Effect, history: _History) -> ToolResult | None:
    """Send it once. None means that the outcome is unknown, or that it may be tried again."""
    context = await _write_intent(scope, effect, history)
    try:
        context.check_deadline()
        value = await effect.invoke(context)
        encoded = effect.contract.encode_result(value).data
    except NotPerformed as declared:
        return await _not_performed(scope, effect, history, declared.error)
    except (Exception, asyncio.CancelledError) as error:  # whatever it was: unknown
        history.lost = True
        history.failed_at = scope.incarnation.host.clock.now()
        ended = effect.contract.is_async or not isinstance(error, _CUT_OFF)
        if not ended:
            history.leave_running(effect, history.failed_at, scope.incarnation.host.grace)
        await _note_unknown(scope, _why(error), ended=ended)
        if isinstance(error, asyncio.CancelledError) and is_shut_down():
            raise
        return None
    scope.facts |= {"key": effect.key, "attempts": history.attempts}
    scope.on_fenced = _leave_late(scope, effect, context.epoch, "done", encoded)
    return ToolResult(effect.contract.decode_result(encoded))


async def _write_intent(scope: StepScope, effect: Effect, history: _History) -> CallContext[Any]:
    incarnation = scope.incarnation
    now = incarnation.host.clock.now()
    history.attempts += 1
    history.epochs.add(incarnation.record.epoch)
    history.first_intent_at = history.first_intent_at or now
    history.deadline = now + effect.contract.timeout
    history.process = this_process()
    await scope.note(
        EntryPhase.INTENT,
        payload(json.loads(effect.contract.encode_arguments(effect.call.arguments))),
        durability=Durability.POWER_LOSS,
        key=effect.key,
        attempt=history.attempts,
        deadline=history.deadline.isoformat(),
        process=history.process,
        verdicts=[list(v) for v in scope.verdicts],
    )
    return _context(scope, effect, history)


def _context(scope: StepScope, effect: Effect, history: _History) -> CallContext[Any]:
    incarnation = scope.incarnation
    return CallContext(
        key=effect.key,
        epoch=incarnation.record.epoch,
        attempt=history.attempts,
        deadline=history.deadline or incarnation.host.clock.now(),
        run=incarnation.record.id,
        deps=incarnation.host.deps,
        clock=incarnation.host.clock.now,
        pulse=incarnation.new_pulse(scope.place),
        headers=incarnation.headers(scope.place),
    )


async def _not_performed(
    scope: StepScope, effect: Effect, history: _History, error: ToolError
) -> ToolResult | None:
    """Take a declared error as the outcome, unless an earlier attempt's is still unknown.

    It speaks for its own attempt only; a retryable one is tried again.
    """
    scope.on_fenced = _leave_late(
        scope, effect, scope.incarnation.record.epoch, "not_performed", b"null"
    )
    policy = effect.contract.retry
    again = error.retryable and history.attempts < policy.attempts
    earlier_unknown = scope.recorded_unknown
    if not again and not earlier_unknown:
        scope.facts |= {"key": effect.key, "attempts": history.attempts}
        return ToolResult(error=error)
    history.lost = earlier_unknown
    history.failed_at = scope.incarnation.host.clock.now()
    try:
        reason = f"not performed: {error.code}"
        await _note_unknown(scope, reason, ended=True, not_performed=not earlier_unknown)
    except (Fenced, Suspended):
        await scope.on_fenced()
        raise
    if not earlier_unknown:
        await _sleep(scope, history, history.failed_at + policy.delay(history.attempts))
    return None


async def _note_unknown(
    scope: StepScope, reason: str, *, ended: bool, not_performed: bool = False
) -> None:
    """Record that an attempt has no outcome; ``ended`` if its body was seen to end nevertheless."""
    facts: dict[str, Json] = {"reason": reason}
    if ended:
        facts["ended"] = True
    if not_performed:
        facts["not_performed"] = True
    else:
        scope.recorded_unknown = True
    await scope.note(EntryPhase.UNKNOWN, None, durability=Durability.PROCESS, **facts)


async def _settle(scope: StepScope, effect: Effect, history: _History) -> ToolResult | None:
    """Find out what became of the last attempt; None means that it may be sent again."""
    reconciled: Reconciled | None = None
    while True:
        move = await _next(scope, effect, history, reconciled)
        match move:
            case UseLate(outcome):
                return _take_late(scope, effect, history, outcome)
            case UseResult(result):
                scope.facts["settled"] = "reconciler"
                return ToolResult(result)
            case CallAgain():
                return _send_again(scope, history, known=isinstance(reconciled, DidNotHappen))
            case WaitUntil(at):
                await _sleep(scope, history, at)
            case Reconcile():
                reconciled = await _reconcile(scope, effect, history)
            case AskPerson(reason):
                return await _ask(scope, effect, history, reason)


def _send_again(scope: StepScope, history: _History, *, known: bool) -> None:
    """Let it be sent again; ``known`` says that nothing has happened so far."""
    history.lost = False
    scope.recorded_unknown = not known


async def _next(
    scope: StepScope, effect: Effect, history: _History, reconciled: Reconciled | None
) -> Move:
    host = scope.incarnation.host
    now = host.clock.now()
    return next_move(
        effect.contract,
        first_intent_at=history.first_intent_at or now,
        intent_deadline=history.deadline or now,
        now=now,
        attempts=history.attempts,
        last_failure_at=history.failed_at,
        late=await _late(scope, effect, history),
        reconciled=reconciled,
        grace=host.grace,
    )


async def _late(scope: StepScope, effect: Effect, history: _History) -> LateOutcome | None:
    """Return what a writer that lost the run learnt about this write: best that it was done."""
    found = await scope.incarnation.host.store.late_outcomes(
        scope.incarnation.record.id, effect.key
    )
    outcomes = [outcome for outcome in found if outcome.epoch in history.epochs]
    done = next((outcome for outcome in outcomes if outcome.status == "done"), None)
    return done or (outcomes[-1] if outcomes else None)


def _take_late(
    scope: StepScope, effect: Effect, history: _History, outcome: LateOutcome
) -> ToolResult | None:
    """Take a late outcome; that nothing was sent is a reason to send it, not a failure."""
    if outcome.status != "done":
        return _send_again(scope, history, known=True)
    scope.facts["settled"] = "late outcome"
    return ToolResult(effect.contract.decode_result(outcome.payload.data))


async def _finish_waiting(scope: StepScope, history: _History) -> None:
    """Take up the waits of an earlier incarnation, so that each is over once it was begun."""
    journal, below = scope.incarnation.journal, lane_below(scope.place)
    while journal.has_unclaimed(f"{below}{history.next_lane('wait')}"):
        await _sleep(scope, history, scope.incarnation.host.clock.now())


async def _sleep(scope: StepScope, history: _History, at: datetime) -> None:
    with scope.below(history.lane("wait")):
        await sleep_until(scope.incarnation, at)


async def _reconcile(scope: StepScope, effect: Effect, history: _History) -> Reconciled:
    """Ask the reconciler, as a recorded step: what it said once is what it said."""

    async def body(_: StepScope) -> dict[str, Any]:
        if effect.reconcile is None:
            return {"kind": "cant_tell", "reason": f"{effect.contract.name} has no reconciler"}
        match await effect.reconcile(_context(scope, effect, history)):
            case Happened(result):
                return {
                    "kind": "happened",
                    "result": json.loads(effect.contract.encode_result(result).data),
                }
            case DidNotHappen():
                return {"kind": "did_not_happen"}
            case CantTell(reason):
                return {"kind": "cant_tell", "reason": reason}

    with scope.below(history.lane("reconcile")):
        request = payload({"key": effect.key, "attempt": history.attempts})
        codec = codec_for(dict[str, Any])
        said = await scope.incarnation.perform(
            "reconcile", effect.contract.name, request, codec, body
        )
    match said["kind"]:
        case "happened":
            return Happened(effect.contract.decode_result(payload(said["result"]).data))
        case "did_not_happen":
            return DidNotHappen()
        case _:
            return CantTell(said["reason"])


async def _ask(
    scope: StepScope, effect: Effect, history: _History, reason: str
) -> ToolResult | None:
    incarnation = scope.incarnation

    def question(occasion: Occasion) -> Question:
        return unknown_outcome(
            effect.call,
            effect.contract,
            occasion,
            reason=reason,
            attempts=history.attempts,
            sent_at=history.first_intent_at,
            silent_at=history.silent_at,
            may_be_left=effect.may_be_left,
        )

    with scope.below(history.lane("ask")):
        answer = await ask_person(incarnation, "unknown", question, None)
    scope.facts["settled"] = f"{answer.by or 'a person'}: {answer.choice}"
    match answer.choice:
        case "happened":
            return ToolResult(effect.contract.decode_result(payload(answer.value).data))
        case "did_not_happen":
            late = await _until_silent(scope, effect, history)
            if late is not None:
                return _take_late(scope, effect, history, late)
            return _send_again(scope, history, known=True)
        case "leave":
            return ToolResult(error=unknown_error())
        case _:
            raise scope.incarnation.give_up(
                StanchionError(
                    f"{answer.by} stopped the run: it is unknown whether {effect.contract.name} "
                    "happened",
                    remedy="settle it by hand, then start a new run",
                )
            )


async def _until_silent(scope: StepScope, effect: Effect, history: _History) -> LateOutcome | None:
    """Wait until what a person saw not to have happened can't happen any more; return it if it did.

    A process that was stopped in the middle of a call may go on with it until the deadline. The
    answer is recorded and is applied then, or sooner if the process has ended meanwhile: that is
    looked at after pauses that double.
    """
    host = scope.incarnation.host
    pause = host.grace
    while True:
        late = await _late(scope, effect, history)  # it may have come after the person looked
        if late is not None and late.status == "done":
            return late
        now = host.clock.now()
        if history.silent_at is None or now >= history.silent_at:
            return None
        if is_gone(history.process):
            history.silent_at = min(history.silent_at, now + host.grace)
        await _sleep(scope, history, min(history.silent_at, now + pause))
        pause *= 2


def _leave_late(
    scope: StepScope, effect: Effect, epoch: int, status: str, data: bytes
) -> Callable[[], Awaitable[None]]:
    """Return what to do if the outcome can't be recorded because another writer has the run."""
    store, run = scope.incarnation.host.store, scope.incarnation.record.id

    async def leave() -> None:
        outcome = LateOutcome(run, effect.key, epoch, status, payload(json.loads(data)))
        try:
            await store.late(outcome)
        except StoreUnavailable:
            return  # the new owner asks the target, or a person

    return leave


def _why(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "no answer within its time limit"
    if isinstance(error, asyncio.CancelledError):
        return "cancelled after it was sent"
    if isinstance(error, EncodingError):
        return "its result can't be stored"
    return f"exception {type(error).__name__}"
