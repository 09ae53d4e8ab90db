"""A request sent to the one server, and its answer read within bounds.

The only door out: it knows the hosts that may be reached, follows no redirect, takes no proxy from
the environment, and stops reading at the limit. What it raises about a write is evidence or none:
only what surely did nothing is ``NotPerformed``.
"""

from __future__ import annotations

import json
import ssl
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import httpx

from stanchion.tools._contract import Contract
from stanchion.tools._errors import unreachable
from stanchion.tools._http_errors import HttpFailure, refused_by_status, translate_status
from stanchion.tools._outcomes import BadResult, NotPerformed
from stanchion.tools.openapi._request import Written

__all__ = ["Server", "send"]

MAX_ERROR_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Server:
    """Where an imported API is, and what else may be reached on its behalf."""

    base: httpx.URL
    egress: frozenset[str]
    """Hosts beside the server's own that its credentials' flow may reach."""


async def send(
    server: Server, written: Written, contract: Contract, auth: httpx.Auth | None
) -> Any:
    """Send a request and return the decoded answer of a success, None for an empty one."""
    url = server.base.copy_with(
        raw_path=server.base.raw_path.rstrip(b"/") + written.target.encode()
    )
    headers = {**written.headers, "accept": "application/json, text/*;q=0.5"}
    headers["accept-encoding"] = "identity"  # what is counted is what is held
    async with httpx.AsyncClient(
        transport=_Pinned(server),
        auth=auth,
        trust_env=False,
        timeout=contract.timeout.total_seconds(),
    ) as client:
        try:
            request = client.build_request(
                written.method, url, headers=headers, content=written.content
            )
            response = await client.send(request, stream=True)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise NotPerformed(unreachable()) from error
        try:
            return await _answer(response, contract)
        finally:
            await response.aclose()


async def _answer(response: httpx.Response, contract: Contract) -> Any:
    if response.is_success:
        data = await _read(response, contract.max_result_bytes)
        return _decoded(data, response.headers.get("content-type", ""), contract)
    body = await _read_error(response)
    failure = HttpFailure(response.status_code, _lower(response), body)
    if contract.effect == "read" or refused_by_status(failure.status, contract):
        raise NotPerformed(translate_status(failure, contract))
    raise httpx.HTTPStatusError(
        f"status {response.status_code}", request=response.request, response=response
    )


async def _read(response: httpx.Response, limit: int) -> bytes:
    if response.headers.get("content-encoding", "identity") != "identity":
        raise BadResult("the answer is compressed, which wasn't asked for")
    data = bytearray()
    async for chunk in response.aiter_raw():
        data += chunk
        if len(data) > limit:
            raise BadResult(f"the answer has more than {limit:,} bytes", too_large=True)
    return bytes(data)


async def _read_error(response: httpx.Response) -> Any:
    try:
        return json.loads(await _read(response, MAX_ERROR_BYTES))
    except (BadResult, ValueError, RecursionError, httpx.StreamError, httpx.TransportError):
        return None


def _decoded(data: bytes, content_type: str, contract: Contract) -> Any:
    if not data:
        return None
    try:
        plain = content_type.split(";", 1)[0].strip().lower()
        if plain == "application/json" or plain.endswith("+json"):
            return json.loads(data)
        if plain.startswith("text/"):
            return data.decode()
    except (ValueError, RecursionError) as error:
        raise BadResult(f"{contract.name} answered with what isn't its media type") from error
    raise BadResult(f"{contract.name} answered with neither JSON nor text")


def _lower(response: httpx.Response) -> dict[str, str]:
    return {name.lower(): value for name, value in response.headers.items()}


class _Pinned(httpx.AsyncBaseTransport):
    """Reaches the server's own origin and the hosts listed, nothing else."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._inner = httpx.AsyncHTTPTransport(verify=_tls())

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        base, url = self._server.base, request.url
        own = (url.scheme, url.host, url.port) == (base.scheme, base.host, base.port)
        if not own and not (url.scheme == "https" and url.host in self._server.egress):
            raise httpx.ConnectError("this host isn't on the server's egress list")
        return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        await self._inner.aclose()


@lru_cache(maxsize=1)
def _tls() -> ssl.SSLContext:
    """Return the context that every client shares: making one takes 10 ms and more."""
    return httpx.create_ssl_context()
