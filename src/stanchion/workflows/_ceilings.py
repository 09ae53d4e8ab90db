"""Ceilings as a run meets them: room is found before anything is called, or somebody is asked.

The order is always the same: hold the worst case, call, settle what it came to. Where there is no
room but others may release some, the call waits for a moment; where there is none, the run waits
for a person, at the place where it is, and goes on from there. What is asked and answered is a
recorded step below the one that needs the room, so that a resumed run asks nothing twice.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from stanchion.errors import RunNotFound
from stanchion.ledger import (
    Account,
    Charge,
    NoRoom,
    RunRecord,
    Settlement,
)
from stanchion.tools import Contract
from stanchion.workflows._budget import SECONDS, Budget, Ceiling
from stanchion.workflows._conductor import Suspended
from stanchion.workflows._host import Host
from stanchion.workflows._incarnation import Incarnation, StepScope
from stanchion.workflows._purse import (
    Draw,
    Hold,
    Purse,
    Shortage,
    own_account,
)
from stanchion.workflows._raising import ask, ask_again, purse_of

__all__ = ["Spending", "open_purse", "reserved", "spend_on", "worst_of"]

PATIENCE = timedelta(seconds=30)
"""How long others' holds are waited for before a person is asked."""
FIRST_PAUSE, LONGEST_PAUSE = 0.01, 1.0
"""Seconds between two looks."""

ONE_STEP = Settlement(steps=1)
_UNLIMITED = re.compile(r"/(ceiling|conclude|wait|reconcile|ask|undo|limit)")
"""Lanes in which a write is settled, a person is asked, or a loop concludes: never held up."""


async def open_purse(incarnation: Incarnation, budget: Budget | None) -> None:
    """Give a run the purse that its budget, and the ceilings that it shares, ask for."""
    host, record = incarnation.host, incarnation.record
    above = await _above(host, record)
    shared = [ceiling for ceiling in host.ceilings if ceiling.applies(record)]
    if budget is None and not above and not shared:
        return
    purse = Purse(record, budget, above, partial(_draws, host, record, shared))
    purse.fold(incarnation.notes)
    if record.root != record.id:  # handed over: the account is there already
        purse.sharing = budget is not None
    incarnation.purse = purse
    if purse.limits("steps") or SECONDS in purse.ceilings:
        incarnation.admit = _Admission(_started(incarnation)).admit


def _draws(host: Host, record: RunRecord, ceilings: Sequence[Ceiling]) -> Sequence[Draw]:
    now = host.clock.now()
    return [Draw(c.account(record, now), c.budget.ceilings(), c.budget) for c in ceilings]


def _started(incarnation: Incarnation) -> datetime:
    """Return when the run's time began, by its own clock."""
    record = incarnation.record
    if record.seq == 0:
        return incarnation.host.clock.now()
    at = incarnation.notes[0].facts.get("at") if incarnation.notes else None
    return record.created_at if at is None else datetime.fromisoformat(at)


async def _above(host: Host, record: RunRecord) -> list[Draw]:
    """Return the accounts of the runs above, which their children draw from."""
    names: list[str] = []
    while record.parent:
        try:
            record = await host.store.get(record.parent)
        except RunNotFound:  # it was deleted, and nobody keeps its budget
            break
        names.append(own_account(record))
    if not names:
        return []
    found = await host.store.accounts(names)
    drawn = ((name, {a.quantity: None for a in found if a.name == name}) for name in names)
    return [Draw(name, qs, Budget(), raised_here=True) for name, qs in drawn if qs]


# Admission of steps ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Admission:
    """Room for steps and time for them."""

    started: datetime

    async def admit(self, scope: StepScope) -> None:
        """Let a step begin, once there is room and time for it."""
        purse = scope.incarnation.purse
        if purse is None or _UNLIMITED.search(scope.place.lane):
            return
        await ask_again(scope)
        while (late := self._late(scope, purse)) is not None:
            await ask(scope, late, None)
        purse.steps[scope.place] = await _hold(scope, ONE_STEP)

    def _late(self, scope: StepScope, purse: Purse) -> Shortage | None:
        limit = purse.ceilings.get(SECONDS)
        if limit is None:
            return None
        passed = int((scope.incarnation.host.clock.now() - self.started).total_seconds())
        if passed < limit:
            return None
        return Shortage(purse.account, SECONDS, 0, passed, limit)


