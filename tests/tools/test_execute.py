"""Bodies called once: time limits, threads, results held to the contract."""

from __future__ import annotations

import asyncio
import threading
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any, cast

import pytest

from stanchion.tools import (
    BadResult,
    CallContext,
    CantTell,
    DidNotHappen,
    Happened,
    NotPerformed,
    Tool,
    ask_reconciler,
    execute_body,
    perform,
    tool,
)
from stanchion.values import Money, ToolCall
from tests.tools.bank import ACCOUNT, NOW, Bank, Receipt, context, find_account, refund, send_letter

SOON = timedelta(milliseconds=30)


async def run(which: Tool[..., Any], deps: Any = None, **arguments: Any) -> Any:
    call = ToolCall(which.name, which.contract.validate(arguments), key="k")
    return await execute_body(which, call, context(deps))


@dataclass
class Point:
    x: int
    tags: list[str]


async def test_the_result_is_what_replay_will_see() -> None:
    kept = Point(1, ["a"])

    @tool(read=True)
    async def where(x: int) -> Point:
        """Say where."""
        del x
        return kept

    result = await run(where, x=1)
    assert result == kept
    assert result is not kept
    assert result.tags is not kept.tags


async def test_the_body_gets_the_context_first_and_arguments_by_name() -> None:
    bank = Bank()
    receipt = await run(refund, bank, account_number=ACCOUNT, amount={"amount": "5.00"})
    assert receipt == bank.paid["k"]
    assert isinstance(receipt.amount, Money)


async def test_a_body_can_not_change_the_arguments_that_recovery_relies_on() -> None:
    @tool(read=True)
    def pop(items: list[int]) -> int:
        """Take one."""
        return items.pop()

    call = ToolCall("pop", {"items": [1, 2]})
    assert await execute_body(pop, call, context()) == 2
    assert call.arguments == {"items": [1, 2]}


async def test_an_async_body_is_cancelled_at_its_timeout() -> None:
    ended = asyncio.Event()

    @tool(read=True, timeout=SOON)
    async def hang(x: int) -> int:
        """Hang."""
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return x

    with pytest.raises(TimeoutError):
        await run(hang, x=1)
    assert ended.is_set()


async def test_a_sync_body_runs_in_a_thread_that_a_timeout_leaves_behind() -> None:
    release, finished = threading.Event(), threading.Event()
    names: list[str] = []

    @tool(write=True, timeout=SOON)
    def block(x: int) -> int:
        """Block."""
        names.append(threading.current_thread().name)
        release.wait(5)
        finished.set()
        return x

    with pytest.raises(TimeoutError):
        await run(block, x=1)
    assert not finished.is_set()
    release.set()
    assert await asyncio.to_thread(finished.wait, 5)
    assert names == ["stanchion-tool"]


async def test_a_sync_body_sees_context_variables_and_its_exceptions_cross() -> None:
    tenant: ContextVar[str] = ContextVar("tenant")
    tenant.set("acme")

    @tool(read=True)
    def who(fail: bool) -> str:
        """Say who."""
        if fail:
            raise LookupError("nobody")
        return tenant.get()

    assert await run(who, fail=False) == "acme"
    with pytest.raises(LookupError):
        await run(who, fail=True)


@pytest.mark.parametrize("escape", [StopIteration, SystemExit, KeyboardInterrupt])
async def test_nothing_that_a_sync_body_raises_hangs_or_ends_the_loop(
    escape: type[BaseException],
) -> None:
    @tool(read=True)
    def leave(x: int) -> int:
        """Leave."""
        raise escape(x)

    with pytest.raises(RuntimeError, match=escape.__name__):
        await run(leave, x=1)


@tool(read=True, max_result_bytes=50)
async def answer(how: str) -> list[int]:
    """Answer somehow."""
    return cast("list[int]", {"wrong": "text", "large": [1] * 50, "fine": [1]}[how])


async def test_a_read_that_breaks_its_own_contract_is_an_error() -> None:
    for how, code in (("wrong", "bad_result"), ("large", "result_too_large")):
        with pytest.raises(BadResult):
            await run(answer, how=how)
        result = await perform(answer, ToolCall("answer", {"how": how}), context())
        assert result.error is not None
        assert result.error.code == code
    assert (await perform(answer, ToolCall("answer", {"how": "fine"}), context())).value == [1]


