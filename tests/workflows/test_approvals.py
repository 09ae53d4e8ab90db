"""Approvals of calls: how long they are waited for, and what happens after that."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from stanchion import Expired, Run, Settings, Stanchion, workflow
from stanchion.errors import ContractError
from stanchion.ledger import NewRun, open_store, payload
from stanchion.review import ReviewInbox, ReviewRefused, reply
from stanchion.testing import FakeClock, simulate
from stanchion.values import Question
from stanchion.workflows import Host, Workflow, Workflows, advance
from tests.workflows.desk import Bank, pay_blindly

HOUR, WEEK = timedelta(hours=1), timedelta(days=7)


async def pay(run: Run[Bank], account: str) -> str:
    try:
        return await run.call(pay_blindly, account, 10)
    except Expired as expired:
        return f"given up: {expired.message}"


in_an_hour = workflow(tools=[pay_blindly], approval_timeout=HOUR)(pay)
for_ever = workflow(tools=[pay_blindly], approval_timeout=timedelta())(pay)
as_the_app_says = workflow(tools=[pay_blindly])(pay)


async def test_a_call_that_nobody_approves_in_time_isnt_made_and_the_workflow_is_told() -> None:
    bank = Bank()

    result = await simulate(in_an_hour, "111", deps=bank)

    assert result.output is not None
    assert result.output.startswith("given up: pay_blindly: this call needs a person")
    assert bank.sent == []
    (question,) = result.questions
    assert question.asked_at is not None
    assert question.expires_at == question.asked_at + HOUR


@pytest.mark.promise("REVIEW-1")
async def test_an_approval_after_its_deadline_is_refused_and_calls_nothing() -> None:
    clock, bank = FakeClock(), Bank()
    store = open_store("sqlite://:memory:", clock=clock.now)
    host = Host(store, Workflows([in_an_hour]), "worker", deps=bank, clock=clock)
    await store.create(NewRun("run", in_an_hour.name, "1", payload("111")))
    await advance(host, "run")
    inbox = ReviewInbox(store, clock=clock.now)
    (question,) = await inbox.pending()
    clock.advance(HOUR)

    with pytest.raises(ReviewRefused, match="expired"):
        await inbox.answer(reply(question, "approve", by="ana", at=clock.now()))
    record = await advance(host, "run")

    assert record is not None
    assert (record.state, bank.sent) == ("completed", [])
    await store.close()


class Asking:
    """An app with a clock of its own, and the first question that it asks."""

    def __init__(self, settings: Settings) -> None:
        self.app = Stanchion("sqlite://:memory:", settings=settings, deps=Bank())

    async def question(self, definition: Workflow[Any, Any, Any]) -> Question:
        handle = await self.app.start(definition, "111")
        await handle.settled()
        (question,) = await self.app.reviews.pending(run=handle.id)
        return question


@pytest.fixture
async def asking() -> AsyncIterator[Asking]:
    made = Asking(Settings(poll_seconds=0.02))
    yield made
    await made.app.close()


@pytest.mark.parametrize(
    ("definition", "limit"), [(as_the_app_says, WEEK), (in_an_hour, HOUR), (for_ever, None)]
)
async def test_an_app_waits_a_week_for_an_approval_unless_the_workflow_says_otherwise(
    asking: Asking, definition: Workflow[Any, Any, Any], limit: timedelta | None
) -> None:
    question = await asking.question(definition)

    assert question.asked_at is not None
    expected = None if limit is None else question.asked_at + limit
    assert question.expires_at == expected


async def test_settings_say_how_long_an_app_waits_for_an_approval() -> None:
    asking = Asking(Settings(poll_seconds=0.02, approval_seconds=0))
    question = await asking.question(as_the_app_says)
    await asking.app.close()

    assert question.expires_at is None


def test_a_limit_below_zero_is_refused() -> None:
    with pytest.raises(ContractError, match="approval_timeout"):
        workflow(tools=[pay_blindly], approval_timeout=-HOUR)(pay)
