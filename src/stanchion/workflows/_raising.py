"""Questions about ceilings, as steps: raise it, look again, or end what needed the room.

What is asked and answered is recorded below the step that has no room, and what an answer changes
is noted once, so that a resumed run asks nothing twice and knows its ceilings. A ceiling of a run
is raised by whoever answers for the run; one that others share by an operator, who then tells the
runs that wait to look again.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from stanchion.errors import BudgetExceeded, ConfigurationError, StoreCorrupt
from stanchion.ledger import (
    Charge,
    Draft,
    Inbox,
    Message,
    Place,
    Store,
    Wait,
    codec_for,
    lane_below,
    payload,
)
from stanchion.review import (
    AGAIN,
    DENY,
    RAISE,
    Answer,
    Occasion,
    ReviewRefused,
    answer_from_body,
    answer_to_body,
    ceiling,
    check_answer,
    question_from_body,
    question_to_body,
    reply,
)
from stanchion.values import Json, Question
from stanchion.workflows._budget import NANOS, SECONDS, USD, read_amount, shown_amount
from stanchion.workflows._incarnation import Incarnation, StepScope
from stanchion.workflows._outside import Awaited, Ignored, WaitSpec
from stanchion.workflows._purse import RAISED, Purse, Shortage, note

__all__ = ["ask", "ask_again", "purse_of", "raise_ceiling"]


async def ask_again(scope: StepScope) -> None:
    """Go through what was asked at this place in earlier incarnations."""
    while scope.incarnation.journal.has_unclaimed(lane_below(scope.place) + _lane(scope, 1)):
        await ask(scope, None, None)


def _lane(scope: StepScope, more: int = 0) -> str:
    return f"/ceiling{purse_of(scope.incarnation).asked[scope.place] + more}.1"


async def ask(scope: StepScope, short: Shortage | None, until: datetime | None) -> None:
    """Ask whether a ceiling may be raised; raise BudgetExceeded if it may not.

    Without a shortage, the question is on record. ``until`` is when there is room by itself.
    """
    incarnation = scope.incarnation
    purse = purse_of(incarnation)
    if short is not None and (short.account, short.quantity) in purse.no:
        raise _exceeded(short.account, short.quantity, purse.no[short.account, short.quantity])
    purse.asked[scope.place] += 1
    with scope.below(_lane(scope)):
        said = await _wait_for_answer(incarnation, purse, short, until)
    if said.choice == AGAIN:
        return
    if said.question not in purse.answered:
        await _record(incarnation, purse, said)
    if said.choice == DENY:
        raise _exceeded(said.account, said.quantity, said.by)


@dataclass(frozen=True, slots=True)
class _Said:
    """What was answered, and to what."""

    question: str
    account: str
    quantity: str
    choice: str
    by: str
    at: datetime
    ceiling: int | None = None


_said = codec_for(_Said)


async def _wait_for_answer(
    incarnation: Incarnation, purse: Purse, short: Shortage | None, until: datetime | None
) -> _Said:
    asked: list[Question] = []

    def spec(place: Place, recorded: bytes | None) -> WaitSpec:
        if recorded is not None:
            asked.append(question_from_body(json.loads(recorded)))
            return WaitSpec("question", topic=asked[0].id, body=json.loads(recorded))
        if short is None:
            raise StoreCorrupt("what a run asked about its budget is missing", remedy="verify it")
        question, wake_at = _question(incarnation, purse, short, place, until)
        asked.append(question)
        body = question_to_body(question)
        return WaitSpec("question", topic=question.id, wake_at=wake_at, body=body)

    def take(message: Inbox | None) -> _Said:
        if message is None:
            choice = AGAIN if asked[0].expires_at is None else DENY
            return _read(asked[0], reply(asked[0], choice, by="", at=_now(incarnation)))
        try:
            given = answer_from_body(json.loads(message.payload))
            return _read(asked[0], check_answer(asked[0], given, message.sent_at))
        except (ReviewRefused, ConfigurationError) as refused:
            raise Ignored(refused.message) from refused

    request = payload({"ceiling": incarnation.next_place().lane})
    return await incarnation.wait(Awaited("ceiling", "raise", request, spec, take, _said))


def _read(question: Question, answer: Answer) -> _Said:
    """Return what an answer says; raise ConfigurationError for an amount that can't be read."""
    account, quantity = question.subject["account"], question.subject["quantity"]
    raised = answer.choice == RAISE
    ceiling = read_amount(quantity, str(answer.value)) if raised else None
    return _Said(question.id, account, quantity, answer.choice, answer.by, answer.at, ceiling)


