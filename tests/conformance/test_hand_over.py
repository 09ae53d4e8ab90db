"""What every store does when a run hands over: both links, one commit, and no message is lost."""

import asyncio
from dataclasses import replace

import pytest

from stanchion.errors import RunNotFound
from stanchion.ledger import Commit, Fenced, RunChange, RunRecord, Store, payload, verify
from stanchion.ledger._sql_store import SqlStore
from stanchion.values import RunState
from tests.conformance.ledgers import a_run, commit, ended, message, owned, step

CHECKPOINT = payload({"goal": "go on"})


def over(run: RunRecord, to: str) -> Commit:
    """Return the commit with which a run hands over."""
    successor = a_run(to, root=run.root, predecessor=run.id, checkpoint=CHECKPOINT)
    note = replace(ended(run, RunState.HANDED_OVER), result=CHECKPOINT)
    change = RunChange(RunState.HANDED_OVER, "too long", CHECKPOINT, release=True, successor=to)
    return commit(run, note, started=(successor,), change=change)


async def test_the_links_go_both_ways_and_the_lineage_goes_on(store: Store) -> None:
    run = await owned(store)

    await store.append(over(run, "run-1.2"))

    before, after = await store.get("run-1"), await store.get("run-1.2")
    assert (before.state, before.successor) == (RunState.HANDED_OVER, "run-1.2")
    assert (after.state, after.predecessor, after.root) == (RunState.RUNNING, "run-1", "run-1")
    assert after.checkpoint == before.result == CHECKPOINT.digest
    assert await store.runnable(9, ["desk"]) == ["run-1.2"]
    assert await store.claim("run-1", "bob") is None
    assert isinstance(store, SqlStore)
    assert (await verify(store)).ok


async def test_a_writer_that_lost_the_run_hands_nothing_over(store: Store) -> None:
    run = await owned(store)
    await store.claim("run-1", "ann")

    with pytest.raises(Fenced):
        await store.append(over(run, "run-1.2"))

    with pytest.raises(RunNotFound):
        await store.get("run-1.2")


@pytest.mark.promise("HANDOVER-3")
async def test_unread_messages_go_to_the_successor_and_read_ones_stay(store: Store) -> None:
    run = await owned(store)
    await store.send(message("read"))
    await store.send(message("unread"))
    read = (await store.inbox("run-1"))[0]
    await store.append(commit(run, step(0), taken=(read.id,)))

    await store.append(over(run, "run-1.2"))

    assert not await store.send(message("read"))
    assert [m.payload for m in await store.inbox("run-1.2")] == [payload({"key": "unread"}).data]
    assert await store.inbox("run-1") == []


@pytest.mark.promise("HANDOVER-3")
async def test_what_is_sent_to_any_of_a_chain_reaches_the_last(store: Store) -> None:
    await store.append(over(await owned(store), "run-1.2"))
    second = await store.claim("run-1.2", "ann")
    assert second is not None
    await store.append(over(second, "run-1.3"))

    assert await store.send(message("late"))
    assert await store.send(message("later", run="run-1.2", kind="cancel"))
    assert not await store.send(message("late"))
    other = await owned(store, a_run("other"))
    await store.append(commit(other, sent=(message("from a run"),)))

    assert len(await store.inbox("run-1.3")) == 3


@pytest.mark.promise("HANDOVER-3")
async def test_a_message_that_races_with_the_hand_over_is_never_left_behind(
    two_stores: tuple[Store, Store],
) -> None:
    one, other = two_stores
    for i in range(20):
        run = await owned(one, a_run(f"run-{i}"))
        senders = [other.send(message(f"k{n}", run=run.id)) for n in range(5)]
        await asyncio.gather(*senders[:2], one.append(over(run, f"{run.id}.2")), *senders[2:])

        assert len(await one.inbox(f"{run.id}.2")) == 5
        assert await one.inbox(run.id) == []
