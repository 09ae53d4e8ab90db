"""A run with one step of every kind, and its spans."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from stanchion import CallContext, Principal, Run, Settings, Stanchion, tool, workflow
from stanchion.ledger import Store
from stanchion.models import ModelResponse, ScriptedModel
from stanchion.observe import Span, SpanReader
from stanchion.values import FinishReason, Message, TextPart, ToolCallPart, Usage

log = logging.getLogger("tests.observe")


@dataclass
class World:
    """What the tools of a test saw."""

    headers: list[dict[str, str]] = field(default_factory=list[dict[str, str]])


@tool(read=True, trusted=True)
async def find_order(call: CallContext[World], number: str) -> dict[str, str]:
    """Find an order.

    Args:
        number: The order's number.
    """
    call.deps.headers.append(dict(call.headers))
    return {"order": number, "state": "sent"}


@tool(write=True, accepts_key=True)
async def cancel_order(call: CallContext[World], number: str) -> str:
    """Cancel an order.

    Args:
        number: The order's number.
    """
    call.deps.headers.append(dict(call.headers))
    log.warning("in a tool")
    return f"cancelled {number}"


@tool(read=True)
async def broken(number: str) -> str:
    """Fail.

    Args:
        number: Whatever.
    """
    raise PermissionError(number)


@workflow
async def shout(run: Run, text: str) -> str:
    return text.upper()


@workflow(tools=[find_order, cancel_order, broken])
async def every_kind(run: Run[World], order: str) -> str:
    await run.now()
    log.warning("in the workflow")
    found, _ = await run.gather(run.call(find_order, order), run.call(find_order, "2"))
    result = await run.agent(goal="Look the order up.", tools=[find_order], input=f"order {order}")
    loud = await run.child(shout, str(result.output))
    await run.call(cancel_order, order)
    return f"{found['state']} {loud}"


@workflow(tools=[broken])
async def fails(run: Run[World], order: str) -> str:
    return await run.call(broken, order)


USAGE = Usage(120, 30, cache_read_tokens=100, cache_write_tokens=10, reasoning_tokens=20)


def model() -> ScriptedModel:
    """Return a model that looks an order up, then answers."""
    look = Message("assistant", (ToolCallPart("call-1", "find_order", {"number": "1"}),))
    say = Message("assistant", (TextPart("it was sent"),))
    return ScriptedModel(
        lambda request: (
            ModelResponse(say, USAGE, model="small-2", provider="acme", response_id="r2")
            if any(message.role == "assistant" for message in request.messages)
            else ModelResponse(
                look, USAGE, FinishReason.TOOL_CALLS, "small-2", "acme", response_id="r1"
            )
        ),
        name="acme:small",
    )


def app(store: Store | str = "sqlite://:memory:", world: World | None = None) -> Stanchion:
    """Return an app that runs every kind of step."""
    roles = {"strong": model(), "fast": model()}
    return Stanchion(
        store,
        models=roles,
        deps=world or World(),
        workflows=[every_kind, fails, shout],
        settings=Settings(poll_seconds=0.02),
    )


async def run_all(app: Stanchion, order: str = "1", **options: Any) -> str:
    """Run a run with one step of each kind to its end, approving what is asked; return its id."""
    handle = await app.start(every_kind, order, initiator=Principal("ada"), **options)
    while (await handle.status()).state in ("running", "waiting"):
        for question in await app.reviews.pending(run=handle.id):
            await handle.answer(question.id, "approve", by="eve", comment="fine")
        await app.wait_for_change(handle.id)
    await handle.result()
    return handle.id


async def spans_of(store: Store, run: str) -> list[Span]:
    """Return a run's spans."""
    return [span async for span in SpanReader(store).of_run(run)]


def named(spans: Iterable[Span], name: str) -> Span:
    """Return the first span of a name."""
    return next(span for span in spans if span.name == name)
