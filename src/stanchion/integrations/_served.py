"""Tools for callers outside: each call is a run, with ledger, intents, policy and review.

A call that waits for a person doesn't keep its caller waiting: it is told so, and the same call
made again joins the run that waits, also after a restart. Knows no protocol.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from stanchion.engine import RunHandle, Stanchion
from stanchion.errors import EncodingError, Refused
from stanchion.ledger import canonical, digest
from stanchion.tools import Tool, by_name, translate
from stanchion.trust import Allow
from stanchion.values import Action, Json, Principal, RunState, ToolError
from stanchion.workflows import Run, Workflow, workflow

__all__ = ["Answer", "ServedTools"]

_WAITING = {RunState.RUNNING, RunState.WAITING}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a caller is told."""

    value: Json = None
    error: ToolError | None = None
    run: str = ""
    reviews: tuple[str, ...] = ()
    """Open questions that the call waits for."""
    circle: str = ""
    """The rule by which no run was started: it would stand below too many, or go in a circle."""


@dataclass(frozen=True, slots=True)
class _Call:
    tool: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Outcome:
    value: Any = None
    error: ToolError | None = None


@dataclass(frozen=True, slots=True)
class _Collected:
    """Sent to a run once its outcome was told: the next equal call is another one."""


class ServedTools:
    """Some tools of an app, for callers on behalf of one principal."""

    def __init__(
        self,
        app: Stanchion,
        tools: Sequence[Tool[..., Any]],
        *,
        name: str = "stanchion",
        untrusted_may: Sequence[Allow] = (),
        initiator: Principal | None = None,
        patience: timedelta = timedelta(seconds=25),
    ) -> None:
        self.app = app
        self.name = name
        self.tools = by_name(tools)
        self._workflow = _one_call(name, self.tools, untrusted_may)
        self._initiator = initiator
        self._patience = patience
        self._told: dict[str, int] = {}
        app.workflows.add(self._workflow)

    async def call(self, name: str, arguments: Mapping[str, Any], *, key: str = "") -> Answer:
        """Make a call, or join the equal one that is still at work.

        With ``key``, the caller's own idempotency key, the same key is always the same call.
        """
        tool = self.tools.get(name)
        if tool is None:
            return Answer(error=_unknown_tool(self.tools))
        try:
            limit = tool.contract.arguments.max_bytes
            data = canonical(dict(arguments), what="the call's arguments", limit=limit)
        except EncodingError as error:
            return Answer(error=translate(error, tool.contract))
        call = _Call(name, arguments)
        try:
            if key:
                return await self._answer(await self._start(call, f"key:{name}:{key}"))
            if tool.contract.effect == "read":
                return await self._answer(await self._start(call, ""))
            return await self._join(call, f"call:{name}:{digest(data).hex()}")
        except Refused as refused:
            return Answer(error=translate(refused, tool.contract), circle=refused.facts["rule"])

    async def _join(self, call: _Call, identity: str) -> Answer:
        """Join the newest equal call whose outcome nobody was told yet, or start one."""
        while True:
            n = self._told.get(identity, 0)
            handle = await self._start(call, f"{identity}:{n}")
            at_work = (await handle.status()).state in _WAITING
            if at_work or await self._collect(handle):
                answer = await self._answer(handle)
                if at_work and (await handle.status()).state not in _WAITING:
                    await self._collect(handle)
                return answer
            self._told[identity] = n + 1

    async def _start(self, call: _Call, key: str) -> RunHandle[_Outcome]:
        return await self.app.start(self._workflow, call, key=key, initiator=self._initiator)

    async def _collect(self, handle: RunHandle[_Outcome]) -> bool:
        """Note that the outcome is told; False if it was told before."""
        return await self.app.send(handle.id, _Collected(), key="collected")

    async def _answer(self, handle: RunHandle[_Outcome]) -> Answer:
        reviews: tuple[str, ...] = ()
        with suppress(TimeoutError):
            async with asyncio.timeout(self._patience.total_seconds()):
                reviews = await self._settled(handle)
        if reviews:
            return Answer(error=_needs_person(reviews), run=handle.id, reviews=reviews)
        state = (await handle.status()).state
        if state is RunState.COMPLETED:
            outcome = await handle.result()
            return Answer(outcome.value, outcome.error, handle.id)
        return Answer(error=_AT_WORK if state in _WAITING else _BROKEN, run=handle.id)

    async def _settled(self, handle: RunHandle[_Outcome]) -> tuple[str, ...]:
        """Wait until the call has ended, or return the questions that it waits for."""
        while (record := await handle.status()).state in _WAITING:
            if record.state is RunState.WAITING:
                asked = await self.app.reviews.pending(run=handle.id)
                if asked:
                    return tuple(question.id for question in asked)
            await self.app.wait_for_change(handle.id)
        return ()


def _one_call(
    name: str, tools: Mapping[str, Tool[..., Any]], untrusted_may: Sequence[Allow]
) -> Workflow[Any, _Call, _Outcome]:
    async def served_call(run: Run, call: _Call) -> _Outcome:
        tool = tools[call.tool]
        result = await run.propose(tool, call.arguments)
        if result.error is not None:
            return _Outcome(error=result.error)
        return _Outcome(json.loads(tool.contract.encode_result(result.value).data))

    define = workflow(
        name=f"served:{name}", tools=tuple(tools.values()), untrusted_may=untrusted_may
    )
    return replace(define(served_call), vouched=True)


def _unknown_tool(tools: Mapping[str, Any]) -> ToolError:
    return ToolError(
        code="unknown_tool",
        problem="there is no tool with this name",
        action=Action.USE_OTHER_TOOL,
        expected=f"one of {', '.join(sorted(tools))}",
    )


def _needs_person(reviews: Sequence[str]) -> ToolError:
    return ToolError(
        code="waiting_for_person",
        problem=f"a person has to decide first: review {', '.join(reviews)}",
        action=Action.WAIT,
        retryable=True,
        do_not="do not change the arguments: the same call again joins the one that waits",
    )


_AT_WORK = ToolError(
    code="still_at_work",
    problem="the call is still at work",
    action=Action.WAIT,
    retryable=True,
    do_not="do not change the arguments: the same call again joins the one at work",
)

_BROKEN = ToolError(
    code="run_failed",
    problem="the call ended without an outcome; an operator has to look at its run",
    action=Action.ESCALATE,
    do_not="do not call it again and do not make up a result",
)
