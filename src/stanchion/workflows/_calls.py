"""Calls of tools and functions as steps: the gateway with its policy, its review and its intents.

What the gateway's layers are given is made here, and the core is the write-ahead effect. A call
that was let through once isn't judged again when it is recovered.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import lru_cache, partial
from typing import Any, Literal

from stanchion.errors import Denied, Expired, Refused, ToolFailed
from stanchion.ledger import EntryPhase, Payload, codec_for, payload
from stanchion.tools import (
    CallContext,
    Contract,
    Gate,
    Tool,
    ask_reconciler,
    bare_contract,
    execute_body,
    mint_key,
    perform,
    translate,
)
from stanchion.trust import Verdict, judge_bounds
from stanchion.values import Json, ToolCall, ToolResult
from stanchion.workflows._approvals import Approval
from stanchion.workflows._ceilings import reserved, spend_on, worst_of
from stanchion.workflows._effects import Effect, perform_effect
from stanchion.workflows._gateway import gateway_of, recovery_gateway
from stanchion.workflows._grounds import known_values
from stanchion.workflows._incarnation import Incarnation, StepScope
from stanchion.workflows._limits import limits_of, report, with_gates
from stanchion.workflows._repeats import notice_of, once
from stanchion.workflows._steps import (
    function_name,
    function_request,
    initiator_of,
    is_async,
    return_type,
    run_function,
)
from stanchion.workflows._workflow import Workflow
from stanchion.workflows._writes import digest_of

__all__ = ["Reply", "call_tool", "propose_call", "step"]

STEP_TIMEOUT = timedelta(minutes=5)
"""How long a function without a contract may run before its outcome counts as unknown."""


@dataclass(frozen=True, slots=True)
class _Caller:
    """Whose call it is, for policy and for the key."""

    incarnation: Incarnation
    workflow: Workflow[Any, Any, Any]
    origin: Literal["code", "model"]
    call_id: str
    gates: tuple[Gate, ...]


async def call_tool(
    incarnation: Incarnation,
    workflow: Workflow[Any, Any, Any],
    tool: Tool[..., Any],
    arguments: Mapping[str, Any],
    *,
    origin: Literal["code", "model"] = "code",
    call_id: str = "",
    handles: tuple[str, ...] = (),
    gates: Sequence[Gate] = (),
) -> Any:
    """Call a tool through its gateway, as one step. ``gates`` are limits of the caller's own."""
    if tool not in workflow.tools:
        raise Refused(
            f"the workflow {workflow.name!r} doesn't declare the tool {tool.name!r}",
            remedy=f"add it: @workflow(tools=[..., {tool.name}])",
            rule="declared tools",
        )
    request = _request(tool, arguments)

    async def body(scope: StepScope) -> Any:
        caller = _Caller(incarnation, workflow, origin, call_id, tuple(gates))
        call = ToolCall(tool.name, arguments, origin, call_id, handles=handles)
        result = await _through_gateway(scope, caller, tool, call)
        scope.facts["verdicts"] = [list(v) for v in result.verdicts]
        return _value(tool.name, result)

    place = incarnation.next_place()
    try:
        return await incarnation.perform("call", tool.name, request, tool.contract.result, body)
    finally:
        incarnation.writes.release(place)
        incarnation.conductor.go_on()


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of a call that a model proposed."""

    value: Any
    notice: Mapping[str, Json]
    """What it should know of how the call was made, if there is something to say."""
    repeats: bool
    """It was made before, and this is what came of it then."""


async def propose_call(
    incarnation: Incarnation,
    workflow: Workflow[Any, Any, Any],
    tool: Tool[..., Any],
    arguments: Mapping[str, Any],
    *,
    call_id: str,
    handles: tuple[str, ...] = (),
    gates: Sequence[Gate] = (),
) -> Reply:
    """Call a tool as a model proposed it. Raises what ``call_tool`` raises."""
    place = incarnation.next_place()
    value = await call_tool(
        incarnation,
        workflow,
        tool,
        arguments,
        origin="model",
        call_id=call_id,
        handles=handles,
        gates=gates,
    )
    notice = await notice_of(incarnation, place)
    return Reply(value, notice, incarnation.writes.repeated(place) is not None)


def _request(tool: Tool[..., Any], arguments: Mapping[str, Any]) -> Payload:
    """Return what replay compares: the tool, its version and the arguments as given."""
    plain = {name: _plain(value) for name, value in arguments.items()}
    return payload(
        {"tool": tool.name, "version": tool.contract.version, "arguments": plain},
        what=f"the arguments of {tool.name}",
    )


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return json.loads(codec_for(type(value)).encode(value, what="an argument").data)


async def _through_gateway(
    scope: StepScope, caller: _Caller, tool: Tool[..., Any], call: ToolCall
) -> ToolResult:
    contract = tool.contract

    async def core(ready: ToolCall) -> ToolResult:
        if contract.effect == "read":
            return await _read(scope, tool, ready)
        scope.verdicts = ready.verdicts
        return await perform_effect(scope, _effect(scope, caller, tool, ready))

    if scope.recorded is not None and scope.recorded.last(EntryPhase.INTENT):
        return await recovery_gateway(tool).run(_as_sent(scope, call), core)

    async def paid(ready: ToolCall) -> ToolResult:
        async with reserved(scope, worst_of(contract)) as spending:
            result = await core(ready)
            spend_on(scope, spending)
            return result

    principal = initiator_of(caller.incarnation)

    def policy(ready: ToolCall) -> Verdict:
        sent = payload(json.loads(contract.encode_arguments(ready.arguments)))
        if contract.effect == "write" and sent.digest in caller.incarnation.replayed.abandoned:
            why = "the run forked from made this call after the fork"
            return Verdict(allowed=False, rule="fork", explanation=why)
        return judge_bounds(caller.workflow.untrusted_may, contract, ready.arguments, principal)

    ask = Approval(scope, caller.workflow, tool).ask
    known = partial(known_values, caller.incarnation, caller.workflow)
    limits = limits_of(scope, caller.workflow, contract, caller.gates)
    repeat = (once(scope, contract),) if contract.effect == "write" else ()
    gateway = gateway_of(
        caller.workflow, tool, known=known, limits=limits, repeat=repeat, policy=policy, ask=ask
    )
    return await with_gates(caller.gates, call, await gateway.run(call, paid))


def _as_sent(scope: StepScope, call: ToolCall) -> ToolCall:
    """Return the call as its intent recorded it: a person may have edited the arguments."""
    intent = scope.recorded.last(EntryPhase.INTENT) if scope.recorded else None
    if intent is None or intent.result is None:
        return call
    return replace(call, arguments=json.loads(scope.incarnation.replayed.payload(intent.result)))


async def _read(scope: StepScope, tool: Tool[..., Any], call: ToolCall) -> ToolResult:
    """Call a read, again where its error may pass."""
    clock, policy = scope.incarnation.host.clock, tool.contract.retry
    attempt = 1
    while True:
        context = _context(scope, tool, attempt)
        result = await perform(tool, replace(call, attempt=attempt), context)
        await report(scope.incarnation.host, tool.contract, result.error)
        if result.error is None or not result.error.retryable or attempt >= policy.attempts:
            if attempt > 1:
                scope.facts["attempts"] = attempt
            return result
        pause = policy.delay(attempt)
        if result.error.retry_after is not None:
            pause = max(pause, timedelta(seconds=result.error.retry_after))
        await clock.sleep_until(clock.now() + pause)
        attempt += 1


def _context(scope: StepScope, tool: Tool[..., Any], attempt: int) -> CallContext[Any]:
    incarnation = scope.incarnation
    return CallContext(
        key="",
        epoch=incarnation.record.epoch,
        attempt=attempt,
        deadline=incarnation.host.clock.now() + tool.contract.timeout,
        run=incarnation.record.id,
        deps=incarnation.host.deps,
        clock=incarnation.host.clock.now,
        pulse=incarnation.new_pulse(scope.place),
        headers=incarnation.headers(scope.place),
    )


def _effect(scope: StepScope, caller: _Caller, tool: Tool[..., Any], call: ToolCall) -> Effect:
    sent = replace(call, key=_key(scope, caller, tool.contract, call))
    return Effect(
        tool.contract,
        sent,
        _reported(scope, tool.contract, partial(execute_body, tool, sent)),
        partial(ask_reconciler, tool, sent) if tool.contract.reconcile else None,
    )


def _key(scope: StepScope, caller: _Caller, contract: Contract, call: ToolCall) -> str:
    """Mint the key of a call as it is sent, which may not be as it was proposed.

    From code each call is an effect of its own: its number is the first of the lane's that no other
    call has taken. From a model it is how often exactly this was made, with a person's consent.
    """
    tool, root = contract.name, caller.incarnation.record.root
    arguments = contract.encode_arguments(call.arguments)
    if caller.origin == "model":
        made = caller.incarnation.writes.count((tool, digest_of(contract, call.arguments)))
        return mint_key(root, tool, arguments, made)
    lineage = f"{root}|{scope.place.lane}"
    mint = partial(mint_key, lineage, tool, arguments)
    return caller.incarnation.writes.unused((lineage, tool, arguments), mint)


def _reported(
    scope: StepScope, contract: Contract, invoke: Callable[[CallContext[Any]], Awaitable[Any]]
) -> Callable[[CallContext[Any]], Awaitable[Any]]:
    """Return an attempt that tells the tool's breaker what came of it."""
    if contract.breaker is None:
        return invoke
    host = scope.incarnation.host

    async def attempt(context: CallContext[Any]) -> Any:
        try:
            value = await invoke(context)
        except Exception as error:
            await report(host, contract, translate(error, contract))
            raise
        await report(host, contract, None)
        return value

    return attempt


