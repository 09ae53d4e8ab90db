"""A cancelled run cuts what only reads, at once, and tells a body that runs in a thread."""

from __future__ import annotations

import asyncio
import threading
from datetime import timedelta
from typing import Any

import pytest

from stanchion import CallContext, Run, tool, workflow
from stanchion.ledger import Message, NewRun, open_store, payload
from stanchion.models import ModelRequest, ModelResponse
from stanchion.workflows import Host, Incarnation, Workflow, Workflows, advance


class World:
    """What a body has begun and seen."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.told = threading.Event()


@tool(read=True, timeout=timedelta(seconds=60))
def look(call: CallContext[World]) -> str:
    """Look for long, in a thread."""
    call.heartbeat({"seen": 1})
    call.deps.begun.set()
    if call.cancelled.wait(30):
        call.deps.told.set()
    return "seen"


@workflow(tools=[look])
async def by_tool(run: Run[World], _: str) -> str:
    return await run.call(look)


@workflow(tools=[look])
async def in_a_branch(run: Run[World], _: str) -> str:
    return (await run.gather(run.call(look), run.sleep(3600)))[0]


@workflow
async def by_function(run: Run[World], _: str) -> str:
    async def wait() -> str:
        run.deps.begun.set()
        return await asyncio.Future[str]()

    return await run.read(wait)


@workflow
async def by_model(run: Run[World], _: str) -> str:
    return str((await run.agent(goal="Wait.", tools=[])).output)


class Slow:
    """A model that never answers."""

    name = "slow"
    real = False

    def __init__(self, world: World) -> None:
        self.world = world

    async def complete(self, request: ModelRequest) -> ModelResponse:
        del request
        self.world.begun.set()
        return await asyncio.Future[ModelResponse]()


@pytest.mark.parametrize(
    "definition", [by_tool, in_a_branch, by_function, by_model], ids=lambda d: d.name
)
async def test_a_run_that_is_cancelled_while_it_reads_ends_at_once(
    definition: Workflow[Any, Any, Any],
) -> None:
    world, store = World(), open_store("sqlite://:memory:")
    await store.create(NewRun("run", definition.name, definition.version, payload("x")))
    host = Host(
        store, Workflows([definition]), "worker", models={"strong": Slow(world)}, deps=world
    )
    incarnations: list[Incarnation] = []
    moving = asyncio.create_task(advance(host, "run", watch=incarnations.append))
    assert await asyncio.to_thread(world.begun.wait, 5)
    progress = dict(incarnations[0].progress())
    await store.send(Message("run", "", "cancel", payload({"by": "me"}), "cancel"))
    await incarnations[0].poke()
    await incarnations[0].poke()
    async with asyncio.timeout(5):
        record = await moving
    await store.close()

    assert record is not None
    assert record.state == "cancelled"
    if look in definition.tools:
        assert list(progress.values()) == [{"seen": 1}]
        assert await asyncio.to_thread(world.told.wait, 5)
