"""Connections on demand: opened by the first call, replaced when they are over, closed at the end.

Every event loop has its own. One that left a call hanging is replaced once it serves no other.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from weakref import WeakKeyDictionary

from stanchion.tools.mcp._connection import Connection
from stanchion.tools.mcp._where import HttpServer, StdioServer

__all__ = ["Sessions"]


class Sessions:
    """The connections to one server."""

    def __init__(self, where: StdioServer | HttpServer, max_bytes: int) -> None:
        self._where = where
        self._max_bytes = max_bytes
        self._open: WeakKeyDictionary[asyncio.AbstractEventLoop, Connection] = WeakKeyDictionary()

    @asynccontextmanager
    async def connection(self) -> AsyncGenerator[Connection]:
        """Yield the connection to use, which may still be opening."""
        current = self._current()
        current.in_flight += 1
        try:
            yield current
        except asyncio.CancelledError:  # a call's time is up, and nothing came
            current.suspect = True
            raise
        finally:
            current.in_flight -= 1

    async def aclose(self) -> None:
        """Close this loop's connection; the next call opens another."""
        current = self._open.pop(asyncio.get_running_loop(), None)
        if current is not None:
            await current.close()

    def _current(self) -> Connection:
        """Return the connection to use: another one if the last is over or left a call hanging."""
        loop = asyncio.get_running_loop()
        current = self._open.get(loop)
        if current is not None and not current.is_over:
            if not current.suspect or current.in_flight:
                return current
            current.end()
        current = self._open[loop] = Connection(self._where, self._max_bytes)
        return current
