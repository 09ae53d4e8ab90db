"""The protocol's side of served tools, with the official SDK: the only file that knows it here."""

from __future__ import annotations

import hmac
import json
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import nullcontext
from typing import Any, TypeAlias, cast

import mcp_types as types
import uvicorn
from mcp.server import Server, ServerRequestContext
from mcp.server.stdio import stdio_server

import stanchion
from stanchion.integrations._served import Answer, ServedTools
from stanchion.tools import Contract, calling, render_error

__all__ = ["asgi", "serve_http", "serve_stdio"]

KEY = "stanchion/idempotency-key"
"""Where in ``_meta`` a caller may put a key of its own: the same key is the same call."""

RUN = "stanchion/run"
"""Where a run of the same store that calls says which it is, and is told which run the call is."""

CIRCLE = "stanchion/circle"
"""Where it is told by which rule none was started: runs call each other."""

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Asgi: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]


async def serve_stdio(served: ServedTools) -> None:
    """Serve one client until it closes our input."""
    server = _server(served)
    async with stdio_server() as (read, write):
        await server.run(read, write, server.create_initialization_options())


async def serve_http(served: ServedTools, host: str, port: int, token: str) -> None:
    """Serve until cancelled."""
    config = uvicorn.Config(asgi(served, host, token), host=host, port=port, log_level="warning")
    await uvicorn.Server(config).serve()


def asgi(served: ServedTools, host: str, token: str) -> Asgi:
    """Return the ASGI app; every call stands alone, so that any process may answer the next."""
    app = _server(served).streamable_http_app(host=host, stateless_http=True, json_response=True)
    return _guarded(cast("Asgi", app), token) if token else cast("Asgi", app)


def _server(served: ServedTools) -> Server[Any]:
    listed = [_described(tool.contract) for tool in served.tools.values()]

    async def list_tools(
        _: ServerRequestContext[Any], __: types.PaginatedRequestParams | None
    ) -> types.ListToolsResult:
        return types.ListToolsResult(tools=listed)

    async def call_tool(
        _: ServerRequestContext[Any], params: types.CallToolRequestParams
    ) -> types.CallToolResult:
        meta = cast("dict[str, Any]", params.meta or {})
        key = str(meta.get(KEY, ""))[:200]
        run = str(meta.get(RUN, ""))[:200]
        with calling(run) if run else nullcontext():
            return _result(await served.call(params.name, params.arguments or {}, key=key))

    return Server(
        served.name,
        version=stanchion.__version__,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
    )


def _described(contract: Contract) -> types.Tool:
    """Describe a tool as a model would see it; the hints say what the operator declared."""
    hints = types.ToolAnnotations(
        read_only_hint=contract.effect == "read",
        destructive_hint=contract.irreversible,
        idempotent_hint=contract.accepts_key,
    )
    spec = contract.spec()
    return types.Tool(
        name=spec.name,
        description=spec.description,
        input_schema=dict(spec.parameters),
        annotations=hints,
    )


def _result(answer: Answer) -> types.CallToolResult:
    value = answer.value if answer.error is None else render_error(answer.error)
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return types.CallToolResult(
        content=[types.TextContent(type="text", text=text)],
        structured_content=value if isinstance(value, dict) else None,
        is_error=answer.error is not None,
        _meta={
            RUN: answer.run,
            "stanchion/reviews": list(answer.reviews),
            **({CIRCLE: answer.circle} if answer.circle else {}),
        },
    )


def _guarded(app: Asgi, token: str) -> Asgi:
    """Let only requests with the bearer token through."""
    wanted = f"Bearer {token}".encode()

    async def guard(scope: Scope, receive: Receive, send: Send) -> None:
        given = dict(scope.get("headers", ())).get(b"authorization", b"")
        if scope["type"] == "http" and not hmac.compare_digest(given, wanted):
            await send({"type": "http.response.start", "status": 401, "headers": []})
            await send({"type": "http.response.body", "body": b""})
            return
        await app(scope, receive, send)

    return guard
