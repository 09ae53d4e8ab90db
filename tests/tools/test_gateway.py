"""The fold of layers, and the layers of this room."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from stanchion.tools import (
    Approved,
    Asker,
    Edited,
    Gateway,
    Layer,
    Next,
    Rejected,
    Reviewed,
    Unanswered,
    asks,
    compose,
    ground,
    judge,
    note,
    review,
    stop,
    validate,
)
from stanchion.trust import ValueIndex, Verdict, leaves_of
from stanchion.values import Action, ToolCall, ToolError, ToolResult
from tests.tools.bank import ACCOUNT, refund

CALL = ToolCall("refund", {"account_number": ACCOUNT, "amount": {"amount": "5.00"}})


class Core:
    """Records the calls that reach it."""

    def __init__(self) -> None:
        self.calls: list[ToolCall] = []

    async def __call__(self, call: ToolCall) -> ToolResult:
        self.calls.append(call)
        return ToolResult("done", verdicts=(("execute", "pass"),))


def noting(name: str) -> Layer:
    async def layer(call: ToolCall, proceed: Next) -> ToolResult:
        return await proceed(note(call, name, "pass"))

    return layer


async def test_layers_are_passed_in_order_and_each_verdict_is_kept() -> None:
    core = Core()
    result = await compose([noting("a"), noting("b")], core)(CALL)
    assert result.value == "done"
    assert result.verdicts == (("a", "pass"), ("b", "pass"), ("execute", "pass"))


async def test_the_core_sees_why_a_call_was_let_through() -> None:
    core = Core()
    await compose([noting("a"), noting("b")], core)(CALL)
    assert core.calls[0].verdicts == (("a", "pass"), ("b", "pass"))


async def test_a_layer_that_stops_a_call_keeps_it_from_all_that_follow() -> None:
    core = Core()

    async def closed(call: ToolCall, proceed: Next) -> ToolResult:
        del proceed
        return stop(call, "hours", ToolError("closed", "it is night", Action.WAIT))

    result = await compose([noting("a"), closed, noting("b")], core)(CALL)
    assert core.calls == []
    assert result.error is not None
    assert result.verdicts == (("a", "pass"), ("hours", "refuse: closed"))


async def test_a_layer_may_change_what_comes_back() -> None:
    async def louder(call: ToolCall, proceed: Next) -> ToolResult:
        result = await proceed(call)
        return replace(result, value=f"{result.value}!")

    assert (await compose([louder], Core())(CALL)).value == "done!"


async def test_a_gateway_can_be_given_further_layers() -> None:
    gateway = Gateway(refund, (noting("a"),)).around([noting("mine")])
    result = await gateway.run(CALL, Core())
    assert [layer for layer, _ in result.verdicts] == ["a", "mine", "execute"]


# Validate ----------------------------------------------------------------------------------------


async def test_validation_hands_typed_arguments_on() -> None:
    core = Core()
    await compose([validate(refund.contract)], core)(CALL)
    assert core.calls[0].arguments == refund.contract.validate(CALL.arguments)
    assert core.calls[0].verdicts == (("validate", "pass"),)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"account_number": "1", "amount": {"amount": "5"}}, "invalid_argument"),
        (
            {"account_number": ACCOUNT, "amount": {"amount": "5"}, "reason": "x" * 70_000},
            "arguments_too_large",
        ),
    ],
)
async def test_arguments_that_do_not_fit_never_reach_the_core(
    arguments: Mapping[str, Any], code: str
) -> None:
    core = Core()
    result = await compose([validate(refund.contract)], core)(replace(CALL, arguments=arguments))
    assert core.calls == []
    assert result.error is not None
    assert result.error.code == code
    assert result.verdicts == (("validate", f"refuse: {code}"),)


# Judge and review --------------------------------------------------------------------------------


def policy(*, allowed: bool) -> Layer:
    return judge(lambda call: Verdict(allowed=allowed, rule="r", explanation=f"{call.tool} is r"))


def answering(answer: Reviewed, asked: list[tuple[str, ...]]) -> Asker:
    async def ask(call: ToolCall, reasons: tuple[str, ...]) -> Reviewed:
        del call
        asked.append(reasons)
        return answer

    return ask


async def through(layers: list[Layer], answer: Reviewed) -> tuple[ToolResult, Core, list[Any]]:
    core, asked = Core(), list[tuple[str, ...]]()
    reviewing = review(refund.contract, answering(answer, asked))
    door = compose([validate(refund.contract), *layers, reviewing], core)
    return await door(CALL), core, asked


async def test_an_allowed_call_passes_without_a_person() -> None:
    result, core, asked = await through([policy(allowed=True)], Unanswered())
    assert asked == []
    assert len(core.calls) == 1
    assert ("judge", "pass: refund is r") in result.verdicts


async def test_a_call_that_policy_does_not_allow_is_put_to_a_person_with_the_reason() -> None:
    result, core, asked = await through([policy(allowed=False)], Approved("lena"))
    assert asked == [("refund is r",)]
    assert len(core.calls) == 1
    assert result.verdicts[1:3] == (
        ("judge", "ask: refund is r"),
        ("review", "pass: approved by lena"),
    )


async def test_every_layer_that_wants_a_person_is_heard() -> None:
    async def odd(call: ToolCall, proceed: Next) -> ToolResult:
        return await proceed(note(call, "odd", "ask"))

    _, core, asked = await through([odd, policy(allowed=False)], Approved("lena"))
    assert asked == [("", "refund is r")]
    assert asks(core.calls[0]) == ("", "refund is r")


@pytest.mark.promise("EFFECT-5")
async def test_a_denied_call_is_not_made_and_the_model_is_told_to_stop() -> None:
    result, core, _ = await through([policy(allowed=False)], Rejected("lena", "ask for proof"))
    assert core.calls == []
    assert result.error is not None
    assert (result.error.code, result.error.action) == ("denied", Action.STOP)
    assert result.error.problem == "a person denied this call: ask for proof"
    assert result.verdicts[-1] == ("review", "refuse: denied")


async def test_a_call_that_nobody_answered_for_is_not_made() -> None:
    result, core, _ = await through([policy(allowed=False)], Unanswered())
    assert core.calls == []
    assert result.error is not None
    assert result.error.code == "expired"


async def test_an_edited_call_is_made_as_edited_and_validated_again() -> None:
    edited = {"account_number": ACCOUNT, "amount": {"amount": "1.00"}}
    _, core, _ = await through([policy(allowed=False)], Edited("lena", edited))
    assert core.calls[0].arguments == refund.contract.validate(edited)


async def test_an_edit_that_does_not_fit_the_contract_is_not_made() -> None:
    result, core, _ = await through([policy(allowed=False)], Edited("lena", {"amount": "1"}))
    assert core.calls == []
    assert result.error is not None
    assert result.error.field == "account_number"


async def knowing(*said: str) -> ValueIndex:
    index = ValueIndex()
    index.say(leaves_of(said))
    return index


@pytest.mark.promise("TOOL-4")
@pytest.mark.parametrize("origin", ["code", "model"])
async def test_a_target_that_nobody_gave_stops_a_models_call_and_passes_codes(origin: Any) -> None:
    core = Core()
    layers = [validate(refund.contract), ground(refund.contract, knowing)]
    result = await compose(layers, core)(replace(CALL, origin=origin))
    if origin == "code":
        assert ("ground", "pass: called by code") in core.calls[0].verdicts
        return
    assert core.calls == []
    assert result.error is not None
    assert (result.error.code, result.error.field) == ("ungrounded", "account_number")
    assert result.error.action is Action.ASK_USER
    assert ACCOUNT not in repr(result.error)


async def test_a_target_that_the_user_gave_passes() -> None:
    core = Core()

    async def known() -> ValueIndex:
        return await knowing(f"refund 5 to {ACCOUNT}")

    layers = [validate(refund.contract), ground(refund.contract, known)]
    await compose(layers, core)(replace(CALL, origin="model"))
    assert core.calls[0].verdicts[-1] == ("ground", "pass: account_number: initiator")
