"""What to do about a call whose outcome is unknown. Pure: facts in, one move out.

At most once without the target's help; exactly once with a key or a reconciler; otherwise a person
is asked. Only the contract's capabilities count, never a guess about what an exception means. A
fenced writer's late outcome is looked at before anything else.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from stanchion.ledger import LateOutcome
from stanchion.tools._contract import Contract
from stanchion.tools._outcomes import CantTell, DidNotHappen, Happened, Reconciled

__all__ = [
    "GRACE",
    "AskPerson",
    "CallAgain",
    "Move",
    "Reconcile",
    "UseLate",
    "UseResult",
    "WaitUntil",
    "next_move",
    "silent_from",
]

GRACE = timedelta(seconds=5)
"""Allowance for clocks that disagree and packets on their way."""


@dataclass(frozen=True, slots=True)
class UseLate:
    """A fenced writer learnt the outcome after all: take it."""

    outcome: LateOutcome


@dataclass(frozen=True, slots=True)
class UseResult:
    """The reconciler says that it happened: take its result."""

    result: Any


@dataclass(frozen=True, slots=True)
class CallAgain:
    """Make the same call with the same key."""


@dataclass(frozen=True, slots=True)
class WaitUntil:
    """Come back at this time."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Reconcile:
    """Ask the tool's reconciler now."""


@dataclass(frozen=True, slots=True)
class AskPerson:
    """Ask a person whether it happened."""

    reason: str


Move: TypeAlias = UseLate | UseResult | CallAgain | WaitUntil | Reconcile | AskPerson


def silent_from(contract: Contract, deadline: datetime, grace: timedelta = GRACE) -> datetime:
    """Return when nothing of a call with this deadline can be on its way any more."""
    return deadline + contract.timeout + grace


def next_move(
    contract: Contract,
    *,
    first_intent_at: datetime,
    intent_deadline: datetime,
    now: datetime,
    attempts: int,
    last_failure_at: datetime | None = None,
    late: LateOutcome | None = None,
    reconciled: Reconciled | None = None,
    grace: timedelta = GRACE,
) -> Move:
    """Decide about a call with ``attempts`` intents, the first and the last of them as given.

    ``last_failure_at`` is when the last attempt was seen to fail, if anyone saw it: pauses between
    attempts count from there. ``reconciled`` is the answer to a ``Reconcile`` move about the last
    intent; it is not believed before its time. Of several late outcomes pass one that is done, if
    there is any.
    """
    if late is not None and _conclusive(late, attempts):
        return UseLate(late)
    if contract.effect == "read":
        return CallAgain()
    has_attempts = attempts < contract.retry.attempts
    ends_at = now + contract.timeout + grace
    if contract.accepts_key and has_attempts and _key_is_valid(contract, first_intent_at, ends_at):
        return _after_pause(contract, attempts, last_failure_at, now)
    if contract.reconcile is None:
        return AskPerson(_why_a_person(contract, has_attempts=has_attempts))
    ready_at = silent_from(contract, intent_deadline, grace)
    if now < ready_at:
        return WaitUntil(ready_at)
    match reconciled:
        case None:
            return Reconcile()
        case Happened(result):
            return UseResult(result)
        case CantTell(reason):
            return AskPerson(f"whether {contract.name} happened can't be found out: {reason}")
        case DidNotHappen():
            if has_attempts:
                return CallAgain()
            return AskPerson(f"{contract.name} was tried {attempts} times and did not happen")


def _conclusive(late: LateOutcome, attempts: int) -> bool:
    """Tell whether it settles the call: "not performed" speaks for its own attempt only."""
    return late.status == "done" or attempts == 1


def _key_is_valid(contract: Contract, first_intent_at: datetime, ends_at: datetime) -> bool:
    """Tell whether the target surely keeps the key until a call made now has ended."""
    return contract.key_validity is None or ends_at <= first_intent_at + contract.key_validity


def _after_pause(
    contract: Contract, attempts: int, last_failure_at: datetime | None, now: datetime
) -> Move:
    if last_failure_at is None:
        return CallAgain()
    at = last_failure_at + contract.retry.delay(attempts)
    return CallAgain() if at <= now else WaitUntil(at)


def _why_a_person(contract: Contract, *, has_attempts: bool) -> str:
    if not contract.accepts_key:
        return f"{contract.name} may have happened, and nothing can tell"
    if not has_attempts:
        return f"{contract.name} was tried {contract.retry.attempts} times without an answer"
    return f"{contract.name} may have happened, and its target no longer keeps the key"
