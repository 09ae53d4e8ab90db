"""Ways in which a run can still lose, double or stall; each test says what ought to hold."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest

from stanchion import Run, allow, tool, workflow
from stanchion.errors import EncodingError, SchemaMismatch, StoreUnavailable
from stanchion.ledger import Commit, Message, NewRun, Store, open_store, payload
from stanchion.review import ReviewInbox, reply
from stanchion.testing import simulate
from stanchion.tools import CallContext
from stanchion.workflows import Host, ReplayMode, Workflow, Workflows, advance
from tests.moving import move
from tests.workflows.desk import Bank, pay_blindly, pay_with_key

BOUNDS = [allow(pay_blindly)]


async def started(definition: Workflow[Any, Any, Any]) -> Store:
    """Return a store with one run."""
    store = open_store("sqlite://:memory:")
    await store.create(NewRun("run", definition.name, definition.version, payload("111")))
    return store


@pytest.mark.xfail(reason="the key of an edited call counts calls as they were proposed")
async def test_a_call_edited_to_equal_a_later_one_has_a_key_of_its_own() -> None:
    @workflow(tools=[pay_with_key])
    async def pay_twice(run: Run[Bank], account: str) -> str:
        first = await run.call(pay_with_key, account, 10)
        return f"{first}, {await run.call(pay_with_key, account, 3)}"

    answers = [("edit", {"account": "111", "amount": 3}), "approve"]
    result = await simulate(pay_twice, "111", deps=Bank(), answers=answers)

    assert result.output == "receipt 1, receipt 2"


@pytest.mark.xfail(reason="that a result can't be kept is raised in the workflow, not recorded")
async def test_a_workflow_may_catch_that_a_result_cant_be_kept_and_go_on() -> None:
    answers: list[Any] = [object(), "can be kept"]

    @workflow
    async def stubborn(run: Run[Any], text: str) -> str:
        try:
            return str(await run.read(lambda: answers.pop(0)))
        except EncodingError:
            await run.now()
            await run.now()
            return text

    result = await simulate(stubborn, "x", replay=ReplayMode(everywhere=True))

    assert result.output == "x", result.reason


@pytest.mark.xfail(reason="the cancel message stays unread, so that the run looks runnable")
async def test_a_cancelled_run_that_waits_for_a_person_about_a_write_rests() -> None:
    @workflow(tools=[pay_blindly], untrusted_may=BOUNDS)
    async def pay(run: Run[Bank], account: str) -> str:
        return await run.call(pay_blindly, account, 10)

    store = await started(pay)
    host = Host(store, Workflows([pay]), "worker", deps=Bank(lose_answers=1))
    await move(host)
    await store.send(Message("run", "", "cancel", payload({"by": "me"}), "cancel"))
    await advance(host, "run")

    record = await store.get("run")
    assert record.state == "waiting"
    assert await store.runnable(10, [pay.name]) == []
    await store.close()


@pytest.mark.xfail(reason="lanes that wait aren't woken when another lane's commit failed")
async def test_an_incarnation_whose_store_failed_ends_though_a_write_waits_for_a_person() -> None:
    asked = asyncio.Event()

    class Failing:
        def __init__(self, store: Store) -> None:
            self._store = store

        def __getattr__(self, name: str) -> Any:
            return getattr(self._store, name)

        async def append(self, commit: Commit) -> None:
            if any(draft.kind == "now" for draft in commit.entries):
                raise StoreUnavailable("the disk is full", remedy="free some space")
            await self._store.append(commit)
            if commit.opened:
                asked.set()

    @workflow(tools=[pay_blindly], untrusted_may=BOUNDS)
    async def pay(run: Run[Bank], account: str) -> str:
        async def other() -> None:
            async def until_asked() -> None:
                await asked.wait()

            await run.read(until_asked)
            await run.now()

        receipt, _ = await run.gather(run.call(pay_blindly, account, 10), other())
        return receipt

    store = await started(pay)
    failing: Any = Failing(store)
    host = Host(failing, Workflows([pay]), "worker", deps=Bank(lose_answers=1))
    moving = asyncio.create_task(advance(host, "run"))
    done, _ = await asyncio.wait([moving], timeout=1)
    moving.cancel()
    await asyncio.wait([moving], timeout=1)
    await store.close()

    assert done
    assert isinstance(moving.exception(), StoreUnavailable)


@pytest.mark.xfail(reason="SQLite doesn't wait for a lock before it changes the journal mode")
def test_two_processes_may_open_a_new_file_at_once(tmp_path: Path) -> None:
    file = tmp_path / "ledger.db"
    other = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    other.execute("CREATE TABLE any_table (n)")
    other.execute("BEGIN IMMEDIATE")
    done = threading.Timer(0.2, partial(other.execute, "COMMIT"))
    done.start()
    try:
        with pytest.raises(SchemaMismatch):  # waited for the lock, then saw a foreign table
            open_store(f"sqlite:///{file}")
    finally:
        done.join()
        other.close()


@pytest.mark.xfail(reason="sessions have neither lock_timeout nor a limit on idle transactions")
async def test_a_frozen_writer_doesnt_stall_another_workers_heartbeat(postgres_url: str) -> None:
    store = open_store(postgres_url)
    await store.create(NewRun("run", "any", "1", payload(None)))
    async with await psycopg.AsyncConnection.connect(postgres_url) as frozen:
        await frozen.execute("UPDATE runs SET seq = seq WHERE id = 'run'")
        claim = asyncio.create_task(store.claim("run", "worker"))
        await asyncio.wait([claim], timeout=0.2)
        heartbeat = asyncio.create_task(store.heartbeat("worker", timedelta(seconds=30)))
        done, _ = await asyncio.wait([heartbeat], timeout=3)
        await frozen.rollback()
    await asyncio.wait([claim, heartbeat], timeout=5)
    await store.close()

    assert done


@pytest.mark.xfail(reason="a person may say no before the deadline of a stopped writer's call")
async def test_no_is_taken_for_an_answer_only_when_nobody_can_send_any_more() -> None:
    begun, awake = asyncio.Event(), asyncio.Event()

    @tool(write=True)
    async def send(call: CallContext[Bank], account: str) -> str:
        """Send money.

        Args:
            account: To whom.
        """
        if call.epoch == 1:
            begun.set()
            await awake.wait()  # its process is stopped here
        call.check_deadline()
        return call.deps.pay(call.key, account, 1)

    @workflow(tools=[send], untrusted_may=[allow(send)])
    async def send_it(run: Run[Bank], account: str) -> str:
        return await run.call(send, account)

    store, bank = await started(send_it), Bank()
    hosts = [Host(store, Workflows([send_it]), name, deps=bank) for name in ("first", "second")]
    first = asyncio.create_task(advance(hosts[0], "run"))
    await begun.wait()
    await move(hosts[1])
    reviews = ReviewInbox(store)
    for question in await reviews.pending():
        now = datetime.now(UTC)
        await reviews.answer(reply(question, "did_not_happen", by="a person", at=now))
    await move(hosts[1])
    awake.set()
    await first
    await store.close()

    assert len(bank.sent) <= 1
