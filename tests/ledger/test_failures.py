"""A disk that is full, a lock that is held, a server that goes away: an error, and nothing lost."""

import asyncio
import os
import sqlite3
import subprocess
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from stanchion.errors import StoreUnavailable
from stanchion.ledger import Payload, Store, digest, open_store, payload, verify
from stanchion.ledger._postgres import PostgresDriver
from stanchion.ledger._schema import ensure_schema
from stanchion.ledger._sql_store import SqlStore
from stanchion.ledger._sqlite import SqliteConnection, SqliteDriver
from tests.conformance.ledgers import a_run, commit, message, owned, step
from tests.postgres import PostgresServer

PAGES = 120


class SmallDisk:
    """A store on a disk that holds only so many pages."""

    def __init__(self, file: Path) -> None:
        driver = SqliteDriver(str(file))
        self.connection: SqliteConnection = driver.connect()
        ensure_schema(driver, self.connection)
        self.resize(PAGES)
        self.store = SqlStore(driver, self.connection)

    def resize(self, pages: int) -> None:
        self.connection.rows(f"PRAGMA max_page_count = {pages}", {})


@pytest.fixture
async def small(file: Path) -> AsyncIterator[SmallDisk]:
    disk = SmallDisk(file)
    yield disk
    await disk.store.close()


async def test_a_full_disk_fails_the_commit_and_keeps_everything_before(small: SmallDisk) -> None:
    store = small.store
    run = await owned(store)
    acknowledged: list[int] = []

    async def fill() -> None:
        for i in range(1000):
            await store.append(commit(run, step(i, os.urandom(2000).hex())))
            acknowledged.append(i)

    with pytest.raises(StoreUnavailable, match="the disk is full") as full:
        await fill()

    assert "free some space" in full.value.remedy
    assert len(acknowledged) > 10
    assert (await verify(store)).checked.entries == len(acknowledged)
    small.resize(10 * PAGES)
    await store.append(commit(run, step(len(acknowledged), os.urandom(2000).hex())))
    report = await verify(store)
    assert (report.findings, report.checked.entries) == ((), len(acknowledged) + 1)


async def test_a_full_disk_fails_a_whole_group_and_forgets_what_it_had_stored(
    small: SmallDisk,
) -> None:
    store = small.store
    run = await owned(store)
    large = [os.urandom(30_000).hex() for _ in range(20)]

    outcomes = await asyncio.gather(
        *(store.append(commit(run, step(i, text))) for i, text in enumerate(large)),
        return_exceptions=True,
    )

    failed = [i for i, outcome in enumerate(outcomes) if isinstance(outcome, StoreUnavailable)]
    assert len(failed) > 3
    small.resize(10 * PAGES)
    for i in failed:
        await store.append(commit(run, step(i, large[i])))
    report = await verify(store)
    assert (report.findings, report.checked.entries) == ((), 20)


async def test_a_locked_file_is_said_to_be_locked_and_works_when_it_is_free(file: Path) -> None:
    store = open_store(f"sqlite:///{file}", busy_timeout_seconds=0.05)
    run = await owned(store)
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    with pytest.raises(StoreUnavailable, match="another process") as locked:
        await store.append(commit(run, step(0, "x")))
    assert (await store.get("run-1")).seq == 0  # readers aren't held up
    other.execute("ROLLBACK")
    other.close()
    await store.append(commit(run, step(0, "x")))

    assert "stop the process" in locked.value.remedy
    assert len(await store.payloads("", [payload("x").digest])) == 1
    await store.close()


async def test_two_processes_take_turns_at_a_file(file: Path) -> None:
    stores = [open_store(f"sqlite:///{file}") for _ in range(2)]
    runs = [await owned(store, a_run(f"run-{i}"), f"w{i}") for i, store in enumerate(stores)]

    async def fill(store: Store, i: int) -> None:
        for ordinal in range(50):
            await store.append(commit(runs[i], step(ordinal, [i, ordinal])))

    await asyncio.gather(*(fill(store, i) for i, store in enumerate(stores)))

    report = await verify(stores[0])
    assert (report.findings, report.checked.entries) == ((), 100)
    for store in stores:
        await store.close()


async def test_a_lost_session_is_an_error_once_and_replaced(postgres_url: str) -> None:
    store = open_store(postgres_url)
    run = await owned(store)
    await store.append(commit(run, step(0, "x")))
    await store.entries("run-1")

    with psycopg.connect(postgres_url, autocommit=True) as admin:
        admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name = 'stanchion'"
        )
    with pytest.raises(StoreUnavailable) as lost:
        await store.append(commit(run, step(1, "y")))
    with pytest.raises(StoreUnavailable):
        await store.entries("run-1")

    assert lost.value.remedy
    await store.append(commit(run, step(1, "y")))
    assert [e.seq for e in await store.entries("run-1")] == [1, 2]
    assert (await verify(store)).ok
    await store.close()


async def test_a_server_that_is_killed_loses_nothing_that_was_acknowledged(
    postgres_server: PostgresServer, postgres_url: str
) -> None:
    store = open_store(postgres_url)
    run = await owned(store)
    for i in range(20):
        await store.append(commit(run, step(i, i)))

    postgres_server.restart()
    with pytest.raises(StoreUnavailable):
        await store.append(commit(run, step(20, 20)))
    await store.append(commit(run, step(20, 20)))

    report = await verify(store)
    assert (report.findings, report.checked.entries) == ((), 21)
    await store.close()


