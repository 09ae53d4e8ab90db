"""What every store does about waits, messages, timers and late outcomes."""

from datetime import timedelta

import pytest

from stanchion.errors import RunNotFound
from stanchion.ledger import (
    Draft,
    EntryPhase,
    LateOutcome,
    Place,
    RunChange,
    RunRecord,
    Store,
    Wait,
    payload,
)
from stanchion.values import RunState
from tests.conformance.ledgers import Hands, a_run, commit, ended, message, owned, step

SERVED = ["desk"]
HERE = Place("", 0)
PARKED = RunChange(state=RunState.WAITING, reason="for money", release=True)


def wait_for(run: RunRecord, topic: str = "paid", **fields: object) -> Wait:
    return Wait(run.id, HERE, "event", topic, **fields)  # type: ignore[arg-type]


async def park(store: Store, run: RunRecord, wait: Wait) -> None:
    drafted = Draft(wait.place, EntryPhase.WAIT, "receive", wait.topic)
    await store.append(commit(run, drafted, opened=(wait,)))
    await store.append(commit(run, change=PARKED))


async def test_a_message_is_read_until_an_entry_takes_it(store: Store) -> None:
    run = await owned(store)
    assert await store.send(message("k1"))
    assert await store.send(message("k2", topic="shipped"))
    first, second = await store.inbox("run-1")
    assert (first.topic, first.kind, first.payload) == ("paid", "event", b'{"key":"k1"}')

    await store.append(commit(run, step(0, "x"), taken=(first.id,)))

    assert await store.inbox("run-1") == [second]


async def test_a_message_key_counts_once_even_after_it_was_read(store: Store) -> None:
    run = await owned(store)
    assert await store.send(message("k1"))
    (first,) = await store.inbox("run-1")

    assert not await store.send(message("k1", topic="other"))
    await store.append(commit(run, step(0), taken=(first.id,)))
    assert not await store.send(message("k1"))

    assert await store.inbox("run-1") == []
    await store.create(a_run("run-2"))
    assert await store.send(message("k1", run="run-2"))


async def test_a_message_needs_a_run(store: Store) -> None:
    with pytest.raises(RunNotFound):
        await store.send(message("k1", run="nope"))


async def test_nobody_takes_the_messages_of_another_run(store: Store) -> None:
    mine = await owned(store)
    await store.create(a_run("run-2"))
    await store.send(message("k1", run="run-2"))
    (theirs,) = await store.inbox("run-2")

    await store.append(commit(mine, step(0), taken=(theirs.id,)))

    assert await store.inbox("run-2") == [theirs]


async def test_waits_are_seen_until_they_are_closed_or_the_run_ends(store: Store) -> None:
    run = await owned(store)
    question = Wait("run-1", Place("", 1), "question", "q1", None, {"prompt": "May I?"})
    event = wait_for(run)
    await store.append(commit(run, opened=(question, event)))
    other = await owned(store, a_run("run-2"))
    await store.append(commit(other, opened=(wait_for(other),)))

    assert await store.waits(run="run-1") == [question, event]
    assert await store.waits(kind="question") == [question]
    assert await store.waits(topic="paid", run="run-2") == [wait_for(other)]
    await store.append(commit(run, step(0), closed=(HERE,)))
    assert await store.waits() == [question, wait_for(other)]
    end = RunChange(state=RunState.FAILED, reason="no money", release=True)
    await store.append(commit(run, ended(run, RunState.FAILED), change=end))
    assert await store.waits() == [wait_for(other)]


async def test_opening_a_wait_again_replaces_it_in_its_place(store: Store) -> None:
    run = await owned(store)
    later = Wait("run-1", Place("", 1), "event", "shipped")
    await store.append(commit(run, opened=(wait_for(run), later)))

    again = wait_for(run, "refunded", body={"n": 2})
    await store.append(commit(run, opened=(again,)))

    assert await store.waits() == [again, later]


async def test_a_waiting_run_is_runnable_once_its_message_is_there(store: Store) -> None:
    run = await owned(store)
    await park(store, run, wait_for(run))

    assert await store.runnable(9, SERVED) == []
    await store.send(message("k0", topic="something else"))
    assert await store.runnable(9, SERVED) == []
    await store.send(message("k1"))
    assert await store.runnable(9, SERVED) == ["run-1"]
    claimed = await store.claim("run-1", "ann")
    assert claimed is not None
    assert (claimed.state, claimed.reason) == (RunState.RUNNING, "for money")
    assert await store.runnable(9, SERVED) == []


@pytest.mark.parametrize("kind", ["cancel", "resume"])
async def test_an_order_wakes_a_run_whatever_it_waits_for(store: Store, kind: str) -> None:
    run = await owned(store)
    await park(store, run, wait_for(run))

    await store.send(message("k1", topic="", kind=kind))

    assert await store.runnable(9, SERVED) == ["run-1"]


async def test_a_failed_run_goes_on_only_when_somebody_resumes_it(store: Store) -> None:
    run = await owned(store)
    failed = RunChange(RunState.FAILED, "bug", None, payload("trace"), release=True)
    await store.append(commit(run, ended(run, RunState.FAILED), change=failed))
    await store.send(message("k0", topic="", kind="cancel"))
    assert await store.runnable(9, SERVED) == []

    await store.send(message("k1", topic="", kind="resume"))

    assert await store.runnable(9, SERVED) == ["run-1"]
    claimed = await store.claim("run-1", "ann")
    assert claimed is not None
    assert (claimed.state, claimed.error) == (RunState.RUNNING, None)


async def test_a_timer_wakes_its_run_when_its_time_has_come(
    timed_store: Store, clock: Hands
) -> None:
    run = await owned(timed_store)
    due = clock.now + timedelta(hours=1)
    await park(timed_store, run, wait_for(run, "", wake_at=due))
    other = await owned(timed_store, a_run("run-2"))
    await park(timed_store, other, wait_for(other, "x", wake_at=due + timedelta(hours=1)))

    assert await timed_store.next_wake() == due
    assert await timed_store.runnable(9, SERVED) == []
    clock.move(timedelta(hours=1))
    assert await timed_store.runnable(9, SERVED) == ["run-1"]
    clock.move(timedelta(hours=1))
    assert await timed_store.runnable(9, SERVED) == ["run-1", "run-2"]
    assert await timed_store.runnable(1, SERVED) == ["run-1"]


async def test_a_running_run_is_not_woken(timed_store: Store, clock: Hands) -> None:
    run = await owned(timed_store)
    await timed_store.append(commit(run, opened=(wait_for(run, "", wake_at=clock.now),)))

    assert await timed_store.next_wake() is None
    assert await timed_store.runnable(9, SERVED) == []


async def test_late_outcomes_are_kept_in_order_whoever_owns_the_run(store: Store) -> None:
    await store.create(a_run(tenant="acme"))
    told = [
        LateOutcome("run-1", "effect", 1, "done", payload({"receipt": 1})),
        LateOutcome("run-1", "effect", 2, "not_performed", payload("no")),
        LateOutcome("run-1", "other effect", 1, "done", payload("x")),
    ]
    for outcome in told:
        await store.late(outcome)

    assert await store.late_outcomes("run-1", "effect") == told[:2]
    assert await store.late_outcomes("run-2", "effect") == []
    with pytest.raises(RunNotFound):
        await store.late(LateOutcome("nope", "effect", 1, "done", payload("x")))