def _value(tool: str, result: ToolResult) -> Any:
    """Return a result's value, or raise the step error that its error stands for."""
    error = result.error
    if error is None:
        return result.value
    facts = {"tool": tool, "error": json.loads(codec_for(type(error)).encode(error).data)}
    match error.code:
        case "denied":
            raise Denied(f"{tool}: {error.problem}", **facts)
        case "expired":
            raise Expired(f"{tool}: {error.problem}", **facts)
        case _:
            raise ToolFailed(f"{tool}: {error.problem}", **facts)


async def step(
    incarnation: Incarnation, fn: Callable[..., Any], args: Any, kwargs: Mapping[str, Any]
) -> Any:
    """Run a function without a contract: a write without capabilities."""
    contract = _bare_contract(function_name(fn), return_type(fn), is_async=is_async(fn))
    name = contract.name
    arguments = {"arguments": json.loads(function_request(name, args, kwargs).data)}
    request = payload(arguments)

    async def invoke(_: CallContext[Any]) -> Any:
        async with asyncio.timeout(STEP_TIMEOUT.total_seconds()):
            return await run_function(fn, args, kwargs)

    async def body(scope: StepScope) -> Any:
        lineage = f"{incarnation.record.root}|{scope.place.lane}"
        key = mint_key(lineage, name, request.data, scope.place.ordinal)
        call = ToolCall(name, arguments, key=key)
        result = await perform_effect(scope, Effect(contract, call, invoke))
        return _value(name, result)

    return await incarnation.perform("step", name, request, contract.result, body)


@lru_cache(maxsize=256)
def _bare_contract(name: str, returns: Any, *, is_async: bool) -> Contract:
    return bare_contract(name, returns, STEP_TIMEOUT, is_async=is_async)
