"""Budgets of one run: what is held before a call, what it comes to, who is asked at a ceiling."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any, cast

import pytest

from stanchion import Budget, BudgetExceeded, Run, tool, workflow
from stanchion.errors import ConfigurationError, ModelUnavailable
from stanchion.ledger import Entry
from stanchion.models import (
    ModelRequest,
    ModelResponse,
    Price,
    Retrying,
    Validating,
    worst_case,
)
from stanchion.review import ReviewRefused
from stanchion.testing import crash_at_every_commit, simulate
from stanchion.values import Message, QuestionKind, RunState, TextPart, Usage
from stanchion.workflows import Workflow

PRICES = {"scripted": Price(Decimal(1), Decimal(1))}
"""A dollar for a million tokens, whichever."""


def answered(tokens: int, text: str = '"fine"') -> ModelResponse:
    return ModelResponse(Message("assistant", (TextPart(text),)), Usage(0, tokens), provider="p")


class Paid:
    """A model that bills what it is told to, and keeps the books that count."""

    def __init__(self, *tokens: int | Exception) -> None:
        self.left = list(tokens)
        self.billed = 0
        self.calls = 0

    @property
    def name(self) -> str:
        return "scripted"

    @property
    def real(self) -> bool:
        return False

    async def complete(self, request: ModelRequest) -> ModelResponse:
        self.calls += 1
        answer = self.left.pop(0) if self.left else 100
        if isinstance(answer, Exception):
            self.billed += getattr(answer, "billed", 0)
            raise answer
        self.billed += answer
        return answered(answer)


@dataclass
class Out:
    """What a workflow of many questions came to."""

    done: int
    refused: str = ""


def asking(budget: Budget | None, times: int = 5) -> Workflow[Any, int, Out]:
    @workflow(name="asking", budget=budget)
    async def ask(run: Run, n: int) -> Out:
        for i in range(times):
            try:
                await run.extract(str, source=f"text {i}", role="fast")
            except BudgetExceeded as error:
                return Out(i, str(error.facts["quantity"]))
        return Out(times)

    return ask


def notes(entries: tuple[Entry, ...], name: str) -> list[Entry]:
    return [e for e in entries if e.kind == "run" and e.name == name]


async def test_a_run_under_its_budget_asks_nothing_and_writes_nothing_more() -> None:
    free = await simulate(asking(None), 0, models={"fast": Paid()})
    held = await simulate(
        asking(Budget(usd="1", tokens=10**6, model_calls=50, steps=500)),
        0,
        models={"fast": Paid()},
        prices=PRICES,
    )

    assert held.output == Out(5)
    assert len(held.entries) == len(free.entries)
    assert held.record.account.cost_nanos == 5 * 100 * 1000


@pytest.mark.promise("BUDGET-1")
@pytest.mark.parametrize(
    ("budget", "quantity"),
    [
        (Budget(usd="0.0035"), "usd"),
        (Budget(tokens=3500), "tokens"),
        (Budget(model_calls=2), "model_calls"),
        (Budget(steps=4), "steps"),
    ],
)
async def test_a_call_that_may_cross_a_ceiling_waits_for_a_person(
    budget: Budget, quantity: str
) -> None:
    model = Paid(1000, 1000, 1000, 1000, 1000)
    waiting = await simulate(asking(budget), 0, models={"fast": model}, prices=PRICES)

    assert waiting.state is RunState.WAITING
    assert "Raise the ceiling?" in waiting.reason
    (question,) = waiting.questions
    assert question.kind is QuestionKind.CEILING
    assert question.subject["quantity"] == quantity
    assert model.billed == model.calls * 1000 <= 3500


@pytest.mark.promise("BUDGET-2")
async def test_a_raised_ceiling_lets_the_run_go_on_where_it_was() -> None:
    model = Paid(*[1000] * 5)
    done = await simulate(
        asking(Budget(tokens=3500)),
        0,
        models={"fast": model},
        answers=[("raise", 4500), ("raise", "9000")],
    )

    assert done.output == Out(5)
    assert model.calls == 5
    assert len(done.questions) == 2
    assert [e.facts["ceiling"] for e in notes(done.entries, "raised")] == [4500, 9000]


async def test_a_ceiling_that_nobody_raises_is_an_error_that_says_what_to_do() -> None:
    denied = await simulate(
        asking(Budget(tokens=3500)), 0, models={"fast": Paid(*[1000] * 5)}, answers=["deny"]
    )

    assert denied.output == Out(3, "tokens")


async def test_a_no_is_asked_for_once() -> None:
    @workflow(budget=Budget(tokens=100))
    async def twice(run: Run, n: int) -> int:
        refused = 0
        for _ in range(2):
            try:
                await run.extract(str, source="text", role="fast")
            except BudgetExceeded:
                refused += 1
        return refused

    denied = await simulate(twice, 0, models={"fast": Paid()}, answers=["deny"])

    assert (denied.output, len(denied.questions)) == (2, 1)


async def test_an_answer_that_does_not_come_in_time_is_a_no() -> None:
    budget = Budget(tokens=100, patience=timedelta(hours=1))
    expired = await simulate(asking(budget), 0, models={"fast": Paid()}, answers=lambda _: None)

    assert expired.output == Out(0, "tokens")


@pytest.mark.parametrize("amount", ["1.2.3", "much", None, -5, 1e300, ""])
async def test_an_amount_that_cannot_be_read_is_not_taken_as_an_answer(amount: Any) -> None:
    with pytest.raises(ReviewRefused):
        await simulate(
            asking(Budget(tokens=100), 1),
            0,
            models={"fast": Paid()},
            answers=[("raise", amount)],
        )


async def test_time_is_counted_by_the_runs_own_clock() -> None:
    @workflow(budget=Budget(time=timedelta(minutes=10)))
    async def slow(run: Run, n: int) -> str:
        await run.sleep(timedelta(minutes=9))
        await run.now()
        await run.sleep(timedelta(minutes=2))
        try:
            await run.now()
        except BudgetExceeded as error:
            return str(error.facts["quantity"])
        return "in time"

    assert (await simulate(slow, 0, answers=["deny"])).output == "seconds"
    assert (await simulate(slow, 0, answers=[("raise", 3600)])).output == "in time"


async def test_calls_of_tools_are_counted() -> None:
    @tool(read=True)
    async def look(item: int) -> int:
        """Look something up."""
        return item

    @workflow(tools=[look], budget=Budget(tool_calls=2))
    async def looking(run: Run, n: int) -> int:
        for i in range(3):
            await run.call(look, item=i)
        return 3

    asked = await simulate(looking, 0)
    assert asked.questions[0].subject["quantity"] == "tool_calls"
    assert asked.record.account.tool_calls == 2
    done = await simulate(looking, 0, answers=[("raise", 3)])
    assert done.output == 3


@pytest.mark.promise("BUDGET-3")
async def test_every_attempt_and_every_repair_is_held_and_counted() -> None:
    unavailable = ModelUnavailable("gone", usage=Usage(0, 700))
    unavailable.billed = 700  # type: ignore[attr-defined]
    model = Paid(unavailable, 300, 300)

    async def at_once(_: float) -> None:
        return

    done = await simulate(
        asking(Budget(tokens=10**6, usd=1), 1),
        0,
        models={"fast": Validating(Retrying(model, sleep=at_once))},
        prices=PRICES,
    )

    assert model.calls == 2
    assert done.record.account.output_tokens == model.billed == 1000
    assert done.record.account.model_calls == 2
    assert done.record.account.cost_nanos == 1_000_000


async def test_an_attempt_without_an_answer_counts_at_its_worst_case() -> None:
    model = Paid(ModelUnavailable("silence"), 300)

    async def at_once(_: float) -> None:
        return

    done = await simulate(
        asking(Budget(tokens=10**6), 1), 0, models={"fast": Retrying(model, sleep=at_once)}
    )

    assert done.record.account.output_tokens == 300 + 512


async def test_an_attempt_that_the_provider_refused_costs_nothing() -> None:
    model = Paid(ModelUnavailable("busy", status=429), 300)

    async def at_once(_: float) -> None:
        return

    done = await simulate(
        asking(Budget(tokens=10**6), 1), 0, models={"fast": Retrying(model, sleep=at_once)}
    )

    assert done.record.account.output_tokens == 300


@pytest.mark.promise("BUDGET-4")
async def test_a_model_without_a_price_is_refused_under_a_ceiling_of_money() -> None:
    class Unpriced(Paid):
        @property
        def name(self) -> str:
            return "openai-compatible:nowhere#x"

        @property
        def real(self) -> bool:
            return True

    model = Unpriced()
    refused = await simulate(asking(Budget(usd=1)), 0, models={"fast": model})
    assert refused.state is RunState.FAILED
    assert "Stanchion(prices={'openai-compatible:nowhere#x'" in refused.reason
    assert model.calls == 0


async def test_a_warning_is_recorded_at_each_fraction_once() -> None:
    done = await simulate(
        asking(Budget(tokens=10_000, warn_at=(0.2, 0.45))), 0, models={"fast": Paid(*[1000] * 5)}
    )

    assert [e.facts["fraction"] for e in notes(done.entries, "ceiling near")] == [0.2, 0.45]


async def test_branches_never_hold_the_same_room() -> None:
    @workflow(budget=Budget(tokens=6000))
    async def wide(run: Run, n: int) -> int:
        async def one() -> int:
            await run.extract(str, source="text", role="fast")
            return 1

        return sum(await run.gather(*(one() for _ in range(8))))

    model = Paid(*[500] * 8)
    done = await simulate(wide, 0, models={"fast": model})

    assert done.output == 8
    assert done.questions == ()


@pytest.mark.promise("BUDGET-5")
async def test_a_crash_loses_nothing_of_what_was_billed() -> None:
    model = Paid()

    def fresh() -> None:
        model.billed = model.calls = 0

    crashes = [
        crash
        async for crash in crash_at_every_commit(
            asking(Budget(tokens=3000), 3),
            0,
            models=lambda: {"fast": model},
            answers=lambda _: ("raise", 100_000),
            before=fresh,
        )
        if crash.result.record.account.output_tokens < model.billed
    ]

    assert crashes == []


def test_a_budget_in_floats_or_below_zero_is_refused() -> None:
    for wrong in ({"usd": 0.25}, {"tokens": -1}, {"warn_at": (1.5,)}, {"usd": "much"}):
        with pytest.raises(ConfigurationError):
            Budget(**cast("Any", wrong))


def test_the_worst_case_of_a_request_is_above_what_any_tokenizer_of_bytes_makes_of_it() -> None:
    request = ModelRequest((Message("user", (TextPart("ö" * 100),)),), max_tokens=7)

    assert worst_case(request).input_tokens >= 200
    assert worst_case(request).output_tokens == 7
    longer = replace(request, schema={"type": "object"})
    assert worst_case(longer).input_tokens > worst_case(request).input_tokens
