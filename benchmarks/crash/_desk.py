"""The tools and workflows under test: every combination of capabilities, every kind of step."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.crash._faults import Trigger
from benchmarks.crash._world import (
    BRIEF,
    CLASSES,
    GUARD,
    GUARDED,
    LOOK,
    PACE,
    PACED,
    REGRETTED,
    SERVED,
    STEPS,
    TIMEOUT,
    TOOLS_OUTSIDE,
    TURN,
    UNDOING,
    Order,
    ToolClass,
    item_of,
    undoing,
)
from stanchion import (
    CallContext,
    DidNotHappen,
    Happened,
    Run,
    Stanchion,
    ToolFailed,
    allow,
    tool,
    workflow,
)
from stanchion.integrations import ServedTools
from stanchion.ledger import Payload, payload
from stanchion.models import ModelRequest
from stanchion.tools import Compensation, Next, RetryPolicy, Tool
from stanchion.values import (
    Json,
    Message,
    TextPart,
    ToolCall,
    ToolCallPart,
    ToolResponsePart,
    ToolResult,
)
from stanchion.workflows import Workflow

__all__ = ["TOOLS", "WORKFLOWS", "Client", "employ", "input_of", "play"]

_ANSWER_SECONDS = (0.001, 0.004, 0.012)
_RETRY = RetryPolicy(attempts=4, first_delay=TIMEOUT / 20, max_delay=TIMEOUT / 4)


class Client:
    """A worker's way to the target. One connection for each request."""

    def __init__(self, address: Path, trigger: Trigger, *, transit_seconds: float = 0.0) -> None:
        self._address = str(address)
        self._trigger = trigger
        self._transit_seconds = transit_seconds

    async def send(
        self, tool: str, item: str, key: str, epoch: int, check: Callable[[], None]
    ) -> str:
        """Ask for an effect; ``check`` comes just before."""
        self._trigger.hit("before send", tool)
        reader, writer = await asyncio.open_unix_connection(self._address)
        try:
            check()
            writer.write(self._request(tool, item, key, epoch))
            await writer.drain()
            self._trigger.hit("after send", tool)
            answer = await reader.readline()
        finally:
            writer.close()
        self._trigger.hit("after answer", tool)
        return _receipt(answer)

    def send_blocking(
        self, tool: str, item: str, key: str, epoch: int, check: Callable[[], None]
    ) -> str:
        """Do the same without an event loop."""
        self._trigger.hit("before send", tool)
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(self._address)
            check()
            connection.sendall(self._request(tool, item, key, epoch))
            self._trigger.hit("after send", tool)
            answer = connection.makefile("rb").readline()
        self._trigger.hit("after answer", tool)
        return _receipt(answer)

    def _request(self, tool: str, item: str, key: str, epoch: int) -> bytes:
        request = {
            "do": "perform",
            "tool": tool,
            "item": item,
            "key": key,
            "epoch": epoch,
            "transit_seconds": 0.0 if tool == LOOK else self._transit_seconds,
            "answer_seconds": random.choice(_ANSWER_SECONDS),
        }
        return json.dumps(request).encode() + b"\n"

    async def ask(self, **request: str) -> str | None:
        """Ask what the target knows."""
        reader, writer = await asyncio.open_unix_connection(self._address)
        try:
            writer.write(json.dumps(request).encode() + b"\n")
            return json.loads(await reader.readline())
        finally:
            writer.close()


def _receipt(answer: bytes) -> str:
    receipt = json.loads(answer) if answer else None
    if receipt is None:
        raise ConnectionResetError("the target went away")
    return receipt


def _nothing() -> None: ...


_employed: list[Client] = []


def employ(client: Client) -> None:
    """Give functions without a contract their way to the target."""
    _employed[:] = [client]


async def _find(call: CallContext[Client], item: str) -> Happened[str] | DidNotHappen:
    del item
    receipt = await call.deps.ask(do="find key", key=call.key)
    return DidNotHappen() if receipt is None else Happened(receipt)


