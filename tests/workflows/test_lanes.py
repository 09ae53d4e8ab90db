"""Lanes: what runs side by side, what may not, and what is seen of time."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from pydantic import BaseModel

from stanchion import Expired, Run, StepFailed, allow, workflow
from stanchion.errors import WorkflowError
from stanchion.testing import crash_at_every_commit, simulate
from stanchion.workflows import ReplayMode
from tests.workflows.desk import Bank, balance, pay_and_reconcile, pay_with_key

performed: list[str] = []


def shout(text: str) -> str:
    performed.append(text)
    return text.upper()


def fail(text: str) -> str:
    raise ValueError(text)


class Started:
    """A step that waits until a test lets it go."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.go = asyncio.Event()

    async def wait(self) -> str:
        self.begun.set()
        await self.go.wait()
        return "released"


@pytest.mark.promise("WORKFLOW-3")
async def test_two_steps_at_once_in_a_lane_are_refused_and_the_second_isnt_performed() -> None:
    async def both(run: Run) -> None:
        import asyncio as aio

        await aio.gather(run.read(shout, "first"), run.read(shout, "second"))

    @workflow
    async def careless(run: Run, _: None) -> None:
        await both(run)

    performed.clear()
    result = await simulate(careless, None)

    assert result.state == "failed"
    assert "ConcurrentScopeError" in result.reason
    assert "run.gather" in result.reason
    assert "second" not in performed


@pytest.mark.promise("TOOL-3")
async def test_a_tool_called_directly_in_a_workflow_is_refused_and_its_body_doesnt_run() -> None:
    @workflow(tools=[balance])
    async def bare(run: Run[Bank], account: str) -> int:
        return await balance(account)

    bank = Bank()
    result = await simulate(bare, "111", deps=bank)

    assert result.state == "failed"
    assert "BareToolCallError" in result.reason
    assert "run.call(" in result.reason
    assert bank.looked_up == 0


async def test_a_tool_that_the_workflow_doesnt_declare_is_refused() -> None:
    @workflow
    async def undeclared(run: Run[Bank], account: str) -> int:
        return await run.call(balance, account)

    result = await simulate(undeclared, "111", deps=Bank())

    assert "doesn't declare the tool 'balance'" in result.reason


async def test_gather_keeps_the_types_and_the_order_of_its_branches() -> None:
    @workflow
    async def both(run: Run, _: None) -> list[str]:
        a, b = await run.gather(run.read(shout, "a"), run.read(shout, "b"))
        return [a, b]

    assert (await simulate(both, None)).output == ["A", "B"]


async def test_a_failing_branch_fails_the_gather_and_cancels_its_siblings() -> None:
    started = Started()

    @workflow
    async def pair(run: Run, _: None) -> str:
        async def second() -> str:
            await started.begun.wait()
            return await run.read(fail, "broken")

        try:
            await run.gather(run.read(started.wait), second())
        except StepFailed as error:
            return error.facts["type"]
        return "no failure"

    result = await simulate(pair, None)

    assert result.output == "ValueError"
    assert not started.go.is_set()


async def test_map_runs_no_more_branches_at_once_than_its_limit() -> None:
    running: list[int] = []
    most: list[int] = []

    async def work(i: int) -> int:
        running.append(i)
        most.append(len(running))
        await asyncio.sleep(0)
        running.remove(i)
        return i

    @workflow
    async def many(run: Run, _: None) -> list[int]:
        return await run.map(lambda i: run.read(work, i), range(12), limit=3)

    result = await simulate(many, None)

    assert result.output == list(range(12))
    assert max(most) <= 3


@pytest.mark.parametrize("everywhere", [False, True])
async def test_a_race_has_one_recorded_winner_and_its_losers_are_cancelled(
    everywhere: bool,
) -> None:
    @workflow
    async def race(run: Run, _: None) -> list[object]:
        index, value = await run.race(run.read(shout, "quick"), run.sleep(60))
        after = await run.read(shout, "after")
        return [index, value, after]

    result = await simulate(race, None, replay=ReplayMode(everywhere=everywhere, seed=1))

    assert result.output == [0, "QUICK", "AFTER"]
    assert result.state == "completed"


