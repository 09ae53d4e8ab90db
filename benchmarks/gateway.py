"""Gateway: what a call pays for being checked, beside Pydantic AI's own execution of a tool.

The whole door (validate, ground, limit with the history that notices circles, a layer of the
user's, judge, review) around the same function, in memory: what the ledger writes is measured by
``steps``. Both are measured in turns, so that ratios come from one moment of a shared machine. A
model's call with a grounded target is the dearest one;
it is asked with an index that knows few values and many.
"""

from __future__ import annotations

import asyncio
import gc
import statistics
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic_ai import FunctionToolset, RunContext
from pydantic_ai.messages import ToolCallPart
from pydantic_ai.models.test import TestModel
from pydantic_ai.tool_manager import ToolManager
from pydantic_ai.usage import RunUsage

from benchmarks._report import Report, scale
from stanchion import allow, tool
from stanchion.tools import (
    CallContext,
    CallHistory,
    Gateway,
    Next,
    Recall,
    Reviewed,
    Said,
    Seen,
    ground,
    judge,
    limit,
    note,
    perform,
    review,
    validate,
)
from stanchion.trust import ValueIndex, Verdict, judge_bounds, leaves_of
from stanchion.values import ToolCall, ToolResult

MOST_MICROSECONDS = 100.0
FLAT = 1.25
"""How much dearer a call may be with many values than with few."""
SIZES = (10, 100, 1_000, 10_000)
CALLS = {"full": 2_000, "small": 300}
ROUNDS = {"full": 9, "small": 5}

ARGUMENTS: dict[str, Any] = {"account": "4400112201", "amount": 20, "reason": "the parcel was late"}
Timed = Callable[[], Awaitable[object]]
_DEADLINE = datetime.now(UTC) + timedelta(days=1)


@tool(write=True, accepts_key=True, targets={"account"})
async def refund(account: str, amount: int, reason: str) -> str:
    """Pay money back.

    Args:
        account: Where to.
        amount: Whole euros.
        reason: For the books.
    """
    return f"{amount} to {account}"


async def refund_bare(account: str, amount: int, reason: str) -> str:
    """Pay money back.

    Args:
        account: Where to.
        amount: Whole euros.
        reason: For the books.
    """
    return f"{amount} to {account}"


def main() -> None:
    """Measure, print."""
    report = Report("gateway")
    asyncio.run(measure(report))
    report.finish()


async def measure(report: Report) -> None:
    """Take turns, and compare within each round."""
    contenders: dict[str, Timed] = {
        **{f"stanchion, {size:,} values": _gateway(size) for size in SIZES},
        "pydantic-ai": await _pydantic_ai(),
        "bare function": lambda: refund_bare(**ARGUMENTS),
    }
    calls, rounds = CALLS[scale()], ROUNDS[scale()]
    taken: dict[str, list[float]] = {name: [] for name in contenders}
    for call in contenders.values():
        await _time(call, calls // 10)  # warm
    for _ in range(rounds):
        for name, call in contenders.items():
            taken[name].append(await _time(call, calls))
    for name, times in taken.items():
        report.figure(f"{name}, microseconds_a_call", statistics.median(times))
    small, large = (taken[f"stanchion, {size:,} values"] for size in (SIZES[0], SIZES[-1]))
    peer = taken["pydantic-ai"]
    ratio = statistics.median(ours / theirs for ours, theirs in zip(large, peer, strict=True))
    growth = statistics.median(many / few for many, few in zip(large, small, strict=True))
    report.figure("ratio_to_pydantic_ai", ratio)
    report.target("a call at 10,000 values (µs)", statistics.median(large), "<=", MOST_MICROSECONDS)
    report.target("a call at 10,000 values against 10", growth, "<=", FLAT)


async def _time(call: Timed, times: int) -> float:
    """Return the microseconds that one call takes of a processor: nothing in it ever waits."""
    gc.collect()
    began = time.process_time()
    for _ in range(times):
        await call()
    return (time.process_time() - began) / times * 1e6


def _gateway(size: int) -> Timed:
    """Return a model's call through the whole door, its target looked up among many."""
    index, history = _index(size), CallHistory()
    rules = [allow(refund, max_amount="50")]
    contract = refund.contract

    async def known() -> ValueIndex:
        return index

    def policy(call: ToolCall) -> Verdict:
        return judge_bounds(rules, contract, call.arguments, None)

    async def own(call: ToolCall, proceed: Next) -> ToolResult:
        return await proceed(note(call, "own", "pass"))

    async def ask(call: ToolCall, reasons: tuple[str, ...]) -> Reviewed:
        raise AssertionError(call, reasons)

    async def circles(call: ToolCall) -> Said:
        said = history.judge(contract, ARGUMENTS, _DEADLINE)
        if isinstance(said, Recall):
            raise AssertionError(said)
        return said

    async def admitted(wait: timedelta, why: str) -> None:
        if wait or why:
            raise AssertionError(wait, why)

    limits = limit([circles], admitted)
    layers = (validate(contract), ground(contract, known), limits, own, judge(policy))
    gateway = Gateway(refund, (*layers, review(contract, ask)))

    async def core(ready: ToolCall) -> ToolResult:
        return await perform(refund, ready, _context())

    async def call() -> object:
        result = await gateway.run(ToolCall("refund", ARGUMENTS, "model", "c1"), core)
        if result.error is not None:
            raise AssertionError(result)
        history.add(Seen("refund", ARGUMENTS, result.value, wrote=True, read=False))
        history.found.clear()
        return result

    return call


def _context() -> CallContext[None]:
    return CallContext("", 1, 1, _DEADLINE, "run", None)


def _index(size: int) -> ValueIndex:
    """Return an index of so many values, the target among them by a grounded look-up."""
    index = ValueIndex()
    index.say(leaves_of(["Pay 20 back to Ada Stone."]))
    for number in range(size // 2 - 1):
        other = {"holder": f"Customer {number}", "account": f"55001{number:05}"}
        index.find(leaves_of(other), tool="find_account")
    mine = {"holder": "Ada Stone", "account": ARGUMENTS["account"]}
    index.find(leaves_of(mine), tool="find_account")
    return index


async def _pydantic_ai() -> Timed:
    """Return the same call through Pydantic AI's own validation and execution."""
    toolset: FunctionToolset[None] = FunctionToolset([refund_bare])
    context = RunContext(deps=None, model=TestModel(), usage=RunUsage(), run_step=1)
    manager = await ToolManager(toolset=toolset).for_run_step(context)
    part = ToolCallPart("refund_bare", ARGUMENTS, "c1")
    return lambda: manager.handle_call(part)


if __name__ == "__main__":
    main()
