"""Attacks on what is promised of writes: how durable an intent is, and who may go past it."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from stanchion import Run, allow, workflow
from stanchion.errors import StoreUnavailable
from stanchion.ledger import (
    Commit,
    Durability,
    Entry,
    EntryPhase,
    NewRun,
    RunRecord,
    open_store,
    payload,
)
from stanchion.workflows import Host, Workflow, Workflows
from tests.moving import move
from tests.workflows.desk import Bank, balance, pay_blindly, pay_with_key

ALLOWED = [allow(pay_blindly), allow(pay_with_key)]
TOOLS = [balance, pay_blindly, pay_with_key]


class Watched:
    """A store that notes how durable each commit was wanted, by the phases of its entries."""

    def __init__(self) -> None:
        self.store: Any = open_store("sqlite://:memory:")
        self.wanted: list[tuple[list[EntryPhase], Durability]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)

    async def append(self, commit: Commit) -> None:
        self.wanted.append(([draft.phase for draft in commit.entries], commit.durability))
        await self.store.append(commit)


async def run_once(store: Any, definition: Workflow[Any, Any, Any], deps: Any) -> RunRecord:
    await store.create(NewRun("run", definition.name, definition.version, payload("111")))
    record = await move(Host(store, Workflows([definition]), "worker", deps=deps))
    await store.close()
    return record


@pytest.mark.promise("LEDGER-2")
async def test_every_intent_of_a_write_is_committed_for_power_loss_and_nothing_else_is() -> None:
    @workflow(tools=TOOLS, untrusted_may=ALLOWED)
    async def several(run: Run[Bank], account: str) -> None:
        await run.call(balance, account)
        await run.call(pay_with_key, account, 1)
        await run.step(len, "a function without a contract")

    store = Watched()
    await run_once(store, several, Bank())

    strong = [phases for phases, level in store.wanted if level is Durability.POWER_LOSS]
    assert strong == [[EntryPhase.INTENT]] * 2
    assert sum(EntryPhase.INTENT in phases for phases, _ in store.wanted) == 2


@pytest.mark.promise("EFFECT-1")
async def test_when_a_body_runs_its_intent_is_in_the_ledger_with_key_and_deadline() -> None:
    store = open_store("sqlite://:memory:")
    found: list[Entry] = []

    async def send(text: str) -> str:
        found.extend(e for e in await store.entries("run") if e.phase is EntryPhase.INTENT)
        return text

    @workflow
    async def sends(run: Run, text: str) -> str:
        return await run.step(send, text)

    await run_once(store, sends, None)

    (intent,) = found
    assert intent.facts["key"]
    assert intent.facts["deadline"]


@pytest.mark.promise("EFFECT-2")
@pytest.mark.parametrize(
    "failure",
    [TimeoutError(), ConnectionResetError(), ValueError("a bug"), KeyError("k")],
    ids=lambda failure: type(failure).__name__,
)
async def test_whatever_a_write_raises_no_handler_of_the_workflow_sees_it(
    failure: Exception,
) -> None:
    class Failing(Bank):
        def pay(self, key: str, account: str, amount: int) -> str:
            super().pay(key, account, amount)
            raise failure

    handled: list[Exception] = []

    @workflow(tools=TOOLS, untrusted_may=ALLOWED)
    async def catches(run: Run[Bank], account: str) -> str:
        try:
            await run.call(pay_blindly, account, 1)
        except Exception as error:
            handled.append(error)
        return await run.call(pay_with_key, account, 2)

    bank = Failing()
    record = await run_once(open_store("sqlite://:memory:"), catches, bank)

    assert record.state == "waiting"
    assert handled == []
    assert [amount for _, _, amount in bank.sent] == [1]


@pytest.mark.promise("EFFECT-2")
async def test_a_handler_that_catches_everything_can_still_make_no_further_call() -> None:
    @workflow(tools=TOOLS, untrusted_may=ALLOWED)
    async def stubborn(run: Run[Bank], account: str) -> str:
        try:
            return await run.call(pay_blindly, account, 1)
        except BaseException:
            return await run.call(pay_with_key, account, 2)

    bank = Bank(lose_answers=1)
    record = await run_once(open_store("sqlite://:memory:"), stubborn, bank)

    assert record.state == "waiting"
    assert len(bank.sent) == 1


def returns(found: list[str]) -> Any:
    async def stubborn(run: Run[Bank], account: str) -> str:
        try:
            return await run.call(pay_blindly, account, 1)
        except BaseException as signal:
            found.append(type(signal).__name__)
            return "all is well"

    return stubborn


def raises(found: list[str]) -> Any:
    async def stubborn(run: Run[Bank], account: str) -> str:
        try:
            return await run.call(pay_blindly, account, 1)
        finally:
            found.append("finally")
            raise ValueError("whatever came before")

    return stubborn


def returns_from_a_branch(found: list[str]) -> Any:
    async def pays(run: Run[Bank], account: str) -> str:
        return await returns(found)(run, account)

    async def stubborn(run: Run[Bank], account: str) -> str:
        first, _ = await run.gather(pays(run, account), pays(run, account))
        return first

    return stubborn


@pytest.mark.promise("EFFECT-2")
@pytest.mark.parametrize("code", [returns, raises, returns_from_a_branch])
async def test_no_handler_and_no_finally_can_end_the_run_with_a_write_unknown(code: Any) -> None:
    reached: list[str] = []
    stubborn = workflow(tools=TOOLS, untrusted_may=ALLOWED)(code(reached))

    record = await run_once(open_store("sqlite://:memory:"), stubborn, Bank(lose_answers=2))

    assert reached
    assert record.state == "waiting"
    assert record.reason.startswith("a person: Did this call")


async def test_a_write_that_waits_for_a_person_doesnt_keep_an_incarnation_whose_store_failed() -> (
    None
):
    asked = asyncio.Event()

    class Failing(Watched):
        async def append(self, commit: Commit) -> None:
            if any(draft.kind == "now" for draft in commit.entries):
                raise StoreUnavailable("the disk is full", remedy="free some space")
            await self.store.append(commit)
            if commit.opened:
                asked.set()

    async def until_asked() -> None:
        await asked.wait()

    @workflow(tools=TOOLS, untrusted_may=ALLOWED)
    async def pay(run: Run[Bank], account: str) -> str:
        async def other() -> None:
            await run.read(until_asked)
            await run.now()

        receipt, _ = await run.gather(run.call(pay_blindly, account, 10), other())
        return receipt

    store = Failing()
    await store.create(NewRun("run", pay.name, pay.version, payload("111")))
    host = Host(cast("Any", store), Workflows([pay]), "worker", deps=Bank(lose_answers=1))
    with pytest.raises(StoreUnavailable, match="the disk is full"):
        async with asyncio.timeout(5):
            await move(host)
    await store.close()