async def test_a_write_that_breaks_its_own_contract_has_happened_and_is_unknown() -> None:
    @tool(write=True)
    async def act(x: int) -> int:
        """Act."""
        return cast("int", f"not {x}")

    with pytest.raises(BadResult):
        await perform(act, ToolCall("act", {"x": 1}), context())


async def test_an_exception_of_a_write_is_never_turned_into_an_error() -> None:
    with pytest.raises(ConnectionResetError):
        await perform(send_letter, ToolCall("send_letter", {"text": "hi"}), context())


async def test_a_read_that_raises_gives_a_structured_error() -> None:
    @tool(read=True)
    async def crash(x: int) -> int:
        """Crash."""
        return x // 0

    result = await perform(crash, ToolCall("crash", {"x": 1}), context())
    assert result.error is not None
    assert result.error.code == "tool_crashed"


async def test_cancellation_is_not_swallowed() -> None:
    started = asyncio.Event()

    @tool(read=True)
    async def wait(x: int) -> int:
        """Wait."""
        started.set()
        await asyncio.Event().wait()
        return x

    task = asyncio.create_task(perform(wait, ToolCall("wait", {"x": 1}), context()))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_write_past_its_deadline_sends_nothing_and_says_so() -> None:
    bank = Bank()
    call = ToolCall(
        "refund", refund.contract.validate({"account_number": ACCOUNT, "amount": {"amount": 1}})
    )
    late = context(bank, now=NOW + timedelta(seconds=31))
    result = await perform(refund, call, late)
    assert result.error is not None
    assert (result.error.code, result.error.retryable) == ("deadline_passed", True)
    assert bank.paid == {}


def test_a_deadline_is_kept_to_the_last_moment() -> None:
    context(now=NOW + timedelta(seconds=30)).check_deadline()
    with pytest.raises(NotPerformed):
        context(now=NOW + timedelta(seconds=30, microseconds=1)).check_deadline()


# Reconcilers -------------------------------------------------------------------------------------

CALL = ToolCall("refund", {"account_number": ACCOUNT, "amount": Money(Decimal(1))})


async def test_a_reconciler_says_what_the_target_knows() -> None:
    bank = Bank()
    assert await ask_reconciler(refund, CALL, context(bank)) == DidNotHappen()
    bank.paid["k"] = Receipt("r1", Money(Decimal(1)))
    answer = await ask_reconciler(refund, CALL, context(bank))
    assert isinstance(answer, Happened)
    assert answer.result.id == "r1"


def with_reconciler(reconcile: Any) -> Tool[..., Any]:
    @tool(write=True, reconcile=reconcile, timeout=SOON)
    async def act(x: int) -> int:
        """Act."""
        return x

    return act


async def raises(call: CallContext) -> DidNotHappen:
    raise OSError(call.key)


async def hangs() -> DidNotHappen:
    await asyncio.Event().wait()
    return DidNotHappen()


async def says_none() -> DidNotHappen:
    return cast("DidNotHappen", None)


async def says_text() -> Happened[str]:
    return Happened("not a number")


@pytest.mark.parametrize(
    ("reconcile", "reason"),
    [
        (raises, "failed with OSError"),
        (hangs, "failed with TimeoutError"),
        (says_none, "answered with NoneType"),
        (says_text, "isn't one of the tool's"),
    ],
)
async def test_a_reconciler_that_gives_no_usable_answer_can_not_tell(
    reconcile: Any, reason: str
) -> None:
    answer = await ask_reconciler(with_reconciler(reconcile), ToolCall("act", {"x": 1}), context())
    assert isinstance(answer, CantTell)
    assert reason in answer.reason


async def test_a_reconciler_gets_the_arguments_that_it_declares() -> None:
    async def same(call: CallContext, x: int) -> Happened[int]:
        return Happened(x + call.attempt)

    answer = await ask_reconciler(with_reconciler(same), ToolCall("act", {"x": 41}), context())
    assert answer == Happened(42)


async def test_a_tool_without_a_reconciler_can_not_tell() -> None:
    answer = await ask_reconciler(find_account, ToolCall("find_account", {}), context())
    assert isinstance(answer, CantTell)
