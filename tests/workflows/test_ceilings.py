"""Ceilings that runs share: with their children, per workflow, per tenant and time window."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from stanchion import Budget, BudgetExceeded, Ceiling, Run, StepFailed, workflow
from stanchion.errors import ConfigurationError
from stanchion.ledger import Account, NewRun, Store, open_store, payload, verify
from stanchion.models import ModelRequest, ModelResponse
from stanchion.testing import FakeClock, crash_at_every_commit, simulate
from stanchion.values import Message, RunState, TextPart, Usage
from stanchion.workflows import Host, Workflow, Workflows, advance, raise_ceiling

DAY = timedelta(days=1)
WORST = 1100
"""A little more than a call here may take: 512 written and its bytes read."""


class Billing:
    """A model that bills 300 tokens a call, and counts them itself."""

    name, real = "billing", False

    def __init__(self) -> None:
        self.billed = 0

    async def complete(self, request: ModelRequest) -> ModelResponse:
        self.billed += 300
        message = Message("assistant", (TextPart('"fine"'),))
        return ModelResponse(message, Usage(0, 300), provider="p")


@workflow
async def three(run: Run, n: int) -> int:
    """Ask three times."""
    for i in range(3):
        await run.extract(str, source=f"text {i}", role="fast")
    return 3


@workflow(budget=Budget(tokens=2000))
async def family(run: Run, n: int) -> int:
    """Ask once, and let two children ask three times each."""
    await run.extract(str, source="text", role="fast")
    return sum(await run.gather(run.child(three, 1), run.child(three, 2)))


def of_workflow(tokens: int, **more: Any) -> Ceiling:
    return Ceiling(Budget(tokens=tokens, **more), per="workflow")


@pytest.mark.promise("BUDGET-6")
async def test_runs_that_share_a_ceiling_never_bill_more_than_it() -> None:
    model = Billing()
    waiting = await simulate(three, 0, models={"fast": model}, ceilings=[of_workflow(1200)])

    assert waiting.state is RunState.WAITING
    assert waiting.questions[0].choices == ("again", "deny")
    assert model.billed <= 1200


async def test_a_ceiling_that_is_not_its_own_does_not_hold_a_run() -> None:
    other = Ceiling(Budget(tokens=0), per="workflow", name="other")

    assert (await simulate(three, 0, models={"fast": Billing()}, ceilings=[other])).output == 3


@pytest.mark.promise("BUDGET-6")
async def test_children_draw_from_the_budget_of_the_run_above_them() -> None:
    model = Billing()
    waiting = await simulate(family, 0, models={"fast": model})

    assert waiting.state is RunState.WAITING
    assert {q.subject["account"] for q in waiting.questions} == {"run:run"}
    assert model.billed <= 2000


async def test_a_family_goes_on_once_its_ceiling_is_raised() -> None:
    model = Billing()

    def say(question: Any) -> tuple[str, Any]:
        return ("raise", 20_000)

    done = await simulate(family, 0, models={"fast": model}, answers=say)

    assert done.output == 6
    assert model.billed == 7 * 300


async def test_a_child_that_gets_no_more_ends_like_any_that_fails() -> None:
    @workflow(budget=Budget(tokens=1000))
    async def parent(run: Run, n: int) -> str:
        try:
            await run.child(three, 1)
        except StepFailed as error:
            return error.message
        return "done"

    done = await simulate(parent, 0, models={"fast": Billing()}, answers=["deny"])

    assert done.output is not None
    assert "BudgetExceeded" in done.output


async def test_a_new_window_gives_room_by_itself() -> None:
    clock = FakeClock(datetime(2026, 1, 31, 23, tzinfo=UTC), automatic=True)
    ceiling = Ceiling(Budget(tokens=1500), per="tenant", window="month")
    done = await simulate(
        three,
        0,
        models={"fast": Billing()},
        ceilings=[ceiling],
        clock=clock,
        answers=lambda _: None,
    )

    assert done.output == 3
    assert clock.now() == datetime(2026, 2, 1, tzinfo=UTC)


async def test_a_call_that_no_window_has_room_for_asks_instead_of_waiting_for_the_next() -> None:
    ceiling = Ceiling(Budget(tokens=100), per="tenant", window="hour")
    waiting = await simulate(three, 0, models={"fast": Billing()}, ceilings=[ceiling])

    assert waiting.state is RunState.WAITING
    assert len(waiting.questions) == 1


@pytest.mark.parametrize("window", ["hour", "day", "month"])
def test_a_window_ends_where_its_account_changes(window: Any) -> None:
    ceiling = Ceiling(Budget(tokens=1), per="tenant", window=window)
    for start in (
        datetime(2024, 2, 29, 13, 5, tzinfo=UTC),
        datetime(2025, 12, 31, 23, 59, tzinfo=UTC),
    ):
        end = ceiling.until(start)
        assert end is not None
        second = timedelta(seconds=1)
        names = [ceiling.account(a_record(), at) for at in (start, end - second, end)]
        assert names[0] == names[1] != names[2]


def a_record() -> Any:
    class Record:
        tenant, workflow = "t", "w"

    return Record()


def test_a_shared_ceiling_of_time_is_refused() -> None:
    with pytest.raises(ConfigurationError):
        Ceiling(Budget(time=DAY), per="tenant")


# The operator's side -----------------------------------------------------------------------------


@dataclass
class Office:
    """A store with one worker, whose runs are moved as far as they go."""

    store: Store
    host: Host

    async def start(self, n: int, definition: Workflow[Any, int, Any]) -> str:
        self.host.workflows.add(definition)
        new = NewRun(f"r{n}", definition.name, definition.version, payload(n), tenant="t")
        await self.store.create(new)
        await self.move()
        return new.id

    async def move(self) -> None:
        served = [definition.name for definition in self.host.workflows]
        while runnable := await self.store.runnable(100, served):
            for run in runnable:
                await advance(self.host, run)


@pytest.fixture
async def office() -> AsyncIterator[Callable[..., Office]]:
    clock = FakeClock(automatic=True)
    store = open_store("sqlite://:memory:", clock=clock.now)

    def furnish(model: Billing, *ceilings: Ceiling) -> Office:
        host = Host(store, Workflows(), "w", {"fast": model}, clock=clock, ceilings=ceilings)
        return Office(store, host)

    yield furnish
    await store.close()


async def of_tenant(store: Store) -> Account:
    return next(a for a in await store.accounts() if a.name == "tenant:t")


async def test_all_runs_go_on_once_an_operator_raises_what_they_share(
    office: Callable[..., Office],
) -> None:
    model = Billing()
    desk = office(model, Ceiling(Budget(tokens=2000), per="tenant"))
    runs = [await desk.start(n, three) for n in range(4)]
    assert model.billed <= 2000 < model.billed + WORST

    at = desk.host.clock.now()
    told = await raise_ceiling(desk.store, "tenant:t", "tokens", 9000, by="operator", at=at)
    assert len(told) == 3
    await desk.move()

    assert set((await desk.store.states(runs)).values()) == {RunState.COMPLETED}
    account = await of_tenant(desk.store)
    assert (account.limit, account.held, account.spent) == (9000, 0, model.billed)
    assert (await verify(desk.store)).ok


async def test_an_operator_raises_the_budget_of_a_single_run_too(
    office: Callable[..., Office],
) -> None:
    @workflow(budget=Budget(tokens=100, usd=1))
    async def small(run: Run, n: int) -> Any:
        return await run.extract(str, source="text", role="fast")

    desk = office(Billing())
    at, run = desk.host.clock.now(), await desk.start(0, small)
    told = await raise_ceiling(desk.store, f"run:{run}", "tokens", 5000, by="me", at=at)
    await desk.move()

    assert told == [run]
    assert (await desk.store.get(run)).state is RunState.COMPLETED
    with pytest.raises(ConfigurationError, match="nothing draws"):
        await raise_ceiling(desk.store, "run:nobody", "tokens", 1, by="me", at=at)


# Crashes -----------------------------------------------------------------------------------------


@pytest.mark.promise("BUDGET-5")
async def test_what_a_dead_writer_held_is_settled_at_its_worst_case() -> None:
    model = Billing()

    def fresh() -> None:
        model.billed = 0

    async for crash in crash_at_every_commit(
        three,
        0,
        models=lambda: {"fast": model},
        before=fresh,
        ceilings=[of_workflow(100_000)],
    ):
        record = crash.result.record
        where = f"{crash.side} {crash.point}"
        assert record.account.output_tokens >= model.billed, where
        assert record.account.output_tokens <= model.billed + 512, where


async def test_a_step_is_never_counted_twice_by_a_crash() -> None:
    ceiling = Ceiling(Budget(steps=1000), per="workflow")
    async for crash in crash_at_every_commit(
        three, 0, models=lambda: {"fast": Billing()}, ceilings=[ceiling]
    ):
        assert crash.result.record.account.steps == 6


async def test_a_denied_shared_ceiling_ends_the_run_with_its_name() -> None:
    denied = await simulate(
        three, 0, models={"fast": Billing()}, ceilings=[of_workflow(100)], answers=["deny"]
    )

    assert denied.state is RunState.FAILED
    assert BudgetExceeded.__name__ in denied.reason
    assert "stanchion budget raise workflow:three tokens AMOUNT" in denied.reason


async def test_a_patience_that_ends_before_the_window_is_a_no() -> None:
    ceiling = Ceiling(Budget(tokens=10, patience=timedelta(minutes=1)), per="tenant", window="day")
    ended = await simulate(
        three, 0, models={"fast": Billing()}, ceilings=[ceiling], answers=lambda _: None
    )

    assert ended.state is RunState.FAILED