def _undo(name: str) -> Callable[..., Any]:
    async def undo(call: CallContext[Client], item: str) -> None:
        client, undone = call.deps, f"{item}/undone"
        await client.send(undoing(name), undone, call.key, call.epoch, call.check_deadline)

    return undo


async def _find_undone(call: CallContext[Client]) -> Happened[None] | DidNotHappen:
    receipt = await call.deps.ask(do="find key", key=call.key)
    return DidNotHappen() if receipt is None else Happened(None)


def _compensation(name: str, given: ToolClass) -> Compensation:
    return Compensation(_undo(name), reconcile=_find_undone if given.reconcile else None)


def _body(name: str, *, blocking: bool) -> Callable[..., Any]:
    async def body(call: CallContext[Client], item: str) -> str:
        return await call.deps.send(name, item, call.key, call.epoch, call.check_deadline)

    def blocking_body(call: CallContext[Client], item: str) -> str:
        return call.deps.send_blocking(name, item, call.key, call.epoch, call.check_deadline)

    return blocking_body if blocking else body


def _tool(name: str, given: ToolClass) -> Tool[[str], str]:
    keeps: dict[str, Any] = {"": False, "key": True, "brief": BRIEF}
    register = tool(
        write=True,
        name=name,
        description="An effect outside.",
        accepts_key=keeps[given.key],
        reconcile=_find if given.reconcile else None,
        compensate=_compensation(name, given) if given.compensate else None,
        needs_review=given.needs_review,
        timeout=TIMEOUT,
        retries=_RETRY,
        rate=PACE if name == PACED else None,
    )
    return register(_body(name, blocking=given.blocking))


@tool(read=True, name=LOOK, trusted=True)
async def look(call: CallContext[Client], item: str) -> str:
    """Look something up.

    Args:
        item: What.
    """
    return await call.deps.send(LOOK, item, "", call.epoch, _nothing)


@tool(read=True, name=GUARDED, trusted=True, timeout=TIMEOUT, retries=RetryPolicy(1), breaker=GUARD)
async def guarded(call: CallContext[Client], item: str) -> str:
    """Look something up where it may be out of order.

    Args:
        item: What.
    """
    return await call.deps.send(GUARDED, item, "", call.epoch, _nothing)


async def step(item: str) -> str:
    """Perform an effect without a contract."""
    return await _employed[0].send("step", item, "", 0, _nothing)


def step_blocking(item: str) -> str:
    """Perform an effect without a contract, in a thread."""
    return _employed[0].send_blocking("step_blocking", item, "", 0, _nothing)


TOOLS: dict[str, Tool[[str], str]] = {
    name: _tool(name, given) for name, given in TOOLS_OUTSIDE.items() if name not in UNDOING
}
_ALL = [look, *TOOLS.values()]
_BOUNDS = [
    allow(each)
    for each in TOOLS.values()
    if each.contract.irreversible and not each.contract.needs_review
]


async def _perform(run: Run[Client], name: str, item: str) -> str:
    match name:
        case "step":
            return await run.step(step, item)
        case "step_blocking":
            return await run.step(step_blocking, item)
        case _:
            return await run.call(TOOLS[name], item)


@workflow(name="single", tools=_ALL, untrusted_may=_BOUNDS)
async def single(run: Run[Client], order: Order) -> list[str]:
    """Perform one effect between two reads."""
    await run.call(look, order.name)
    receipt = await _perform(run, order.tool, item_of(order, order.tool))
    await run.call(look, order.name)
    return [receipt]


@workflow(name="errand", tools=_ALL, untrusted_may=_BOUNDS)
async def errand(run: Run[Client], order: Order) -> list[str]:
    """Perform two effects, as a child."""
    first = await run.call(TOOLS["key"], item_of(order, "key", child=True))
    return [first, await run.call(TOOLS["plain"], item_of(order, "plain", child=True))]


