"""Cancelling a run: who asked is recorded, and a write that is unknown is settled first."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from stanchion import Run, allow, workflow
from stanchion.ledger import Entry, Message, NewRun, RunRecord, open_store, payload, verify
from stanchion.ledger import Store as AnyStore
from stanchion.review import ReviewInbox, reply
from stanchion.testing import FakeClock
from stanchion.workflows import Host, Workflow, Workflows, advance
from tests.workflows.desk import Bank, balance, pay_blindly

BOUNDS = [allow(pay_blindly)]
TOOLS = [balance, pay_blindly]


@workflow(tools=TOOLS, untrusted_may=BOUNDS)
async def alone(run: Run[Bank], account: str) -> str:
    return await run.call(pay_blindly, account, 10)


@workflow(tools=TOOLS, untrusted_may=BOUNDS)
async def beside_a_timer(run: Run[Bank], account: str) -> None:
    await run.gather(run.sleep(60), run.call(pay_blindly, account, 10))


@workflow(tools=TOOLS, untrusted_may=BOUNDS)
async def within_a_time_limit(run: Run[Bank], account: str) -> str:
    return await run.timeout(run.call(pay_blindly, account, 10), 60)


@workflow(tools=TOOLS, untrusted_may=BOUNDS)
async def as_they_come(run: Run[Bank], account: str) -> None:
    async for _ in run.as_completed(run.sleep(60), run.call(pay_blindly, account, 10)):
        pass


@workflow(tools=TOOLS, untrusted_may=BOUNDS)
async def stubborn(run: Run[Bank], account: str) -> str:
    with contextlib.suppress(BaseException):
        await run.call(pay_blindly, account, 10)
        await run.call(balance, account)
    return "all is well"


EVERY = [alone, beside_a_timer, within_a_time_limit, as_they_come, stubborn]


class Desk:
    """One run whose write got no answer, moved by hand."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.store: Any = open_store("sqlite://:memory:", clock=self.clock.now)
        self.bank = Bank(lose_answers=1)

    async def start(self, definition: Workflow[Any, Any, Any]) -> None:
        self.host = Host(
            self.store, Workflows([definition]), "worker", deps=self.bank, clock=self.clock
        )
        await self.store.create(NewRun("run", definition.name, "1", payload("111")))
        await self.move()

    async def move(self) -> RunRecord:
        """Move the run until it rests."""
        names = [definition.name for definition in self.host.workflows]
        for _ in range(10):
            if not await self.store.runnable(1, names):
                return await self.store.get("run")
            await advance(self.host, "run")
        raise AssertionError("the run doesn't come to rest")

    async def cancel(self) -> RunRecord:
        await self.store.send(Message("run", "", "cancel", payload({"by": "ana"}), "cancel"))
        return await self.move()

    async def answer(self, choice: str, value: Any = None) -> RunRecord:
        inbox = ReviewInbox(self.store, clock=self.clock.now)
        (question,) = await inbox.pending()
        at = self.clock.now()
        await inbox.answer(reply(question, choice, by="bob", at=at, value=value))
        return await self.move()

    async def notes(self) -> list[Entry]:
        return [e for e in await self.store.entries("run") if e.name == "cancelling"]


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    made = Desk()
    yield made
    store: AnyStore = made.store
    assert (await verify(made.store)).ok
    await store.close()


@pytest.mark.parametrize("definition", EVERY, ids=lambda each: each.name)
async def test_a_cancelled_run_rests_until_its_write_is_settled_and_then_ends_as_cancelled(
    desk: Desk, definition: Workflow[Any, Any, Any]
) -> None:
    await desk.start(definition)

    record = await desk.cancel()
    assert record.state == "waiting"
    assert record.reason.startswith("to be cancelled after a person: Did this call")

    desk.clock.advance(timedelta(minutes=2))
    assert (await desk.move()).state == "waiting"

    record = await desk.answer("happened", "receipt 1")
    assert record.state == "cancelled"
    assert (len(desk.bank.sent), desk.bank.looked_up) == (1, 0)
    assert [note.facts for note in await desk.notes()] == [{"by": "ana"}]


async def test_a_run_that_waits_for_something_else_ends_at_once_and_says_who_asked(
    desk: Desk,
) -> None:
    @workflow
    async def asks(run: Run[Bank], _: str) -> None:
        await run.ask("Shall we?", choices=("yes", "no"))

    await desk.start(asks)

    assert (await desk.cancel()).state == "cancelled"
    assert [note.facts for note in await desk.notes()] == [{"by": "ana"}]


async def test_a_fork_of_a_run_that_is_being_cancelled_isnt_cancelled(desk: Desk) -> None:
    await desk.start(alone)
    await desk.cancel()
    (note,) = await desk.notes()

    forked = NewRun("fork", alone.name, "1", payload("111"), forked_from="run", forked_at=note.seq)
    await desk.store.copy(forked, note.seq)
    record = await advance(desk.host, "fork")

    assert record is not None
    assert record.reason.startswith("a person: Did this call")
