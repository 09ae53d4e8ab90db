"""The body of a tool called once, within its time limit and held to its own contract.

What leaves a read is a result or a structured error. What leaves a write is a result, a declared
``NotPerformed``, or an exception that the caller must take as unknown: this module never turns an
exception of a write into "it failed". A synchronous body runs in a thread of its own, which a
time-out leaves behind: it can't be cancelled.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import threading
from collections.abc import Callable, Mapping
from copy import deepcopy
from functools import partial
from types import NoneType
from typing import Any, TypeVar

from stanchion.errors import EncodingError
from stanchion.tools._companions import call_companion
from stanchion.tools._context import CallContext
from stanchion.tools._contract import Contract
from stanchion.tools._errors import translate
from stanchion.tools._outcomes import (
    BadResult,
    CantTell,
    DidNotHappen,
    Happened,
    NotPerformed,
    Reconciled,
)
from stanchion.tools._tool import Tool
from stanchion.values import ToolCall, ToolResult

__all__ = ["ask", "ask_reconciler", "execute_body", "perform"]

T = TypeVar("T")

_UNCHANGING = {str, int, float, bool, NoneType}

_log = logging.getLogger("stanchion.tools")


async def execute_body(tool: Tool[..., Any], call: ToolCall, context: CallContext[Any]) -> Any:
    """Call the body with validated arguments and return its result as replay will see it.

    Raises NotPerformed, TimeoutError (for its silence too, if it has to beat), BadResult, or
    whatever the body raised. The body gets its own copy of the arguments.
    """
    contract = tool.contract
    leading = (context,) if contract.takes_context else ()
    body = partial(tool.fn, *leading, **_own_copy(call.arguments))
    try:
        async with asyncio.timeout(contract.timeout.total_seconds()):
            running = body() if contract.is_async else _in_thread(body)
            if contract.heartbeat is not None:
                running = context.pulse.listen(running, contract.heartbeat)
            value = await running
    except BaseException:
        context.cancelled.set()  # a thread that is left behind may end itself
        raise
    return contract.round_trip(value)


async def perform(tool: Tool[..., Any], call: ToolCall, context: CallContext[Any]) -> ToolResult:
    """Call the body; errors of reads and declared ones of writes become the result's error.

    Any other exception of a write is raised: what came of the call is unknown.
    """
    try:
        return ToolResult(await execute_body(tool, call, context))
    except NotPerformed as declared:
        return ToolResult(error=declared.error)
    except Exception as error:
        if tool.contract.effect == "write":
            raise
        _log.warning("the tool %s failed", tool.name, exc_info=error)
        return ToolResult(error=translate(error, tool.contract))


async def ask_reconciler(
    tool: Tool[..., Any], call: ToolCall, context: CallContext[Any]
) -> Reconciled:
    """Ask the tool's reconciler what became of a call. Every failure to answer is CantTell."""
    return await ask(tool.contract, context, call.arguments)


async def ask(
    contract: Contract, context: CallContext[Any], known: Mapping[str, Any]
) -> Reconciled:
    """Ask a contract's reconciler, which gets what it declares of the ``known`` values."""
    if contract.reconcile is None:
        return CantTell(f"{contract.name} has no reconciler")
    try:
        async with asyncio.timeout(contract.timeout.total_seconds()):
            answer = await call_companion(contract.reconcile, context, known)
        return _checked(contract, answer)
    except (EncodingError, BadResult):
        return CantTell("it happened, but the reconciler's result isn't one of the tool's")
    except Exception as error:  # noqa: BLE001 - a foreign boundary: whatever it raises, it can't tell
        _log.warning("the reconciler of %s failed", contract.name, exc_info=error)
        return CantTell(f"the reconciler failed with {type(error).__name__}")


def _checked(contract: Contract, answer: Reconciled) -> Reconciled:
    match answer:
        case Happened():
            return Happened(contract.round_trip(answer.result))
        case DidNotHappen() | CantTell():
            return answer
        case _:
            return CantTell(f"the reconciler answered with {type(answer).__name__}")


def _own_copy(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Copy what a body could change."""
    return {n: v if type(v) in _UNCHANGING else deepcopy(v) for n, v in arguments.items()}


async def _in_thread(body: Callable[[], T]) -> T:
    """Run in a new daemon thread: bodies left behind can't exhaust a pool or hold up an exit."""
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[T] = loop.create_future()
    context = contextvars.copy_context()

    def work() -> None:
        try:
            deliver = partial(_settle, outcome, value=context.run(body))
        except BaseException as error:  # noqa: BLE001 - the thread's boundary: it crosses to the loop
            deliver = partial(_settle, outcome, error=_crossing(error))
        if not loop.is_closed():
            loop.call_soon_threadsafe(deliver)

    threading.Thread(target=work, name="stanchion-tool", daemon=True).start()
    return await outcome


def _settle(
    outcome: asyncio.Future[T], *, value: Any = None, error: BaseException | None = None
) -> None:
    if outcome.done():
        return
    if error is not None:
        outcome.set_exception(error)
    else:
        outcome.set_result(value)


def _crossing(error: BaseException) -> BaseException:
    """Wrap what a future can't carry (StopIteration) or what would end the process."""
    if isinstance(error, Exception) and not isinstance(error, StopIteration):
        return error
    crossed = RuntimeError(f"the body raised {type(error).__name__}")
    crossed.__cause__ = error
    return crossed
