"""Ways in which a run can still lose, double or stall; each test says what ought to hold."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from stanchion import Run, allow, tool, workflow
from stanchion.ledger import NewRun, Store, open_store, payload
from stanchion.review import ReviewInbox, reply
from stanchion.tools import CallContext
from stanchion.workflows import Host, Workflow, Workflows, advance
from tests.workflows.desk import Bank, pay_blindly

BOUNDS = [allow(pay_blindly)]


async def started(definition: Workflow[Any, Any, Any]) -> Store:
    """Return a store with one run."""
    store = open_store("sqlite://:memory:")
    await store.create(NewRun("run", definition.name, definition.version, payload("111")))
    return store


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
    await advance(hosts[1], "run")
    reviews = ReviewInbox(store)
    for question in await reviews.pending():
        now = datetime.now(UTC)
        await reviews.answer(reply(question, "did_not_happen", by="a person", at=now))
    await advance(hosts[1], "run")
    awake.set()
    await first
    await store.close()

    assert len(bank.sent) <= 1