@workflow(name="everything", tools=_ALL, untrusted_may=_BOUNDS)
async def everything(run: Run[Client], order: Order) -> list[str]:
    """Perform every kind of effect, one after the other and side by side."""
    names = [*CLASSES]
    await run.call(look, order.name)

    async def one(name: str) -> str:
        return await _perform(run, name, item_of(order, name))

    receipts = [await one("plain"), await one("asked")]
    receipts += await run.map(one, names[4:], limit=3)
    await run.sleep(0.01)

    async def others() -> list[str]:
        return [await one("undo"), await one("asked_undo")]

    steps, more = await run.gather(run.map(one, STEPS), others())
    await run.ask("Go on?", choices=("yes",))
    children = await run.child(errand, order)
    await run.now()
    return [*receipts, *steps, *more, *children]


@workflow(name="patient", tools=[guarded])
async def patient(run: Run[Client], order: Order) -> list[str]:
    """Ask until there is an answer."""
    while True:
        try:
            return [await run.call(guarded, order.name)]
        except ToolFailed:
            await run.sleep(0.2)


class _Regret(Exception):
    """The body of a saga fails."""


@workflow(name="regret", tools=_ALL, untrusted_may=_BOUNDS)
async def regret(run: Run[Client], order: Order) -> list[str]:
    """Perform effects in a saga that fails."""
    receipts: list[str] = []
    with contextlib.suppress(_Regret):
        async with run.saga():
            for name in REGRETTED:
                receipts += [await _perform(run, name, item_of(order, name))]
            raise _Regret
    return receipts


async def attend(call: ToolCall, proceed: Next) -> ToolResult:
    """A layer of the user's own."""
    return await proceed(call)


_TURN_TOOLS = [look, *(TOOLS[name] for name in TURN)]


@workflow(name="turn", tools=_TURN_TOOLS, untrusted_may=_BOUNDS, untrusted="off", layers=[attend])
async def turn(run: Run[Client], order: Order) -> list[str]:
    """Let an agent look twice at once, perform effects, and propose two of them again."""
    agent = run.agent(goal=f"Do {order.name}.", tools=_TURN_TOOLS, input=order.name)
    return json.loads((await agent).output or "[]")


def play(request: ModelRequest) -> Message | str:
    """Play the agent's model: what it says follows from the conversation alone."""
    messages = request.messages
    order = Order(_text(messages[1]))
    said = sum(message.role == "assistant" for message in messages)
    effects = [(name, item_of(order, name)) for name in TURN]
    looks = [(LOOK, f"{order.name}/{n}") for n in range(2)]
    turns = [[*looks, effects[0]], [*effects[1:], looks[0]], effects[:2]]
    if said == len(turns):
        return json.dumps([_receipt_in(p.response) for p in _answers(messages)])
    calls = (ToolCallPart(f"c{said}-{n}", t, {"item": i}) for n, (t, i) in enumerate(turns[said]))
    return Message("assistant", tuple(calls))


def _text(message: Message) -> str:
    return "".join(part.content for part in message.parts if isinstance(part, TextPart))


def _answers(messages: Sequence[Message]) -> list[ToolResponsePart]:
    parts = [part for message in messages for part in message.parts]
    return [part for part in parts if isinstance(part, ToolResponsePart)]


def _receipt_in(response: Json) -> str:
    return str(response.get("result", "")) if isinstance(response, dict) else str(response)


_served = ServedTools(Stanchion(), [TOOLS[SERVED]], name="crash")


def input_of(definition: Workflow[Any, Any, Any], order: Order) -> Payload:
    """Return the input of a run for an order."""
    if definition.name in SERVED_NAMES:
        return payload({"tool": SERVED, "arguments": {"item": item_of(order, SERVED)}})
    return definition.input_codec.encode(order)


SERVED_NAMES = {each.name for each in _served.app.workflows}
WORKFLOWS: dict[str, Workflow[Any, Any, Any]] = {
    each.name: each for each in (single, errand, everything, patient, turn, regret)
} | {each.name: each for each in _served.app.workflows}
