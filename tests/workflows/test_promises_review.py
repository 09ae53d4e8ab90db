"""Attacks on what is promised of answers: counted for the exact call that was shown, and once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from stanchion import CallContext, Run, tool, workflow
from stanchion.ledger import Message, NewRun, RunRecord, Store, open_store, payload
from stanchion.review import (
    Answer,
    ReviewInbox,
    answer_to_body,
    questions_from_waits,
    reply,
)
from stanchion.values import Question
from stanchion.workflows import Host, Workflow, Workflows
from tests.moving import move
from tests.workflows.desk import Bank


async def send(call: CallContext[Bank], account: str, amount: int) -> str:
    """Send money out.

    Args:
        account: The account's number.
        amount: Whole euros.
    """
    return call.deps.pay(call.key, account, amount)


def paying(**declared: Any) -> Workflow[Any, Any, Any]:
    """Return the same workflow with a tool of the same name and version, declared otherwise."""
    sends = tool(write=True, **declared)(send)

    @workflow(name="pays", tools=[sends])
    async def pays(run: Run[Bank], account: str) -> str:
        return await run.call(sends, account, 10)

    return pays


class Desk:
    """One run in one store, moved and answered by hand."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.bank = Bank()

    async def move(self, definition: Workflow[Any, Any, Any]) -> RunRecord:
        return await move(Host(self.store, Workflows([definition]), "worker", deps=self.bank))

    async def question(self) -> Question:
        (question,) = questions_from_waits(await self.store.waits(run="run"))
        return question

    async def force(self, answer: Answer, key: str) -> None:
        """Put an answer into the inbox around every check of it."""
        body = payload(answer_to_body(answer))
        await self.store.send(Message("run", answer.question, key, body, "answer"))


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    store = open_store("sqlite://:memory:")
    await store.create(NewRun("run", "pays", "1", payload("111")))
    yield Desk(store)
    await store.close()


def approve(question: Question) -> Answer:
    assert question.asked_at is not None
    return reply(question, "approve", by="lena", at=question.asked_at)


@pytest.mark.promise("REVIEW-1")
@pytest.mark.promise("EFFECT-5")
async def test_an_approval_of_a_contract_that_changed_since_is_void_and_asked_again(
    desk: Desk,
) -> None:
    await desk.move(paying())
    shown = await desk.question()
    await ReviewInbox(desk.store, clock=lambda: approve(shown).at).answer(approve(shown))

    changed = paying(description="Send money to anybody.")
    record = await desk.move(changed)

    assert (record.state, desk.bank.sent) == ("waiting", [])
    asked_again = await desk.question()
    assert asked_again.digest != shown.digest
    await desk.force(approve(asked_again), "second")
    assert (await desk.move(changed)).state == "completed"
    assert len(desk.bank.sent) == 1


@pytest.mark.promise("REVIEW-1")
@pytest.mark.parametrize(
    "forged",
    [{"digest": "0" * 64}, {"question": "other"}, {"choice": "yes"}, {"by": ""}],
    ids=["another digest", "another question", "no choice of it", "from nobody"],
)
async def test_the_run_checks_an_answer_itself_whoever_put_it_into_its_inbox(
    desk: Desk, forged: dict[str, str]
) -> None:
    pays = paying()
    await desk.move(pays)
    question = await desk.question()
    wrong = payload(answer_to_body(replace(approve(question), **forged)))
    await desk.store.send(Message("run", question.id, "forged", wrong, "answer"))

    record = await desk.move(pays)

    assert (record.state, desk.bank.sent) == ("waiting", [])
    assert await desk.question() == question


@pytest.mark.promise("REVIEW-1")
async def test_a_second_answer_in_the_inbox_approves_no_second_call(desk: Desk) -> None:
    sends = tool(write=True)(send)

    @workflow(name="pays", tools=[sends])
    async def twice(run: Run[Bank], account: str) -> None:
        await run.call(sends, account, 10)
        await run.call(sends, account, 10)

    await desk.move(twice)
    question = await desk.question()
    await desk.force(approve(question), "first")
    await desk.force(approve(question), "second")

    record = await desk.move(twice)

    assert record.state == "waiting"
    assert len(desk.bank.sent) == 1
    assert (await desk.question()).id != question.id
