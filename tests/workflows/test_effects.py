"""Writes: intents, unknown outcomes, and what settles them."""

from __future__ import annotations

from typing import Any

import pytest

from stanchion import Run, ToolFailed, allow, workflow
from stanchion.ledger import EntryPhase
from stanchion.testing import crash_at_every_commit, simulate
from stanchion.values import Question
from tests.workflows.desk import Bank, balance, pay_and_reconcile, pay_blindly, pay_with_key

ANYTHING = [allow(pay_with_key), allow(pay_and_reconcile), allow(pay_blindly)]


@workflow(tools=[pay_with_key], untrusted_may=ANYTHING)
async def with_key(run: Run[Bank], account: str) -> str:
    return await run.call(pay_with_key, account, 10)


@workflow(tools=[pay_and_reconcile], untrusted_may=ANYTHING)
async def with_reconciler(run: Run[Bank], account: str) -> str:
    return await run.call(pay_and_reconcile, account, 10)


@workflow(tools=[pay_blindly], untrusted_may=ANYTHING)
async def with_nothing(run: Run[Bank], account: str) -> str:
    try:
        return await run.call(pay_blindly, account, 10)
    except Exception as error:
        return f"caught {type(error).__name__}"


@workflow(tools=[balance, pay_with_key], untrusted_may=ANYTHING)
async def look_then_pay(run: Run[Bank], account: str) -> str:
    amount = await run.call(balance, account)
    first = await run.call(pay_with_key, account, amount)
    second = await run.call(pay_with_key, account, amount)
    return f"{first}, {second}"


@workflow(tools=[pay_with_key])
async def without_bounds(run: Run[Bank], account: str) -> str:
    return await run.call(pay_with_key, account, 10)


def phases(entries: Any, kind: str = "call") -> list[str]:
    return [e.phase.value for e in entries if e.kind == kind]


@pytest.mark.promise("EFFECT-1")
async def test_the_intent_with_key_and_deadline_is_durable_before_anything_is_sent() -> None:
    bank = Bank()

    result = await simulate(with_key, "111", deps=bank)

    assert phases(result.entries) == ["intent", "done"]
    intent = next(e for e in result.entries if e.phase is EntryPhase.INTENT)
    assert intent.facts["key"] == bank.sent[0][0]
    assert intent.facts["deadline"]


@pytest.mark.promise("EFFECT-1")
async def test_a_crash_before_the_intent_is_durable_has_sent_nothing() -> None:
    world = [Bank()]

    def before() -> None:
        world[0] = Bank()

    @workflow(tools=[pay_blindly], untrusted_may=ANYTHING)
    async def pay(run: Run[list[Bank]], account: str) -> str:
        return await run.call(pay_blindly, account, 10)

    class Deps:
        def pay(self, *args: Any) -> str:
            return world[0].pay(*args)

    sends: dict[tuple[str, str], int] = {}
    async for crash in crash_at_every_commit(
        pay, "111", deps=Deps(), before=before, answers=lambda q: None
    ):
        sends[crash.point, crash.side] = len(world[0].sent)

    assert sends["intent call pay_blindly", "before"] == 1
    assert sends["intent call pay_blindly", "after"] == 0
    assert sends["done call pay_blindly", "before"] == 1


@pytest.mark.promise("EFFECT-4")
async def test_a_lost_answer_is_asked_for_again_with_the_same_key() -> None:
    bank = Bank(lose_answers=1)

    result = await simulate(with_key, "111", deps=bank)

    assert result.output == "receipt 1"
    assert len({key for key, _, _ in bank.sent}) == 1
    assert len(bank.sent) == 2
    assert phases(result.entries) == ["intent", "unknown", "intent", "done"]


@pytest.mark.promise("EFFECT-4")
async def test_a_reconciler_is_asked_before_anything_is_sent_again() -> None:
    bank = Bank(lose_answers=1)

    result = await simulate(with_reconciler, "111", deps=bank)

    assert (result.output, len(bank.sent)) == ("receipt 1", 1)
    assert phases(result.entries, "reconcile") == ["done"]


@pytest.mark.promise("EFFECT-2")
@pytest.mark.promise("EFFECT-3")
async def test_without_key_and_reconciler_a_person_is_asked_and_nothing_can_catch_it() -> None:
    bank = Bank(lose_answers=1)

    result = await simulate(with_nothing, "111", deps=bank)

    assert result.state == "waiting"
    assert [q.kind for q in result.questions] == ["unknown"]
    assert len(bank.sent) == 1


@pytest.mark.promise("EFFECT-3")
async def test_a_person_who_says_that_it_happened_gives_the_result() -> None:
    bank = Bank(lose_answers=1)

    result = await simulate(with_nothing, "111", deps=bank, answers=[("happened", "by phone")])

    assert (result.output, len(bank.sent)) == ("by phone", 1)