async def test_as_completed_gives_the_order_of_completion_and_keeps_it_on_replay() -> None:
    @workflow
    async def order(run: Run, _: None) -> list[int]:
        async def branch(seconds: int) -> int:
            await run.sleep(seconds)
            return seconds

        return [i async for i, _ in run.as_completed(branch(30), branch(10), branch(20))]

    plain = await simulate(order, None)
    shuffled = await simulate(order, None, replay=ReplayMode(everywhere=True, seed=3))

    assert plain.output == shuffled.output == [1, 2, 0]


async def test_a_time_limit_that_passes_raises_expired_in_the_workflow() -> None:
    @workflow
    async def limited(run: Run, _: None) -> str:
        try:
            await run.timeout(run.receive(Note), timedelta(minutes=5))
        except Expired:
            return "too late"
        return "in time"

    assert (await simulate(limited, None)).output == "too late"


async def test_a_time_limit_that_doesnt_pass_returns_the_result() -> None:
    @workflow
    async def limited(run: Run, _: None) -> str:
        return await run.timeout(run.read(shout, "quick"), 60)

    assert (await simulate(limited, None)).output == "QUICK"


async def test_a_time_limit_doesnt_cut_a_write_but_waits_for_its_outcome() -> None:
    bank = Bank(lose_answers=1)

    @workflow(tools=[pay_and_reconcile], untrusted_may=[allow(pay_and_reconcile)])
    async def limited(run: Run[Bank], _: None) -> str:
        async def pay() -> str:
            return await run.call(pay_and_reconcile, "111", 5)

        try:
            return await run.timeout(pay(), 0.5)
        except Expired:
            return "expired"

    result = await simulate(limited, None, deps=bank)

    done = [e for e in result.entries if e.kind == "call" and e.phase == "done"]
    assert len(bank.sent) == 1
    assert len(done) == 1


async def test_nested_branches_and_scopes_have_lanes_of_their_own() -> None:
    @workflow
    async def nested(run: Run, _: None) -> list[list[str]]:
        async def outer(i: int) -> list[str]:
            with run.scope():
                first = await run.read(shout, f"{i}")
            rest = await run.map(lambda j: run.read(shout, f"{i}{j}"), range(2))
            return [first, *rest]

        return await run.map(outer, range(2))

    result = await simulate(nested, None, replay=ReplayMode(everywhere=True, seed=2))

    assert result.output == [["0", "00", "01"], ["1", "10", "11"]]


async def test_a_child_is_a_run_of_its_own_and_its_result_comes_as_a_message() -> None:
    result = await simulate(parent, 3)

    assert result.output == "CHILD 3!"
    assert [e.kind for e in result.entries if e.kind == "child"] == ["child", "child"]


async def test_a_child_is_started_once_whatever_crashes() -> None:
    performed.clear()

    async for crash in crash_at_every_commit(parent, 3, before=performed.clear):
        assert crash.result.output == "CHILD 3!"
        assert performed.count("child 3") <= 2


async def test_a_childs_failure_is_a_failed_step_of_its_parent() -> None:
    @workflow
    async def caller(run: Run, _: None) -> str:
        try:
            return await run.child(broken, None)
        except StepFailed as error:
            return f"{error.facts['type']}: {'boom' in error.message}"

    assert (await simulate(caller, None)).output == "failed: True"


async def test_a_step_outside_its_workflow_is_refused() -> None:
    kept: list[Run] = []

    @workflow
    async def leaky(run: Run, _: None) -> None:
        kept.append(run)

    await simulate(leaky, None)
    with pytest.raises(WorkflowError, match="outside its run's workflow"):
        await kept[0].read(shout, "late")


@workflow
async def child(run: Run, n: int) -> str:
    return await run.read(shout, f"child {n}")


@workflow
async def parent(run: Run, n: int) -> str:
    return await run.child(child, n) + "!"


@workflow
async def broken(run: Run, _: None) -> str:
    return await run.read(fail, "boom")


class Note(BaseModel):
    """An event that never comes."""


async def test_writes_in_branches_with_equal_arguments_are_two_effects() -> None:
    bank = Bank()

    @workflow(tools=[pay_with_key], untrusted_may=[allow(pay_with_key)])
    async def twice(run: Run[Bank], _: None) -> list[str]:
        return list(
            await run.gather(run.call(pay_with_key, "111", 5), run.call(pay_with_key, "111", 5))
        )

    result = await simulate(twice, None, deps=bank)

    assert result.output is not None
    assert sorted(result.output) == ["receipt 1", "receipt 2"]
