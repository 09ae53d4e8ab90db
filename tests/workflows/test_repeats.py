"""Writes that a model proposes again: told, asked about, joined; never made twice by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from stanchion import CallContext, NotPerformed, Run, allow, tool, workflow
from stanchion.testing import crash_at_every_commit, simulate
from stanchion.values import Json
from stanchion.workflows import AgentResult
from tests.workflows.agents import model, pay, read_by
from tests.workflows.desk import Bank, pay_with_key

TOOLS = [pay_with_key]
FREELY = [allow(pay_with_key)]
GO = "Pay 3, 4 or 30 to 111."


@workflow(tools=TOOLS, untrusted_may=FREELY)
async def once(run: Run[Bank], text: str) -> str | None:
    return (await run.agent(goal="Pay.", tools=TOOLS, input=text)).output


@workflow(tools=TOOLS, untrusted_may=FREELY)
async def in_two_steps(run: Run[Bank], text: str) -> str | None:
    await run.agent(goal="Pay.", tools=TOOLS, input=text)
    return (await run.agent(goal="Pay.", tools=TOOLS, input=text)).output


@workflow(tools=TOOLS, untrusted_may=FREELY)
async def side_by_side(run: Run[Bank], text: str) -> None:
    await run.gather(
        run.agent(goal="Pay.", tools=TOOLS, input=text),
        run.agent(goal="Pay.", tools=TOOLS, input=text),
    )


@workflow(tools=TOOLS)
async def supervised(run: Run[Bank], text: str) -> str | None:
    return (await run.agent(goal="Pay.", tools=TOOLS, input=text)).output


def said(response: Json) -> tuple[str, Json]:
    assert isinstance(response, Mapping)
    return str(response["notice"]), response["result"]


@pytest.mark.promise("EFFECT-6")
async def test_a_model_that_proposes_a_write_again_is_told_its_result_under_any_call_id() -> None:
    bank, payer = Bank(), model(pay(3, "a"), pay(3, "b"), "done")

    result = await simulate(once, GO, models={"strong": payer}, deps=bank)

    assert len(bank.sent) == 1
    first, second = read_by(payer)
    assert first == "receipt 1"
    notice, outcome = said(second)
    assert "was made before" in notice
    assert outcome == "receipt 1"
    assert result.output == "done"


@pytest.mark.promise("EFFECT-6")
async def test_another_agent_step_of_the_run_is_told_too() -> None:
    bank, payer = Bank(), model(pay(3), "done")

    await simulate(in_two_steps, GO, models={"strong": payer}, deps=bank)

    assert len(bank.sent) == 1
    assert said(read_by(payer)[0])[1] == "receipt 1"


@pytest.mark.promise("EFFECT-6")
async def test_arguments_that_mean_the_same_are_the_same_write() -> None:
    spelled = pay(3)
    spelled = type(spelled)("b", spelled.name, {"amount": "3", "account": "111"})
    bank, payer = Bank(), model(pay(3), spelled, "done")

    await simulate(once, GO, models={"strong": payer}, deps=bank)

    assert len(bank.sent) == 1


async def test_other_arguments_are_another_write() -> None:
    bank, payer = Bank(), model(pay(3), pay(4), "done")

    await simulate(once, GO, models={"strong": payer}, deps=bank)

    assert [amount for _, _, amount in bank.sent] == [3, 4]


async def test_a_write_that_code_made_is_told_to_a_model_that_proposes_it() -> None:
    @workflow(tools=TOOLS, untrusted_may=FREELY)
    async def code_first(run: Run[Bank], text: str) -> None:
        await run.call(pay_with_key, "111", 3)
        await run.agent(goal="Pay.", tools=TOOLS, input=text)
        await run.call(pay_with_key, "111", 3)

    bank, payer = Bank(), model(pay(3), "done")
    await simulate(code_first, GO, models={"strong": payer}, deps=bank)

    assert len({key for key, _, _ in bank.sent}) == 2, "two deliberate calls in code are two"
    assert said(read_by(payer)[0])[1] == "receipt 1"


@pytest.mark.promise("EFFECT-6")
@pytest.mark.parametrize(
    ("answer", "paid"), [("approve", 2), ("deny", 1)], ids=["again", "not again"]
)
async def test_a_model_that_insists_makes_a_person_be_asked(answer: str, paid: int) -> None:
    bank, payer = Bank(), model(pay(3), pay(3), pay(3), "done")

    result = await simulate(
        once, GO, models={"strong": payer}, deps=bank, answers=[answer, "no more questions"]
    )

    assert [q.prompt.partition(".")[2] for q in result.questions] == [" Again? It can't be undone."]
    assert len({key for key, _, _ in bank.sent}) == paid == len(bank.sent)


async def test_after_a_persons_no_nobody_is_asked_again() -> None:
    bank, payer = Bank(), model(pay(3), pay(3), pay(3), pay(3), "done")

    result = await simulate(once, GO, models={"strong": payer}, deps=bank, answers=["deny"])

    assert (len(result.questions), len(bank.sent), result.output) == (1, 1, "done")
    assert said(read_by(payer)[-1])[1] == "receipt 1"


@pytest.mark.promise("LIMIT-1")
async def test_a_model_that_insists_after_a_persons_no_is_stopped_with_what_it_made() -> None:
    @workflow(tools=TOOLS, untrusted_may=FREELY)
    async def stubborn(run: Run[Bank], text: str) -> AgentResult[str]:
        return await run.agent(
            goal="Pay.", tools=TOOLS, input=text, max_turns=30, when_stuck="stop"
        )

    bank, payer = Bank(), model(*[pay(3)] * 30)
    result = await simulate(stubborn, GO, models={"strong": payer}, deps=bank, answers=["deny"])

    assert result.output is not None
    assert (result.output.stop_reason, result.output.tool_calls) == ("stuck", 9)
    assert [found.result for found in result.output.partial] == ["receipt 1"]
    assert (len(bank.sent), len(result.questions)) == (1, 1)


async def test_after_a_persons_yes_the_next_repetition_is_told_as_the_first_was() -> None:
    bank, payer = Bank(), model(pay(3), pay(3), pay(3), pay(3), "done")

    result = await simulate(once, GO, models={"strong": payer}, deps=bank, answers=["approve"])

    assert (len(result.questions), len(bank.sent)) == (1, 2)
    assert said(read_by(payer)[-1])[1] == "receipt 2"


@pytest.mark.promise("EFFECT-6")
async def test_a_call_that_a_person_edited_counts_as_made_when_the_original_comes_again() -> None:
    bank, payer = Bank(), model(pay(30), pay(30), "done")
    edited = ("edit", {"account": "111", "amount": 3})

    await simulate(supervised, GO, models={"strong": payer}, deps=bank, answers=[edited])

    assert [amount for _, _, amount in bank.sent] == [3]
    for response in read_by(payer):
        notice, outcome = said(response)
        assert "a person changed" in notice
        assert outcome == "receipt 1"
        assert isinstance(response, Mapping)
        assert response["made_with"] == {"account": "111", "amount": 3}


async def test_a_call_that_a_person_denied_stays_denied_without_another_question() -> None:
    bank, payer = Bank(), model(pay(3), pay(3), "sorry")

    result = await simulate(
        supervised, GO, models={"strong": payer}, deps=bank, answers=["deny", "approve"]
    )

    assert (len(result.questions), bank.sent) == (1, [])
    first, second = read_by(payer)
    assert isinstance(first, Mapping)
    assert isinstance(second, Mapping)
    assert first["code"] == second["code"] == "denied"


async def test_a_write_that_was_not_performed_may_be_proposed_again() -> None:
    class Moody(Bank):
        def pay(self, key: str, account: str, amount: int) -> str:
            if self.sent:
                return super().pay(key, account, amount)
            self.sent.append((key, account, amount))
            raise NotPerformed("the bank refused")

    payer = model(pay(3), pay(3), "done")

    await simulate(once, GO, models={"strong": payer}, deps=Moody())

    assert read_by(payer)[-1] == "receipt 1"


@pytest.mark.promise("EFFECT-6")
async def test_two_agents_that_propose_the_same_write_at_once_make_it_once() -> None:
    gate = asyncio.Event()

    @tool(write=True, targets={"account"})
    async def pay_slowly(call: CallContext[Bank], account: str, amount: int) -> str:
        """Pay money out.

        Args:
            account: To whom.
            amount: Whole euros.
        """
        asyncio.get_running_loop().call_later(0.01, gate.set)
        await gate.wait()
        return call.deps.pay(call.key, account, amount)

    @workflow(tools=[pay_slowly], untrusted_may=[allow(pay_slowly)])
    async def both(run: Run[Bank], text: str) -> list[str | None]:
        first, second = await run.gather(
            run.agent(goal="Pay.", tools=[pay_slowly], input=text),
            run.agent(goal="Pay.", tools=[pay_slowly], input=text),
        )
        return [first.output, second.output]

    bank, payer = Bank(), model(pay(3, tool="pay_slowly"), "done")
    result = await simulate(both, GO, models={"strong": payer}, deps=bank)

    assert result.output == ["done", "done"]
    assert len(bank.sent) == 1


@pytest.mark.promise("EFFECT-6")
async def test_concurrent_duplicates_that_wait_for_a_person_are_one_question() -> None:
    @workflow(tools=TOOLS)
    async def both(run: Run[Bank], text: str) -> None:
        await run.gather(
            run.agent(goal="Pay.", tools=TOOLS, input=text),
            run.agent(goal="Pay.", tools=TOOLS, input=text),
        )

    bank, payer = Bank(), model(pay(3), "done")
    result = await simulate(both, GO, models={"strong": payer}, deps=bank, answers=["approve"])

    assert (len(result.questions), len(bank.sent), result.state) == (1, 1, "completed")


@pytest.mark.promise("EFFECT-6")
@pytest.mark.parametrize("definition", [in_two_steps, side_by_side], ids=lambda d: d.name)
async def test_a_crash_anywhere_makes_no_repetition_an_effect(definition: Any) -> None:
    world = [Bank()]

    def before() -> None:
        world[0] = Bank()

    class Deps:
        refuse = False

        def pay(self, *args: Any) -> str:
            return world[0].pay(*args)

    crashes = 0
    async for crash in crash_at_every_commit(
        definition,
        GO,
        deps=Deps(),
        before=before,
        models=lambda: {"strong": model(pay(3), pay(3), "done")},
        answers=lambda _: "deny",
    ):
        crashes += 1
        assert crash.result.state == "completed", (crash.point, crash.side)
        assert len(crash.result.questions) == 1, (crash.point, crash.side)
        assert len({key for key, _, _ in world[0].sent}) == 1, (crash.point, crash.side)
    assert crashes > 10
