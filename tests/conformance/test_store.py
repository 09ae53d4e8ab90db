"""What every store does about runs, their owners and their leases."""

import asyncio
from datetime import timedelta

import pytest

from stanchion.errors import LedgerError, RunNotFound
from stanchion.ledger import Draft, EntryPhase, Fenced, Place, RunChange, RunFilter, Store, payload
from stanchion.values import RunState
from tests.conformance.ledgers import LEASE, Hands, a_run, appended, commit, ended, owned, step

SERVED = ["desk"]


async def test_a_new_run_is_running_and_owned_by_nobody(store: Store) -> None:
    new = a_run(tenant="acme", user="u1", tags={"channel": "mail"}, initiator=payload("ann"))

    record = await store.create(new)

    assert (record.state, record.worker, record.epoch, record.seq) == (RunState.RUNNING, "", 0, 0)
    assert (record.root, record.tags) == ("run-1", {"channel": "mail"})
    assert record == await store.get("run-1")
    kept = await store.payloads("acme", [new.input.digest, payload("ann").digest])
    assert kept == {new.input.digest: new.input.data, payload("ann").digest: b'"ann"'}


async def test_an_unknown_run_is_said_to_be_unknown(store: Store) -> None:
    with pytest.raises(RunNotFound, match="no run 'nope'"):
        await store.get("nope")
    with pytest.raises(RunNotFound):
        await store.claim("nope", "ann")


@pytest.mark.promise("WORKFLOW-7")
async def test_a_key_starts_one_run_per_tenant_and_workflow(store: Store) -> None:
    first = await store.create(a_run("a", key="ticket-7"))

    assert await store.create(a_run("b", key="ticket-7", input=payload("other"))) == first
    assert (await store.create(a_run("c", key="ticket-7", tenant="acme"))).id == "c"
    assert (await store.create(a_run("d", key="ticket-7", workflow="other"))).id == "d"
    assert (await store.create(a_run("e"))).id == "e"
    assert (await store.create(a_run("f"))).id == "f"


async def test_creating_a_run_again_leaves_it_as_it_is(store: Store) -> None:
    run = await owned(store)
    await store.append(commit(run, step(0, "x")))

    again = await store.create(a_run())

    assert again == await store.get("run-1")
    assert again.seq == 1


@pytest.mark.promise("WORKFLOW-7")
async def test_two_processes_that_use_a_key_at_once_get_one_run(
    two_stores: tuple[Store, Store],
) -> None:
    starts = [
        store.create(a_run(f"{name}-{i}", key=f"ticket-{i}"))
        for i in range(20)
        for name, store in zip("ab", two_stores, strict=True)
    ]

    records = await asyncio.gather(*starts)

    assert len({record.id for record in records}) == 20
    assert len(await two_stores[0].list(RunFilter())) == 20


async def test_a_claim_raises_the_epoch_and_keeps_others_out(store: Store) -> None:
    run = await owned(store)

    assert (run.epoch, run.worker, run.state) == (1, "ann", RunState.RUNNING)
    assert await store.claim("run-1", "bob") is None
    again = await store.claim("run-1", "ann")
    assert again is not None
    assert again.epoch == 2


async def test_an_expired_lease_lets_another_worker_in(timed_store: Store, clock: Hands) -> None:
    run = await owned(timed_store)
    clock.move(LEASE - timedelta(seconds=1))
    assert await timed_store.runnable(9, SERVED) == []
    assert await timed_store.claim("run-1", "bob") is None

    clock.move(timedelta(seconds=2))

    assert await timed_store.runnable(9, SERVED) == ["run-1"]
    taken = await timed_store.claim("run-1", "bob")
    assert taken is not None
    assert (taken.epoch, taken.worker) == (run.epoch + 1, "bob")


async def test_a_heartbeat_extends_a_lease(timed_store: Store, clock: Hands) -> None:
    await owned(timed_store)
    clock.move(LEASE - timedelta(seconds=1))
    await timed_store.heartbeat("ann", LEASE)
    clock.move(LEASE - timedelta(seconds=1))

    assert await timed_store.claim("run-1", "bob") is None


async def test_a_clock_that_jumps_back_takes_no_run_away(timed_store: Store, clock: Hands) -> None:
    run = await owned(timed_store)
    first = (await appended(timed_store, commit(run, step(0, "x"))))[0]
    clock.move(timedelta(hours=-1))

    assert await timed_store.claim("run-1", "bob") is None
    second = (await appended(timed_store, commit(run, step(1, "y"))))[0]

    assert second.recorded_at < first.recorded_at
    assert [entry.seq for entry in await timed_store.entries("run-1")] == [1, 2]
    assert await timed_store.follow((0, 0), 9) == [first, second]


@pytest.mark.promise("LEDGER-3")
async def test_a_writer_that_lost_its_run_is_told_and_writes_nothing(store: Store) -> None:
    lost = await owned(store)
    await store.append(commit(lost, step(0, "mine")))
    current = await store.claim("run-1", "ann")
    assert current is not None
    change = RunChange(state=RunState.COMPLETED, result=payload("stolen"))

    with pytest.raises(Fenced):
        await store.append(commit(lost, step(1, "late"), change=change))

    record = await store.get("run-1")
    assert (record.state, record.seq, record.epoch) == (RunState.RUNNING, 1, 2)
    assert len(await store.entries("run-1")) == 1
    assert await store.payloads("", [payload("late").digest, payload("stolen").digest]) == {}
    await store.append(commit(current, step(1, "right")))