def _question(
    incarnation: Incarnation,
    purse: Purse,
    short: Shortage,
    place: Place,
    until: datetime | None,
) -> tuple[Question, datetime | None]:
    now, patience = _now(incarnation), _patience(purse, short.account)
    expires = None if patience is None else now + patience
    if until is not None and (expires is None or until < expires):
        expires = None  # there is room by itself before that
    else:
        until = expires
    occasion = Occasion(incarnation.record.id, f"{place.lane}[{place.ordinal}]")
    own = {draw.account for draw in purse.draws() if draw.raised_here}
    question = ceiling(
        occasion,
        account=short.account,
        quantity=short.quantity,
        spent=shown_amount(short.quantity, short.spent),
        limit=shown_amount(short.quantity, short.limit),
        wanted=shown_amount(short.quantity, short.wanted),
        may_raise=short.account in {*own, purse.account},
    )
    return replace(question, asked_at=now, expires_at=expires), until


def _patience(purse: Purse, account: str) -> timedelta | None:
    drawn = (draw.budget.patience for draw in purse.draws() if draw.account == account)
    return next(drawn, purse.budget.patience)


async def _record(incarnation: Incarnation, purse: Purse, said: _Said) -> None:
    """Apply an answer, once: in memory, and in the account if other runs draw from it."""
    store, account, quantity = incarnation.host.store, said.account, said.quantity
    facts: dict[str, Json] = {"by": said.by, "ceiling": said.ceiling}
    charges: list[Charge] = []
    in_account = account != purse.account or (purse.sharing and quantity != SECONDS)
    if said.ceiling is not None and in_account:
        charges = await _raise(store, account, quantity, said.ceiling)
    named = {"question": said.question, "account": account, "quantity": quantity}
    await _commit(incarnation, note(RAISED, **named, **facts), charges)
    purse.answer(said.question, account, quantity, facts)
    if said.choice == RAISE:
        for run in await try_again(store, account, by=said.by, at=said.at, but=said.question):
            incarnation.host.notify(run)


async def _commit(incarnation: Incarnation, said: Draft, charges: list[Charge]) -> None:
    if charges:
        await incarnation.hold(said, charges)
    else:
        await incarnation.append(said)


async def _raise(store: Store, account: str, quantity: str, ceiling: int) -> list[Charge]:
    found = await store.accounts([account])
    limits = [a.limit for a in found if a.quantity == quantity and a.limit is not None]
    return [Charge(account, quantity, raised=ceiling - limit) for limit in limits]


async def try_again(
    store: Store, account: str, *, by: str, at: datetime, but: str = ""
) -> list[str]:
    """Tell the runs that wait for room in an account to look again; return their ids."""
    waiting = [w for w in await _waiting_for(store, account) if w.topic != but]
    for wait in waiting:
        await _send(store, wait, reply(question_from_body(wait.body), AGAIN, by=by, at=at))
    return [wait.run for wait in waiting]


async def raise_ceiling(
    store: Store, account: str, quantity: str, ceiling: int, *, by: str, at: datetime
) -> list[str]:
    """Give an account another ceiling, for an operator; return the runs that were told.

    The budget of a run that shares it with nobody is no account: the run itself is answered.
    Raises ConfigurationError if nothing is known of the account.
    """
    if charges := await _raise(store, account, quantity, ceiling):
        await store.charge(charges)
        return await try_again(store, account, by=by, at=at)
    waiting = [
        wait
        for wait in await _waiting_for(store, account)
        if RAISE in wait.body["choices"] and wait.body["subject"]["quantity"] == quantity
    ]
    if not waiting:
        raise ConfigurationError(
            f"nothing draws from {account} in {quantity}, and no run waits for it",
            remedy="`stanchion budget show` lists the accounts and the runs that wait",
        )
    value = str(Decimal(ceiling) / NANOS) if quantity == USD else ceiling
    for wait in waiting:
        question = question_from_body(wait.body)
        await _send(store, wait, reply(question, RAISE, by=by, at=at, value=value))
    return [wait.run for wait in waiting]


async def _waiting_for(store: Store, account: str) -> list[Wait]:
    waits = await store.waits(kind="question")
    asked = (w for w in waits if w.body.get("kind") == "ceiling")
    return [w for w in asked if w.body["subject"]["account"] == account]


async def _send(store: Store, wait: Wait, said: Answer) -> None:
    key = f"{wait.topic}:{said.choice}:{said.at.isoformat()}"
    data = payload(answer_to_body(said))
    await store.send(Message(wait.run, wait.topic, key, data, "answer"))


def _exceeded(account: str, quantity: str, by: str) -> BudgetExceeded:
    who = f"{by} didn't raise it" if by else "nobody raised it in time"
    return BudgetExceeded(
        f"the ceiling of {account} in {quantity.replace('_', ' ')} is reached, and {who}",
        remedy=f"raise it: stanchion budget raise {account} {quantity} AMOUNT",
        account=account,
        quantity=quantity,
        by=by,
    )


def purse_of(incarnation: Incarnation) -> Purse:
    """Return the purse of a run that has one."""
    assert incarnation.purse is not None  # noqa: S101 (nothing here runs without one)
    return incarnation.purse


def _now(incarnation: Incarnation) -> datetime:
    return incarnation.host.clock.now()
