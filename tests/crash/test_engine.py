"""The engine beside a store that fails for a moment, and beside other apps' runs."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from stanchion import Run, Stanchion, allow, tool, workflow
from stanchion.engine import Engine, Settings
from stanchion.errors import StoreUnavailable
from stanchion.ledger import EntryPhase, NewRun, Store, open_store, payload
from stanchion.testing import FakeClock
from stanchion.tools import CallContext, RetryPolicy
from stanchion.workflows import Host, Workflows

AT_ONCE = RetryPolicy(attempts=3, first_delay=timedelta(0))
QUICK = Settings(poll_seconds=0.05, lease_seconds=5)


class FailingStore:
    """A store of which some calls fail, counted by method."""

    def __init__(self, store: Store, method: str, failing: Sequence[int]) -> None:
        self._store = store
        self._method = method
        self._failing = failing
        self.calls = 0
        self.watched = asyncio.Event()
        """Set once there were as many calls as ``failing`` ends with."""

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)
        return self._counted(method) if name == self._method else method

    def _counted(self, method: Any) -> Any:
        async def counted(*args: Any) -> Any:
            self.calls += 1
            if self.calls == self._failing[-1]:
                self.watched.set()
            if self.calls in self._failing:
                raise StoreUnavailable("the store is locked", remedy="wait")
            return await method(*args)

        return counted


@workflow
async def count(run: Run[Any], steps: int) -> int:
    for _ in range(steps):
        await run.now()
    return steps


def app_on(store: FailingStore) -> Stanchion:
    return Stanchion(store, settings=QUICK)  # type: ignore[arg-type]


async def test_a_run_whose_commit_failed_goes_on_in_the_same_process() -> None:
    store = FailingStore(open_store("sqlite://:memory:"), "append", [3, 5])
    async with app_on(store) as app, asyncio.timeout(5):
        handle = await app.start(count, 5)

        assert await handle.result() == 5


@workflow
async def ask(run: Run[Any], prompt: str) -> str:
    return await run.ask(prompt)


async def test_a_run_whose_last_commit_before_its_rest_failed_comes_to_rest_all_the_same() -> None:
    store = FailingStore(open_store("sqlite://:memory:"), "append", [3])  # started, wait, rest
    async with app_on(store) as app, asyncio.timeout(5):
        handle = await app.start(ask, "Shall we?")

        assert (await handle.settled()).reason == "a person: Shall we?"


async def test_the_engine_outlives_a_store_that_fails_while_a_run_is_in_flight() -> None:
    store = FailingStore(open_store("sqlite://:memory:"), "inbox", [3, 4])

    @workflow
    async def slow(run: Run[Any], text: str) -> str:
        async def until_it_failed() -> str:
            await store.watched.wait()
            return text

        return await run.read(until_it_failed)

    async with app_on(store) as app, asyncio.timeout(5):
        first = await app.start(slow, "first")
        assert await first.result() == "first"
        second = await app.start(slow, "second")
        assert await second.result() == "second"


class LateInbox:
    """A store that, once told to, lets runs end before it returns what is in the inbox of one."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.asked, self.late = asyncio.Event(), False
        self.may_end, self.ended = asyncio.Event(), asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def next_wake(self) -> Any:
        self.asked.set()
        return await self._store.next_wake()

    async def inbox(self, run: str) -> Any:
        if self.late:
            self.may_end.set()
            await self.ended.wait()
        return await self._store.inbox(run)


async def test_the_engine_outlives_a_run_that_ends_while_another_is_told_of_a_message() -> None:
    store: Any = LateInbox(open_store("sqlite://:memory:"))
    begun, done = asyncio.Barrier(3), asyncio.Event()
    left = {"first", "second"}

    @workflow
    async def waits(run: Run[Any], text: str) -> str:
        async def until_it_may_end() -> str:
            await begun.wait()
            await store.may_end.wait()
            return text

        return await run.read(until_it_may_end)

    @workflow
    async def says(run: Run[Any], _: str) -> None:
        await run.read(done.set)

    def moved(run: str) -> None:
        left.discard(run)
        if not left:
            store.ended.set()

    for run in sorted(left):
        await store.create(NewRun(run, waits.name, waits.version, payload("x")))
    host = Host(store, Workflows([waits, says]), "worker")
    engine = Engine(host, poll=timedelta(seconds=60), moved=moved)
    serving = asyncio.create_task(engine.serve())
    async with asyncio.timeout(5):
        await begun.wait()
        await store.asked.wait()
        store.late = True
        engine.notify("first")
        engine.notify("second")
        await store.ended.wait()
        await store.create(NewRun("third", says.name, says.version, payload("x")))
        engine.notify("third")
        await done.wait()
    await engine.stop(timedelta())
    await serving
    await store.close()


async def test_a_due_time_of_another_apps_run_isnt_asked_about_all_the_time(
    tmp_path: Path,
) -> None:
    @workflow
    async def nap(run: Run[Any], text: str) -> str:
        await run.sleep(60)
        return text

    clock, url = FakeClock(), f"sqlite:///{tmp_path}/ledger.db"
    first: Any = open_store(url, clock=clock.now)
    async with Stanchion(first, settings=QUICK, clock=clock) as app:
        await (await app.start(nap, "x")).settled()
    clock.advance(timedelta(hours=1))
    store = FailingStore(open_store(url, clock=clock.now), "next_wake", [100])
    second: Any = store

    async with Stanchion(second, settings=QUICK, clock=clock):
        with pytest.raises(TimeoutError):  # twenty times a second, and not as fast as it can
            async with asyncio.timeout(1):
                await store.watched.wait()


async def test_closing_ends_a_write_in_flight_and_records_it_as_unknown(tmp_path: Path) -> None:
    sent = asyncio.Event()

    @tool(write=True, accepts_key=True, retries=AT_ONCE)
    async def send(call: CallContext[Any], text: str) -> str:
        """Send a text.

        Args:
            text: What.
        """
        sent.set()
        await asyncio.Event().wait()
        return text

    @workflow(tools=[send], untrusted_may=[allow(send)])
    async def send_it(run: Run[Any], text: str) -> str:
        return await run.call(send, text)

    url = f"sqlite:///{tmp_path}/ledger.db"
    app = Stanchion(url, settings=QUICK)
    handle = await app.start(send_it, "hello")
    await sent.wait()
    async with asyncio.timeout(5):
        await app.close(grace=timedelta(0))

    store = open_store(url)
    entries = await store.entries(handle.id)
    await store.close()
    assert [e.phase for e in entries if e.kind == "call"] == [
        EntryPhase.INTENT,
        EntryPhase.UNKNOWN,
    ]
