"""The users' own layers of the gateway."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from stanchion import Run, ToolFailed, allow, workflow
from stanchion.testing import Simulated, simulate
from stanchion.tools import Layer, Next, note, stop
from stanchion.values import Action, ToolCall, ToolError, ToolResult
from tests.workflows.desk import Bank, pay_blindly, pay_with_key


async def nights_are_quiet(call: ToolCall, proceed: Next) -> ToolResult:
    del proceed
    return stop(call, "nights_are_quiet", ToolError("night", "it is night", Action.WAIT))


async def halve(call: ToolCall, proceed: Next) -> ToolResult:
    amount = call.arguments["amount"] // 2
    return await proceed(replace(call, arguments={**call.arguments, "amount": amount}))


async def blue_is_seen(call: ToolCall, proceed: Next) -> ToolResult:
    return await proceed(note(call, "blue_is_seen", "ask", "blue is seen by a person"))


async def pay_through(bank: Bank, *layers: Layer, **simulated: Any) -> Simulated[str]:
    @workflow(
        tools=[pay_with_key, pay_blindly],
        untrusted_may=[allow(pay_with_key, max_amount="50")],
        layers=layers,
    )
    async def pay(run: Run[Bank], amount: int) -> str:
        try:
            return await run.call(pay_with_key, "111", amount)
        except ToolFailed as error:
            return str(error.facts["error"]["code"])

    return await simulate(pay, 80, deps=bank, **simulated)


async def test_a_users_layer_can_refuse_a_call() -> None:
    bank = Bank()
    done = await pay_through(bank, nights_are_quiet)
    assert done.output == "night"
    assert bank.sent == []
    assert ["nights_are_quiet", "refuse: night"] in done.steps[0].facts["verdicts"]


async def test_policy_judges_a_call_as_a_users_layer_changed_it() -> None:
    bank = Bank()
    done = await pay_through(bank, halve)
    assert done.questions == ()
    assert [amount for _, _, amount in bank.sent] == [40]


async def test_a_users_layer_can_put_a_call_in_front_of_a_person() -> None:
    done = await pay_through(Bank(), halve, blue_is_seen, answers=["approve"])
    assert [q.reason for q in done.questions] == ["blue is seen by a person"]


async def test_the_verdict_of_a_silent_layer_is_recorded_in_the_layers_order() -> None:
    done = await pay_through(Bank(), halve, blue_is_seen, answers=["approve"])
    layers = [layer for layer, _ in done.steps[0].facts["verdicts"]]
    assert layers == ["validate", "ground", "halve", "blue_is_seen", "judge", "within", "review"]