async def test_a_deadlock_is_resolved_by_trying_again(postgres_url: str) -> None:
    store = open_store(f"{postgres_url}&options=-c%20deadlock_timeout%3D100ms")
    run = await owned(store)
    await store.send(message("k"))
    (unread,) = await store.inbox("run-1")
    with psycopg.connect(postgres_url) as other:
        other.execute("SET deadlock_timeout = '20s'")
        other.execute("SELECT 1 FROM inbox FOR UPDATE")
        # Ours has the run and waits for the message; the other has the message and wants the run.
        taking = store.append(commit(run, step(0), taken=(unread.id,)))
        appended = asyncio.create_task(taking)
        await asyncio.to_thread(_lock_run_once_somebody_waits, other, postgres_url)
        assert not appended.done()
        other.rollback()

    await appended
    assert [entry.seq for entry in await store.entries("run-1")] == [1]
    assert await store.inbox("run-1") == []
    await store.close()


async def test_a_run_that_a_frozen_writer_has_locked_is_passed_over_at_once(
    postgres_url: str,
) -> None:
    store = open_store(postgres_url)
    await store.create(a_run())
    async with await psycopg.AsyncConnection.connect(postgres_url) as frozen:
        await frozen.execute("UPDATE runs SET seq = seq")
        async with asyncio.timeout(1.5):  # less than a lock is waited for
            assert await store.claim("run-1", "worker") is None
            await store.heartbeat("worker", timedelta(seconds=30))
        await frozen.rollback()

    claimed = await store.claim("run-1", "worker")
    assert claimed is not None
    assert claimed.epoch == 1
    await store.close()


async def test_what_a_frozen_writer_holds_up_fails_soon_and_may_be_done_again(
    postgres_url: str,
) -> None:
    store = open_store(f"{postgres_url}&options=-c%20lock_timeout%3D200ms")
    run = await owned(store)
    change = commit(run, step(0, "shared"))
    async with await psycopg.AsyncConnection.connect(postgres_url) as frozen:
        await frozen.execute("SELECT 1 FROM runs FOR UPDATE")
        appended = asyncio.create_task(store.append(change))
        beat = asyncio.create_task(store.heartbeat("worker", timedelta(seconds=30)))
        with pytest.raises(StoreUnavailable, match="kept a lock for too long") as held_up:
            await appended
        await beat
        await frozen.rollback()

    assert "pg_locks" in held_up.value.remedy
    await store.append(change)
    assert (await store.get("run-1")).seq == 1
    await store.close()


@pytest.mark.parametrize("limit", ["transaction_timeout", "idle_in_transaction_session_timeout"])
async def test_a_writer_that_stands_still_within_a_transaction_loses_it_and_may_try_again(
    postgres_url: str, limit: str
) -> None:
    store = open_store(postgres_url)
    run = await owned(store)
    driver = PostgresDriver(f"{postgres_url}&options=-c%20{limit}%3D100ms")
    frozen = driver.connect()
    frozen.begin(synced=False)
    assert frozen.run("UPDATE runs SET seq = 7", {}) == 1
    frozen.run("UPDATE runs SET seq = 8", {})

    await store.append(commit(run, step(0)))  # once the server has freed the run
    with pytest.raises(psycopg.Error) as lost:
        frozen.run("UPDATE runs SET seq = 9", {})
    translated = driver.translate(lost.value)

    assert isinstance(translated, StoreUnavailable)
    assert "stood still" in translated.remedy
    assert not frozen.usable
    assert (await store.get("run-1")).seq == 1
    await store.close()


def test_a_session_has_limits_unless_the_address_or_the_server_sets_others(
    postgres_url: str,
) -> None:
    names = ("lock_timeout", "idle_in_transaction_session_timeout", "transaction_timeout")

    def limits(url: str) -> list[str]:
        connection = PostgresDriver(url).connect()
        connection.begin(synced=False)
        found = [str(connection.rows(f"SHOW {name}", {})[0][0]) for name in names]
        connection.close()
        return found

    assert limits(postgres_url) == ["2s", "8s", "10s"]
    assert limits(f"{postgres_url}&options=-c%20lock_timeout%3D90s") == ["90s", "8s", "10s"]


def _lock_run_once_somebody_waits(other: psycopg.Connection[object], url: str) -> None:
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    with psycopg.connect(url, autocommit=True) as admin:
        for _ in range(100_000):
            if admin.execute(waiting).fetchall()[0][0]:
                break
    other.execute("SELECT 1 FROM runs FOR UPDATE")


async def test_a_text_that_the_database_can_not_keep_is_refused(postgres_url: str) -> None:
    store = open_store(postgres_url)
    kept = Payload(digest(b'"\\u0000"'), b'"\\u0000"')
    await store.put("", [kept])
    assert await store.payloads("", [kept.digest]) == {kept.digest: kept.data}
    await store.close()


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte, where this process may mount one."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", tmp_path]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("mounting a file system needs root")
    yield tmp_path
    subprocess.run(["umount", "--lazy", tmp_path], check=True)


async def test_a_disk_that_is_really_full_fails_the_commit_and_loses_nothing(
    tiny_disk: Path,
) -> None:
    store = open_store(f"sqlite:///{tiny_disk}/ledger.db")
    run = await owned(store)
    acknowledged: list[int] = []

    async def fill() -> None:
        for i in range(1000):
            await store.append(commit(run, step(i, os.urandom(2000).hex())))
            acknowledged.append(i)

    with pytest.raises(StoreUnavailable, match="the disk is full") as full:
        await fill()

    assert "free some space" in full.value.remedy
    assert (await verify(store)).checked.entries == len(acknowledged) > 10
    larger = ["mount", "-o", "remount,size=9m", tiny_disk]
    await asyncio.to_thread(subprocess.run, larger, check=True)
    await store.append(commit(run, step(len(acknowledged), "x")))
    report = await verify(store)
    await store.close()
    assert (report.findings, report.checked.entries) == ((), len(acknowledged) + 1)
