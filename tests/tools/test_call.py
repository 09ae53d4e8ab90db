"""A tool called by hand, without a workflow or a ledger."""

from __future__ import annotations

from stanchion import tools
from stanchion.tools import CallContext, Next, note, tool
from stanchion.values import ToolCall, ToolResult
from tests.tools.bank import ACCOUNT, Account, Bank, find_account, refund, send_letter, transfer


async def test_a_read_answers_with_its_typed_value() -> None:
    result = await tools.call(find_account, {"account_number": ACCOUNT})
    assert result == ToolResult(Account(ACCOUNT, "Ada"), verdicts=(("validate", "pass"),))


async def test_a_write_gets_a_key_and_the_given_resources() -> None:
    bank = Bank()
    arguments = {"account_number": ACCOUNT, "amount": {"amount": "5.00"}}
    await tools.call(refund, arguments, deps=bank)
    await tools.call(refund, arguments, deps=bank)
    first, second = bank.paid
    assert first != second
    assert len(first) == 64


async def test_a_read_gets_no_key() -> None:
    @tool(read=True)
    async def look(call: CallContext) -> str:
        """Look."""
        return call.key

    assert (await tools.call(look, {})).value == ""


async def test_bad_arguments_are_an_error_and_no_exception() -> None:
    result = await tools.call(find_account, {"account_number": "12"})
    assert result.error is not None
    assert result.error.field == "account_number"


async def test_a_declared_error_of_a_write_is_passed_on() -> None:
    result = await tools.call(transfer, {"account_number": "123"})
    assert result.error is not None
    assert result.error.problem == "closed: 3"


async def test_an_exception_of_a_write_is_an_unknown_outcome() -> None:
    result = await tools.call(send_letter, {"text": "hi"})
    assert result.error is not None
    assert result.error.code == "unknown_outcome"
    assert not result.error.retryable


async def test_layers_of_ones_own_are_passed_after_validation() -> None:
    async def mine(call: ToolCall, proceed: Next) -> ToolResult:
        return await proceed(note(call, "mine", "pass", call.arguments["account_number"]))

    result = await tools.call(find_account, {"account_number": ACCOUNT}, layers=[mine])
    assert result.verdicts == (("validate", "pass"), ("mine", f"pass: {ACCOUNT}"))
