"""Runs that hand over: nothing lost, nothing done twice, and everybody finds the successor."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from stanchion import Refused, Run, Settings, Stanchion, allow, workflow
from stanchion.errors import RunCancelled, RunFailed, StepFailed, WorkflowError
from stanchion.ledger import RunFilter, Store, open_store, verify
from stanchion.ledger._sql_store import SqlStore
from stanchion.testing import crash_at_every_commit, export_run, replay_recording, simulate
from stanchion.values import Question, RunState
from stanchion.workflows import ReplayMode, Workflow
from tests.workflows.agents import model, pay, read_by
from tests.workflows.desk import Bank, balance, pay_with_key
from tests.workflows.test_saga import World, book

SOON = timedelta(seconds=20)
TOOLS = [balance, pay_with_key]
FREELY = [allow(pay_with_key)]


@workflow(tools=TOOLS, untrusted_may=FREELY)
async def relay(run: Run[Bank], account: str) -> list[Any]:
    """Pay, hand over, and pay the same again: two payments, as the code says."""
    before = await run.call(balance, account)
    first = await run.call(pay_with_key, account, 5)
    checkpoint = await run.hand_over(goal="pay twice", open_items=["the second payment"])
    second = await run.call(pay_with_key, account, 5)
    return [before, first, second, checkpoint.number, list(checkpoint.open_items)]


@workflow(tools=TOOLS, untrusted_may=FREELY)
async def unaware(run: Run[Bank], account: str) -> list[str]:
    """Begin with what must be done once, whatever comes later."""
    receipts = [await run.call(pay_with_key, account, 5)]
    if run.checkpoint is None:
        await run.hand_over()
    receipts.append(await run.call(pay_with_key, account, 7))
    return receipts


@pytest.fixture
async def app(store: Store) -> AsyncIterator[Stanchion]:
    """An app with a bank on each kind of store."""
    quick = Settings(poll_seconds=0.02)
    async with Stanchion(store, deps=Bank(), settings=quick) as app:
        yield app


async def asked(app: Stanchion, *prompts: str) -> list[Question]:
    """Wait until these questions are open, and no other."""
    async with asyncio.timeout(20):
        while True:
            found = await app.reviews.pending()
            if sorted(question.prompt for question in found) == sorted(prompts):
                return list(found)


async def chain(store: Store) -> list[tuple[str, str, str, str]]:
    """Return the runs, oldest first: id, state and both links."""
    runs = reversed(await store.list(RunFilter()))
    return [(r.id, str(r.state), r.predecessor, r.successor) for r in runs]


@pytest.mark.promise("HANDOVER-1")
async def test_the_successor_goes_on_behind_the_point_and_does_nothing_again(
    app: Stanchion, store: Store
) -> None:
    handle = await app.start(relay, "111", user="ann", tags={"desk": "1"})

    found = await handle.result(timeout=SOON)

    assert found == [100, "receipt 1", "receipt 2", 2, ["the second payment"]]
    bank: Bank = (await app.open()).deps
    assert (bank.looked_up, [(a, n) for _, a, n in bank.sent]) == (1, [("111", 5), ("111", 5)])
    assert len(bank.done) == 2
    second = f"{handle.id}.2"
    assert await chain(store) == [
        (handle.id, "handed_over", "", second),
        (second, "completed", handle.id, ""),
    ]
    latest = await handle.latest()
    assert (latest.root, latest.user, latest.tags) == (handle.id, "ann", {"desk": "1"})
    assert isinstance(store, SqlStore)
    assert (await verify(store)).findings == ()


@pytest.mark.promise("HANDOVER-1")
async def test_code_that_looks_at_the_checkpoint_instead_goes_the_same_way() -> None:
    bank = Bank()

    result = await simulate(unaware, "111", deps=bank)

    assert result.output == ["receipt 1", "receipt 2"]
    assert [(account, amount) for _, account, amount in bank.sent] == [("111", 5), ("111", 7)]


@pytest.mark.promise("HANDOVER-1")
@pytest.mark.parametrize("flow", [relay, unaware])
async def test_a_crash_at_any_commit_loses_nothing_and_doubles_nothing(
    flow: Workflow[Any, str, Any],
) -> None:
    bank = Bank()

    def again() -> None:
        bank.__init__()

    crashes = [c async for c in crash_at_every_commit(flow, "111", deps=bank, before=again)]

    assert len(crashes) > 12
    assert any("handed_over" in crash.point for crash in crashes)
    for crash in crashes:
        assert crash.result.state is RunState.COMPLETED, (crash.point, crash.result.reason)
        assert len(crash.result.output or ()) == (5 if flow is relay else 2)


@pytest.mark.promise("HANDOVER-1")
async def test_the_world_sees_each_effect_once_after_any_crash() -> None:
    bank = Bank()

    def again() -> None:
        bank.__init__()

    async for crash in crash_at_every_commit(relay, "111", deps=bank, before=again):
        assert len(bank.done) == 2, crash.point


@pytest.mark.promise("HANDOVER-1")
async def test_hand_over_passes_a_replay_at_every_await() -> None:
    result = await simulate(relay, "111", deps=Bank(), replay=ReplayMode(everywhere=True, seed=3))

    assert result.output == [100, "receipt 1", "receipt 2", 2, ["the second payment"]]


@workflow(tools=TOOLS, untrusted_may=FREELY)
async def two_clerks(run: Run[Bank], text: str) -> str | None:
    await run.agent(goal="Pay.", tools=[pay_with_key], input=text)
    await run.hand_over()
    return (await run.agent(goal="Pay.", tools=[pay_with_key], input=text)).output


@pytest.mark.promise("HANDOVER-2")
async def test_a_model_that_proposes_a_write_of_the_lineage_is_told_its_result() -> None:
    bank, payer = Bank(), model(pay(3, "a"), "done")

    await simulate(two_clerks, "Pay 3 to 111.", models={"strong": payer}, deps=bank)

    assert len(bank.sent) == 1
    (told,) = read_by(payer)
    assert isinstance(told, dict)
    assert told["result"] == "receipt 1"
    assert "made before" in str(told["notice"])


@workflow(tools=TOOLS, untrusted_may=FREELY)
async def long_relay(run: Run[Bank], hops: int) -> list[str]:
    """Pay once in each of several runs."""
    receipts: list[str] = []
    for _ in range(hops):
        receipts.append(await run.call(pay_with_key, "111", 5))
        await run.hand_over()
    effects = run.checkpoint.effects if run.checkpoint else ()
    assert len({effect.key for effect in effects}) == hops
    assert len({effect.run for effect in effects}) == hops
    return receipts


@pytest.mark.promise("HANDOVER-2")
async def test_keys_and_effects_go_on_through_a_chain_of_runs() -> None:
    bank = Bank()

    result = await simulate(long_relay, 4, deps=bank)

    assert result.output == [f"receipt {n}" for n in range(1, 5)]
    assert len(bank.sent) == len(bank.done) == 4
    assert result.record.id == "run.5"
    assert result.record.root == "run"


async def test_a_chain_of_runs_has_an_end() -> None:
    @workflow
    async def endless(run: Run, _: None) -> int:
        n = 0
        while True:
            try:
                await run.hand_over()
            except Refused as refused:
                assert refused.facts["rule"] == "hand-overs"
                return n
            n += 1

    result = await simulate(endless, None)

    assert (result.output, result.record.id) == (49, "run.50")


async def test_beside_branches_at_work_no_run_hands_over() -> None:
    async def branch(run: Run) -> None:
        await run.hand_over()

    @workflow
    async def forks(run: Run, _: None) -> str:
        with pytest.raises(WorkflowError, match="while branches"):
            await run.gather(branch(run), run.random())
        await run.hand_over()
        return "alone"

    assert (await simulate(forks, None)).output == "alone"


@workflow
async def asks_twice(run: Run, _: str) -> list[str]:
    first = await run.ask("First?", choices=("yes", "no"))
    await run.hand_over()
    return [first, await run.ask("Second?", choices=("yes", "no"))]


async def test_what_a_person_answered_is_not_asked_again() -> None:
    result = await simulate(asks_twice, "", answers=["yes", "no"])

    assert result.output == ["yes", "no"]
    assert [question.prompt for question in result.questions] == ["First?", "Second?"]


@workflow
async def helper(run: Run, n: int) -> int:
    doubled = 2 * n
    await run.hand_over()
    await run.sleep(0.01)
    return doubled + int(run.checkpoint is not None)


@workflow
async def boss(run: Run, n: int) -> int:
    return await run.child(helper, n)


@workflow
async def stuck_helper(run: Run, _: int) -> int:
    await run.hand_over()
    return int(await run.ask("Go on?", choices=("1",)))


@workflow
async def stuck_boss(run: Run, n: int) -> int:
    return await run.child(stuck_helper, n)


@pytest.mark.promise("HANDOVER-3")
async def test_a_parent_gets_the_result_of_the_run_that_went_on(app: Stanchion) -> None:
    handle = await app.start(boss, 4)

    assert await handle.result(timeout=SOON) == 9


@pytest.mark.promise("HANDOVER-3")
@pytest.mark.parametrize("flow", [stuck_helper, stuck_boss])
async def test_cancel_reaches_the_run_that_went_on(
    app: Stanchion, store: Store, flow: Workflow[Any, int, int]
) -> None:
    handle = await app.start(flow, 1)
    await asked(app, "Go on?")

    await handle.cancel(by="ann")

    with pytest.raises(RunCancelled):
        await handle.result(timeout=SOON)
    await asked(app)
    async with asyncio.timeout(20):
        while {state for _, state, _, _ in await chain(store)} != {"handed_over", "cancelled"}:
            await app.wait_for_change(handle.id)


@pytest.mark.promise("HANDOVER-3")
async def test_a_child_whose_parent_is_cancelled_is_cancelled_too(
    app: Stanchion, store: Store
) -> None:
    @workflow
    async def waits(run: Run, _: int) -> str:
        return await run.ask("Still there?", choices=("yes",))

    @workflow
    async def parent(run: Run, n: int) -> str:
        return await run.child(waits, n)

    handle = await app.start(parent, 1)
    await asked(app, "Still there?")
    await handle.settled()

    await handle.cancel(by="ann")

    await asked(app)
    with pytest.raises(RunCancelled):
        await handle.result(timeout=SOON)
    async with asyncio.timeout(20):
        while {state for _, state, _, _ in await chain(store)} != {"cancelled"}:
            await app.wait_for_change(handle.id)


@pytest.mark.promise("HANDOVER-3")
async def test_events_and_answers_go_on_with_the_successor(app: Stanchion) -> None:
    handle = await app.start(asks_twice, "")
    for prompt in ("First?", "Second?"):
        await handle.answer((await asked(app, prompt))[0].id, "yes", by="ann")

    runs = [entry.run async for entry in handle.events()]

    assert await handle.result(timeout=SOON) == ["yes", "yes"]
    assert list(dict.fromkeys(runs)) == [handle.id, f"{handle.id}.2"]


@workflow(tools=[book])
async def trip(run: Run[World], fails: str) -> str:
    async with run.saga():
        await run.call(book, "train")
        await run.hand_over()
        await run.call(book, "hotel")
        if fails:
            raise StepFailed("no")
    return "booked"


@pytest.mark.promise("HANDOVER-1")
async def test_a_saga_undoes_what_was_made_before_it_was_handed_over() -> None:
    world = World()
    result = await simulate(trip, "yes", deps=world)

    assert result.state is RunState.FAILED
    assert world.booked == {}
    assert world.log == ["book train", "book hotel", "release hotel", "release train"]

    kept = World()
    assert (await simulate(trip, "", deps=kept)).output == "booked"
    assert sorted(kept.booked.values()) == ["hotel", "train"]


@workflow
async def remembers(run: Run, _: str) -> list[str]:
    await run.memory.remember("colour", "red")
    await run.memory.remember("colour", "blue")
    checkpoint = await run.hand_over()
    found = await run.memory.recall("colour")
    return [*(memory.text for memory in (*checkpoint.memory, *found))]


async def test_the_runs_memory_goes_on_and_stands_in_the_checkpoint() -> None:
    assert (await simulate(remembers, "")).output == ["blue", "blue", "red"]


async def test_a_run_that_fails_after_a_hand_over_names_the_one_that_failed(
    app: Stanchion,
) -> None:
    @workflow
    async def fails(run: Run, _: None) -> None:
        await run.hand_over()
        raise StepFailed("no luck")

    handle = await app.start(fails, None)

    with pytest.raises(RunFailed, match=rf"{handle.id}\.2 ended failed"):
        await handle.result(timeout=SOON)


async def test_a_fork_of_either_run_goes_its_own_way(app: Stanchion, store: Store) -> None:
    handle = await app.start(asks_twice, "")
    await handle.answer((await asked(app, "First?"))[0].id, "yes", by="ann")
    await asked(app, "Second?")

    of_first = await app.fork(handle.id, at=(await store.get(handle.id)).seq)
    of_second = await app.fork(f"{handle.id}.2", at=1)
    for question in await asked(app, "First?", "First?", "Second?"):
        await app.answer(question.id, "no", by="ann")
    for question in await asked(app, "Second?", "Second?"):
        await app.answer(question.id, "no", by="ann")

    assert await handle.result(timeout=SOON) == ["yes", "no"]
    for fork in (of_first, of_second):
        assert await fork.result(timeout=SOON) == ["no", "no"]
    assert (await of_first.latest()).root == of_first.id


async def test_recordings_of_both_runs_replay(tmp_path: Path) -> None:
    store = open_store("sqlite://:memory:")
    async with Stanchion(store, deps=Bank()) as app:
        handle = await app.start(relay, "111")
        await handle.result(timeout=SOON)
        for run in (handle.id, f"{handle.id}.2"):
            await export_run(store, run, tmp_path / f"{run}.jsonl")

        for run in (handle.id, f"{handle.id}.2"):
            added = await replay_recording(relay, tmp_path / f"{run}.jsonl")
            assert all(entry.phase == "note" for entry in added)
