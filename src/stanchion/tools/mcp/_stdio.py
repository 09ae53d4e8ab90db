"""A server's process, its lines bounded.

The SDK's own transport holds a line of any length. Here a line over the limit ends the connection,
and so does the end of the output: the session sees a closed stream and every call in flight fails.
"""

from __future__ import annotations

import asyncio
import os
import signal
from asyncio.subprocess import SubprocessStreamProtocol
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from typing import Any

import anyio
from mcp.client.stdio import get_default_environment
from mcp.shared.message import SessionMessage
from mcp_types import jsonrpc_message_adapter

from stanchion.tools.mcp._heard import Heard
from stanchion.tools.mcp._where import StdioServer

__all__ = ["stdio_streams"]

STOP_AFTER_S = 1.0


@asynccontextmanager
async def stdio_streams(
    server: StdioServer, connection: Heard, max_bytes: int
) -> AsyncGenerator[tuple[Any, Any]]:
    """Start the program and yield what the session reads and writes."""
    loop = asyncio.get_running_loop()
    transport, pipes = await loop.subprocess_exec(
        lambda: _Pipes(max_bytes, loop),
        server.command,
        *server.args,
        stderr=None if server.show_stderr else asyncio.subprocess.DEVNULL,
        env={**get_default_environment(), **server.env},
        cwd=server.cwd,
        start_new_session=True,
    )
    to_session, read_stream = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    write_stream, from_session = anyio.create_memory_object_stream[SessionMessage](0)

    async def read() -> None:
        async with to_session:
            with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
                async for line in _lines(pipes.stdout, connection):
                    await to_session.send(_message(line))
            connection.ended = True

    async def write() -> None:
        async with from_session:
            async for message in from_session:
                data = message.message.model_dump_json(by_alias=True, exclude_unset=True)
                try:
                    await _write_line(pipes.stdin, data.encode())
                except OSError:
                    connection.ended = True
                    await to_session.aclose()

    async with anyio.create_task_group() as group:
        group.start_soon(read)
        group.start_soon(write)
        try:
            yield read_stream, write_stream
        finally:
            connection.ended = True
            with anyio.CancelScope(shield=True):
                await _stop(transport, pipes.exited)
            for stream in (to_session, read_stream, write_stream, from_session):
                await stream.aclose()
            group.cancel_scope.cancel()


async def _lines(stdout: asyncio.StreamReader | None, connection: Heard) -> AsyncGenerator[bytes]:
    while stdout is not None:
        try:
            yield await stdout.readuntil(b"\n")
        except asyncio.IncompleteReadError:
            return
        except asyncio.LimitOverrunError:
            connection.too_large = True
            return


def _message(line: bytes) -> SessionMessage | Exception:
    try:
        return SessionMessage(jsonrpc_message_adapter.validate_json(line, by_name=False))
    except ValueError as error:
        return error


async def _write_line(stdin: asyncio.StreamWriter | None, data: bytes) -> None:
    if stdin is not None:
        stdin.write(data + b"\n")
        await stdin.drain()


async def _stop(transport: asyncio.SubprocessTransport, exited: asyncio.Event) -> None:
    """Close its input, then terminate and at last kill it with all that it started."""
    if (stdin := transport.get_pipe_transport(0)) is not None:
        stdin.close()
    for sign in (signal.SIGTERM, signal.SIGKILL):
        with suppress(TimeoutError):
            await asyncio.wait_for(exited.wait(), STOP_AFTER_S)
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(transport.get_pid(), sign)
        if exited.is_set():
            break
    with suppress(TimeoutError):
        await asyncio.wait_for(exited.wait(), STOP_AFTER_S)
    with suppress(PermissionError):
        transport.close()


class _Pipes(SubprocessStreamProtocol):
    """Tells of the program's exit alone: what it started may hold its output open for longer."""

    def __init__(self, max_bytes: int, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(limit=max_bytes, loop=loop)
        self.exited = asyncio.Event()

    def process_exited(self) -> None:
        super().process_exited()
        self.exited.set()