# Holding -----------------------------------------------------------------------------------------


@dataclass(slots=True)
class Spending:
    """What came of an attempt; its worst case, unless somebody says more."""

    actual: Settlement
    in_step: bool = False
    """The step's own entry records it."""


@asynccontextmanager
async def reserved(scope: StepScope, worst: Settlement) -> AsyncGenerator[Spending]:
    """Hold the worst case of one attempt while it is made, and settle what it came to.

    Raises BudgetExceeded if there is no room and nobody makes some. An attempt that was cut off
    counts at its worst case, and is recorded with whatever the run records next.
    """
    spending = Spending(worst)
    purse = scope.incarnation.purse
    if purse is None:
        yield spending
        return
    await ask_again(scope)
    hold = await _hold(scope, worst)
    try:
        yield spending
    finally:
        purse.settle(hold, spending.actual)
        if not spending.in_step:
            purse.record(spending.actual)


def worst_of(contract: Contract) -> Settlement:
    """Return the most that one call of a tool can use."""
    return Settlement(tool_calls=1)


def spend_on(scope: StepScope, spending: Spending) -> None:
    """Let the step's own entry record what a call of a tool came to."""
    if scope.incarnation.purse is not None:
        spending.in_step = True
        scope.settlement = spending.actual


async def _hold(scope: StepScope, worst: Settlement) -> Hold:
    """Hold an amount, waiting and asking for room as long as there is none."""
    incarnation = scope.incarnation
    purse = purse_of(incarnation)
    patience, pause = _deadline(PATIENCE), FIRST_PAUSE
    while True:
        short = purse.lacking(worst)
        if short is None:
            hold = purse.hold(worst)
            try:
                return await _hold_in_accounts(scope, purse, hold)
            except NoRoom as full:
                purse.drop(hold)
                short = await _shortage(incarnation, purse, full, worst)
            except BaseException:
                purse.drop(hold)
                raise
        early = asyncio.get_running_loop().time() < patience
        if short is None or (short.passing and early):
            pause = await _pause(incarnation, pause)
        else:
            await ask(scope, short, _room_from(incarnation, short))
            patience, pause = _deadline(PATIENCE), FIRST_PAUSE


async def _hold_in_accounts(scope: StepScope, purse: Purse, hold: Hold) -> Hold:
    incarnation = scope.incarnation
    charges = purse.charges(hold.worst)
    if charges:
        hold.charged = charges
        await incarnation.hold(purse.held_note(hold), charges)
    elif hold.worst.steps == 0 and purse.may_have_been_made(scope.place):
        purse.spend(hold.worst)
        await incarnation.append()
    return hold


def _deadline(after: timedelta) -> float:
    return asyncio.get_running_loop().time() + after.total_seconds()


async def _pause(incarnation: Incarnation, pause: float) -> float:
    """Wait for others to settle; the run isn't at its ceiling, so nobody is asked yet."""
    await asyncio.sleep(pause)
    if incarnation.conductor.over:
        raise Suspended
    return min(LONGEST_PAUSE, pause * 2)


async def _shortage(
    incarnation: Incarnation, purse: Purse, full: NoRoom, worst: Settlement
) -> Shortage | None:
    """Return what an account lacks; None if it has room by now."""
    held = next((c for c in purse.charges(worst) if _of(c, full)), None)
    if held is None:
        return None
    found = await incarnation.host.store.accounts([full.account])
    new = Account(full.account, full.quantity, held.ceiling)  # as it would be after the first hold
    account = next((a for a in found if a.quantity == full.quantity), new)
    if held.ceiling is not None:
        account = replace(account, ceiling=held.ceiling)
    if account.limit is None or account.spent + account.held + held.hold <= account.limit:
        return None
    passing = account.spent + held.hold <= account.limit
    return Shortage(full.account, full.quantity, held.hold, account.spent, account.limit, passing)


def _of(charge: Charge, full: NoRoom) -> bool:
    return (charge.account, charge.quantity) == (full.account, full.quantity)


def _room_from(incarnation: Incarnation, short: Shortage) -> datetime | None:
    """Return when a new window gives room by itself; None if none does."""
    if short.wanted > short.limit:
        return None
    record, now = incarnation.record, incarnation.host.clock.now()
    ceilings = (c for c in incarnation.host.ceilings if c.account(record, now) == short.account)
    return next((c.until(now) for c in ceilings), None)
