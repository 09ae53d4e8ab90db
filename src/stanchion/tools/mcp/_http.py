"""Streamable HTTP to one origin, its answers bounded.

The wrapper around the SDK's client that pins the origin, adds the credentials, counts bytes, and
notes for each call what came back. A failed connection becomes an answer of the SDK's own kind, so
that one lost request doesn't end the session of all others.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
from mcp.client.streamable_http import streamable_http_client

from stanchion.tools.mcp._heard import HEARD, Heard
from stanchion.tools.mcp._where import Headers, HttpServer

__all__ = ["http_streams"]


class _CutOff(httpx2.StreamError):
    """An answer was larger than the limit, or broke off."""


@asynccontextmanager
async def http_streams(server: HttpServer, max_bytes: int) -> AsyncGenerator[tuple[Any, Any]]:
    """Yield what the session reads and writes."""
    transport = _Bounded(server, max_bytes)
    async with (
        httpx2.AsyncClient(transport=transport, trust_env=False, timeout=None) as client,
        streamable_http_client(
            server.url, http_client=client, max_sse_event_size=max_bytes
        ) as streams,
    ):
        yield streams


class _Bounded(httpx2.AsyncBaseTransport):
    def __init__(self, server: HttpServer, max_bytes: int) -> None:
        self._origin = _origin(httpx2.URL(server.url))
        self._headers = server.headers
        self._max_bytes = max_bytes
        self._inner = httpx2.AsyncHTTPTransport()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        heard = HEARD.get() or Heard()
        if _origin(request.url) != self._origin:
            heard.unreached = True
            return httpx2.Response(502, request=request)
        request.headers.update(await _given(self._headers))
        request.headers["accept-encoding"] = "identity"  # what is counted is what is held
        try:
            response = await self._inner.handle_async_request(request)
        except (httpx2.ConnectError, httpx2.ConnectTimeout):
            heard.unreached = True
            return httpx2.Response(502, request=request)
        except httpx2.TransportError:
            return httpx2.Response(502, request=request)
        heard.status = response.status_code
        heard.headers = {name.lower(): value for name, value in response.headers.items()}
        if "content-encoding" in response.headers:
            await response.aclose()
            heard.too_large = True
            return httpx2.Response(502, request=request)
        limit = self._max_bytes if request.method == "POST" else None
        response.stream = _Counted(response.stream, limit, heard)
        return response

    async def aclose(self) -> None:
        await self._inner.aclose()


class _Counted(httpx2.AsyncByteStream):
    """A body that ends with an error at the limit. Without a limit it is a stream of events."""

    def __init__(self, inner: Any, limit: int | None, heard: Heard) -> None:
        self._inner = inner
        self._limit = limit
        self._heard = heard

    async def __aiter__(self) -> AsyncIterator[bytes]:
        read = 0
        try:
            async for chunk in self._inner:
                read += len(chunk)
                if self._limit is not None and read > self._limit:
                    self._heard.too_large = True
                    raise _CutOff("the answer is too large")
                yield chunk
        except httpx2.TransportError as error:
            raise _CutOff("the answer broke off") from error

    async def aclose(self) -> None:
        await self._inner.aclose()


def _origin(url: httpx2.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


async def _given(headers: Headers) -> dict[str, str]:
    found = headers() if callable(headers) else headers
    return dict(await found if inspect.isawaitable(found) else found)
