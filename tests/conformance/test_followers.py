"""What every store does for readers that follow the ledger: nothing skipped, nothing twice."""

import asyncio

import psycopg
import pytest

from stanchion.ledger import Entry, RunRecord, Store, open_store
from tests.conformance.ledgers import a_run, appended, commit, message, owned, step


async def test_a_follower_reads_every_run_in_order_and_in_pages(store: Store) -> None:
    one, other = await owned(store), await owned(store, a_run("run-2"))
    for i in range(5):
        await store.append(commit(one, step(2 * i, "a"), step(2 * i + 1, "b")))
        await store.append(commit(other, step(i, "c")))

    read: list[Entry] = []
    cursor = (0, 0)
    while page := await store.follow(cursor, 4):
        assert len(page) <= 4
        read += page
        cursor = page[-1].cursor

    written = [*await store.entries("run-1"), *await store.entries("run-2")]
    assert read == sorted(written, key=lambda entry: entry.cursor)
    assert [entry.run for entry in read] == ["run-1", "run-1", "run-2"] * 5
    assert await store.follow(cursor, 4) == []


async def test_a_copied_run_is_followed_like_any_other(store: Store) -> None:
    run = await owned(store)
    await store.append(commit(run, step(0, "a")))
    (entry,) = await store.entries("run-1")
    await store.copy(a_run("fork", forked_from="run-1", forked_at=1), 1)

    (copied,) = await store.follow(entry.cursor, 9)

    assert (copied.run, copied.seq) == ("fork", 1)


@pytest.mark.promise("LEDGER-6")
async def test_an_entry_that_commits_late_is_not_skipped(postgres_url: str) -> None:
    slow, quick = open_store(postgres_url), open_store(postgres_url)
    blocker = psycopg.connect(postgres_url)
    try:
        one, other = await owned(slow), await owned(quick, a_run("run-2"), "bob")
        await slow.send(message("k"))
        (unread,) = await slow.inbox("run-1")
        blocker.execute("SELECT 1 FROM inbox WHERE n = %s FOR UPDATE", [unread.id])
        # The entry has its position; its transaction hangs at the message until it's let go.
        late = asyncio.create_task(_append(slow, one, unread.id))
        await _until_one_waits(postgres_url)
        (early,) = await appended(quick, commit(other, step(1, "quick")))

        assert await quick.follow((0, 0), 9) == []
        blocker.rollback()
        late_entry = await late

        assert late_entry.cursor < early.cursor
        assert await quick.follow((0, 0), 9) == [late_entry, early]
    finally:
        blocker.close()
        await slow.close()
        await quick.close()


async def _append(store: Store, run: RunRecord, unread: int) -> Entry:
    (entry,) = await appended(store, commit(run, step(0, "slow"), taken=(unread,)))
    return entry


async def _until_one_waits(url: str) -> None:
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    with psycopg.connect(url, autocommit=True) as admin:
        for _ in range(1000):
            row = admin.execute(waiting).fetchone()
            if row is not None and row[0]:
                return
            await asyncio.sleep(0.01)
    pytest.fail("nothing waits")
