"""One connection to a server: a session in a task of its own, and what it says its tools are.

The SDK's session must be left by the task that entered it, so a task holds it for as long as the
connection lasts. Whoever calls waits in a task of its own, and is woken with an error when the
connection ends.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import Any

import mcp_types as types
from mcp import Client
from pydantic import TypeAdapter

from stanchion.tools.mcp._heard import Heard
from stanchion.tools.mcp._http import http_streams
from stanchion.tools.mcp._manifest import Manifest
from stanchion.tools.mcp._stdio import stdio_streams
from stanchion.tools.mcp._where import HttpServer, StdioServer

__all__ = ["Answer", "Connection"]

OPEN_WITHIN_S = 30.0
MAX_PAGES = 100

Answer = types.CallToolResult | types.InputRequiredResult
_ANSWER: TypeAdapter[Any] = TypeAdapter(Answer)

_log = logging.getLogger("stanchion.tools")


class Connection:
    """A session that is open, opening or over."""

    def __init__(self, where: StdioServer | HttpServer, max_bytes: int) -> None:
        self.heard = Heard()
        self.in_flight = 0
        self.suspect = False
        """A call went without an answer: to be replaced as soon as no call is in flight."""
        self.manifest = Manifest({})
        self._looked_at = 0.0
        self._streams = _streams(where, self.heard, max_bytes)
        self._stop = asyncio.Event()
        self._ready: asyncio.Future[Client] = asyncio.get_running_loop().create_future()
        # An empty context: what the first caller's task carries isn't this session's.
        self._task = asyncio.create_task(self._live(), context=contextvars.Context())

    @property
    def is_over(self) -> bool:
        """Whether nothing can be sent any more."""
        return self._task.done() or self.heard.ended

    async def ready(self, fresh_for: timedelta | None = None) -> None:
        """Wait until it is open; look at its tools if the last look was longer ago than this.

        Raises what kept it from opening or from being looked at.
        """
        await asyncio.shield(self._ready)
        age = asyncio.get_running_loop().time() - self._looked_at
        if fresh_for is not None and age > fresh_for.total_seconds():
            await self.look()

    async def call(self, name: str, arguments: dict[str, Any], meta: dict[str, Any]) -> Answer:
        """Make one call. Raises MCPError, or pydantic.ValidationError for what is no answer."""
        client = await asyncio.shield(self._ready)
        params = types.CallToolRequestParams(name=name, arguments=arguments, _meta=meta or None)  # pyright: ignore[reportArgumentType]
        # Not client.call_tool: that would check the answer with the server's schema of today,
        # in unbounded time, and answer what the server asks for.
        return await client.session.send_request(types.CallToolRequest(params=params), _ANSWER)

    async def look(self) -> None:
        """Read anew what the server says its tools are."""
        client = await asyncio.shield(self._ready)
        self.manifest = await _manifest(client)
        self._looked_at = asyncio.get_running_loop().time()

    def end(self) -> None:
        """Let it end, the server's process included."""
        self.heard.ended = True
        self._stop.set()
        if not self._ready.done():
            self._task.cancel()

    async def close(self) -> None:
        """End it and wait until it has ended."""
        self.end()
        await asyncio.wait({self._task})

    async def _live(self) -> None:
        try:
            async with asyncio.timeout(OPEN_WITHIN_S) as opening:
                async with Client(self._streams, cache=None, message_handler=self._hear) as client:
                    self.manifest = await _manifest(client)
                    self._looked_at = asyncio.get_running_loop().time()
                    opening.reschedule(None)
                    self._ready.set_result(client)
                    await self._stop.wait()
        except Exception as error:  # noqa: BLE001 - the task's boundary: whoever waits gets it
            self._fail(error)
        except BaseExceptionGroup as error:
            self._fail(error)
        finally:
            self.heard.ended = True
            if not self._ready.done():
                self._ready.set_exception(ConnectionError("the session was never opened"))
                self._ready.exception()  # taken note of, should nobody wait

    def _fail(self, error: BaseException) -> None:
        if self._stop.is_set():
            return
        if self._ready.done():
            _log.warning("the connection to an MCP server ended", exc_info=error)
        else:
            self._ready.set_exception(ConnectionError(f"no session: {type(error).__name__}"))
            self._ready.exception()
            _log.warning("an MCP server could not be reached", exc_info=error)

    async def _hear(self, message: Any) -> None:
        if isinstance(message, types.ToolListChangedNotification):
            self._looked_at = float("-inf")


def _streams(
    where: StdioServer | HttpServer, heard: Heard, max_bytes: int
) -> AbstractAsyncContextManager[Any]:
    if isinstance(where, StdioServer):
        return stdio_streams(where, heard, max_bytes)
    return http_streams(where, max_bytes)


async def _manifest(client: Client) -> Manifest:
    listed: list[dict[str, Any]] = []
    cursor: str | None = None
    for _ in range(MAX_PAGES):
        page = await client.session.list_tools(params=types.PaginatedRequestParams(cursor=cursor))
        listed += [
            each.model_dump(by_alias=True, mode="json", exclude_none=True) for each in page.tools
        ]
        cursor = page.next_cursor
        if cursor is None:
            break
    return Manifest.of(listed)