@pytest.mark.promise("EFFECT-3")
async def test_a_person_who_says_that_it_did_not_happen_lets_it_be_sent_again() -> None:
    bank = Bank(lose_answers=1)

    result = await simulate(with_nothing, "111", deps=bank, answers=["did_not_happen"])

    assert (result.output, len(bank.sent)) == ("receipt 1", 2)


async def test_a_person_who_stops_an_unknown_write_fails_the_run_with_the_reason() -> None:
    result = await simulate(with_nothing, "111", deps=Bank(lose_answers=1), answers=["stop"])

    assert result.state == "failed"
    assert "unknown whether pay_blindly happened" in result.reason


async def test_a_declared_refusal_is_an_outcome_and_reaches_the_workflow() -> None:
    @workflow(tools=[pay_with_key], untrusted_may=ANYTHING)
    async def handles(run: Run[Bank], account: str) -> str:
        try:
            return await run.call(pay_with_key, account, 10)
        except ToolFailed as error:
            return error.facts["error"]["problem"]

    result = await simulate(handles, "111", deps=Bank(refuse=True))

    assert result.output == "the bank refused"


async def test_two_deliberate_identical_calls_are_two_with_keys_of_their_own() -> None:
    bank = Bank()

    result = await simulate(look_then_pay, "111", deps=bank)

    assert result.output == "receipt 1, receipt 2"
    assert len({key for key, _, _ in bank.sent}) == 2


async def test_a_call_that_was_edited_to_equal_a_later_one_has_a_key_of_its_own() -> None:
    @workflow(tools=[pay_with_key])
    async def pay_twice(run: Run[Bank], account: str) -> str:
        first = await run.call(pay_with_key, account, 10)
        return f"{first}, {await run.call(pay_with_key, account, 3)}"

    def person(question: Question) -> tuple[str, Any]:
        proposed = question.subject["arguments"]["amount"] == 10
        return ("edit", {"account": "111", "amount": 3}) if proposed else ("approve", None)

    bank = Bank()
    crashes = crash_at_every_commit(
        pay_twice, "111", deps=bank, answers=person, before=bank.done.clear
    )
    paid = {(crash.result.output, len(bank.done)) async for crash in crashes}

    assert paid == {("receipt 1, receipt 2", 2)}


@pytest.mark.promise("EFFECT-5")
async def test_an_irreversible_write_without_bounds_needs_a_person() -> None:
    bank = Bank()

    result = await simulate(without_bounds, "111", deps=bank)

    assert result.state == "waiting"
    assert bank.sent == []
    assert result.questions[0].subject["arguments"] == {"account": "111", "amount": 10}


@pytest.mark.promise("EFFECT-5")
async def test_an_approved_write_runs_once() -> None:
    bank = Bank()

    result = await simulate(without_bounds, "111", deps=bank, answers=["approve"])

    assert (result.output, len(bank.sent)) == ("receipt 1", 1)


@pytest.mark.promise("EFFECT-5")
async def test_a_denied_write_never_runs_and_the_workflow_learns_who_denied_it() -> None:
    bank = Bank()

    result = await simulate(without_bounds, "111", deps=bank, answers=["deny"])

    assert result.state == "failed"
    assert "Denied" in result.reason
    assert bank.sent == []


@pytest.mark.promise("EFFECT-5")
async def test_an_edited_write_runs_as_edited() -> None:
    bank = Bank()
    edit = ("edit", {"account": "111", "amount": 3})

    result = await simulate(without_bounds, "111", deps=bank, answers=[edit])

    assert result.output == "receipt 1"
    assert bank.sent[0][1:] == ("111", 3)


@pytest.mark.promise("EFFECT-4")
async def test_after_a_crash_anywhere_a_write_with_a_key_was_done_once() -> None:
    bank = Bank()

    def before() -> None:
        bank.sent.clear()
        bank.done.clear()

    outputs = [
        (crash.result.output, len(bank.done))
        async for crash in crash_at_every_commit(look_then_pay, "111", deps=bank, before=before)
    ]

    assert len(outputs) >= 10
    assert set(outputs) == {("receipt 1, receipt 2", 2)}


@pytest.mark.promise("EFFECT-4")
async def test_after_a_crash_anywhere_a_reconciled_write_was_sent_once() -> None:
    bank = Bank()

    def before() -> None:
        bank.sent.clear()
        bank.done.clear()

    sent = [
        (crash.result.output, len(bank.sent))
        async for crash in crash_at_every_commit(with_reconciler, "111", deps=bank, before=before)
    ]

    assert set(sent) == {("receipt 1", 1)}


@pytest.mark.promise("EFFECT-5")
async def test_after_a_crash_anywhere_an_approved_write_was_done_once() -> None:
    bank = Bank()

    def before() -> None:
        bank.sent.clear()
        bank.done.clear()

    async for crash in crash_at_every_commit(
        without_bounds, "111", deps=bank, before=before, answers=lambda _: "approve"
    ):
        assert crash.result.output == "receipt 1", crash
        assert len(bank.done) == 1
