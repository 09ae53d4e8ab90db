"""Signs of life: a body that falls silent is ended early, one that beats isn't."""

from __future__ import annotations

import asyncio
import threading
from datetime import timedelta
from typing import Any

import pytest

from stanchion.errors import ContractError
from stanchion.tools import CallContext, Tool, execute_body, perform, render_error, tool
from stanchion.values import ToolCall
from tests.tools.bank import context

SHORT = timedelta(milliseconds=40)
LONG = timedelta(seconds=20)
PAUSE_SECONDS = 0.01


async def run(which: Tool[..., Any], given: CallContext[Any]) -> Any:
    return await execute_body(which, ToolCall(which.name, {}), given)


async def pause() -> None:
    """Do nothing for a moment, as a slow target does."""
    await asyncio.wait([asyncio.ensure_future(asyncio.Event().wait())], timeout=PAUSE_SECONDS)


@pytest.mark.promise("TOOL-6")
async def test_a_body_that_falls_silent_is_ended_before_its_time_limit() -> None:
    @tool(read=True, heartbeat=SHORT, timeout=LONG)
    async def index(call: CallContext[None]) -> str:
        """Index the documents."""
        call.heartbeat({"done": 1})
        await asyncio.Event().wait()
        return "indexed"

    given = context()
    async with asyncio.timeout(5):
        result = await perform(index, ToolCall("index", {}), given)

    assert result.error is not None
    assert render_error(result.error)["detail"] == "no sign of life for 0.04 seconds"
    assert given.progress == {"done": 1}
    assert given.cancelled.is_set()


@pytest.mark.promise("TOOL-6")
async def test_a_body_that_beats_may_take_longer_than_it_may_be_silent() -> None:
    @tool(read=True, heartbeat=SHORT, timeout=LONG)
    async def index(call: CallContext[None]) -> str:
        """Index the documents."""
        for done in range(10):
            call.heartbeat({"done": done})
            await pause()
        return "indexed"

    given = context()
    assert await run(index, given) == "indexed"
    assert given.progress == {"done": 9}
    assert not given.cancelled.is_set()


@pytest.mark.promise("TOOL-6")
async def test_beats_dont_prolong_the_time_limit() -> None:
    @tool(read=True, heartbeat=SHORT, timeout=SHORT * 3)
    async def index(call: CallContext[None]) -> str:
        """Index the documents."""
        while True:
            call.heartbeat()
            await pause()

    async with asyncio.timeout(5):
        with pytest.raises(TimeoutError):
            await run(index, context())


async def test_a_time_out_of_the_bodys_own_isnt_taken_for_silence() -> None:
    @tool(read=True, heartbeat=LONG, timeout=LONG * 2)
    async def index(call: CallContext[None]) -> str:
        """Index the documents."""
        call.heartbeat()
        raise TimeoutError("mine")

    with pytest.raises(TimeoutError, match="mine"):
        await run(index, context())


@pytest.mark.promise("TOOL-6")
async def test_a_thread_beats_too_and_can_see_that_nobody_waits_any_more() -> None:
    beats, ended = threading.Event(), threading.Event()

    @tool(read=True, heartbeat=SHORT, timeout=LONG)
    def index(call: CallContext[None]) -> str:
        """Index the documents."""
        for _ in range(10):
            call.heartbeat()
            beats.wait(PAUSE_SECONDS)
        call.cancelled.wait(10)  # falls silent here
        ended.set()
        return "indexed"

    async with asyncio.timeout(5):
        with pytest.raises(TimeoutError, match="no sign of life"):
            await run(index, context())
    assert await asyncio.to_thread(ended.wait, 5)


@pytest.mark.parametrize(
    "said", [{"heartbeat": timedelta(0)}, {"heartbeat": LONG, "timeout": LONG}], ids=str
)
def test_a_heartbeat_that_means_nothing_is_refused(said: dict[str, Any]) -> None:
    async def index(call: CallContext[None]) -> str:
        """Index the documents."""
        return str(call.progress)

    with pytest.raises(ContractError, match="heartbeat"):
        tool(read=True, **said)(index)


def test_a_heartbeat_of_a_body_that_can_not_beat_is_refused() -> None:
    async def index() -> str:
        """Index the documents."""
        return ""

    with pytest.raises(ContractError, match="no CallContext"):
        tool(read=True, heartbeat=SHORT)(index)