@pytest.mark.promise("LEDGER-3")
async def test_of_two_processes_only_the_last_claimer_writes(
    two_stores: tuple[Store, Store],
) -> None:
    one, other = two_stores
    lost = await owned(one)
    await one.append(commit(lost, step(0, "mine")))
    await one.heartbeat("ann", timedelta(seconds=-1))
    await other.heartbeat("bob", LEASE)
    current = await other.claim("run-1", "bob")
    assert current is not None

    with pytest.raises(Fenced):
        await one.append(commit(lost, step(1, "late")))
    await other.append(commit(current, step(1, "right")))
    with pytest.raises(Fenced):
        await one.append(commit(lost, step(2, "later")))

    assert [e.epoch for e in await one.entries("run-1")] == [1, 2]


async def test_one_of_many_claimers_gets_the_run(two_stores: tuple[Store, Store]) -> None:
    await two_stores[0].create(a_run())
    workers = [f"w{i}" for i in range(8)]
    for worker in workers:
        await two_stores[0].heartbeat(worker, LEASE)

    claims = await asyncio.gather(
        *(two_stores[i % 2].claim("run-1", worker) for i, worker in enumerate(workers))
    )

    assert [claim.epoch for claim in claims if claim is not None] == [1]


@pytest.mark.parametrize(
    "state", [RunState.COMPLETED, RunState.FAILED, RunState.CANCELLED, RunState.HANDED_OVER]
)
async def test_a_run_that_has_ended_can_not_be_claimed(store: Store, state: RunState) -> None:
    run = await owned(store)
    change = RunChange(state=state, reason="over", result=payload("done"), release=True)
    await store.append(commit(run, ended(run, state), change=change))

    assert await store.claim("run-1", "ann") is None
    assert await store.runnable(9, SERVED) == []
    record = await store.get("run-1")
    assert (record.state, record.reason, record.worker) == (state, "over", "")
    assert record.result == payload("done").digest


async def test_a_released_run_is_free_for_anybody(store: Store) -> None:
    run = await owned(store)
    assert await store.runnable(9, SERVED) == []

    await store.append(commit(run, change=RunChange(release=True)))

    assert await store.runnable(9, SERVED) == ["run-1"]
    assert await store.runnable(9, ["another workflow"]) == []
    assert await store.claim("run-1", "bob") is not None


async def test_runs_are_listed_newest_first_by_what_they_are(
    timed_store: Store, clock: Hands
) -> None:
    for i in range(6):
        clock.move(timedelta(minutes=1))
        tags = {"half": "first" if i < 3 else "second", 'a"b': "c\\"}
        await timed_store.create(a_run(f"r{i}", tenant="acme" if i % 2 else "", tags=tags))
    moved = await timed_store.claim("r5", "ann")
    assert moved is not None
    await timed_store.append(commit(moved, change=RunChange(state=RunState.WAITING)))

    async def listed(where: RunFilter) -> list[str]:
        return [record.id for record in await timed_store.list(where)]

    assert await listed(RunFilter(limit=2)) == ["r5", "r4"]
    third = await timed_store.get("r3")
    assert await listed(RunFilter(before=third.created_at)) == ["r2", "r1", "r0"]
    assert await listed(RunFilter(tenant="")) == ["r4", "r2", "r0"]
    assert await listed(RunFilter(states=(RunState.WAITING,))) == ["r5"]
    assert await listed(RunFilter(states=(RunState.FAILED, RunState.CANCELLED))) == []
    tagged = {"half": "first", 'a"b': "c\\"}
    assert await listed(RunFilter(tags=tagged, tenant="acme")) == ["r1"]
    assert await timed_store.states(["r5", "r0", "nope"]) == {
        "r5": RunState.WAITING,
        "r0": RunState.RUNNING,
    }


async def test_a_copy_has_the_first_entries_and_a_chain_of_its_own(store: Store) -> None:
    run = await owned(store)
    wait = Draft(Place("", 2), EntryPhase.WAIT, "receive", "paid")
    entries = await appended(store, commit(run, step(0, "a"), step(1, "b", n=1), wait, step(3)))

    fork = a_run("fork", forked_from="run-1", forked_at=3, key="again")
    record = await store.copy(fork, 3)

    copied = await store.entries("fork")
    assert [e.seq for e in copied] == [1, 2, 3]
    assert [(e.place, e.result, e.facts, e.recorded_at) for e in copied] == [
        (e.place, e.result, e.facts, e.recorded_at) for e in entries[:3]
    ]
    assert {e.chain for e in copied}.isdisjoint(e.chain for e in entries)
    assert (record.seq, record.chain) == (3, copied[-1].chain)
    assert (record.epoch, record.worker, record.account.steps) == (0, "", 0)
    assert await store.copy(fork, 3) == record
    own = await store.claim("fork", "ann")
    assert own is not None
    assert (await appended(store, commit(own, step(2, "c"))))[0].seq == 4


async def test_a_copy_stays_in_its_tenant_and_needs_its_source(store: Store) -> None:
    await store.create(a_run(tenant="acme"))

    with pytest.raises(LedgerError, match="another tenant"):
        await store.copy(a_run("fork", forked_from="run-1", tenant="other"), 0)
    with pytest.raises(RunNotFound):
        await store.copy(a_run("fork", forked_from="nope"), 0)
    with pytest.raises(RunNotFound):
        await store.get("fork")
