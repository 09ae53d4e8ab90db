"""Recoveries that are interrupted themselves, and writers that come back too late."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from stanchion import Run, Stanchion, allow, tool, workflow
from stanchion.engine import Settings
from stanchion.ledger import (
    Entry,
    EntryPhase,
    LateOutcome,
    NewRun,
    RunRecord,
    Store,
    open_store,
    payload,
)
from stanchion.review import ReviewInbox, reply
from stanchion.testing import FakeClock, SimulatedCrash, simulate
from stanchion.tools import CallContext, CantTell, NotPerformed
from stanchion.values import Action, ToolError
from stanchion.workflows import Host, Workflow, Workflows, advance
from tests.moving import move
from tests.workflows.desk import Bank, pay_and_reconcile, pay_blindly, pay_with_key

BOUNDS = [allow(pay_with_key), allow(pay_and_reconcile), allow(pay_blindly)]
BUSY = NotPerformed(ToolError("busy", "try later", Action.WAIT, retryable=True))


class DyingBank(Bank):
    """A bank whose first client dies before it has sent anything."""

    alive = False

    def pay(self, key: str, account: str, amount: int) -> str:
        if not self.alive:
            self.alive = True
            raise SimulatedCrash
        return super().pay(key, account, amount)


class Told:
    """A store in which a late outcome appears when it is looked for the n-th time."""

    def __init__(self, store: Store, at: int) -> None:
        self._store = store
        self._left = at

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def late_outcomes(self, run: str, key: str) -> list[LateOutcome]:
        self._left -= 1
        return [] if self._left > 0 else [LateOutcome(run, key, 1, "done", payload("it is done"))]


@workflow(tools=[pay_blindly], untrusted_may=BOUNDS)
async def pay(run: Run[Bank], account: str) -> str:
    return await run.call(pay_blindly, account, 10)


def host(store: Any, worker: str, definition: Workflow[Any, Any, Any], bank: Bank) -> Host:
    return Host(store, Workflows([definition]), worker, deps=bank)


async def crashed(store: Store, definition: Workflow[Any, Any, Any], bank: Bank) -> Entry:
    """Let a first worker die after its intent; return the intent."""
    new = NewRun("run", definition.name, definition.version, payload("111"))
    await store.create(new)
    with pytest.raises(SimulatedCrash):
        await advance(host(store, "first", definition, bank), "run")
    return next(e for e in await store.entries("run") if e.phase is EntryPhase.INTENT)


async def recovered(store: Any, definition: Workflow[Any, Any, Any], bank: Bank) -> RunRecord:
    return await move(host(store, "second", definition, bank))


@pytest.mark.promise("EFFECT-3")
async def test_each_unknown_attempt_asks_once_however_often_its_recovery_is_interrupted() -> None:
    bank = Bank(lose_answers=2)

    result = await simulate(pay, "111", deps=bank, answers=["did_not_happen", ("happened", "r")])

    assert (result.output, len(bank.sent)) == ("r", 2)
    assert len(result.questions) == 2


async def test_a_pause_that_a_suspension_cut_short_is_taken_up_and_ended() -> None:
    tried: list[int] = []

    @tool(write=True, accepts_key=True)
    async def send(call: CallContext[Any], text: str) -> str:
        """Send a text.

        Args:
            text: What.
        """
        tried.append(call.attempt)
        if call.attempt == 1:
            raise BUSY
        return text

    @workflow(tools=[send], untrusted_may=[allow(send)])
    async def send_it(run: Run[Any], text: str) -> str:
        return await run.call(send, text)

    result = await simulate(send_it, "hello")

    assert (result.output, tried) == ("hello", [1, 2])
    assert [e.phase.value for e in result.entries if e.kind == "sleep"] == ["wait", "done"]


@pytest.mark.promise("WORKFLOW-5")
async def test_waiting_for_a_reconciler_is_over_before_a_person_is_asked() -> None:
    async def who_knows(call: CallContext[Any], account: str) -> CantTell:
        return CantTell(f"nothing is known of {account}")

    @tool(write=True, reconcile=who_knows)
    async def send(call: CallContext[Bank], account: str) -> str:
        """Send money.

        Args:
            account: To whom.
        """
        return call.deps.pay(call.key, account, 1)

    @workflow(tools=[send], untrusted_may=[allow(send)])
    async def send_it(run: Run[Bank], account: str) -> str:
        return await run.call(send, account)

    clock = FakeClock(automatic=True)
    store = open_store("sqlite://:memory:", clock=clock.now)
    bank, definitions = Bank(lose_answers=1), Workflows([send_it])
    await store.create(NewRun("run", send_it.name, send_it.version, payload("111")))
    while not await store.waits(kind="question"):
        await advance(Host(store, definitions, "worker", deps=bank, clock=clock), "run")
        clock.advance(timedelta(minutes=2))

    assert [wait.kind for wait in await store.waits(run="run")] == ["question"]
    assert await store.runnable(10, [send_it.name]) == []
    await store.close()


async def test_a_fork_between_intent_and_outcome_sends_under_the_recorded_key() -> None:
    @workflow(tools=[pay_with_key], untrusted_may=BOUNDS)
    async def pay_once(run: Run[Bank], account: str) -> str:
        return await run.call(pay_with_key, account, 10)

    bank = Bank()
    app = Stanchion("sqlite://:memory:", deps=bank, settings=Settings(poll_seconds=0.05))
    async with app:
        handle = await app.start(pay_once, "111")
        await handle.result()
        entries = await app.store.entries(handle.id)
        intent = next(e.seq for e in entries if e.phase is EntryPhase.INTENT)
        fork = await handle.fork(at=intent)
        await fork.result()

    assert len(bank.sent) == 2
    assert list(bank.done.values()) == ["receipt 1"]


@pytest.mark.promise("LEDGER-3")
async def test_a_fenced_writer_that_sent_nothing_lets_the_new_one_send_without_asking() -> None:
    store, bank = open_store("sqlite://:memory:"), DyingBank()
    intent = await crashed(store, pay, bank)
    nothing = LateOutcome("run", intent.facts["key"], intent.epoch, "not_performed", payload(None))
    await store.late(nothing)

    record = await recovered(store, pay, bank)

    assert (record.state, len(bank.sent)) == ("completed", 1)
    await store.close()


@pytest.mark.promise("LEDGER-3")
async def test_a_late_outcome_settles_only_the_write_of_the_epoch_that_left_it() -> None:
    store, bank = open_store("sqlite://:memory:"), DyingBank()
    intent = await crashed(store, pay, bank)
    await store.late(LateOutcome("run", intent.facts["key"], 7, "done", payload("another's")))

    record = await recovered(store, pay, bank)

    assert record.state == "waiting"
    assert [wait.kind for wait in await store.waits(run="run")] == ["question"]
    await store.close()


class Stopped:
    """A call whose process is stopped just before it sends, and a second process that takes over.

    The time-out is 30 seconds and the grace 5: nothing can be under way after 65.
    """

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.store = open_store("sqlite://:memory:", clock=self.clock.now)
        self.bank = Bank()
        self.awake = asyncio.Event()
        begun = asyncio.Event()
        awake = self.awake

        @tool(write=True, timeout=timedelta(seconds=30))
        async def send(call: CallContext[Bank], account: str) -> str:
            """Send money.

            Args:
                account: To whom.
            """
            if call.epoch == 1:
                begun.set()
                await awake.wait()
            call.check_deadline()
            return call.deps.pay(call.key, account, 1)

        @workflow(tools=[send], untrusted_may=[allow(send)])
        async def send_it(run: Run[Bank], account: str) -> str:
            return await run.call(send, account)

        self.begun, self.definition = begun, send_it

    def host(self, worker: str) -> Host:
        workflows = Workflows([self.definition])
        return Host(self.store, workflows, worker, deps=self.bank, clock=self.clock)

    async def stop(self) -> asyncio.Task[RunRecord | None]:
        """Let the first process begin the call, and the second find it unknown."""
        await self.store.create(NewRun("run", self.definition.name, "1", payload("111")))
        first = asyncio.create_task(advance(self.host("first"), "run"))
        await self.begun.wait()
        await self.move()
        return first

    async def say_no(self) -> RunRecord:
        inbox = ReviewInbox(self.store, clock=self.clock.now)
        (question,) = await inbox.pending()
        at = self.clock.now()
        await inbox.answer(reply(question, "did_not_happen", by="a person", at=at))
        return await self.move()

    async def move(self) -> RunRecord:
        return await move(self.host("second"))


@pytest.fixture
async def stopped() -> AsyncIterator[Stopped]:
    made = Stopped()
    yield made
    await made.store.close()


@pytest.mark.promise("EFFECT-3")
async def test_a_no_that_comes_while_the_call_may_be_under_way_is_kept_until_it_cant_be(
    stopped: Stopped,
) -> None:
    first = await stopped.stop()

    record = await stopped.say_no()
    assert (record.state, stopped.bank.sent) == ("waiting", [])
    assert await ReviewInbox(stopped.store).pending() == ()
    stopped.clock.advance(timedelta(seconds=64))
    assert (await stopped.move()).state == "waiting"
    assert stopped.bank.sent == []

    stopped.clock.advance(timedelta(seconds=1))
    record = await stopped.move()
    stopped.awake.set()
    await first

    assert (record.state, len(stopped.bank.sent)) == ("completed", 1)


@pytest.mark.promise("EFFECT-3")
async def test_a_call_that_goes_on_after_a_person_said_no_is_believed_and_not_sent_again(
    stopped: Stopped,
) -> None:
    first = await stopped.stop()
    await stopped.say_no()
    stopped.clock.advance(timedelta(seconds=29))
    stopped.awake.set()
    await first

    stopped.clock.advance(timedelta(minutes=1))
    record = await stopped.move()

    assert (record.state, len(stopped.bank.sent)) == ("completed", 1)


async def test_a_no_counts_at_once_if_the_call_was_seen_to_end() -> None:
    clock = FakeClock()
    store = open_store("sqlite://:memory:", clock=clock.now)
    bank = Bank(lose_answers=1)
    second = Host(store, Workflows([pay]), "second", deps=bank, clock=clock)
    await store.create(NewRun("run", pay.name, pay.version, payload("111")))
    await move(second)
    inbox = ReviewInbox(store, clock=clock.now)
    (question,) = await inbox.pending()
    await inbox.answer(reply(question, "did_not_happen", by="a person", at=clock.now()))

    record = await move(second)

    assert (record.state, len(bank.sent)) == ("completed", 2)
    await store.close()


@pytest.mark.promise("EFFECT-4")
async def test_a_reconciler_is_asked_after_deadline_timeout_and_the_hosts_grace() -> None:
    @workflow(tools=[pay_and_reconcile], untrusted_may=BOUNDS)
    async def pay_once(run: Run[Bank], account: str) -> str:
        return await run.call(pay_and_reconcile, account, 10)

    store, bank = open_store("sqlite://:memory:"), DyingBank()
    intent = await crashed(store, pay_once, bank)
    grace = timedelta(seconds=60)
    await move(Host(store, Workflows([pay_once]), "second", deps=bank, grace=grace))

    (wait,) = await store.waits(run="run")
    deadline = datetime.fromisoformat(intent.facts["deadline"])
    earliest = deadline + pay_and_reconcile.contract.timeout + grace
    assert wait.wake_at is not None
    assert earliest <= wait.wake_at < earliest + timedelta(seconds=1)
    await store.close()


async def test_the_same_function_in_two_branches_is_two_effects_with_keys_of_their_own() -> None:
    async def send(text: str) -> str:
        return text

    @workflow
    async def send_twice(run: Run[Any], text: str) -> str:
        await run.gather(run.step(send, text), run.step(send, text))
        return text

    result = await simulate(send_twice, "hello")

    intents = [e for e in result.entries if e.phase is EntryPhase.INTENT]
    assert len({e.facts["key"] for e in intents}) == 2
