"""Code that differs from its record and goes on because a person accepted it, once and for good."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from stanchion import Run, allow, workflow
from stanchion.ledger import Message, NewRun, RunRecord, open_store, payload, verify
from stanchion.review import ReviewInbox, reply
from stanchion.workflows import Host, Workflow, Workflows, steps_of
from tests.moving import move
from tests.workflows.desk import Bank, pay_with_key

performed: list[str] = []


def note(text: str) -> str:
    performed.append(text)
    return text


async def asked(run: Run[Any], question: str) -> str:
    return await run.ask(question, choices=("yes", "no"))


@workflow(name="flow")
async def recorded(run: Run[Any], _: str) -> str:
    await run.read(note, "first")
    await run.read(note, "second")
    return await asked(run, "Before?")


@workflow(name="flow")
async def changed(run: Run[Any], _: str) -> str:
    await run.read(note, "first")
    await run.read(note, "another second")
    answers = [await asked(run, "After?"), await asked(run, "Really?")]
    return " ".join(answers)


@workflow(name="flow")
async def changed_again(run: Run[Any], _: str) -> str:
    await run.read(note, "another first")
    return await asked(run, "After?")


class Desk:
    """One run, moved by hand with one version of its code or another."""

    def __init__(self) -> None:
        self.store: Any = open_store("sqlite://:memory:")
        self.sent = 0

    async def move(self, definition: Workflow[Any, Any, Any]) -> RunRecord:
        host = Host(self.store, Workflows([definition]), "worker", deps=Bank())
        return await move(host)

    async def accept(self, definition: Workflow[Any, Any, Any]) -> RunRecord:
        self.sent += 1
        order = payload({"by": "ana", "accept_drift": True})
        await self.store.send(Message("run", "resume", f"resume {self.sent}", order, "resume"))
        return await self.move(definition)

    async def answer(self) -> None:
        inbox = ReviewInbox(self.store)
        (question,) = await inbox.pending()
        assert question.asked_at is not None
        await inbox.answer(reply(question, "yes", by="bob", at=question.asked_at))


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    performed.clear()
    made = Desk()
    await made.store.create(NewRun("run", "flow", "1", payload("x")))
    yield made
    report = await verify(made.store)
    assert report.findings == ()
    await made.store.close()


async def test_a_run_that_differs_rests_whatever_comes_for_it_and_goes_on_once_resumed(
    desk: Desk,
) -> None:
    await desk.move(recorded)
    await desk.answer()
    await desk.move(changed)

    assert await desk.store.runnable(10, ["flow"]) == []
    assert await ReviewInbox(desk.store).pending() == ()

    await desk.store.send(Message("run", "resume", "again", payload({"by": "ana"}), "resume"))
    record = await desk.move(recorded)
    assert record.state == "completed"


async def test_a_difference_that_was_accepted_isnt_asked_about_after_the_next_waits(
    desk: Desk,
) -> None:
    await desk.move(recorded)
    assert "code asks for:" in (await desk.move(changed)).reason

    assert (await desk.accept(changed)).reason == "a person: After?"
    await desk.answer()
    assert (await desk.move(changed)).reason == "a person: Really?"
    await desk.answer()
    record = await desk.move(changed)

    assert record.state == "completed"
    assert performed == ["first", "second", "another second"]


async def test_an_acceptance_keeps_who_gave_it_when_and_what_differs_where(desk: Desk) -> None:
    await desk.move(recorded)
    await desk.accept(changed)

    (accepted,) = [e for e in await desk.store.entries("run") if e.name == "accepted"]
    assert (accepted.place.lane, accepted.place.ordinal) == ("", 1)
    assert accepted.recorded_at is not None
    assert accepted.facts == {
        "by": "ana",
        "difference": "step 'note' instead of the same step with another request",
    }


async def test_the_steps_that_were_given_up_are_no_steps_of_the_run_and_ask_nobody(
    desk: Desk,
) -> None:
    await desk.move(recorded)
    await desk.accept(changed)

    steps = steps_of(await desk.store.entries("run"))
    assert [(step.ordinal, step.status) for step in steps] == [(0, "ok"), (1, "ok"), (2, "waiting")]
    (question,) = await ReviewInbox(desk.store).pending()
    assert question.prompt == "After?"


async def test_a_difference_that_nobody_has_seen_is_refused_though_another_was_accepted(
    desk: Desk,
) -> None:
    await desk.move(recorded)
    await desk.accept(changed)
    performed.clear()

    record = await desk.move(changed_again)

    assert record.state == "waiting"
    assert "code asks for:" in record.reason
    assert performed == []


async def test_branches_behind_an_accepted_difference_keep_what_they_recorded(desk: Desk) -> None:
    def flow(first: str, *more: str) -> Workflow[Any, Any, Any]:
        async def branch(run: Run[Any], name: str) -> str:
            await run.read(note, name)
            for each in more:
                await run.read(note, f"{name} {each}")
            return await asked(run, f"{name}?")

        @workflow(name="flow")
        async def branches(run: Run[Any], _: str) -> str:
            await run.read(note, first)
            return "".join(await run.gather(branch(run, "left"), branch(run, "right")))

        return branches

    await desk.move(flow("first"))
    changed = flow("another first")
    await desk.accept(changed)
    for question in await ReviewInbox(desk.store).pending():
        assert question.asked_at is not None
        given = reply(question, "yes", by="bob", at=question.asked_at)
        await ReviewInbox(desk.store).answer(given)
    record = await desk.move(changed)

    assert record.state == "completed"
    assert performed == ["first", "left", "right", "another first"]


async def test_a_difference_isnt_accepted_past_a_recorded_write(desk: Desk) -> None:
    allowed = [allow(pay_with_key)]

    @workflow(name="flow", tools=[pay_with_key], untrusted_may=allowed)
    async def pays(run: Run[Bank], _: str) -> str:
        await run.read(note, "first")
        await run.call(pay_with_key, "111", 1)
        return await asked(run, "Before?")

    @workflow(name="flow", tools=[pay_with_key], untrusted_may=allowed)
    async def pays_otherwise(run: Run[Bank], _: str) -> str:
        await run.read(note, "another first")
        return await run.call(pay_with_key, "111", 1)

    await desk.move(pays)
    record = await desk.accept(pays_otherwise)

    assert record.state == "waiting"
    assert "drift can't be accepted past the writes recorded here: pay_with_key" in record.reason
    assert performed == ["first"]
